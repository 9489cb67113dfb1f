"""Shift+F10 asks for the context menu of what has the focus; only Windows makes that of it by itself."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent, QKeyEvent
from PySide6.QtWidgets import QApplication, QWidget


def asked_for_menu(window: QWidget, event: QKeyEvent) -> bool:
    """Take a key press that nobody wanted: True when it was this one, and whoever has the focus in `window` was asked
    as by the menu key."""
    shift = event.modifiers() == Qt.KeyboardModifier.ShiftModifier
    focused = window.focusWidget()
    if not shift or event.key() != Qt.Key.Key_F10 or focused is None:
        return False
    at = focused.rect().center()
    QApplication.sendEvent(
        focused, QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, at, focused.mapToGlobal(at), event.modifiers())
    )
    return True
