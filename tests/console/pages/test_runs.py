"""The runs page with real clicks and keys: filter, ticks, groups, queue, undo."""

from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from backend.contract.resources import RunRecord
from console.pages.runs import RunsPage
from console.pages.runs.columns import progress_of
from console.pages.runs.export import as_csv, as_json
from console.pages.runs.groups import GroupHead
from console.settings import FILTERS
from console.sheets import TagSheet
from console.sheets.tags import split_tags
from console.state.changes import Changes
from tests.console.pages.conftest import Desk
from tests.helpers.dragging import drop, given_away, press_and_move

ALL = Changes(everything=True)
# The offscreen platform cannot raise a completion list or a menu, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


def run(number: int, **fields: Any) -> RunRecord:
    known = {"id": f"r{number}", "name": f"movie-{number}", "recipe": "text_classification", "state": "completed",
             "created_at": 1000.0 - number, "started_at": 500.0, "model_ready": True}  # fmt: skip
    return RunRecord(**{**known, **fields})


def fill(desk: Desk, *runs: RunRecord) -> None:
    desk.state.loaded = True
    for record in runs:
        desk.state.runs[record.id] = record


@pytest.fixture
def page(desk: Desk, qtbot: QtBot) -> RunsPage:
    fill(
        desk,
        run(1, state="running", step=70, total_steps=100, tags=("a",), spark=(3.0, 2.0), metrics={"eval/f1": 0.9}),
        run(2, state="queued", queue_position=1, started_at=None),
        run(3, state="queued", queue_position=2, started_at=None),
        run(4, tags=("a", "b"), metrics={"eval/f1": 0.95, "eval/loss": 0.2}, base_model="starter"),
        run(5, metrics={"eval/f1": 0.91}, base_model="starter"),
    )
    page = RunsPage(desk.context)
    qtbot.addWidget(page)
    page.resize(1200, 800)
    page.refresh(ALL)
    page.show()
    return page


def click_cell(qtbot: QtBot, page: RunsPage, run_id: str, key: str) -> None:
    place = page.model.place_of(run_id)
    assert place is not None
    column = next(i for i, c in enumerate(page.model.columns) if c.key == key)
    rect = page.view.visualRect(page.model.index(place, column))
    qtbot.mouseClick(page.view.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())


def shown(page: RunsPage) -> list[str]:
    return [row.id for row in page.model.rows()]


def action(page: RunsPage, name: str) -> Any:
    return next(a for a in page.actions() if a.id == name)


def test_typing_filters_and_an_empty_match_offers_the_way_back(desk: Desk, page: RunsPage, qtbot: QtBot) -> None:
    page.focus_filter()
    QTest.keyClicks(page.filter.line, "f1>0.92")
    qtbot.waitUntil(lambda: shown(page) == ["r4"])
    page.filter.set_text("f1>0.99")
    assert page._stack.currentWidget() is page._no_match
    page.filter.clear()
    assert len(shown(page)) == 5


def test_ticks_raise_the_bar_and_compare_takes_them_in_order(desk: Desk, page: RunsPage, qtbot: QtBot) -> None:
    assert not page.compare_button.isEnabled()
    for run_id in ("r5", "r4"):
        click_cell(qtbot, page, run_id, "tick")
    assert page.bulk.isVisible()
    qtbot.mouseClick(page._bulk_buttons["runs.compare"], Qt.MouseButton.LeftButton)
    assert desk.places == ["compare/r4,r5"]


def test_enter_and_double_click_open(desk: Desk, page: RunsPage, qtbot: QtBot) -> None:
    page.view.select_id("r4")
    qtbot.keyClick(page.view, Qt.Key.Key_Return)
    assert desk.places == ["run/r4"]


def test_archive_is_asked_only_for_ended_runs_and_undone(desk: Desk, page: RunsPage) -> None:
    undo = []
    desk.context.toast = lambda *_a, **more: undo.append(more["undo"])
    page.model.set_ticked(["r1", "r4"])
    assert action(page, "runs.archive").reason() == ""
    page.chosen.archive()
    assert [a.path for a in desk.link.asked if a.body == {"archived": True}] == ["/runs/r4"]
    undo[0]()
    assert desk.link.last("PATCH", "/runs/r4").body == {"archived": False}
    desk.state.runs["r4"] = run(4, archived=True)
    page.refresh(ALL)
    assert "r4" not in shown(page)


def test_groups_have_a_head_with_the_best_and_fold_with_a_click(page: RunsPage, qtbot: QtBot) -> None:
    page.group_by("model")
    heads = [row for row in page.model.rows() if isinstance(row, GroupHead)]
    assert {head.title.partition("  ")[0]: head.best for head in heads} == {"no base model": 0.9, "starter": 0.95}
    starter = next(head for head in heads if head.best == 0.95)
    rect = page.view.visualRect(page.model.index(page.model.place_of(starter.id) or 0, 2))
    qtbot.mouseClick(page.view.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())
    assert "r4" not in shown(page)
    assert "r1" in shown(page)
    page.model.tick_all(True)
    assert all(str(ticked).startswith("r") for ticked in page.model.ticked)


