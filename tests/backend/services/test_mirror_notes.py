"""Notes for the mirror while the disk is full: they only come later, none is lost and nothing fails."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import failpoints
from backend.services import mirror_notes
from backend.services.mirror_notes import MirrorNotes
from backend.store import Store
from tests.helpers.stores import a_run, make_store
from tests.helpers.wait import until


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(mirror_notes, "PAUSE_S", 0.01)
    store = make_store(tmp_path)
    store.home.mlflow.mkdir(exist_ok=True)
    yield store
    failpoints.reset("")
    store.close()


def test_a_full_disk_delays_a_note_and_loses_none(store: Store) -> None:
    notes = MirrorNotes(store, store.home, lambda: None)
    notes.catch_up()
    store.runs.add(a_run("r1", state="running"))
    failpoints.reset("store.before_commit:enospc@1")
    stop, failed = threading.Event(), []

    def run() -> None:
        try:
            notes.run(stop)
        except Exception as error:  # what would have made the loop start anew
            failed.append(error)

    thread = threading.Thread(target=run, name="notes")
    thread.start()
    try:
        until(lambda: failed or [item for item in store.outbox.take(10) if item.key == "r1"])
    finally:
        stop.set()
        notes.wake()
        thread.join()
    assert not failed
