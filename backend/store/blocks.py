"""Points of a series as packed bytes, and the thinning that keeps every extreme. Pure: no database.

A point is (ordinal, step, time, epoch, value). `ordinal` counts the points of a run over all keys in the order of the
event log.
Floats keep every bit; an unknown value or epoch (None) is NaN plus a flag, so that it differs from a logged NaN.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_POINTS = 4096
BUCKET_POINTS = 256
"""The outline of a block keeps the lowest, the highest and the first odd point of every so many points."""

FINE_POINTS = 32
"""The fine outline of a block does the same of every so many; it stands at the head of the block's bytes."""

FINE_BYTES = 16_384
"""No fine outline is longer; reading so many bytes of a block reads it whole."""

NO_VALUE = 1
NO_EPOCH = 2

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TAIL = np.dtype([("key", "<i4"), ("flags", "u1"), ("step", "<i8"), ("time", "<f8"), ("epoch", "<f8"), ("value", "<f8")])
"""One point of any key as it lies in series_tail."""

_WITH_FINE = 1
_HEAD = struct.Struct("<BI")  # _WITH_FINE and the length of the fine outline; zlib's own first byte is 0x78

_OUTLINE = np.dtype([("flags", "u1"), ("step", "<i8"), ("time", "<f8"), ("epoch", "<f8"), ("value", "<f8")])


@dataclass(frozen=True, slots=True)
class Columns:
    """Points of one key, column by column; all of one length."""

    ordinals: Ints
    steps: Ints
    times: Floats
    epochs: Floats
    values: Floats
    flags: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.steps)

    def take(self, which: Any) -> "Columns":
        """The points a numpy index (slice, mask, positions) selects."""
        return Columns(*(column[which] for column in self.all()))

    def all(self) -> tuple[Any, ...]:
        """The columns in the order of the fields."""
        return self.ordinals, self.steps, self.times, self.epochs, self.values, self.flags


EMPTY = Columns(
    np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0), np.empty(0, np.uint8)
)


