"""Imports through the one door: rows, folder, export and doctor agree; the same content is the same run; nothing by
halves."""

import math
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.clock import ManualClock
from backend.contract.errors import Conflict, NotFound, Refused, Unavailable
from backend.contract.imports import ImportRun, PreviewImport
from backend.contract.resources import Operation, RegisterVersion, RunRecord
from backend.data.foreign.found import LONGEST_KEY, MOST_KEY_CHARACTERS
from backend.services.causes import Causes
from backend.services.diagnosis import diagnose_run
from backend.services.doctor import run_doctor
from backend.services.imported import refuse_imported
from backend.services.ingest import Ingest
from backend.services.registering import Registrar
from backend.services.run_import import RunImporter
from backend.services.watch_rules import RuleWatch
from backend.store import Store
from tests.helpers.foreign import ASSETS, event_file, scalar
from tests.helpers.stores import exported_points, logged_points, make_store
from tests.helpers.wait import until


class Desk:
    """A store with its importer; ingest runs on a thread as in the daemon."""

    def __init__(self, folder: Path) -> None:
        self.store: Store = make_store(folder, ManualClock())
        self.store.settings.change({"reserve_disk_bytes": 0})
        self.room: Exception | None = None
        self.start()

    def start(self) -> None:
        self.ingest = Ingest(self.store, self.store.home, ManualClock())
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.ingest.run, args=(self.stop,))
        self.thread.start()
        self.importer = RunImporter(self.store, self.store.home, ManualClock(), self.ingest, self.check_room)

    def check_room(self) -> None:
        if self.room is not None:
            raise self.room

    def close(self) -> None:
        self.importer.close()
        self.stop.set()
        self.ingest.wake()
        self.thread.join()
        self.store.close()

    def wait(self, operation: Operation) -> Operation:
        def ended() -> Operation | None:
            found = self.store.operations.get(operation.id)
            return found if found is not None and found.state != "running" else None

        return until(ended, 60)

    def take(self, path: Path, **fields: object) -> Operation:
        return self.wait(self.importer.begin(ImportRun.model_validate({"path": str(path), **fields}), "me"))

    def run_of(self, operation: Operation, at: int = 0) -> RunRecord:
        assert operation.state == "done", operation.error
        run = self.store.runs.get(operation.result["runs"][at]["id"])
        assert run is not None
        return run


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


TB = ASSETS / "events.out.tfevents.1760000000.host.1.0.fixture"


def test_an_event_file_becomes_a_run_whose_log_store_and_export_agree(desk: Desk) -> None:
    run = desk.run_of(desk.take(TB))
    assert (run.source, run.state, run.recipe, run.step) == ("tensorboard", "completed", "imported", 39)
    assert (run.started_at, run.ended_at, run.active_seconds) == (1.76e9, 1.76e9 + 79, 79.0)
    assert run.settings["optimizer"] == "adamw"
    assert run.facts["imported_points"] == 124
    assert len(run.spark) == 40
    points = exported_points(desk.store, run.id)
    assert points == logged_points(desk.store.home, run.id)
    assert len(points) == 124
    assert run_doctor(desk.store.home, desk.store).ok
    log = [line.text for line in desk.store.runs.log(run.id).lines]
    assert log == [f"Imported 124 points from {TB}", "4 histograms were left out"]
    warning = next(event for event in desk.store.runs.events(run.id) if event.kind == "warning")
    assert (warning.step, warning.text) == (17, "train/grad_norm is not a number at step 17")


def test_the_same_content_is_the_same_run_wherever_it_lies(desk: Desk, tmp_path: Path) -> None:
    first = desk.take(TB)
    shutil.copy(TB, tmp_path / "copy.tfevents")
    again = desk.take(tmp_path / "copy.tfevents", name="other")
    assert again.result["runs"] == [{**first.result["runs"][0], "known": True}]
    preview = desk.importer.preview(PreviewImport(path=str(TB)))
    assert preview.items[0].known_as == first.result["runs"][0]["id"]
    assert len(desk.store.runs.all()) == 1


def test_a_deleted_run_can_be_imported_again(desk: Desk) -> None:
    run = desk.run_of(desk.take(TB))
    with desk.store.transaction():
        desk.store.series.forget(run.id)
        desk.store.runs.remove(run.id)
    shutil.rmtree(desk.store.home.job(run.id))
    again = desk.run_of(desk.take(TB))
    assert again.id != run.id
    assert desk.store.series.count(again.id) == 124


