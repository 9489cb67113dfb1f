"""The charts of a page driven by real mouse, wheel and key events."""

from __future__ import annotations

import gc
import math
import sys
import time

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from console.charts import export, interact, menu, table
from console.charts.catalogue import ENDPOINT_CHARTS, ChartSpec, SeriesSpec
from console.charts.events import ChartEvent
from console.theme import theme
from tests.console.charts.conftest import Page, settle


def surface(chart):
    return chart.canvas


def at(chart, x: float, row: float = 0.5) -> QPoint:
    plot = chart.canvas.plot
    return QPoint(round(chart.pixel_at(x)), round(plot.top() + plot.height() * row))


def move(chart, point: QPoint, buttons=Qt.MouseButton.NoButton) -> None:
    where = QPointF(point)
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        where,
        QPointF(surface(chart).mapToGlobal(point)),
        Qt.MouseButton.NoButton,
        buttons,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(surface(chart), event)


def wheel(chart, point: QPoint, notches: int, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
    where = QPointF(surface(chart).mapToGlobal(point))
    event = QWheelEvent(
        QPointF(point),
        where,
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(surface(chart), event)


def drag(chart, start: QPoint, end: QPoint, button=Qt.MouseButton.LeftButton) -> None:
    QTest.mousePress(surface(chart), button, Qt.KeyboardModifier.NoModifier, start)
    for i in range(1, 6):
        move(chart, start + (end - start) * i / 5, button)
    QTest.mouseRelease(surface(chart), button, Qt.KeyboardModifier.NoModifier, end)


# -- crosshair -----------------------------------------------------------------------------------------------


def test_one_crosshair_in_all_charts_with_values_of_the_same_step(page) -> None:
    loss, rate = page.grid.chart("loss"), page.grid.chart("learning_rate")
    newest = rate.header_values()
    move(loss, at(loss, 6130))
    step = page.group.crosshair
    assert step == pytest.approx(6130, abs=10)
    columns = {chart.position_at(chart.canvas.overlay.x) for chart in page.grid.shown()}
    assert all(c == pytest.approx(step) for c in columns)
    index = page.group.store.get("train/learning_rate").nearest("step", step)
    value = page.group.store.get("train/learning_rate").values[index]
    assert rate.header_values()["train/learning_rate"] == f"{value:.2e}".replace("e-0", "e−")
    chips = [c.canvas.overlay.chip for c in page.grid.shown() if c.canvas.overlay.chip]
    assert chips == [page.group.describe(step)]
    assert chips[0].startswith(f"step {step:,.0f} · epoch ")
    QApplication.sendEvent(surface(loss), QEvent(QEvent.Type.Leave))
    assert page.group.crosshair is None
    assert rate.header_values() == newest


def test_moving_the_crosshair_draws_no_curve_again(page) -> None:
    loss = page.grid.chart("loss")
    drawn = [c.redraws for c in page.grid.shown()]
    for x in range(1000, 8000, 500):
        move(loss, at(loss, x))
        page.grab()
    assert [c.redraws for c in page.grid.shown()] == drawn


def test_a_series_that_has_ended_shows_a_dash(page) -> None:
    page.group.set_series("eval/loss", [500, 1000], page.group.origin + np.array([100, 200]), None, [0.5, 0.4])
    settle(page)
    page.group.set_crosshair(6000)
    assert page.grid.chart("loss").header_values()["eval/loss"] == "—"


# -- zoom and pan --------------------------------------------------------------------------------------------


def test_the_wheel_zooms_every_chart_to_the_same_range(page) -> None:
    util = page.grid.chart("gpu_util")
    before = page.group.range
    wheel(util, at(util, 4000), 2)
    low, high = page.group.range
    assert high - low == pytest.approx((before[1] - before[0]) * 0.64)
    assert not page.group.follow
    settle(page)
    for chart in page.grid.shown():
        plot = chart.canvas.plot
        assert chart.position_at(plot.left()) == pytest.approx(low)
        assert chart.position_at(plot.right()) == pytest.approx(high)
    assert util.position_at(at(util, 4000).x()) == pytest.approx(4000, abs=40)


def test_ctrl_wheel_zooms_the_values_of_one_chart(page) -> None:
    loss, other = page.grid.chart("loss"), page.grid.chart("grad_norm")
    shown, kept, x = loss.y_range, other.y_range, page.group.range
    wheel(loss, at(loss, 4000), 1, Qt.KeyboardModifier.ControlModifier)
    settle(page)
    assert loss.y_range[1] - loss.y_range[0] == pytest.approx((shown[1] - shown[0]) * 0.8)
    assert other.y_range == kept
    assert page.group.range == x


def test_dragging_a_box_shows_it_and_double_click_resets(page) -> None:
    loss = page.grid.chart("loss")
    drag(loss, at(loss, 2000), at(loss, 4000))
    assert page.group.range == (pytest.approx(2000, abs=25), pytest.approx(4000, abs=25))
    assert loss.canvas.overlay.box is None
    settle(page)
    QTest.mouseDClick(surface(loss), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at(loss, 3000))
    assert page.group.range == (0, 12_000)
    assert page.group.follow


def test_middle_drag_and_space_drag_pan(page) -> None:
    loss = page.grid.chart("loss")
    page.group.zoom_to(4000, 6000)
    drag(loss, at(loss, 5000), at(loss, 4500), Qt.MouseButton.MiddleButton)
    assert page.group.range == (pytest.approx(4500, abs=15), pytest.approx(6500, abs=15))
    loss.setFocus()
    QTest.keyPress(loss, Qt.Key.Key_Space)
    drag(loss, at(loss, 5000), at(loss, 5500))
    QTest.keyRelease(loss, Qt.Key.Key_Space)
    assert page.group.range == (pytest.approx(4000, abs=25), pytest.approx(6000, abs=25))


def test_a_zoom_asks_for_finer_data_once_it_settled(page, qtbot) -> None:
    page.group.set_true_counts({"train/loss": 1_203_441})
    with qtbot.waitSignal(page.group.request_window, timeout=3000) as asked:
        for _ in range(3):
            page.group.zoom(0.5, 5000)
    assert asked.args == list(page.group.range)
    settle(page)
    assert "all 1,203,441 points" in page.grid.chart("loss").header.unit
    low, high = page.group.range
    fine = np.linspace(low - 1, high + 1, 50_000)
    page.group.set_detail("train/loss", fine, page.group.origin + fine, None, np.full(50_000, 0.5))
    settle(page)
    assert page.grid.chart("loss").header_values()["train/loss"] == "0.5000"


# -- live ----------------------------------------------------------------------------------------------------


def test_follow_live_keeps_the_newest_point_in_view(page) -> None:
    group = page.group
    group.set_total_steps(None)
    group.zoom_to(8000, 8400)
    group.set_follow(True)
    for step in range(8430, 9000, 10):
        group.append("train/loss", step, group.origin + step * 0.3, None, 0.2)
    settle(page)
    assert group.range == (pytest.approx(8590), pytest.approx(8990))
    group.zoom(0.5)
    held = group.range
    group.append("train/loss", 9100, group.origin + 2800, None, 0.2)
    settle(page)
    assert group.range == held


def test_the_clock_redraws_a_dirty_chart_once_a_tick_and_a_hidden_one_never(page) -> None:
    loss, rate = page.grid.chart("loss"), page.grid.chart("learning_rate")
    page.group.zoom_to(0, 9000)
    settle(page)
    before, other = loss.redraws, rate.redraws
    for step in range(8430, 8530):
        page.group.append("train/loss", step, page.group.origin + step, None, 0.2)
    page.group.clock.tick()
    page.group.clock.tick()
    assert loss.redraws == before + 1
    assert rate.redraws == other
    page.hide()
    page.group.append("train/loss", 8600, page.group.origin + 8600, None, 0.2)
    page.group.clock.tick()
    assert loss.redraws == before + 1
    assert not page.group.clock._timer.isActive()
    page.show()
    page.group.clock.tick()
    assert loss.redraws == before + 2


def test_a_live_point_appears_without_anybody_asking(empty_page, qtbot) -> None:
    page = empty_page
    settle(page)
    assert page.grid.chart("loss").canvas.picture.empty == "No values yet"
    page.group.append("train/loss", [1, 2], [1e9, 1e9 + 1], None, [1.0, 0.9])
    qtbot.waitUntil(lambda: page.grid.chart("loss").canvas.picture.empty == "", timeout=3000)
    assert page.grid.chart("loss").header_values()["train/loss"] == "0.9000"


# -- axes and values -----------------------------------------------------------------------------------------


def test_switching_the_axis_keeps_the_window(page) -> None:
    page.group.zoom_to(2000, 4000)
    page.group.set_axis("epoch")
    assert page.group.range == (pytest.approx(0.5), pytest.approx(1.0))
    page.group.set_axis("time")
    low, high = page.group.range
    assert high - low == pytest.approx(2000 * 0.302, rel=0.01)
    page.group.set_axis("step")
    assert page.group.range == (pytest.approx(2000, abs=15), pytest.approx(4000, abs=15))
    with pytest.raises(ValueError, match="axis"):
        page.group.set_axis("wall")


def test_log_y_survives_zeros_and_negatives(page) -> None:
    steps = np.arange(1000.0)
    values = np.where(steps % 3 == 0, 0.0, steps / 10)
    values[7] = -5
    page.group.set_series("train/loss", steps, page.group.origin + steps, None, values)
    page.group.set_log_y(True)
    settle(page)
    loss = page.grid.chart("loss")
    line = loss.canvas.picture.lines[0]
    assert np.isfinite(line.y[np.isfinite(line.x)]).all()
    assert loss.y_range[0] > 0
    assert len(loss.canvas.picture.y_ticks) >= 2
    page.group.set_series("train/loss", steps, None, None, np.zeros(1000))
    settle(page)


def test_nan_and_infinity_are_marked_in_the_chart(page) -> None:
    group = page.group
    group.append(
        "train/loss",
        [8430, 8440, 8450, 8460],
        group.origin + np.arange(2600, 2640, 10),
        None,
        [math.nan, math.inf, -math.inf, 0.2],
    )
    group.set_smoothing(0.9)
    settle(page)
    loss = page.grid.chart("loss")
    assert len(loss.canvas.picture.odd) == 3
    assert np.isfinite(loss.y_range).all()
    group.set_crosshair(8430)
    assert loss.header_values()["train/loss"] == "NaN"
    group.set_crosshair(8440)
    assert loss.header_values()["train/loss"] == "∞"


def test_a_gap_breaks_the_curve_and_is_shaded(qtbot) -> None:
    page = Page(ENDPOINT_CHARTS, axis="time", labels="clock")
    qtbot.addWidget(page)
    page.show()
    start = time.mktime((2026, 11, 22, 14, 0, 0, 0, 0, -1))
    seconds = np.concatenate([np.arange(0, 180), np.arange(300, 600)])
    page.group.set_series("serve/latency_ms_p95", None, start + seconds, None, np.full(480, 11.0))
    settle(page)
    picture = page.grid.chart("latency").canvas.picture
    gaps = [s for s in picture.shades if s.kind == "gap"]
    assert [g.text for g in gaps] == ["no data 14:02 to 14:05"]
    assert any(np.isnan(line.y).any() for line in picture.lines)
    hand = page.grid.chart("latency").hand
    assert hand.gap_at((gaps[0].left + gaps[0].right) / 2) == gaps[0].text
    assert hand.gap_at(gaps[0].left - 5) is None
    labels = [text for _, text in picture.x_ticks]
    assert "14:02" in labels
    page.group.set_follow_span(120)
    assert page.group.range[1] - page.group.range[0] == pytest.approx(120)


def test_steps_to_come_are_shaded(page) -> None:
    shade = next(s for s in page.grid.chart("loss").canvas.picture.shades if s.kind == "future")
    loss = page.grid.chart("loss")
    assert loss.position_at(shade.left) == pytest.approx(8420)
    assert loss.position_at(shade.right) == pytest.approx(12_000)


def test_stacked_shares_stand_on_each_other(page) -> None:
    chart = page.grid.chart("step_time")
    lines = chart.canvas.picture.lines
    assert len(lines) == 3
    assert lines[0].y.mean() > lines[1].y.mean() > lines[2].y.mean()
    shares = [float(v.rstrip("%")) for v in chart.header_values().values()]
    assert sum(shares) == pytest.approx(94, abs=2)


# -- events --------------------------------------------------------------------------------------------------


def test_close_events_share_an_icon_and_a_click_selects(page, qtbot) -> None:
    loss = page.grid.chart("loss")
    assert [len(m.events) for m in loss.canvas.picture.marks] == [1, 1, 1, 1, 1, 1]
    page.group.set_events(
        [
            ChartEvent("a", "checkpoint", "A", step=4000),
            ChartEvent("b", "warning", "B", step=4050),
            ChartEvent("c", "note", "C", step=9000),
        ]
    )
    settle(page)
    marks = loss.canvas.picture.marks
    assert [len(m.events) for m in marks] == [2, 1]
    spot = QPoint(round(marks[0].pixel), round(loss.canvas.plot.top() + 7))
    with qtbot.waitSignal(page.group.event_selected) as selected:
        QTest.mouseClick(surface(loss), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
    assert selected.args == ["b"]


def test_e_walks_through_the_events(page, qtbot) -> None:
    loss = page.grid.chart("loss")
    seen = []
    page.group.event_selected.connect(seen.append)
    for _ in range(3):
        QTest.keyClick(loss, Qt.Key.Key_E)
    QTest.keyClick(loss, Qt.Key.Key_E, Qt.KeyboardModifier.ShiftModifier)
    assert seen == ["checkpoint-2000", "checkpoint-4000", "pause-4300", "checkpoint-4000"]
    assert page.group.crosshair == 4000


# -- keys, legend, menu --------------------------------------------------------------------------------------


def test_keys_of_the_run_page(page) -> None:
    loss, group = page.grid.chart("loss"), page.group
    QTest.keyClick(loss, Qt.Key.Key_Left)
    assert group.crosshair == 8420
    QTest.keyClick(loss, Qt.Key.Key_Left)
    QTest.keyClick(loss, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert group.crosshair == 8420 - 110
    QTest.keyClick(loss, Qt.Key.Key_Plus)
    assert not group.follow
    QTest.keyClick(loss, Qt.Key.Key_0)
    assert group.range == (0, 12_000)
    QTest.keyClick(loss, Qt.Key.Key_BracketRight)
    assert group.smoothing == 0.3
    QTest.keyClick(loss, Qt.Key.Key_BracketLeft)
    assert group.smoothing == 0
    QTest.keyClick(loss, Qt.Key.Key_L)
    assert group.log_y
    QTest.keyClick(loss, Qt.Key.Key_F)
    assert not group.follow
    QTest.keyClick(loss, Qt.Key.Key_X)
    assert group.axis == "epoch"


def test_enter_maximizes_and_escape_restores(page) -> None:
    rate = page.grid.chart("learning_rate")
    QTest.keyClick(rate, Qt.Key.Key_Return)
    assert page.grid.maximized is rate
    assert rate.width() > 800
    assert not page.grid.chart("loss").isVisible()
    QTest.keyClick(rate, Qt.Key.Key_Escape)
    assert page.grid.maximized is None
    assert page.grid.chart("loss").isVisible()


def test_legend_click_toggles_and_alt_click_leaves_one(page) -> None:
    loss = page.grid.chart("loss")
    spot = loss.header.entry_centre("eval/loss")
    QTest.mouseClick(loss.header, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
    settle(page)
    assert {line.key for line in loss.canvas.picture.lines} == {"train/loss"}
    QTest.mouseClick(
        loss.header, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.AltModifier, loss.header.entry_centre("eval/loss")
    )
    settle(page)
    assert {line.key for line in loss.canvas.picture.lines} == {"eval/loss"}
    QTest.mouseClick(
        loss.header, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.AltModifier, loss.header.entry_centre("eval/loss")
    )
    settle(page)
    assert len({line.key for line in loss.canvas.picture.lines}) == 2


def test_hovering_a_legend_entry_dims_the_others(page) -> None:
    loss = page.grid.chart("loss")
    QTest.mouseMove(loss.header, loss.header.entry_centre("eval/loss"))
    loss.header.hovered.emit("eval/loss")
    settle(page)
    alphas = {line.key: line.alpha for line in loss.canvas.picture.lines}
    assert alphas == {"train/loss": 0.25, "eval/loss": 1.0}


def test_the_menu_offers_everything_and_adds_a_note(page, qtbot) -> None:
    loss = page.grid.chart("loss")
    unheard = menu.build_menu(loss, 4000.0)
    assert "Add note here" not in [action.text() for action in unheard.actions()]  # no page takes it
    unheard.deleteLater()
    notes = []
    page.group.note_requested.connect(notes.append)
    built = menu.build_menu(loss, 4000.0)
    texts = [action.text().split("\t")[0] for action in built.actions()]
    for wanted in (
        "Add note here",
        "Save image as PNG…",
        "Save image as SVG…",
        "Copy data",
        "Show as table",
        "Log y",
        "Y range",
        "Series",
        "Maximize",
        "Hide chart",
    ):
        assert wanted in texts
    with qtbot.waitSignal(page.group.note_requested) as note:
        built.actions()[0].trigger()
    assert note.args[0]["step"] == 4000
    assert note.args[0]["epoch"] == pytest.approx(1.0)
    built.deleteLater()


def test_right_click_opens_the_menu(page, qtbot) -> None:
    loss = page.grid.chart("loss")
    QTest.keyClick(loss, Qt.Key.Key_F10, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    QApplication.activePopupWidget().close()


# -- data out ------------------------------------------------------------------------------------------------


def test_copied_data_is_every_point_of_the_range(page) -> None:
    loss = page.grid.chart("loss")
    page.group.zoom_to(1000, 2000)
    menu.copy_data(loss)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0].split("\t") == ["step", "train", "eval"]
    assert len(lines) == 102
    first = lines[1].split("\t")
    index = page.group.store.get("train/loss").nearest("step", 1000)
    assert float(first[1]) == page.group.store.get("train/loss").values[index]
    assert lines[2].endswith("\t")


def test_the_same_data_as_a_table(page) -> None:
    loss = page.grid.chart("loss")
    QTest.keyClick(loss, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    dialog = next(w for w in QApplication.topLevelWidgets() if isinstance(w, table.PointsDialog))
    assert dialog.model.rowCount() == 842
    assert dialog.model.index(0, 2).data() == ""
    dialog.close()


def test_pictures_are_saved(page, tmp_path) -> None:
    loss = page.grid.chart("loss")
    export.save_png(loss, tmp_path / "loss.png")
    export.save_svg(page.grid.chart("gpu_util"), tmp_path / "util.svg")
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "util.svg").read_text()
    assert "<path" in svg or "<polyline" in svg
    assert "<image" not in svg
    with pytest.raises(OSError, match="could not write"):
        export.save_png(loss, tmp_path / "missing" / "loss.png")


def test_charts_speak(page) -> None:
    loss = page.grid.chart("loss")
    assert loss.accessibleName() == "Chart Loss"
    assert "train: " in loss.spoken_summary()
    assert "falling" in loss.spoken_summary()
    page.grid.chart("grad_norm").setFocus()
    loss.setFocus()
    assert loss.accessibleDescription() == loss.spoken_summary()
    page.group.append("train/loss", 8430, page.group.origin + 8430, None, 99.0)
    loss._described_at = 0.0
    settle(page)
    assert "highest 99.0000" in loss.accessibleDescription()


# -- grid ----------------------------------------------------------------------------------------------------


def test_the_layout_is_that_of_the_picture(page) -> None:
    loss, grad, step = (page.grid.chart(i) for i in ("loss", "grad_norm", "step_time"))
    assert (loss.width(), loss.height()) == (pytest.approx(595, abs=1), pytest.approx(220, abs=2))
    assert (grad.width(), grad.height()) == (pytest.approx(293, abs=1), pytest.approx(220, abs=2))
    assert step.y() == loss.height() + 10
    assert loss.canvas.plot.left() == 34
    assert loss.canvas.height() - loss.canvas.plot.bottom() == 20


def test_charts_are_dragged_hidden_added_and_the_layout_comes_back(page, qtbot) -> None:
    grid = page.grid
    power, loss = grid.chart("power_temp"), grid.chart("loss")
    start = QPoint(40, 10)
    goal = power.header.mapFromGlobal(loss.mapToGlobal(QPoint(20, 100)))
    QTest.mousePress(power.header, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    for step in (start + QPoint(20, 0), goal):
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            QPointF(step),
            QPointF(power.header.mapToGlobal(step)),
            Qt.MouseButton.NoButton,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(power.header, event)
    QTest.mouseRelease(power.header, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, goal)
    assert [c.spec.id for c in grid.shown()][:2] == ["power_temp", "loss"]
    page.group.append("eval/rouge", [500], [page.group.origin], None, [0.3])
    assert "eval/rouge" in grid.addable()
    grid.add_metric("eval/rouge")
    grid.set_shown("throughput", False)
    loss.set_log(True)
    state = grid.layout_state()
    again = Page()
    qtbot.addWidget(again)
    again.grid.restore_layout(state)
    assert [c.spec.id for c in again.grid.shown()] == [c.spec.id for c in grid.shown()]
    assert again.grid.chart("loss").curves.choice.log
    grid.reset_layout()
    assert grid.shown()[0] is loss
    assert len(grid.shown()) == 8


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"version": 99},
        {"version": 1, "order": 5, "hidden": None, "views": {"loss": {"y": "fixed", "range": "x"}}},
        {"version": 1, "order": ["gone"]},
    ],
)
def test_a_strange_layout_changes_nothing(page, state) -> None:
    page.grid.restore_layout(state)
    settle(page)
    assert len(page.grid.shown()) == 8


def test_arrow_keys_move_between_charts(page) -> None:
    loss = page.grid.chart("loss")
    loss.setFocus()
    QTest.keyClick(loss, Qt.Key.Key_Down)
    assert page.grid.chart("grad_norm").hasFocus()
    stops = [c for c in page.grid.shown() if c.focusPolicy() == Qt.FocusPolicy.StrongFocus]
    assert stops == [page.grid.chart("grad_norm")]


def test_a_theme_switch_leaves_no_old_colour(page, qtbot) -> None:
    mode = theme.mode
    try:
        theme.set_mode("dark")
        settle(page)
        dark = page.grid.chart("loss").grab().toImage().pixelColor(300, 60)
        theme.set_mode("light")
        settle(page)
        light = page.grid.chart("loss").grab().toImage().pixelColor(300, 60)
        assert dark.lightness() < 60 < 200 < light.lightness()
    finally:
        theme.set_mode(mode)


def test_a_narrow_header_drops_the_unit_then_names_then_takes_a_second_line(page) -> None:
    header = page.grid.chart("power_temp").header
    header.set_texts("Power, temp", "watt and degrees")
    header.resize(400, 22)
    assert header._arranged.unit
    assert all(p.named for p in header._arranged.placed)
    header.resize(230, 22)
    assert not header._arranged.unit
    header.resize(190, 22)
    assert [p.named for p in header._arranged.placed] == [True, False] or header._arranged.rows == 1
    header.resize(120, 22)
    assert header._arranged.rows > 1
    assert header.height() > 22


def test_a_metric_named_with_markup_or_very_long_does_no_harm(page) -> None:
    for key in ("eval/<b>x</b>&amp;", "eval/" + "y" * 10_000, "/", ""):
        page.group.append(key, [1, 2], [1.0, 2.0], None, [1, 2])
        page.grid.add_metric(key)
    settle(page)
    built = QMenu()
    page.grid.fill_add_menu(built)
    next(a for a in built.actions() if a.text() == "CPU").trigger()
    assert page.grid.chart("cpu").isVisible()
    page.grid.reset_layout()
    assert len(page.grid.shown()) == 8


def test_smoothing_stops() -> None:
    assert interact.next_smoothing(0.5, True) == 0.6
    assert interact.next_smoothing(0.999, True) == 0.999
    assert interact.next_smoothing(0.0, False) == 0.0


# -- the toolkit ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("repaints", [4_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_thousands_of_repaints_keep_the_references_to_none(qtbot, repaints) -> None:
    """PySide6 6.12 on CPython 3.11 drops one reference to None at every void call and aborts after a few thousand."""
    page = Page((ChartSpec("tiny", "Tiny", (SeriesSpec("a"),)),))
    qtbot.addWidget(page)
    page.resize(160, 100)
    with qtbot.waitExposed(page):
        page.show()
    page.group.append("a", [1, 2, 3], [1, 2, 3], None, [1.0, 3.0, 2.0])
    settle(page)
    chart = page.grid.chart("tiny")
    painted = []
    paint = chart.canvas._paint_overlay
    chart.canvas._paint_overlay = lambda painter: (painted.append(1), paint(painter))
    gc.collect()
    before = sys.getrefcount(None)
    for i in range(repaints):
        if i % 10 == 0:
            chart.redraw()  # the curves as well, not only the overlay
        chart.canvas.overlay.x = 40.0 + i % 60
        chart.canvas.repaint()
    gc.collect()
    assert len(painted) >= repaints
    assert abs(sys.getrefcount(None) - before) < 500
