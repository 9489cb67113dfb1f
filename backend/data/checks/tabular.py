"""Data for tables."""

from backend.contract.recipes import TabularSettings
from backend.contract.resources import DatasetProblem
from backend.data.checks.text_classification import check_classes, overlap
from backend.data.checks.unfit import Unfit
from backend.data.tables import BadTable, read_table, split_of, split_problem
from backend.data.versions import Columns

FEWEST = 10
"""Rows below which nothing can be judged."""


def check(columns: Columns, settings: TabularSettings) -> list[DatasetProblem]:
    """Raise Unfit for a target that is missing, constant or not of the asked kind, for columns without values or with
    a cell that is no number among numbers, and for a split that cannot train. Columns left out are worth a warning."""
    try:
        table = read_table(columns, settings.kind)
    except BadTable as error:
        raise Unfit(f"{error}.", row=error.row, fix=error.fix) from error
    if len(table.target) < FEWEST:
        raise Unfit(f"{len(table.target)} rows are too few; {FEWEST} are needed.", fix="Give more rows.")
    if not table.regression:
        check_classes(table.target)
    split = split_of(table, settings)
    problem = split_problem(table, split)
    if problem:
        raise Unfit(f"{problem}.", fix="Give other data, or change the split.")
    named = [f"row {row + 1}" for row in range(len(table.target))]
    found = overlap(split, named, drops=settings.drop_duplicates)
    if table.left_out:
        text = f"{', '.join(table.left_out[:8])}: no value in any row, so left out."
        found.append(DatasetProblem(code="left_out", text=text, count=len(table.left_out), severity="info"))
    return found
