"""The whole log of a run: level filter, find, follow, copy; a failed run opens at its first error."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from backend.contract.resources import LogPage, RunRecord
from backend.contract.states import RunState
from console.context import Context
from console.i18n import tr, tr_n
from console.state.changes import Changes
from console.widgets.buttons import Button
from console.widgets.controls import Segmented, Toggle
from console.widgets.logview import LogView
from console.widgets.panel import Panel, row
from console.widgets.text import Text

LINES = 20_000
LEVELS = (("debug", "All"), ("info", "Info"), ("warning", "Warnings"), ("error", "Errors"))


class LogTab(QWidget):
    """Reads the newest lines when it is first shown, then follows the feed."""

    def __init__(self, context: Context, run: RunRecord) -> None:
        super().__init__()
        self._context, self._run = context, run
        self._read = False
        self._total = 0
        self.view = LogView(tr("Log of the run"))
        self._needle = QLineEdit()
        self._needle.setPlaceholderText(tr("Find"))
        self._needle.setClearButtonEnabled(True)
        self._needle.setFixedWidth(220)
        self._needle.returnPressed.connect(self._on_find)
        self._level = Segmented([(value, tr(text)) for value, text in LEVELS], "debug", name=tr("Level"))
        self._level.changed.connect(self.view.set_level)
        self._follow = Toggle(tr("Follow"), True)
        self._follow.toggled.connect(self.view.set_follow)
        self.view.follow_changed.connect(self._follow.setChecked)
        self._copy = Button(tr("Copy"), icon="copy")
        self._copy.clicked.connect(self._on_copy)
        self._count = Text("", "small", "text-tertiary")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(row(self._needle, self._level, self._count, None, self._follow, self._copy, gap=10))
        panel = Panel()
        panel.add(self.view, 1)
        layout.addWidget(panel, 1)

    def show_tab(self) -> None:
        """Read once."""
        if self._read:
            return
        self._read = True
        query = {"start": 0, "count": LINES}
        self._context.link.get(f"/runs/{self._run.id}/log", query).on_reply(self._on_read)

    def _on_read(self, body: dict[str, Any]) -> None:
        page = LogPage.model_validate(body)
        self.view.set_lines([(line.time or 0.0, line.level, line.text) for line in page.lines])
        self.view.set_empty_text(tr("Nothing was logged."))
        self._total = page.total
        self._show_count()
        failed = self._run.state in (RunState.FAILED, RunState.INTERRUPTED)
        self._follow.setChecked(not failed)
        self.view.set_follow(not failed)
        if failed:
            self.view.first_error()

    def take(self, changes: Changes, run: RunRecord) -> None:
        """Lines of the feed."""
        self._run = run
        if self._read and (lines := changes.log.get(run.id)):
            self.view.append([(line.time or 0.0, line.level, line.text) for line in lines])
            self._total += len(lines)
            self._show_count()

    def _show_count(self) -> None:
        self._count.setText(tr_n(self._total, "{n} line", "{n} lines"))

    def focus_find(self) -> None:
        """Ctrl+F."""
        self._needle.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _on_find(self) -> None:
        found = self.view.find_text(self._needle.text())
        self._count.setText("" if found else tr("“{needle}” is not in the log.", needle=self._needle.text()))

    def _on_copy(self) -> None:
        self._context.copy(self.view.text())
