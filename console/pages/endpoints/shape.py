"""What an endpoint's version takes and answers, read from its signature and from the answers themselves; no Qt.

An input is a text or an object with named fields; an answer tells by its names what it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

EXPLAINED = ("", "text-classification")
"""Tasks whose answers can be explained."""

MASKS = ("mark", "mask", "mask_token")
_SAMPLE_TEXTS = {"question": "Who wrote it?", "context": "It was written by Ada."}


@dataclass(frozen=True)
class InputField:
    """A field of an object input. kind: text, number, numbers (a list), choice, any (as it is typed)."""

    name: str
    kind: str = "any"
    choices: tuple[str, ...] = ()
    count: int = 0
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class InputShape:
    """What one input is: a text where there are no fields. `mark` stands where words are missing."""

    task: str = ""
    fields: tuple[InputField, ...] = ()
    mark: str = ""
    labels: tuple[str, ...] = field(default=())

    @property
    def explained(self) -> bool:
        return self.task in EXPLAINED and not self.fields


def shape_of(signature: Mapping[str, Any], task: str = "") -> InputShape:
    """Of a version's signature.json; a text for one that says nothing."""
    task = str(signature.get("task") or task)
    inputs = signature.get("inputs")
    inputs = inputs if isinstance(inputs, Mapping) else {}
    found = inputs.get("fields")
    if isinstance(found, Mapping):
        fields = tuple(_field(str(name), kind) for name, kind in found.items())
    elif isinstance(found, Sequence) and not isinstance(found, str):
        fields = tuple(_listed(one, task, signature.get("kinds")) for one in found)
    else:
        fields = ()
    mark = next((str(inputs[key]) for key in MASKS if inputs.get(key)), "")
    mark = mark or next((str(signature[key]) for key in MASKS if signature.get(key)), "")
    return InputShape(task, fields, mark)


def _listed(one: Any, task: str, kinds: Any) -> InputField:
    """A field named alone: what it holds is said beside, or by the task."""
    if isinstance(one, Mapping):
        return _field(str(one.get("name", "")), one)
    kind = kinds.get(one) if isinstance(kinds, Mapping) else None
    return _field(str(one), kind if kind is not None else "any" if task.startswith("tabular") else "text")


def _field(name: str, kind: Any) -> InputField:
    told = kind if isinstance(kind, Mapping) else {"type": kind}
    choices = told.get("choices") or told.get("values") or told.get("categories") or told.get("enum") or ()
    if isinstance(choices, Sequence) and not isinstance(choices, str) and choices:
        return InputField(name, "choice", tuple(map(str, choices)))
    word = str(told.get("type") or "any")
    known = {"string": "text", "text": "text", "number": "number", "integer": "number", "float": "number",
             "numeric": "number", "numbers": "numbers", "array": "numbers"}  # fmt: skip
    low, high = (told.get(end) if isinstance(told.get(end), int | float) else None for end in ("low", "high"))
    count = told.get("count")
    return InputField(name, known.get(word, "any"), (), count if isinstance(count, int) else 0, low, high)


# ---- from typed text to a value ----------------------------------------------------------------------------


def value_of(one: InputField, text: str) -> Any:
    """What a field's text stands for; an empty number is not known. Raises ValueError."""
    if one.kind == "number":
        return _number(text) if text.strip() else None
    if one.kind == "numbers":
        return [_number(part) for part in re.split(r"[\s,;]+", text.strip().strip("[]").strip()) if part]
    if one.kind == "any":
        try:
            return _number(text)
        except ValueError:
            return text if text.strip() else None
    return text


def _number(text: str) -> float | int:
    value = float(text.strip().replace("−", "-"))
    if value - value != 0:
        raise ValueError(text)
    return int(value) if value == int(value) and re.fullmatch(r"[+-]?[0-9]{1,15}", text.strip()) else value


