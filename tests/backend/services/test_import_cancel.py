"""An import that is cancelled, while it is read, while it is stored, or while it waits, leaves nothing behind."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend import failpoints
from backend.clock import ManualClock
from backend.contract.errors import Conflict, NotFound
from backend.contract.imports import ImportRun
from backend.contract.resources import Operation
from backend.data.foreign.detect import detect
from backend.data.foreign.found import Notes
from backend.jobs import log
from backend.services import import_course, import_log, ingest
from backend.services.doctor import run_doctor
from backend.services.run_import import RunImporter
from tests.backend.services.test_run_import import Desk
from tests.helpers.foreign import ASSETS, event_file, scalar
from tests.helpers.wait import until

ROWS = 3000


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "home")
    yield desk
    failpoints.reset("")
    desk.close()


@pytest.fixture(autouse=True)
def told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_course, "TELL_EVERY_S", 0.0)
    monkeypatch.setattr(import_log, "CHECK_EVERY", 1)


def big(folder: Path, name: str = "big") -> Path:
    return event_file(folder / name / "events.out.tfevents.1", [scalar(s, 1e9 + s, a=s) for s in range(ROWS)])


def assert_nothing_is_left(desk: Desk) -> None:
    assert desk.store.runs.all() == []
    assert list(desk.store.home.jobs.iterdir()) == []
    with desk.store.database.reading() as connection:
        for table in ("series_keys", "series_blocks", "series_data", "series_tail", "offsets", "removed_jobs"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0, table
    assert run_doctor(desk.store.home, desk.store).ok


def cancelling(desk: Desk, at: int, begun: list[Operation]) -> RunImporter:
    """An importer that is cancelled at its so-many-th look at the disk."""
    looks = iter(range(1000))

    def look() -> None:
        if next(looks) == at:
            until(lambda: begun, 30)
            importer.cancel(begun[0].id)

    importer = RunImporter(desk.store, desk.store.home, ManualClock(), desk.ingest, look)
    return importer


def test_while_it_is_read_and_it_can_come_in_later(desk: Desk, tmp_path: Path) -> None:
    path, begun = big(tmp_path), []  # type: ignore[var-annotated]
    importer = cancelling(desk, 2, begun)
    begun.append(importer.begin(ImportRun(path=str(path)), "me"))
    assert begun[0].cancellable
    ended = desk.wait(begun[0])
    importer.close()
    assert (ended.state, ended.error["code"] if ended.error else "", ended.cancellable) == (
        "failed",
        "cancelled",
        False,
    )
    assert_nothing_is_left(desk)
    assert desk.run_of(desk.take(path)).facts["imported_points"] == ROWS


def test_of_several_none_stays(desk: Desk, tmp_path: Path) -> None:
    for name in ("a", "b"):
        event_file(tmp_path / "logs" / name / "events.out.tfevents.1", [scalar(1, 1.0, **{name: 1.0})])
    big(tmp_path / "logs", "c")
    begun: list[Operation] = []
    importer = cancelling(desk, 4, begun)  # once at the start, once for each of the first two
    begun.append(importer.begin(ImportRun(path=str(tmp_path / "logs")), "me"))
    ended = desk.wait(begun[0])
    importer.close()
    assert ended.error is not None
    assert ended.error["code"] == "cancelled"
    actions = [entry.action for entry in desk.store.audit.all()]
    assert actions.count("run.import") == actions.count("run.import_cancel") == 2
    assert_nothing_is_left(desk)
    assert len(desk.take(tmp_path / "logs").result["runs"]) == 3


def begun_storing(desk: Desk, path: Path, monkeypatch: pytest.MonkeyPatch) -> Operation:
    """An import whose run is there and half in the store, with nobody who takes the rest."""
    desk.stop.set()
    desk.ingest.wake()
    desk.thread.join()
    monkeypatch.setattr(ingest, "READ_BYTES", 20_000)
    monkeypatch.setattr(log, "MAX_LINE_BYTES", 20_000)
    operation = desk.importer.begin(ImportRun(path=str(path)), "me")
    until(lambda: _now(desk, operation).stage == "store", 30)
    desk.ingest.wake()
    desk.ingest.poll()
    (run,) = desk.store.runs.all()
    assert 0 < desk.store.series.count(run.id) < ROWS
    until(lambda: 0 < (_now(desk, operation).progress or 0) < 1, 30)
    return operation


def _now(desk: Desk, operation: Operation) -> Operation:
    found = desk.store.operations.get(operation.id)
    assert found is not None
    return found


def test_while_it_is_stored(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    operation = begun_storing(desk, big(tmp_path), monkeypatch)
    told: list[Any] = []
    desk.store.feed.subscribe(told.extend)
    desk.importer.cancel(operation.id)
    assert desk.wait(operation).state == "failed"
    assert ("runs", "removed") in [(message.topic, message.kind) for message in told]
    desk.ingest.wake()
    desk.ingest.poll()  # what ingest remembered of it brings nothing back
    assert_nothing_is_left(desk)


def test_nothing_is_taken_away_while_ingest_has_its_lines_in_hand(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = begun_storing(desk, big(tmp_path), monkeypatch)
    holds, goes_on = threading.Event(), threading.Event()

    def hold(place: str) -> None:
        if place == "ingest.after_read":
            holds.set()
            goes_on.wait(30)

    monkeypatch.setattr(ingest, "failpoint", hold)
    desk.ingest.wake()
    reading = threading.Thread(target=desk.ingest.poll)
    reading.start()
    assert holds.wait(30)
    desk.importer.cancel(operation.id)
    until(lambda: _now(desk, operation).stage == "undo", 30)
    assert len(desk.store.runs.all()) == 1  # waits for those lines: stored later, they would bring the run back
    goes_on.set()
    reading.join()
    assert desk.wait(operation).state == "failed"
    assert_nothing_is_left(desk)


def test_a_reader_that_tells_no_bytes_is_ended_between_two_batches(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_log, "BATCH", 10)
    (source, *_) = detect(str(big(tmp_path)), {}).sources
    looks = iter(range(3))
    writer = import_log.ImportLog(tmp_path / "events.ndjson", lambda: None, lambda: next(looks) and None)
    with pytest.raises(StopIteration):
        writer.take(source, 1.0)
    writer.close()
    assert (tmp_path / "events.ndjson").read_bytes().count(b"\n") == 30


def test_a_backend_that_dies_while_undoing_goes_on_with_it(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    operation = begun_storing(desk, big(tmp_path), monkeypatch)
    failpoints.reset("import.undone_folder:raise")
    monkeypatch.setattr(desk.importer, "_fail", lambda *_: None)  # a dead backend writes nothing
    caplog.set_level("CRITICAL")
    desk.importer.cancel(operation.id)
    until(lambda: _now(desk, operation).stage == "undo", 30)
    until(lambda: any(path.name.startswith(".import-") for path in desk.store.home.jobs.iterdir()), 30)
    # the row is still there and the folder is not: a new backend finds both
    assert len(desk.store.runs.all()) == 1
    failpoints.reset("")
    fresh = RunImporter(desk.store, desk.store.home, ManualClock(), ingest.Ingest(desk.store, desk.store.home,
                        ManualClock()), desk.check_room)  # fmt: skip
    fresh.recover()
    found = _now(desk, operation)
    assert found.state == "failed"
    assert found.text == "The import was cancelled; nothing of it was kept."
    assert_nothing_is_left(desk)


def test_one_that_waits_for_another_ends_at_once(desk: Desk, tmp_path: Path) -> None:
    with desk.importer._one:
        operation = desk.importer.begin(ImportRun(path=str(big(tmp_path))), "me")
        desk.importer.cancel(operation.id)
        assert desk.wait(operation).state == "failed"
    assert_nothing_is_left(desk)


def test_what_has_ended_or_never_was_cannot_be_cancelled(desk: Desk, tmp_path: Path) -> None:
    done = desk.take(big(tmp_path))
    with pytest.raises(Conflict, match="nothing to cancel"):
        desk.importer.cancel(done.id)
    other = desk.store.operations.start("promote", "model/m")
    with pytest.raises(Conflict, match="nothing to cancel"):
        desk.importer.cancel(other.id)
    with pytest.raises(NotFound, match="'op-none'"):
        desk.importer.cancel("op-none")


def test_how_far_it_is_grows_to_the_end(desk: Desk, tmp_path: Path) -> None:
    told: list[tuple[str, float | None]] = []
    desk.store.feed.subscribe(
        lambda messages: told.extend((m.data["stage"], m.data["progress"]) for m in messages if m.topic == "operations")
    )
    big(tmp_path / "logs", "a")
    big(tmp_path / "logs", "b").write_bytes(big(tmp_path / "other").read_bytes()[:-7])  # other bytes
    assert desk.take(tmp_path / "logs").state == "done"
    read = [progress for stage, progress in told if stage == "read" and progress is not None]
    assert read == sorted(read)
    assert {0.5, 1.0} <= set(read)


@pytest.mark.parametrize("kind", ["wandb", "csv", "tensorboard"])
def test_every_reader_tells_its_bytes_and_can_be_ended(kind: str, tmp_path: Path) -> None:
    table = tmp_path / "plain.csv"
    table.write_text("step,loss\n" + "".join(f"{step},0.5\n" for step in range(20_000)))
    path = {"wandb": ASSETS / "wandb", "csv": table, "tensorboard": big(tmp_path)}[kind]
    (source, *_) = detect(str(path), {}).sources
    list(source.rows())
    assert source.notes.read_bytes == max(file.stat().st_size for file in source.files)

    (source, *_) = detect(str(path), {}).sources
    source.notes.on_read = _ends
    with pytest.raises(KeyboardInterrupt):
        list(source.rows())


def _ends() -> None:
    raise KeyboardInterrupt


def test_notes_count_bytes_and_tell_their_listener() -> None:
    notes, heard = Notes(), []
    notes.on_read = lambda: heard.append(notes.read_bytes)
    notes.advance(3)
    notes.advance(4)
    assert heard == [3, 7]
