"""Data of two texts a row, of which one is to be written."""

from collections.abc import Sequence

from backend.contract.recipes.seq2seq import Seq2SeqSettings
from backend.contract.resources import DatasetProblem
from backend.data.checks.text_classification import overlap
from backend.data.checks.unfit import Unfit
from backend.data.profile import personal_free
from backend.data.split import SplitPlan, make_split
from backend.data.versions import Columns

MOST_ALIKE = 0.5
"""A larger share of rows whose two texts are the same teaches to copy."""


def check_pairs(columns: Columns, settings: Seq2SeqSettings, read: str, written: str) -> list[DatasetProblem]:
    """Raise Unfit for a row without one of its texts and for an empty part; warn of rows whose texts are the same and
    of rows that stand on both sides of the split."""
    sources, targets = columns.by_role[read], columns.by_role[written]
    for row, (source, target) in enumerate(zip(sources, targets, strict=True)):
        if not source.strip() or not target.strip():
            raise Unfit(
                f"the {written if source.strip() else read} is empty.", row=row, fix="Fill it or remove the row."
            )
    split = make_split(sources, [""] * len(sources), columns.given, SplitPlan.of(settings))
    if not split.train or not split.validation:
        empty = "training" if not split.train else "validation"
        raise Unfit(f"the {empty} part is empty.", fix="Give more rows, or change the split.")
    return [*_alike(sources, targets, read, written), *overlap(split, sources, drops=settings.drop_duplicates)]


def _alike(sources: Sequence[str], targets: Sequence[str], read: str, written: str) -> list[DatasetProblem]:
    same = [row for row, (a, b) in enumerate(zip(sources, targets, strict=True)) if a.strip() == b.strip()]
    if len(same) <= MOST_ALIKE * len(sources):
        return []
    share = f"{100 * len(same) / len(sources):.1f} %"
    return [
        DatasetProblem(
            code="identical",
            text=f"{len(same):,} rows ({share}) have the same text as {read} and {written}; a model learns to copy.",
            count=len(same),
            sample=tuple(personal_free(sources[row]) for row in same[:3]),
            severity="warn",
        )
    ]