def test_a_folder_alone_brings_the_run_back(desk: Desk, tmp_path: Path) -> None:
    run = desk.run_of(desk.take(ASSETS / "wandb"))
    fresh = Desk(tmp_path / "fresh")
    try:
        shutil.copytree(desk.store.home.job(run.id), fresh.store.home.job(run.id))
        fresh.ingest.wake()
        until(lambda: fresh.store.series.count(run.id) == 164, 30)
        until(lambda: fresh.ingest.drained(run.id), 30)
        found = fresh.store.runs.get(run.id)
        assert found is not None
        same = {"id", "name", "state", "source", "settings", "step", "tags", "ended_at", "facts", "metrics"}
        assert found.model_dump(include=same) == run.model_dump(include=same)
    finally:
        fresh.close()


def test_several_sources_come_in_one_by_one_and_a_bad_one_keeps_nobody_out(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    event_file(folder / "a" / "events.out.tfevents.1", [scalar(1, 1.0, x=1)])
    event_file(folder / "empty" / "events.out.tfevents.1", [])
    (folder / "bad").mkdir()
    (folder / "bad" / "trainer_state.json").write_text("{")
    done = desk.take(folder, name="set")
    assert [(run["name"], run["points"]) for run in done.result["runs"]] == [("set/a", 1)]
    texts = [refused["text"] for refused in done.result["refused"]]
    assert texts[0].startswith("trainer_state.json, line 1: is not JSON")
    assert "no numbers were found" in texts[1]
    preview = desk.importer.preview(PreviewImport(path=str(folder)))
    assert [(item.name, item.problem is None) for item in preview.items] == [
        ("a", True), ("bad", False), ("empty", False)]  # fmt: skip


def test_only_what_was_chosen_comes_in(desk: Desk, tmp_path: Path) -> None:
    for name in ("a", "b"):
        event_file(tmp_path / "logs" / name / "events.out.tfevents.1", [scalar(1, 1.0, **{name: 1.0})])
    keys = [item.key for item in desk.importer.preview(PreviewImport(path=str(tmp_path / "logs"))).items]
    done = desk.take(tmp_path / "logs", choose=[keys[1]])
    assert [run["name"] for run in done.result["runs"]] == ["b"]
    with pytest.raises(NotFound, match="no 'csv:x' at this path"):
        desk.importer.begin(ImportRun(path=str(tmp_path / "logs"), choose=("csv:x",)), "me")


def test_what_has_no_numbers_is_refused_and_leaves_nothing(desk: Desk, tmp_path: Path) -> None:
    event_file(tmp_path / "events.out.tfevents.1", [])
    done = desk.take(tmp_path / "events.out.tfevents.1")
    assert done.state == "failed"
    assert "no numbers were found" in str(done.error)
    assert list(desk.store.home.jobs.iterdir()) == []


def test_a_full_disk_ends_it_with_nothing_left_over(desk: Desk, tmp_path: Path) -> None:
    operation = desk.importer.begin
    desk.room = Unavailable("The disk has 3 bytes free.", code="disk_full")
    with pytest.raises(Unavailable):
        operation(ImportRun(path=str(TB)), "me")
    desk.room = None
    path = event_file(tmp_path / "big.tfevents", [scalar(step, float(step), a=step) for step in range(3000)])
    calls = iter([None, None])

    def fills() -> None:
        if next(calls, "full") == "full":
            raise Unavailable("The disk has 3 bytes free.", code="disk_full")

    importer = RunImporter(desk.store, desk.store.home, ManualClock(), desk.ingest, fills)
    import backend.services.import_log as import_log

    before, import_log.CHECK_EVERY = import_log.CHECK_EVERY, 1
    try:
        done = desk.wait(importer.begin(ImportRun(path=str(path)), "me"))
    finally:
        import_log.CHECK_EVERY = before
        importer.close()
    assert (done.state, done.error["code"] if done.error else "") == ("failed", "disk_full")
    assert list(desk.store.home.jobs.iterdir()) == []
    assert desk.store.runs.all() == []


def test_a_killed_daemon_leaves_an_operation_that_failed_and_no_half_folder(desk: Desk) -> None:
    operation = desk.store.operations.start("import_run", "run/x", ("read",))
    half = desk.store.home.jobs / ".import-i1-abc.tmp"
    half.mkdir(mode=0o700)
    run = desk.run_of(desk.take(ASSETS / "wandb"))
    for name in ("events.ndjson", "spec.json"):
        shutil.copy(desk.store.home.job(run.id) / name, half / name)
    spec = (half / "spec.json").read_text().replace(run.id, "i1")
    (half / "spec.json").write_text(spec)
    desk.ingest.wake()
    desk.take(TB)
    assert len(desk.store.runs.all()) == 2  # a half folder is never taken for a job
    desk.importer.recover()
    found = desk.store.operations.get(operation.id)
    assert found is not None
    assert found.state == "failed"
    assert not half.exists()


def test_nothing_can_be_done_with_an_imported_run_but_looking(desk: Desk) -> None:
    run = desk.run_of(desk.take(TB))
    for what in ("pause", "resume", "stop", "checkpoint", "kill", "continued", "forked"):
        with pytest.raises(Conflict, match="imported from TensorBoard; it can be looked at, not"):
            refuse_imported(run, what)
    with pytest.raises(Conflict, match="not registered"):
        Registrar(desk.store, None).begin(RegisterVersion(run_id=run.id, name="m"), "me")  # type: ignore[arg-type]
    diagnosis = diagnose_run(desk.store, ManualClock(), run)
    assert diagnosis.findings
    assert all(finding.fix is None and not finding.settings for finding in diagnosis.findings)


def test_a_failed_run_of_elsewhere_opens_no_alert_here(desk: Desk) -> None:
    run = desk.run_of(desk.take(TB)).model_copy(update={"state": "failed", "cause": "It ended with exit code 1"})
    clock = ManualClock()
    watch = RuleWatch(desk.store, clock, Causes(desk.store, clock))
    watch.run(run)
    assert desk.store.alerts.all() == []
    watch.run(run.model_copy(update={"source": ""}))
    assert len(desk.store.alerts.all()) == 1


def test_the_widest_row_fits_a_line_of_the_log(desk: Desk, tmp_path: Path) -> None:
    longest = LONGEST_KEY - 9
    names = {
        f"{number}".ljust(9, "m") + "\x01" * longest: 0.5 for number in range(MOST_KEY_CHARACTERS // LONGEST_KEY + 5)
    }
    run = desk.run_of(desk.take(event_file(tmp_path / "wide.tfevents", [scalar(1, 1.0, **names)])))
    assert desk.store.series.count(run.id) == MOST_KEY_CHARACTERS // LONGEST_KEY
    assert run_doctor(desk.store.home, desk.store).ok


def test_metrics_beyond_the_limit_are_told_and_the_others_kept(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("step,key,value\n" + "".join(f"1,k{number},1\n" for number in range(2100)))
    run = desk.run_of(desk.take(path))
    assert desk.store.series.count(run.id) == 2000
    assert any("more than 2,000 metrics" in text for text in run.facts["left_out"])


def test_without_times_nothing_is_said_of_duration(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("step,loss\n3,1.5\n2,nan\n1,inf\n")
    run = desk.run_of(desk.take(path))
    assert (run.started_at, run.active_seconds, run.ended_at) == (None, None, None)
    values = [point.value for point in desk.store.series.export(run.id)]
    assert values[0] == 1.5
    assert values[1] is not None
    assert math.isnan(values[1])
    assert values[2] == math.inf
    assert run.facts["left_out"] == ["plain.csv: The step goes back 2 times; points are kept in the order written"]


def test_a_file_that_grows_while_it_is_read_is_refused(desk: Desk, tmp_path: Path) -> None:
    path = event_file(tmp_path / "live.tfevents", [scalar(step, float(step), a=step) for step in range(10)])
    source_rows = []

    def grows() -> None:
        with path.open("ab") as file:
            file.write(b"more")
        source_rows.append(1)

    calls = iter([lambda: None, grows])
    importer = RunImporter(desk.store, desk.store.home, ManualClock(), desk.ingest, lambda: next(calls, int)())
    done = desk.wait(importer.begin(ImportRun(path=str(path)), "me"))
    importer.close()
    assert source_rows
    assert done.state == "failed"
    assert "live.tfevents" in str(done.error)


def test_a_refused_import_names_file_and_place(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("when,loss\n1,2\n")
    with pytest.raises(Refused, match=r"x\.csv, line 1: no column holds the step"):
        desk.importer.begin(ImportRun(path=str(tmp_path / "x.csv")), "me")
    done = desk.take(tmp_path / "x.csv", mapping={"step": "when"})
    assert done.result["runs"][0]["points"] == 1
