"""What a request may ask of a generation, and what is refused with the field's name."""

import json
from typing import Any

import pytest

from backend.contract.errors import Invalid
from backend.worker.serving.limits import Limits
from backend.worker.serving.parameters import check_marked, read_parameters, with_parameters
from backend.worker.serving.strict import read_predict

GENERATES = {"task": "text-generation", "max_new_tokens": 100}


def ask(parameters: Any) -> Any:
    return read_predict(json.dumps({"inputs": ["a text"], "parameters": parameters}).encode(), Limits())


def test_what_is_right_comes_through_as_it_was_asked() -> None:
    asked = ask({"max_new_tokens": 5, "temperature": 1, "top_p": 0.5, "stop": "\n", "seed": 0})
    assert asked.parameters == {"max_new_tokens": 5, "temperature": 1.0, "top_p": 0.5, "stop": ["\n"], "seed": 0}
    (one,) = with_parameters(asked.texts, asked.parameters, GENERATES)
    assert one == {"text": "a text", "parameters": dict(asked.parameters)}


def test_without_parameters_an_input_stays_a_text() -> None:
    asked = read_predict(b'{"inputs": ["a text"]}', Limits())
    assert with_parameters(asked.texts, asked.parameters, {}) == ["a text"]


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ([], "parameters"),
        (None, "parameters"),
        ({"max_tokens": 5}, "parameters.max_tokens"),
        ({"max_new_tokens": 0}, "parameters.max_new_tokens"),
        ({"max_new_tokens": True}, "parameters.max_new_tokens"),
        ({"max_new_tokens": 1.5}, "parameters.max_new_tokens"),
        ({"temperature": -0.1}, "parameters.temperature"),
        ({"temperature": 2.1}, "parameters.temperature"),
        ({"temperature": 1e-9}, "parameters.temperature"),
        ({"temperature": "hot"}, "parameters.temperature"),
        ({"top_p": 0}, "parameters.top_p"),
        ({"top_p": 1.01}, "parameters.top_p"),
        ({"stop": []}, "parameters.stop"),
        ({"stop": [""]}, "parameters.stop"),
        ({"stop": ["x"] * 5}, "parameters.stop"),
        ({"stop": ["x" * 65]}, "parameters.stop"),
        ({"stop": ["\ud800"]}, "parameters.stop"),
        ({"seed": -1}, "parameters.seed"),
        ({"seed": 2**31}, "parameters.seed"),
    ],
)
def test_what_is_wrong_is_named(parameters: Any, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_parameters(parameters)
    assert caught.value.details["field"] == field


def test_a_version_says_whether_and_how_much_it_takes() -> None:
    with pytest.raises(Invalid, match="A model for token-classification takes no parameters"):
        with_parameters(["a"], {"seed": 1}, {"task": "token-classification"})
    with pytest.raises(Invalid, match='"max_new_tokens" is 101, over the limit of 100'):
        with_parameters(["a"], {"max_new_tokens": 101}, GENERATES)


def test_a_text_without_the_mark_is_named() -> None:
    check_marked(["no mark is needed"], None)
    check_marked(["a [MASK]"], "[MASK]")
    with pytest.raises(Invalid, match=r"inputs\[1\] holds no \[MASK\]"):
        check_marked(["a [MASK]", "b"], "[MASK]")
