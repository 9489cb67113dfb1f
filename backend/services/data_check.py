"""The check that stands before every training: the right kind of data, whole on disk, and fit for the recipe."""

from pathlib import Path
from typing import Any

from backend.contract.errors import Invalid
from backend.contract.recipes import RecipeInfo
from backend.contract.resources import DatasetProblem, DatasetRecord
from backend.data import versions
from backend.data.checks import CHECKS, Unfit

HEADED = ("csv", "tsv")
"""Formats whose first row of data stands on line 2."""

WHOLE = ("tabular", "image-classification")
"""Tasks that learn from the columns without a role, too."""


def check_data(dataset: DatasetRecord, recipe: RecipeInfo, settings: Any) -> tuple[DatasetProblem, ...]:
    """Raise Invalid, naming file and line, when this recipe cannot learn from this data; warnings otherwise.

    No worker starts before this has passed: wrong task, files that are gone or differ from their hash, and whatever
    the recipe's own check refuses.
    """
    named = Path(dataset.source).name or dataset.name
    if dataset.task not in recipe.dataset_tasks:
        wanted = " or ".join(recipe.dataset_tasks)
        raise _unfit(dataset, f"{named} is a dataset for {dataset.task}, not for {wanted}.")
    folder = Path(dataset.path)
    if not versions.verify_content(folder, dataset.columns, dataset.task, dataset.mapping, dataset.sha256):
        text = f"The stored data of {dataset.name} version {dataset.version} is missing or damaged."
        raise _unfit(dataset, text, fix="Import it again.")
    try:
        columns = versions.load_columns(folder, dataset.task, others=dataset.task in WHOLE)
        return tuple(CHECKS[recipe.name](columns, settings))
    except Unfit as error:
        if error.row is None:
            raise _unfit(dataset, f"{named}: {error.text}", fix=error.fix) from error
        line = error.row + (2 if dataset.profile.get("format") in HEADED else 1)
        raise _unfit(dataset, f"{named}, line {line}: {error.text}", fix=error.fix, line=line) from error


def _unfit(dataset: DatasetRecord, text: str, *, fix: str | None = None, **details: Any) -> Invalid:
    more = {"fix": fix} if fix else {}
    return Invalid(text, code="data", field="dataset", file=dataset.source, dataset=dataset.id, **more, **details)
