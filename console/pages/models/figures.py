"""Metrics of two versions side by side. An interval is given only where the test part carries one.

Both versions were measured on a held-out part of known size. Accuracy is a share of rows: the interval of the
difference of two shares is Newcombe's hybrid score interval (Statistics in Medicine 17, 1998, method 10). Macro F1,
precision and recall are functions of the confusion matrix: their variance is that of the multinomial by the delta
method (Takahashi et al., Applied Intelligence 52, 2022). Answers row by row are not kept, so the two are taken as
independent, which makes an interval on one and the same test part too wide rather than too narrow. A loss has none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backend.contract.resources import VersionRecord
from console.words import higher_is_better

Z = 1.959963984540054
AGREES = 2e-3
"""A metric is taken to be the one of the confusion matrix when they differ by no more than this."""

MOST_OTHERS = 8
ORDER = ("f1", "accuracy", "precision", "recall", "loss")
MACRO = ("f1", "precision", "recall")
MACRO_TASKS = ("", "text-classification")
"""Where these are means over the classes; elsewhere they are of single entities, answers or files."""


@dataclass(frozen=True)
class Figure:
    """One row: low and high are the 95 % interval of `change`; None where it cannot be known.

    `label` is the class of the worst one, or "macro" for a mean over classes. `better` is True when more is better,
    False when less is, None when neither. `style` is metric, size.
    """

    name: str
    value: float | None
    before: float | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    better: bool | None = True
    style: str = "metric"
    label: str = ""

    @property
    def role(self) -> str:
        """ok when the whole interval is better, bad when it is worse, grey otherwise."""
        if self.low is None or self.high is None or self.better is None:
            return "text-tertiary"
        if self.low > 0:
            return "ok" if self.better else "bad"
        if self.high < 0:
            return "bad" if self.better else "ok"
        return "text-tertiary"


def split_of(version: VersionRecord) -> str:
    """test when the version was tested, eval when only the validation part was."""
    values = version.evaluation.get("values") or {}
    return "test" if any(key.startswith("test/") for key in values) else "eval"


def key_name(version: VersionRecord) -> str:
    """The metric a version is known by: what its training was judged by, else F1 or accuracy, else the first score,
    else the loss; empty where nothing was measured."""
    judged = str(version.settings.get("best_metric") or "").rpartition("/")[2]
    known = dict.fromkeys(key.rpartition("/")[2] for key in version.metrics if key.startswith(("test/", "eval/")))
    scores = [name for name in known if higher_is_better(f"eval/{name}")]
    wanted = [judged if judged != "loss" else "", "f1", "accuracy", *scores, *known]
    return next((name for name in wanted if name in known and _key_value(version, name) is not None), "")


def key_metric(version: VersionRecord) -> float | None:
    """Its value on the test part, else on the validation part."""
    name = key_name(version)
    return _key_value(version, name) if name else None


def _key_value(version: VersionRecord, name: str) -> float | None:
    for part in ("test", "eval"):
        value = _or_none(version.metrics.get(f"{part}/{name}"))
        if value is not None:
            return value
    return None


def rows_of(version: VersionRecord) -> int | None:
    """How many rows it was measured on."""
    rows = version.evaluation.get("rows")
    return int(rows) if isinstance(rows, int) and rows > 0 else None


def comparable(new: VersionRecord, old: VersionRecord) -> bool:
    """Measured on parts of the same data, by the same kind of part."""
    return new.dataset_sha256 == old.dataset_sha256 and split_of(new) == split_of(old)


def compare(new: VersionRecord, old: VersionRecord | None) -> list[Figure]:
    """The rows of the metrics table; without `old` only values."""
    other = old if old is not None and old.version != new.version else None
    found = [_figure(name, new, other) for name in (*ORDER, *_others(new))]
    if new.task in MACRO_TASKS:
        found = [replace(figure, label="macro") if figure.name in MACRO else figure for figure in found]
    found.append(_worst(new, other))
    size = Figure("size", _or_none(new.size_bytes), better=None, style="size")
    if other is not None and new.size_bytes and other.size_bytes:
        size = Figure("size", new.size_bytes, other.size_bytes, new.size_bytes - other.size_bytes, better=None,
                      style="size")  # fmt: skip
    found.append(size)
    return [figure for figure in found if figure.value is not None]


def _others(version: VersionRecord) -> list[str]:
    """What else was measured on the part, in its order."""
    split = f"{split_of(version)}/"
    values = version.evaluation.get("values") or {}
    names = [key.removeprefix(split) for key in values if key.startswith(split)]
    return [name for name in dict.fromkeys(names) if name not in ORDER][:MOST_OTHERS]


def _figure(name: str, new: VersionRecord, old: VersionRecord | None) -> Figure:
    value, before = _value(name, new), _value(name, old)
    better = higher_is_better(f"eval/{name}")
    if value is None or before is None or old is None:
        return Figure(name, value, before, better=better)
    low, high = interval(name, new, old)
    return Figure(name, value, before, value - before, low, high, better)


def _value(name: str, version: VersionRecord | None) -> float | None:
    if version is None:
        return None
    values = version.evaluation.get("values") or {}
    split = split_of(version)
    value = values.get(f"{split}/{name}", version.metrics.get(f"{split}/{name}"))
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _worst(new: VersionRecord, old: VersionRecord | None) -> Figure:
    """F1 of the class the new version is worst at, against the same class before."""
    scores = {label: entry.get("f1") for label, entry in (new.evaluation.get("per_class") or {}).items()}
    known = {label: float(value) for label, value in scores.items() if isinstance(value, int | float)}
    if len(known) < 2:
        return Figure("worst_class_f1", None)
    label = min(known, key=lambda name: known[name])
    value = known[label]
    entry = (old.evaluation.get("per_class") or {}).get(label) if old is not None else None
    before = entry.get("f1") if entry else None
    if before is None or old is None:
        return Figure("worst_class_f1", value, label=label)
    low, high = class_interval(label, new, old)
    return Figure("worst_class_f1", value, float(before), value - float(before), low, high, label=label)


# ---- intervals ---------------------------------------------------------------------------------------------


def interval(name: str, new: VersionRecord, old: VersionRecord) -> tuple[float | None, float | None]:
    """95 % interval of new − old, or (None, None)."""
    if not comparable(new, old):
        return None, None
    if name == "accuracy":
        return _accuracy_interval(new, old)
    if name in MACRO:
        one, two = _macro_variance(name, new), _macro_variance(name, old)
        value, before = _value(name, new), _value(name, old)
        if one is None or two is None or value is None or before is None:
            return None, None
        half = Z * math.sqrt(one + two)
        return value - before - half, value - before + half
    return None, None


def _accuracy_interval(new: VersionRecord, old: VersionRecord) -> tuple[float | None, float | None]:
    n, m = rows_of(new), rows_of(old)
    p, q = _value("accuracy", new), _value("accuracy", old)
    if n is None or m is None or p is None or q is None:
        return None, None
    return newcombe(p, n, q, m)


def wilson(p: float, n: int) -> tuple[float, float]:
    """95 % score interval of a share p of n."""
    middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return middle - half, middle + half


def newcombe(p: float, n: int, q: float, m: int) -> tuple[float, float]:
    """95 % interval of p − q for independent shares of n and m."""
    low_p, high_p = wilson(p, n)
    low_q, high_q = wilson(q, m)
    return (
        p - q - math.sqrt((p - low_p) ** 2 + (high_q - q) ** 2),
        p - q + math.sqrt((high_p - p) ** 2 + (q - low_q) ** 2),
    )


def class_interval(label: str, new: VersionRecord, old: VersionRecord) -> tuple[float | None, float | None]:
    """95 % interval of the change of one class's F1."""
    if not comparable(new, old):
        return None, None
    found = [_class_f1(label, version) for version in (new, old)]
    if found[0] is None or found[1] is None:
        return None, None
    (one, spread_one), (two, spread_two) = found[0], found[1]
    half = Z * math.sqrt(spread_one + spread_two)
    return one - two - half, one - two + half


