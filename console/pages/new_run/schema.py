"""A recipe's settings as its JSON schema tells them: kinds, limits, words, and how typed text becomes a value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.i18n import tr
from console.words import fixed


@dataclass(frozen=True)
class Problem:
    """What is wrong with a field, and a value that would do."""

    text: str
    fix_text: str = ""
    fix: Any = None


@dataclass(frozen=True)
class Setting:
    """One setting of a recipe. kind: integer, number, text, bool, choice or list (values with commas between).

    choices: the texts a control offers, `values` what they stand for; the text "" is "nothing chosen". scratch: counts
    only without a base model.
    """

    name: str
    title: str
    description: str
    kind: str
    default: Any
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    empty: bool = False
    advanced: bool = False
    unit: str = ""
    usual: str = ""
    scratch: bool = False
    values: tuple[Any, ...] = ()
    mixed: bool = False  # a number or a text, as it is typed

    def read(self, raw: Any) -> tuple[Any, Problem | None]:
        """The value of what a control holds; or None and the problem."""
        if self.kind == "bool":
            return raw, None
        if self.kind == "choice":
            return self._chosen(str(raw))
        text = str(raw).strip()
        if not text and self.empty:
            return None, None
        if self.kind == "list":
            return [part.strip() for part in text.split(",") if part.strip()], None
        if self.kind == "text":
            number = _number(text, whole=False) if self.mixed else None
            return (text if number is None else int(number) if number == int(number) else number), None
        value = _number(text, whole=self.kind == "integer")
        if value is None:
            kind = tr("a whole number") if self.kind == "integer" else tr("a number")
            return None, self._problem(tr("Must be {kind}.", kind=kind), self.default)
        return self._inside(value)

    def _chosen(self, text: str) -> tuple[Any, Problem | None]:
        if text not in self.choices:
            return None, self._problem(tr("Choose one of these."), self.default)
        return self.values[self.choices.index(text)], None

    def _problem(self, text: str, near: Any) -> Problem:
        return Problem(text, tr("Use {value}", value=self.shown(near)), near)

    def _inside(self, value: float) -> tuple[Any, Problem | None]:
        limits = (
            (self.low, self.low is not None and value < self.low, tr("at least {n}"), True),
            (self.high, self.high is not None and value > self.high, tr("at most {n}"), True),
            (self.above, self.above is not None and value <= self.above, tr("above {n}"), False),
            (self.below, self.below is not None and value >= self.below, tr("below {n}"), False),
        )
        for limit, wrong, words, taken in limits:
            if limit is not None and wrong:
                near = limit if taken else self.default
                near = int(near) if self.kind == "integer" and near is not None else near
                text = tr("Must be {limit}.", limit=words.format(n=self.shown(limit)))
                return None, self._problem(text, near)
        return value, None

    def shown(self, value: Any) -> str:
        """A value as the field shows it: 2e-4, 64, 0.06."""
        if value is None:
            return ""
        if self.kind == "choice" and value in self.values:
            return self.choices[self.values.index(value)]
        if isinstance(value, list | tuple):
            return ", ".join(map(str, value))
        if isinstance(value, bool) or not isinstance(value, int | float):
            return str(value)
        if isinstance(value, float) and value != 0 and abs(value) < 1e-3:
            mantissa, _, power = f"{value:e}".partition("e")
            return f"{float(mantissa):g}e{int(power)}"
        return f"{value:.12g}"


def _number(text: str, *, whole: bool) -> float | int | None:
    try:
        value = float(text.replace(",", "").replace("−", "-"))
    except ValueError:
        return None
    if not math.isfinite(value) or (whole and value != int(value)):
        return None
    return int(value) if whole else value


def settings_of(schema: Mapping[str, Any]) -> list[Setting]:
    """Every setting of a schema, in its order; what the schema does not say is left open."""
    named = schema.get("$defs", {})
    return [_setting(name, field, named) for name, field in schema.get("properties", {}).items()]


def _setting(name: str, field: Mapping[str, Any], named: Mapping[str, Any]) -> Setting:
    parts = [_resolved(part, named) for part in field.get("anyOf", ()) if isinstance(part, dict)]
    parts = parts or [_resolved(field, named)]
    real = [part for part in parts if part.get("type") != "null"]
    core: dict[str, Any] = real[0] if real else {}
    empty = len(real) < len(parts)
    kind, values = _kind_of(core, len(real) > 1, empty, field.get("choices", ()))
    choices = tuple(_text_of(value) for value in values)
    return Setting(
        name, str(field.get("title", name)), str(field.get("description", "")), kind, field.get("default"), choices,
        core.get("minimum"), core.get("maximum"), core.get("exclusiveMinimum"), core.get("exclusiveMaximum"),
        empty, bool(field.get("advanced")), str(field.get("unit", "")), str(field.get("usual", "")),
        bool(field.get("scratch")), values, mixed=len(real) > 1,
    )  # fmt: skip


def _resolved(part: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """What a reference to a named type stands for."""
    address = part.get("$ref") or next(
        (one.get("$ref") for one in part.get("allOf", ()) if isinstance(one, dict)), None
    )
    return {**named.get(str(address).rpartition("/")[2], {}), **part} if address else dict(part)


def _kind_of(core: Mapping[str, Any], several: bool, empty: bool, offered: Any) -> tuple[str, tuple[Any, ...]]:
    """(kind, values of a choice)."""
    values = tuple(core["enum"]) if core.get("enum") else (core["const"],) if "const" in core else tuple(offered)
    if several:
        return "text", ()
    if not values and core.get("type") == "boolean" and empty:
        values = (True, False)
    if values:
        return "choice", (None, *values) if empty else values
    known = {"integer": "integer", "number": "number", "boolean": "bool", "array": "list"}
    return known.get(str(core.get("type", "")), "text"), ()


def _text_of(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def too_long(value: Any, name: str, most: Any) -> Problem | None:
    """`roberta-large reads at most 512 tokens.` for a length the base model cannot read."""
    if not isinstance(value, int) or not isinstance(most, int) or value <= most:
        return None
    text = tr("{name} reads at most {n} tokens.", name=name, n=fixed(most, 0))
    return Problem(text, tr("Use {value}", value=most), most)
