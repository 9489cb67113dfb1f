"""Columns grow, keep everything, know their holes; samples find their step; shares stack."""

from __future__ import annotations

import numpy as np
import pytest

from console.charts.series import Series
from console.charts.shares import ShareStack
from console.charts.store import SeriesStore


def filled(count: int = 1_000, step: float = 1.0) -> Series:
    series = Series(capacity=16)
    steps = np.arange(count) * step
    series.extend(steps, 1e9 + steps, steps / 100, np.sin(steps))
    return series


def test_points_are_kept_through_many_small_batches() -> None:
    series = Series(capacity=16)
    for i in range(5_000):
        series.extend([i], [i], None, [i * 2.0])
    assert len(series) == 5_000
    assert np.array_equal(series.values, np.arange(5_000) * 2.0)


def test_old_points_are_thinned_at_the_limit_and_no_extreme_is_lost() -> None:
    series, rng = Series(limit=2_000), np.random.default_rng(2)
    values = rng.normal(size=40_000)
    values[[7, 12_345, 30_001]] = [99.0, -99.0, 77.0]
    values[15_000] = np.nan
    for start in range(0, 40_000, 50):
        steps = np.arange(start, start + 50)
        series.extend(steps, 1e9 + steps, None, values[start : start + 50])
        assert len(series) <= 2_000
    assert series.total == 40_000
    assert series.coarse
    assert {99.0, -99.0, 77.0} <= set(series.values.tolist())
    assert series.column("step")[[0, -1]].tolist() == [0, 39_999]
    trace = series.trace("step", 0, 40_000, 200)
    assert trace.gaps == ()
    assert trace.odd_x.tolist() == [15_000]
    old = np.diff(series.column("step")[: series.history])
    assert old.max() < 10 * np.median(old) + 100  # thinned evenly, however often


def test_nothing_but_nan_is_kept_within_the_limit() -> None:
    series = Series(limit=1_000)
    for start in range(0, 5_000, 100):
        series.extend(np.arange(start, start + 100), np.arange(start, start + 100), None, np.full(100, np.nan))
    assert len(series) <= 1_000
    assert series.column("step")[-1] == 4_999
    assert len(series.trace("step", 0, 5_000, 100).odd_x) == len(series)


def test_shares_of_thinned_parts_are_read_between_their_points() -> None:
    store = SeriesStore()
    stack = ShareStack(("a", "b"))
    store.replace("a", [0, 10, 20, 30], None, None, [1.0] * 4)
    store.replace("b", [0, 7, 22, 30], None, None, [3.0] * 4)
    store.learn_counts({"a": 4000, "b": 4000})
    stack.refresh(store)
    assert stack.shares[0].values.tolist() == [25.0] * 4


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="2 values came with 3 entries of 'step'"):
        Series().extend([1, 2, 3], None, None, [1, 2])


def test_a_trace_keeps_a_single_spike_and_reaches_the_edges() -> None:
    series = filled(100_000)
    series.values[54_321] = 99.0
    trace = series.trace("step", 20_000.5, 80_000.5, 300)
    assert trace.y.max() == 99.0
    assert trace.x[0] <= 20_000.5
    assert trace.x[-1] >= 80_000.5
    assert len(trace.x) <= 2 * 300 + 6


def test_nan_and_infinity_become_markers_and_lift_the_pen() -> None:
    series = filled(100)
    series.extend([100, 101, 102, 103], None, None, [np.nan, np.inf, -np.inf, 1.0])
    trace = series.trace("step", 0, 200, 500)
    assert trace.odd_x.tolist() == [100, 101, 102]
    assert np.isnan(trace.odd_y[0])
    assert trace.odd_y[1:].tolist() == [np.inf, -np.inf]
    assert np.isnan(trace.y).sum() == 1
    assert trace.alone.tolist() == [len(trace.y) - 1]


def test_nothing_but_nan_draws_nothing_and_loses_nothing() -> None:
    series = Series()
    series.extend(np.arange(5_000), np.arange(5_000), None, np.full(5_000, np.nan))
    trace = series.trace("step", 0, 5_000, 100)
    assert len(trace.x) == 0
    assert len(trace.odd_x) == 5_000
    assert np.isnan(series.smoothed("step", 0.9)).all()


def test_a_hole_breaks_the_line() -> None:
    series = filled(100)
    series.extend(np.arange(500, 600), 1e9 + np.arange(500, 600), None, np.ones(100))
    trace = series.trace("time", 1e9, 1e9 + 600, 500)
    assert trace.gaps == ((1e9 + 99, 1e9 + 500),)
    assert np.isnan(trace.y).sum() == 1


@pytest.mark.parametrize("count", range(2, 14))
def test_few_points_have_a_hole_where_nothing_came(count: int) -> None:
    """An endpoint that was asked twice, long ago and just now, was silent meanwhile: no line says otherwise."""
    store = SeriesStore()
    store.silence_s = 15.0
    times = [1e9 + i for i in range(count - 1)]
    store.replace("serve/latency_ms_p99", None, times, None, [5.0] * len(times))
    store.append("serve/latency_ms_p99", None, [1e9 + 600], None, [7.0])
    series = store.get("serve/latency_ms_p99")
    assert series is not None
    assert series.trace("time", 1e9, 1e9 + 600, 500).gaps == ((times[-1], 1e9 + 600),)


