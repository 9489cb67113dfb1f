"""The machine itself through psutil: processor, memory, the disk of the home folder, network."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from backend.contract.resources import HostReading


@dataclass(frozen=True, slots=True)
class _Counters:
    at: float
    disk_read: int | None
    disk_write: int | None
    net_in: int | None
    net_out: int | None


def _counters() -> _Counters:
    disk = _quiet(psutil.disk_io_counters)
    per_card = _quiet(lambda: psutil.net_io_counters(pernic=True)) or {}
    cards = [counters for name, counters in per_card.items() if not name.startswith("lo")]
    return _Counters(
        time.monotonic(),
        getattr(disk, "read_bytes", None),
        getattr(disk, "write_bytes", None),
        sum(card.bytes_recv for card in cards) if cards else None,
        sum(card.bytes_sent for card in cards) if cards else None,
    )


def _quiet(call: Any) -> Any:
    """The call's answer, or None where the system does not let us look (containers hide some files)."""
    try:
        return call()
    except (OSError, RuntimeError, NotImplementedError, psutil.Error):
        return None


def _rate(new: int | None, old: int | None, seconds: float) -> float | None:
    """Bytes a second; None at the first reading and when a counter was reset."""
    if new is None or old is None or seconds <= 0 or new < old:
        return None
    return (new - old) / seconds


class Host:
    """Reads the machine; rates are means since the last reading, so the first reading has none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last: _Counters | None = None
        _quiet(lambda: psutil.cpu_percent(None))  # the first call only sets the mark

    def read(self) -> HostReading:
        """One reading; what the system hides is None."""
        now, last = _counters(), self._last
        memory = _quiet(psutil.virtual_memory)
        disk = _quiet(lambda: psutil.disk_usage(str(self._folder)))
        seconds = now.at - last.at if last else 0.0
        reading = HostReading(
            cpu_percent=_quiet(lambda: psutil.cpu_percent(None)) if last else None,
            cpu_count=os.cpu_count(),
            memory_used_bytes=memory.total - memory.available if memory else None,
            memory_total_bytes=memory.total if memory else None,
            disk_used_bytes=disk.total - disk.free if disk else None,
            disk_total_bytes=disk.total if disk else None,
            disk_read_bytes_per_s=_rate(now.disk_read, last.disk_read if last else None, seconds),
            disk_write_bytes_per_s=_rate(now.disk_write, last.disk_write if last else None, seconds),
            net_in_bytes_per_s=_rate(now.net_in, last.net_in if last else None, seconds),
            net_out_bytes_per_s=_rate(now.net_out, last.net_out if last else None, seconds),
        )
        self._last = now
        return reading


def memory_total() -> int | None:
    """Bytes of the machine's memory; None when the system does not say."""
    return getattr(_quiet(psutil.virtual_memory), "total", None)


def process_name(pid: int) -> str:
    """The short name of a process; empty when it is gone or hidden."""
    return _quiet(lambda: psutil.Process(pid).name()) or ""
