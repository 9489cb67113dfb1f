"""The inbox: groups, repetitions folded into one row, several chosen together; tabs, filter and statistics."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QVBoxLayout, QWidget

from backend.contract.resources import AlertRecord
from console import alert_words, words
from console.i18n import mark, tr
from console.pages.alerts import words as page_words
from console.state.store import AppState
from console.tables import Field
from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import IconButton
from console.widgets.controls import Segmented
from console.widgets.filterbox import FilterBox
from console.widgets.panel import row
from console.widgets.rows import ItemList, ListItem
from console.widgets.text import Text

WIDTH = 296
DAY = 86400
GROUPS = (("open", mark("Open")), ("acknowledged", mark("Acknowledged")), ("snoozed", mark("Snoozed")),
          ("resolved", mark("Resolved")))  # fmt: skip
TABS: dict[str, tuple[str, ...]] = {
    "active": ("open", "acknowledged", "snoozed"),
    "open": ("open",),
    "resolved": ("resolved",),
}
FIELDS = (
    Field("kind", "text", lambda a: a.kind, tuple(sorted(alert_words.ICONS))),
    Field("severity", "text", lambda a: a.severity, ("bad", "warn", "info")),
    Field("endpoint", "text", lambda a: a.endpoint or ""),
    Field("state", "text", lambda a: a.state, tuple(state for state, _ in GROUPS)),
    Field("since", "time", lambda a: a.opened_at),
)


@dataclass(frozen=True)
class Fold:
    """Alerts of one kind about one thing, newest first; `key` is the newest one's id."""

    group: str
    alerts: tuple[AlertRecord, ...]

    @property
    def key(self) -> str:
        return self.alerts[0].id


def fold(alerts: Sequence[AlertRecord]) -> list[Fold]:
    """Similar alerts of one state together, groups in their order, newest first."""
    found: dict[tuple[Any, ...], list[AlertRecord]] = {}
    for alert in sorted(alerts, key=lambda a: -a.opened_at):
        about = None if alert_words.is_drift(alert) or alert.kind == "run" else alert.feature
        kind = "drift" if alert_words.is_drift(alert) else alert.kind
        found.setdefault((alert.state, kind, alert.endpoint, about), []).append(alert)
    order = [state for state, _ in GROUPS]
    return sorted(
        (Fold(key[0], tuple(members)) for key, members in found.items() if key[0] in order),
        key=lambda one: order.index(one.group),
    )


