"""The filter language of every list: `state:running f1>0.93 since:7d -tag:old "two words"`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

KINDS = ("text", "number", "time", "tags", "flag")


class FilterError(ValueError):
    """The filter cannot be read; `start` and `stop` are the characters it is about."""

    def __init__(self, text: str, start: int, stop: int) -> None:
        super().__init__(text)
        self.start, self.stop = start, stop


@dataclass(frozen=True)
class Field:
    """One thing a list can be filtered by. `value(row)` is a text, number, unix time, list of texts or bool."""

    name: str
    kind: str
    value: Callable[[Any], Any]
    values: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    hint: str = ""


@dataclass(frozen=True)
class Term:
    """One condition of a filter, as written and as a test of a row."""

    text: str
    test: Callable[[Any], bool]


@dataclass(frozen=True)
class Filter:
    """A parsed filter: every term must hold."""

    text: str
    terms: tuple[Term, ...]

    def __call__(self, row: Any) -> bool:
        return all(term.test(row) for term in self.terms)

    @property
    def empty(self) -> bool:
        return not self.terms


_TOKEN = re.compile(r'(?P<minus>-)?(?:(?P<key>[\w./]+)(?P<op>>=|<=|!=|>|<|=|:))?(?P<value>"[^"]*"?|[^\s"]+|)')
_AGE = re.compile(r"(\d+(?:\.\d+)?)(m|min|h|d|w|mo|y)")
_AGE_S = {"m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 2592000, "y": 31536000}
_SCALE = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "%": 0.01}


def parse_filter(
    text: str, fields: Iterable[Field], *, words: Callable[[Any], str], now: float | None = None
) -> Filter:
    """Read a filter. `words(row)` is the text that free words search in. Raises FilterError with a usable sentence."""
    table = _by_name(fields)
    terms = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _TOKEN.match(text, at)
        if found is None or found.end() == at:
            raise FilterError(f"Cannot read {text[at:]!r}.", at, len(text))
        terms.append(_term(found, table, words, now if now is not None else datetime.now().timestamp()))
        at = found.end()
    return Filter(text, tuple(terms))


def complete(text: str, cursor: int, fields: Iterable[Field]) -> tuple[int, list[str]]:
    """Completions of the token under the cursor: (start of the token, whole tokens that could stand there)."""
    start = cursor
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    token = text[start:cursor]
    minus = "-" if token.startswith("-") else ""
    token = token.removeprefix("-")
    listed = list(fields)
    key, colon, value = token.partition(":")
    if colon:
        field = _by_name(listed).get(key.lower())
        if field is None:
            return start, []
        head, comma, last = value.rpartition(",")
        options = ("7d", "24h", "30d", "today") if field.kind == "time" else field.values
        return start, [f"{minus}{key}:{head}{comma}{o}" for o in options if o.lower().startswith(last.lower())]
    if not token and not minus and text.strip():
        return start, []
    sign = {"number": ">"}
    names = [f"{minus}{f.name}{sign.get(f.kind, ':')}" for f in listed if f.name.lower().startswith(token.lower())]
    return start, names


def _by_name(fields: Iterable[Field]) -> dict[str, Field]:
    table: dict[str, Field] = {}
    for field in fields:
        for name in (field.name, *field.aliases):
            table[name.lower()] = field
    return table


def _term(found: re.Match[str], table: Mapping[str, Field], words: Callable[[Any], str], now: float) -> Term:
    key, op, raw = found["key"], found["op"], found["value"]
    value = raw.strip('"')
    if raw.startswith('"') and not (len(raw) > 1 and raw.endswith('"')):
        raise FilterError("The quotation mark is not closed.", found.start("value"), found.end())
    if key is None:
        if not value:
            raise FilterError('A "-" stands alone: write the word to leave out behind it.', found.start(), found.end())
        needle = value.casefold()
        test = _negated(lambda row: needle in words(row).casefold(), bool(found["minus"]))
        return Term(found[0], test)
    if not value:
        raise FilterError(f"{key}{op} needs a value behind it.", found.start(), found.end())
    field = _field(key, table, found)
    maker = {"number": _number_test, "time": _time_test, "tags": _tags_test, "flag": _flag_test}.get(
        field.kind, _text_test
    )
    test = maker(field, op, value, now, found)
    return Term(found[0], _negated(test, bool(found["minus"])))


def _negated(test: Callable[[Any], bool], negate: bool) -> Callable[[Any], bool]:
    return (lambda row: not test(row)) if negate else test


def _field(key: str, table: Mapping[str, Field], found: re.Match[str]) -> Field:
    field = table.get(key.lower())
    if field is not None:
        return field
    near = difflib.get_close_matches(key.lower(), list(table), n=1, cutoff=0.5)
    names = ", ".join(sorted({f.name for f in table.values()}))
    advice = f"Did you mean {table[near[0]].name}?" if near else f"Fields here: {names}."
    raise FilterError(f"There is no field {key!r}. {advice}", found.start("key"), found.end("key"))


def read_number(text: str) -> float:
    """`0.93`, `1e-4`, `10k`, `3M`, `50%`; raises ValueError."""
    scale = _SCALE.get(text[-1:], 1.0)
    return float(text[:-1] if scale != 1.0 else text) * scale


def read_time(text: str, now: float) -> float:
    """Unix time of `7d`, `24h`, `30m` ago, `today`, `yesterday` or a date like 2026-11-20; raises ValueError."""
    found = _AGE.fullmatch(text)
    if found:
        return now - float(found[1]) * _AGE_S[found[2]]
    midnight = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
    if text == "today":
        return midnight.timestamp()
    if text == "yesterday":
        return (midnight - timedelta(days=1)).timestamp()
    return datetime.fromisoformat(text).timestamp()


def _compare(op: str, left: float, right: float) -> bool:
    if op in (":", "="):
        return left == right or abs(left - right) < 1e-9 * max(1.0, abs(right))
    return {">": left > right, "<": left < right, ">=": left >= right, "<=": left <= right, "!=": left != right}[op]


def _number_test(field: Field, op: str, value: str, now: float, found: re.Match[str]) -> Callable[[Any], bool]:  # noqa: ARG001
    try:
        limit = read_number(value)
    except ValueError:
        text = f"{field.name} is a number: write for example {field.name}>0.9, not {value!r}."
        raise FilterError(text, found.start("value"), found.end("value")) from None

    def test(row: Any) -> bool:
        known = field.value(row)
        return known is not None and _compare(op, float(known), limit)

    return test


def _time_test(field: Field, op: str, value: str, now: float, found: re.Match[str]) -> Callable[[Any], bool]:
    try:
        moment = read_time(value, now)
    except ValueError:
        text = f"{field.name} is a time: write 7d, 24h, 30m, today or a date like 2026-11-20, not {value!r}."
        raise FilterError(text, found.start("value"), found.end("value")) from None
    until = field.name == "before"

    def test(row: Any) -> bool:
        known = field.value(row)
        if known is None:
            return False
        if op in (":", "="):
            return bool(known < moment) if until else bool(known >= moment)
        return _compare(op, float(known), moment)

    return test


def _equality(field: Field, op: str, found: re.Match[str]) -> bool:
    """True for "is", False for "is not"; any other comparison of a text raises."""
    if op in (":", "="):
        return True
    if op == "!=":
        return False
    text = f"{field.name} is a text: write {field.name}:value, {op!r} compares numbers."
    raise FilterError(text, found.start("op"), found.end("op"))


def _text_test(field: Field, op: str, value: str, now: float, found: re.Match[str]) -> Callable[[Any], bool]:  # noqa: ARG001
    wanted = _equality(field, op, found)
    options = [v.casefold() for v in value.split(",") if v]
    known = {v.casefold() for v in field.values}
    unknown = [v for v in options if known and v not in known]
    if unknown:
        text = f"{field.name} is never {unknown[0]!r}. Values: {', '.join(field.values)}."
        raise FilterError(text, found.start("value"), found.end("value"))

    def test(row: Any) -> bool:
        text = str(field.value(row) or "").casefold()
        hit = text in options if known else any(option in text for option in options)
        return hit is wanted

    return test


def _tags_test(field: Field, op: str, value: str, now: float, found: re.Match[str]) -> Callable[[Any], bool]:  # noqa: ARG001
    wanted = _equality(field, op, found)
    options = {v.casefold() for v in value.split(",") if v}
    return lambda row: bool(options & {str(tag).casefold() for tag in field.value(row) or ()}) is wanted


def _flag_test(field: Field, op: str, value: str, now: float, found: re.Match[str]) -> Callable[[Any], bool]:  # noqa: ARG001
    wanted = _equality(field, op, found)
    states = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if value.lower() not in states:
        text = f"{field.name} is yes or no, not {value!r}."
        raise FilterError(text, found.start("value"), found.end("value"))
    return lambda row: (bool(field.value(row)) is states[value.lower()]) is wanted
