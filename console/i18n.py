"""Texts in English and Simplified Chinese: the English text is the key, catalogs are JSON files per language."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QLocale, QObject, Signal

from backend.contract.texts import CATALOGUES, LANGUAGES, Say, load_catalog, mark

__all__ = ["LANGUAGES", "Translator", "load_catalog", "mark", "tr", "tr_n", "translator"]


class Translator(QObject):
    """Holds the language and its catalog.

    Signals:
        changed: the language changed; the window rebuilds its pages, lasting widgets set their texts again.
    """

    changed = Signal()

    def __init__(self, folder: Path = CATALOGUES) -> None:
        super().__init__()
        self._folder = folder
        self._say = Say("en", {})

    @property
    def language(self) -> str:
        return self._say.language

    @property
    def chinese(self) -> bool:
        return self._say.language == "zh"

    def set_language(self, language: str) -> None:
        """`en`, `zh` or `system`; an unknown one raises ValueError."""
        if language == "system":
            language = "zh" if QLocale.system().language() == QLocale.Language.Chinese else "en"
        if language not in LANGUAGES:
            raise ValueError(f"language {language!r} is not one of {sorted(LANGUAGES)} or 'system'")
        if language == self._say.language:
            return
        self._say = Say(language, load_catalog(language, self._folder))
        self.changed.emit()

    def translate(self, text: str, **params: object) -> str:
        """`text` in the language of now with `{name}` places filled."""
        return self._say(text, **params)

    def translate_n(self, count: int, one: str, many: str, **params: object) -> str:
        """The singular or plural text with `{n}` filled; Chinese has one form, found under `many`."""
        text = many if self.chinese or count != 1 else one
        return self.translate(text, n=f"{count:,}", **params)


translator = Translator()


def tr(text: str, **params: object) -> str:
    """The text in the language of now. Write literals only, with `{name}` places: `tr("{n} rows", n=3)`."""
    return translator.translate(text, **params)


def tr_n(count: int, one: str, many: str, **params: object) -> str:
    """Singular or plural: `tr_n(2, "{n} run", "{n} runs")`."""
    return translator.translate_n(count, one, many, **params)
