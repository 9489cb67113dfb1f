"""Which column is the text, which the label, which the split; and what a table is good for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend.contract.errors import Invalid

ROLES = ("text", "label", "split")
TASKS = (
    "text-classification",
    "token-classification",
    "translation",
    "summarization",
    "question-answering",
    "text-generation",
    "tabular",
    "table",
)
"""What a dataset can be declared as; `table` promises nothing."""

_NAMES: dict[str, tuple[str, ...]] = {
    "text": (
        "text",
        "sentence",
        "content",
        "review",
        "comment",
        "message",
        "body",
        "document",
        "tweet",
        "question",
        "文本",
        "内容",
        "评论",
    ),
    "label": (
        "label",
        "labels",
        "class",
        "category",
        "sentiment",
        "target",
        "topic",
        "intent",
        "y",
        "标签",
        "类别",
        "分类",
    ),
    "split": ("split", "part", "fold", "subset", "set"),
}
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
    lower = {name.lower(): name for name in columns}
    task = _task_by_names(set(lower), columns, rows)
    if task != "text-classification":
        return {}, task
    mapping = {role: lower[name] for role in ROLES for name in reversed(_NAMES[role]) if name in lower}
    if "split" in mapping and not _are_splits(columns.index(mapping["split"]), rows):
        del mapping["split"]
    mapping.setdefault("text", _longest_text(columns, rows, set(mapping.values())) or columns[0])
    return mapping, task


def _task_by_names(names: set[str], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    for needed, task in (
        ({"tokens", "tags"}, "token-classification"),
        ({"source", "target"}, "translation"),
        ({"document", "summary"}, "summarization"),
        ({"question", "answer"}, "question-answering"),
    ):
        if needed <= names:
            return task
    if names == {"text"}:
        return "text-generation"
    has_label = any(name in names for name in _NAMES["label"])
    if has_label and _longest_text(columns, rows, set()):
        return "text-classification"
    numeric = sum(_is_numeric(place, rows) for place in range(len(columns)))
    return "tabular" if columns and numeric >= max(1, len(columns) - 1) else "table"


def _longest_text(columns: Sequence[str], rows: Sequence[Sequence[Any]], taken: set[str]) -> str | None:
    def mean_length(place: int) -> float:
        return sum(len(row[place]) for row in rows if isinstance(row[place], str)) / max(1, len(rows))

    free = [p for p, name in enumerate(columns) if name not in taken and not _is_numeric(p, rows)]
    best = max(free, key=mean_length, default=None)
    named = any(name.lower() in _NAMES["text"] for name in columns)
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
    """The mapping when every role is known and every column exists; else Invalid that lists the columns."""
    listed = ", ".join(columns[:20])
    for role, column in mapping.items():
        if role not in ROLES and task == "text-classification":
            raise Invalid(f"There is no role {role!r}.", field="mapping", fix=f"Roles are {', '.join(ROLES)}.")
        if column not in columns:
            raise Invalid(
                f"{path.name}, line 1: there is no column {column!r} (asked for as {role}).",
                code="data",
                field="mapping",
                file=str(path),
                line=1,
                fix=f"The columns are {listed}.",
            )
    if task == "text-classification":
        for role in ("text", "label"):
            if role not in mapping:
                raise Invalid(
                    f"{path.name}, line 1: no column is mapped to {role}.",
                    code="data",
                    field="mapping",
                    file=str(path),
                    line=1,
                    fix=f"Say which of {listed} it is, for example {role}={columns[0]}.",
                )
        if mapping["text"] == mapping["label"]:
            raise Invalid(f"Text and label are both column {mapping['text']!r}.", field="mapping")
    return mapping
