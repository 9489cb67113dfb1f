"""What was typed into the playground, as texts to send; and one question with its answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from console.i18n import tr

MOST_INPUTS = 64


class InputError(ValueError):
    """What was typed cannot be sent; the text is for the user."""


@dataclass
class Try:
    """One question and what came back: version → answer of /predict."""

    text: str
    mode: str
    inputs: list[Any]
    versions: list[int | None]
    answers: dict[int | None, dict[str, Any]] = field(default_factory=dict)
    errors: dict[int | None, str] = field(default_factory=dict)
    explanations: dict[int, dict[str, Any]] = field(default_factory=dict)  # input → answer of /explain
    shown: int = 0


def read_inputs(mode: str, text: str, *, objects: bool = False) -> list[Any]:
    """Texts to send, or `objects`. Raises InputError: empty, no JSON, not texts (or objects), too many."""
    if mode == "text":
        found: list[Any] = [text] if text.strip() else []
    elif mode == "file" and objects:
        found = [_line(line, at) for at, line in enumerate(text.splitlines(), 1) if line.strip()]
    elif mode == "file":
        found = [entry for entry in text.splitlines() if entry.strip()]
    else:
        found = _from_json(text, objects)
    if not found:
        raise InputError(tr("Write something first."))
    wrong = next((i for i, entry in enumerate(found) if not _fits(entry, objects)), None)
    if wrong is not None:
        said = (
            tr("Entry {n} is not an object.", n=wrong + 1) if objects else tr("Entry {n} is not a text.", n=wrong + 1)
        )
        raise InputError(said)
    if len(found) > MOST_INPUTS:
        raise InputError(tr("{n} inputs are more than the {most} the playground sends at once.",
                            n=len(found), most=MOST_INPUTS))  # fmt: skip
    return found


def _fits(entry: Any, objects: bool) -> bool:
    return isinstance(entry, dict) if objects else isinstance(entry, str) and bool(entry.strip())


def _line(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(tr("Line {n} is not JSON.", n=number)) from error


def _from_json(text: str, objects: bool) -> list[Any]:
    """A text (or object), a list of them, or {"inputs": […]} as /predict takes it."""
    if not text.strip():
        return []
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" ({error.lineno}:{error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(tr("This is not JSON{where}.", where=where)) from error
    if isinstance(value, dict) and ("inputs" in value or not objects):
        value = value.get("inputs")
    if isinstance(value, str) or (objects and isinstance(value, dict)):
        return [value]
    if not isinstance(value, list) and objects:
        raise InputError(tr('JSON must be an object, a list of objects, or {"inputs": […]}.'))
    if not isinstance(value, list):
        raise InputError(tr('JSON must be a text, a list of texts, or {"inputs": […]}.'))
    return value
