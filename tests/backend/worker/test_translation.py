"""Translations: what is learnt, judged, kept and answered."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from backend.contract.jobs import BaseModelRef
from backend.jobs.folder import read_json
from backend.worker.serving.golden import BadModel
from backend.worker.serving.predictors import open_predictor
from backend.worker.serving.writer import Writer
from tests.backend.worker import training

SETTINGS: dict[str, Any] = {
    "epochs": 30, "batch_size": 16, "learning_rate": 5e-3, "d_model": 64, "feed_forward": 128, "dropout": 0.0,
    "num_beams": 2, "max_target_length": 32, "max_length": 32, "checkpoint_every": 1000, "eval_every": 100,
    "generated_rows": 16,
}  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished run on words spelled backwards."""
    home = tmp_path_factory.mktemp("pairs")
    job = training.make_job(
        home, "pairs", SETTINGS, recipe="translation", dataset=training.make_pairs(home, 400)
    )
    assert training.run(job) == 0, training.events(job, "ended")
    return job


def test_it_learns_to_translate(done: Any) -> None:
    (tested,) = [line for line in training.events(done, "evaluation") if line["split"] == "test"]
    print(tested["values"])
    assert tested["values"]["test/bleu"] > 60
    assert tested["values"]["test/chrf"] > 60
    assert tested["values"]["test/generated_rows"] == 16 < tested["rows"]
    first, *_, last = training.events(done, "sample")
    assert first["items"][0]["expected"] == last["items"][0]["expected"] == backwards(last["items"][0]["text"])
    assert sum(item["score"] for item in last["items"]) > sum(item["score"] for item in first["items"])


def backwards(text: str) -> str:
    return " ".join(word[::-1] for word in text.split())
