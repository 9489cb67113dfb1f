"""JSON that is exactly JSON, and what /predict and /explain may ask. Errors name the field and the limit."""

import json
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from backend.contract.errors import Invalid, TooLarge
from backend.worker.serving.limits import Limits
from backend.worker.serving.parameters import read_parameters

MAX_DIGITS = 20
MAX_FIELDS = 2000
"""Of one input: columns of a table."""
MAX_NUMBERS = 3 * 1024 * 1024
"""Of one list: pixels of an image."""


class Asked(NamedTuple):
    """A checked /predict or /explain; an input is a text, or an object of texts, numbers, flags, lists of numbers."""

    texts: list[Any]
    truncate: bool
    version: int | None
    label: str | None
    steps: int
    parameters: Mapping[str, Any] = MappingProxyType({})  # how a text is to be continued


def read_json(body: bytes | bytearray) -> Any:
    """The value of a body; Invalid for bytes that are not UTF-8, duplicate keys, NaN, infinities (1e999 too), depth or
    giant integers."""
    try:
        text = bytes(body).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"The body is not UTF-8: byte {error.start} is wrong.", code="json") from error
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_float=_float, parse_int=_integer, parse_constant=_constant
        )
    except RecursionError as error:
        raise Invalid("The JSON is nested too deeply.", code="json") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Invalid(f"The body is not JSON: {error.msg} at {where}.", code="json") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Invalid("A key stands twice in one object.", code="json")
    return found


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Invalid("A number is too large; infinity is not a number.", code="json")
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise Invalid(f"An integer has more than {MAX_DIGITS} digits.", code="json")
    return int(text)


def _constant(name: str) -> Any:
    raise Invalid(f"{name} is not JSON; unknown is null.", code="json")


def read_predict(body: bytes | bytearray, limits: Limits) -> Asked:
    """{"inputs": [text or object, …], "truncate"?: bool, "version"?: n, "parameters"?: {…}}; raises Invalid or
    TooLarge. Which of them a version takes is checked when it is known (check_inputs, with_parameters)."""
    found = _fields(read_json(body), {"inputs", "parameters", "truncate", "version"})
    inputs = found.get("inputs")
    if not isinstance(inputs, list):
        raise Invalid('"inputs" must be a list of texts.', field="inputs", fix='Send {"inputs": ["a text", …]}.')
    if not inputs:
        raise Invalid('"inputs" is empty; send at least one text.', field="inputs")
    if len(inputs) > limits.max_items:
        raise TooLarge(
            f"{len(inputs)} inputs are over the limit of {limits.max_items} in one request.", limit=limits.max_items
        )
    texts = [_input(value, f"inputs[{index}]", limits) for index, value in enumerate(inputs)]
    parameters = read_parameters(found["parameters"]) if "parameters" in found else {}
    return Asked(texts, _flag(found), _version(found), None, 0, parameters)


def read_explain(body: bytes | bytearray, limits: Limits) -> Asked:
    """{"input": text, "label"?: name, "steps"?: 8..128, "truncate"?: bool, "version"?: n}; raises Invalid."""
    found = _fields(read_json(body), {"input", "inputs", "label", "steps", "truncate", "version"})
    inputs = found.get("inputs", [found.get("input")])
    if not isinstance(inputs, list) or len(inputs) != 1 or ("input" in found and "inputs" in found):
        raise Invalid('Explain one text at a time: "input": "a text".', field="input")
    label, steps = found.get("label"), found.get("steps", 32)
    if label is not None and not isinstance(label, str):
        raise Invalid('"label" must be the name of a label.', field="label")
    if not isinstance(steps, int) or isinstance(steps, bool) or not 8 <= steps <= 128:
        raise Invalid('"steps" must be a whole number from 8 to 128.', field="steps")
    return Asked([_text(inputs[0], "input", limits)], _flag(found), _version(found), label, steps)


