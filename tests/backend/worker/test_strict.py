"""Inputs that are objects: which fields a version takes, and which must be texts."""

from typing import Any

import pytest

from backend.contract.errors import Invalid
from backend.worker.serving.strict import check_inputs

FIELDS = ["question", "context"]


def test_texts_with_something_in_them_pass() -> None:
    check_inputs([{"question": "who?", "context": "a cat"}], FIELDS, FIELDS)
    check_inputs([{"question": " ", "context": None}], FIELDS)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("who?", r"inputs\[0\] must be an object with question, context, not a text"),
        ({"question": "who?"}, r"inputs\[0\] lacks 'context'"),
        ({"question": "who?", "context": "a", "more": 1}, r"unknown field 'more'"),
        ({"question": " ", "context": "a cat"}, r"inputs\[0\]\.question is empty"),
        ({"question": "who?", "context": 5}, r"inputs\[0\]\.context must be a text, not a number"),
        ({"question": None, "context": "a"}, r"inputs\[0\]\.question must be a text, not null"),
    ],
)
def test_anything_else_is_refused_by_its_field(value: Any, text: str) -> None:
    with pytest.raises(Invalid, match=text):
        check_inputs([value], FIELDS, FIELDS)
