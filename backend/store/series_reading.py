"""A window of many series, thinned: a few statements for all keys, and no more bytes than the picture needs."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from backend.contract.errors import NotFound
from backend.store import blocks
from backend.store.blocks import Columns
from backend.store.series_rows import in_order

BUCKETS_A_POINT = 0.5
"""A window is thinned from outlines when they have so many buckets for each point asked for, else from finer ones, else
from the points: thinning further loses nothing that the picture could show."""

KEYS_AT_ONCE = 16
"""Keys read together: their blocks are in memory at the same time."""

# Plain text: composing these takes longer than running them, and an open run runs them for each few keys.
# CROSS JOIN: the list stays the outer loop, each of its values is one look into an index.
_ROWS = (
    "SELECT b.key_id, b.id, b.attempt, b.count, b.min_step, b.max_step, b.min_time, b.max_time"
    " FROM json_each(?) AS k CROSS JOIN series_blocks AS b ON b.key_id = k.value"
    " WHERE b.max_{x} >= ? AND b.min_{x} <= ? ORDER BY b.key_id, b.attempt, b.number"
)
_ROWS_BY = {x: _ROWS.format(x=x) for x in ("step", "time")}
_OUTLINES = "SELECT b.id, b.outline FROM json_each(?) AS k CROSS JOIN series_blocks AS b ON b.key_id = k.value"
_HEADS = (
    "SELECT d.block_id, substr(d.data, 1, ?) FROM json_each(?) AS i CROSS JOIN series_data AS d ON d.block_id = i.value"
)
_DATA = "SELECT d.block_id, d.data FROM json_each(?) AS i CROSS JOIN series_data AS d ON d.block_id = i.value"


class Window(NamedTuple):
    """The points of a key that stand for `total` logged ones."""

    points: Columns
    total: int


class BlockRow(NamedTuple):
    """A block without its bytes."""

    key: int
    id: int
    attempt: int
    points: int
    min_step: int
    max_step: int
    min_time: float
    max_time: float


@dataclass(frozen=True)
class View:
    """The part of a key that an attempt shows: within the window and below the first step of later attempts."""

    x: str
    start: float
    stop: float
    below: dict[int, float] = field(default_factory=dict)

    @property
    def everything(self) -> bool:
        """Whether it leaves nothing out."""
        return self.start == -np.inf and self.stop == np.inf and all(cut == np.inf for cut in self.below.values())

    def mask(self, columns: Columns, attempt: int) -> NDArray[np.bool_]:
        """Which of an attempt's points are in it."""
        x = columns.times if self.x == "time" else columns.steps
        inside: NDArray[np.bool_] = (
            (x >= self.start) & (x <= self.stop) & (columns.steps < self.below.get(attempt, np.inf))
        )
        return inside

    def overlaps(self, row: BlockRow) -> bool:
        """Whether some of the block may be in it."""
        low, high = (row.min_time, row.max_time) if self.x == "time" else (row.min_step, row.max_step)
        return high >= self.start and low <= self.stop and row.min_step < self.below.get(row.attempt, np.inf)

    def contains(self, row: BlockRow) -> bool:
        """Whether all of the block is in it."""
        low, high = (row.min_time, row.max_time) if self.x == "time" else (row.min_step, row.max_step)
        return low >= self.start and high <= self.stop and row.max_step < self.below.get(row.attempt, np.inf)


Tail = Sequence[tuple[int, int, NDArray[Any]]]


def read_keys(connection: Connection, ids: dict[str, int], view: View, tail: Tail, points: int) -> dict[str, Window]:
    """Name → at most `points` points of the view, every extreme among them. NotFound when a block is gone."""
    found, names = {}, list(ids)
    for start in range(0, len(names), KEYS_AT_ONCE):
        some = {name: ids[name] for name in names[start : start + KEYS_AT_ONCE]}
        rows = _rows(connection, some.values(), view)
        outlines = _outlines(connection, rows, view, points)
        wanted = [row.id for mine in rows.values() for row in mine if row.id not in outlines]
        whole = whole_blocks(connection, wanted)
        for name, key in some.items():
            found[name] = _read_key(key, rows.get(key, []), outlines, whole, view, tail, points)
    return found


def _read_key(
    key: int,
    rows: list[BlockRow],
    outlines: dict[int, bytes],
    whole: dict[int, Columns],
    view: View,
    tail: Tail,
    points: int,
) -> Window:
    total, parts = 0, []
    for (attempt, outlined), group in groupby(rows, key=lambda row: (row.attempt, row.id in outlines)):
        if outlined:
            mine = list(group)
            total += sum(row.points for row in mine)
            parts.append((attempt, blocks.unpack_outlines([outlines[row.id] for row in mine])))
            continue
        for row in group:
            part = whole[row.id].take(view.mask(whole[row.id], attempt))
            total += len(part)
            parts.append((attempt, part))
    for attempt, first, points_of_tail in tail:
        part = blocks.from_tail(points_of_tail, first, key)
        part = part.take(view.mask(part, attempt))
        total += len(part)
        parts.append((attempt, part))
    parts.sort(key=lambda item: item[0])
    joined = in_order(blocks.join([part for _, part in parts]), view.x)
    return Window(blocks.thin(joined, points), total)


def _rows(connection: Connection, keys: Iterable[int], view: View) -> dict[int, list[BlockRow]]:
    """Key → its blocks that reach into the view, in log order of each attempt."""
    found: dict[int, list[BlockRow]] = {}
    everything = view.everything
    # The window in SQL: a run of a million steps has thousands of blocks, and a narrow window wants a few.
    wanted = (json.dumps(list(keys)), view.start, view.stop)
    for values in connection.exec_driver_sql(_ROWS_BY[view.x], wanted).fetchall():
        row = BlockRow._make(values)
        if everything or view.overlaps(row):
            found.setdefault(row.key, []).append(row)
    return found


def _outlines(connection: Connection, rows: dict[int, list[BlockRow]], view: View, points: int) -> dict[int, bytes]:
    """Outlines of the blocks that lie in the view as a whole, as coarse as `points` allows; none where all points of a
    key are needed."""
    coarse: dict[int, list[int]] = {}
    fine: list[int] = []
    wanted = points * BUCKETS_A_POINT
    for key, mine in rows.items():
        inside = mine if view.everything else [row for row in mine if view.contains(row)]
        count = sum(row.points for row in inside)
        if count <= points or count / blocks.FINE_POINTS < wanted:
            continue
        ids = [row.id for row in inside]
        if count / blocks.BUCKET_POINTS >= wanted:
            coarse[key] = ids
        else:
            fine += ids
    found: dict[int, bytes] = {}
    if coarse:
        inside_ids = {one for ids in coarse.values() for one in ids}
        read = connection.exec_driver_sql(_OUTLINES, (json.dumps(list(coarse)),))
        found.update((block, outline) for block, outline in read if block in inside_ids)
    if fine:
        for block, head in connection.exec_driver_sql(_HEADS, (blocks.FINE_BYTES, json.dumps(sorted(fine)))):
            outline = blocks.fine_outline(head)
            if outline is not None:
                found[block] = outline
    return found


def whole_blocks(connection: Connection, ids: Collection[int]) -> dict[int, Columns]:
    """Block → its points; NotFound when one is gone."""
    if not ids:
        return {}
    read = connection.exec_driver_sql(_DATA, (json.dumps(sorted(ids)),))
    found = {block: blocks.unpack(data) for block, data in read}
    if len(found) < len(set(ids)):
        raise NotFound("This series is gone: its run was removed meanwhile.")
    return found