def join(parts: Sequence[Columns]) -> Columns:
    """One behind the other."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return EMPTY
    if len(parts) == 1:
        return parts[0]
    return Columns(*(np.concatenate(column) for column in zip(*(part.all() for part in parts), strict=True)))


# ---- the tail --------------------------------------------------------------------------------------------------------


def to_tail(keys: Sequence[int], columns: Sequence[Sequence[Any]]) -> NDArray[Any]:
    """Points as logged: key ids and the columns (step, time, epoch or None, value or None).

    OverflowError for a step outside 64 bits, ValueError or TypeError for what is no number.
    """
    steps, times, epochs, values = columns
    points = np.empty(len(keys), TAIL)
    points["key"] = keys
    points["step"] = steps
    points["time"] = times
    points["epoch"] = np.array(epochs, dtype=np.float64)  # None becomes NaN
    points["value"] = np.array(values, dtype=np.float64)
    points["flags"] = 0
    # `None in` is a loop in C; the slow marking is only for lists that hold one.
    if None in values:
        points["flags"] |= np.array([value is None for value in values], dtype=np.uint8) * np.uint8(NO_VALUE)
    if None in epochs:
        points["flags"] |= np.array([epoch is None for epoch in epochs], dtype=np.uint8) * np.uint8(NO_EPOCH)
    return points


def from_tail(points: NDArray[Any], first_ordinal: int, key: int) -> Columns:
    """The points of one key out of a tail whose first point has this ordinal."""
    places = np.flatnonzero(points["key"] == key)
    mine = points[places]
    return Columns(
        places + first_ordinal,
        mine["step"].astype(np.int64),
        mine["time"].astype(np.float64),
        mine["epoch"].astype(np.float64),
        mine["value"].astype(np.float64),
        mine["flags"].copy(),
    )


# ---- blocks ----------------------------------------------------------------------------------------------------------


def pack(columns: Columns) -> bytes:
    """The fine outline, then compressed bytes: whole numbers as differences, floats with equal bytes side by side
    (neighbours are alike in their first bytes)."""
    fine = zlib.compress(_outline(columns, FINE_POINTS), 1)
    return _HEAD.pack(_WITH_FINE, len(fine)) + fine + _packed(columns)


def _packed(columns: Columns) -> bytes:
    parts = [np.uint32(len(columns)).tobytes()]
    for numbers in (columns.ordinals, columns.steps):
        parts.append(_shuffled(np.diff(numbers, prepend=np.int64(0))))
    for floats in (columns.times, columns.epochs, columns.values):
        parts.append(_shuffled(floats))
    parts.append(columns.flags.tobytes())
    return zlib.compress(b"".join(parts), 1)


def unpack(data: bytes) -> Columns:
    """The points behind pack(), bit for bit; ValueError when the bytes are not ours. Blocks of the first version have
    no fine outline."""
    start = 0
    if data[:1] == bytes([_WITH_FINE]) and len(data) >= _HEAD.size:
        start = _HEAD.size + _HEAD.unpack_from(data)[1]
    try:
        raw = zlib.decompress(memoryview(data)[start:])
    except zlib.error as error:
        raise ValueError(f"a block of points is damaged: {error}") from error
    count = int(np.frombuffer(raw, np.uint32, 1)[0])
    if len(raw) != 4 + count * 41:
        raise ValueError(f"a block of {count} points has {len(raw)} bytes")
    wide = [_unshuffled(raw, 4 + index * 8 * count, count) for index in range(5)]
    ordinals, steps = (np.cumsum(column.view(np.int64)) for column in wide[:2])
    times, epochs, values = (column.view(np.float64) for column in wide[2:])
    flags = np.frombuffer(raw, np.uint8, count, 4 + 40 * count)
    return Columns(ordinals, steps, times, epochs, values, flags)


def _shuffled(column: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(column).view(np.uint8).reshape(-1, 8).T.tobytes()


def _unshuffled(raw: bytes, offset: int, count: int) -> NDArray[np.uint8]:
    planes = np.frombuffer(raw, np.uint8, count * 8, offset).reshape(8, count)
    return np.ascontiguousarray(planes.T).reshape(-1)


def fine_outline(head: bytes) -> bytes | None:
    """The fine outline out of the first FINE_BYTES of a block, as unpack_outlines() takes it; None when it has none."""
    if head[:1] != bytes([_WITH_FINE]) or len(head) < _HEAD.size:
        return None
    size = _HEAD.unpack_from(head)[1]
    if len(head) < _HEAD.size + size:
        return None
    try:
        return zlib.decompress(memoryview(head)[_HEAD.size : _HEAD.size + size])
    except zlib.error as error:
        raise ValueError(f"the outline of a block of points is damaged: {error}") from error


def pack_outline(columns: Columns) -> bytes:
    """The points of a block that a thinned picture needs: first, last, and of every bucket the lowest, the highest
    and one odd."""
    return _outline(columns, BUCKET_POINTS)


def _outline(columns: Columns, bucket: int) -> bytes:
    if not len(columns):
        return b""
    chosen = columns.take(_chosen(columns, -(-len(columns) // bucket)))
    points = np.empty(len(chosen), _OUTLINE)
    for name, column in zip(("step", "time", "epoch", "value", "flags"), chosen.all()[1:], strict=True):
        points[name] = column
    return points.tobytes()


def unpack_outlines(parts: Sequence[bytes]) -> Columns:
    """The outlines of several blocks one behind the other; their ordinals are unknown (all 0)."""
    points = np.frombuffer(b"".join(parts), _OUTLINE)
    return Columns(
        np.zeros(len(points), np.int64),
        points["step"].astype(np.int64),
        points["time"].astype(np.float64),
        points["epoch"].astype(np.float64),
        points["value"].astype(np.float64),
        points["flags"].copy(),
    )


# ---- thinning --------------------------------------------------------------------------------------------------------


def thin(columns: Columns, points: int) -> Columns:
    """At most max(points, 8) of them in order: the first, the last, every extreme of equal buckets, and one odd (NaN,
    infinite,
    unknown) point of each bucket that has any. All of them when there are few enough."""
    points = max(points, 8)
    if len(columns) <= points:
        return columns
    odd = not bool(np.isfinite(columns.values).all())
    return columns.take(_chosen(columns, (points - 2) // (3 if odd else 2)))


def _chosen(columns: Columns, buckets: int) -> NDArray[np.intp]:
    """Sorted places of first, last, and of each bucket the lowest, the highest and the first odd point."""
    count = len(columns)
    finite = np.isfinite(columns.values)
    edges = _unique(np.linspace(0, count, max(buckets, 1) + 1).astype(np.intp))[:-1]
    low = _lowest(np.where(finite, columns.values, np.inf), edges)
    high = _lowest(np.where(finite, -columns.values, np.inf), edges)
    places = [np.array([0, count - 1]), low, high]
    if not finite.all():
        places.append(_lowest(finite.astype(np.float64), edges))
    return _unique(np.concatenate(places))


def _unique(places: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rising, each once: numpy's own goes through a hash table, which takes longer for so few."""
    places.sort()
    return places[np.diff(places, prepend=-1) > 0]


def _lowest(values: Floats, edges: NDArray[np.intp]) -> NDArray[np.intp]:
    """The first place of the lowest value of each bucket."""
    lowest = np.minimum.reduceat(values, edges)
    sizes = np.diff(np.append(edges, len(values)))
    hits = np.flatnonzero(values == np.repeat(lowest, sizes))
    firsts = np.searchsorted(hits, edges)
    return hits[firsts]