class InboxList(ItemList):
    """An item list in which Ctrl+click, Shift+click and Space choose several alerts.

    Signals:
        picked_changed(): another set is chosen.
    """

    picked_changed = Signal()

    def __init__(self) -> None:
        super().__init__(tr("Alerts"))
        self._picked: list[str] = []
        self._counts: dict[str, int] = {}
        self.pickable: Callable[[str], bool] = lambda key: not key.startswith("drift/")

    @property
    def picked(self) -> list[str]:
        """Keys chosen together, in the order of choosing."""
        return list(self._picked)

    def set_counts(self, counts: dict[str, int]) -> None:
        """How many alerts a row stands for."""
        self._counts = counts

    def set_items(self, items: Sequence[ListItem]) -> None:
        super().set_items(items)
        keys = {item.key for item in items}
        self.set_picked([key for key in self._picked if key in keys])

    def set_picked(self, keys: Sequence[str]) -> None:
        if list(keys) != self._picked:
            self._picked = list(keys)
            self.viewport().update()
            self.picked_changed.emit()

    def toggle(self, key: str) -> None:
        """Take an alert into the choice, or out of it; the first one takes the current one along."""
        if not self.pickable(key):
            return
        picked = [one for one in self._picked if one != key]
        self.set_picked(picked if key in self._picked else [*self._picked, key])

    def mousePressEvent(self, event: QMouseEvent) -> None:
        key = self._at(event.position().y())
        several = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if key and several:
            if not self._picked and key != self.current and self.pickable(self.current):
                self.toggle(self.current)
            self.toggle(key)
        elif key and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._pick_span(key)
        elif key:
            self.set_picked(())
            super().mousePressEvent(event)

    def _pick_span(self, key: str) -> None:
        keys = [item.key for item in self.items()]
        ends = sorted((keys.index(key), keys.index(self.current) if self.current in keys else 0))
        self.set_picked([one for one in keys[ends[0] : ends[1] + 1] if self.pickable(one)])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and self.current:
            self.toggle(self.current)
        elif event.key() == Qt.Key.Key_Escape and self._picked:
            self.set_picked(())
        else:
            super().keyPressEvent(event)

    def _paint_item(self, painter: QPainter, rect: QRectF, item: ListItem) -> None:
        picked = item.key in self._picked
        if picked and item.key != self.current:
            paint.box(painter, rect, theme.radius("row"), theme.role("accent-soft"))
        super()._paint_item(painter, rect, item)
        if picked:
            ground = "selected" if item.key == self.current else "accent-soft"
            painter.fillRect(QRectF(rect.left() + 8, rect.top() + 10, 20, 20), theme.role(ground))
            box = QRectF(rect.left() + 10, rect.top() + 12, 16, 16)
            paint.check(painter, box, Qt.CheckState.Checked)
        count = self._counts.get(item.key, 1)
        if count > 1:
            self._paint_count(painter, rect, f"×{count}")

    def _paint_count(self, painter: QPainter, rect: QRectF, text: str) -> None:
        width = paint.tag_width(text)
        paint.tag(painter, QRectF(rect.right() - 10 - width, rect.top() + 31, width, 18), text)


