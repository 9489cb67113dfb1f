"""Texts in English and Simplified Chinese: the English text is the key, catalogs are JSON files per language."""

from __future__ import annotations

import json
from pathlib import Path

from PySide6.QtCore import QLocale, QObject, Signal

RESOURCES = Path(__file__).resolve().parents[1] / "resources" / "i18n"
LANGUAGES = {"en": "English", "zh": "中文"}


def mark(text: str) -> str:
    """Mark a literal as to be translated later with `tr`; returns it unchanged. The catalog test collects these."""
    return text


class Translator(QObject):
    """Holds the language and its catalog.

    Signals:
        changed: the language changed; the window rebuilds its pages, lasting widgets set their texts again.
    """

    changed = Signal()

    def __init__(self, folder: Path = RESOURCES) -> None:
        super().__init__()
        self._folder = folder
        self._language = "en"
        self._catalog: dict[str, str] = {}

    @property
    def language(self) -> str:
        return self._language

    @property
    def chinese(self) -> bool:
        return self._language == "zh"

    def set_language(self, language: str) -> None:
        """`en`, `zh` or `system`; an unknown one raises ValueError."""
        if language == "system":
            language = "zh" if QLocale.system().language() == QLocale.Language.Chinese else "en"
        if language not in LANGUAGES:
            raise ValueError(f"language {language!r} is not one of {sorted(LANGUAGES)} or 'system'")
        if language == self._language:
            return
        self._catalog = load_catalog(language, self._folder)
        self._language = language
        self.changed.emit()

    def translate(self, text: str, **params: object) -> str:
        """`text` in the language of now with `{name}` places filled; a text without translation stays English.

        What follows `##` tells two meanings of one English text apart, and is never shown: `Run##playground`.
        """
        found = self._catalog.get(text) or text.partition("##")[0]
        return found.format(**params) if params else found

    def translate_n(self, count: int, one: str, many: str, **params: object) -> str:
        """The singular or plural text with `{n}` filled; Chinese has one form, found under `many`."""
        text = many if self.chinese or count != 1 else one
        return self.translate(text, n=f"{count:,}", **params)


def load_catalog(language: str, folder: Path = RESOURCES) -> dict[str, str]:
    """All entries of a language; two files that translate one text differently raise ValueError naming both."""
    merged: dict[str, str] = {}
    for path in sorted((folder / language).glob("*.json")):
        for key, value in json.loads(path.read_text(encoding="utf-8")).items():
            if merged.get(key, value) != value:
                raise ValueError(f"{path.name}: {key!r} is already translated otherwise: {merged[key]!r} and {value!r}")
            merged[key] = value
    return merged


translator = Translator()


def tr(text: str, **params: object) -> str:
    """The text in the language of now. Write literals only, with `{name}` places: `tr("{n} rows", n=3)`."""
    return translator.translate(text, **params)


def tr_n(count: int, one: str, many: str, **params: object) -> str:
    """Singular or plural: `tr_n(2, "{n} run", "{n} runs")`."""
    return translator.translate_n(count, one, many, **params)
