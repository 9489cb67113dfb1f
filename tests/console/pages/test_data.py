"""The Data page with real clicks: list, quality, rows read by page, split, versions, drop, remove."""

from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from pytestqt.qtbot import QtBot

from backend.contract.resources import DatasetProblem, DatasetRecord, RunRecord
from console.pages.data import DataPage
from console.pages.data import words as data_words
from console.pages.data.page import RemoveSheet
from console.pages.data.quality import ProblemRow
from console.pages.data.rows import PAGE, RowsView
from console.state.changes import Changes
from tests.console.pages.conftest import Desk

NOW = 1_795_000_000.0
PROFILE = {"length_edges": [0, 10, 20, 40], "length_histogram": [0, 5, 3, 0], "length_characters": {"p50": 14},
           "languages": {"en": 990, "de": 10}, "format": "csv", "encoding": "utf-8"}  # fmt: skip
PROBLEMS = (
    DatasetProblem(code="imbalance", text="'pos' has 950 rows, 'neg' only 50.", count=50, sample=("neg",)),
    DatasetProblem(code="personal_data", text="2 rows hold what looks like personal data: email 2.", count=2,
                   sample=("j•••@•••.com",)),
)  # fmt: skip


def dataset(dataset_id: str, **fields: Any) -> DatasetRecord:
    known = {"id": dataset_id, "name": "tickets", "version": 1, "task": "text-classification", "rows": 1000,
             "columns": ("text", "label", "who"), "mapping": {"text": "text", "label": "label"},
             "labels": {"pos": 950, "neg": 50}, "created_at": NOW - 600, "profile": PROFILE, "problems": PROBLEMS,
             "sha256": "f" * 64, "source": "/data/tickets.csv"}  # fmt: skip
    return DatasetRecord(**{**known, **fields})


def show(desk: Desk, qtbot: QtBot, *datasets: DatasetRecord) -> DataPage:
    desk.context.clock = lambda: NOW
    desk.state.loaded = True
    for one in datasets:
        desk.state.datasets[one.id] = one
    page = DataPage(desk.context)
    qtbot.addWidget(page)
    page.resize(1240, 820)
    page.show()
    return page


def rows(start: int, count: int, total: int) -> dict[str, Any]:
    items = [
        {"row": n, "text": f"text {n}", "label": "pos", "who": "x"} for n in range(start, min(total, start + count))
    ]
    return {"items": items, "total": total, "start": start, "columns": ["text", "label", "who"]}


def test_the_newest_version_stands_for_its_name(desk: Desk, qtbot: QtBot) -> None:
    page = show(desk, qtbot, dataset("a"), dataset("b", version=2, rows=1200), dataset("c", name="other", problems=()))
    items = {item.key: item for item in page.pane.items.items()}
    assert set(items) == {"tickets", "other"}
    assert items["tickets"].right == "v2"
    assert items["tickets"].icon == ("triangle-alert", "warn")
    assert items["other"].icon == ("circle-check", "ok")
    page.open_target("tickets")
    assert page.target() == "b"
    assert "200 rows more than v1" in page.head.line.text()
    assert page.head.pill.word == "2 things to fix"


def test_problems_are_told_with_masked_samples_and_lead_to_rows(desk: Desk, qtbot: QtBot) -> None:
    page = show(desk, qtbot, dataset("a"))
    assert page.quality.labels.note.text() == "neg is 5.0%"
    found = page.quality.findChildren(ProblemRow)
    assert len(found) == 2
    page.quality.label_wanted.emit("neg")
    assert page.tabs.value == "rows"
    asked = [a for a in desk.link.asked if a.path == "/datasets/a/rows" and a.query.get("find")]
    assert asked[-1].query == {"start": 0, "count": PAGE, "find": "neg"}


def test_problem_words() -> None:
    record = dataset("a")
    assert data_words.problem_title(PROBLEMS[0]) == "Label neg has 50 rows"
    assert data_words.problem_detail(PROBLEMS[0], record) == "pos has 950"
    assert data_words.problem_detail(PROBLEMS[1], record).endswith("email 2")
    unknown = DatasetProblem(code="later", text="Something new.", count=1)
    assert data_words.problem_title(unknown) == "Something new."
    assert data_words.problem_detail(unknown, record) == ""


