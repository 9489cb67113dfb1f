"""Import run: dropped on Runs, looked at before it comes in, told when it is there; what cannot work says why."""

from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from pytestqt.qtbot import QtBot

from backend.contract.errors import ErrorReply
from backend.contract.resources import Operation, RunRecord
from console.charts.catalogue import imported_charts
from console.pages.import_run import ImportRunSheet
from console.pages.run import RunPage
from console.pages.run.head import buttons_for
from console.pages.runs import RunsPage
from console.pages.runs.columns import build_fields, words_of
from console.state.changes import Changes
from console.tables.filters import parse_filter
from tests.console.pages.conftest import Desk

OPERATION = {"id": "op1", "kind": "import_run", "object": "run/x", "state": "running"}


def found(key: str = "tensorboard:/logs/a", **fields: Any) -> dict[str, Any]:
    known = {"key": key, "source": key.partition(":")[0], "name": "a", "path": "/logs/a", "files": 1, "size_bytes": 9,
             "points": 1200, "metrics": ["train/loss"], "metric_count": 1, "first_step": 0,
             "last_step": 1199}  # fmt: skip
    return {**known, **fields}


@pytest.fixture
def sheet(desk: Desk, qtbot: QtBot) -> ImportRunSheet:
    made = ImportRunSheet(desk.context)
    qtbot.addWidget(made)
    made.resize(860, 780)
    made.show()
    return made


def look(desk: Desk, sheet: ImportRunSheet, *items: dict[str, Any], passed: tuple[str, ...] = ()) -> None:
    sheet.choose("/logs")
    desk.link.last("POST", "/runs/import/preview").succeed({"path": "/logs", "items": items, "passed_over": passed})


def test_what_is_there_is_shown_before_anything_comes_in(desk: Desk, sheet: ImportRunSheet) -> None:
    assert sheet.primary is not None
    assert not sheet.primary.isEnabled()
    bad = found("trainer_state:/logs/b", name="b", problem="trainer_state.json, line 1: is not JSON.", points=0)
    known = found("wandb:/logs/c", name="c", known_as="i1")
    look(desk, sheet, found(left_out=["4 histograms were left out"]), bad, known, passed=("x is a link",))
    assert sheet.table.chosen() == ["tensorboard:/logs/a"]
    assert sheet.primary.text() == "Import 1 run"
    assert sheet.left_out.isVisibleTo(sheet)
    shown = [[column.shown(row) for column in sheet.table.model.columns[1:]] for row in sheet.table.model.rows()]
    assert shown[0] == ["a", "TensorBoard", "1,200", "1", "0 – 1,199", "Finished"]
    assert [row[-1] for row in shown] == ["Finished", "cannot be read", "here already"]
    sheet.name.setText("mine")
    sheet.submit()
    asked = desk.link.last("POST", "/runs/import")
    assert asked.body == {"path": "/logs", "name": "mine", "mapping": {}, "choose": ["tensorboard:/logs/a"]}
    asked.succeed(OPERATION)
    result = {"runs": [{"id": "i9", "name": "a", "source": "tensorboard", "points": 1200, "known": False,
                        "left_out": []}], "refused": []}  # fmt: skip
    desk.link.last("GET", "/operations/op1").succeed({**OPERATION, "state": "done", "result": result})
    assert desk.toasts[-1] == ("ok", "Imported 1 run", "1,200 points")
    assert desk.places == ["run/i9"]


def test_what_is_all_here_already_is_not_imported_again(desk: Desk, sheet: ImportRunSheet) -> None:
    look(desk, sheet, found(known_as="i1"))
    assert sheet.primary is not None
    assert not sheet.primary.isEnabled()
    assert sheet.note.text() == "This content is here already"


def test_a_table_without_a_step_asks_for_its_column(desk: Desk, sheet: ImportRunSheet) -> None:
    sheet.choose("/logs/x.csv")
    error = ErrorReply(kind="refused", code="data", text="x.csv, line 1: no column holds the step.",
                       fix="--map", details={"columns": ["when", "loss"]})  # fmt: skip
    desk.link.last("POST", "/runs/import/preview").call.fail(error)
    assert sheet.trouble.title.text() == "x.csv, line 1: no column holds the step."
    assert sheet.step_field.isVisibleTo(sheet)
    at = sheet.step_column.findData("when")
    sheet.step_column.setCurrentIndex(at)
    sheet.step_column.activated.emit(at)
    asked = desk.link.last("POST", "/runs/import/preview")
    assert asked.body == {"path": "/logs/x.csv", "mapping": {"step": "when"}}
    asked.succeed({"path": "/logs/x.csv", "items": [found("csv:/logs/x.csv")], "passed_over": []})
    sheet.submit()
    assert desk.link.last("POST", "/runs/import").body["mapping"] == {"step": "when"}


