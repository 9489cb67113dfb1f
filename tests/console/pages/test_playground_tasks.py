"""The playground for every kind of model: what it takes, what it answers, and what a client would send."""

import json
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPlainTextEdit
from pytestqt.qtbot import QtBot

from console.pages.endpoints.acting import curl, python
from console.pages.endpoints.asking import InputError, read_inputs
from console.pages.endpoints.outputs import ReadText
from console.pages.endpoints.playground import Playground
from console.pages.endpoints.shape import InputShape, answer_kind, example_of, fills_of, headline, shape_of
from console.widgets.buttons import Button
from console.widgets.chips import Tag
from console.widgets.rows import BarRow
from tests.console.pages.conftest import Desk
from tests.console.pages.test_endpoints import endpoint

TIMING = {"queue_ms": 0.1, "tokenize_ms": 0.2, "model_ms": 3.0, "encode_ms": 0.1}
QA = {"task": "question-answering", "inputs": {"type": "object", "fields": ["question", "context"]}}
TABLE = {
    "task": "tabular",
    "inputs": {"type": "object", "fields": {"area": {"type": "number"}, "kind": {"choices": ["flat", "house"]}}},
}
IMAGE = {
    "task": "image-classification",
    "inputs": {"type": "object", "fields": {"pixels": {"type": "numbers", "count": 4, "low": 0, "high": 16}}},
}


@pytest.fixture
def ground(desk: Desk, qtbot: QtBot) -> Playground:
    made = Playground(desk.context)
    qtbot.addWidget(made)
    made.resize(1200, 250)
    made.show()
    return made


def take(ground: Playground, signature: dict[str, Any], task: str = "") -> None:
    ground.show_endpoint("live", [2], "", shape_of(signature, task))


def ask(desk: Desk, ground: Playground, qtbot: QtBot, answer: dict[str, Any]) -> Any:
    """A click on Run, the endpoint's answer; returns what was sent."""
    qtbot.mouseClick(ground.run_button, Qt.MouseButton.LeftButton)
    asked = desk.link.last("POST", "/endpoints/live/predict")
    asked.succeed({"version": 2, "predictions": [{**answer, "truncated": False}], "timing": TIMING})
    return asked.body["inputs"]


def shown(ground: Playground) -> ReadText:
    assert ground.output._body is not None
    return ground.output._body.findChildren(ReadText)[0]


def press_copy(ground: Playground, qtbot: QtBot) -> None:
    assert ground.output._body is not None
    qtbot.mouseClick(ground.output._body.findChildren(Button)[0], Qt.MouseButton.LeftButton)


def test_entities_are_marked_in_the_text(desk: Desk, ground: Playground, qtbot: QtBot) -> None:
    take(ground, {"task": "token-classification", "inputs": {"type": "string"}})
    ground.editor.setPlainText("🙂 Ada met Bob in Paris")
    spans = [("Ada", "PER", 2, 5), ("Bob", "PER", 10, 13), ("Paris", "LOC", 17, 22)]
    entities = [{"text": text, "type": kind, "start": start, "end": end} for text, kind, start, end in spans]
    ask(desk, ground, qtbot, {"tags": [{"word": "Ada", "tag": "B-PER"}], "entities": entities, "label": "B-PER"})
    assert shown(ground).marked() == ["Ada", "Bob", "Paris"]
    assert [tag.accessibleName() for tag in ground.output.findChildren(Tag)] == ["PER 2", "LOC 1"]
    assert not ground.why.isVisible()


def test_tags_that_name_no_entity_stand_beside_their_words(desk: Desk, ground: Playground, qtbot: QtBot) -> None:
    take(ground, {"task": "token-classification"})
    ground.editor.setPlainText("Birds fly")
    tags = [{"word": "Birds", "tag": "NOUN", "score": 0.9}, {"word": "fly", "tag": "VERB", "score": 0.8}]
    ask(desk, ground, qtbot, {"tags": tags, "entities": [], "label": "NOUN"})
    assert shown(ground).toPlainText() == "Birds  NOUN\nfly    VERB"


