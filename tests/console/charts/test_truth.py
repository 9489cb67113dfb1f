"""From the log to the pixels: no spike is lost, nothing is drawn that was not logged, history and live points join."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QRectF

from backend.clock import ManualClock
from backend.contract.base import number_from_json
from backend.services.ingest import Ingest
from backend.store import Store, blocks, series
from console.charts.catalogue import ChartSpec, SeriesSpec
from console.charts.curves import Curves
from console.charts.group import ChartGroup
from console.charts.series import Series
from tests.helpers.stores import a_job, a_run, make_store

pytestmark = pytest.mark.usefixtures("qapp")  # the clock of a group is a timer

PLOT = QRectF(34, 7, 240, 120)
SPEC = ChartSpec("x", "x", (SeriesSpec("x"),))
BUCKET = 32
ODD = (math.nan, math.inf, -math.inf)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(series, "BLOCK_POINTS", 512)
    monkeypatch.setattr(blocks, "BUCKET_POINTS", BUCKET)
    monkeypatch.setattr(series, "TAIL_POINTS", 700)
    store = make_store(tmp_path)
    store.runs.add(a_run())
    yield store
    store.close()


def shown(group: ChartGroup) -> Curves:
    """The curves of a chart that shows everything, outliers too."""
    curves = Curves(SPEC)
    curves.choice.mode = "auto"
    curves.build(group, PLOT)
    return curves


def value_rows(curves: Curves, group: ChartGroup) -> tuple[np.ndarray, np.ndarray]:
    """Columns and values of what is drawn, lines and lone dots, back from pixels."""
    picture = curves.build(group, PLOT)
    x = np.concatenate([part.x for part in (*picture.lines, *picture.dots)] or [np.empty(0)])
    y = np.concatenate([part.y for part in (*picture.lines, *picture.dots)] or [np.empty(0)])
    low, high = picture.y_range
    value = low + (PLOT.bottom() - y) * (high - low) / PLOT.height()
    return x[np.isfinite(y)], value[np.isfinite(y)]


def assert_truthful(group: ChartGroup, steps: np.ndarray, values: np.ndarray, bucket: int = 0) -> None:
    """Brute force: what was logged in a pixel column lies between what is drawn there.

    Two columns of slack, and `bucket` logged points to either side where the store has thinned before us.
    """
    columns, drawn = value_rows(shown(group), group)
    low, high = group.range
    inside = (steps >= low) & (steps <= high)
    at = PLOT.left() + (steps[inside] - low) * PLOT.width() / (high - low)
    logged = np.where(np.isfinite(values[inside]), values[inside], np.nan)
    fuzz = 1e-6 * (1 + np.nanmax(np.abs(logged))) if np.isfinite(logged).any() else 0.0
    for column in range(int(PLOT.left()), int(PLOT.right()) + 1):
        first, stop = np.searchsorted(at, (column, column + 1))
        true = logged[first:stop]
        if not np.isfinite(true).any():
            continue
        left = min(column - 2.0, float(at[max(0, first - bucket)]) - 0.5)
        right = max(column + 3.0, float(at[min(len(at), stop + bucket) - 1]) + 0.5)
        near = drawn[(columns >= left) & (columns <= right)]
        assert len(near), f"nothing is drawn at column {column}"
        assert near.max() >= np.nanmax(true) - fuzz
        assert near.min() <= np.nanmin(true) + fuzz


numbers = st.one_of(st.floats(-1e6, 1e6), st.sampled_from(ODD))


@st.composite
def logged(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Steps with holes, values with spikes and values that are no numbers."""
    count = draw(st.integers(1, 3000))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps = np.cumsum(rng.choice([1, 1, 1, 2], count)).astype(float)
    for _ in range(draw(st.integers(0, 3))):
        steps[draw(st.integers(0, count - 1)) :] += draw(st.integers(1, 5 * count))
    values = rng.normal(size=count) if draw(st.booleans()) else -np.arange(count) / count
    for value in draw(st.lists(numbers, max_size=12)):
        values[draw(st.integers(0, count - 1))] = value
    return steps, values


