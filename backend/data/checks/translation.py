"""Data for translation."""

from backend.contract.recipes import TranslationSettings
from backend.contract.resources import DatasetProblem
from backend.data.checks.pairs import check_pairs
from backend.data.versions import Columns


def check(columns: Columns, settings: TranslationSettings) -> list[DatasetProblem]:
    """See check_pairs."""
    return check_pairs(columns, settings, "source", "target")
