"""The compare page: overlaid curves, the best in bold, config differences, registering the best."""

from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from backend.contract.resources import RunRecord
from console.pages.compare import ComparePage
from console.pages.compare.facts import as_csv, best_value, config_rows, short_names
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
    assert all(
        f"r4:{key}" in chart.curves.off for chart, key in zip(page.curves.charts, page.curves._keys, strict=True)
    )


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
