"""Metric points to files, lossless: JSON lines and CSV with float repr, or Parquet with 64-bit floats.

CSV is long (a line a point) or wide (a line a step, a column a metric). A text that a spreadsheet would take for a
formula gets a quote in front (RELIABILITY T23), which our own import takes off again; numbers stay numbers.
"""

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from backend.contract.base import number_to_json
from backend.data.arrow import arrow

Point = tuple[str, int, float, float | None]
"""(key, step, unix time, value)."""

BATCH = 50_000

FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a text that begins so for a formula."""


def export_jsonl(points: Iterable[Point]) -> Iterator[bytes]:
    """One {"key","step","time","value"} a line in the order given; floats as repr, NaN and infinities as the three
    strings."""
    names: dict[str, str] = {}
    for key, step, time, value in points:
        name = names.get(key) or names.setdefault(key, json.dumps(key))
        odd = number_to_json(value)
        text = "null" if odd is None else f'"{odd}"' if isinstance(odd, str) else repr(float(odd))
        yield f'{{"key": {name}, "step": {step}, "time": {time!r}, "value": {text}}}\n'.encode()


def export_parquet(points: Iterable[Point]) -> Iterator[bytes]:
    """A Parquet file (key string, step int64, time float64, value float64; unknown is null, NaN stays NaN) in
    pieces."""
    pa = arrow()

    schema = pa.schema([("key", pa.string()), ("step", pa.int64()), ("time", pa.float64()), ("value", pa.float64())])
    # A file without a name: nothing is left behind when the reader goes away in the middle.
    with tempfile.TemporaryFile() as file:
        with pa.parquet.ParquetWriter(file, schema) as writer:
            for batch in _batches(points):
                columns = [
                    pa.array(column, field.type, from_pandas=False)
                    for column, field in zip(zip(*batch, strict=True), schema, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
        file.seek(0, os.SEEK_SET)
        while piece := file.read(1024 * 1024):
            yield piece


def _batches(points: Iterable[Point]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for point in points:
        batch.append(point)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


# ---- CSV ---------------------------------------------------------------------------------------------------


class _Lines:
    """Rows as the bytes of a CSV."""

    def __init__(self) -> None:
        self._text = io.StringIO()
        self._writer = csv.writer(self._text)

    def of(self, cells: Sequence[str]) -> bytes:
        self._writer.writerow(cells)
        line = self._text.getvalue().encode("utf-8", "backslashreplace")
        self._text.seek(0)
        self._text.truncate()
        return line


def export_csv(points: Iterable[Point]) -> Iterator[bytes]:
    """key,step,time,value: a line a point in the order given; unknown is empty, NaN and infinities are written out."""
    lines, names = _Lines(), dict[str, str]()
    yield lines.of(("key", "step", "time", "value"))
    for key, step, time, value in points:
        name = names.get(key) or names.setdefault(key, guarded(key))
        yield lines.of((name, str(step), repr(time), _digits(value)))


def export_wide_csv(points: Iterable[Point], keys: Sequence[str]) -> Iterator[bytes]:
    """step,time and a column a key: what was logged together is one line; the order is that of the points."""
    lines, places = _Lines(), {key: at for at, key in enumerate(keys)}
    yield lines.of(("step", "time", *map(guarded, keys)))
    place: tuple[int, float] | None = None
    cells: dict[int, str] = {}
    for key, step, time, value in points:
        at = places.get(key)
        if at is None:  # a metric that began after the keys were asked for
            continue
        if (step, time) != place or at in cells:
            if place is not None:
                yield lines.of(_wide(place, cells, len(keys)))
            place, cells = (step, time), {}
        cells[at] = _digits(value)
    if place is not None:
        yield lines.of(_wide(place, cells, len(keys)))


def _wide(place: tuple[int, float], cells: dict[int, str], width: int) -> list[str]:
    return [str(place[0]), repr(place[1]), *(cells.get(at, "") for at in range(width))]


def _digits(value: float | None) -> str:
    odd = number_to_json(value)
    return "" if odd is None else odd if isinstance(odd, str) else repr(float(odd))


def guarded(text: str) -> str:
    """A text cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_MARKS) else text
