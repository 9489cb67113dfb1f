"""Exports are lossless, harmless for spreadsheets, and come back as they went."""

import csv
import io
import math
import struct
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from backend.data.foreign.metric_table import MetricTable
from backend.services.exports import export_csv, export_jsonl, export_parquet, export_wide_csv, guarded

POINTS = [
    ("train/loss", 0, 1000.25, 2.5), ("=HYPERLINK(1)", 0, 1000.25, -5.0), ("train/loss", 1, 1001.5, math.nan),
    ("@x", 1, 1001.5, math.inf), ("train/loss", 2, 1002.0, 0.1 + 0.2), ("-5", 2, 1002.0, None),
    (" +a", 2, 1002.0, 5e-324),
    ('q"uote, and\nline', 3, 1003.0, -0.0), ("train/loss", 3, 1003.0, -math.inf), ("train/loss", 3, 1003.0, 7.0),
]  # fmt: skip


def rows(pieces: object) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(pieces).decode(), newline="")))  # type: ignore[arg-type]


def test_a_line_a_point_guards_texts_and_keeps_numbers() -> None:
    found = rows(export_csv(POINTS))
    assert found[0] == ["key", "step", "time", "value"]
    assert found[1] == ["train/loss", "0", "1000.25", "2.5"]
    assert [row[0] for row in found[1:]] == [
        "train/loss", "'=HYPERLINK(1)", "train/loss", "'@x", "train/loss", "'-5", "' +a", 'q"uote, and\nline',
        "train/loss", "train/loss"]  # fmt: skip
    assert [row[3] for row in found[1:]] == [
        "2.5", "-5.0", "nan", "inf", "0.30000000000000004", "", "5e-324", "-0.0", "-inf", "7.0"]  # fmt: skip


def test_a_column_a_metric_keeps_every_point_also_of_one_step_twice() -> None:
    keys = list(dict.fromkeys(point[0] for point in POINTS))
    found = rows(export_wide_csv(POINTS, keys))
    assert found[0] == ["step", "time", "train/loss", "'=HYPERLINK(1)", "'@x", "'-5", "' +a", 'q"uote, and\nline']
    assert found[1] == ["0", "1000.25", "2.5", "-5.0", "", "", "", ""]
    assert [row[0] for row in found[1:]] == ["0", "1", "2", "3", "3"]
    assert sum(cell != "" for row in found[1:] for cell in row[2:]) == len(POINTS) - 1  # unknown is empty


def test_nothing_exported_is_nothing_but_the_head() -> None:
    assert rows(export_csv([])) == [["key", "step", "time", "value"]]
    assert rows(export_wide_csv([], ["a"])) == [["step", "time", "a"]]
    assert b"".join(export_jsonl([])) == b""
    assert b"".join(export_parquet([]))[:4] == b"PAR1"


@given(st.text(max_size=20))
def test_no_text_reaches_a_spreadsheet_as_a_formula(text: str) -> None:
    assert not guarded(text).lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats()), min_size=1, max_size=20))
def test_both_kinds_of_csv_come_back_bit_for_bit(tmp_path_factory: object, points: list[tuple[int, float]]) -> None:
    folder: Path = tmp_path_factory.mktemp("csv")  # type: ignore[attr-defined]
    logged = [("=a/b", step, 1e9 + at, value) for at, (step, value) in enumerate(points)]
    for name, pieces in (("long", export_csv(logged)), ("wide", export_wide_csv(logged, ["=a/b"]))):
        path = folder / f"{name}.csv"
        path.write_bytes(b"".join(pieces))
        read = [(row.step, row.time, row.values["=a/b"]) for row in MetricTable(path, name).rows()]
        bits = [(step, time, struct.pack("<d", value)) for _, step, time, value in logged if value == value]
        assert [(s, t, struct.pack("<d", v)) for s, t, v in read if v is not None and v == v] == bits
        assert len(read) == len(logged)
