"""The host reading: real numbers of this machine, null where the system hides them."""

import os
from pathlib import Path

import psutil
import pytest

from backend.telemetry.host import Host, _rate, process_name


def test_two_readings_of_this_machine(tmp_path: Path) -> None:
    host = Host(tmp_path)
    first, second = host.read(), host.read()
    assert first.cpu_percent is None  # a share needs two looks
    assert second.cpu_percent is not None
    assert 0 <= second.cpu_percent <= 100
    assert second.cpu_count == os.cpu_count()
    assert second.memory_total_bytes == psutil.virtual_memory().total
    assert 0 < (second.memory_used_bytes or 0) < (second.memory_total_bytes or 0)
    assert 0 < (second.disk_used_bytes or 0) <= (second.disk_total_bytes or 0)
    assert first.disk_read_bytes_per_s is None


def test_what_the_system_hides_is_null(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("hidden")

    for name in ("disk_io_counters", "net_io_counters", "virtual_memory", "disk_usage", "cpu_percent"):
        monkeypatch.setattr(psutil, name, refuse)
    host = Host(tmp_path)
    host.read()
    reading = host.read()
    assert reading.model_dump(exclude={"cpu_count"}, exclude_none=True) == {}


def test_a_rate_needs_time_and_a_counter_that_grew() -> None:
    assert _rate(300, 100, 2.0) == 100.0
    assert _rate(50, 100, 1.0) is None  # the counter began anew
    assert _rate(50, None, 1.0) is None
    assert _rate(50, 40, 0.0) is None


def test_names_of_processes() -> None:
    assert process_name(os.getpid())
    assert process_name(2**22 + 7) == ""
