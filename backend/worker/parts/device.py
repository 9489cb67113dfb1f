"""Where a run computes and how exactly: device, precision, threads. choose_card() must run before torch is imported."""

import glob
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backend.contract.states import FailureCode
from backend.worker.parts.failure import RunFailed

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Place:
    """What was resolved: device name for people ("cpu", "cuda:0", "mps"), torch device, precision, CPU threads."""

    name: str
    device: "torch.device"
    precision: str  # fp32, bf16, fp16
    threads: int


def choose_card(wanted: str) -> None:
    """Let torch see one card only: the Trainer would otherwise split every batch over all of them."""
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # the order in which NVML counts
    found = re.fullmatch(r"cuda:(\d+)", wanted)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    cards = visible.split(",") if visible else [str(index) for index in range(64)]
    index = int(found[1]) if found else 0
    if wanted in ("auto", "cuda") or found:
        os.environ["CUDA_VISIBLE_DEVICES"] = cards[index] if index < len(cards) else "-1"
    else:
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"


def resolve(wanted: str, precision: str, threads: int) -> Place:
    """Find the device, or refuse it by name; set torch's threads. Raises RunFailed (settings)."""
    import torch

    available = ["cpu"]
    if torch.cuda.is_available():
        available.append(wanted if wanted.startswith("cuda:") else "cuda:0")
    if torch.backends.mps.is_available():
        available.append("mps")
    name = {"auto": available[1] if len(available) > 1 else "cpu", "cuda": "cuda:0"}.get(wanted, wanted)
    if name not in available:
        cards = len(glob.glob("/dev/nvidia[0-9]*"))
        there = f"cpu{f' and {cards} NVIDIA cards' if cards else ' only'}"
        raise RunFailed(
            FailureCode.SETTINGS,
            f"There is no device {wanted} here.",
            f"This machine has {there}; choose auto or cpu.",
            field="device",
        )
    device = torch.device("cuda:0" if name.startswith("cuda") else name)
    count = threads or default_threads()
    torch.set_num_threads(count)
    return Place(name, device, _precision(precision, device), count)


def default_threads() -> int:
    """All cores this process may use but one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return max(1, cores - 1)


def _precision(wanted: str, device: "torch.device") -> str:
    import torch

    if wanted == "auto":
        return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if wanted == "fp16" and device.type != "cuda":
        raise RunFailed(
            FailureCode.SETTINGS,
            f"fp16 does not train on {device.type}.",
            "Choose auto, fp32 or bf16.",
            field="precision",
        )
    if wanted == "bf16":
        try:  # ask the hardware, do not assume
            with torch.autocast(device.type, dtype=torch.bfloat16):
                torch.ones(8, 8, device=device) @ torch.ones(8, 8, device=device)
        except RuntimeError as error:
            raise RunFailed(
                FailureCode.SETTINGS,
                f"bf16 does not run on {device.type} here ({error}).",
                "Choose fp32.",
                field="precision",
            ) from error
    return wanted
