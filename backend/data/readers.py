"""One reader per format: columns, then rows with their line. Bad rows are reported, never mended in silence."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from backend.contract.errors import Invalid, NotFound
from backend.data.parquet import ParquetReader
from backend.data.source import (
    LINE_LIMIT,
    BadLine,
    TextSource,
    data_error,
)
from backend.data.table import MOST_COLUMNS, OnBad, Reader, Row, check_columns

LOOK_AHEAD = 1000
"""Objects of a JSON lines file whose keys make the columns."""


def open_table(path: Path, encoding: str | None = None) -> Reader:
    """The reader for what lies at `path`, by its ending. Raises NotFound or Invalid, naming file, line and cause."""
    if path.is_dir():
        return FolderReader(path, encoding)
    if not path.exists():
        raise NotFound(f"There is no file {path}.", code="missing_file", file=str(path))
    make = READERS.get(path.suffix.lower())
    if make is None:
        raise data_error(path, f"files ending in {path.suffix or 'nothing'} cannot be read.", fix=f"Known are {KNOWN}.")
    return make(path, encoding)


class CsvReader:
    """RFC 4180 with a header line; comma, semicolon, tab or bar, whichever the header holds most of."""

    format = "csv"

    def __init__(
        self, path: Path, encoding: str | None = None, on_read: Callable[[int], None] = lambda _count: None
    ) -> None:
        self._path = path
        self._source = TextSource(path, encoding, on_read)
        self.encoding = self._source.encoding
        self.sha256 = ""
        csv.field_size_limit(LINE_LIMIT)
        try:
            self.columns = self._begin(path)
        except BaseException:
            self.close()
            raise

    def _begin(self, path: Path) -> tuple[str, ...]:
        try:
            first = next(self._source, None)
        except BadLine as error:
            raise data_error(path, f"{error.text}.", line=error.line) from error
        if first is None or not first.strip():
            empty = path.stat().st_size == 0
            text = "the file is empty." if empty else "the first line is blank; the header is missing."
            raise data_error(path, text, line=None if empty else 1)
        self._delimiter = self._guess(first)
        self._csv = csv.reader(self._with(first), delimiter=self._delimiter, strict=True)
        return check_columns(path, self._header())

    def _guess(self, header: str) -> str:
        if self._path.suffix.lower() == ".tsv":
            return "\t"
        outside = "".join(header.split('"')[::2])
        return max(",;\t|", key=outside.count)

    def _with(self, first: str) -> Iterator[str]:
        return _Pushed(first, self._source)

    def _header(self) -> list[str]:
        try:
            return next(self._csv)
        except (csv.Error, BadLine) as error:
            raise data_error(self._path, f"the header cannot be read ({error}).", line=1) from error

    def rows(self, bad: OnBad) -> Iterator[Row]:
        wanted = len(self.columns)
        while True:
            line = self._source.line + 1
            try:
                values = next(self._csv)
            except StopIteration:
                break
            except BadLine as error:
                bad(error.line, error.text)
                continue
            except csv.Error as error:
                bad(line, _csv_cause(error))
                continue
            if not values:
                continue
            if len(values) != wanted:
                bad(line, f"has {len(values)} columns, the header has {wanted}")
                continue
            yield line, values
        self._source.finish()
        self.sha256 = self._source.sha256

    def close(self) -> None:
        self._source.close()


class _Pushed:
    """An iterator with one line put back in front; unlike a generator it survives an error of what it reads."""

    def __init__(self, first: str, rest: Iterator[str]) -> None:
        self._first: str | None = first
        self._rest = rest

    def __iter__(self) -> "_Pushed":
        return self

    def __next__(self) -> str:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return next(self._rest)


def _csv_cause(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return "opens a quote that is never closed"
    if "field larger" in text:
        return f"opens a quote that is not closed within {LINE_LIMIT:,} characters"
    if "expected after" in text:
        return "has text after a closing quote"
    return f"cannot be read ({text})"


class JsonLinesReader:
    """One JSON object a line; the columns are the keys of the first objects, an absent key is None."""

    format = "jsonl"

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self._path = path
        self._source = TextSource(path, encoding)
        self.encoding = self._source.encoding
        self.sha256 = ""
        self._ahead: list[tuple[int, Any]] = []
        try:
            self.columns = self._begin(path)
        except BaseException:
            self.close()
            raise

    def _begin(self, path: Path) -> tuple[str, ...]:
        names: dict[str, None] = {}
        for line, value in self._objects():
            self._ahead.append((line, value))
            if isinstance(value, dict):
                names.update(dict.fromkeys(value))
            if len(self._ahead) >= LOOK_AHEAD or len(names) > MOST_COLUMNS:
                break
        if not names:
            first = next((v for _, v in self._ahead if isinstance(v, BadLine)), None)
            text = f"line {first.line} {first.text}." if first else "the file is empty."
            raise data_error(path, text, line=first.line if first else None)
        return check_columns(path, list(names))

    def _objects(self) -> Iterator[tuple[int, Any]]:
        while True:
            try:
                text = next(self._source)
            except StopIteration:
                return
            except BadLine as error:
                yield error.line, error
                continue
            if text.strip():
                yield self._source.line, _parse_object(text, self._source.line)

    def rows(self, bad: OnBad) -> Iterator[Row]:
        known = set(self.columns)
        for source in (iter(self._ahead), self._objects()):
            for line, value in source:
                if isinstance(value, BadLine):
                    bad(line, value.text)
                elif not known.issuperset(value):
                    extra = sorted(set(value) - known)[0]
                    bad(line, f"has a key {extra!r} that the first {LOOK_AHEAD} lines do not have")
                else:
                    yield line, [value.get(name) for name in self.columns]
        self._ahead = []
        self._source.finish()
        self.sha256 = self._source.sha256

    def close(self) -> None:
        self._source.close()


def _parse_object(text: str, line: int) -> Any:
    """The object in a line, or the BadLine that says why there is none."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        if len(made) != len(items):
            raise ValueError("a key stands twice")
        return made

    def constant(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return BadLine(line, "holds half of a surrogate pair, which is no character")
    except RecursionError:
        return BadLine(line, "is nested too deep")
    except ValueError as error:
        return BadLine(line, f"is not JSON ({error})")
    return value if isinstance(value, dict) else BadLine(line, "is not a JSON object")


class TextReader:
    """Plain text: one row a line that is not blank."""

    format = "text"
    columns: tuple[str, ...] = ("text",)

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self._source = TextSource(path, encoding)
        self.encoding = self._source.encoding
        self.sha256 = ""

    def rows(self, bad: OnBad) -> Iterator[Row]:
        while True:
            try:
                text = next(self._source).rstrip("\r\n")
            except StopIteration:
                break
            except BadLine as error:
                bad(error.line, error.text)
                continue
            if text.strip():
                yield self._source.line, [text]
        self._source.finish()
        self.sha256 = self._source.sha256

    def close(self) -> None:
        self._source.close()


class FolderReader:
    """Folders named after labels with one text file each row: DIR/LABEL/*.txt, or
    DIR/train|validation|test/LABEL/*.txt.
    """

    format = "folder"

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self._path = path
        self._encoding = encoding
        self.encoding = encoding or "utf-8"
        self.sha256 = ""
        self._files = sorted(file for file in path.rglob("*.txt") if file.is_file() and not file.is_symlink())
        depths = {len(file.relative_to(path).parts) for file in self._files}
        if not self._files:
            raise data_error(path, "the folder holds no .txt files.", fix="Expected is FOLDER/LABEL/*.txt.")
        if depths not in ({2}, {3}):
            raise data_error(
                path, "the .txt files do not all lie in folders named after labels.", fix="FOLDER/LABEL/*.txt"
            )
        self.columns: tuple[str, ...] = ("text", "label") if depths == {2} else ("text", "label", "split")

    def rows(self, bad: OnBad) -> Iterator[Row]:
        import hashlib

        digest = hashlib.sha256()
        for number, file in enumerate(self._files, 1):
            parts = file.relative_to(self._path).parts
            try:
                text = self._read(file)
            except (Invalid, BadLine) as error:
                bad(number, f"{'/'.join(parts)}: {error}")
                continue
            digest.update(repr((parts, text)).encode())
            yield number, [text, parts[-2], *([parts[0]] if len(parts) == 3 else [])]
        self.sha256 = digest.hexdigest()

    def _read(self, file: Path) -> str:
        with TextSource(file, self._encoding) as source:
            text = "".join(source).strip()
        if len(text) > LINE_LIMIT:
            raise BadLine(1, f"is longer than {LINE_LIMIT:,} characters")
        return text

    def close(self) -> None:
        """Nothing is held open."""


READERS: dict[str, Callable[[Path, str | None], Reader]] = {
    ".csv": CsvReader,
    ".tsv": CsvReader,
    ".jsonl": JsonLinesReader,
    ".ndjson": JsonLinesReader,
    ".parquet": ParquetReader,
    ".txt": TextReader,
}
"""Ending → reader, in the order they are named to the user."""

KNOWN = ", ".join(READERS) + " and folders of text files"