def test_few_points_that_follow_each_other_are_joined() -> None:
    store = SeriesStore()
    store.silence_s = 15.0
    store.append("serve/requests_per_s", None, [1e9, 1e9 + 1, 1e9 + 11], None, [3.0, 2.0, 0.0])
    series = store.get("serve/requests_per_s")
    assert series is not None
    assert series.trace("time", 1e9, 1e9 + 60, 500).gaps == ()


def test_few_points_of_a_run_are_joined_however_far_apart() -> None:
    """Three evaluations, an hour apart: nobody promised one every few seconds."""
    series = Series()
    series.extend([100, 200, 300], [1e9, 1e9 + 3600, 1e9 + 7200], None, [0.5, 0.4, 0.3])
    assert series.trace("time", 1e9, 1e9 + 7200, 500).gaps == ()


def test_irregular_logging_is_not_a_hole() -> None:
    series = Series()
    series.extend(np.arange(50), np.arange(50) * 0.2 + np.where(np.arange(50) > 25, 4.0, 0), None, np.ones(50))
    assert series.trace("time", 0, 100, 500).gaps == ()


def test_samples_crowded_by_a_pause_are_not_holes_elsewhere() -> None:
    """The machine is sampled every second; for ten minutes the run stood at step 9, then made a step each 2 s."""
    store = SeriesStore()
    steps, times = np.arange(1, 60), np.concatenate((np.arange(1, 10) * 2.0, 600 + np.arange(10, 60) * 2.0))
    store.replace("train/loss", steps, times, None, np.ones(59))
    store.replace("cpu/utilization_percent", None, np.arange(2.0, 715.0), None, np.full(713, 50.0))
    cpu = store.best("cpu/utilization_percent", "step", 0, 60)
    assert cpu is not None
    trace = cpu.trace("step", 0, 60, 500)
    assert trace.gaps == ()
    assert not len(trace.alone)


def test_coarser_history_is_not_a_hole() -> None:
    """What is older than some minutes is kept every 12 s, the rest every second; a real hole still is one."""
    series = Series()
    times = np.concatenate((np.arange(0, 600, 12), np.arange(600, 900), np.arange(960, 1_000)))
    series.extend(None, times, None, np.ones(len(times)))
    assert series.trace("time", 0, 1_000, 500).gaps == ((899.0, 960.0),)


def test_a_resumed_run_steps_back_without_a_line_across() -> None:
    series = filled(1_000)
    series.extend(np.arange(500, 800), 2e9 + np.arange(300), None, np.full(300, 7.0))
    trace = series.trace("step", 0, 1_000, 2_000)
    assert np.isnan(trace.y).sum() == 1
    assert series.values[series.nearest("step", 600)] == 7.0
    assert series.values[series.nearest("step", 300)] == pytest.approx(np.sin(300))


def test_samples_that_know_only_their_time_get_a_step() -> None:
    store = SeriesStore()
    store.replace("train/loss", [0, 100], [0.0, 50.0], [0.0, 1.0], [1, 1])
    store.replace("gpu/0/power_w", None, [10.0, 25.0, 60.0], None, [1, 2, 3])
    power = store.get("gpu/0/power_w")
    store.place(power)
    assert power.column("step").tolist() == [20, 50, 100]
    assert power.column("epoch").tolist() == [0.2, 0.5, 1.0]
    store.append("train/loss", [200], [100.0], [2.0], [1])
    store.place(power)
    assert power.column("step").tolist() == [20, 50, 120]


def test_epochs_come_from_steps_per_epoch() -> None:
    store = SeriesStore()
    store.steps_per_epoch = 50
    store.replace("train/loss", [0, 100], [0.0, 50.0], None, [1, 1])
    assert store.reach("epoch") == (0, 2)
    assert store.position("step", 50) == {"step": 50, "epoch": 1.0, "time": 25.0}


def test_a_finer_part_is_used_where_it_covers_the_window() -> None:
    store = SeriesStore()
    store.replace("k", np.arange(0, 1_000, 100), None, None, np.zeros(10))
    store.set_detail("k", np.arange(200, 401), None, None, np.ones(201))
    assert len(store.best("k", "step", 210, 390)) == 201
    assert len(store.best("k", "step", 100, 390)) == 10


def test_shares_are_percent_of_the_whole_and_grow_with_the_parts() -> None:
    store = SeriesStore()
    stack = ShareStack(("a", "b"), ("rest",))
    for key, values in (("a", [1, 2]), ("b", [1, 1]), ("rest", [2, 1])):
        store.replace(key, [10, 20], None, None, values)
    stack.refresh(store)
    assert stack.shares[0].values.tolist() == [25, 50]
    assert stack.tops[1].values.tolist() == [50, 75]
    for key, value in (("b", 3), ("rest", 0), ("a", 1)):
        store.append(key, [30], None, None, [value])
    stack.refresh(store)
    assert stack.tops[0].values.tolist() == [25, 50, 25]


def test_a_step_of_no_time_is_no_share() -> None:
    store = SeriesStore()
    stack = ShareStack(("a",), ())
    store.replace("a", [1, 2], None, None, [0.0, np.nan])
    stack.refresh(store)
    assert np.isnan(stack.shares[0].values).all()
