"""Loads the bundled faces once and builds QFonts from the type tokens."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtGui import QFont, QFontDatabase

from console.theme.tokens import RESOURCES, Tokens

FONT_FILES = (
    "Inter-Regular.otf",
    "Inter-Medium.otf",
    "Inter-SemiBold.otf",
    "JetBrainsMono-Regular.ttf",
    "JetBrainsMono-Medium.ttf",
    "NotoSansSC-Regular.otf",
    "NotoSansSC-Medium.otf",
)

_WEIGHTS = {400: QFont.Weight.Normal, 500: QFont.Weight.Medium, 600: QFont.Weight.DemiBold}


@lru_cache(maxsize=1)
def load_fonts() -> tuple[str, ...]:
    """Register every bundled face with Qt; returns the names of files that Qt refused (empty when all is well).

    Needs a QGuiApplication. Called once by `Theme.install`.
    """
    refused = []
    for name in FONT_FILES:
        if QFontDatabase.addApplicationFont(str(RESOURCES / "fonts" / name)) < 0:
            refused.append(name)
    return tuple(refused)


def build_font(tokens: Tokens, style: str, *, chinese: bool = False, weight: int | None = None) -> QFont:
    """The QFont of a type token such as `body` or `log`.

    In Chinese, weight 500 and 600 step down to 400 and 500: at 100 % a 500 Chinese face already looks like 600.
    """
    record = tokens.type(style)
    family = record.get("family", "ui")
    font = QFont()
    font.setFamilies(list(tokens.raw["font"][family]))
    font.setPixelSize(int(record["px"]))
    wanted = weight if weight is not None else int(record["weight"])
    if chinese:
        wanted = {600: 500, 500: 400}.get(wanted, wanted)
    font.setWeight(_WEIGHTS[wanted])
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    for feature in tokens.raw["font"]["features"][family]:
        off = feature.startswith("-")
        font.setFeature(QFont.Tag(feature.lstrip("-")), 0 if off else 1)
    return font
