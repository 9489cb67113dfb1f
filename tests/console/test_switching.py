"""UI.md 13, item 13: theme and language switched on every page while it is shown; nothing stays behind."""

import re

import numpy as np
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


def surfaces() -> list[int]:
    """The colours of the theme's own surfaces, as pixels have them."""
    return sorted({QColor(theme.role(name)).rgb() for name in SURFACES})


def share_of(window: Window, colours: list[int]) -> float:
    """How much of the window has one of these colours."""
    image = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(image.constBits(), dtype=np.uint32)
    return float(np.isin(pixels, np.array(colours, dtype=np.uint32)).mean())


def test_no_colour_of_the_other_theme_is_left_on_any_page(window: Window) -> None:
    """From dark to light on one page, back on the next, by key."""
    for place in PLACES:
        window.navigate(place)
        settle()
        before = surfaces()
        assert (place, share_of(window, before) > 0.3) == (place, True)
        QTest.keyClick(window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
        settle()
        after = surfaces()
        assert not set(before) & set(after)
        assert (place, share_of(window, after) > 0.3, share_of(window, before) < 0.001) == (place, True, True)


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


def switch_language(window: Window) -> None:
    QTest.mouseClick(window.status.segment("language"), Qt.MouseButton.LeftButton)
    settle()


def test_no_text_of_the_other_language_is_left_or_cut_on_any_page(window: Window) -> None:
    catalog = {english: chinese for english, chinese in load_catalog("zh").items() if "{" not in english}
    words = {english for english, chinese in catalog.items() if chinese != english and re.search("[a-z]{2}", english)}
    left: list[str] = []
    for place in PLACES:
        window.navigate(place)
        settle()
        assert [text for text in shown_texts(window) if text in words], place
        switch_language(window)
        assert window.settings.get(LANGUAGE) == "zh"
        left += [f"{place}: {text}" for text in sorted({text for text in shown_texts(window) if text in words})]
        left += [f"{place}: {each}" for each in cut_texts(window)]
        switch_language(window)
    assert left == []
