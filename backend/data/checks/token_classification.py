"""Data for token classification."""

from backend.contract.recipes import TokenClassificationSettings
from backend.contract.resources import DatasetProblem
from backend.data.checks.text_classification import overlap
from backend.data.checks.unfit import Unfit
from backend.data.split import SplitPlan, make_split
from backend.data.tagged import BadRow, read_tagged
from backend.data.versions import Columns


def check(columns: Columns, settings: TokenClassificationSettings) -> list[DatasetProblem]:
    """Raise Unfit for tokens and tags of different length, fewer than two tags, tags that training never sees, an
    empty part."""
    try:
        rows = read_tagged(columns)
    except BadRow as error:
        raise Unfit(f"{error}.", row=error.row, fix="Every token needs exactly one tag.") from error
    if len(rows.labels) < 2:
        raise Unfit(f"every token has the tag {rows.labels[0]!r}; two are needed.", row=0)
    split = make_split(rows.texts, [""] * len(rows.texts), rows.given, SplitPlan.of(settings))
    if not split.train or not split.validation:
        empty = "training" if not split.train else "validation"
        raise Unfit(f"the {empty} part is empty.", fix="Give more rows, or change the split.")
    trained = {tag for row in split.train for tag in rows.tags[row]}
    for name, part in (("validation", split.validation), ("test", split.test)):
        for row in part:
            unseen = [tag for tag in rows.tags[row] if tag not in trained]
            if unseen:
                text = f"the {name} part has the tag {unseen[0]!r}, which training never sees."
                raise Unfit(text, row=row, fix="Add rows with it, or choose another split seed.")
    return overlap(split, rows.texts, drops=settings.drop_duplicates)