def test_an_answer_is_asked_by_a_form_and_marked_in_its_context(desk: Desk, ground: Playground, qtbot: QtBot) -> None:
    take(ground, QA)
    assert ground.form.isVisible()
    assert not ground.editor.isVisible()
    qtbot.mouseClick(ground.run_button, Qt.MouseButton.LeftButton)
    assert ground.count.text() == "question is empty."
    QTest.keyClicks(ground.form.controls["question"], "who wrote 42")
    QTest.keyClicks(ground.form.controls["context"], "it was Ada")
    sent = ask(desk, ground, qtbot, {"answer": "Ada", "start": 7, "end": 10, "score": 0.93})
    assert sent == [{"question": "who wrote 42", "context": "it was Ada"}]
    assert shown(ground).marked() == ["Ada"]
    assert ground.output.texts()[0] == "Ada"
    press_copy(ground, qtbot)
    assert desk.copied == ["Ada"]
    ask(desk, ground, qtbot, {"answer": "", "start": None, "end": None, "score": 0.7})
    assert ground.output.texts()[0] == "The context does not tell."
    assert shown(ground).marked() == []
    ground.form.controls["question"].setText("another")  # type: ignore[attr-defined]
    ground.restore(ground.tries[1])
    assert ground.form.value()["question"] == "who wrote 42"


def test_a_row_of_a_table_is_typed_field_by_field(desk: Desk, ground: Playground, qtbot: QtBot) -> None:
    take(ground, TABLE)
    QTest.keyClicks(ground.form.controls["area"], "wide")
    qtbot.mouseClick(ground.run_button, Qt.MouseButton.LeftButton)
    assert ground.count.text() == "area must be a number."
    ground.form.controls["area"].clear()  # type: ignore[attr-defined]
    QTest.keyClicks(ground.form.controls["area"], "70.5")
    sent = ask(desk, ground, qtbot, {"value": 312.25})
    assert sent == [{"area": 70.5, "kind": "flat"}]
    assert "312.25" in ground.output.texts()
    ground.form.controls["area"].clear()  # type: ignore[attr-defined]
    assert ask(desk, ground, qtbot, {"value": -1.0}) == [{"area": None, "kind": "flat"}]
    assert "−1" in ground.output.texts()


def test_pixels_are_a_list_of_so_many_numbers(desk: Desk, ground: Playground, qtbot: QtBot) -> None:
    take(ground, IMAGE)
    box = ground.form.controls["pixels"]
    assert isinstance(box, QPlainTextEdit)
    assert box.placeholderText() == "4 numbers from 0 to 16"
    box.setPlainText("1, 2 3")
    qtbot.mouseClick(ground.run_button, Qt.MouseButton.LeftButton)
    assert ground.count.text() == "pixels wants 4 numbers, not 3."
    box.setPlainText("[1, 2, 3.5, 16]")
    sent = ask(desk, ground, qtbot, {"label": "7", "score": 0.8, "scores": {"7": 0.8, "1": 0.2}})
    assert sent == [{"pixels": [1, 2, 3.5, 16]}]
    assert len(ground.output.findChildren(BarRow)) == 2


def test_what_is_written_is_read_and_copied(desk: Desk, ground: Playground, qtbot: QtBot) -> None:
    take(ground, {"task": "translation"})
    ground.editor.setPlainText("good day")
    ask(desk, ground, qtbot, {"text": "<b>你好</b>", "score": 0.5, "finished": False})
    assert shown(ground).toPlainText() == "<b>你好</b>"
    assert ground.output.texts()[-1] == "score 0.500 · ended by its limit"
    press_copy(ground, qtbot)
    assert desk.copied == ["<b>你好</b>"]


def test_missing_words_have_their_candidates(desk: Desk, ground: Playground, qtbot: QtBot) -> None:
    take(ground, {"task": "fill-mask", "inputs": {"type": "string", "mark": "[MASK]"}})
    assert ground.editor.placeholderText() == "Write a text with [MASK] where a word is missing"
    ground.editor.setPlainText("a [MASK] film")
    one = [{"token": "bad", "score": 0.2}, {"token": "good", "score": 0.7}]
    ask(desk, ground, qtbot, {"masks": [{"candidates": one}]})
    assert [row.accessibleName() for row in ground.output.findChildren(BarRow)] == ["good, 70.0%", "bad, 20.0%"]


