"""Numbers and ticks as the design writes them; the window's arithmetic; grouping of events; the catalogue."""

from __future__ import annotations

import math

import numpy as np
import pytest

from console.charts import format as fmt
from console.charts import scale
from console.charts.catalogue import ENDPOINT_CHARTS, RUN_CHARTS, gpu_charts, overlay, spec_for
from console.charts.events import ChartEvent, group_marks
from console.charts.window import Window
from console.words import stopwatch


@pytest.mark.parametrize(
    ("value", "style", "text"),
    [
        (0.25231, ".4f", "0.2523"), (1.05e-4, "sci", "1.05e−4"), (52.3, "percent", "52%"),
        (11.84, "ms", "11.8"), (1155.9, "ms", "1,156"),
        (None, "", "—"), (202.4, "", "202"),
        (math.nan, ".4f", "NaN"), (math.inf, ".1f", "∞"), (-math.inf, "", "−∞"), (-1.5, ".1f", "−1.5"),
        (12345.6, "", "12,346"), (0, "", "0"),
    ],
)  # fmt: skip
def test_numbers(value, style, text) -> None:
    assert fmt.number(value, style) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(51, "51 s"), (1851, "30 m 51 s"), (6720, "1 h 52 m"), (273600, "3 d 4 h"), (0, "0 s"), (-5, "−5 s")],
)
def test_durations(seconds, text) -> None:
    assert stopwatch(seconds) == text


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [(0, 12_000, ["0", "2k", "4k", "6k", "8k", "10k", "12k"]), (0, 2.0, ["0", "0.4", "0.8", "1.2", "1.6", "2.0"])],
)
def test_x_labels(low, high, labels) -> None:
    assert fmt.tick_labels(fmt.ticks(low, high, 6)) == labels


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0.1, 1.41), (0, 270), (0, 2.1e-4), (-3, 7), (1e9, 1.0001e9), (0.9, 0.96), (-1e-9, 1e-9)]
)
def test_y_labels_are_three_to_five(low, high) -> None:
    at = fmt.y_ticks(low, high, 5)
    assert 3 <= len(at) <= 5
    assert all(low - 1e-12 <= t <= high + 1e-12 for t in at)
    assert len(set(fmt.tick_labels(at))) == len(at)


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0.1, 1.41, ["0.25", "0.50", "0.75", "1.00", "1.25"]),
        (0.668, 0.6825, ["0.67", "0.68"]),
    ],
)
def test_y_labels_fit_beside_the_plot(low, high, texts) -> None:
    """A loss that has hardly moved yet has labels that are cut at neither end."""
    found = [text for _, text in scale.labels(low, high, RUN_CHARTS[0], False, 140)]
    assert found == texts


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0.6897, 0.6977, ["0.690", "0.695"]),
        (0.6866, 0.6991, ["0.688", "0.692", "0.696"]),
        (-0.052, 0.052, ["−0.05", "0", "0.05"]),
        (0.67541, 0.67558, ["0.67544", "0.67548", "0.67552", "0.67556"]),
    ],
)
def test_y_labels_that_do_not_fit_stay_in_full(low, high, texts) -> None:
    """No leading zero is left out: the axis is widened instead."""
    assert [text for _, text in scale.labels(low, high, RUN_CHARTS[0], False, 140)] == texts


@pytest.mark.parametrize(("low", "high"), [(0, 0), (1, 0), (math.nan, 1), (0, math.inf)])
def test_impossible_ranges_have_no_ticks(low, high) -> None:
    assert fmt.ticks(low, high, 5) == []
    assert fmt.y_ticks(low, high, 5) == []


def test_log_labels_are_decades() -> None:
    assert fmt.log_labels(fmt.log_ticks(-3.2, 1.1, 5)) == ["0.001", "0.01", "0.1", "1", "10"]
    assert len(fmt.log_ticks(0.1, 0.6, 5)) >= 2


def test_zooming_keeps_the_point_under_the_mouse() -> None:
    window = Window(extent=(0, 100))
    window.zoom(0.5, 30)
    assert window.range == (15, 65)
    assert not window.follow
    window.zoom(100, 30)
    assert window.range == (0, 100)


def test_panning_stops_at_the_ends() -> None:
    window = Window(extent=(0, 100))
    window.hold(10, 30)
    window.pan(-50)
    assert window.range == (0, 20)
    window.pan(500)
    assert window.range == (80, 100)


def test_following_keeps_the_width_and_moves_the_edge() -> None:
    window = Window(extent=(0, 100), newest=100)
    window.hold(40, 60)
    window.resume()
    window.grow((0, 150), 150)
    assert window.range == (130, 150)
    window.reset()
    assert window.range == (0, 150)


def test_an_empty_range_is_widened() -> None:
    window = Window()
    window.hold(5, 5)
    assert window.range[0] < 5 < window.range[1]


def test_events_within_twelve_pixels_share_an_icon_and_the_urgent_one_leads() -> None:
    events = [ChartEvent(str(i), kind, "") for i, kind in enumerate(("checkpoint", "warning", "note"))]
    marks = group_marks([(100.0, events[0]), (111.0, events[1]), (112.0, events[2])])
    assert [len(m.events) for m in marks] == [2, 1]
    assert marks[0].leader.kind == "warning"


def test_log_scale_puts_zeros_on_its_floor() -> None:
    y = np.array([0.0, -1.0, 0.01, 100.0, np.nan])
    floor = scale.log_floor(y)
    assert scale.to_scale(y, True, floor)[:4].tolist() == pytest.approx([math.log10(0.005), math.log10(0.005), -2, 2])
    low, high = scale.choose_range(y, RUN_CHARTS[0], scale.YChoice(log=True), floor)
    assert low < -2 < 2 < high


def test_outliers_do_not_flatten_the_curve_unless_asked() -> None:
    y = np.append(np.random.default_rng(0).normal(1, 0.1, 1_000), 1e6)
    _, high = scale.choose_range(y, RUN_CHARTS[0], scale.YChoice(), 0.1)
    assert high < 2
    _, high = scale.choose_range(y, RUN_CHARTS[0], scale.YChoice("auto"), 0.1)
    assert high >= 1e6


@pytest.mark.parametrize("y", [[], [3.0], [0.0, 0.0], [np.nan], [1e300, -1e300]])
def test_every_range_is_a_range(y) -> None:
    for log in (False, True):
        low, high = scale.choose_range(np.array(y), RUN_CHARTS[0], scale.YChoice(log=log), 0.1)
        assert low < high


def test_the_catalogue_has_unique_ids_and_known_roles() -> None:
    from console.theme import theme

    for charts in (RUN_CHARTS, ENDPOINT_CHARTS):
        assert len({c.id for c in charts}) == len(charts)
        assert all(theme.has_role(s.role) for c in charts for s in c.series)


def test_any_logged_metric_has_a_chart() -> None:
    assert spec_for("train/step_s").id == "step_seconds"
    odd = spec_for("eval/my <b>metric</b> " + "x" * 10_000)
    assert len(odd.title) <= 80
    assert gpu_charts(1)[0].series[0].key == "gpu/1/utilization_percent"


def test_compared_runs_keep_their_colour_and_are_dashed_from_the_eighth() -> None:
    spec = overlay(RUN_CHARTS[0], [(f"r{i}", f"run {i}") for i in range(9)], list("abcdefg"))
    assert spec.series[1].key == "r1:train/loss"
    assert spec.series[7].role == "a"
    assert spec.series[7].dash == (4, 3)
