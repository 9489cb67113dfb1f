"""A table to learn from: which columns are numbers, which categories, and what kind of target there is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from backend.contract.recipes import TabularSettings
from backend.data.split import Split, SplitPlan, make_split
from backend.data.versions import Columns

BLANK = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
"""Texts, in small letters, that mean "not known"."""

MOSTLY = 0.9
"""With a larger share of numbers a column means to be one, and the odd cell is a mistake."""

MANY = 20
"""More different whole numbers than this are amounts and not classes."""


class BadTable(ValueError):
    """Nothing can be learnt from this; the row where it is one cell."""

    def __init__(self, text: str, *, row: int | None = None, fix: str | None = None) -> None:
        super().__init__(text)
        self.row = row
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Table:
    """Features in the order of the data, and the target."""

    features: dict[str, list[str]]
    kinds: dict[str, str]  # feature → number or text
    target: list[str]
    given: list[str] | None
    regression: bool
    left_out: tuple[str, ...]  # columns without a single value

    @property
    def texts(self) -> list[str]:
        """Each row of features as one text; what a split looks at."""
        return ["\x1f".join(cells) for cells in zip(*self.features.values(), strict=True)]


def is_blank(text: str) -> bool:
    """Whether a cell says that its value is not known."""
    return text.strip().lower() in BLANK


def as_number(text: str) -> float | None:
    """The finite number a cell holds, else None."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def read_table(columns: Columns, kind: str = "auto") -> Table:
    """The table, its target read as `kind` asks; raises BadTable."""
    target = columns.by_role["target"]
    regression = _is_regression(target, kind)
    if not columns.others:
        raise BadTable("there is no column beside the target", fix="Give a table with features.")
    kinds = {name: found for name, texts in columns.others.items() if (found := kind_of(name, texts))}
    if not kinds:
        raise BadTable("all columns beside the target are empty", fix="Give a table with features.")
    left_out = tuple(name for name in columns.others if name not in kinds)
    features = {name: columns.others[name] for name in kinds}
    return Table(features, kinds, target, columns.given, regression, left_out)


def kind_of(name: str, texts: Sequence[str]) -> str | None:
    """number or text; None for a column without values. Raises BadTable for a cell that is no number among many that
    are."""
    known = [row for row, text in enumerate(texts) if not is_blank(text)]
    odd = [row for row in known if as_number(texts[row]) is None]
    if not known:
        return None
    if not odd:
        return "number"
    if len(odd) < (1 - MOSTLY) * len(known):
        text = f"column {name!r} is {texts[odd[0]][:40]!r} here, and a number on {len(known) - len(odd):,} other rows"
        raise BadTable(text, row=odd[0], fix="Mend the cell, or leave it empty.")
    return "text"


def _is_regression(target: Sequence[str], kind: str) -> bool:
    empty = next((row for row, text in enumerate(target) if is_blank(text)), None)
    if empty is not None:
        raise BadTable("the target is missing", row=empty, fix="Fill it in, or remove the row.")
    different = set(target)
    if len(different) < 2:
        text = f"the target is {target[0][:40]!r} on every row; there is nothing to learn"
        raise BadTable(text, fix="Choose another target column.")
    numbers = {text: as_number(text) for text in different}
    words = [text for text, number in numbers.items() if number is None]
    amounts = not words and (len(different) > MANY or any(float(text) % 1 for text in different))
    if kind == "regression" and words:
        row = next(row for row, text in enumerate(target) if numbers[text] is None)
        text = f"the target is {target[row][:40]!r}; regression needs a number"
        raise BadTable(text, row=row, fix="Mend the cell, or choose classification.")
    if kind == "classification" and amounts and len(different) > MANY:
        text = f"the target holds {len(different):,} different numbers, which are no classes"
        raise BadTable(text, fix="Choose regression.")
    return kind == "regression" or (kind == "auto" and amounts)


def split_of(table: Table, settings: TabularSettings) -> Split:
    """By class, or of all rows where the target is a number."""
    plan = SplitPlan(
        settings.split_seed, settings.validation_fraction, settings.test_fraction, settings.drop_duplicates
    )
    labels = [""] * len(table.target) if table.regression else table.target
    return make_split(table.texts, labels, table.given, plan)


def split_problem(table: Table, split: Split) -> str | None:
    """Why this split cannot train; None when it can."""
    if not table.regression:
        return split.problem(table.target)
    if not split.train or not split.validation:
        return f"the {'training' if not split.train else 'validation'} part is empty"
    if len({table.target[row] for row in split.train}) < 2:
        return "the target is the same on every row of the training part"
    return None