def test_the_queue_is_reordered_by_menu_and_by_drop(desk: Desk, page: RunsPage) -> None:
    page.view.select_id("r3")
    page.chosen.move(-1)
    assert desk.link.last("POST", "/runs/r3/move").body == {"position": 1}
    page.view.queue_moved.emit("r2", "r3")
    assert desk.link.last("POST", "/runs/r2/move").body == {"position": 2}


def test_progress_says_what_the_state_means(page: RunsPage) -> None:
    live = progress_of(run(1, state="running", step=70, total_steps=100), lambda _r: "")
    failed = progress_of(run(1, state="failed", step=12, total_steps=100), lambda _r: "")
    assert (live.text, live.active) == ("70%", True)
    assert (failed.text, failed.active) == ("12%", False)
    assert progress_of(run(1, step=100, total_steps=100), lambda _r: "") is None
    assert page._wait_text(run(3, state="queued", queue_position=2)) == "place 2 in line"


def test_only_running_sparklines_are_coloured(page: RunsPage) -> None:
    spark = next(c for c in page.model.columns if c.key == "spark")
    assert [spark.role(row) for row in page.model.rows()] == ["train", None, None, None, None]


def test_tags_are_added_and_half_ticked_ones_stay(desk: Desk, page: RunsPage, qtbot: QtBot) -> None:
    page.model.set_ticked(["r4", "r5"])
    page.chosen.tag()
    sheet = desk.sheets[-1]
    assert isinstance(sheet, TagSheet)
    qtbot.addWidget(sheet)
    QTest.keyClicks(sheet._new, "x, y")
    sheet.submit()
    assert desk.link.last("PATCH", "/runs/r4").body == {"tags": ["a", "b", "x", "y"]}
    assert desk.link.last("PATCH", "/runs/r5").body == {"tags": ["x", "y"]}
    assert split_tags("a, b a") == ("a", "b")


def test_an_empty_list_offers_a_run_and_the_sample(desk: Desk, qtbot: QtBot) -> None:
    desk.state.loaded = True
    page = RunsPage(desk.context)
    qtbot.addWidget(page)
    page.refresh(ALL)
    page.show()
    qtbot.mouseClick(page.try_sample, Qt.MouseButton.LeftButton)
    asked = desk.link.last("POST", "/datasets")
    assert asked.body == {"path": "sample://sentiment_en_movie"}
    asked.succeed({"id": "d1"})
    assert desk.started == [("run.new", {"dataset": "d1"})]


def test_before_anything_is_read_blocks_stand_in_the_layout(desk: Desk, qtbot: QtBot) -> None:
    page = RunsPage(desk.context)
    qtbot.addWidget(page)
    page.refresh(ALL)
    assert page._stack.currentWidget() is page._skeleton


def test_five_thousand_rows_are_filtered_and_sorted_in_place(desk: Desk, page: RunsPage) -> None:
    fill(desk, *(run(n, metrics={"eval/f1": n / 5000}) for n in range(10, 5010)))
    page.refresh(ALL)
    page.view.sort_by("eval/f1")
    assert shown(page)[0] == "r5009"
    page.filter.set_text("f1>0.5 movie-499")
    assert len(shown(page)) == 10
    QApplication.processEvents()


def test_export_defuses_formulas_and_names_what_is_not_a_number() -> None:
    records = [run(1, name="=1+1", metrics={"eval/f1": float("nan")}, settings={"seed": 7})]
    assert "'=1+1" in as_csv(records)
    assert '"nan"' in as_json(records)


def test_a_menu_of_a_row_acts_on_that_row(desk: Desk, page: RunsPage) -> None:
    page._on_row_menu(desk.state.runs["r5"], QPoint(10, 10))
    assert [r.id for r in page.chosen_runs()] == ["r5"]
    QApplication.activePopupWidget().close()


def test_ticked_runs_are_dragged_together_onto_compare(desk: Desk, page: RunsPage, monkeypatch: Any) -> None:
    page.model.set_ticked(["r4", "r5"])
    rect = page.view.visualRect(page.model.index(page.model.place_of("r5") or 0, 2))
    with given_away(monkeypatch) as texts:
        press_and_move(page.view.viewport(), rect.center(), rect.center() + QPoint(0, 40))
    assert texts == ["modeldeck://run/r4\nmodeldeck://run/r5"]
    page.model.set_ticked(["r1"])
    assert not page.compare_button.isEnabled()
    assert drop(page.compare_zone, QPoint(5, 5), texts[0])
    assert desk.places == ["compare/r1,r4,r5"]
    assert not drop(page.compare_zone, QPoint(5, 5), "modeldeck://model/a/1")


