"""Pairs of texts: what is refused before a worker starts, and what is worth a warning."""

import pytest

from backend.contract.recipes import SentenceEmbeddingSettings
from backend.data.checks import CHECKS, Unfit
from backend.data.versions import Columns


def columns(anchors: list[str], positives: list[str], task: str = "sentence-pairs") -> Columns:
    """Rows of a dataset."""
    names = ("anchor", "positive") if task == "sentence-pairs" else ("source", "target")
    return Columns("pairs", task, dict(zip(names, (anchors, positives), strict=True)), {})


def check(found: Columns) -> list[str]:
    """Codes of the warnings."""
    return [problem.code for problem in CHECKS["sentence_embedding"](found, SentenceEmbeddingSettings())]


ANCHORS = [f"anchor {row}" for row in range(300)]
POSITIVES = [f"positive {row}" for row in range(300)]


@pytest.mark.parametrize("task", ["sentence-pairs", "translation"])
def test_sound_data_passes_without_a_word(task: str) -> None:
    assert check(columns(ANCHORS, POSITIVES, task)) == []


def test_an_empty_text_is_refused_with_its_row() -> None:
    with pytest.raises(Unfit, match="empty positive") as refused:
        check(columns(ANCHORS, [*POSITIVES[:-1], " "]))
    assert refused.value.row == 299
    with pytest.raises(Unfit, match="empty source"):
        check(columns(["", *ANCHORS[1:]], POSITIVES, "translation"))


@pytest.mark.parametrize(
    ("anchors", "positives", "text"),
    [
        (["a"], ["b"], "validation part is empty"),
        (["a", "c"], ["b", "d"], "validation part is empty"),
        (ANCHORS, ["b"] * 300, "nothing to tell a pair apart from"),
        (["a"] * 300, ["b"] * 300, "training part is empty"),
    ],
)
def test_pairs_that_cannot_be_told_apart_are_refused(anchors: list[str], positives: list[str], text: str) -> None:
    with pytest.raises(Unfit, match=text):
        check(columns(anchors, positives))


def test_most_rows_with_the_same_text_twice_are_a_warning() -> None:
    assert check(columns(ANCHORS, ANCHORS[:151] + POSITIVES[151:])) == ["same_texts"]
    assert check(columns(ANCHORS, ANCHORS[:150] + POSITIVES[150:])) == []


def test_most_rows_with_the_same_pair_are_a_warning() -> None:
    found = check(columns(ANCHORS[:100] + ANCHORS[:100] + ANCHORS[100:150], POSITIVES[:100] * 2 + POSITIVES[100:150]))
    assert "same_pairs" in found


def test_too_few_texts_to_search_in_are_a_warning() -> None:
    assert check(columns(ANCHORS[:50], POSITIVES[:50])) == ["few_candidates"]