@settings(max_examples=60, deadline=None)
@given(logged(), st.floats(0, 1), st.floats(0.001, 1))
def test_extremes_of_every_column_are_drawn_at_every_zoom(
    data: tuple[np.ndarray, np.ndarray], start: float, share: float
) -> None:
    steps, values = data
    group = ChartGroup()
    group.set_series("x", steps, 1e9 + steps, None, values)
    low, high = group.extent
    group.zoom_to(low + start * (high - low), low + min(1.0, start + share) * (high - low))
    assert_truthful(group, steps, values)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(logged(), st.floats(0, 0.9), st.floats(0.02, 1))
def test_no_spike_is_lost_from_the_store_to_the_picture(
    store: Store, data: tuple[np.ndarray, np.ndarray], start: float, share: float
) -> None:
    steps, values = data
    run_id = f"r{len(store.runs.all()) + 1}"
    store.runs.add(a_run(run_id))
    points = [("x", int(s), 1e9 + s, None, float(v)) for s, v in zip(steps, values, strict=True)]
    for at in range(0, len(points), 333):
        store.series.append(run_id, 1, points[at : at + 333])
    low, high = float(steps[0]), float(steps[-1])
    window = (low + start * (high - low), low + min(1.0, start + share) * (high - low) + 1.0)
    group = ChartGroup()
    found = store.series.read(run_id, ["x"], *window, 600)["x"]
    group.set_series("x", found.steps, found.times, None, [math.nan if v is None else v for v in found.values])
    group.zoom_to(*window)
    thinned = len(found.steps) < found.count
    inside = (steps >= window[0]) & (steps <= window[1])
    assert found.count == inside.sum()
    assert_truthful(group, steps[inside], values[inside], 2 * BUCKET + found.count // 50 if thinned else 0)
    assert set(zip(found.steps, map(repr, found.values), strict=True)) <= {
        (point[1], repr(point[4])) for point in points
    }


def test_spikes_of_a_log_are_in_the_picture(store: Store) -> None:
    """The whole way: a job's log, ingest, blocks, thinned reply, chart."""
    count, rng = 6000, np.random.default_rng(5)
    values = rng.normal(size=count)
    spikes = rng.choice(count, 12, replace=False)
    values[spikes] = np.where(np.arange(12) % 2, 50.0, -50.0) + rng.normal(size=12)
    values[100] = math.nan
    with_log = a_job(store.home, "r1")
    for step, value in enumerate(values.tolist()):
        with_log.append("metrics", {"step": step, "epoch": None, "values": {"x": value}})
    with_log.close()
    ingest = Ingest(store, store.home, ManualClock())
    while not ingest.drained("r1"):
        ingest.poll()
    found = store.series.read("r1", ["x"], points=900)["x"]
    assert len(found.steps) < found.count == count
    group = ChartGroup()
    group.set_series("x", found.steps, found.times, None, [number_from_json(v) for v in found.values])
    _, drawn = value_rows(shown(group), group)
    for spike in values[spikes]:
        assert np.abs(drawn - spike).min() < 1e-6 * 200
    assert len(shown(group).build(group, PLOT).odd) == 1


# ---- thinned history and live points ---------------------------------------------------------------------------------


def thinned_history(values: np.ndarray, keep: int = 1000) -> Series:
    """What a page holds after opening a long run."""
    steps = np.arange(len(values))
    columns = blocks.Columns(
        steps, steps, 1e9 + steps / 10, np.full(len(steps), np.nan), values, np.zeros(len(steps), np.uint8)
    )
    part = blocks.thin(columns, keep)
    group = ChartGroup()
    group.set_series("x", part.steps, part.times, None, part.values)
    found = group.store.get("x")
    assert found is not None
    return found


@pytest.mark.parametrize("axis", ["step", "time"])
@pytest.mark.parametrize("kind", ["falling", "noisy", "falling, then steady"])
def test_thinned_history_has_no_holes(axis, kind: str) -> None:
    steps = np.arange(200_000.0)
    values = {"falling": -steps, "noisy": np.sin(steps * 77), "falling, then steady": np.maximum(-steps, -100_000.0)}
    series = thinned_history(values[kind])
    low, high = series.reach(axis) or (0.0, 0.0)
    assert series.trace(axis, low, high, 500).gaps == ()


@pytest.mark.parametrize("axis", ["step", "time"])
def test_history_stays_whole_while_live_points_come(axis) -> None:
    series = thinned_history(np.sin(np.arange(200_000.0) * 77))
    for start in range(200_000, 206_000, 50):
        steps = np.arange(start, start + 50)
        series.extend(steps, 1e9 + steps / 10, None, np.zeros(50))
        low, high = series.reach(axis) or (0.0, 0.0)
        assert series.trace(axis, low, high, 500).gaps == ()
    steps = np.arange(230_000, 230_100)
    series.extend(steps, 1e9 + steps / 10, None, np.zeros(100))
    low, high = series.reach(axis) or (0.0, 0.0)
    assert len(series.trace(axis, low, high, 500).gaps) == 1


def test_a_sparse_history_keeps_its_detail_beside_dense_live_points() -> None:
    group = ChartGroup()
    old = np.arange(0, 1_000_000, 500)
    wave = np.where(np.arange(len(old)) % 8 < 4, 1.0, -1.0)
    group.set_series("x", old, 1e9 + old, None, wave)
    new = np.arange(1_000_000, 1_100_000)
    group.append("x", new, 1e9 + new, None, np.zeros(len(new)))
    low, high = group.extent
    assert_truthful(group, np.concatenate((old, new)).astype(float), np.concatenate((wave, np.zeros(len(new)))))
    trace = group.store.get("x").trace("step", low, high, 240)  # type: ignore[union-attr]
    assert (np.isfinite(trace.y) & (trace.x < 1_000_000)).sum() > 300


def test_thousands_of_points_at_one_place_keep_their_extremes() -> None:
    group = ChartGroup()
    group.set_series("x", np.full(20_000, 7), 1e9 + np.arange(20_000), None, np.sin(np.arange(20_000)) * 9)
    _, drawn = value_rows(shown(group), group)
    assert (drawn.min(), drawn.max()) == pytest.approx((-9, 9), abs=0.01)


def test_the_true_count_grows_with_live_points() -> None:
    group = ChartGroup()
    group.set_series("x", np.arange(10), np.arange(10), None, np.zeros(10))
    group.set_true_counts({"x": 1_203_441})
    group.append("x", [10, 11], [10.0, 11.0], None, [1.0, 2.0])
    assert group.store.true_counts["x"] == 1_203_443


def test_a_finer_part_that_reaches_the_newest_point_grows_with_it() -> None:
    group = ChartGroup()
    store = group.store
    store.replace("x", np.arange(0, 1001, 100), np.arange(0, 1001, 100), None, np.zeros(11))
    store.set_detail("x", np.arange(800, 1001), np.arange(800, 1001), None, np.ones(201))
    store.append("x", [1001], [1001.0], None, [2.0])
    best = store.best("x", "step", 850, 1001)
    assert best is not None
    assert len(best) == 202
    store.set_detail("x", np.arange(800, 900), np.arange(800, 900), None, np.ones(100))
    store.append("x", [1002], [1002.0], None, [2.0])
    best = store.best("x", "step", 850, 899)
    assert best is not None
    assert len(best) == 100


def test_a_million_values_that_are_no_numbers_are_one_mark_a_column() -> None:
    group = ChartGroup()
    group.set_series("x", np.arange(100_000), 1e9 + np.arange(100_000), None, np.full(100_000, math.nan))
    marks = shown(group).build(group, PLOT).odd
    assert 200 < len(marks) <= PLOT.width() + 1


def test_a_gap_names_its_clock_times_on_the_step_axis_too() -> None:
    group = ChartGroup()
    start = time.mktime((2026, 11, 22, 14, 0, 0, 0, 0, -1))
    steps = np.concatenate([np.arange(100), np.arange(400, 500)])
    group.set_series("x", steps, start + steps * 2.0, None, np.ones(200))
    shades = shown(group).build(group, PLOT).shades
    assert [s.text for s in shades if s.kind == "gap"] == ["no data 14:03 to 14:13"]
