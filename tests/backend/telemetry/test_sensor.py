"""The sensor child and its handle: samples, deadlines, deaths, and its end with the daemon."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.contract.resources import GpuReading
from backend.telemetry.child import SensorChild, SensorEnded
from backend.telemetry.sensor import _numbered
from tests.helpers.nvml import Stub


def test_samples_of_cards_and_host(stub: Stub, tmp_path: Path) -> None:
    child = SensorChild(tmp_path, 10, env=stub.env())
    try:
        first, second = child.next(30), child.next(30)
    finally:
        child.close()
    assert first is not None
    assert second is not None
    assert [card.name for card in first.gpus] == ["Stub RTX 4000", "Stub RTX 5000"]
    assert second.host.cpu_percent is not None
    assert second.gpu_problem is None
    assert second.taken_at > first.taken_at


def test_skipped_cards_leave_the_host(stub: Stub, tmp_path: Path) -> None:
    stub.set("crash")
    child = SensorChild(tmp_path, 10, skip=["nvidia"], env=stub.env())
    try:
        sample = child.next(30)
    finally:
        child.close()
    assert sample is not None
    assert sample.gpus == ()
    assert sample.host.memory_total_bytes


def test_a_crash_is_told_with_its_signal_and_a_hang_by_the_deadline(stub: Stub, tmp_path: Path) -> None:
    child = SensorChild(tmp_path, 10, env=stub.env())
    try:
        assert child.next(30) is not None
        stub.set("hang")
        while child.next(1.0) is not None:
            pass
        assert child.next(0.1) is None  # it hangs; the handle does not
    finally:
        child.close()
    stub.set("crash")
    child = SensorChild(tmp_path, 10, env=stub.env())
    with pytest.raises(SensorEnded) as ended:
        child.next(30)
    child.close()
    assert ended.value.code == -11


def test_it_ends_with_its_standard_input_even_while_the_driver_hangs(stub: Stub, tmp_path: Path) -> None:
    stub.set("hang")
    command = [sys.executable, "-m", "backend.telemetry.sensor", "--folder", str(tmp_path)]
    process = subprocess.Popen(command, env=stub.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=30) == 0
    assert process.stdout is not None
    process.stdout.close()


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys, backend.telemetry.sensor;"
        "print(sorted({name.split('.')[0] for name in sys.modules} & set(sys.argv[1:])))"
    )
    heavy = ["torch", "transformers", "mlflow", "sqlalchemy", "fastapi", "numpy", "pandas"]
    done = subprocess.run(
        [sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "[]"


def test_cards_of_two_vendors_are_counted_through() -> None:
    cards = [GpuReading(index=0), GpuReading(index=1), GpuReading(index=0, vendor="other")]
    assert [card.index for card in _numbered(cards)] == [0, 1, 2]
