"""Train, validation and test: given by a column, or drawn by seed and label; the same text never stays on two sides."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from backend.contract.recipes import TrainingSettings

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers of each part, and what was found on two sides."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]
    duplicates: int  # rows whose text also stands in a part that is judged later
    removed: int
    examples: tuple[int, ...] = ()  # rows, at most three

    def problem(self, labels: Sequence[str]) -> str | None:
        """Why this split cannot train a classifier, with counts; None when it can."""
        train = Counter(labels[row] for row in self.train)
        if len(train) < 2:
            classes = "1 class" if len(train) == 1 else f"{len(train)} classes"
            return f"the training part holds {classes} ({_counts(train)}); two are needed"
        if not self.validation:
            return "the validation part is empty"
        for name, rows in (("validation", self.validation), ("test", self.test)):
            unseen = Counter(labels[row] for row in rows if labels[row] not in train)
            if unseen:
                return f"the {name} part holds labels that training never sees: {_counts(unseen)}"
        return None


def _counts(counter: Counter[str]) -> str:
    shown = ", ".join(f"{name!r} {count:,}" for name, count in counter.most_common(8))
    return shown + (" …" if len(counter) > 8 else "") if counter else "none"


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How to split: fractions count for parts that the data does not give."""

    seed: int
    validation_fraction: float
    test_fraction: float
    drop_duplicates: bool = True

    @classmethod
    def of(cls, settings: TrainingSettings) -> "SplitPlan":
        """The split that settings ask for."""
        return cls(settings.split_seed, settings.validation_fraction, settings.test_fraction, settings.drop_duplicates)


def make_split(texts: Sequence[str], labels: Sequence[str], given: Sequence[str] | None, plan: SplitPlan) -> Split:
    """The parts of a dataset; a pure function of its arguments on every machine and Python.

    `given` holds train, validation or test for each row, or is None. A given test or validation part is used as it is;
    a missing validation part is drawn from the training rows; a test part is only drawn when nothing was given.
    """
    parts: dict[str, list[int]] = {name: [] for name in PARTS}
    if given is None:
        _draw(range(len(texts)), labels, plan, {"validation", "test"}, parts)
    else:
        for row, name in enumerate(given):
            parts[name].append(row)
        if not parts["validation"]:
            rows, parts["train"] = parts["train"], []
            _draw(rows, labels, plan, {"validation"}, parts)
    return _without_overlap(texts, parts, plan.drop_duplicates)


def _draw(
    rows: Sequence[int], labels: Sequence[str], plan: SplitPlan, wanted: set[str], parts: dict[str, list[int]]
) -> None:
    by_label: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        by_label[labels[row]].append(row)
    for label in sorted(by_label):
        members = by_label[label]
        random.Random(f"{plan.seed}:{label}").shuffle(members)
        for name, fraction in (("test", plan.test_fraction), ("validation", plan.validation_fraction)):
            # every class is judged where it can be spared: one row at least, but never the last one of training
            count = max(1, round(len(by_label[label]) * fraction)) if fraction > 0 and name in wanted else 0
            count = min(count, len(members) - 1)
            parts[name] += members[len(members) - count :]
            members = members[: len(members) - count]
        parts["train"] += members
    for name in PARTS:
        parts[name].sort()


def _without_overlap(texts: Sequence[str], parts: dict[str, list[int]], drop: bool) -> Split:
    """Test is left whole; validation loses what stands in test, training what stands in either."""
    later: set[str] = set()
    found: list[int] = []
    kept: dict[str, list[int]] = {}
    for name in reversed(PARTS):
        double = [row for row in parts[name] if texts[row].strip() in later]
        found += double
        gone = set(double) if drop else set()
        kept[name] = [row for row in parts[name] if row not in gone]
        later.update(texts[row].strip() for row in parts[name])
    return Split(
        train=tuple(kept["train"]),
        validation=tuple(kept["validation"]),
        test=tuple(kept["test"]),
        duplicates=len(found),
        removed=len(found) if drop else 0,
        examples=tuple(sorted(found)[:3]),
    )
