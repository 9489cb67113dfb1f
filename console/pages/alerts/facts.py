"""Facts beside the charts: what was compared, and what happened to an alert."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from backend.contract.resources import AlertRecord, AuditRecord
from console import alert_words, words
from console.i18n import mark, tr
from console.said import said, said_why
from console.widgets.panel import Panel
from console.widgets.rows import HistoryRow, KeyValue
from console.widgets.text import Text

ACTIONS: dict[str, tuple[str, str, str]] = {
    "alert_open": ("undo-2", "text-secondary", mark("Opened again")),
    "alert_acknowledged": ("check-check", "accent", mark("Acknowledged")),
    "alert_snoozed": ("alarm-clock", "text-secondary", mark("Snoozed")),
    "alert_resolved": ("check", "ok", mark("Resolved")),
}

Fact = tuple[str, str]


class FactsPanel(Panel):
    """Label and value, one a line; rebuilt only when one differs."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self._rows: list[KeyValue] = []
        self._shown: list[Fact] = []
        self.body.setSpacing(2)
        self.body.addStretch(1)

    def show_facts(self, facts: Sequence[Fact]) -> None:
        """Values change in place while the labels stay the same."""
        facts = list(facts)
        if facts == self._shown:
            return
        if [label for label, _ in facts] == [label for label, _ in self._shown]:
            for row, (_, value) in zip(self._rows, facts, strict=True):
                row.set_value(value)
        else:
            self._rebuild(facts)
        self._shown = facts

    def facts(self) -> dict[str, str]:
        """What is shown."""
        return dict(self._shown)

    def _rebuild(self, facts: Sequence[Fact]) -> None:
        for row in self._rows:
            row.hide()
            row.deleteLater()
        self._rows = [KeyValue(label, value) for label, value in facts]
        for index, row in enumerate(self._rows):
            self.body.insertWidget(index, row)


class StoryPanel(Panel):
    """What happened to the alert, newest first, by whom and why."""

    def __init__(self) -> None:
        super().__init__(tr("What happened"), flush=True)
        self._shown: tuple[tuple[str, ...], ...] = ()
        holder = QWidget()
        self._column = QVBoxLayout(holder)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._none = Text(tr("No drift alert was opened on this endpoint yet."), "small", "text-tertiary")
        self._none.setContentsMargins(14, 0, 14, 0)
        self.add(self._none)
        area = QScrollArea()
        area.setAccessibleName(tr("History"))
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(holder)
        area.viewport().setAutoFillBackground(False)
        holder.setAutoFillBackground(False)
        self.add(area, 1)

    def show_alert(self, alert: AlertRecord, audit: Iterable[AuditRecord], now: float) -> None:
        """Opened and resolved by the system come from the alert, the rest from the audit."""
        self._show(tr("What happened"), story(alert, audit, now))

    def show_endpoint(self, endpoint: str, alerts: Iterable[AlertRecord], now: float) -> None:
        """The drift alerts there were; a quiet endpoint says that there was none."""
        self._show(tr("Earlier drift"), earlier(endpoint, alerts, now))

    def _show(self, title: str, rows: tuple[tuple[str, ...], ...]) -> None:
        self.set_title(title)
        self._none.setVisible(not rows)
        if rows == self._shown:
            return
        self._shown = rows
        while (item := self._column.takeAt(0)) is not None:
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        for row in rows:
            self._column.addWidget(HistoryRow(*row))
        self._column.addStretch(1)


def earlier(endpoint: str, alerts: Iterable[AlertRecord], now: float) -> tuple[tuple[str, ...], ...]:
    """Every drift alert there was on an endpoint, newest first."""
    found = [alert for alert in alerts if alert.endpoint == endpoint and alert_words.is_drift(alert)]
    rows = []
    for alert in sorted(found, key=lambda one: -one.opened_at):
        icon, role = alert_words.icon_of(alert)
        lasted = words.duration((alert.resolved_at or now) - alert.opened_at)
        rows.append((icon, role, alert_words.feature_name(alert.feature or ""), alert_words.moved(alert), lasted,
                     words.moment(alert.opened_at, now)))  # fmt: skip
    return tuple(rows)


def story(alert: AlertRecord, audit: Iterable[AuditRecord], now: float) -> tuple[tuple[str, ...], ...]:
    """(icon, role, what, why, who, when), newest first."""
    found: list[tuple[float, tuple[str, ...]]] = []
    done = [entry for entry in audit if entry.object == f"alert/{alert.id}" and entry.action in ACTIONS]
    for entry in done:
        icon, role, text = ACTIONS[entry.action]
        found.append((entry.time, (icon, role, tr(text), said_why(entry.reason), entry.actor)))
    named = {entry.action for entry in done}
    if alert.acknowledged_at and "alert_acknowledged" not in named:
        found.append((alert.acknowledged_at, ("check-check", "accent", tr("Acknowledged"), alert.note,
                                              alert.acknowledged_by or "")))  # fmt: skip
    if alert.resolved_at and "alert_resolved" not in named:
        found.append((alert.resolved_at, ("check", "ok", tr("Resolved"), said(alert.note), tr("watch"))))
    role = alert_words.role_of(alert.severity)
    found.append((alert.opened_at, ("triangle-alert", role, tr("Opened"), "", tr("watch"))))
    found.sort(key=lambda one: -one[0])
    return tuple((*row, words.moment(at, now)) for at, row in found)
