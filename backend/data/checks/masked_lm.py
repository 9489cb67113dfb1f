"""Data for masked language models: running text, with neighbouring lines where pairs of them are asked for."""

from backend.contract.recipes import MaskedLmSettings
from backend.contract.resources import DatasetProblem
from backend.data.checks.causal_lm import empty_parts, find_passages, split_passages
from backend.data.checks.text_classification import overlap
from backend.data.checks.unfit import Unfit
from backend.data.split import SplitPlan
from backend.data.versions import Columns


def check(columns: Columns, settings: MaskedLmSettings) -> list[DatasetProblem]:
    """Raise Unfit for blank text, a single passage, an empty part, and documents without neighbours for next-sentence
    prediction."""
    passages = find_passages(columns)
    split = split_passages(passages, SplitPlan.of(settings))
    problems = empty_parts(split)
    if settings.next_sentence:
        for name, rows in (("training", split.train), ("validation", split.validation)):
            if len(rows) < 2 or not any(len(passages[row].lines) > 1 for row in rows):
                text = f"the {name} part has no two passages with a line that follows another; no pairs can be made."
                raise Unfit(text, fix="Switch Next sentence off, or give texts of several lines.")
    return [*problems, *overlap(split, [passage.text for passage in passages], drops=settings.drop_duplicates)]