def text_of(value: Any) -> str:
    """A value as its field shows it."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def line_of(asked: Any) -> str:
    """An input in one line, for a list of tries."""
    if isinstance(asked, str):
        return " ".join(asked.split())
    if isinstance(asked, Mapping):
        return " · ".join(" ".join(text_of(value)[:80].split()) for value in asked.values() if value not in (None, ""))
    return str(asked)


def example_of(shape: InputShape) -> Any:
    """One input as a client may send it."""
    if shape.fields:
        return {one.name: _example(one) for one in shape.fields}
    return f"a text with a {shape.mark} in it" if shape.mark else "a text"


def _example(one: InputField) -> Any:
    if one.kind == "number":
        return 0
    if one.kind == "numbers":
        return [one.low if one.low is not None else 0] * max(1, one.count)
    if one.kind == "choice":
        return one.choices[0]
    return _SAMPLE_TEXTS.get(one.name, "a text") if one.kind == "text" else None


# ---- answers -----------------------------------------------------------------------------------------------

TEXTS = ("text", "translation", "summary", "generated_text", "output", "completion", "response")
VECTORS = ("embedding", "vector")
WORDS = ("piece", "token_str", "token", "word", "text", "fill")
NUMBERS = ("value", "prediction", "number", "target")


def answer_kind(answer: Mapping[str, Any]) -> str:
    """scores, tags, answer, embedding, fills, text, number, label; other for what nobody knows here."""
    if isinstance(answer.get("scores"), Mapping):
        return "scores"
    if isinstance(answer.get("tags"), list):
        return "tags"
    if isinstance(answer.get("answer"), str) or ("answer" in answer and "start" in answer):
        return "answer"
    if any(isinstance(answer.get(key), list) for key in VECTORS):
        return "embedding"
    if fills_of(answer):
        return "fills"
    if any(isinstance(answer.get(key), str) for key in TEXTS):
        return "text"
    if any(_is_number(answer.get(key)) for key in NUMBERS):
        return "number"
    return "label" if isinstance(answer.get("label"), str) else "other"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def vector_of(answer: Mapping[str, Any]) -> list[float]:
    """The numbers of an embedding."""
    found: list[Any] = next((answer[key] for key in VECTORS if isinstance(answer.get(key), list)), [])
    return [float(number) for number in found if _is_number(number)]


def text_answer(answer: Mapping[str, Any]) -> str:
    """What was written."""
    return next((str(answer[key]) for key in TEXTS if isinstance(answer.get(key), str)), "")


def number_answer(answer: Mapping[str, Any]) -> float | None:
    """What was predicted of a quantity."""
    return next((float(answer[key]) for key in NUMBERS if _is_number(answer.get(key))), None)


def fills_of(answer: Mapping[str, Any]) -> list[list[tuple[str, float]]]:
    """For each missing word the candidates with their scores, the best first; empty when the answer has none."""
    for value in answer.values():
        if not isinstance(value, list) or not value:
            continue
        if one := _candidates(value):
            return [one]
        nested = [_candidates(_inner(inner)) for inner in value]
        if all(nested):
            return nested
    return []


def _inner(value: Any) -> Any:
    """The list of candidates itself, or the one list within an object about one place."""
    if isinstance(value, Mapping):
        return next((inner for inner in value.values() if isinstance(inner, list) and inner), [])
    return value


def _candidates(value: Any) -> list[tuple[str, float]]:
    found = []
    for one in value if isinstance(value, list) else ():
        if not isinstance(one, Mapping) or not _is_number(one.get("score")):
            return []
        word = next((one[key] for key in WORDS if isinstance(one.get(key), str)), None)
        if word is None:
            return []
        found.append((word, float(one["score"])))
    return sorted(found, key=lambda pair: -pair[1])


def headline(answer: Mapping[str, Any]) -> str:
    """The answer in a few words, for the list of tries."""
    kind = answer_kind(answer)
    if kind in ("scores", "label", "tags") and answer.get("label") is not None:
        return str(answer["label"])
    if kind == "answer":
        return str(answer.get("answer") or "∅")
    if kind == "text":
        return " ".join(text_answer(answer).split())[:40]
    if kind == "fills":
        return ", ".join(places[0][0] for places in fills_of(answer))
    if kind == "number":
        return f"{number_answer(answer):.6g}"
    return f"[{len(vector_of(answer))}]" if kind == "embedding" else json.dumps(answer, ensure_ascii=False)[:40]
