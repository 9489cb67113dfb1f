"""The split shown before a run is the one the run makes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.clock import ManualClock
from backend.contract.recipes import TextClassificationSettings
from backend.contract.resources import ImportDataset
from backend.data import versions
from backend.data.split import SplitPlan, make_split
from backend.services.datasets import DatasetService
from backend.services.split_preview import preview_split
from tests.helpers.stores import make_store


@pytest.fixture
def datasets(tmp_path: Path) -> Iterator[DatasetService]:
    store = make_store(tmp_path)
    yield DatasetService(store, store.home, ManualClock())
    store.close()


def test_counts_are_those_of_a_run(datasets: DatasetService) -> None:
    record = datasets.import_(ImportDataset(path="sample://sentiment_en_tweet"), "test")
    settings = TextClassificationSettings()
    shown = preview_split(record, settings)
    examples = versions.load_examples(Path(record.path))
    made = make_split(examples.texts, examples.labels, examples.given, SplitPlan.of(settings))
    assert [part["rows"] for part in shown["parts"]] == [len(made.train), len(made.validation), len(made.test)]
    assert (shown["duplicates"], shown["removed"]) == (made.duplicates, made.removed)
    assert sum(shown["parts"][0]["labels"].values()) == len(made.train)
    assert shown["seed"] == settings.split_seed


def test_a_table_is_not_split(datasets: DatasetService) -> None:
    record = datasets.import_(ImportDataset(path="sample://tabular_diabetes_regression"), "test")
    assert preview_split(record, TextClassificationSettings()) == {"supported": False}
