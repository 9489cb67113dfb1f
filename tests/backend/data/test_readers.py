"""Readers: what is good comes through unchanged, what is bad is named with file, line and cause (RELIABILITY rows
54, 55).
"""

import codecs
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.contract.errors import Conflict, Invalid, NotFound
from backend.data.readers import open_table
from backend.data.source import LINE_LIMIT, TextSource


def read(
    path: Path, encoding: str | None = None
) -> tuple[tuple[str, ...], list[tuple[int, list[Any]]], list[tuple[int, str]]]:
    """Columns, rows with lines, bad rows."""
    bad: list[tuple[int, str]] = []
    table = open_table(path, encoding)
    try:
        return table.columns, list(table.rows(lambda line, text: bad.append((line, text)))), bad
    finally:
        table.close()


def make(folder: Path, data: bytes | str, name: str = "reviews.csv") -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize(
    "data",
    [
        b"text,label\ngut,a\n",
        codecs.BOM_UTF8 + b"text,label\ngut,a\n",
        "text,label\r\ngut,a\r\n".encode("utf-16"),
        "text,label\ngut,a\n".encode("utf-16-le"),
        "text,label\ngut,a\n".encode("utf-16-be"),
        b"text,label\rgut,a\r",
        b"text;label\ngut;a",
        b"text\tlabel\ngut\ta\n\n",
    ],
)
def test_encodings_line_ends_and_delimiters(tmp_path: Path, data: bytes) -> None:
    columns, rows, bad = read(make(tmp_path, data))
    assert (columns, rows, bad) == (("text", "label"), [(2, ["gut", "a"])], [])


def test_quotes_may_hold_line_ends_and_delimiters(tmp_path: Path) -> None:
    path = make(tmp_path, 'text,label\n"a, ""b""\nc",x\r\nd,y\n')
    assert read(path)[1] == [(2, ['a, "b"\nc', "x"]), (4, ["d", "y"])]


@pytest.mark.parametrize(
    ("data", "line", "byte"),
    [
        (b"text,label\nok,a\nb\xe4d,b\n", 3, 17),
        (b"text,label\nok,a\n\0,b\n", 3, 16),
        (b"text,label\n" + b"ok,a\n" * 30_000 + b"\xff,b\n", 30_002, 150_011),
        ("text,label\nok,a\n".encode("utf-16") + b"\x00\xd8", 3, 34),
    ],
)
def test_bytes_that_do_not_fit_are_named(tmp_path: Path, data: bytes, line: int, byte: int) -> None:
    with pytest.raises(Invalid) as caught:
        read(make(tmp_path, data))
    assert caught.value.details["line"] == line
    assert caught.value.details["byte"] == byte
    assert f"reviews.csv, line {line}" in caught.value.text
    assert str(byte) in caught.value.text


def test_a_chosen_encoding_is_used_and_an_unknown_one_refused(tmp_path: Path) -> None:
    path = make(tmp_path, "text,label\n很好,a\n".encode("gb18030"))
    assert read(path, "gb18030")[1] == [(2, ["很好", "a"])]
    with pytest.raises(Invalid, match="klingon"):
        read(path, "klingon")


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        ("text,label\na,x\nb\nc,y\n", 3, "1 columns, the header has 2"),
        ("text,label\na,x,1\n", 2, "3 columns"),
        ('text,label\na,x\n"b,y\nc,z\n', 3, "quote that is never closed"),
        ('text,label\n"a"b,x\n', 2, "after a closing quote"),
        ("text,label\n" + "a" * (LINE_LIMIT + 10) + ",x\nb,y\n", 2, "longer than"),
    ],
)
def test_bad_rows_are_named_and_the_rest_is_read(tmp_path: Path, data: str, line: int, words: str) -> None:
    _, rows, bad = read(make(tmp_path, data))
    assert len(bad) == 1
    assert bad[0][0] == line
    assert words in bad[0][1]
    assert all(row[0] != line for row in rows)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "empty"),
        ("\n\n", "header is missing"),
        ("text,,label\na,b,c\n", "column 2 has no name"),
        ("text,label,text\na,b,c\n", "columns 1 and 3 are both named 'text'"),
    ],
)
def test_bad_headers_are_refused(tmp_path: Path, data: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        open_table(make(tmp_path, data))


def test_a_long_line_costs_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("wb") as file:
        file.write(b"text,label\n")
        for _ in range(12):
            file.write(b"x" * (1 << 20))
        file.write(b",a\nshort,b\n")
    tracemalloc.start()
    try:
        _, rows, bad = read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rows == [(3, ["short", "b"])]
    assert [line for line, _ in bad] == [2]
    assert peak < 8 << 20


def test_json_lines(tmp_path: Path) -> None:
    lines = ['{"text": "a", "label": 1}', "", '{"text": "b", "label": null, "more": [1]}']
    columns, rows, bad = read(make(tmp_path, "\n".join(lines), "x.jsonl"))
    assert columns == ("text", "label", "more")
    assert rows == [(1, ["a", 1, None]), (3, ["b", None, [1]])]
    assert bad == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nonsense", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"a": 1, "a": 2}', "twice"),
        ('{"a": NaN}', "NaN"),
        ("[" * 100_000, "deep"),
        ('{"a": "\\ud800"}', "half of a surrogate pair"),
        ('{"a": ["\\udfff x"]}', "half of a surrogate pair"),
    ],
)
def test_bad_json_lines_are_named(tmp_path: Path, line: str, words: str) -> None:
    _, rows, bad = read(make(tmp_path, '{"a": "1"}\n' + line + '\n{"a": "2"}\n', "x.jsonl"))
    assert [row[0] for row in rows] == [1, 3]
    assert [bad_line for bad_line, _ in bad] == [2]
    assert words in bad[0][1]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a", "b"], "label": [0, 1]}), path)
    assert read(path)[:2] == (("text", "label"), [(1, ["a", 0]), (2, ["b", 1])])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(Invalid, match="Parquet"):
        read(path)


