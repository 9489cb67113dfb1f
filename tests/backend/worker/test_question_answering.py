"""Answers as parts of a context: how it is cut, what is learnt, judged, kept and answered."""

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from backend.worker.parts import answers
from backend.worker.serving import spans
from backend.worker.serving.golden import BadModel
from backend.worker.serving.predictors import open_predictor
from backend.worker.serving.spans import Reading, Window
from tests.backend.worker import training
from tests.helpers import tiny_model

CONTEXT = "the film is good and the book was bad and it is a very sad story and the phone was broken"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished run; some of its questions have no answer, many of its contexts need several windows."""
    home = tmp_path_factory.mktemp("asked")
    settings = {"epochs": 14, "batch_size": 16, "dropout": 0.0, "learning_rate": 4e-3, "checkpoint_every": 1000}
    settings |= {"stride": 6, "max_answer_length": 4}
    dataset = training.make_asked(home, 300)
    job = training.make_job(home, "asked", settings, recipe="question_answering", dataset=dataset)
    assert training.run(job) == 0, training.events(job, "ended")
    return job


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tiny_model.build(tmp_path_factory.mktemp("tokenizer") / "base")
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


# ---- windows ---------------------------------------------------------------------------------------------------------


def test_a_long_context_is_cut_into_windows_that_share_a_stride(tokenizer: Tokenizer) -> None:
    cut = spans.cut(tokenizer, "what is it", CONTEXT, Reading(20, 4, 30, None))
    assert len(cut.windows) > 1
    assert all(len(window.ids) <= 20 for window in cut.windows)
    read = [CONTEXT[window.spans[0, 0] : window.spans[-1, 1]].split() for window in cut.windows]
    assert all(one[-4:] == other[:4] for one, other in pairwise(read))
    assert read[0] + [word for words in read[1:] for word in words[4:]] == CONTEXT.split()
    kinds = cut.windows[0].types
    assert kinds[cut.windows[0].first] == 1
    assert kinds[0] == 0, "question and context are told apart"


def test_an_answer_is_placed_only_in_windows_that_hold_all_of_it(tokenizer: Tokenizer) -> None:
    start = CONTEXT.index("very sad")
    cut = spans.cut(tokenizer, "what is it", CONTEXT, Reading(20, 4, 30, None))
    held = [window.place(start, start + len("very sad")) for window in cut.windows]
    assert any(held)
    assert not all(held)
    for window, place in zip(cut.windows, held, strict=True):
        if place:
            first, last = (at - window.first for at in place)
            assert CONTEXT[window.spans[first, 0] : window.spans[last, 1]] == "very sad"


def test_a_question_without_room_for_its_context_does_not_fit(tokenizer: Tokenizer) -> None:
    reading = Reading(24, 4, 30, None)
    assert spans.cut(tokenizer, "good " * 10, CONTEXT, reading).fits
    long = spans.cut(tokenizer, "good " * 40, CONTEXT, reading)
    assert not long.fits
    assert all(len(window.ids) <= 24 for window in long.windows)
    assert spans.cut(tokenizer, "good " * 15, "the film", reading).fits, "it fits whole"
    with pytest.raises(spans.NoRoom):
        spans.cut(tokenizer, "good", CONTEXT, Reading(10, 0, 30, None))


# ---- the best span ---------------------------------------------------------------------------------------------------


def _window(start: int, words: int) -> Window:
    places = np.asarray([(at * 2, at * 2 + 1) for at in range(start, start + words)])
    return Window(np.zeros(words + 2, int), np.zeros(words + 2, int), 1, places, 0)


def _scores(size: int, **places: float) -> np.ndarray:
    found = np.zeros(size)
    for name, value in places.items():
        found[int(name[1:])] = value
    return found


def test_the_best_span_of_all_windows_wins_and_its_share_is_of_all_spans() -> None:
    windows = [_window(0, 3), _window(3, 2)]
    starts = [_scores(5, _1=1.0), _scores(4, _1=2.0)]
    ends = [_scores(5, _3=1.0), _scores(4, _2=2.5)]
    found = spans.best_answer("a b c d e", windows, starts, ends, Reading(9, 0, 2, None))
    assert (found.text, found.start, found.end) == ("d e", 6, 9)
    # spans of at most two words: a, ab, b, bc, c, then d, de, e
    sums = [1.0, 1.0, 0.0, 1.0, 1.0, 2.0, 4.5, 2.5]
    assert found.score == pytest.approx(np.exp(4.5) / np.exp(sums).sum())


def test_an_end_before_the_beginning_and_too_long_a_span_are_never_chosen() -> None:
    (window,) = [_window(0, 4)]
    starts, ends = _scores(6, _1=5.0, _3=3.0), _scores(6, _2=1.0, _4=5.0)
    found = spans.best_answer("a b c d", [window], [starts], [ends], Reading(9, 0, 2, None))
    assert found.text == "c d", "a to d would score 10 but has four words"
    backwards = spans.best_answer(
        "a b c d", [window], [_scores(6, _4=9.0)], [_scores(6, _1=9.0)], Reading(9, 0, 4, None)
    )
    assert backwards.start is not None
    assert backwards.end is not None
    assert backwards.end > backwards.start


@pytest.mark.parametrize(("threshold", "text"), [(0.0, ""), (1.0, ""), (2.0, "b"), (None, "b")])
def test_no_answer_is_chosen_when_it_beats_the_best_span_by_the_threshold(threshold: float | None, text: str) -> None:
    windows = [_window(0, 2), _window(2, 2)]
    starts = [_scores(4, _0=4.0, _2=2.0), _scores(4, _0=9.0)]
    ends = [_scores(4, _0=1.5, _2=2.0), _scores(4, _0=9.0)]
    found = spans.best_answer("a b c d", windows, starts, ends, Reading(9, 0, 2, threshold))
    assert found.text == text, "5.5 in the window that believes in no answer least, against 4.0"
    assert (found.start is None) == (text == "")
    assert 0 < found.score < 1


# ---- exact match and F1 ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "right", "exact", "f1"),
    [
        ("The Denver Broncos!", "denver broncos", 1, 1),
        ("Denver", "the Denver Broncos", 0, 2 / 3),
        ("", "Denver", 0, 0),
        ("", "", 1, 1),
        ("the", "", 1, 1),
        ("a U.S. dollar", "US dollar", 1, 1),
        ("北京市", "北京。", 0, 0.8),
        ("《红楼梦》", "红楼梦", 1, 1),
        ("1998年", "1998 年", 1, 1),
        ("well–known", "well known", 0, 0),
    ],
)
def test_scores_are_those_of_squad_and_chinese_counts_by_characters(
    given: str, right: str, exact: float, f1: float
) -> None:
    assert answers.exact(given, right) == exact
    assert answers.overlap_f1(given, right) == pytest.approx(f1)


def test_the_nearest_of_several_right_answers_counts() -> None:
    assert answers.best(answers.exact, "in 1998", ["1998", "in 1998"]) == 1
    assert answers.best(answers.exact, "1998", []) == 0
    assert answers.best(answers.exact, "", []) == 1


# ---- a run -----------------------------------------------------------------------------------------------------------


def test_it_learns_to_mark_answers_and_to_say_that_there_is_none(done: Any) -> None:
    (planned,) = training.events(done, "planned")
    assert planned["facts"]["windows"] > planned["facts"]["questions"] > planned["facts"]["unanswerable"] > 0
    (tested,) = [line for line in training.events(done, "evaluation") if line["split"] == "test"]
    values = tested["values"]
    assert values["test/exact_match"] > 0.8
    assert values["test/answer_f1"] > 0.7, "a model that never answers has none"
    assert values["test/no_answer_accuracy"] > 0.7
    first, last = (training.events(done, "sample")[at]["items"] for at in (0, -1))
    assert [item["text"] for item in first] == [item["text"] for item in last]
    assert {item["expected"] == "" for item in last} == {True, False}, "both kinds are shown"


def test_the_version_answers_with_a_part_of_the_context(done: Any) -> None:
    predictor = open_predictor(done.model, device="cpu")
    context = "it was the a is the it a phone was the is a it the was a lovely the is it was"
    asked = [{"question": question, "context": context} for question in ("it was a story ?", "very good !")]
    outputs = predictor.answer(asked, [False, False])["outputs"]
    assert [output["answer"] for output in outputs] == ["phone", "lovely"]
    for output in outputs:
        assert context[output["start"] : output["end"]] == output["answer"]
        assert 0 < output["score"] <= 1
    (none,) = predictor.answer([{**asked[1], "context": "it was the phone and a is"}], [False])["outputs"]
    assert none["answer"] == ""
    assert none["start"] is None
    assert predictor.check_golden() > 0
    assert predictor.facts()["fields"] == ["question", "context"]
    profile = json.loads((done.model / "profile.json").read_text())
    assert profile["items"] == sum(profile["score_histogram"]) > 0


def test_a_question_that_is_too_long_is_told_and_cut_only_when_allowed(done: Any) -> None:
    predictor = open_predictor(done.model, device="cpu")
    asked = {"question": "good " * 60, "context": CONTEXT}
    found = predictor.answer([asked, asked], [False, True])
    assert found["outputs"][0] is None
    assert found["outputs"][1] is not None
    assert found["truncated"] == [False, True]


def test_a_golden_answer_that_changed_is_named(done: Any, tmp_path: Path) -> None:
    copy = shutil.copytree(done.model, tmp_path / "version")
    golden = json.loads((copy / "golden.json").read_text())
    golden["outputs"][1]["answer"] = "zebra"
    (copy / "golden.json").write_text(json.dumps(golden))
    with pytest.raises(BadModel, match=r"golden input 2 of .*output\.answer: expected 'zebra'"):
        open_predictor(copy, device="cpu").check_golden()


@pytest.mark.parametrize(
    "reading", [None, {"stride": "4"}, {"stride": -1, "max_answer_length": 3, "null_threshold": 0}]
)
def test_a_version_that_does_not_say_how_it_reads_is_refused(done: Any, tmp_path: Path, reading: Any) -> None:
    copy = shutil.copytree(done.model, tmp_path / "version")
    signature = json.loads((copy / "signature.json").read_text())
    (copy / "signature.json").write_text(json.dumps({**signature, "reading": reading}))
    with pytest.raises(BadModel, match="does not say how to read"):
        open_predictor(copy, device="cpu")


def test_an_answer_that_is_not_in_its_context_ends_the_run_with_the_row(tmp_path: Path) -> None:
    values = {"question": ["what ?"] * 20, "context": [f"the film {row}" for row in range(20)]}
    dataset = training.keep_dataset(tmp_path, "question-answering", {**values, "answer": ["film"] * 19 + ["zebra"]})
    job = training.make_job(tmp_path, "bad", recipe="question_answering", dataset=dataset)
    assert training.run(job) == 1
    assert "row 20: the answer 'zebra' is not in the context" in training.events(job, "ended")[0]["text"]


def test_answers_that_cannot_be_chosen_are_told(tmp_path: Path) -> None:
    values = {
        "question": ["what ?"] * 20,
        "context": [f"the film is good {row}" for row in range(20)],
        "answer": ["film is good"] * 20,
    }
    dataset = training.keep_dataset(tmp_path, "question-answering", values)
    settings = {"max_answer_length": 2, "max_steps": 1}
    job = training.make_job(tmp_path, "long", settings, recipe="question_answering", dataset=dataset)
    assert training.run(job) == 0, training.events(job, "ended")
    (warned,) = training.events(job, "warning")
    assert warned["code"] == "answers_lost"
    assert json.loads((job.model / "signature.json").read_text())["reading"]["null_threshold"] is None
