"""How much memory this process holds."""

import os
from typing import Any

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def resident_bytes() -> int | None:
    """Resident memory of this process; None where the system does not tell cheaply."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return None


def readings(device: Any) -> dict[str, float | None]:
    """The memory points of a step: resident bytes, and on a GPU what torch holds there."""
    values: dict[str, float | None] = {"train/memory_bytes": resident_bytes()}
    if device.type == "cuda":
        import torch

        values["train/gpu_memory_bytes"] = float(torch.cuda.memory_allocated(device))
        values["train/gpu_memory_reserved_bytes"] = float(torch.cuda.memory_reserved(device))
    return values
