"""The `?` sheet: every shortcut of the page in front and of the shell, from the one action table."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout, QWidget

from console.actions import Actions
from console.i18n import mark, tr
from console.keys import CHART, PAGE_KEYS, WITH_CHARTS, key_caps, key_table
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

CHART_KEYS: tuple[tuple[str, str], ...] = (
    (mark("Move crosshair"), "Left"),
    (mark("Move crosshair by ten"), "Shift+Left"),
    (mark("Maximize chart, or back"), "Return"),
)
SHEET_KEYS: tuple[tuple[str, str], ...] = (
    (mark("Primary button"), "Ctrl+Return"),
    (mark("Close sheet"), "Esc"),
    (mark("Advanced settings"), "Alt+A"),
)
KEYS_WIDTH = 84  # three caps: the groups stand in the same columns


class HelpSheet(Sheet):
    """Groups in two columns: the page in front, everywhere, lists, charts where there are some, sheets."""

    def __init__(self, actions: Actions, page: str, key: str = "") -> None:
        super().__init__(tr("Keyboard shortcuts"), icon="keyboard")
        if actions.page():
            self._group(page, [(a.plain_text, actions.shortcut(a)) for a in actions.page()])
        self._group(tr("Everywhere"), [(a.plain_text, actions.shortcut(a)) for a in actions.shell()])
        self._fixed(tr("Lists and tables"), TABLE_KEYS)
        if key in WITH_CHARTS:
            offered = {action.id for action in actions.page()}
            bound = [(tr(k.text), key_table.of(k.id)) for k in PAGE_KEYS if k.page == CHART and k.id not in offered]
            self._group(tr("Charts"), [*((tr(text), caps) for text, caps in CHART_KEYS), *bound])
        self._fixed(tr("Sheets"), SHEET_KEYS)

    def _fixed(self, title: str, entries: tuple[tuple[str, str], ...]) -> None:
        self._group(title, [(tr(text), key) for text, key in entries])

    def _group(self, title: str, entries: list[tuple[str, str]]) -> None:
        shown = [(text, key) for text, key in entries if key]
        if not shown:
            return
        self.add(Text(title, "panel-title"))
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 8)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        half = (len(shown) + 1) // 2
        for index, (text, key) in enumerate(shown):
            left = 0 if index < half else 3
            grid.addWidget(Text(text, "body", "text-secondary", elide=True), index % half, left)
            grid.addWidget(Kbd(*key_caps(key)), index % half, left + 1)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(3, 1)
        grid.setColumnMinimumWidth(2, 16)
        for keys in (1, 4):
            grid.setColumnMinimumWidth(keys, KEYS_WIDTH)
        self.add(holder)
