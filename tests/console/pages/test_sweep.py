"""Parallel coordinates of a sweep: brushing, dragging axes, log axes, by mouse and by keys."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from backend.contract.resources import RunRecord
from console.pages.compare import ComparePage
from console.pages.compare.parallel import TOP, Parallel
from console.pages.compare.sweep import Axis, first_axes, members, possible_axes
from console.settings import LAYOUTS
from console.state.changes import Changes
from tests.console.pages.conftest import Desk

LEFT = Qt.MouseButton.LeftButton
pytestmark = pytest.mark.qt_log_ignore(r"does not support (raise|grabbing the keyboard)", extend=True)  # menus


def run(number: int, **fields: Any) -> RunRecord:
    settings = {
        "lora_rank": 4 * 2 ** (number % 5), "learning_rate": (5e-5, 1e-4, 2e-4, 4e-4)[number % 4],
        "batch_size": (16, 32, 64)[number % 3], "dropout": (0.0, 0.05, 0.1)[number % 3 - 1], "seed": 42,
        "method": ("full", "lora")[number % 2],
    }  # fmt: skip
    known = {
        "id": f"r{number}", "name": f"intent-{number}", "recipe": "text_classification", "started_at": 900.0,
        "state": "completed", "model_ready": True, "settings": settings, "tags": ("sweep-4",),
        "metrics": {"eval/f1": 0.92 + 0.001 * number, "eval/loss": 0.3 - 0.002 * number},
    }  # fmt: skip
    return RunRecord(**{**known, **fields})


@pytest.fixture
def page(desk: Desk, qtbot: QtBot) -> ComparePage:
    desk.state.loaded = True
    for number in range(28):
        desk.state.runs[f"r{number}"] = run(number)
    page = ComparePage(desk.context)
    qtbot.addWidget(page)
    page.resize(1236, 1100)
    page.show()
    page.open_target("r1,r4,r7")
    qtbot.waitExposed(page)
    return page


def plot_of(page: ComparePage) -> Parallel:
    assert page.sweep is not None
    return page.sweep.plot


def index_of(plot: Parallel, key: str) -> int:
    return [axis.key for axis in plot.axes].index(key)


def drag(qtbot: QtBot, plot: Parallel, start: QPoint, end: QPoint) -> None:
    qtbot.mousePress(plot, LEFT, pos=start)
    for share in (0.3, 0.7, 1.0):
        qtbot.mouseMove(plot, start + (end - start) * share)
    qtbot.mouseRelease(plot, LEFT, pos=end)


def on_axis(plot: Parallel, key: str, place: float) -> QPoint:
    return QPoint(round(plot.axis_x(index_of(plot, key))), round(plot.row_of(place)))


# ---- which runs, which axes --------------------------------------------------------------------


def test_all_runs_of_the_sweep_and_all_that_differs(page: ComparePage) -> None:
    plot = plot_of(page)
    assert len(plot.ids) == 28
    keys = [axis.key for axis in plot.axes]
    assert keys == ["lora_rank", "learning_rate", "batch_size", "dropout", "method", "eval/f1"]
    logs = {axis.key: axis.log for axis in plot.axes}
    assert logs["lora_rank"]
    assert logs["learning_rate"]
    assert not logs["dropout"]
    assert page.sweep is not None
    assert page.sweep.subtitle.text() == "sweep-4 · 28 runs · drag on an axis to filter"
    assert plot.colours == {"r1": 0, "r4": 1, "r7": 2}


def test_without_a_common_tag_the_compared_runs_stand_alone() -> None:
    runs = [run(n, tags=("sweep-4",) if n else ()) for n in range(4)]
    assert members(runs[:2], runs) == ("", runs[:2])
    assert members(runs[1:3], [*runs, run(9, archived=True)]) == ("sweep-4", runs[1:])


def test_a_setting_that_does_not_differ_is_no_axis() -> None:
    axes = possible_axes([run(0), run(1)])
    assert "seed" not in {axis.key for axis in axes}
    assert first_axes(axes, "eval/loss")[-1] == "eval/loss"
    assert possible_axes([run(0), run(0)]) == []


finite = st.floats(-1e9, 1e9, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), finite, st.just(math.nan)), min_size=1, max_size=30), st.booleans())
def test_every_known_value_has_a_place_on_its_axis(values: list[float | None], log: bool) -> None:
    axis = Axis("k", "k", tuple(values))
    axis = Axis("k", "k", tuple(values), log=log and axis.can_log)
    for value in values:
        place = axis.place(value)
        assert (place is None) == (value is None or math.isnan(value))
        if place is not None and value is not None:
            assert -1e-9 <= place <= 1 + 1e-9
            assert axis.value_at(place) == pytest.approx(value, rel=1e-6, abs=1e-6 * (1 + max(map(abs, axis.known))))
    assert all(-0.01 <= place <= 1.01 for place, _ in axis.ticks())


# ---- by mouse ----------------------------------------------------------------------------------


def test_brushing_an_axis_filters_runs(page: ComparePage, qtbot: QtBot) -> None:
    plot = plot_of(page)
    drag(qtbot, plot, on_axis(plot, "eval/f1", 1.0), on_axis(plot, "eval/f1", 0.85))
    inside = plot.inside()
    assert inside
    assert set(inside) < set(plot.ids)
    assert inside[-1] == "r27"
    assert page.sweep is not None
    assert page.sweep.subtitle.text().startswith(f"sweep-4 · {len(inside)} of 28 runs")
    chip = next(iter(page.sweep._chips.values()))
    assert chip.text.startswith("eval F1 0.94")
    drag(qtbot, plot, on_axis(plot, "method", 1.0), on_axis(plot, "method", 0.8))
    both = plot.inside()
    assert set(both) < set(inside)
    assert all(run(int(r[1:])).settings["method"] == "lora" for r in both)
    qtbot.mouseClick(chip, LEFT)
    assert "eval/f1" not in plot.brushes
    qtbot.mouseClick(page.sweep.clear, LEFT)
    assert len(plot.inside()) == 28


def test_a_brush_can_be_moved_and_a_click_takes_it_away(page: ComparePage, qtbot: QtBot) -> None:
    plot = plot_of(page)
    drag(qtbot, plot, on_axis(plot, "eval/f1", 0.2), on_axis(plot, "eval/f1", 0.5))
    drag(qtbot, plot, on_axis(plot, "eval/f1", 0.3), on_axis(plot, "eval/f1", 0.6))
    low, high = plot.brushes["eval/f1"]
    assert (low, high) == pytest.approx((0.5, 0.8), abs=0.03)
    qtbot.mouseClick(plot, LEFT, pos=on_axis(plot, "eval/f1", 0.6))
    assert plot.brushes == {}


def test_an_axis_is_dragged_by_its_title_and_stays(desk: Desk, page: ComparePage, qtbot: QtBot) -> None:
    plot = plot_of(page)
    first = QPoint(round(plot.axis_x(0)), TOP // 2)
    drag(qtbot, plot, first, QPoint(round(plot.axis_x(2)), TOP // 2))
    assert [axis.key for axis in plot.axes][:3] == ["learning_rate", "batch_size", "lora_rank"]
    kept = desk.context.settings.entry(LAYOUTS, "sweep:sweep-4", {})
    assert kept["axes"][:3] == ["learning_rate", "batch_size", "lora_rank"]
    page.refresh(Changes(runs={"r1"}))
    assert [axis.key for axis in plot_of(page).axes][:3] == ["learning_rate", "batch_size", "lora_rank"]


def menu_at(plot: Parallel, at: QPoint) -> QMenu:
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, plot.mapToGlobal(at))
    QApplication.sendEvent(plot, event)
    found = QApplication.activePopupWidget()
    assert isinstance(found, QMenu)
    return found


def test_right_click_makes_an_axis_logarithmic(page: ComparePage, qtbot: QtBot) -> None:
    plot = plot_of(page)
    menu = menu_at(plot, on_axis(plot, "batch_size", 0.5))
    log = next(a for a in menu.actions() if a.text() == "Log axis")
    assert log.isEnabled()
    log.trigger()
    menu.close()
    axis = plot.axes[index_of(plot, "batch_size")]
    assert axis.log
    assert axis.place(32.0) == pytest.approx(0.5)
    menu = menu_at(plot, on_axis(plot, "dropout", 0.5))  # it holds 0
    assert not next(a for a in menu.actions() if a.text() == "Log axis").isEnabled()
    menu.close()


def test_an_axis_is_hidden_and_added_again(page: ComparePage, qtbot: QtBot) -> None:
    plot = plot_of(page)
    menu = menu_at(plot, on_axis(plot, "method", 0.5))
    next(a for a in menu.actions() if a.text() == "Hide axis").trigger()
    menu.close()
    assert "method" not in [axis.key for axis in plot.axes]
    assert page.sweep is not None
    qtbot.mouseClick(page.sweep.more, LEFT)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    next(a for a in menu.actions() if a.text() == "eval loss").trigger()
    menu.close()
    assert [axis.key for axis in plot.axes][-1] == "eval/loss"


def test_a_line_opens_its_run_and_the_brushed_are_compared(desk: Desk, page: ComparePage, qtbot: QtBot) -> None:
    plot = plot_of(page)
    drag(qtbot, plot, on_axis(plot, "eval/f1", 1.0), on_axis(plot, "eval/f1", 0.9))
    assert page.sweep is not None
    inside = plot.inside()
    qtbot.mouseClick(page.sweep.these, LEFT)
    assert desk.places[-1] == "compare/" + ",".join(inside)
    axis = plot.axes[-1]
    middle = (plot.axis_x(len(plot.axes) - 2) + plot.axis_x(len(plot.axes) - 1)) / 2
    start = plot.axes[-2].place(plot.axes[-2].values[27])
    end = axis.place(axis.values[27])
    assert start is not None
    assert end is not None
    at = QPoint(round(middle), round(plot.row_of((start + end) / 2)))
    found = plot.line_near(at.toPointF())
    assert found is not None
    qtbot.mouseDClick(plot, LEFT, pos=at)
    assert desk.places[-1] == f"run/{plot.ids[found]}"


# ---- by keys -----------------------------------------------------------------------------------


def test_everything_by_keys(page: ComparePage, qtbot: QtBot) -> None:
    plot = plot_of(page)
    plot.setFocus(Qt.FocusReason.TabFocusReason)
    for _ in range(5):
        qtbot.keyClick(plot, Qt.Key.Key_Right)
    assert plot.axes[plot.current].key == "eval/f1"
    for _ in range(10):
        qtbot.keyClick(plot, Qt.Key.Key_Up)
    assert plot.brushes["eval/f1"] == pytest.approx((0.5, 1.0))
    assert len(plot.inside()) == 14
    assert "14 of 28 runs inside" in plot.accessibleDescription()
    assert plot.accessibleName() == "Parallel coordinates of 28 runs"
    qtbot.keyClick(plot, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert plot.brushes["eval/f1"] == pytest.approx((0.5, 0.95))
    qtbot.keyClick(plot, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert [axis.key for axis in plot.axes][-2:] == ["eval/f1", "method"]
    with qtbot.waitSignal(plot.menu_asked) as asked:
        qtbot.keyClick(plot, Qt.Key.Key_F10, Qt.KeyboardModifier.ShiftModifier)
    assert asked.args[0] == "eval/f1"
    menu = QApplication.activePopupWidget()
    assert menu is not None
    menu.close()
    qtbot.keyClick(plot, Qt.Key.Key_Delete)
    assert plot.brushes == {}


def test_unknown_values_and_hostile_names_are_drawn(desk: Desk, page: ComparePage) -> None:
    metrics: dict[str, Any] = {"eval/f1": math.nan, "eval/loss": None}
    desk.state.runs["r30"] = run(30, name="<img src=x>" * 500, settings={"learning_rate": 1e-4}, metrics=metrics)
    desk.state.runs["r31"] = run(31, settings={"learning_rate": "many", "<b>" + "k" * 10_000: 1.0})
    page.refresh(Changes(runs={"r30", "r31"}))
    plot = plot_of(page)
    assert len(plot.ids) == 30
    assert not plot.grab().isNull()
