"""Data for summarization."""

from backend.contract.recipes import SummarizationSettings
from backend.contract.resources import DatasetProblem
from backend.data.checks.pairs import check_pairs
from backend.data.versions import Columns


def check(columns: Columns, settings: SummarizationSettings) -> list[DatasetProblem]:
    """See check_pairs."""
    return check_pairs(columns, settings, "document", "summary")
