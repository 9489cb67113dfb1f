"""Sentences the backend says, in the language of now."""

from __future__ import annotations

import re

from backend.contract.sentences import SENTENCES, translated
from console.i18n import mark, tr, translator

__all__ = ["SENTENCES", "said", "said_each", "said_why"]


def said(text: str) -> str:
    """The sentence in the language of now; one that is not in the list stays as the backend wrote it."""
    return text if translator.language == "en" else translated(text, tr)


def said_each(text: str) -> str:
    """Several sentences in a row, each in the language of now."""
    if translator.language == "en":
        return text
    parts = re.split(r"(?<=\.) ", text)
    told = [said(part) if said(part) != part else said(part.rstrip(".")) for part in parts]
    if told == [part.rstrip(".") for part in parts]:
        return text
    return "".join(part if part.endswith("。") else f"{part}。" for part in told)


_UNDO = re.compile(r"undo of (promote|rollback|undo) to version (\d+): (.*)", re.DOTALL)
_UNDONE = {
    "promote": mark("Undo of the promotion of v{n}: {why}"),
    "rollback": mark("Undo of the roll back to v{n}: {why}"),
    "undo": mark("Undo of the undo that brought v{n} back: {why}"),
}


def said_why(reason: str) -> str:
    """A reason as it is read: what a person typed stays as typed, what the backend put before it is in the language of
    now."""
    found = _UNDO.fullmatch(reason)
    if found is None:
        return tr("Registered when it completed") if reason == "Registered when it completed" else reason
    return tr(_UNDONE[found[1]], n=found[2], why=said_why(found[3]))
