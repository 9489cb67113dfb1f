"""JSON as we accept it: no duplicate keys, no NaN or infinities (not even 1e999), no deep nesting, no giant
integers."""

import json
import math
from typing import Any

from backend.contract.errors import Invalid

MAX_DEPTH = 64
MAX_INTEGER = 2**63 - 1
MAX_DIGITS = 20


def read_json(body: bytes) -> Any:
    """The value of a request body; Invalid says what is wrong with it and where, where that is known."""
    try:
        text = body.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        raise Invalid(f"The body is not UTF-8: byte {error.start} is wrong.", code="json") from error
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_float=_float, parse_int=_integer, parse_constant=_constant
        )
    except RecursionError as error:
        raise Invalid(f"The JSON is nested deeper than {MAX_DEPTH} levels.", code="json") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Invalid(f"The body is not JSON: {error.msg} at {where}.", code="json") from error
    _walk(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Invalid(f"The key {twice[:80]!r} stands twice in one object.", code="json", field=twice[:80])
    return found


def _float(text: str) -> float:
    value = float(text) if len(text) <= 400 else math.inf
    if not math.isfinite(value):
        raise Invalid(f"The number {text[:40]} is too large; unknown is null, infinity is not a number.", code="json")
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS or abs(int(text)) > MAX_INTEGER:
        raise Invalid(f"The integer {text[:40]}… is over the limit of {MAX_INTEGER}.", code="json")
    return int(text)


def _constant(name: str) -> Any:
    raise Invalid(f"{name} is not JSON; unknown is null.", code="json")


def _walk(value: Any) -> None:
    """Depth, and texts that no file name, database or terminal could take: half surrogate pairs and NUL."""
    waiting = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise Invalid(f"The JSON is nested deeper than {MAX_DEPTH} levels.", code="json")
        if isinstance(item, str):
            _check_text(item)
        elif isinstance(item, dict):
            for key, part in item.items():
                _check_text(key)
                waiting.append((part, depth + 1))
        elif isinstance(item, list):
            waiting.extend((part, depth + 1) for part in item)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise Invalid("A text holds the NUL character, which no name or path may have.", code="json")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Invalid("A text holds half of a surrogate pair, which is no character.", code="json") from error
