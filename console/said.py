"""Sentences the backend says, in the language of now."""

from __future__ import annotations

import re

from backend.contract.sentences import SENTENCES, translated
from console.i18n import tr, translator

__all__ = ["SENTENCES", "said", "said_each"]


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
