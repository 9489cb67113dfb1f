"""Summaries: what is learnt, judged beside the first sentence, kept and answered."""

from typing import Any

import pytest
from rouge_score.tokenizers import DefaultTokenizer

from backend.jobs.folder import read_json
from backend.worker.parts import text_scores
from backend.worker.serving.predictors import open_predictor
from tests.backend.worker import training

SETTINGS: dict[str, Any] = {
    "epochs": 8, "batch_size": 16, "learning_rate": 5e-3, "dropout": 0.0, "label_smoothing": 0.0, "num_beams": 1,
    "max_target_length": 8, "eval_every": 10_000, "checkpoint_every": 10_000, "vocabulary_size": 400,
}  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished run on documents whose second sentence is what matters."""
    home = tmp_path_factory.mktemp("documents")
    dataset = training.make_documents(home, 600, behind=True)
    job = training.make_job(home, "documents", SETTINGS, recipe="summarization", dataset=dataset)
    assert training.run(job) == 0, training.events(job, "ended")
    return job


def test_it_learns_more_than_the_first_sentence(done: Any) -> None:
    (tested,) = [line for line in training.events(done, "evaluation") if line["split"] == "test"]
    values = tested["values"]
    assert {"test/loss", "test/rouge_1", "test/rouge_2", "test/rouge_l", "test/rouge_l_lead"} < set(values)
    assert values["test/rouge_l_lead"] < 0.3, "the first sentence says something else"
    assert values["test/rouge_l"] > 0.5, "one word of ten by chance"
    assert "rouge_score:" in read_json(done.model / "facts.json")["rouge_signature"]


def test_the_version_answers_with_a_summary(done: Any) -> None:
    predictor = open_predictor(done.model, device="cpu")
    (output,) = predictor.answer(["film bad. book lovely."], [False])["outputs"]
    assert output["text"] == "lovely"
    assert predictor.facts()["task"] == "summarization"
    assert predictor.check_golden() > 0


# ---- scores ----------------------------------------------------------------------------------------------------------


def test_rouge_counts_words_pairs_and_the_longest_common_row() -> None:
    # "the cat sat" and "the cat lay": 2 of 3 words, 1 of 2 pairs, "the cat" in common
    found = text_scores.rouge(["the cat sat"], ["the cat lay"])
    assert found == {
        "rouge_1": pytest.approx(2 / 3), "rouge_2": pytest.approx(1 / 2), "rouge_l": pytest.approx(2 / 3)
    }  # fmt: skip
    assert text_scores.rouge(["the cat sat", ""], ["the cat lay", "x"])["rouge_1"] == pytest.approx(1 / 3)


def test_chinese_is_judged_sign_by_sign_and_no_letter_is_thrown_away() -> None:
    assert text_scores.rouge(["今天天气好"], ["今天天气坏"])["rouge_1"] == pytest.approx(4 / 5)
    assert text_scores.RougeWords().tokenize("Größe 12: ÜBER_alles, Ä") == ["größe", "12", "über", "alles", "ä"]
    assert text_scores.RougeWords().tokenize("用 XML 存") == ["用", "xml", "存"]


@pytest.mark.parametrize("text", ["The cat's mat, 3.5 kg_x!", "", "A-B  c\nD", "state-of-the-art (2024)"])
def test_english_is_cut_as_rouge_score_does(text: str) -> None:
    assert text_scores.RougeWords().tokenize(text) == DefaultTokenizer().tokenize(text)


@pytest.mark.parametrize(
    ("document", "first"),
    [
        ("One is here. Two is not.", "One is here."),
        ('He said "no." Then he left.', 'He said "no."'),
        ("Version 3.5 is out! More follows.", "Version 3.5 is out!"),
        ("今天下雨。明天晴。", "今天下雨。"),
        ("A headline\nThe text of it.", "A headline"),
        ("no end at all", "no end at all"),
        ("  \n", ""),
    ],
)
def test_the_first_sentence_is_found(document: str, first: str) -> None:
    assert text_scores.lead(document) == first
