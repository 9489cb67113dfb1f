"""UI.md 13, item 13: theme and language switched on every page while it is shown; nothing stays behind."""

import re

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from console.i18n import load_catalog
from console.settings import LANGUAGE, THEME, Settings
from console.theme import theme
from console.window import Window
from tests.helpers.fitting import cut_texts
from tests.helpers.full_house import PLACES, full_window

SURFACES = ("chrome", "canvas", "panel", "raised", "selected")


@pytest.fixture
def window(qtbot: QtBot, settings: Settings) -> Window:
    settings.set(LANGUAGE, "en")
    settings.set(THEME, "dark")
    made = full_window(settings)
    qtbot.addWidget(made)
    return made


def settle() -> None:
    for _ in range(6):
        QApplication.processEvents()


def surfaces() -> set[int]:
    """The colours of the theme's own surfaces, as pixels have them."""
    return {QColor(theme.role(name)).rgb() for name in SURFACES}


def share_of(window: Window, colours: set[int]) -> float:
    """How much of the window has one of these colours."""
    image = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = memoryview(image.constBits()).cast("I")
    known = [pixel for pixel in pixels[::7] if pixel in colours]
    return len(known) / max(len(pixels[::7]), 1)


@pytest.mark.parametrize("place", PLACES)
def test_no_colour_of_the_other_theme_is_left(window: Window, place: str) -> None:
    window.navigate(place)
    settle()
    dark = surfaces()
    assert share_of(window, dark) > 0.3
    QTest.keyClick(window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    settle()
    light = surfaces()
    assert not dark & light
    assert share_of(window, light) > 0.3
    assert share_of(window, dark) < 0.001
    QTest.keyClick(window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    settle()
    assert share_of(window, light) < 0.001


def shown_texts(window: QWidget) -> list[str]:
    """What stands on visible labels and buttons, and what they say to a screen reader."""
    found = []
    for widget in window.findChildren(QWidget):
        if not widget.isVisible():
            continue
        if isinstance(widget, QLabel | QAbstractButton):
            found.append(widget.text().replace("&", ""))
        found.append(widget.accessibleName())
    return [text for text in found if text]


@pytest.mark.parametrize("place", PLACES)
def test_no_text_of_the_other_language_is_left_or_cut(window: Window, place: str) -> None:
    window.navigate(place)
    settle()
    catalog = {english: chinese for english, chinese in load_catalog("zh").items() if "{" not in english}
    words = {english for english, chinese in catalog.items() if chinese != english and re.search("[a-z]{2}", english)}
    assert [text for text in shown_texts(window) if text in words], "the page has texts of its own"
    QTest.mouseClick(window.status.segment("language"), Qt.MouseButton.LeftButton)
    settle()
    assert window.settings.get(LANGUAGE) == "zh"
    left = sorted({text for text in shown_texts(window) if text in words})
    assert left == []
    assert cut_texts(window) == []
    QTest.mouseClick(window.status.segment("language"), Qt.MouseButton.LeftButton)
    settle()
    assert [text for text in shown_texts(window) if text in words]
