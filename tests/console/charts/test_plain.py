"""Distribution, points by version, a value with its interval."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint
from PySide6.QtTest import QTest

from console.charts.binned import BinnedChart
from console.charts.catalogue import Limit
from console.charts.plain import DistributionChart, PlainChart, PlainCurve


@pytest.fixture
def versions(qtbot):
    chart = PlainChart("Quality by version")
    qtbot.addWidget(chart)
    chart.resize(300, 180)
    with qtbot.waitExposed(chart):
        chart.show()
    return chart


def test_points_have_labels_values_and_dots(versions) -> None:
    nan = float("nan")
    holdout = PlainCurve("holdout", "reference", [0.91, 0.92, nan, 0.93], points=True, style=".3f")
    live = PlainCurve("live feedback", "current", [0.90, nan, 0.91, 0.92], dash=(4, 3), style=".3f")
    versions.set_points(["v8", "v9", "v10", "v11"], [holdout, live], marker=2)
    versions.grab()
    picture = versions.canvas.picture
    assert [text for _, text in picture.x_ticks] == ["v8", "v9", "v10", "v11"]
    assert len(picture.lines) == 3
    first = QPoint(round(picture.x_ticks[0][0]), 60)
    QTest.mouseMove(versions.canvas, first + QPoint(3, 0))
    QTest.mouseMove(versions.canvas, first)
    versions._hover(float(first.x()))
    assert [e.value for e in versions.header.entries] == ["0.910", "0.900"]
    assert versions.canvas.overlay.chip == "v8"
    assert "holdout: 0.930" in versions.spoken_summary()


def test_a_band_lies_around_its_curve(versions) -> None:
    values = np.linspace(0.95, 0.91, 30)
    curve = PlainCurve("", "reference", values, low=values - 0.01, high=values + 0.01, style=".3f")
    versions.set_points([f"{i} Nov" for i in range(30)], [curve], limits=[Limit(0.93, "warn")])
    picture = versions.canvas.picture
    (band,) = picture.areas
    assert (band.y < picture.lines[0].y).all()
    assert (band.base[1] > picture.lines[0].y).all()
    assert versions.header.entries[0].value == "0.910"


def test_no_points_is_said(versions) -> None:
    versions.set_points([], [])
    versions.grab()
    assert versions.canvas.picture.empty == "No values yet"


def test_a_distribution_is_percent_of_its_sum(qtbot) -> None:
    chart = DistributionChart("Distribution of text length", "tokens")
    qtbot.addWidget(chart)
    chart.resize(450, 190)
    chart.set_histograms(np.arange(0, 50, 10), [1, 2, 1, 0], [0, 0, 3, 1])
    with qtbot.waitExposed(chart):
        chart.show()
    picture = chart.canvas.picture
    assert len(picture.areas) == 4
    assert len(picture.lines) == 1
    assert all(text.endswith("%") or text == "0" for _, text in picture.y_ticks)
    chart._hover(picture.plot.center().x() + 5)
    assert [e.value for e in chart.header.entries] == ["25.0", "75.0"]
    with pytest.raises(ValueError, match="need 4 counts"):
        chart.set_histograms(np.arange(0, 50, 10), [1, 2], None)


def test_an_empty_distribution_says_so(qtbot) -> None:
    chart = DistributionChart("Empty")
    qtbot.addWidget(chart)
    chart.set_histograms([0, 1, 2], None, None)
    chart.grab()
    assert chart.canvas.picture.empty == "No values yet"


def test_a_binned_chart_can_be_painted_before_it_has_bins(qtbot) -> None:
    chart = BinnedChart("Length", "characters")
    qtbot.addWidget(chart)
    chart.resize(400, 200)
    chart.show()
    assert not chart.grab().isNull()
