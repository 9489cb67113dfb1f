"""Clicks as the window system brings them, so that the toolkit makes of them what it makes of a person's."""

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget


def right_click(widget: QWidget, at: QPoint | None = None) -> None:
    """Press and let go of the right button: the press asks for a context menu, the release must do nothing."""
    QApplication.processEvents()  # what was just made is laid out and shown
    handle = widget.window().windowHandle()
    if handle is None or not widget.isVisible():
        raise AssertionError(f"{widget} is not on the screen")
    place = widget.mapTo(widget.window(), at if at is not None else widget.rect().center())
    QTest.mouseClick(handle, Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier, place)
