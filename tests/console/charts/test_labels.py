"""Labels of the y axis stand beside the plot in full, and every plot of a page begins at the same column."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QFontMetricsF

from console.charts.axis import GAP
from console.charts.curves import _unseen
from console.charts.palette import LEFT, font
from console.charts.plain import PlainChart, PlainCurve
from tests.console.charts.conftest import settle


def test_long_labels_widen_the_axis_of_every_chart(page) -> None:
    loss, rate = page.grid.chart("loss"), page.grid.chart("learning_rate")
    assert loss.canvas.plot.left() == rate.canvas.plot.left() == LEFT
    steps = np.arange(40)
    page.group.set_series("train/loss", steps, 1e9 + steps, None, 0.67541 + steps * 4e-6)
    page.group.set_series("eval/loss", [0], [1e9], None, [0.6755])
    settle(page)
    settle(page)
    texts = [text for _, text in loss.canvas.picture.y_ticks]
    assert texts
    assert all(text.startswith("0.675") for text in texts)
    metrics = QFontMetricsF(font("axis"))
    for chart in page.grid.shown():
        plot = chart.canvas.plot
        assert plot == chart.canvas.picture.plot
        assert plot.left() == loss.canvas.plot.left() > LEFT
        widest = max((metrics.horizontalAdvance(text) for _, text in chart.canvas.picture.y_ticks), default=0)
        assert widest <= plot.left() - GAP


def test_a_chart_of_versions_shows_its_labels_in_full(qtbot) -> None:
    chart = PlainChart("Quality by version")
    qtbot.addWidget(chart)
    chart.resize(300, 160)
    chart.set_points(["v1", "v2", "v3"], [PlainCurve("test", "train", [0.9211, 0.9222, 0.9231])])
    chart.show()
    chart.grab()
    picture, metrics = chart.canvas.picture, QFontMetricsF(font("axis"))
    widths = [metrics.horizontalAdvance(text) for _, text in picture.y_ticks]
    assert [text[:3] for _, text in picture.y_ticks] == ["0.9"] * len(widths)
    assert max(widths) <= picture.plot.left() - GAP
    chart.set_points(["v1", "v2"], [PlainCurve("test", "train", [1.0, 3.0])])
    assert chart.canvas.plot.left() == LEFT


def test_a_piece_too_short_to_be_seen_is_a_dot() -> None:
    x = np.array([0.0, 0.4, 0.4, 50.0, 90.0, 90.0, 95.0])
    y = np.array([10.0, 10.0, np.nan, 20.0, 20.0, np.nan, 30.0])
    assert _unseen(x, y).tolist() == [1, 6]
    assert _unseen(np.empty(0), np.empty(0)).tolist() == []
