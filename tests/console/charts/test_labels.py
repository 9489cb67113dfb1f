"""Labels of the y axis stand beside the plot in full, and every plot of a page begins at the same column."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QFontMetricsF

from console.charts.axis import GAP
from console.charts.palette import LEFT, font
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
