"""Finds what a person would see in the window and clicks or types it; what is not there is an error with its name."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QEventLoop, QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QPlainTextEdit, QWidget

Found = TypeVar("Found", bound=QWidget)
POLL_MS = 20


class NotFound(RuntimeError):
    """What the story looks for is not on the screen."""


class Waited(RuntimeError):
    """What the story waits for did not happen in time."""


def until(true: Callable[[], object], what: str, seconds: float = 60.0) -> float:
    """Let the window live until `true()`; returns the seconds it took, raises Waited naming `what`."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > seconds:
            raise Waited(f"{what} did not happen within {seconds:.0f} s")
        rest(POLL_MS)
    return time.monotonic() - began


def rest(milliseconds: int) -> None:
    """Let the window live for a moment."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


class Hand:
    """One hand over one window."""

    def __init__(self, window: QWidget) -> None:
        self.window = window

    def button(self, text: str, within: QWidget | None = None) -> QAbstractButton:
        """A visible button by its text or accessible name; a trailing … may be left out."""
        wanted = text.rstrip("…")
        for button in (within or self.window).findChildren(QAbstractButton):
            names = (button.text().replace("&", "").rstrip("…"), button.accessibleName().rstrip("…"))
            if button.isVisible() and wanted in names:
                return button
        raise NotFound(f"no button “{text}” is on the screen")

    def has_button(self, text: str) -> bool:
        """True when such a button is there and may be clicked."""
        try:
            return self.button(text).isEnabled()
        except NotFound:
            return False

    def click(self, target: str | QWidget, within: QWidget | None = None, at: QPoint | None = None) -> None:
        """Click a button by its text, or any widget."""
        widget = self.button(target, within) if isinstance(target, str) else target
        if not widget.isEnabled():
            raise NotFound(f"“{target}” is disabled: {widget.toolTip()}")
        QTest.mouseClick(
            widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at or widget.rect().center()
        )
        rest(30)

    def field(self, name: str, within: QWidget | None = None) -> QWidget:
        """A visible input by accessible name or object name."""
        kinds = (QLineEdit, QPlainTextEdit, QComboBox)
        for widget in (within or self.window).findChildren(QWidget):
            if (
                isinstance(widget, kinds)
                and widget.isVisible()
                and name in (widget.accessibleName(), widget.objectName())
            ):
                return widget
        raise NotFound(f"no field “{name}” is on the screen")

    def write(self, target: str | QWidget, text: str, within: QWidget | None = None) -> None:
        """Replace the text of a field, key by key."""
        widget = self.field(target, within) if isinstance(target, str) else target
        if isinstance(widget, QLineEdit | QPlainTextEdit):
            widget.setFocus()
            widget.selectAll()
        QTest.keyClicks(widget, text)
        rest(30)