def test_rows_are_read_by_page_as_they_come_into_view(desk: Desk, qtbot: QtBot) -> None:
    view = RowsView(desk.context)
    qtbot.addWidget(view)
    view.resize(900, 500)
    view.show()
    view.show_dataset(dataset("a", rows=100_000))
    qtbot.waitUntil(lambda: bool(desk.link.asked))
    first = desk.link.last("GET", "/datasets/a/rows")
    assert first.query == {"start": 0, "count": PAGE}
    first.succeed(rows(0, PAGE, 100_000))
    assert view.model.columns[1].shown(view.model.row_at(3)) == "text 3"
    assert view.model.rowCount() == 100_000
    view.table.scrollTo(view.model.index(60_000, 0))
    qtbot.waitUntil(lambda: desk.link.asked[-1].query["start"] > 59_000)
    assert len(desk.link.asked) < 6, "a jump must not read what lies between"


AWAY = "Backend does not answer. Rows are read as soon as it does."


def test_rows_that_cannot_be_read_say_why_and_come_when_the_backend_is_back(desk: Desk, qtbot: QtBot) -> None:
    desk.context.offline = lambda: not desk.state.online
    view = RowsView(desk.context)
    qtbot.addWidget(view)
    view.resize(900, 500)
    view.show()
    desk.state.lost()
    view.show_dataset(dataset("a", rows=100_000))
    qtbot.waitUntil(lambda: view.table._empty_text == AWAY)
    assert view.model.rowCount() == 0  # no stripes without a reason
    desk.state.connected()
    view.retry()
    qtbot.waitUntil(lambda: bool(desk.link.asked))
    desk.link.last("GET", "/datasets/a/rows").succeed(rows(0, PAGE, 100_000))
    assert view.model.rowCount() == 100_000
    assert view.panel.subtitle.text() == "100,000"
    desk.state.lost()
    view.table.scrollTo(view.model.index(60_000, 0))
    qtbot.waitUntil(lambda: view.panel.subtitle.text() == f"100,000 · {AWAY}")
    assert view.model.row_at(3)["text"] == "text 3"  # what was read can be read on
    desk.state.connected()
    view.retry()
    assert view.panel.subtitle.text() == "100,000"
    qtbot.waitUntil(lambda: desk.link.asked[-1].query["start"] > 59_000)
    desk.link.asked[-1].refuse("The file is damaged.")
    assert view.panel.subtitle.text() == "100,000 · The file is damaged."


def test_a_split_that_cannot_be_read_says_why(desk: Desk, qtbot: QtBot) -> None:
    desk.context.offline = lambda: not desk.state.online
    desk.state.lost()
    page = show(desk, qtbot, dataset("a"), dataset("b", name="other"))
    page.tabs.choose("split")
    assert page.split._failed.text.text() == "Backend does not answer."
    assert page.split._stack.currentWidget() is page.split._failed
    page.refresh(desk.state.connected())
    assert page.split._stack.currentWidget() is page.split._skeleton


def test_an_answer_to_an_older_search_is_dropped(desk: Desk, qtbot: QtBot) -> None:
    view = RowsView(desk.context)
    qtbot.addWidget(view)
    view.show_dataset(dataset("a"))
    view.search("one")
    old = desk.link.last("GET", "/datasets/a/rows")
    view.search("two")
    new = desk.link.last("GET", "/datasets/a/rows")
    new.succeed(rows(0, 3, 3))
    old.succeed(rows(0, 7, 7))
    assert view.model.total == 3
    assert view.panel.subtitle.text() == "3 of 1,000 hold “two”"


def test_split_shows_what_a_run_would_use(desk: Desk, qtbot: QtBot) -> None:
    page = show(desk, qtbot, dataset("a"))
    page._open_tab("split")
    parts = [{"name": name, "rows": n, "labels": {"pos": n - 5, "neg": 5}}
             for name, n in (("train", 800), ("validation", 100), ("test", 100))]  # fmt: skip
    body = {"supported": True, "given": False, "seed": 13, "validation_fraction": 0.1, "test_fraction": 0.1,
            "drop_duplicates": True, "parts": parts, "duplicates": 4, "removed": 4, "samples": ["a"],
            "problem": None}  # fmt: skip
    desk.link.last("GET", "/datasets/a/split").succeed(body)
    assert page.split.shares.subtitle.text() == "1,000 rows"
    assert [row["train"] for row in page.split.table_model.rows()] == [795, 5]
    count = len(desk.link.asked)
    page._open_tab("quality")
    page._open_tab("split")
    assert len([a for a in desk.link.asked[count:] if a.path.endswith("/split")]) == 0