def test_an_embedding_tells_its_size_and_is_copied_whole(desk: Desk, ground: Playground, qtbot: QtBot) -> None:
    take(ground, {"task": "sentence-embedding"})
    ground.editor.setPlainText("a text")
    vector = [0.6, -0.8, *([0.0] * 10)]
    ask(desk, ground, qtbot, {"embedding": vector})
    texts = ground.output.texts()
    assert texts[0] == "12 dimensions"
    assert texts[1].startswith("0.6000, −0.8000")
    assert texts[-1] == "length 1.000"
    press_copy(ground, qtbot)
    assert json.loads(desk.copied[0]) == vector


def test_an_answer_nobody_knows_is_shown_as_it_came(desk: Desk, ground: Playground, qtbot: QtBot) -> None:
    take(ground, {"task": "something-new"})
    ground.editor.setPlainText("a text")
    ask(desk, ground, qtbot, {"boxes": [[1, 2]]})
    assert json.loads(shown(ground).toPlainText()) == {"boxes": [[1, 2]]}


def test_why_is_there_only_for_classes_of_texts(desk: Desk, ground: Playground) -> None:
    take(ground, {"task": "text-classification"})
    assert ground.why.isVisible()
    take(ground, {"task": "translation"})
    assert not ground.why.isVisible()
    take(ground, {}, "text-classification")
    assert ground.why.isVisible()


def test_json_and_files_of_objects() -> None:
    both = [{"a": 1}, {"a": 2}]
    assert read_inputs("json", '{"a": 1}', objects=True) == both[:1]
    assert read_inputs("json", json.dumps({"inputs": both}), objects=True) == both
    assert read_inputs("file", '{"a": 1}\n\n{"a": 2}\n', objects=True) == both
    for mode, text, said in (("json", '["x"]', "Entry 1 is not an object"), ("json", "3", "JSON must be an object"),
                             ("file", '{"a": 1}\n{', "Line 2 is not JSON")):  # fmt: skip
        with pytest.raises(InputError, match=said):
            read_inputs(mode, text, objects=True)


def test_snippets_hold_what_the_version_takes() -> None:
    asked = curl(endpoint(), shape_of(QA)).split("-d '")[1].strip().removesuffix("'").replace("'\\''", "'")
    assert json.loads(asked) == {"inputs": [{"question": "Who wrote it?", "context": "It was written by Ada."}]}
    compile(python(endpoint(), shape_of(TABLE)), "snippet", "exec")
    assert "{'area': 0, 'kind': 'flat'}" in python(endpoint(), shape_of(TABLE))
    assert '{"inputs": ["a text"]}' in curl(endpoint())
    assert example_of(shape_of(IMAGE)) == {"pixels": [0, 0, 0, 0]}


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ({"label": "a", "score": 0.9, "scores": {"a": 0.9}}, "scores", "a"),
        ({"text": "x", "tokens": 3, "finish": "end", "score": 0.4}, "text", "x"),
        ({"answer": "", "start": None, "end": None}, "answer", "∅"),
        ({"predictions": [[{"word": "b", "score": 0.1}], [{"word": "c", "score": 0.2}]]}, "fills", "b, c"),
        ({"text": "a b", "masks": [[{"piece": "b", "score": 0.3}]]}, "fills", "b"),
        ({"value": 3}, "number", "3"),
        ({"label": "a", "score": 1.0}, "label", "a"),
        ({"vector": [1, 2]}, "embedding", "[2]"),
        ({}, "other", "{}"),
    ],
)
def test_an_answer_tells_what_it_is(answer: dict[str, Any], kind: str, said: str) -> None:
    assert answer_kind(answer) == kind
    assert headline(answer) == said


def test_a_signature_that_says_little_is_a_text() -> None:
    for signature in ({}, {"inputs": None}, {"inputs": "text"}, {"inputs": {"type": "string"}}):
        assert shape_of(signature, "x") == InputShape("x")
    assert fills_of({"tokens": [], "other": [1]}) == []
