"""Tags for words: what is learnt, judged, kept and answered."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.worker.recipes.token_classification import entity_scores
from backend.worker.serving.predictors import open_predictor
from backend.worker.serving.tagger import entities
from tests.backend.worker import training


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished run on entities."""
    home = tmp_path_factory.mktemp("tags")
    dataset = training.make_tagged(home, 300, entities=True)
    settings = {"epochs": 30, "batch_size": 16, "dropout": 0.0, "learning_rate": 4e-3, "checkpoint_every": 1000}
    job = training.make_job(home, "tags", settings, recipe="token_classification", dataset=dataset)
    assert training.run(job) == 0, training.events(job, "ended")
    return job


def test_it_learns_which_word_has_which_tag(done: Any) -> None:
    (tested,) = [line for line in training.events(done, "evaluation") if line["split"] == "test"]
    assert tested["values"]["test/accuracy"] > 0.92, "nine words in ten have no tag"
    assert tested["values"]["test/f1"] > 0.5, "a model that never names an entity has none"
    assert set(tested["per_class"]) == {"BAD", "GOOD"}, "types of entities, not tags"
    sample = training.events(done, "sample")[-1]["items"][0]
    assert len(sample["expected"].split()) == len(sample["predicted"].split()) == len(sample["text"].split())


def test_the_version_answers_with_tags_and_entities_as_parts_of_the_text(done: Any) -> None:
    predictor = open_predictor(done.model, device="cpu")
    text = "the film is good, not bad"
    (output,) = predictor.answer([text], [False])["outputs"]
    assert [tag["word"] for tag in output["tags"]] == ["the", "film", "is", "good", ",", "not", "bad"]
    assert all(text[tag["start"] : tag["end"]] == tag["word"] for tag in output["tags"])
    assert output["entities"] == entities(text, output["tags"])
    assert predictor.check_golden() > 0
    assert predictor.facts()["task"] == "token-classification"


def test_a_golden_answer_that_changed_is_named(done: Any, tmp_path: Path) -> None:
    import shutil

    from backend.worker.serving.golden import BadModel

    copy = shutil.copytree(done.model, tmp_path / "version")
    golden = json.loads((copy / "golden.json").read_text())
    golden["outputs"][1]["tags"][0]["tag"] = "B-ELSE"
    (copy / "golden.json").write_text(json.dumps(golden))
    with pytest.raises(BadModel, match=r"golden input 2 of .*output\.tags\[0\]\.tag: expected 'B-ELSE'"):
        open_predictor(copy, device="cpu").check_golden()


def test_too_long_is_told_and_cut_only_when_allowed(done: Any) -> None:
    predictor = open_predictor(done.model, device="cpu")
    long = "good " * 100
    found = predictor.answer([long, long], [False, True])
    assert found["outputs"][0] is None
    assert found["truncated"] == [False, True]
    assert 0 < len(found["outputs"][1]["tags"]) < 100


def test_entities_are_whole_or_wrong() -> None:
    labels = ("B-PER", "I-PER", "O")
    true, chosen = [np.array([0, 1, 2, 0])], [np.array([0, 2, 2, 0])]
    per_class, overall = entity_scores(true, chosen, labels)
    assert overall == {"precision": 0.5, "recall": 0.5, "f1": 0.5}, "an entity without its last word is no hit"
    assert per_class["PER"]["support"] == 2


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["B-A", "I-A", "O"], [("a b", "A")]),
        (["I-A", "I-A", "I-B"], [("a b", "A"), ("c", "B")]),
        (["B-A", "B-A", "O"], [("a", "A"), ("b", "A")]),
        (["NOUN", "VERB", "NOUN"], []),
    ],
)
def test_runs_of_tags_are_entities(tags: list[str], expected: list[tuple[str, str]]) -> None:
    words = [
        {"word": w, "start": 2 * at, "end": 2 * at + 1, "tag": tag}
        for at, (w, tag) in enumerate(zip("abc", tags, strict=True))
    ]
    assert [(found["text"], found["type"]) for found in entities("a b c", words)] == expected


def test_words_and_tags_of_different_length_end_the_run_with_the_row(tmp_path: Path) -> None:
    values = {"tokens": ['["a","b"]', '["a","b"]'] * 10, "tags": ['["X","Y"]'] * 19 + ['["X"]']}
    dataset = training.keep_dataset(tmp_path, "token-classification", values)
    job = training.make_job(tmp_path, "bad", recipe="token_classification", dataset=dataset)
    assert training.run(job) == 1
    assert "row 20 has 2 tokens and 1 tags" in training.events(job, "ended")[0]["text"]
