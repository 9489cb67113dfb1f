"""The Import sheet: preview, mapping, bad rows, refusals, and what comes of it."""

from typing import Any

import pytest
from PySide6.QtCore import QPointF, Qt
from pytestqt.qtbot import QtBot

from backend.contract.errors import ErrorReply
from backend.contract.resources import DatasetRecord
from backend.contract.tasks import ROLES
from console.pages.import_data import ImportSheet
from console.tasks import ANY_TABLE, TASKS, role_name
from tests.console.pages.conftest import Desk

SAMPLES = {
    "items": [
        {"name": "movies", "title": "Movie reviews", "task": "text-classification", "rows": 3000, "licence": "MIT",
         "imported": False},
        {"name": "tweets", "title": "Tweets", "task": "text-classification", "rows": 800, "licence": "MIT",
         "imported": True},
    ]
}  # fmt: skip


def preview(**fields: Any) -> dict[str, Any]:
    known = {"path": "/data/t.csv", "format": "csv", "encoding": "utf-8", "columns": ["text", "label", "who"],
             "rows": [["good", "pos", "a"], ["bad", "neg", "b"]], "row_count": 2,
             "suggested_mapping": {"text": "text", "label": "label"}, "suggested_task": "text-classification",
             "suggested_name": "t", "bad_rows": []}  # fmt: skip
    return {**known, **fields}


@pytest.fixture
def sheet(desk: Desk, qtbot: QtBot) -> ImportSheet:
    made = ImportSheet(desk.context)
    qtbot.addWidget(made)
    made.resize(860, 780)
    made.show()
    return made


def choose(desk: Desk, sheet: ImportSheet, **fields: Any) -> None:
    sheet.choose("/data/t.csv")
    asked = desk.link.last("POST", "/datasets/preview")
    assert asked.body == {"path": "/data/t.csv"}
    asked.succeed(preview(**fields))


def test_a_file_is_looked_into_before_anything_is_kept(desk: Desk, sheet: ImportSheet) -> None:
    assert not sheet.primary.isEnabled()
    choose(desk, sheet)
    assert sheet.mapping.values() == {
        "name": "t", "task": "text-classification", "mapping": {"text": "text", "label": "label"},
    }  # fmt: skip
    assert sheet.table.columns() == ["text · Text", "label · Label", "who"]
    assert sheet.primary.text() == "Import 2 rows"
    sheet.submit()
    assert desk.link.last("POST", "/datasets").body == {
        "path": "/data/t.csv", "name": "t", "task": "text-classification",
        "mapping": {"text": "text", "label": "label"}, "skip_bad_rows": False,
    }  # fmt: skip
    assert sheet.primary.busy


def test_a_path_can_be_typed(desk: Desk, sheet: ImportSheet, qtbot: QtBot) -> None:
    qtbot.keyClicks(sheet.path.line, "/data/x.jsonl")
    qtbot.keyClick(sheet.path.line, Qt.Key.Key_Return)
    assert desk.link.last("POST", "/datasets/preview").body == {"path": "/data/x.jsonl"}


def test_built_in_data_is_one_click_away(desk: Desk, sheet: ImportSheet, qtbot: QtBot) -> None:
    desk.link.last("GET", "/datasets/samples").succeed(SAMPLES)
    samples = sheet.chooser.samples
    samples.resize(samples.width(), samples.sizeHint().height())
    place = QPointF(samples._rect(1).center()).toPoint()
    qtbot.mouseClick(samples, Qt.MouseButton.LeftButton, pos=place)
    assert desk.link.last("POST", "/datasets/preview").body == {"path": "sample://tweets"}


def test_rows_that_cannot_be_read_stand_in_the_way_until_skipped(desk: Desk, sheet: ImportSheet, qtbot: QtBot) -> None:
    choose(desk, sheet, bad_rows=[{"line": 3, "text": "has 5 columns, the header has 3"}])
    assert sheet.bad.isVisible()
    assert not sheet.primary.isEnabled()
    qtbot.mouseClick(sheet.bad.skip, Qt.MouseButton.LeftButton)
    assert sheet.primary.isEnabled()
    sheet.submit()
    assert desk.link.last("POST", "/datasets").body["skip_bad_rows"] is True


def test_a_missing_label_is_said_under_its_field(desk: Desk, sheet: ImportSheet) -> None:
    choose(desk, sheet, suggested_mapping={"text": "text"})
    assert sheet.mapping.fields["label"].error == "Choose a column for “Label”."
    assert not sheet.primary.isEnabled()
    sheet.mapping.roles["label"].setCurrentIndex(1)
    assert sheet.mapping.fields["label"].error == "text is used already."
    sheet.mapping.roles["label"].setCurrentIndex(2)
    assert sheet.primary.isEnabled()


def test_a_table_needs_no_columns_named(desk: Desk, sheet: ImportSheet) -> None:
    choose(desk, sheet)
    sheet.mapping.task.setCurrentIndex(sheet.mapping.task.findData("table"))
    assert set(sheet.mapping.roles) == {"text", "label", "split"}
    for box in sheet.mapping.roles.values():
        box.setCurrentIndex(0)
    assert sheet.mapping.values()["mapping"] == {}
    assert sheet.primary.isEnabled()


