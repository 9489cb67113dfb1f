"""Menus out of actions."""

from __future__ import annotations

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from console.actions import Action
from console.theme import theme
from console.widgets.text import tip_html


def add_entry(menu: QMenu, action: Action) -> QAction:
    """Add a page's action with its icon; greyed, with the reason as tooltip, when it cannot be used now."""
    entry = menu.addAction(theme.icon(action.icon, "text-secondary"), action.text)
    callback = action.callback
    if callable(callback):
        entry.triggered.connect(lambda *_: callback())
    reason = action.reason()
    entry.setEnabled(not reason)
    entry.setToolTip(tip_html(reason))
    return entry
