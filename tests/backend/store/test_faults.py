"""When the disk refuses: nothing acknowledged is lost, nothing refused is kept, and it recovers by itself."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import failpoints
from backend.contract.errors import Broken, Conflict, Unavailable
from backend.contract.feed import FeedMessage
from backend.store import Store, engine
from tests.helpers.stores import a_run, make_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = make_store(tmp_path)
    yield store
    failpoints.reset("")
    store.close()


@pytest.mark.parametrize(("action", "text"), [("enospc", "full"), ("eio", "refused a write")])
def test_a_refused_commit_keeps_nothing_and_the_next_one_works(store: Store, action: str, text: str) -> None:
    told: list[FeedMessage] = []
    store.feed.subscribe(told.extend)
    store.runs.add(a_run("before"))
    failpoints.reset(f"store.before_commit:{action}")
    with pytest.raises(Unavailable, match=text):
        store.runs.add(a_run("lost"))
    assert store.health.state == "failing"
    assert text in store.health.text
    assert [run.id for run in store.runs.all()] == ["before"]
    store.runs.add(a_run("after"))
    assert store.health.state == "ok"
    assert {run.id for run in store.runs.all()} == {"before", "after"}
    notices = [m.data["text"] for m in told if m.kind == "notice"]
    assert len(notices) == 2
    assert "works again" in notices[1]
    assert [m.data["id"] for m in told if m.kind == "changed"] == ["before", "after"]
    assert all(check.ok for check in store.check())


def test_a_file_size_limit_is_survived(tmp_path: Path) -> None:
    """In a process of its own: SQLite itself meets the limit, as it would a full disk."""
    make_store(tmp_path).close()
    done = subprocess.run([sys.executable, "-c", _LIMITED, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    store = make_store(tmp_path)
    assert f"{len(store.runs.all())}" == done.stdout.strip()
    assert all(check.ok for check in store.check())
    store.close()


_LIMITED = """
import pathlib, resource, signal, sys
from backend.contract.errors import Unavailable
from tests.helpers.stores import a_run, make_store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = make_store(pathlib.Path(sys.argv[1]))
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, hard))
kept = 0
try:
    while True:
        store.runs.add(a_run(f"r{kept}", note="x" * 20_000))
        kept += 1
except Unavailable:
    assert store.health.state == "failing", store.health
assert len(store.runs.all()) == kept, (len(store.runs.all()), kept)
for _ in range(3):
    try:
        store.runs.add(a_run("never", note="x" * 200_000))
        raise SystemExit("acknowledged although the disk was full")
    except Unavailable:
        pass
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
store.runs.add(a_run("after"))
assert store.health.state == "ok"
store.close()
print(kept + 1)
"""


def test_another_program_with_the_lock_stops_writers_for_a_while_and_readers_never(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.runs.add(a_run())
    store.database._wait_for_locks(0.05)
    other = sqlite3.connect(store.home.database, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Unavailable, match="Another program"):
        store.runs.change("r1", step=5)
    assert store.health.kind == "locked"
    assert store.runs.get("r1") is not None
    other.execute("ROLLBACK")
    other.close()
    assert store.runs.change("r1", step=5).step == 5
    assert store.health.state == "ok"


def test_a_vanished_file_is_not_written_to(store: Store) -> None:
    store.runs.add(a_run())
    hidden = store.home.database.with_suffix(".away")
    store.home.database.rename(hidden)
    with pytest.raises(Unavailable, match="vanished"):
        store.runs.change("r1", step=5)
    assert not store.home.database.exists()
    hidden.rename(store.home.database)
    assert store.runs.change("r1", step=6).step == 6


def test_an_error_that_a_caller_swallows_still_undoes_the_transaction(store: Store) -> None:
    store.runs.add(a_run())
    with pytest.raises(Unavailable), store.transaction():  # noqa: PT012 its end is what raises
        store.runs.change("r1", step=5)
        store.database._doomed = sqlite3.OperationalError("disk full")
        store.database._doomed.sqlite_errorcode = sqlite3.SQLITE_FULL  # type: ignore[attr-defined]
    run = store.runs.get("r1")
    assert run is not None
    assert run.step == 0


def test_a_transaction_that_sqlite_ended_is_not_acknowledged(store: Store) -> None:
    store.runs.add(a_run())
    with pytest.raises(Broken), store.transaction():  # noqa: PT012 its end is what raises
        store.runs.change("r1", step=5)
        raw = store.database._held().connection.dbapi_connection
        assert raw is not None
        raw.rollback()
    run = store.runs.get("r1")
    assert run is not None
    assert run.step == 0


def test_contradictions_are_conflicts_and_harm_nothing(store: Store) -> None:
    store.runs.add(a_run())
    with pytest.raises(Conflict):
        store.runs.add(a_run())
    with pytest.raises(Conflict):
        store.runs.add_event("unknown", "note")
    assert store.health.state == "ok"


def test_pragmas(store: Store) -> None:
    with store.database.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar() == engine.CHECKPOINT_PAGES
    with store.database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar() == 0
        assert connection.exec_driver_sql("PRAGMA query_only").scalar() == 1


def test_many_threads_write_through_one_connection(store: Store) -> None:
    def work(name: str) -> None:
        for number in range(20):
            store.audit.add(name, "test", "count", str(number))

    threads = [threading.Thread(target=work, args=(f"t{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.audit.verify() == (True, None, 120)