@pytest.mark.parametrize("task", list(ROLES))
def test_every_task_asks_for_its_roles_and_wants_the_needed_ones(desk: Desk, sheet: ImportSheet, task: str) -> None:
    columns = [f"c{n}" for n in range(6)]
    choose(desk, sheet, columns=columns, rows=[["1"] * 6], suggested_mapping={}, suggested_task="table")
    at = sheet.mapping.task.findData(task)
    assert sheet.mapping.task.itemText(at) == TASKS[task]
    sheet.mapping.task.setCurrentIndex(at)
    roles = ROLES[task] or ANY_TABLE
    assert list(sheet.mapping.roles) == [role.name for role in roles]
    for box in sheet.mapping.roles.values():
        box.setCurrentIndex(0)
    chosen = {}
    for number, role in enumerate(role for role in roles if role.needed):
        assert not sheet.primary.isEnabled()
        assert sheet.mapping.fields[role.name].error == f"Choose a column for “{role_name(task, role.name)}”."
        sheet.mapping.roles[role.name].setCurrentIndex(number + 1)
        chosen[role.name] = columns[number]
    assert sheet.primary.isEnabled()
    sheet.submit()
    assert desk.link.last("POST", "/datasets").body["mapping"] == chosen
    assert desk.link.last("POST", "/datasets").body["task"] == task


def test_another_task_finds_its_columns_by_their_names(desk: Desk, sheet: ImportSheet) -> None:
    choose(desk, sheet, columns=["question", "context", "answers", "y"], rows=[["a", "b", "c", "d"]],
           suggested_mapping={"text": "context", "label": "y"})  # fmt: skip
    sheet.mapping.task.setCurrentIndex(sheet.mapping.task.findData("question-answering"))
    wanted = {"question": "question", "context": "context", "answer": "answers"}
    assert sheet.mapping.values()["mapping"] == wanted
    assert sheet.table.columns() == ["question · Question", "context · Context", "answers · Answer", "y"]
    sheet.mapping.task.setCurrentIndex(sheet.mapping.task.findData("tabular"))
    assert sheet.mapping.values()["mapping"] == {"target": "y"}
    sheet.mapping.task.setCurrentIndex(sheet.mapping.task.findData("text-classification"))
    assert sheet.mapping.values()["mapping"] == {"text": "context", "label": "y"}


def test_a_refusal_of_the_mapping_stands_under_the_role_it_names(desk: Desk, sheet: ImportSheet) -> None:
    choose(desk, sheet, columns=["tokens", "tags"], rows=[["[]", "[]"]], suggested_task="token-classification",
           suggested_mapping={"tokens": "tokens", "tags": "tags"})  # fmt: skip
    sheet.submit()
    error = ErrorReply(kind="refused", code="data", text="t.csv, line 1: no column is mapped to tags.",
                       details={"field": "mapping"})  # fmt: skip
    desk.link.last("POST", "/datasets").call.fail(error)
    assert sheet.mapping.fields["tags"].error.endswith("no column is mapped to tags.")


def test_a_file_that_is_not_there_is_said_and_another_can_be_chosen(desk: Desk, sheet: ImportSheet) -> None:
    sheet.choose("/gone.csv")
    desk.link.last("POST", "/datasets/preview").refuse("There is no file /gone.csv.", "Give a path on this machine.")
    assert sheet.trouble.isVisible()
    assert sheet.trouble.title.text() == "There is no file /gone.csv."
    assert sheet.chooser.isVisible()


def test_a_refusal_names_file_and_line_once(desk: Desk, sheet: ImportSheet) -> None:
    choose(desk, sheet)
    sheet.submit()
    error = ErrorReply(kind="refused", code="data", text="the label is empty", fix="Fill it.",
                       details={"file": "/data/t.csv", "line": 7, "field": "mapping"})  # fmt: skip
    desk.link.last("POST", "/datasets").call.fail(error)
    assert sheet.trouble.title.text() == "t.csv, line 7: the label is empty"
    assert sheet.trouble.detail.text() == "Fill it."
    assert sheet.mapping.fields["label"].error == "the label is empty"
    assert not sheet.primary.busy
    assert sheet.mapping.isEnabled()


def test_the_new_version_is_shown(desk: Desk, sheet: ImportSheet) -> None:
    closed = []
    sheet.closed.connect(lambda: closed.append(True))
    choose(desk, sheet)
    sheet.submit()
    record = DatasetRecord(id="d9", name="t", task="text-classification", rows=2)
    desk.link.last("POST", "/datasets").succeed(record.model_dump(mode="json"))
    assert closed
    assert desk.places == ["dataset/d9"]
    assert desk.toasts == [("ok", "Imported t v1", "2 rows")]


def test_the_same_content_again_says_that_it_is_there(desk: Desk, sheet: ImportSheet) -> None:
    record = DatasetRecord(id="d9", name="t", task="text-classification", rows=2)
    desk.state.datasets["d9"] = record
    choose(desk, sheet)
    assert "Becomes t v2" in sheet.note.text()
    sheet.submit()
    desk.link.last("POST", "/datasets").succeed(record.model_dump(mode="json"))
    assert desk.toasts == [("info", "t v1 holds exactly this already", "2 rows")]


def test_an_answer_about_an_earlier_file_is_dropped(desk: Desk, sheet: ImportSheet) -> None:
    sheet.choose("/data/one.csv")
    first = desk.link.last("POST", "/datasets/preview")
    sheet.choose("/data/two.csv")
    first.succeed(preview(suggested_name="one"))
    assert sheet.preview is None


def test_a_dropped_path_is_read_at_once(desk: Desk, qtbot: QtBot) -> None:
    made = ImportSheet(desk.context, path="/data/t.csv")
    qtbot.addWidget(made)
    assert desk.link.last("POST", "/datasets/preview").body == {"path": "/data/t.csv"}
