"""Apple's GPUs through the system's own registry (`ioreg`), which needs no rights and no library.

It tells utilization and memory in use. Temperature, power and fans need an administrator (powermetrics) and stay
unknown; memory is shared with the processor, so its total is the machine's.
"""

import plistlib
import subprocess
import sys
import time
from typing import Any

from backend.contract.resources import GpuReading
from backend.telemetry.host import memory_total

COMMAND = ("/usr/sbin/ioreg", "-a", "-r", "-d", "1", "-w", "0", "-c", "IOAccelerator")
DEADLINE_S = 2.0
EVERY_S = 0.9
"""Each reading starts a program, so there is about one a second at most."""


class AppleProbe:
    """Every accelerator the registry lists."""

    vendor = "apple"

    def __init__(self, command: tuple[str, ...] = COMMAND, platform: str = sys.platform) -> None:
        self._command, self._platform = command, platform
        self._taken: tuple[float, list[GpuReading]] = (-EVERY_S, [])
        self._told = False

    def open(self) -> str | None:
        """Empty away from macOS: there is nothing of Apple here."""
        if self._platform != "darwin":
            return ""
        return None if self._look() else "The system's registry lists no GPU (ioreg -c IOAccelerator)."

    def close(self) -> None:
        """Nothing is held."""

    def read(self) -> list[GpuReading]:
        taken_at, cards = self._taken
        if time.monotonic() - taken_at >= EVERY_S:
            cards = self._look()
            self._taken = (time.monotonic(), cards)
        return cards

    def _look(self) -> list[GpuReading]:
        try:
            done = subprocess.run(self._command, capture_output=True, timeout=DEADLINE_S, check=True)
            return cards_of(done.stdout, memory_total())
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            if not self._told:
                self._told = True
                print(f"apple: {error}", file=sys.stderr, flush=True)
            return []


def cards_of(listing: bytes, memory: int | None) -> list[GpuReading]:
    """The cards in what ioreg printed; ValueError when it is no property list."""
    try:
        found = plistlib.loads(listing) if listing.strip() else []
    except Exception as error:  # expat, plistlib and dates raise each their own
        raise ValueError(f"ioreg printed no property list: {error}") from error
    if not isinstance(found, list):
        raise ValueError("ioreg printed no list of accelerators")
    with_figures = [entry for entry in found if isinstance(entry, dict) and "PerformanceStatistics" in entry]
    return [_card(index, entry, memory) for index, entry in enumerate(with_figures)]


def _card(index: int, entry: dict[str, Any], memory: int | None) -> GpuReading:
    figures = entry["PerformanceStatistics"]
    used, total = _number(figures, "In use system memory"), memory
    if "vramUsedBytes" in figures:  # a card with memory of its own, as in older machines
        used, free = _number(figures, "vramUsedBytes"), _number(figures, "vramFreeBytes")
        total = None if used is None or free is None else int(used + free)
    load = _number(figures, "Device Utilization %", "GPU Activity(%)", "GPU Core Utilization")
    return GpuReading(
        index=index,
        vendor="apple",
        name=_name(entry),
        uuid=f"apple-{entry['IORegistryEntryID']}" if "IORegistryEntryID" in entry else None,
        utilization_percent=load,
        memory_used_bytes=None if used is None else int(used),
        memory_total_bytes=total,
    )


def _name(entry: dict[str, Any]) -> str:
    model = entry.get("model")
    text = model.rstrip(b"\0").decode("utf-8", "replace") if isinstance(model, bytes) else model
    name = text if isinstance(text, str) and text else "Apple GPU"
    cores = entry.get("gpu-core-count")
    return f"{name} ({cores} cores)" if isinstance(cores, int) else name


def _number(figures: dict[str, Any], *names: str) -> float | None:
    """The first of these that is there; unknown stays None."""
    found = (figures[name] for name in names if isinstance(figures.get(name), int | float))
    return next((float(value) for value in found), None)