def write_parquet(path: Path, **columns: Any) -> Path:
    pyarrow.parquet.write_table(pyarrow.table(columns), path, compression="zstd")
    return path


def test_a_parquet_file_of_few_bytes_and_a_giant_text_is_refused_unread(tmp_path: Path) -> None:
    """Three kilobytes that would become a hundred million."""
    bomb = write_parquet(tmp_path / "bomb.parquet", text=["z" * 50 * LINE_LIMIT], label=["a"])
    tracemalloc.start()
    try:
        with pytest.raises(Invalid, match=r"bomb\.parquet: has rows of 50,\d\d\d,\d\d\d bytes"):
            open_table(bomb)
        assert tracemalloc.get_traced_memory()[1] < 10 * LINE_LIMIT
    finally:
        tracemalloc.stop()
    hidden = write_parquet(tmp_path / "hidden.parquet", text=["z" * 2 * LINE_LIMIT, "b", "c"], label=["a", "a", "b"])
    _, rows, bad = read(hidden)
    assert [row for _, row in rows] == [["b", "a"], ["c", "b"]]
    assert [line for line, _ in bad] == [1]


def test_bytes_that_are_no_text_in_a_parquet_file_are_named(tmp_path: Path) -> None:
    whole = pyarrow.table({"text": ["plain text"] * 3, "label": ["a", "b", "a"]})
    path = tmp_path / "torn.parquet"
    pyarrow.parquet.write_table(whole, path, compression="none", use_dictionary=False)
    path.write_bytes(path.read_bytes().replace(b"plain text", b"plain \xff\xfext"))
    with pytest.raises(Invalid, match=r"torn\.parquet: is damaged after row 0"):
        read(path)


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_table_of_endless_columns_is_refused_at_once(tmp_path: Path, ending: str) -> None:
    names = [f"column{number}" for number in range(5000)]
    line = ",".join(names) if ending == "csv" else json.dumps(dict.fromkeys(names, 1))
    path = tmp_path / f"wide.{ending}"
    path.write_text(line + "\n")
    with pytest.raises(Invalid, match="has over 4,096 columns"):
        open_table(path)


def test_folder_of_labels(tmp_path: Path) -> None:
    for part, label in (("train", "good"), ("train", "bad"), ("test", "good")):
        folder = tmp_path / "set" / part / label
        folder.mkdir(parents=True)
        (folder / "1.txt").write_text(f"{part} {label}\nsecond line")
    columns, rows, _ = read(tmp_path / "set")
    assert columns == ("text", "label", "split")
    assert [row[1][1:] for row in rows] == [["good", "test"], ["bad", "train"], ["good", "train"]]


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_table(tmp_path / "gone.csv")
    with pytest.raises(Invalid, match="cannot be read"):
        open_table(make(tmp_path, "x", "x.docx"))
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(Invalid, match="regular"):
        open_table(tmp_path / "pipe.csv")


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    path = make(tmp_path, "text,label\n" + "a,b\n" * 50_000)
    table = open_table(path)
    rows = table.rows(lambda _line, _text: None)
    next(rows)
    with path.open("ab") as file:
        file.write(b"late,row\n")
    with pytest.raises(Conflict, match="changed while"):
        list(rows)
    table.close()


def test_the_hash_is_of_the_bytes_read(tmp_path: Path) -> None:
    import hashlib

    path = make(tmp_path, "text,label\na,b\n")
    with TextSource(path) as source:
        list(source)
        assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@settings(max_examples=80, deadline=None)
@given(data=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = make(tmp_path_factory.getbasetemp(), data, "any.csv")
    try:
        columns, rows, bad = read(path)
    except Invalid:
        return
    assert all(len(values) == len(columns) for _, values in rows)
    assert all(line >= 1 for line, _ in bad)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), min_size=1, max_size=8))
def test_json_lines_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    text = "\n".join(json.dumps({"text": a, "label": b}) for a, b in rows)
    path = make(tmp_path_factory.getbasetemp(), text, "any.jsonl")
    assert [tuple(values) for _, values in read(path)[1]] == rows
