"""Texts in English and Simplified Chinese, for the screen and for pages the backend writes.

The English text is the key; catalogues are JSON files per language.
"""

import json
from functools import cache
from pathlib import Path

from backend.contract.sentences import mark, translated
from backend.paths import PROJECT

__all__ = ["CATALOGUES", "LANGUAGES", "Say", "load_catalog", "mark", "say_in"]

CATALOGUES = PROJECT / "resources" / "i18n"
LANGUAGES = {"en": "English", "zh": "中文"}


def load_catalog(language: str, folder: Path = CATALOGUES) -> dict[str, str]:
    """All entries of a language; two files that translate one text differently raise ValueError naming both."""
    merged: dict[str, str] = {}
    for path in sorted((folder / language).glob("*.json")):
        for key, value in json.loads(path.read_text(encoding="utf-8")).items():
            if merged.get(key, value) != value:
                raise ValueError(f"{path.name}: {key!r} is already translated otherwise: {merged[key]!r} and {value!r}")
            merged[key] = value
    return merged


class Say:
    """Writes texts in one language. Give it literals only, with `{name}` places: `say("{n} rows", n=3)`."""

    def __init__(self, language: str, catalog: dict[str, str]) -> None:
        self.language = language
        self._catalog = catalog

    def __call__(self, text: str, **places: object) -> str:
        """The text with its places filled; one without translation stays English.

        What follows `##` tells two meanings of one English text apart, and is never shown: `Run##playground`.
        """
        found = self._catalog.get(text) or text.partition("##")[0]
        return found.format(**places) if places else found

    def said(self, text: str) -> str:
        """A sentence the backend has said; one that is not in the list stays as it is."""
        return translated(text, self) if self._catalog else text


@cache
def say_in(language: str) -> Say:
    """The texts of a language; ValueError for an unknown one."""
    if language not in LANGUAGES:
        raise ValueError(f"language {language!r} is not one of {sorted(LANGUAGES)}")
    return Say(language, load_catalog(language))
