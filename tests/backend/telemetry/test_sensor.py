"""The sensor child and its handle: samples, deadlines, deaths, and its end with the daemon."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.contract.resources import GpuReading
from backend.telemetry.child import SensorChild, SensorEnded
from backend.telemetry.host import Host
from backend.telemetry.sensor import Sensor
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
    assert process.stdout is not None
    process.stdin.close()
    try:
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
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


class Vendor:
    """A vendor's cards as the test wants them."""

    def __init__(self, vendor: str, why: str | None = None, raises: str = "") -> None:
        self.vendor, self._why, self._raises = vendor, why, raises

    def open(self) -> str | None:
        if self._raises == "open":
            raise RuntimeError("broken")
        return self._why

    def read(self) -> list[GpuReading]:
        if self._raises == "read":
            raise RuntimeError("broken")
        return [GpuReading(index=0, vendor=self.vendor)]

    def close(self) -> None:
        """Nothing is held."""


@pytest.mark.parametrize("raises", ["open", "read"])
def test_a_broken_vendor_never_stops_the_others(
    tmp_path: Path, raises: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []
    sensor = Sensor(Host(tmp_path), [Vendor("one", raises=raises), Vendor("two")], told.append)
    sample = [sensor.sample(), sensor.sample()][-1]
    assert [card.vendor for card in sample.gpus] == ["two"]
    assert sample.host.memory_total_bytes
    assert told[:2] == ["one", "two"]
    assert raises == "open" or "one: RuntimeError: broken" in capsys.readouterr().err


def test_a_vendor_that_is_not_here_says_nothing(tmp_path: Path) -> None:
    sample = Sensor(Host(tmp_path), [Vendor("one", why=""), Vendor("two", why="No driver.")]).sample()
    assert (sample.gpus, sample.gpu_problem) == ((), "No driver.")