def test_one_run_on_compare_is_ticked_and_waits_for_another(desk: Desk, page: RunsPage) -> None:
    assert drop(page.compare_zone, QPoint(5, 5), "modeldeck://run/r4")
    assert (list(page.model.ticked), desk.places) == (["r4"], [])
    assert page.bulk.isVisible()


# ---- by mouse and keys, as UI.md section 13 items 6 and 16 ---------------------------------------


def click_head(qtbot: QtBot, page: RunsPage, key: str, *, shift: bool = False) -> None:
    head = page.view.head
    logical = next(i for i, c in enumerate(page.model.columns) if c.key == key)
    at = QPoint(head.sectionViewportPosition(logical) + 14, head.height() // 2)
    held = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
    qtbot.mouseClick(head.viewport(), Qt.MouseButton.LeftButton, held, at)


def test_shift_adds_a_second_column_to_the_sort(desk: Desk, page: RunsPage, qtbot: QtBot) -> None:
    fill(desk, run(6, base_model="bert", metrics={"eval/f1": 0.91}), run(7, base_model="bert", metrics={}))
    page.refresh(ALL)
    click_head(qtbot, page, "eval/f1")
    click_head(qtbot, page, "name", shift=True)
    assert [key for key, _ in page.model.sorts] == ["eval/f1", "name"]
    assert shown(page)[:4] == ["r4", "r5", "r6", "r1"]
    click_head(qtbot, page, "name", shift=True)
    assert shown(page)[:4] == ["r4", "r6", "r5", "r1"]


def test_control_and_shift_click_choose_rows_and_c_compares_them(desk: Desk, page: RunsPage, qtbot: QtBot) -> None:
    def click(run_id: str, held: Qt.KeyboardModifier) -> None:
        place = page.model.place_of(run_id)
        assert place is not None
        column = next(i for i, c in enumerate(page.model.columns) if c.key == "name")
        at = page.view.visualRect(page.model.index(place, column)).center()
        qtbot.mouseClick(page.view.viewport(), Qt.MouseButton.LeftButton, held, at)

    click("r4", Qt.KeyboardModifier.ControlModifier)
    click("r5", Qt.KeyboardModifier.ControlModifier)
    assert {r.id for r in page.chosen_runs()} == {"r4", "r5"}
    action(page, "runs.compare").callback()
    assert set(desk.places[-1].removeprefix("compare/").split(",")) == {"r4", "r5"}


def test_a_filter_is_completed_saved_as_a_chip_and_used_again(desk: Desk, page: RunsPage, qtbot: QtBot) -> None:
    line = page.filter.line
    line.setFocus()
    qtbot.keyClicks(line, "tag:")
    assert {"tag:a", "tag:b"} <= set(page.filter._completions.stringList())
    qtbot.keyClicks(line, "b")
    qtbot.keyClick(line, Qt.Key.Key_Escape) if QApplication.activePopupWidget() else None
    page.filter.set_text("tag:b")
    assert shown(page) == ["r4"]
    qtbot.keyClick(line, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    assert desk.context.settings.entry(FILTERS, "runs", []) == ["tag:b"]
    page.filter.clear()
    assert len(shown(page)) == 5
    chip = next(w for w in page.filter.findChildren(QWidget) if page.filter._chip_layout.indexOf(w) == 0)
    qtbot.mouseClick(chip, Qt.MouseButton.LeftButton)
    assert shown(page) == ["r4"]


def test_columns_are_dragged_hidden_and_kept(desk: Desk, page: RunsPage, qtbot: QtBot) -> None:
    head = page.view.head
    logical = next(i for i, c in enumerate(page.model.columns) if c.key == "duration")
    head.moveSection(head.visualIndex(logical), 3)
    head.resizeSection(logical, 133)
    page.on_hidden()
    again = RunsPage(desk.context)
    qtbot.addWidget(again)
    assert again.view.head.visualIndex(logical) == 3
    assert again.view.head.sectionSize(logical) == 133


def test_a_menu_opens_by_key(page: RunsPage, qtbot: QtBot) -> None:
    page.view.select_id("r4")
    page.view.setFocus()
    qtbot.keyClick(page.view, Qt.Key.Key_F10, Qt.KeyboardModifier.ShiftModifier)
    menu = QApplication.activePopupWidget()
    assert menu is not None
    menu.close()


def test_the_table_follows_less_often_where_it_takes_long(page: RunsPage, monkeypatch: pytest.MonkeyPatch) -> None:
    import console.pages.runs.page as module

    times = iter((10.0, 10.3))
    monkeypatch.setattr(module, "monotonic", lambda: next(times))
    page._show_runs()
    assert page._due.interval() == 1500
