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
    inputs: list[str]
    versions: list[int | None]
    answers: dict[int | None, dict[str, Any]] = field(default_factory=dict)
    errors: dict[int | None, str] = field(default_factory=dict)
    explanations: dict[int, dict[str, Any]] = field(default_factory=dict)  # input → answer of /explain
    shown: int = 0


def read_inputs(mode: str, text: str) -> list[str]:
    """Texts to send. Raises InputError: empty, no JSON, not texts, too many."""
    if mode == "text":
        found: list[Any] = [text] if text.strip() else []
    elif mode == "file":
        found = [entry for entry in text.splitlines() if entry.strip()]
    else:
        found = _from_json(text)
    if not found:
        raise InputError(tr("Write something first."))
    wrong = next((i for i, entry in enumerate(found) if not isinstance(entry, str) or not entry.strip()), None)
    if wrong is not None:
        raise InputError(tr("Entry {n} is not a text.", n=wrong + 1))
    if len(found) > MOST_INPUTS:
        raise InputError(tr("{n} inputs are more than the {most} the playground sends at once.",
                            n=len(found), most=MOST_INPUTS))  # fmt: skip
    return found


def _from_json(text: str) -> list[Any]:
    """A text, a list of texts, or {"inputs": […]} as /predict takes it."""
    if not text.strip():
        return []
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" ({error.lineno}:{error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(tr("This is not JSON{where}.", where=where)) from error
    value = value.get("inputs") if isinstance(value, dict) else value
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise InputError(tr('JSON must be a text, a list of texts, or {"inputs": […]}.'))
    return value
