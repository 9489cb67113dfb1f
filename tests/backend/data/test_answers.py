"""Questions and answers as a dataset keeps them, and what is refused before a worker starts."""

import json
import re
from typing import Any

import pytest

from backend.contract.recipes import QuestionAnsweringSettings
from backend.data.answers import read_asked
from backend.data.checks import CHECKS, Unfit
from backend.data.tagged import BadRow
from backend.data.versions import Columns


def columns(**by_role: list[str]) -> Columns:
    """Rows of a dataset that is for questions."""
    return Columns("asked", "question-answering", by_role, {})


def one(answer: str, start: str | None = None, context: str = "the cat sat by the cat") -> Columns:
    """A single row."""
    rows = {"question": ["who?"], "context": [context], "answer": [answer]}
    return columns(**rows, **({} if start is None else {"answer_start": [start]}))


@pytest.mark.parametrize(
    ("answer", "start", "at"),
    [
        ("cat", None, 4),
        ("cat", "", 4),
        ("cat", "19", 19),
        ("cat", "19.0", 19),
        (" cat ", None, 4),
        (" cat", "18", 19),
        (json.dumps({"text": ["cat", "the cat"], "answer_start": [19, 15]}), None, 19),
        (json.dumps({"text": "cat", "answer_start": 19}), None, 19),
        (json.dumps({"text": ["cat"]}), None, 4),
    ],
)
def test_an_answer_stands_where_the_data_says_or_first(answer: str, start: str | None, at: int) -> None:
    (row,) = read_asked(one(answer, start))
    assert row.start == at
    assert row.context[row.start : row.end] == "cat" == row.answers[0]


@pytest.mark.parametrize("answer", ["", "  ", json.dumps({"text": [], "answer_start": []})])
def test_a_blank_answer_means_that_the_context_does_not_tell(answer: str) -> None:
    (row,) = read_asked(one(answer, "-1"))
    assert row.answers == ()
    assert row.start == -1


def test_a_text_that_begins_like_an_object_is_a_text() -> None:
    (row,) = read_asked(one("{x}", context="a {x} b"))
    assert row.answers == ("{x}",)


@pytest.mark.parametrize(
    ("answer", "start", "text"),
    [
        ("dog", None, "the answer 'dog' is not in the context"),
        ("Cat", None, "the answer 'Cat' is not in the context"),
        ("cat", "5", "at character 5 of the context stands 'at ' and not the answer 'cat'"),
        ("cat", "99", "at character 99 of the context stands ''"),
        ("cat", "-4", "answer_start '-4'"),
        ("cat", "x", "answer_start 'x'"),
        ("cat", "1.5", "answer_start '1.5'"),
        (json.dumps({"text": [1]}), None, "no list of texts"),
        (json.dumps({"text": ["cat"], "answer_start": ["4"]}), None, "no list of numbers"),
    ],
)
def test_an_answer_that_is_not_there_is_refused(answer: str, start: str | None, text: str) -> None:
    with pytest.raises(BadRow, match=re.escape(text)):
        read_asked(one(answer, start))


def rows(count: int = 20, **changed: Any) -> Columns:
    """Sound rows, some values replaced."""
    made: dict[str, list[str]] = {
        "question": [f"who is {row}?" for row in range(count)],
        "context": [f"the cat is number {row}" for row in range(count)],
        "answer": ["cat"] * count,
    }
    return columns(**{**made, **changed})


def test_sound_data_passes_without_a_word() -> None:
    assert CHECKS["question_answering"](rows(), QuestionAnsweringSettings()) == []


@pytest.mark.parametrize(
    ("changed", "row", "text"),
    [
        ({"question": [*["who?"] * 19, " "]}, 19, "empty question"),
        ({"context": ["", *["cat"] * 19]}, 0, "empty context"),
        ({"answer": [*["cat"] * 4, "dog", *["cat"] * 15]}, 4, "'dog' is not in the context"),
        ({"answer": [""] * 20}, None, "no question of the training part has an answer"),
        ({"split": ["train"] * 19 + ["test"], "answer": [*[""] * 19, "cat"]}, None, "training part has an answer"),
        ({"split": ["validation"] * 20}, None, "the training part is empty"),
    ],
)
def test_bad_data_is_refused_with_its_row(changed: dict[str, list[str]], row: int | None, text: str) -> None:
    with pytest.raises(Unfit) as refused:
        CHECKS["question_answering"](rows(**changed), QuestionAnsweringSettings())
    assert text in refused.value.text
    assert row is None or refused.value.row == row


def test_one_row_leaves_nothing_to_judge_with() -> None:
    with pytest.raises(Unfit, match="validation part is empty"):
        CHECKS["question_answering"](rows(1), QuestionAnsweringSettings())


def test_a_kind_that_training_never_sees_is_a_warning() -> None:
    parts = ["train"] * 15 + ["validation"] * 5
    blank = rows(split=parts, answer=[*["cat"] * 18, "", ""])
    (warned,) = CHECKS["question_answering"](blank, QuestionAnsweringSettings())
    assert (warned.code, warned.count, warned.severity) == ("no_blank_answers", 2, "warn")
    drawn = rows(answer=[*["cat"] * 10, *[""] * 10])
    assert CHECKS["question_answering"](drawn, QuestionAnsweringSettings()) == []


def test_whatever_is_drawn_training_sees_both_kinds() -> None:
    few = rows(answer=[*["cat"] * 18, "", ""])
    for seed in range(200):
        assert CHECKS["question_answering"](few, QuestionAnsweringSettings(split_seed=seed)) == []