def _class_f1(label: str, version: VersionRecord) -> tuple[float, float] | None:
    matrix, labels = _confusion(version), list(version.evaluation.get("labels") or ())
    if matrix is None or label not in labels:
        return None
    scores, gradients = _gradients("f1", matrix)
    at = labels.index(label)
    return scores[at], _variance(matrix, gradients[at])


def _macro_variance(name: str, version: VersionRecord) -> float | None:
    """None without a confusion matrix, or when the metric is not the one of that matrix."""
    matrix = _confusion(version)
    value = _value(name, version)
    if matrix is None or value is None:
        return None
    scores, gradients = _gradients(name, matrix)
    size = len(matrix)
    if abs(sum(scores) / size - value) > AGREES:
        return None
    mean = [[sum(g[i][j] for g in gradients) / size for j in range(size)] for i in range(size)]
    return _variance(matrix, mean)


def _confusion(version: VersionRecord) -> list[list[int]] | None:
    matrix = version.evaluation.get("confusion") or ()
    if not matrix or any(len(line) != len(matrix) for line in matrix) or len(matrix) > 60:
        return None
    found = [[int(cell) for cell in line] for line in matrix]
    return found if sum(map(sum, found)) > 0 else None


def _gradients(name: str, matrix: Sequence[Sequence[int]]) -> tuple[list[float], list[list[list[float]]]]:
    """Per class: its score, and how it changes with each cell's share."""
    size, total = len(matrix), sum(map(sum, matrix))
    true = [sum(line) / total for line in matrix]
    said = [sum(line[j] for line in matrix) / total for j in range(size)]
    scores, gradients = [], []
    for c in range(size):
        hit = matrix[c][c] / total
        row_part, column_part, twice = {"f1": (1, 1, 2), "recall": (1, 0, 1), "precision": (0, 1, 1)}[name]
        base = row_part * true[c] + column_part * said[c]
        gradient = [[0.0] * size for _ in range(size)]
        if base > 0:
            for k in range(size):
                gradient[c][k] -= row_part * twice * hit / base**2
                gradient[k][c] -= column_part * twice * hit / base**2
            gradient[c][c] += twice / base
        scores.append(twice * hit / base if base > 0 else 0.0)
        gradients.append(gradient)
    return scores, gradients