def test_a_split_that_cannot_be_read_offers_another_try(desk: Desk, qtbot: QtBot) -> None:
    page = show(desk, qtbot, dataset("a"))
    page._open_tab("split")
    desk.link.last("GET", "/datasets/a/split").refuse("The stored data is damaged.")
    assert page.split._failed.isVisible()
    assert page.split._failed.text.text() == "The stored data is damaged."
    qtbot.mouseClick(page.split._again, Qt.MouseButton.LeftButton)
    desk.link.last("GET", "/datasets/a/split").succeed({"supported": False})
    assert page.split._none.isVisible()


def test_versions_say_what_changed_and_who_used_them(desk: Desk, qtbot: QtBot) -> None:
    desk.state.runs["r"] = RunRecord(id="r", name="run-1", recipe="t", state="completed", dataset_id="b")
    page = show(desk, qtbot, dataset("a"), dataset("b", version=2, rows=1100, labels={"pos": 950, "neg": 150}))
    page._open_tab("versions")
    assert page.versions.change.title.text() == "What v2 changed against v1"
    assert data_words.label_changes(page.record, desk.state.datasets["a"]) == [("neg", 50, 150)]
    assert [run.id for run in page.versions.runs_model.rows()] == ["r"]
    page.versions.timeline.step(1)
    assert page.target() == "a"
    page.versions.runs_table.opened.emit(desk.state.runs["r"])
    assert desk.places == ["run/r"]


def test_a_used_version_cannot_be_removed_and_a_free_one_asks_first(desk: Desk, qtbot: QtBot) -> None:
    desk.state.runs["r"] = RunRecord(id="r", name="run-1", recipe="t", state="completed", dataset_id="a")
    page = show(desk, qtbot, dataset("a"))
    assert not page.head.remove.isEnabled()
    assert "run-1" in page.head.remove.toolTip()
    desk.state.runs.clear()
    page.refresh(Changes(runs={"r"}))
    qtbot.mouseClick(page.head.remove, Qt.MouseButton.LeftButton)
    sheet = desk.sheets[-1]
    assert isinstance(sheet, RemoveSheet)
    qtbot.addWidget(sheet)
    sheet.submit()
    assert desk.link.last("DELETE", "/datasets/a")


def test_train_and_import_start_their_sheets(desk: Desk, qtbot: QtBot) -> None:
    page = show(desk, qtbot, dataset("a"))
    qtbot.mouseClick(page.head.train, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(page.head.add, Qt.MouseButton.LeftButton)
    assert desk.started == [("run.new", {"dataset": "a"}), ("data.import", {})]


def test_a_dropped_file_opens_the_import_sheet(desk: Desk, qtbot: QtBot) -> None:
    page = show(desk, qtbot, dataset("a"))
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/data/new.csv")])
    place = QPointF(600, 400)
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    page.dropEvent(QDropEvent(place, Qt.DropAction.CopyAction, data, buttons, keys))
    assert desk.started == [("data.import", {"path": "/data/new.csv"})]


def test_no_data_offers_file_and_sample(desk: Desk, qtbot: QtBot) -> None:
    page = show(desk, qtbot)
    assert page._empty.isVisible()
    qtbot.mouseClick(page._first_sample, Qt.MouseButton.LeftButton)
    assert desk.started == [("data.import", {"samples": True})]


def test_what_was_just_imported_is_shown_when_the_feed_tells_it(desk: Desk, qtbot: QtBot) -> None:
    page = show(desk, qtbot, dataset("a"))
    page.open_target("fresh")
    assert page.target() == "a"
    desk.state.datasets["fresh"] = dataset("fresh", name="fresh")
    page.refresh(Changes(datasets={"fresh"}))
    assert page.target() == "fresh"


@pytest.mark.parametrize("offline", [True, False])
def test_offline_disables_with_the_reason(desk: Desk, qtbot: QtBot, offline: bool) -> None:
    desk.context.offline = lambda: offline
    page = show(desk, qtbot, dataset("a"))
    assert page.head.add.isEnabled() is not offline
    assert ("Backend does not answer." in page.head.train.toolTip()) is offline


def test_the_find_field_is_not_cut_by_the_header_it_stands_in(desk: Desk, qtbot: QtBot) -> None:
    view = RowsView(desk.context)
    qtbot.addWidget(view)
    view.resize(900, 500)
    view.show()
    field = view.needle
    assert field.parentWidget().rect().contains(field.geometry())
