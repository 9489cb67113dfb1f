"""Thinning keeps every extreme; smoothing is bias-corrected, weighted by distance and can be extended."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.charts import pyramid, reduce
from console.charts.pyramid import CHUNK, Extremes, Ruler
from console.charts.reduce import Smoother, column_indices, every_nth, minmax_indices, typical_spacing
from console.charts.series import Series


@pytest.mark.parametrize(
    ("count", "buckets", "start"),
    [(100_003, 500, 0), (8_420, 237, 17), (1_000_000, 540, 3), (50, 500, 0), (1_001, 500, 1)],
)
def test_every_bucket_keeps_its_true_extremes(count: int, buckets: int, start: int) -> None:
    y = np.random.default_rng(count).normal(size=count)
    chosen = set(minmax_indices(y, start, count, buckets).tolist())
    size = max(1, -(-(count - start) // buckets))
    for first in range(-(-start // size) * size, count, size):
        part = y[first : min(first + size, count)]
        if count - start > 2 * buckets:
            assert first + int(part.argmin()) in chosen
            assert first + int(part.argmax()) in chosen
    assert len(chosen) <= 2 * buckets + 6
    assert {start, count - 1} <= chosen


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.floats(-1e3, 1e3), st.sampled_from([float("nan"), float("inf"), float("-inf")])),
        min_size=1,
        max_size=400,
    ),
    st.integers(1, 30),
)
def test_extremes_survive_values_that_are_no_numbers(values: list[float], buckets: int) -> None:
    y = np.array(values)
    chosen = minmax_indices(y, 0, len(y), buckets)
    known = y[np.isfinite(y)]
    assert np.isfinite(y[chosen]).all()
    assert (np.diff(chosen) > 0).all()
    if len(known):
        assert y[chosen].min() == known.min()
        assert y[chosen].max() == known.max()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60_000), st.integers(1, 40), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_extremes_put_together_from_chunks_are_the_true_ones(count: int, buckets: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.normal(size=count)
    y[rng.random(count) < share**4] = rng.choice([np.nan, np.inf, -np.inf])
    hole = int(rng.integers(0, count))
    y[hole : hole + count // 8] = rng.choice([np.nan, np.inf, -np.inf])  # whole chunks without a number
    known, parts = Extremes(), np.sort(rng.integers(0, count + 1, 3))
    for upto in (*parts.tolist(), count):  # the series grew in parts
        start = int(rng.integers(0, upto + 1))
        chosen = minmax_indices(y[:upto], start, upto, buckets, known)
        assert (np.diff(chosen) > 0).all()
        assert len(chosen) <= 2 * buckets + 6
        size = -(-(upto - start) // buckets)
        if upto - start <= 2 * buckets:
            continue
        size = Extremes.rounded(size)
        for first in range(start // size * size, upto, size):
            part = y[max(first, start) : min(first + size, upto)]
            part = part[np.isfinite(part)]
            if len(part):
                inside = y[chosen[(chosen >= first) & (chosen < first + size)]]
                assert (inside.min(), inside.max()) == (part.min(), part.max())


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from([1, 7, 63, 256, 300, 640, 2_000]), min_size=1, max_size=40), st.integers(0, 2**32 - 1))
def test_extremes_of_uneven_columns_are_the_true_ones(sizes: list[int], seed: int) -> None:
    """Columns of few and of many points beside each other, in a series that grows: what lies in a column is
    drawn, two columns beside it at most."""
    rng = np.random.default_rng(seed)
    before = int(rng.integers(0, 500))
    edges = np.cumsum([before, *sizes])
    y = rng.normal(size=edges[-1] + int(rng.integers(0, 500)))
    y[rng.random(len(y)) < rng.random() ** 4] = rng.choice([np.nan, np.inf, -np.inf])
    x = np.interp(np.arange(len(y)), edges, np.arange(len(edges)), left=-1.0, right=len(sizes) + 1.0)
    known, ruler = Extremes(), Ruler()
    for upto in (int(rng.integers(before, len(y) + 1)), len(y)):
        stop = min(int(edges[-1]), upto)
        if stop <= before:
            continue
        window = (0.0, float(len(sizes)))
        chosen = column_indices(x[:upto], y[:upto], (before, stop), window, len(sizes), known, ruler)
        assert (np.diff(chosen) > 0).all()
        assert np.isfinite(y[chosen]).all()
        assert len(chosen) <= 2 * len(sizes) + 8
        for column, (first, last) in enumerate(pairwise(edges.tolist())):
            part = y[first : min(last, stop)]
            part = part[np.isfinite(part)]
            if len(part):
                left, right = edges[max(0, column - 2)], edges[min(len(sizes), column + 3)] + CHUNK
                near = y[chosen[(chosen >= left) & (chosen < right)]]
                assert (near.min() <= part.min(), near.max() >= part.max()) == (True, True)


@pytest.mark.parametrize("kind", ["even", "sparse history beside dense live points"])
def test_a_frame_looks_at_few_of_a_million_points(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = np.arange(1_000_000.0)
    if kind != "even":
        steps[:2_000] *= 500.0
        steps[2_000:] += 1_000_000.0
    series = Series(2_000_000, 2_000_000)
    series.extend(steps, steps, None, np.random.default_rng(5).normal(size=len(steps)))
    series.trace("step", 0, steps[-1], 300)
    seen: list[int] = []
    for name, module in (("bucket_extremes", reduce), ("first_lowest", reduce), ("first_lowest", pyramid)):
        real = getattr(pyramid, name)
        monkeypatch.setattr(module, name, lambda y, how, real=real: (seen.append(len(y)), real(y, how))[1])
    for width in (1.0, 0.6, 0.3):
        seen.clear()
        series.extend([steps[-1] + len(seen)], [steps[-1]], None, [0.5])
        series.trace("step", steps[-1] * (1 - width), steps[-1], 300)
        assert sum(seen) < 80_000


def test_buckets_stay_where_they_are_when_the_curve_grows() -> None:
    y = np.random.default_rng(1).normal(size=10_050)
    before = minmax_indices(y, 0, 10_000, 500)
    after = minmax_indices(y, 0, 10_000 - 30, 500)
    common = before[before < 9_900]
    assert np.array_equal(common, after[after < 9_900])


def test_every_nth_keeps_both_ends() -> None:
    chosen = every_nth(13, 10_000, 500)
    assert chosen[0] == 13
    assert chosen[-1] == 9_999
    assert len(chosen) <= 503


def by_hand(y: np.ndarray, weight: float) -> np.ndarray:
    mean = total = 0.0
    out = []
    for value in y:
        mean, total = weight * mean + (1 - weight) * value, weight * total + (1 - weight)
        out.append(mean / total)
    return np.array(out)


@pytest.mark.parametrize("weight", [0.0, 0.1, 0.6, 0.93, 0.999])
def test_smoothing_is_the_bias_corrected_mean(weight: float) -> None:
    y = np.random.default_rng(3).normal(5, 1, 4_000)
    smooth = Smoother(weight).extend(np.arange(4_000.0), y)
    assert np.allclose(smooth, by_hand(y, weight), rtol=1e-9)
    assert smooth[0] == pytest.approx(y[0])


def test_smoothing_in_parts_equals_smoothing_at_once() -> None:
    y, x = np.random.default_rng(4).normal(size=1_000), np.arange(1_000.0) * 10
    whole = Smoother(0.97).extend(x, y)
    smoother = Smoother(0.97)
    parts = np.concatenate([smoother.extend(x[a:b], y[a:b]) for a, b in ((0, 400), (400, 401), (401, 1_000))])
    assert np.allclose(whole, parts, rtol=1e-9)


def test_a_long_pause_forgets_more_than_a_short_one() -> None:
    y = np.array([0.0] * 20 + [1.0])
    near = Smoother(0.9).extend(np.arange(21.0), y)
    far = Smoother(0.9).extend(np.append(np.arange(20.0), 60.0), y)
    assert far[-1] > 0.95 > near[-1]


def test_values_that_are_no_numbers_weigh_nothing() -> None:
    y = np.array([1.0, np.nan, 1.0, np.inf, 1.0])
    smooth = Smoother(0.9).extend(np.arange(5.0), y)
    assert np.isnan(smooth[[1, 3]]).all()
    assert np.allclose(smooth[[0, 2, 4]], 1.0)


@pytest.mark.parametrize("weight", [-0.1, 1.0, 2.0])
def test_a_weight_outside_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="outside"):
        Smoother(weight)


def test_typical_spacing_ignores_holes() -> None:
    assert typical_spacing(np.array([0.0, 10, 20, 30, 5000, 5010])) == 10
    assert typical_spacing(np.array([1.0])) == 0