def test_an_answer_to_an_earlier_path_is_ignored(desk: Desk, sheet: ImportRunSheet) -> None:
    sheet.choose("/one")
    first = desk.link.last("POST", "/runs/import/preview")
    look(desk, sheet, found())
    first.succeed({"path": "/one", "items": [], "passed_over": []})
    assert sheet.table.chosen() == ["tensorboard:/logs/a"]


def test_a_refusal_and_a_failure_are_told(desk: Desk, sheet: ImportRunSheet) -> None:
    look(desk, sheet, found())
    sheet.submit()
    desk.link.last("POST", "/runs/import").refuse("The disk is full.", "Free 3 bytes.")
    assert sheet.trouble.title.text() == "The disk is full."
    sheet.submit()
    desk.link.last("POST", "/runs/import").succeed(OPERATION)
    failed = {**OPERATION, "state": "failed", "error": {"text": "a vanished.", "fix": "Look again."}}
    desk.link.last("GET", "/operations/op1").succeed(failed)
    assert desk.toasts[-1] == ("bad", "Nothing was imported", "a vanished. Look again.")


def importing(desk: Desk, sheet: ImportRunSheet) -> None:
    look(desk, sheet, found())
    sheet.submit()
    desk.link.last("POST", "/runs/import").succeed({**OPERATION, "stage": "read", "cancellable": True})


def tell(desk: Desk, **fields: Any) -> None:
    desk.link.last("GET", "/operations/op1").succeed({**OPERATION, "cancellable": True, **fields})


def test_the_sheet_tells_how_far_it_is_and_closes_when_it_is_done(
    desk: Desk, sheet: ImportRunSheet, qtbot: QtBot
) -> None:
    closed: list[bool] = []
    sheet.closed.connect(lambda: closed.append(True))
    importing(desk, sheet)
    assert sheet.course.isVisibleTo(sheet)
    assert not sheet.table.isVisibleTo(sheet)
    tell(desk, stage="read", progress=0.41, text="big (1 of 2)")
    assert sheet.course.text.text() == "Reading · 41% · big (1 of 2)"
    assert sheet.course.bar.spoken_value() == "41%"
    sheet.grab()
    assert not closed
    run = {"id": "i9", "name": "a", "source": "csv", "points": 9, "known": False, "left_out": []}
    result = {"runs": [run], "refused": []}
    desk.state.operations["op1"] = Operation.model_validate({**OPERATION, "state": "done", "result": result})
    qtbot.waitUntil(lambda: bool(closed))
    assert desk.places == ["run/i9"]


@pytest.mark.parametrize("how", ["button", "escape", "cross"])
def test_an_import_is_ended_from_its_sheet(desk: Desk, sheet: ImportRunSheet, qtbot: QtBot, how: str) -> None:
    closed: list[bool] = []
    sheet.closed.connect(lambda: closed.append(True))
    importing(desk, sheet)
    assert sheet.cancel is not None
    assert sheet.cancel.text() == "Cancel import"
    if how == "escape":
        qtbot.keyClick(sheet, Qt.Key.Key_Escape)
    else:
        qtbot.mouseClick(sheet.cancel if how == "button" else sheet.close_button, Qt.MouseButton.LeftButton)
    qtbot.keyClick(sheet, Qt.Key.Key_Escape)  # again: asked once
    assert len([asked for asked in desk.link.asked if asked.path == "/operations/op1/cancel"]) == 1
    assert not closed  # until nothing of it is left
    error = {"kind": "refused", "code": "cancelled", "text": "The import was cancelled; nothing of it was kept."}
    tell(desk, state="failed", error=error, cancellable=False)
    assert desk.toasts[-1] == ("info", "Import cancelled", "Nothing of it was kept.")
    assert sheet.table.chosen() == ["tensorboard:/logs/a"]  # as before it began
    assert sheet.note.text() == "Nothing was imported"
    qtbot.keyClick(sheet, Qt.Key.Key_Escape)
    assert closed


def test_an_import_goes_on_in_the_background(desk: Desk, sheet: ImportRunSheet) -> None:
    closed: list[bool] = []
    sheet.closed.connect(lambda: closed.append(True))
    importing(desk, sheet)
    sheet.submit()
    assert closed
    assert desk.toasts[-1] == ("info", "Importing…", "It goes on in the background.")
    assert not [asked for asked in desk.link.asked if asked.path.endswith("/cancel")]


