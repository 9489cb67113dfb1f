"""The compare page: overlaid curves, the best in bold, config differences, registering the best."""

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from backend.contract.resources import RunRecord
from console.pages.compare import ComparePage
from console.pages.compare.facts import as_csv, best_value, config_rows, short_names
from console.settings import LAYOUTS
from console.sheets import RegisterSheet
from console.state.changes import Changes
from tests.console.pages.conftest import Desk
from tests.helpers.dragging import drop


def run(number: int, f1: float, loss: float, **fields: Any) -> RunRecord:
    known = {"id": f"r{number}", "name": f"movie-r{number}-s42", "recipe": "text_classification", "started_at": 900.0,
             "state": "completed", "model_ready": True, "settings": {"lora_rank": number, "seed": 42},
             "metrics": {"eval/f1": f1, "eval/loss": loss, "train/loss": loss}}  # fmt: skip
    return RunRecord(**{**known, **fields})


def series(run_id: str, values: list[Any]) -> dict[str, Any]:
    steps = list(range(1, len(values) + 1))
    data = {"steps": steps, "times": [900.0 + s for s in steps], "epochs": [], "values": values, "count": len(values)}
    return {"run_id": run_id, "series": {"eval/loss": data}, "next_event": 1}


@pytest.fixture
def page(desk: Desk, qtbot: QtBot) -> ComparePage:
    desk.state.loaded = True
    for record in (run(4, 0.93, 0.29), run(8, 0.94, 0.27), run(16, 0.92, 0.31)):
        desk.state.runs[record.id] = record
    page = ComparePage(desk.context)
    qtbot.addWidget(page)
    page.resize(1240, 860)
    page.show()
    page.open_target("r4,r8,r16")
    return page


def test_each_run_keeps_its_colour_in_every_chart(page: ComparePage) -> None:
    roles = [[series.role for series in chart.spec.series] for chart in page.curves.charts]
    assert len(roles) == 3
    assert all(row == roles[0] for row in roles)
    assert len(set(roles[0])) == 3


def test_values_at_the_crosshair_and_a_dash_where_a_run_has_ended(desk: Desk, page: ComparePage) -> None:
    desk.link.last("GET", "/runs/r4/series").succeed(series("r4", [0.9, 0.8]))
    desk.link.last("GET", "/runs/r8/series").succeed(series("r8", [0.9] * 39 + [0.25]))
    chart = page.curves.charts[0]
    page.curves.group.set_crosshair(40.0)
    values = chart.header_values()
    assert values["r8:eval/loss"] == "0.2500"
    assert values["r4:eval/loss"] == "—"
    assert chart.header.unit == "at step 40"


def test_live_points_follow_the_history_without_duplicates(desk: Desk, page: ComparePage) -> None:
    page.refresh(Changes(points={"r4": [("eval/loss", step, 900.0 + step, None, 0.5) for step in (2, 3)]}))
    desk.link.last("GET", "/runs/r4/series").succeed(series("r4", [0.9, 0.8]))
    found = page.curves.group.store.get("r4:eval/loss")
    assert list(found.column("step")) == [1, 2, 3]
    assert list(found.column("time")) == [1, 2, 3]  # since each run's own start


def test_the_best_is_registered_by_the_current_sort(desk: Desk, page: ComparePage, qtbot: QtBot) -> None:
    assert page.register.text() == "Register r8…"
    page.metrics.sort_by("name")
    assert page.register.text() == "Register r16…"
    qtbot.mouseClick(page.register, Qt.MouseButton.LeftButton)
    assert isinstance(desk.sheets[-1], RegisterSheet)
    qtbot.addWidget(desk.sheets[-1])


def test_an_eye_hides_a_run_in_every_chart(page: ComparePage, qtbot: QtBot) -> None:
    rect = page.metrics.visualRect(page.metrics.lines.index(0, 0))
    qtbot.mouseClick(page.metrics.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())
    assert all(f"r4:{key}" in chart.curves.off for chart, key in zip(page.curves.charts, page.curves.keys, strict=True))


def test_rows_are_reordered_and_colours_stay(page: ComparePage) -> None:
    before = {line.id: line.index for line in page.metrics.lines.rows()}
    page.metrics.moved.emit("r16", "r4")
    assert [line.id for line in page.metrics.lines.rows()] == ["r16", "r4", "r8"]
    assert {line.id: line.index for line in page.metrics.lines.rows()} == before
    assert page.target() == "r16,r4,r8"


