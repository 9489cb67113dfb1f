"""What every reader is: columns, and rows with their lines."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from backend.data.source import data_error

Row = tuple[int, list[Any]]
OnBad = Callable[[int, str], None]
"""Told of each unusable row (line, what is wrong); it may raise to end the reading."""

MOST_COLUMNS = 4096
"""Of a table; what has more is a mistake, or an attack."""


class Reader(Protocol):
    """A table on disk. `columns` is known at once; `sha256` (of the source bytes) only after rows() was exhausted."""

    format: str
    encoding: str
    columns: tuple[str, ...]
    sha256: str

    def rows(self, bad: OnBad) -> Iterator[Row]:
        """Each row with its line (counted from 1) and one value a column."""
        ...

    def close(self) -> None: ...


def check_columns(path: Path, columns: list[str], line: int | None = 1) -> tuple[str, ...]:
    if len(columns) > MOST_COLUMNS:
        raise data_error(path, f"has over {MOST_COLUMNS:,} columns.", line=line, fix="Keep the columns you need.")
    names: dict[str, int] = {}
    for place, name in enumerate((column.strip() for column in columns), 1):
        if not name:
            raise data_error(path, f"column {place} has no name.", line=line, fix="Name every column.")
        first = names.setdefault(name, place)
        if first != place:
            raise data_error(path, f"columns {first} and {place} are both named {name!r}.", line=line)
    return tuple(names)
