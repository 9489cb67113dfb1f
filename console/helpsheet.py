"""The `?` sheet: every shortcut of the page in front and of the shell, from the one action table."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout, QWidget

from console.actions import Actions, key_caps
from console.i18n import mark, tr
from console.widgets.chips import Kbd
from console.widgets.sheet import Sheet
from console.widgets.text import Text

TABLE_KEYS: tuple[tuple[str, str], ...] = (
    (mark("Tick row"), "Space"),
    (mark("Open row"), "Return"),
    (mark("Select all"), "Ctrl+A"),
    (mark("Copy as table"), "Ctrl+C"),
    (mark("Context menu"), "Shift+F10"),
    (mark("Clear ticks"), "Esc"),
)


class HelpSheet(Sheet):
    """Three groups in two columns."""

    def __init__(self, actions: Actions, page: str) -> None:
        super().__init__(tr("Keyboard shortcuts"), icon="keyboard")
        if actions.page():
            self._group(page, [(a.plain_text, actions.shortcut(a)) for a in actions.page()])
        self._group(tr("Everywhere"), [(a.plain_text, actions.shortcut(a)) for a in actions.shell()])
        self._group(tr("Lists and tables"), [(tr(text), key) for text, key in TABLE_KEYS])

    def _group(self, title: str, entries: list[tuple[str, str]]) -> None:
        self.add(Text(title, "panel-title"))
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 8)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        shown = [(text, key) for text, key in entries if key]
        half = (len(shown) + 1) // 2
        for index, (text, key) in enumerate(shown):
            left = 0 if index < half else 3
            grid.addWidget(Text(text, "body", "text-secondary", elide=True), index % half, left)
            grid.addWidget(Kbd(*key_caps(key)), index % half, left + 1)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(3, 1)
        grid.setColumnMinimumWidth(2, 16)
        self.add(holder)