def test_a_cancel_that_is_refused_says_why_and_can_be_asked_again(
    desk: Desk, sheet: ImportRunSheet, qtbot: QtBot
) -> None:
    importing(desk, sheet)
    qtbot.keyClick(sheet, Qt.Key.Key_Escape)
    desk.link.last("POST", "/operations/op1/cancel").refuse("Backend does not answer.")
    assert sheet.trouble.title.text() == "Backend does not answer."
    qtbot.keyClick(sheet, Qt.Key.Key_Escape)
    assert len([asked for asked in desk.link.asked if asked.path == "/operations/op1/cancel"]) == 2


def test_names_are_plain_text_however_they_look(desk: Desk, sheet: ImportRunSheet) -> None:
    evil = "<b>x</b>" + "n" * 10_000
    look(desk, sheet, found(name=evil, metrics=[evil], problem=evil, left_out=[evil]))
    assert sheet.table.model.rows()[0].name == evil
    sheet.grab()


def test_a_file_dropped_on_runs_opens_the_sheet_with_it(desk: Desk, qtbot: QtBot) -> None:
    page = RunsPage(desk.context)
    qtbot.addWidget(page)
    page.resize(1200, 800)
    page.show()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/logs/events.out.tfevents.1")])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    page.dragEnterEvent(QDragEnterEvent(QPoint(9, 9), copy, data, left, none))
    assert page.curtain.isVisible()
    page.dropEvent(QDropEvent(QPointF(9, 9), copy, data, left, none))
    assert not page.curtain.isVisible()
    assert desk.started == [("run.import", {"path": "/logs/events.out.tfevents.1"})]
    qtbot.mouseClick(page.import_button, left)
    assert desk.started[-1] == ("run.import", {})
    page.hide()


# ---- imported runs elsewhere -----------------------------------------------------------------------------------------


def imported(**fields: Any) -> RunRecord:
    known = {"id": "i1", "name": "a", "recipe": "imported", "state": "completed", "source": "tensorboard", "step": 9,
             "metrics": {"train/loss": 1.0, "Loss/my": 2.0}, "created_at": 5.0}  # fmt: skip
    return RunRecord(**{**known, **fields})


def test_an_imported_run_has_no_button_that_cannot_work(desk: Desk, qtbot: QtBot) -> None:
    for state in ("completed", "failed", "interrupted", "stopped"):
        assert buttons_for(imported(state=state, resumable=True, model_ready=True)) == ("compare",)
    desk.state.loaded = True
    desk.state.runs["i1"] = imported(state="failed", cause="It ended with exit code 1")
    page = RunPage(desk.context)
    qtbot.addWidget(page)
    page.resize(1200, 800)
    page.show()
    page.open_target("i1")
    reasons = {action.id: action.reason() for action in page.actions()}
    for name in ("run.pause", "run.checkpoint", "run.stop", "run.continue", "run.register", "run.clone"):
        assert reasons[name] == "Imported from TensorBoard: it can be looked at only.", name
    assert reasons["run.export"] == ""
    assert [chart.spec.id for chart in page.charts.grid.shown()] == ["loss", "metric:Loss/my"]
    page.hide()


def test_runs_says_why_an_imported_run_cannot_be_cloned_or_registered(desk: Desk, qtbot: QtBot) -> None:
    desk.state.loaded = True
    desk.state.runs["i1"] = imported(model_ready=True)
    page = RunsPage(desk.context)
    qtbot.addWidget(page)
    page.refresh(Changes(everything=True))
    page.model.set_ticked(["i1"])
    reasons = {action.id: action.reason() for action in page.actions()}
    for name in ("runs.clone", "runs.register"):
        assert reasons[name] == "Imported from TensorBoard: it can be looked at only."
    assert reasons["runs.points"] == ""


def test_the_filter_knows_where_a_run_came_from() -> None:
    fields = build_fields((), ())
    own = RunRecord(id="r1", name="b", recipe="selftest", state="completed")
    runs = [imported(), imported(id="i2", source="wandb"), own]

    def matching(text: str) -> list[str]:
        return [run.id for run in runs if parse_filter(text, fields, words=words_of)(run)]

    assert matching("source:tensorboard") == ["i1"]
    assert matching("-source:here") == ["i1", "i2"]
    assert matching("source:wandb,here") == ["i2", "r1"]
    assert matching("tensorboard") == ["i1"]


def test_only_what_a_run_holds_is_drawn_and_no_more_than_a_dozen_at_once() -> None:
    specs = imported_charts(["train/loss", "eval/loss", "train/epoch", *(f"m{number}" for number in range(20))])
    assert [spec.id for spec in specs if not spec.hidden][:2] == ["loss", "metric:m0"]
    assert sum(not spec.hidden for spec in specs) == 12
    assert specs[-1].id == "metric:train/epoch"
    assert imported_charts([]) == ()
