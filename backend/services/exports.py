"""Metric points to files, lossless: JSON lines with float repr, or Parquet with 64-bit floats."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

from backend.contract.base import number_to_json
from backend.data.arrow import arrow

Point = tuple[str, int, float, float | None]
"""(key, step, unix time, value)."""

BATCH = 50_000


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
