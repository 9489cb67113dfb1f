"""The bell's popover: open alerts and jobs that ended, newest twenty, acknowledge inline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtWidgets import QWidget

from console import alert_words
from console.i18n import tr
from console.said import said
from console.widgets.buttons import Button
from console.widgets.chips import Icon
from console.widgets.panel import column, line, row
from console.widgets.popover import Popover
from console.widgets.text import Text
from console.words import age

MOST = 20
ENDED = {"completed": ("circle-check", "ok"), "failed": ("circle-x", "bad"), "interrupted": ("circle-alert", "warn")}


def entries(state: Any) -> list[tuple[float, str, Any]]:
    """(time, "alert" or "run", record), newest first."""
    found = [(a.opened_at, "alert", a) for a in state.open_alerts()]
    found += [(r.ended_at, "run", r) for r in state.runs.values() if r.ended_at and r.state in ENDED]
    found.sort(key=lambda entry: -entry[0])
    return found[:MOST]


class BellPopover(Popover):
    """Built afresh whenever it is opened."""

    def __init__(
        self, state: Any, now: float, navigate: Callable[[str], None], acknowledge: Callable[[str], object]
    ) -> None:
        super().__init__(400, tr("Alerts and finished jobs"))
        self._navigate, self._acknowledge, self._now = navigate, acknowledge, now
        found = entries(state)
        inbox = Button(tr("Open inbox"), "link", "arrow-right", icon_right=True)
        inbox.clicked.connect(lambda: self._go("alerts"))
        self.body.addWidget(row(Text(tr("Alerts and finished jobs"), "panel-title"), None, inbox))
        if not found:
            self.body.addWidget(Text(tr("Nothing is open and no job has ended yet."), "body", "text-tertiary"))
        for index, (time, kind, record) in enumerate(found[:8]):
            if index:
                self.body.addWidget(line())
            self.body.addWidget(self._entry(time, kind, record))
        if len(found) > 8:
            self.body.addWidget(Text(tr("{n} more in the inbox", n=len(found) - 8), "small", "text-tertiary"))

    def _entry(self, time: float, kind: str, record: Any) -> QWidget:
        if kind == "alert":
            icon, role = alert_words.icon_of(record)
            title, detail, link = alert_words.headline(record), alert_words.brief(record), f"alert/{record.id}"
        else:
            icon, role = ENDED[record.state]
            title, link = record.name, f"run/{record.id}"
            detail = said(record.cause) if record.cause else tr("Finished")
        name = Button(title, "link")
        name.clicked.connect(lambda: self._go(link))
        when = Text(age(time, self._now), "small", "text-tertiary")
        head = row(Icon(icon, role), name, None, when)
        below: list[QWidget | None] = [Text(detail, "small", "text-secondary", elide=True), None]
        if kind == "alert":
            button = Button(tr("Acknowledge"), small=True)
            button.clicked.connect(lambda: self._on_acknowledge(button, record.id))
            below.append(button)
        return column(head, row(*below, margins=(24, 0, 0, 0)), gap=2)

    def _on_acknowledge(self, button: Button, alert_id: str) -> None:
        button.set_busy(True)
        self._acknowledge(alert_id)
        button.set_busy(False)
        button.setEnabled(False)

    def _go(self, link: str) -> None:
        self.close()
        self._navigate(link)
