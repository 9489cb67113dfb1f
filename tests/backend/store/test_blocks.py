"""Packing is bit-exact, thinning keeps every extreme."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.store import blocks
from backend.store.blocks import Columns

values = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True, width=64), st.integers(-5, 5).map(float))
points = st.lists(
    st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats(0, 4e9), st.none() | st.floats(), values), max_size=700
)


def _columns(rows: list[tuple[int, float, float | None, float | None]]) -> Columns:
    tail = blocks.to_tail([1] * len(rows), tuple(zip(*rows, strict=True)) or ((), (), (), ()))
    return blocks.from_tail(tail, 100, 1)


def _bits(number: float) -> bytes:
    return struct.pack("<d", number)


@settings(deadline=None, max_examples=60)
@given(points)
def test_packed_points_come_back_bit_for_bit(rows: list[tuple[int, float, float | None, float | None]]) -> None:
    columns = _columns(rows)
    found = blocks.unpack(blocks.pack(columns))
    for before, after in zip(columns.all(), found.all(), strict=True):
        assert before.tobytes() == after.tobytes()
    for row, value, flags in zip(rows, found.values.tolist(), found.flags.tolist(), strict=True):
        assert bool(flags & blocks.NO_VALUE) == (row[3] is None)
        assert row[3] is None or _bits(row[3]) == _bits(value)


@settings(deadline=None, max_examples=60)
@given(points, st.integers(1, 300))
def test_thinning_keeps_extremes_ends_and_signs_of_trouble(
    rows: list[tuple[int, float, float | None, float | None]], wanted: int
) -> None:
    columns = _columns(rows)
    thinned = blocks.thin(columns, wanted)
    assert len(thinned) <= max(wanted, 8) or len(columns) <= max(wanted, 8)
    assert len(thinned) == min(len(columns), len(thinned))
    if not len(columns):
        return
    assert list(thinned.ordinals) == sorted(set(thinned.ordinals))
    assert (thinned.ordinals[0], thinned.ordinals[-1]) == (columns.ordinals[0], columns.ordinals[-1])
    finite, kept = columns.values[np.isfinite(columns.values)], thinned.values[np.isfinite(thinned.values)]
    if len(finite):
        assert (finite.min(), finite.max()) == (kept.min(), kept.max())
    if len(finite) < len(columns):
        assert len(kept) < len(thinned)


@settings(deadline=None, max_examples=30)
@given(points)
def test_an_outline_has_the_extremes_of_its_block(rows: list[tuple[int, float, float | None, float | None]]) -> None:
    columns = _columns(rows)
    if not len(columns):
        return
    outline = blocks.unpack_outlines([blocks.pack_outline(columns)])
    finite = columns.values[np.isfinite(columns.values)]
    if len(finite):
        assert {finite.min(), finite.max()} <= set(outline.values.tolist())
    assert (outline.steps[0], outline.steps[-1]) == (columns.steps[0], columns.steps[-1])


@settings(deadline=None, max_examples=30)
@given(points)
def test_the_fine_outline_stands_at_the_head_of_a_block(
    rows: list[tuple[int, float, float | None, float | None]],
) -> None:
    columns = _columns(rows)
    packed = blocks.pack(columns)
    fine = blocks.fine_outline(packed[: blocks.FINE_BYTES])
    assert fine is not None
    kept = blocks.unpack_outlines([fine])
    for start in range(0, len(columns), blocks.FINE_POINTS):
        part = columns.values[start : start + blocks.FINE_POINTS]
        finite = part[np.isfinite(part)]
        if len(finite) and len(columns) % blocks.FINE_POINTS == 0:
            assert {finite.min(), finite.max()} <= set(kept.values.tolist())
    assert blocks.fine_outline(blocks._packed(columns)) is None


def test_the_longest_fine_outline_is_read_with_the_head() -> None:
    rng = np.random.default_rng(3)
    count = blocks.BLOCK_POINTS
    odd = rng.integers(0, 2**63, count).view(np.float64)  # nothing to compress
    steps = rng.integers(-(2**62), 2**62, count)
    columns = blocks.Columns(np.arange(count), steps, odd, odd[::-1].copy(), odd, np.zeros(count, np.uint8))
    assert blocks.fine_outline(blocks.pack(columns)[: blocks.FINE_BYTES]) is not None


def test_damaged_bytes_are_named() -> None:
    with pytest.raises(ValueError, match="damaged"):
        blocks.unpack(b"nonsense")
    packed = bytearray(blocks.pack(_columns([(1, 1.0, None, 1.0)])))
    packed[8] ^= 0xFF
    with pytest.raises(ValueError, match="damaged"):
        blocks.fine_outline(bytes(packed))


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(OverflowError):
        blocks.to_tail([1], ((2**64,), (1.0,), (None,), (1.0,)))
    with pytest.raises((ValueError, TypeError)):
        blocks.to_tail([1], ((1,), (1.0,), (None,), ("much",)))
    assert math.isnan(blocks.to_tail([1], ((1,), (1.0,), (None,), (None,)))["value"][0])