def _variance(matrix: Sequence[Sequence[int]], gradient: Sequence[Sequence[float]]) -> float:
    """Of a smooth function of multinomial shares."""
    total = sum(map(sum, matrix))
    cells = [(matrix[i][j] / total, gradient[i][j]) for i in range(len(matrix)) for j in range(len(matrix))]
    mean = sum(share * slope for share, slope in cells)
    return max(0.0, sum(share * slope * slope for share, slope in cells) - mean * mean) / total


# ---- per class ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slice:
    """One class: precision, recall, F1 and how many rows; `before` is the champion's F1, low and high of its change."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int | None
    change: float | None = None
    low: float | None = None
    high: float | None = None


def slices(new: VersionRecord, old: VersionRecord | None) -> list[Slice]:
    """Classes, worst F1 first."""
    other = old if old is not None and old.version != new.version else None
    before = (other.evaluation.get("per_class") or {}) if other is not None else {}
    found = [_slice(label, entry, before.get(label), new, other)
             for label, entry in (new.evaluation.get("per_class") or {}).items()]  # fmt: skip
    return sorted(found, key=lambda entry: (entry.f1 if entry.f1 is not None else 2.0, entry.label))


def _slice(
    label: str,
    entry: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    new: VersionRecord,
    old: VersionRecord | None,
) -> Slice:
    f1 = _or_none(entry.get("f1"))
    support = _or_none(entry.get("support"))
    made = Slice(label, _or_none(entry.get("precision")), _or_none(entry.get("recall")), f1,
                 int(support) if support is not None else None)  # fmt: skip
    then = _or_none(before.get("f1")) if before else None
    if f1 is None or then is None or old is None:
        return made
    low, high = class_interval(label, new, old)
    return Slice(made.label, made.precision, made.recall, f1, made.support, f1 - then, low, high)


def _or_none(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