class InboxPane(QWidget):
    """Title, tabs, filter, list, statistics. Signals: chosen(key), tab_changed(), filter_changed()."""

    tab_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(WIDTH)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 11, 10, 18)
        layout.setSpacing(7)
        self.rules = IconButton("sliders-horizontal", tr("Rules…"))
        layout.addWidget(row(Text(tr("Drift & alerts"), "page-title"), None, self.rules, margins=(10, 0, 0, 0)))
        self.tabs = Segmented([(key, "") for key in TABS], "active", name=tr("Alerts"))
        self.tabs.changed.connect(self._on_tab)
        layout.addWidget(self.tabs)
        self.filter = FilterBox(FIELDS, words=lambda a: f"{alert_words.title(a)} {a.title} {a.endpoint or ''} {a.text}",
                                placeholder=tr("Filter alerts"), name=tr("Filter alerts"))  # fmt: skip
        self.filter.changed.connect(self._on_filter)
        layout.addWidget(self.filter)
        self.list = InboxList()
        layout.addWidget(self.list, 1)
        self.none = Text("", "small", "text-tertiary", wrap=True)
        self.none.setContentsMargins(10, 0, 10, 0)
        layout.addWidget(self.none)
        self._facts = QVBoxLayout()
        self._facts.setContentsMargins(10, 0, 10, 0)
        self._facts.setSpacing(0)
        layout.addLayout(self._facts)
        self._said: tuple[str, str] = ("", "")
        self.wanted: Callable[[Any], bool] | None = None

    def _on_tab(self, _value: str) -> None:
        self.tab_changed.emit()

    def _on_filter(self, wanted: Callable[[Any], bool] | None) -> None:
        self.wanted = wanted
        self.tab_changed.emit()

    # ---- filling -------------------------------------------------------------------------------------------

    def show_state(self, state: AppState, current: str, now: float) -> list[ListItem]:
        """Everything the state knows; returns the rows."""
        alerts = list(state.alerts.values())
        self._show_tabs(alerts)
        shown = [a for a in alerts if a.state in TABS[self.tabs.value] and (self.wanted is None or self.wanted(a))]
        runs = {run.id: run.name for run in state.runs.values()}
        host = state.system.hostname if state.system else ""
        items, counts = self._rows(fold(shown), current, now, lambda a: alert_words.where(a, runs, host))
        if self.tabs.value == "active" and self.wanted is None:
            items += endpoint_rows(state)
        self.list.set_counts(counts)
        self.list.set_items(items)
        self.list.set_current(current)
        self._show_none(shown)
        self._show_facts(alerts, now)
        return items

    def _show_tabs(self, alerts: Sequence[AlertRecord]) -> None:
        names = {"active": tr("Active"), "open": tr("Open"), "resolved": tr("Resolved")}
        counts = {key: sum(a.state in states for a in alerts) for key, states in TABS.items()}
        self.tabs.set_choices([(key, f"{names[key]} {counts[key]}") for key in TABS], self.tabs.value)

    def _rows(
        self, folds: Sequence[Fold], current: str, now: float, where: Callable[[AlertRecord], str]
    ) -> tuple[list[ListItem], dict[str, int]]:
        """A fold that holds the current alert is unfolded; the others are one row with a count."""
        items: list[ListItem] = []
        counts: dict[str, int] = {}
        group = ""
        for one in folds:
            head = self._head(one, now) if one.group != group and one.group != "open" else ""
            group = one.group
            unfolded = any(alert.id == current for alert in one.alerts)
            for alert in one.alerts if unfolded else one.alerts[:1]:
                right = words.age(alert.resolved_at if alert.state == "resolved" else alert.opened_at, now)
                items.append(
                    ListItem(alert.id, alert_words.title(alert), where(alert), lead=alert_words.icon_of(alert),
                             small_right=right, head=head)
                )  # fmt: skip
                head = ""
            if not unfolded:
                counts[one.key] = len(one.alerts)
        return items, counts

    @staticmethod
    def _head(one: Fold, now: float) -> str:
        if one.group == "snoozed" and len(one.alerts) == 1:
            return tr("Snoozed until {time}", time=page_words.until(one.alerts[0].snoozed_until, now))
        return tr(dict(GROUPS)[one.group])

    def _show_none(self, shown: Sequence[AlertRecord]) -> None:
        text = ""
        if not shown and self.wanted is not None:
            text = tr("No alert matches {filter}.", filter=self.filter.text)
        elif not shown and self.tabs.value == "resolved":
            text = tr("Nothing was resolved yet.")
        elif not shown and self.tabs.value == "open":
            text = tr("Nothing is open.")
        self.none.setText(text)
        self.none.setVisible(bool(text))

    def _show_facts(self, alerts: Sequence[AlertRecord], now: float) -> None:
        resolved = sum(a.state == "resolved" and (a.resolved_at or 0) > now - 7 * DAY for a in alerts)
        waits = [a.acknowledged_at - a.opened_at for a in alerts if a.acknowledged_at]
        said = str(resolved), words.duration(statistics.median(waits)) if waits else words.DASH
        if said == self._said:
            return
        self._said = said
        while (item := self._facts.takeAt(0)) is not None:
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        for label, value in zip((tr("Resolved in 7 days"), tr("Median time to acknowledge")), said, strict=True):
            fact = row(Text(label, "small", "text-secondary"), None, Text(value, "small", "text", weight=600))
            fact.setFixedHeight(19)
            self._facts.addWidget(fact)


def endpoint_rows(state: AppState) -> list[ListItem]:
    """Every endpoint that is watched, with what its last check said."""
    items = []
    for index, endpoint in enumerate(state.endpoints.values()):
        report = state.drift.get(endpoint.name)
        icon = page_words.FEATURE_STATES[page_words.worst(report)]
        version = f"v{endpoint.live_version}" if endpoint.live_version else ""
        items.append(
            ListItem(f"drift/{endpoint.name}", endpoint.name, page_words.report_line(report), right=version, lead=icon,
                     head=tr("Watched endpoints") if not index else "")
        )  # fmt: skip
    return items