def test_only_differences_are_shown_until_all_are_wanted(page: ComparePage, qtbot: QtBot) -> None:
    assert [line.id for line in page.config.lines.rows()] == ["", "lora_rank"]
    qtbot.mouseClick(page._only, Qt.MouseButton.LeftButton)
    assert {"recipe", "seed", "lora_rank"} <= {line.id for line in page.config.lines.rows()}


def test_fewer_than_two_runs_say_how_to_choose(desk: Desk, qtbot: QtBot) -> None:
    page = ComparePage(desk.context)
    qtbot.addWidget(page)
    page.open_target("nowhere")
    assert "press C" in page._holder.accessibleName()
    assert page.register.isHidden()


def test_runs_that_arrive_later_are_shown(desk: Desk, qtbot: QtBot) -> None:
    page = ComparePage(desk.context)
    qtbot.addWidget(page)
    page.open_target("a,b")
    for run_id in ("a", "b"):
        desk.state.runs[run_id] = run(1, 0.9, 0.3, id=run_id, name=run_id)
    page.refresh(Changes(runs={"a", "b"}))
    assert page.heading.text() == "Compare 2 runs"


def test_short_names_best_and_differences() -> None:
    assert short_names(["intent-lora-r16-s42", "intent-lora-r8-s42"]) == ["r16", "r8"]
    assert short_names(["a", "b-c"]) == ["a", "b-c"]
    runs = [run(4, 0.93, 0.29), run(8, 0.94, float("nan"))]
    assert best_value(runs, "eval/f1", True) == 0.94
    assert best_value(runs, "eval/loss", False) is None
    assert config_rows(runs, only_differences=True)[0] == [("lora_rank", ("4", "8"))]
    assert "'=x" in as_csv([run(1, 0.9, 0.3, name="=x")])


def test_dropped_runs_join_here_or_by_a_step_of_the_history(desk: Desk, page: ComparePage) -> None:
    desk.state.runs["r32"] = run(32, 0.9, 0.33)
    assert drop(page, page.rect().center(), "modeldeck://run/r32\nmodeldeck://run/r4")
    assert desk.places == ["compare/r4,r8,r16,r32"]
    desk.context.is_in_front = lambda _page: False  # in a window of its own
    assert drop(page, page.rect().center(), "modeldeck://run/r32")
    assert page.target() == "r4,r8,r16,r32"
    assert len(desk.places) == 1
    assert not drop(page, page.rect().center(), "modeldeck://model/a/1")


def test_a_comparison_is_pinned_and_unpinned(desk: Desk, page: ComparePage) -> None:
    pinned: dict[str, str] = {}
    desk.context.pin, desk.context.unpin = pinned.__setitem__, pinned.pop  # type: ignore[assignment]
    desk.context.is_pinned = lambda link: link in pinned
    for text in ("Pin", "Unpin"):
        action = next(a for a in page.actions() if a.id == "compare.pin")
        assert action.text == text
        assert action.shortcut == "P"
        action.callback()  # type: ignore[operator]
        assert pinned == ({"compare/r4,r8,r16": "Compare 3 runs"} if text == "Pin" else {})


@pytest.mark.parametrize("width", [1048, 1076, 1240])
def test_every_column_is_seen_without_scrolling_in_the_least_window(
    page: ComparePage, qtbot: QtBot, width: int
) -> None:
    """1048 is what a window of 1,100 leaves beside the collapsed rail."""
    page.resize(width, 700)
    assert page.metrics is not None
    assert page.config is not None
    for table in (page.metrics, page.config):
        qtbot.waitUntil(lambda table=table: table.horizontalScrollBar().maximum() == 0)
    assert page.metrics.viewport().width() >= page.metrics.needed_width()
    assert page.config.columnWidth(1) >= 84
    time = page.metrics.lines.columns.index(next(c for c in page.metrics.lines.columns if c.key == "time"))
    right = page.metrics.columnViewportPosition(time) + page.metrics.columnWidth(time)
    assert right <= page.metrics.viewport().width()


def with_own_metric(desk: Desk, page: ComparePage) -> None:
    for run_id in ("r4", "r8"):
        record = desk.state.runs[run_id]
        desk.state.runs[run_id] = record.model_copy(update={"metrics": {**record.metrics, "my/<b>score</b>": 0.5}})


def chosen(page: ComparePage, text: str) -> None:
    menu = QMenu(page)
    page.fill_chart_menu(menu)
    next(action for action in menu.actions() if action.text() == text).trigger()


