"""The power limit of a card through the real pynvml on the stub: set, read back, refused with what is needed."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.clock import ManualClock
from backend.contract.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from backend.contract.resources import AuditRecord, GpuReading, TelemetrySample
from backend.services.power_limit import PowerLimits
from backend.store import Store
from tests.helpers.nvml import Stub, compile_stub
from tests.helpers.stores import make_store

WHO = {"actor": "me", "client": "console"}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_stub(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def stub(library: Path, tmp_path: Path) -> Stub:
    return Stub(library, tmp_path / "mode")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = make_store(tmp_path, ManualClock())
    cards = (
        GpuReading(index=0, uuid="GPU-stub-0", name="Stub RTX 4000", power_limit_w=320.0),
        GpuReading(index=1, uuid="GPU-stub-1", name="Stub RTX 5000", lost="Xid 79 since 14:03"),
        GpuReading(index=2, uuid="amd", vendor="amd"),
    )
    opened.telemetry.add(TelemetrySample(taken_at=opened.clock.now(), gpus=cards))
    yield opened
    opened.close()


@pytest.fixture
def limits(store: Store, stub: Stub) -> PowerLimits:
    return PowerLimits(store, env=stub.env(), deadline_s=30.0)


def entries(store: Store) -> list[AuditRecord]:
    return [record for record in store.audit.all() if record.action == "set_power_limit"]


def test_it_is_read_with_what_the_card_takes(limits: PowerLimits) -> None:
    found = limits.get(0)
    assert (found.limit_w, found.min_w, found.max_w, found.default_w) == (320.0, 150.0, 350.0, 320.0)
    assert found.command == "sudo nvidia-smi -i GPU-stub-0 -pl"


def test_it_is_set_in_the_driver_and_audited(store: Store, limits: PowerLimits) -> None:
    assert limits.change(0, 250.0, **WHO).limit_w == 250.0
    assert limits.get(0).limit_w == 250.0  # another process asks the driver again
    (entry,) = entries(store)
    assert (entry.object, entry.before, entry.after, entry.result) == ("gpu/0", "320 W", "250 W", "done")
    assert (entry.actor, entry.details["uuid"]) == ("me", "GPU-stub-0")


@pytest.mark.parametrize("watts", [149.0, 351.0])
def test_outside_of_what_the_card_takes_it_is_refused(store: Store, limits: PowerLimits, watts: float) -> None:
    with pytest.raises(Invalid, match=f"The card takes 150 to 350 W, not {watts:.0f} W."):
        limits.change(0, watts, **WHO)
    assert limits.get(0).limit_w == 320.0
    (entry,) = entries(store)
    assert (entry.result, entry.after) == ("aborted", f"{watts:.0f} W")
    assert "150 to 350 W" in entry.details["why"]


def test_without_permission_it_says_what_is_needed(store: Store, limits: PowerLimits, stub: Stub) -> None:
    stub.set("forbidden")
    with pytest.raises(Conflict, match="only an administrator") as refused:
        limits.change(0, 250.0, **WHO)
    assert refused.value.code == "no_permission"
    assert refused.value.fix == "As administrator: sudo nvidia-smi -i GPU-stub-0 -pl 250"
    assert limits.get(0).limit_w == 320.0
    assert entries(store)[0].result == "aborted"


@pytest.mark.parametrize(
    ("mode", "kind", "text"),
    [
        ("unlimited", Unavailable, "takes no power limit"),
        ("deaf", Unavailable, "The driver took 250 W, but the limit is 320 W"),
        ("not_loaded", Unavailable, "not loaded"),
        ("no_permission", Unavailable, "may not read the NVIDIA driver"),
        ("crash", Unavailable, "ended its reader"),
    ],
)
def test_each_trouble_with_the_driver_has_its_own_sentence(
    store: Store, limits: PowerLimits, stub: Stub, mode: str, kind: type[Refused], text: str
) -> None:
    stub.set(mode)
    with pytest.raises(kind, match=text):
        limits.change(0, 250.0, **WHO)
    assert entries(store)[0].result == "aborted"


def test_a_driver_that_hangs_keeps_nobody_waiting(store: Store, stub: Stub) -> None:
    stub.set("hang")
    with pytest.raises(Unavailable, match="did not answer"):
        PowerLimits(store, env=stub.env(), deadline_s=0.2).change(0, 250.0, **WHO)
    assert entries(store)[0].details["why"].startswith("The graphics driver did not answer")


@pytest.mark.parametrize(
    ("index", "kind", "text"),
    [(5, NotFound, "There is no GPU 5. There are: 0, 1, 2."), (1, Unavailable, "GPU 1 does not answer: Xid 79"),
     (2, Conflict, "its vendor's own program")],
)  # fmt: skip
def test_a_card_that_cannot_be_asked(limits: PowerLimits, index: int, kind: type[Refused], text: str) -> None:
    with pytest.raises(kind, match=text):
        limits.get(index)


def test_the_drivers_process_imports_nothing_heavy(stub: Stub) -> None:
    code = (
        "import sys; from backend.telemetry import nvidia_power as n; n.main(['GPU-stub-0']); "
        "print([m for m in ('torch', 'sqlalchemy', 'fastapi') if m in sys.modules])"
    )
    done: Any = subprocess.run([sys.executable, "-c", code], env=stub.env(), capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"
