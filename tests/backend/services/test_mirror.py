"""The delivery of the outbox to a mirror that is quick, late, broken or gone. The real process is in
tests/backend/mirror."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.mirror.child import MirrorGone
from backend.services import outbox
from backend.services.mirror import MirrorService
from backend.store import Store
from tests.helpers.stores import a_run, make_store
from tests.helpers.wait import until


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = make_store(tmp_path)
    yield opened
    opened.close()


class FakeMirror:
    """Answers as it is told to; remembers what arrived."""

    def __init__(self) -> None:
        self.arrived: list[tuple[str, Any]] = []
        self.starts = 0
        self.closed = 0
        self.created = False
        self.refuses: dict[str, str] = {}
        self.gone: str | None = None

    def start(self, _: threading.Event) -> "FakeMirror":
        self.starts += 1
        if self.gone:
            raise MirrorGone(self.gone)
        return self

    def ask(self, message: dict[str, Any]) -> str | None:
        if self.gone:
            raise MirrorGone(self.gone)
        if message["kind"] in self.refuses:
            return self.refuses[message["kind"]]
        self.arrived.append((message["kind"], message["body"].get("run_id")))
        return None

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def mirror() -> FakeMirror:
    return FakeMirror()


def service(store: Store, mirror: FakeMirror, **more: Any) -> MirrorService:
    return MirrorService(store, store.home, store.clock, start=mirror.start, **more)  # type: ignore[arg-type]


def test_nothing_to_do_starts_nothing(store: Store, mirror: FakeMirror) -> None:
    mirroring = service(store, mirror)
    assert not mirroring.deliver()
    assert mirror.starts == 0
    assert mirroring.status().state == "in_sync"


def test_notes_about_one_thing_arrive_once_and_all_are_done(store: Store, mirror: FakeMirror) -> None:
    store.runs.add(a_run("r1"))
    for _ in range(3):
        outbox.run_changed(store, "r1")
    mirroring = service(store, mirror)
    assert mirroring.status().model_dump() == {"state": "behind", "backlog": 3, "text": "3 changes to write."}
    assert mirroring.deliver()
    assert mirror.arrived == [("run", "r1")]
    assert mirroring.status().state == "in_sync"


def test_a_mirror_that_cannot_work_only_delays(
    store: Store, mirror: FakeMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.run_changed(store, "r1")
    mirror.gone = "Another program holds mlflow.db locked. Close it, or wait."
    mirroring = service(store, mirror)
    assert not mirroring.deliver()
    outbox.run_changed(store, "r2")
    status = mirroring.status()
    assert (status.state, status.backlog, status.text) == ("failing", 2, mirror.gone)
    assert not mirroring.deliver()
    assert mirror.starts == 1  # it backs off
    mirror.gone = None
    monkeypatch.setattr("backend.services.mirror.time.monotonic", lambda: 10.0**9)
    assert mirroring.deliver()
    assert [run for _, run in mirror.arrived] == ["r1", "r2"]
    assert mirroring.status().state == "in_sync"


def test_one_refused_thing_does_not_hold_the_others(store: Store, mirror: FakeMirror) -> None:
    store.outbox.add("aliases", "m", {"model": "m"})
    outbox.run_changed(store, "r1")
    mirror.refuses["aliases"] = "m is not mirrored yet"
    mirroring = service(store, mirror)
    assert mirroring.deliver()
    assert mirror.arrived == [("run", "r1")]
    status = mirroring.status()
    assert (status.state, status.backlog, status.text) == ("failing", 1, "m is not mirrored yet")


def test_a_new_database_is_told_everything(store: Store, mirror: FakeMirror) -> None:
    for name in ("r1", "r2"):
        store.runs.add(a_run(name))
    outbox.run_changed(store, "r2")
    mirror.created = True
    mirroring = service(store, mirror)
    while mirroring.deliver():
        pass
    assert {run for _, run in mirror.arrived} == {"r1", "r2"}
    assert mirroring.status().state == "in_sync"


def test_it_ends_when_idle_and_when_switched_off(store: Store, mirror: FakeMirror) -> None:
    outbox.run_changed(store, "r1")
    mirroring = service(store, mirror, idle_s=-1.0)
    mirroring.deliver()
    assert mirror.closed == 0
    mirroring.deliver()
    assert mirror.closed == 1
    store.settings.change({"mirror": False})
    outbox.run_changed(store, "r1")
    assert not mirroring.deliver()
    assert mirroring.status().state == "off"


def test_its_thread_delivers_and_ends(store: Store, mirror: FakeMirror) -> None:
    stop = threading.Event()
    mirroring = service(store, mirror)
    thread = threading.Thread(target=mirroring.run, args=(stop,))
    thread.start()
    outbox.run_changed(store, "r1")
    mirroring.wake()
    until(lambda: mirror.arrived)
    stop.set()
    mirroring.wake()
    thread.join(10)
    assert not thread.is_alive()
    assert mirror.closed == 1
