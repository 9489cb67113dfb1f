"""The telemetry service with a real sensor on the NVML stub: normal, lost, hanging, crashing, absent; the host is
always seen."""

import os
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from backend.clock import SystemClock
from backend.contract.resources import TelemetrySample
from backend.services.telemetry import TelemetryService
from backend.store import Store
from backend.telemetry.retries import Retries
from tests.helpers.nvml import Stub, compile_stub
from tests.helpers.stores import make_store
from tests.helpers.wait import until


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_stub(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def stub(library: Path, tmp_path: Path) -> Stub:
    return Stub(library, tmp_path / "mode")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = make_store(tmp_path, SystemClock())
    opened.settings.change({"telemetry_hz": 10})
    yield opened
    opened.close()


class Running:
    """The service in its thread."""

    def __init__(
        self, store: Store, env: dict[str, str], *, retry_s: float = 0.5, owners: dict[int, str] | None = None
    ) -> None:
        self.service = TelemetryService(
            store,
            store.home,
            SystemClock(),
            owners=lambda: owners or {},
            deadline_s=0.6,
            retries=Retries(retry_s),
            env=env,
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.service.run, args=(self._stop,))

    def __enter__(self) -> "Running":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def sample(self) -> TelemetrySample:
        return until(self.service.latest, 30)

    def until(self, wanted: object, timeout: float = 30) -> TelemetrySample:
        """The first newest sample for which `wanted` holds."""
        until(lambda: wanted(self.sample()), timeout)  # type: ignore[operator]
        return self.sample()


def test_samples_are_stored_and_published_with_owners(store: Store, stub: Stub) -> None:
    with Running(store, stub.env(NVML_STUB_PID=str(os.getpid())), owners={os.getpid(): "run/r1"}) as running:
        sample = running.until(lambda sample: sample.host.cpu_percent is not None)
    assert [card.utilization_percent for card in sample.gpus] == [38.0, 39.0]
    assert [process.owner for card in sample.gpus for process in card.processes] == ["run/r1", "run/r1"]
    assert sample.gpu_problem is None
    assert store.telemetry.latest() is not None
    assert store.feed.since(0, ["telemetry"])[0].kind == "sampled"
    assert "gpu/1/power_w" in store.telemetry.history(60, 10).values


def test_the_owner_of_a_child_is_found_through_its_process_group(store: Store, stub: Stub) -> None:
    group = os.getpgid(0)
    with Running(store, stub.env(NVML_STUB_PID=str(os.getpid())), owners={group: "endpoint/sentiment"}) as running:
        sample = running.sample()
    assert sample.gpus[0].processes[0].owner == "endpoint/sentiment"


def test_a_lost_card_keeps_its_last_values_and_says_since_when(store: Store, stub: Stub) -> None:
    with Running(store, stub.env()) as running:
        running.sample()
        stub.set("lost")
        sample = running.until(lambda sample: sample.gpus[1].lost)
        assert sample.gpus[1].lost is not None
        assert sample.gpus[1].lost.startswith("GPU is lost since ")
        assert sample.gpus[1].power_w == 215.5
        assert sample.gpus[1].processes == ()
        assert sample.gpus[0].lost is None
        stub.set("normal")
        running.until(lambda sample: sample.gpus[1].lost is None)


@pytest.mark.parametrize(
    ("mode", "text"), [("hang", "did not answer for"), ("crash", "ended its reader with signal 11")]
)
def test_a_driver_that_hangs_or_crashes_is_told_survived_and_tried_again(
    store: Store, stub: Stub, mode: str, text: str
) -> None:
    with Running(store, stub.env()) as running:
        running.until(lambda sample: sample.gpus)
        stub.set(mode)
        sample = running.until(lambda sample: sample.gpu_problem)
        assert sample.gpu_problem is not None
        assert text in sample.gpu_problem
        assert sample.sensor_restarts >= 1
        assert [card.name for card in sample.gpus] == ["Stub RTX 4000", "Stub RTX 5000"]
        assert all((card.lost or "").startswith("no answer since") for card in sample.gpus)
        assert sample.host.memory_total_bytes  # the host is seen all the while
        stub.set("normal")
        sample = running.until(lambda sample: sample.gpu_problem is None)
        assert sample.gpus[0].lost is None


def test_without_a_driver_there_is_the_host_and_a_reason(store: Store, tmp_path: Path) -> None:
    if os.path.exists("/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1"):
        pytest.skip("this machine has a driver")
    with Running(store, {**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}) as running:
        sample = running.sample()
    assert sample.gpu_problem == "No NVIDIA driver: libnvidia-ml.so.1 is not installed."
    assert (sample.gpus, sample.sensor_restarts) == ((), 0)


def test_check_again_does_not_wait_for_the_back_off(store: Store, stub: Stub) -> None:
    stub.set("crash")
    with Running(store, stub.env(), retry_s=1000) as running:
        running.until(lambda sample: sample.gpu_problem)
        stub.set("normal")
        running.service.check_again()
        assert running.until(lambda sample: sample.gpus).gpu_problem is None


def test_a_store_that_refuses_does_not_end_it(store: Store, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: TelemetrySample) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(store.telemetry, "add", refuse)
    with Running(store, stub.env()) as running:
        first = running.sample()
        running.until(lambda sample: sample.taken_at > first.taken_at)


def test_another_rate_takes_effect(store: Store, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.services.telemetry.SETTINGS_S", 0.0)
    store.settings.change({"telemetry_hz": 1})
    with Running(store, stub.env()) as running:
        running.sample()
        store.settings.change({"telemetry_hz": 10})

        def closest() -> float:
            times = store.telemetry.history(60, 1000).times
            return min((after - before for before, after in pairwise(times)), default=9.0)

        until(lambda: closest() < 0.5)
        assert running.sample().sensor_restarts == 0


def test_a_vendor_that_hangs_leaves_the_other_one_seen_and_numbers_stay(
    store: Store, stub: Stub, tmp_path: Path
) -> None:
    module = tmp_path / "modules"
    module.mkdir()
    fake = Path(__file__).parents[2] / "helpers" / "fake_amdsmi.py"
    (module / "amdsmi.py").write_text(fake.read_text())
    with Running(store, stub.env(PYTHONPATH=str(module)), retry_s=1000) as running:
        sample = running.until(lambda sample: len(sample.gpus) == 4)
        assert [(card.index, card.vendor) for card in sample.gpus] == [
            (0, "nvidia"), (1, "nvidia"), (2, "amd"), (3, "amd"),
        ]  # fmt: skip
        stub.set("hang")
        sample = running.until(lambda sample: sample.gpu_problem)
        assert [(card.index, card.lost is None) for card in sample.gpus] == [
            (0, False), (1, False), (2, True), (3, True),
        ]  # fmt: skip
        assert sample.gpus[2].utilization_percent == 93.0
        stub.set("normal")
        running.service.check_again()
        running.until(lambda sample: sample.gpu_problem is None and sample.gpus[0].lost is None)