def check_inputs(
    inputs: list[Any], fields: list[str] | None, texts: Sequence[str] = (), kinds: Mapping[str, Any] | None = None
) -> None:
    """Whether a version takes these: texts, or (with fields) objects that have exactly these, of which `texts` are
    texts with something in them. Raises Invalid.

    `kinds` says more of some fields: {"type": "number"} a number, a text that reads as one, or null; {"type":
    "numbers", "count", "low", "high"} a list of so many within these. Without it a field may be anything but a list.
    """
    for index, value in enumerate(inputs):
        name = f"inputs[{index}]"
        if fields is None and not isinstance(value, str):
            raise Invalid(f"{name} must be a text, not {_kind(value)}.", field=name)
        if fields is None:
            continue
        if not isinstance(value, dict):
            raise Invalid(f"{name} must be an object with {', '.join(fields[:20])}, not {_kind(value)}.", field=name)
        missing = [field for field in fields if field not in value]
        unknown = sorted(set(value) - set(fields))
        if missing or unknown:
            what = f"lacks {missing[0]!r}" if missing else f"has an unknown field {unknown[0][:80]!r}"
            raise Invalid(f"{name} {what}; it must have {', '.join(fields[:20])}.", field=name)
        for field in texts:
            if not isinstance(value[field], str) or not value[field].strip():
                what = "is empty" if isinstance(value[field], str) else f"must be a text, not {_kind(value[field])}"
                raise Invalid(f"{name}.{field} {what}.", field=f"{name}.{field}")
        for field, one in value.items():
            _check_kind(one, (kinds or {}).get(field, {}), f"{name}.{field[:80]}")


def _check_kind(value: Any, kind: Mapping[str, Any], name: str) -> None:
    if kind.get("type") == "numbers":
        if not isinstance(value, list) or len(value) != kind["count"]:
            found = f"{len(value)} of them" if isinstance(value, list) else _kind(value)
            raise Invalid(f"{name} must be a list of {kind['count']} numbers, not {found}.", field=name)
        low, high = kind["low"], kind["high"]
        odd = next((one for one in value if not low <= one <= high), None)
        if odd is not None:
            raise Invalid(f"{name} holds {odd!r:.40}; its numbers must lie from {low:g} to {high:g}.", field=name)
    elif isinstance(value, list):
        raise Invalid(f"{name} must be a text, a number or null, not a list.", field=name)
    elif kind.get("type") == "number" and not _reads_as_number(value):
        raise Invalid(f"{name} must be a number or null, not {_kind(value)}.", field=name)


def _reads_as_number(value: Any) -> bool:
    if value is None or (isinstance(value, str) and not value.strip()):
        return True  # not known
    try:
        return not isinstance(value, bool) and math.isfinite(float(value))
    except ValueError:
        return False


def _input(value: Any, name: str, limits: Limits) -> Any:
    if not isinstance(value, dict):
        return _text(value, name, limits)
    if len(value) > MAX_FIELDS:
        raise TooLarge(f"{name} has {len(value)} fields, over the limit of {MAX_FIELDS}.", limit=MAX_FIELDS)
    for key, one in value.items():
        if isinstance(one, str):
            if one.strip():
                _text(one, f"{name}.{key[:80]}", limits)
        elif isinstance(one, list):
            _numbers(one, f"{name}.{key[:80]}")
        elif not isinstance(one, bool | int | float | type(None)):
            raise Invalid(f"{name}.{key[:80]} must be a text, a number or null, not {_kind(one)}.", field=name)
    return value


def _numbers(value: list[Any], name: str) -> None:
    if len(value) > MAX_NUMBERS:
        raise TooLarge(f"{name} has {len(value)} numbers, over the limit of {MAX_NUMBERS}.", limit=MAX_NUMBERS)
    odd = [one for one in value if type(one) not in (int, float)]
    if odd:
        raise Invalid(f"{name} must hold numbers only, not {_kind(odd[0])}.", field=name)


def _fields(found: Any, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise Invalid("The body must be a JSON object.", code="json")
    unknown = sorted(set(found) - known)
    if unknown:
        raise Invalid(
            f"Unknown field {unknown[0][:80]!r}; known are {', '.join(sorted(known))}.", field=unknown[0][:80]
        )
    return found


def _text(value: Any, name: str, limits: Limits) -> str:
    if not isinstance(value, str):
        raise Invalid(f"{name} must be a text, not {_kind(value)}.", field=name)
    if not value.strip():
        raise Invalid(f"{name} is empty.", field=name)
    if len(value) > limits.max_characters:
        raise Invalid(
            f"{name} has {len(value)} characters, over the limit of {limits.max_characters}.",
            code="too_long", field=name, limit=limits.max_characters, unit="characters",
        )  # fmt: skip
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Invalid(f"{name} holds half of a surrogate pair, which is no character.", field=name) from error
    return value


def _kind(value: Any) -> str:
    names = {
        str: "a text",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
        type(None): "null",
    }
    return names.get(type(value), "something else")


def _flag(found: Mapping[str, Any]) -> bool:
    value = found.get("truncate", False)
    if not isinstance(value, bool):
        raise Invalid('"truncate" must be true or false.', field="truncate")
    return value


def _version(found: Mapping[str, Any]) -> int | None:
    value = found.get("version")
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise Invalid('"version" must be a version number.', field="version")
    return value