def test_any_logged_metric_becomes_a_chart_and_is_remembered(desk: Desk, page: ComparePage, qtbot: QtBot) -> None:
    with_own_metric(desk, page)
    chosen(page, "my/<b>score</b>")
    assert page.curves.keys[-1] == "my/<b>score</b>"
    asked = desk.link.last("GET", "/runs/r4/series")
    assert asked.query["keys"] == "my/<b>score</b>"
    # what comes while its history is read follows it
    page.refresh(Changes(points={"r4": [("my/<b>score</b>", step, 900.0 + step, None, 0.1) for step in (2, 3)]}))
    data = {"steps": [1, 2], "times": [901.0, 902.0], "epochs": [], "values": [0.5, 0.6], "count": 2}
    asked.succeed({"run_id": "r4", "series": {"my/<b>score</b>": data}, "next_event": 1})
    assert list(page.curves.group.store.get("r4:my/<b>score</b>").values) == [0.5, 0.6, 0.1]
    again = ComparePage(desk.context)
    qtbot.addWidget(again)
    again.open_target("r4,r8")
    assert again.curves.keys[-1] == "my/<b>score</b>"
    chosen(again, "Reset layout")
    assert again.curves.keys == ["eval/loss", "eval/f1", "train/loss", "my/<b>score</b>"]  # most runs have it
    assert desk.context.settings.entry(LAYOUTS, "compare") is None


def test_a_hidden_chart_stays_hidden_and_comes_back_by_the_menu(desk: Desk, page: ComparePage, qtbot: QtBot) -> None:
    page._on_eye("r4")
    page.curves.charts[0].hide_requested.emit()
    assert page.curves.keys == ["eval/f1", "train/loss"]
    again = ComparePage(desk.context)
    qtbot.addWidget(again)
    again.open_target("r4,r8")
    assert again.curves.keys == ["eval/f1", "train/loss"]
    chosen(page, "eval/loss")
    assert page.curves.keys == ["eval/f1", "train/loss", "eval/loss"]
    assert "r4:eval/loss" in page.curves.charts[-1].curves.off  # its run is hidden here, too
    for chart in page.curves.charts:
        chart.hide_requested.emit()
    assert len(page.curves.keys) == 1
    assert desk.toasts[-1][1] == "The last chart stays"


def test_what_was_kept_by_other_hands_is_passed_over(desk: Desk, qtbot: QtBot) -> None:
    desk.context.settings.set_entry(LAYOUTS, "compare", {"added": [3, "gone"], "hidden": "eval/loss"})
    for record in (run(1, 0.9, 0.3), run(2, 0.9, 0.3)):
        desk.state.runs[record.id] = record
    page = ComparePage(desk.context)
    qtbot.addWidget(page)
    page.open_target("r1,r2")
    assert page.curves.keys == ["eval/loss", "eval/f1", "train/loss"]


def test_a_chart_fills_the_page_and_gives_it_back(page: ComparePage, qtbot: QtBot) -> None:
    first, second = page.curves.charts[:2]
    qtbot.keyClick(first, Qt.Key.Key_Return)
    assert [chart.isVisible() for chart in page.curves.charts] == [True, False, False]
    assert page.metrics is not None
    assert not page.metrics.isVisible()
    qtbot.keyClick(first, Qt.Key.Key_Escape)
    assert second.isVisible()
    assert page.metrics.isVisible()


def test_a_copy_asks_every_run_for_its_points(desk: Desk, page: ComparePage, qtbot: QtBot) -> None:
    from console.charts.table import copy_data

    for run_id, many in (("r4", 90_000), ("r8", 2), ("r16", 2)):
        body = series(run_id, [0.5, 0.25])
        body["series"]["eval/loss"]["count"] = many
        desk.link.last("GET", f"/runs/{run_id}/series").succeed(body)
    page.curves.group.set_axis("time")
    assert page.curves.group.range == (1.0, 2.0)
    desk.link.asked.clear()
    dialog = copy_data(page.curves.charts[0])
    assert dialog is not None
    for _ in range(2):  # how many there are, then the points
        asked, desk.link.asked = desk.link.asked, []
        assert [one.path for one in asked] == [f"/runs/{run_id}/series" for run_id in ("r4", "r8", "r16")]
        assert (asked[0].query["from"], asked[0].query["to"]) == (901.0, 902.0)
        for one in asked:
            one.succeed(series(one.path.split("/")[2], [0.5, 0.25]))
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0] == "time\tmovie-r4-s42\tmovie-r8-s42\tmovie-r16-s42"
    assert lines[1:] == ["1.0\t0.5\t0.5\t0.5", "2.0\t0.25\t0.25\t0.25"]
