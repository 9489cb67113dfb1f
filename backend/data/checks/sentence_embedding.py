"""Data for sentence embedding."""

from collections import Counter
from collections.abc import Sequence

from backend.contract.recipes import SentenceEmbeddingSettings
from backend.contract.resources import DatasetProblem
from backend.data.checks.text_classification import overlap
from backend.data.checks.unfit import Unfit
from backend.data.pairs import Pairs, read_pairs
from backend.data.profile import personal_free
from backend.data.split import SplitPlan, make_split
from backend.data.tagged import BadRow
from backend.data.versions import Columns

FEW = 20
"""Texts among which nearly every one stands among the first ten."""


def check(columns: Columns, settings: SentenceEmbeddingSettings) -> list[DatasetProblem]:
    """Raise Unfit for an empty text, for pairs that cannot be told apart (a single one), an empty part."""
    try:
        pairs = read_pairs(columns)
    except BadRow as error:
        raise Unfit(f"{error}.", row=error.row, fix="Each pair needs two texts.") from error
    split = make_split(pairs.texts, [""] * len(pairs), columns.given, SplitPlan.of(settings))
    if not split.train or not split.validation:
        empty = "training" if not split.train else "validation"
        raise Unfit(f"the {empty} part is empty.", fix="Give more pairs, or change the split.")
    if len(set(pairs.of(split.train).groups())) < 2:
        text = "the training part holds nothing to tell a pair apart from: all its pairs share texts."
        raise Unfit(text, row=split.train[0], fix="Add other pairs.")
    found = overlap(split, pairs.texts, drops=settings.drop_duplicates)
    return found + same(pairs) + repeated(pairs) + few(pairs, split.validation)


def same(pairs: Pairs) -> list[DatasetProblem]:
    """A warning when most pairs hold the same text twice: nothing can be learnt of them."""
    rows = [row for row in range(len(pairs)) if pairs.anchors[row].strip() == pairs.positives[row].strip()]
    if 2 * len(rows) <= len(pairs):
        return []
    return [_warning("same_texts", f"{len(rows):,} of {len(pairs):,} pairs hold the same text twice.", pairs, rows)]


def repeated(pairs: Pairs) -> list[DatasetProblem]:
    """A warning when most rows repeat a pair that stands on another row."""
    counts = Counter(pairs.texts)
    rows = [row for row, text in enumerate(pairs.texts) if counts[text] > 1]
    if 2 * len(rows) <= len(pairs):
        return []
    text = f"{len(rows):,} of {len(pairs):,} rows are pairs that stand on several rows; only {len(counts):,} differ."
    return [_warning("same_pairs", text, pairs, rows)]


def few(pairs: Pairs, validation: Sequence[int]) -> list[DatasetProblem]:
    """A warning when there is too little to search in for the scores to mean much."""
    count = len({pairs.positives[row] for row in validation})
    if count >= FEW:
        return []
    text = f"the validation part has only {count} texts to search in; the scores will look better than they are."
    return [_warning("few_candidates", text, pairs, list(validation))]


def _warning(code: str, text: str, pairs: Pairs, rows: Sequence[int]) -> DatasetProblem:
    sample = tuple(personal_free(pairs.anchors[row]) for row in rows[:3])
    return DatasetProblem(code=code, text=text, count=len(rows), sample=sample, severity="warn")
