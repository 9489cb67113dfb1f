"""Which column is the text, which the label, which the split; and what a table is good for."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend.contract.errors import Invalid
from backend.contract.tasks import ROLES, Role, roles_by_name

TASKS = tuple(ROLES)
"""What a dataset can be declared as."""

_PIXEL = re.compile(r"p(ixel)?_?[0-9]+")
_SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "eval": "validation",
    "test": "test",
    "testing": "test",
}
MOST_LABELS = 1000


def split_name(value: Any) -> str | None:
    """train, validation or test for the usual spellings, else None."""
    return _SPLITS.get(str(value).strip().lower())


def suggest(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[dict[str, str], str]:
    """The mapping (role → column) and the task that names and first rows speak for."""
    task = _task_by_names({name.lower() for name in columns}, columns, rows)
    mapping = roles_by_name(task, list(columns))
    if "split" in mapping and not _are_splits(columns.index(mapping["split"]), rows):
        del mapping["split"]
    if task == "tabular" and columns:
        mapping.setdefault("target", columns[-1])
    if task == "text-classification":
        mapping.setdefault("text", _longest_text(columns, rows, set(mapping.values())) or columns[0])
    return mapping, task


def _task_by_names(names: set[str], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    for needed, task in (
        ({"tokens", "tags"}, "token-classification"),
        ({"source", "target"}, "translation"),
        ({"document", "summary"}, "summarization"),
        ({"question", "context", "answer"}, "question-answering"),
        ({"anchor", "positive"}, "sentence-pairs"),
        ({"prompt", "response"}, "instructions"),
        ({"instruction", "output"}, "instructions"),
    ):
        if needed <= names:
            return task
    if names == {"text"}:
        return "text-generation"
    if "label" in names and _are_pixels(names - {"label", "split"}):
        return "image-classification"
    has_label = any(name in names for name in _spellings("label"))
    if has_label and _longest_text(columns, rows, set()):
        return "text-classification"
    numeric = sum(_is_numeric(place, rows) for place in range(len(columns)))
    return "tabular" if columns and numeric >= max(1, len(columns) - 1) else "table"


def _spellings(role: str) -> tuple[str, ...]:
    return next(known.spellings for known in ROLES["text-classification"] if known.name == role)


def _are_pixels(names: set[str]) -> bool:
    """p0, p1 … or pixel0, pixel1 …, as tables of small grey images have."""
    return len(names) >= 16 and all(_PIXEL.fullmatch(name) for name in names)


def _longest_text(columns: Sequence[str], rows: Sequence[Sequence[Any]], taken: set[str]) -> str | None:
    def mean_length(place: int) -> float:
        return sum(len(row[place]) for row in rows if isinstance(row[place], str)) / max(1, len(rows))

    free = [p for p, name in enumerate(columns) if name not in taken and not _is_numeric(p, rows)]
    best = max(free, key=mean_length, default=None)
    named = any(name.lower() in _spellings("text") for name in columns)
    return columns[best] if best is not None and (named or mean_length(best) >= 8) else None


def _is_numeric(place: int, rows: Sequence[Sequence[Any]]) -> bool:
    values = [row[place] for row in rows[:50] if row[place] not in (None, "")]
    return bool(values) and all(_number(value) for value in values)


def _number(value: Any) -> bool:
    if isinstance(value, (int, float)):
        return True
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _are_splits(place: int, rows: Sequence[Sequence[Any]]) -> bool:
    return bool(rows) and all(split_name(row[place]) for row in rows)


def check_mapping(path: Path, columns: Sequence[str], mapping: dict[str, str], task: str) -> dict[str, str]:
    """The mapping when every role is known, every needed one is there and every column exists; else Invalid that
    lists the columns."""
    roles = ROLES[task]
    listed = ", ".join(columns[:20])
    for role, column in mapping.items():
        if roles and role not in {known.name for known in roles}:
            names = ", ".join(known.name for known in roles)
            raise Invalid(f"There is no role {role!r}.", field="mapping", fix=f"Roles are {names}.")
        if column not in columns:
            raise Invalid(
                f"{path.name}, line 1: there is no column {column!r} (asked for as {role}).",
                code="data",
                field="mapping",
                file=str(path),
                line=1,
                fix=f"The columns are {listed}.",
            )
    for role_ in roles:
        _check_there(path, columns, mapping, role_)
    taken: dict[str, str] = {}
    for role, column in mapping.items():
        if column in taken:
            raise Invalid(f"{taken[column].capitalize()} and {role} are both column {column!r}.", field="mapping")
        taken[column] = role
    return mapping


def _check_there(path: Path, columns: Sequence[str], mapping: dict[str, str], role: Role) -> None:
    if role.needed and role.name not in mapping:
        raise Invalid(
            f"{path.name}, line 1: no column is mapped to {role.name}.",
            code="data",
            field="mapping",
            file=str(path),
            line=1,
            fix=f"Say which of {', '.join(columns[:20])} it is, for example {role.name}={columns[0]}.",
        )
