"""Immutable, content-addressed dataset versions: datasets/<id>/data.parquet and profile.json, 0600, written once."""

import hashlib
import json
import os
import shutil
import uuid
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend import platform
from backend.contract.errors import Broken, TooLarge
from backend.contract.tasks import ROLES, roles_by_name
from backend.data.arrow import arrow
from backend.data.mapping import split_name
from backend.data.readers import open_table
from backend.data.source import data_error
from backend.data.table import Reader
from backend.data.texts import Texts

MOST_BYTES = 1 << 30
"""Largest source that is imported; the table is held in memory once."""

MOST_BAD = 50
"""Bad rows that are named one by one; beyond them only the count grows."""

ROWS_WRITTEN = 10_000
"""A row group, and what of the table exists a second time while it is written."""

DATA_FILE = "data.parquet"
PROFILE_FILE = "profile.json"


@dataclass
class Imported:
    """A source read completely: values as text, in source order, and what could not be used."""

    path: Path
    format: str
    encoding: str
    columns: tuple[str, ...]
    values: Mapping[str, Sequence[str]]  # column → one text a row
    lines: Sequence[int]  # of each row in the source; eight bytes each where they are read
    sha256: str = ""  # of the source bytes
    bad: list[tuple[int, str]] = field(default_factory=list)
    rejected: int = 0

    @property
    def rows(self) -> int:
        return len(self.lines)

    def content_sha256(self, task: str, mapping: dict[str, str]) -> str:
        """The identity of what training sees: columns, every value in order, task and mapping; not of the file
        format.
        """
        digest = hashlib.sha256(json.dumps([task, sorted(mapping.items()), self.columns]).encode())
        columns = [self.values[name] for name in self.columns]
        for row in zip(*columns, strict=True):
            digest.update(json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def read_source(
    path: Path, encoding: str | None, mapping: dict[str, str], *, skip_bad_rows: bool, task: str = "text-classification"
) -> Imported:
    """Read a whole source. The first bad row is an Invalid naming file, line and cause, unless bad rows are to be
    skipped.

    A row that lacks what a role of the task needs is a bad row; so is a split that is not train, validation or test.
    """
    size = sum(f.stat().st_size for f in path.rglob("*.txt")) if path.is_dir() else path.stat().st_size
    if size > MOST_BYTES:
        raise TooLarge(f"{path.name} has {size:,} bytes; at most {MOST_BYTES:,} are imported.", file=str(path))
    table = open_table(path, encoding)
    try:
        return _read_rows(path, table, mapping, skip_bad_rows, task)
    finally:
        table.close()


def _read_rows(path: Path, table: Reader, mapping: dict[str, str], skip: bool, task: str) -> Imported:
    lines = array("q")
    kept = {name: Texts() for name in table.columns}
    result = Imported(path, table.format, table.encoding, table.columns, kept, lines)

    def bad(line: int, text: str) -> None:
        result.rejected += 1
        if not skip:
            fix = "Mend the line, or import with bad rows skipped."
            raise data_error(path, f"{text}.", line=line, fix=fix)
        if len(result.bad) < MOST_BAD:
            result.bad.append((line, text))

    places = {role: table.columns.index(column) for role, column in mapping.items()}
    blank = {role.name for role in ROLES[task] if role.may_be_blank} | {"split"}
    columns = list(kept.values())
    for line, values in table.rows(bad):
        texts = [as_text(value) for value in values]
        problem = _row_problem(texts, places, blank)
        if problem:
            bad(line, problem)
            continue
        if "split" in places:
            texts[places["split"]] = split_name(texts[places["split"]]) or ""
        for column, text in zip(columns, texts, strict=True):
            column.append(text)
        lines.append(line)
    result.sha256 = table.sha256
    if not result.rows:
        cause = f"none of its {result.rejected:,} rows can be used" if result.rejected else "has a header but no rows"
        raise data_error(path, f"{cause}.", line=1)
    return result


def _row_problem(texts: Sequence[str], places: dict[str, int], blank: set[str]) -> str | None:
    for role, place in places.items():
        if role not in blank and not texts[place].strip():
            return f"has no {role}"
    if "split" in places and split_name(texts[places["split"]]) is None:
        return f"has split {texts[places['split']][:40]!r}; known are train, validation, test"
    return None


def as_text(value: Any) -> str:
    """The text of a cell: texts as they are, nothing as empty, the rest as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def version_id(name: str, sha256: str) -> str:
    """The folder name of a version: the same name and content always give the same id."""
    return hashlib.sha256(f"{name}\0{sha256}".encode()).hexdigest()[:16]


def write_version(folder: Path, data: Imported, profile: dict[str, Any]) -> int:
    """Write a version's folder, all or nothing, and return the bytes of its data. An existing whole one is left
    alone.
    """
    if (folder / DATA_FILE).is_file() and (folder / PROFILE_FILE).is_file():
        return (folder / DATA_FILE).stat().st_size
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    platform.make_private_folder(temporary)
    try:
        _write_parquet(temporary / DATA_FILE, data)
        platform.write_json_atomic(temporary / PROFILE_FILE, profile)
        platform.sync_folder(temporary)
        if folder.exists():
            shutil.rmtree(folder)  # half a version from before a crash; a whole one was kept above
        os.replace(temporary, folder)
        platform.sync_folder(folder.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return (folder / DATA_FILE).stat().st_size


def _write_parquet(path: Path, data: Imported) -> None:
    pyarrow = arrow()

    schema = pyarrow.schema([(name, pyarrow.string()) for name in data.columns])
    fd = platform.open_private(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.fdopen(fd, "wb") as file:
        with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            for start in range(0, data.rows, ROWS_WRITTEN):
                part = [data.values[name][start : start + ROWS_WRITTEN] for name in data.columns]
                arrays = [pyarrow.array(values, pyarrow.string()) for values in part]
                writer.write_table(pyarrow.table(arrays, schema=schema), row_group_size=ROWS_WRITTEN)
        file.flush()
        os.fsync(file.fileno())


def read_columns(folder: Path, columns: Sequence[str]) -> dict[str, list[str]]:
    """Whole columns of a version. Raises Broken when the file is gone or damaged."""
    pyarrow = arrow()

    try:
        table = pyarrow.parquet.read_table(folder / DATA_FILE, columns=list(columns), use_threads=False)
        return {name: table.column(name).to_pylist() for name in columns}
    except (pyarrow.ArrowException, OSError, KeyError) as error:
        raise Broken(f"The data of version {folder.name} cannot be read: {error}") from error


def read_rows(folder: Path, start: int, count: int, find: str = "") -> tuple[list[dict[str, Any]], int]:
    """A window of rows ({"row", column: text}) and how many there are; with `find`, of rows that hold it, case
    ignored.
    """
    wanted, total = find.casefold(), 0
    items: list[dict[str, Any]] = []
    for row, values in _iterate(folder):
        if wanted and not any(wanted in text.casefold() for text in values.values()):
            continue
        if start <= total < start + count:
            items.append({"row": row, **values})
        total += 1
    return items, total


@dataclass(frozen=True, slots=True)
class Examples:
    """The examples of a text classification dataset, in source order."""

    texts: list[str]
    labels: list[str]
    given: list[str] | None  # train, validation or test of each row, where the data says


def read_facts(folder: Path) -> dict[str, Any]:
    """What profile.json says beside the profile: task, mapping, columns, sha256. Raises Broken."""
    try:
        facts = platform.read_json(folder / PROFILE_FILE)
        if isinstance(facts, dict) and isinstance(facts.get("mapping"), dict):
            return facts
        raise ValueError("it is missing" if facts is None else "it lacks a mapping")
    except (OSError, ValueError) as error:
        raise Broken(f"{PROFILE_FILE} of dataset version {folder.name} cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Columns:
    """The mapped columns of a version by role, in source order."""

    name: str
    task: str
    by_role: dict[str, list[str]]
    others: dict[str, list[str]]  # columns without a role: features of a table, pixels of an image
    lined: bool = False  # rows are the lines of a text file

    @property
    def given(self) -> list[str] | None:
        """train, validation or test of each row, where the data says."""
        return self.by_role.get("split")

    @property
    def rows(self) -> int:
        return len(next(iter({**self.by_role, **self.others}.values()), []))


def load_columns(folder: Path, task: str, *, others: bool = False) -> Columns:
    """What a recipe of a task reads. A version that was imported without a mapping is read by its columns' names;
    raises Broken when a needed role has no column.
    """
    facts = read_facts(folder)
    names = list(facts["columns"])
    mapping = facts["mapping"] or roles_by_name(task, names)
    missing = [role.name for role in ROLES[task] if role.needed and role.name not in mapping]
    if missing:
        raise Broken(f"Dataset version {folder.name} has no {' and no '.join(missing)} column.")
    wanted = names if others else list(mapping.values())
    values = read_columns(folder, wanted)
    rest = {name: values[name] for name in wanted if name not in mapping.values()}
    by_role = {role: values[mapping[role]] for role in mapping}
    return Columns(str(facts.get("name") or folder.name), task, by_role, rest, facts.get("format") == "text")


def load_examples(folder: Path) -> Examples:
    """The mapped columns of a version. Raises Broken when they cannot be read."""
    mapping = read_facts(folder)["mapping"]
    missing = {"text", "label"} - mapping.keys()
    if missing:
        raise Broken(f"Dataset version {folder.name} has no {' and no '.join(sorted(missing))} column.")
    columns = read_columns(folder, [mapping[role] for role in ("text", "label", "split") if role in mapping])
    given = columns[mapping["split"]] if "split" in mapping else None
    return Examples(columns[mapping["text"]], columns[mapping["label"]], given)


def _iterate(folder: Path) -> Iterator[tuple[int, dict[str, str]]]:
    pyarrow = arrow()

    row = 0
    try:
        with pyarrow.parquet.ParquetFile(folder / DATA_FILE) as file:
            for batch in file.iter_batches(batch_size=2000, use_threads=False):
                for values in batch.to_pylist():
                    yield row, values
                    row += 1
    except (pyarrow.ArrowException, OSError) as error:
        raise Broken(f"The data of version {folder.name} cannot be read: {error}") from error


def verify_content(folder: Path, columns: Sequence[str], task: str, mapping: dict[str, str], sha256: str) -> bool:
    """Whether a version still holds exactly what its hash promises."""
    try:
        values = read_columns(folder, columns)
    except Broken:
        return False
    rows = range(len(values[columns[0]]))
    return Imported(folder, "", "", tuple(columns), values, rows).content_sha256(task, mapping) == sha256
