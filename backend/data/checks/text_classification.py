"""Data for text classification."""

from collections import Counter
from collections.abc import Sequence

from backend.contract.recipes import TextClassificationSettings
from backend.contract.resources import DatasetProblem
from backend.data.checks.unfit import Unfit
from backend.data.profile import personal_free
from backend.data.split import Split, SplitPlan, make_split
from backend.data.versions import Columns


def check(columns: Columns, settings: TextClassificationSettings) -> list[DatasetProblem]:
    """Raise Unfit for one class, a class with a single row, labels that training never sees, an empty part."""
    texts, labels = columns.by_role["text"], columns.by_role["label"]
    check_classes(labels)
    split = make_split(texts, labels, columns.given, SplitPlan.of(settings))
    problem = split.problem(labels)
    if problem:
        raise Unfit(f"{problem}.", fix="Give other data, or change the split.")
    return overlap(split, texts, drops=settings.drop_duplicates)


def check_classes(labels: Sequence[str]) -> None:
    """Raise Unfit for a class with a single row: it could be trained or judged, not both."""
    single = [label for label, count in Counter(labels).items() if count < 2]
    if single:
        counts = ", ".join(f"{label!r} 1" for label in single[:8])
        text = f"{len(single)} labels stand on one row only ({counts}); each needs two."
        raise Unfit(text, row=labels.index(single[0]), fix="Add rows for them or remove them.")


def overlap(split: Split, texts: Sequence[str], *, drops: bool) -> list[DatasetProblem]:
    """A warning when examples stand on two sides of the split."""
    if not split.duplicates:
        return []
    total = len(split.train) + len(split.validation) + len(split.test) + split.removed
    share = f"{100 * split.duplicates / total:.1f} %"
    after = "They are removed." if drops else "They stay, so the scores will look better than they are."
    return [
        DatasetProblem(
            code="split_overlap",
            text=f"{split.duplicates:,} rows ({share}) stand on both sides of the split. {after}",
            count=split.duplicates,
            sample=tuple(personal_free(texts[row]) for row in split.examples),
            severity="info" if drops else "warn",
        )
    ]
