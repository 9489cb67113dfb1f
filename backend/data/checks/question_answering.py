"""Data for question answering."""

from backend.contract.recipes import QuestionAnsweringSettings
from backend.contract.resources import DatasetProblem
from backend.data.answers import Asked, kinds, read_asked
from backend.data.checks.text_classification import overlap
from backend.data.checks.unfit import Unfit
from backend.data.profile import personal_free
from backend.data.split import SplitPlan, make_split
from backend.data.tagged import BadRow
from backend.data.versions import Columns


def check(columns: Columns, settings: QuestionAnsweringSettings) -> list[DatasetProblem]:
    """Raise Unfit for an answer that is not in its context or not where the data says, an empty question, no answers at
    all, an empty part."""
    try:
        rows = read_asked(columns)
    except BadRow as error:
        fix = "An answer must stand in its context letter by letter; leave it empty when the context does not tell."
        raise Unfit(f"{error}.", row=error.row, fix=fix) from error
    split = make_split([row.text for row in rows], kinds(rows), columns.given, SplitPlan.of(settings))
    if not split.train or not split.validation:
        empty = "training" if not split.train else "validation"
        raise Unfit(f"the {empty} part is empty.", fix="Give more rows, or change the split.")
    if not any(rows[row].answers for row in split.train):
        raise Unfit("no question of the training part has an answer.", row=split.train[0], fix="Add some that do.")
    return overlap(split, [row.text for row in rows], drops=settings.drop_duplicates) + unheard(rows, split.train)


def unheard(rows: list[Asked], train: tuple[int, ...]) -> list[DatasetProblem]:
    """A warning when held-out questions have no answer but none in training is so."""
    if any(not rows[row].answers for row in train):
        return []
    blank = [row for row in rows if not row.answers]
    if not blank:
        return []
    text = f"{len(blank):,} questions without an answer are only in the held-out parts; training never sees one."
    sample = tuple(personal_free(row.question) for row in blank[:3])
    return [DatasetProblem(code="no_blank_answers", text=text, count=len(blank), sample=sample, severity="warn")]
