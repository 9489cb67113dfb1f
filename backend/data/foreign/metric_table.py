"""CSV of metrics: wide (a column a metric) or long (a line a point), also as Weights & Biases and TensorBoard save
their charts, and as `run export` writes them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from backend.contract.errors import Invalid
from backend.data.foreign.found import Facts, Keys, Notes, Row, bounded, is_overflow, number_of, step_of
from backend.data.readers import CsvReader
from backend.data.source import data_error

ROLES = ("step", "time", "epoch", "key", "value")

STEPS = (
    "step", "global_step", "train/global_step", "trainer/global_step", "_step", "steps", "iteration", "iterations",
    "iter", "it", "batch", "epoch",
)  # fmt: skip
TIMES = ("time", "wall time", "wall_time", "timestamp", "_timestamp", "datetime", "date", "walltime")
KEYS = ("key", "metric", "metric_name", "tag", "name", "variable", "series")
VALUES = ("value", "metric_value", "val")

_CHART_AXES = (*STEPS, "relative time (process)", "relative time (wall)", "wall time")
_WANDB = re.compile(r"(?P<run>.+) - (?P<metric>.+?)(?P<edge>__MIN|__MAX)?")
_GUARDED = re.compile(r"' *[=+\-@\t\r]")
_BAD_CELLS = 3
"""Cells of one column told with their line; the rest is counted."""


@dataclass(frozen=True)
class Layout:
    """Which column is what."""

    step: int
    time: int | None
    epoch: int | None
    key: int | None
    value: int | None
    metrics: tuple[tuple[int, str], ...]


class MetricTable:
    """One CSV, or the columns of one run in it."""

    kind = "csv"

    def __init__(self, path: Path, name: str, mapping: dict[str, str] | None = None, run: str = "") -> None:
        self.path = path
        self.files: tuple[Path, ...] = (path,)
        self.facts = Facts(name=run or name)
        self.notes = Notes()
        self.run = run
        self._keys = Keys(self.notes)
        self._bad: dict[str, int] = {}
        reader = CsvReader(path)
        try:
            self.facts.columns = reader.columns
            self._layout = layout_of(path, reader.columns, mapping or {}, run, self.notes)
        finally:
            reader.close()
        self.facts.mapping = self._mapping()
        self.salt = repr((self._layout, run))  # read in another way it is other content

    def _mapping(self) -> dict[str, str]:
        columns, layout = self.facts.columns, self._layout
        return {role: columns[at] for role in ROLES if (at := getattr(layout, role)) is not None}

    def rows(self) -> Iterator[Row]:
        """Each line with a step and at least one number."""
        reader = CsvReader(self.path, on_read=self.notes.advance)
        before: Row | None = None
        seen: set[str] = set()
        try:
            for line, cells in reader.rows(self._on_bad):
                row = self._row(line, cells)
                if row is None:
                    continue
                seen.update(row.values)
                if before is None:
                    before = row
                elif self._layout.key is not None and _together(before, row):
                    before.values.update(row.values)
                else:
                    yield before
                    before = row
            if before is not None:
                yield before
        finally:
            reader.close()
        self._tell_rest(seen)
        self.facts.config = bounded(self.facts.config, self.notes)

    def _on_bad(self, line: int, text: str) -> None:
        self.notes.tell(f"{self.path.name}, line {line:,}", f"{text}; it was left out")

    def _row(self, line: int, cells: Sequence[str]) -> Row | None:
        layout = self._layout
        step = self._step(line, cells[layout.step])
        if step is None:
            return None
        time = self._time(line, cells[layout.time]) if layout.time is not None else None
        epoch = self._number(line, cells[layout.epoch], "epoch") if layout.epoch is not None else None
        values: dict[str, float | None] = {}
        if layout.key is not None and layout.value is not None:
            key = _unguarded(cells[layout.key])
            value = self._number(line, cells[layout.value], "value")
            if value is not None and self._keys.take(key):
                values[key] = value
        for at, name in layout.metrics:
            value = self._number(line, cells[at], name)
            if value is not None and self._keys.take(name):
                values[name] = value
        return Row(step, time, values, epoch) if values else None

    def _step(self, line: int, cell: str) -> int | None:
        try:
            step = int(cell) if cell.strip().lstrip("-").isdecimal() and "_" not in cell else number_of(cell)
        except ValueError:
            self._tell_cell(line, "step", f"{cell[:60]!r} is no step; the line was left out")
            return None
        whole = step_of(step)
        if whole is None:
            self._tell_cell(line, "step", f"{cell[:60]!r} is no whole number within 64 bits; the line was left out")
        return whole

    def _number(self, line: int, cell: str, column: str) -> float | None:
        if not cell.strip():
            return None
        try:
            value = number_of(cell)
        except ValueError as error:
            self._tell_cell(line, column, f"{error}; it was left out")
            return None
        if is_overflow(cell, value):
            self._tell_cell(line, column, f"{cell[:60]} is beyond the range of 64-bit floats; it is kept as {value}")
        return value

    def _time(self, line: int, cell: str) -> float | None:
        if not cell.strip():
            return None
        try:
            return _seconds(cell)
        except (ValueError, OverflowError):
            self._tell_cell(line, "time", f"{cell[:60]!r} is no time: unix seconds or like 2026-11-20T10:00:00")
            return None

    def _tell_cell(self, line: int, column: str, text: str) -> None:
        count = self._bad[column] = self._bad.get(column, 0) + 1
        if count <= _BAD_CELLS:
            self.notes.tell(f"{self.path.name}, line {line:,}, column {column[:60]!r}", text)

    def _tell_rest(self, seen: set[str]) -> None:
        for column, count in self._bad.items():
            if count > _BAD_CELLS:
                self.notes.tell(f"{self.path.name}, column {column[:60]!r}", f"{count:,} cells in all are like that")
        empty = [name for _, name in self._layout.metrics if name not in seen]
        if empty:
            shown = ", ".join(name[:40] for name in empty[:5])
            self.notes.tell(self.path.name, f"no numbers stand in {len(empty):,} columns ({shown}); they were left out")


def runs_in(path: Path) -> tuple[str, ...]:
    """The runs of a chart that W&B saved (columns named `RUN - METRIC`); empty for any other table."""
    reader = CsvReader(path)
    try:
        columns = reader.columns
    finally:
        reader.close()
    if not columns or columns[0].lower() not in _CHART_AXES:
        return ()
    found = [_WANDB.fullmatch(name) for name in columns[1:]]
    if not found or not all(found):
        return ()
    return tuple(dict.fromkeys(match["run"] for match in found if match))


def layout_of(path: Path, columns: Sequence[str], mapping: dict[str, str], run: str, notes: Notes) -> Layout:
    """Which column is what: as mapped, else by its name. Invalid names what is missing and what would be right."""
    given = _given(columns, mapping)
    low = [name.lower() for name in columns]
    used = set(given.values())

    def find(role: str, names: Sequence[str]) -> int | None:
        if role in given:
            return given[role]
        return next((low.index(name) for name in names if name in low and low.index(name) not in used), None)

    step = find("step", STEPS)
    if step is None:
        shown = ", ".join(name[:40] for name in columns[:12])
        raise data_error(
            path, f"no column holds the step. The columns are: {shown}.", line=1, field="mapping",
            columns=list(columns[:200]), fix="Say which one it is: --map step=COLUMN.",
        )  # fmt: skip
    used.add(step)
    time = find("time", TIMES)
    epoch = find("epoch", ("epoch",)) if low[step] != "epoch" else given.get("epoch")
    key, value = find("key", KEYS), find("value", VALUES)
    used |= {at for at in (time, epoch) if at is not None}
    if key is None or value is None:
        one = _one_metric(path, value, low)
        metrics = [
            (at, one.get(at, _unguarded(columns[at]))) for at in range(len(columns)) if at not in used and at != key
        ]
        return Layout(step, time, epoch, None, None, tuple(_of_run(metrics, run, notes)))
    return Layout(step, time, epoch, key, value, ())


def _unguarded(name: str) -> str:
    """A name as our own export wrote it for spreadsheets, without the quote in front."""
    return name[1:] if _GUARDED.match(name) else name


def _given(columns: Sequence[str], mapping: dict[str, str]) -> dict[str, int]:
    given = {}
    for role, column in mapping.items():
        if role not in ROLES:
            raise Invalid(f"{role[:40]!r} is no role.", field="mapping", fix=f"Roles are {', '.join(ROLES)}.")
        if column not in columns:
            shown = ", ".join(name[:40] for name in columns[:12])
            raise Invalid(f"There is no column {column[:60]!r}.", field="mapping", fix=f"There are: {shown}.")
        given[role] = columns.index(column)
    return given


def _one_metric(path: Path, value: int | None, low: Sequence[str]) -> dict[int, str]:
    """`Wall time, Step, Value` of a chart that TensorBoard saved: the file's name says which metric it is."""
    if value is None or len(low) > 4:
        return {}
    tag = re.search(r"tag-(.+)", path.stem)
    return {value: tag[1] if tag else path.stem}


def _of_run(metrics: Sequence[tuple[int, str]], run: str, notes: Notes) -> Iterator[tuple[int, str]]:
    """Columns of one run of a W&B chart under the metric's own name, without the edges of its grouping."""
    for at, name in metrics:
        match = _WANDB.fullmatch(name) if run else None
        if match is None:
            yield at, name
        elif match["run"] == run and not match["edge"]:
            yield at, match["metric"]
        elif match["run"] == run:
            notes.count("columns __MIN and __MAX were left out")


def _together(before: Row, row: Row) -> bool:
    same = before.step == row.step and before.time == row.time and before.epoch == row.epoch
    return same and before.values.keys().isdisjoint(row.values)


def _seconds(cell: str) -> float:
    """Unix seconds, milliseconds when they could be nothing else, or an ISO date (UTC where it names no zone)."""
    try:
        value = number_of(cell)
    except ValueError:
        moment = datetime.fromisoformat(cell.strip().replace(" UTC", "+00:00"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if 1e11 <= value < 1e14:
        value /= 1000.0
    if not -1e11 < value < 1e11:
        raise ValueError("beyond every clock")
    return value
