"""The Drift & alerts page: the inbox, and what is known of the alert in front."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QPoint
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QStackedWidget, QVBoxLayout, QWidget

from backend.contract.resources import AlertRecord, DriftReport, EndpointRecord
from console import alert_words, operations, words
from console.charts.events import ChartEvent
from console.context import Context
from console.i18n import mark, tr
from console.pages.alerts import words as page_words
from console.pages.alerts.acting import DRIFT, AlertActions
from console.pages.alerts.doing import Doing
from console.pages.alerts.drift import DriftView
from console.pages.alerts.head import AlertHead
from console.pages.alerts.inbox import InboxPane, fold
from console.pages.alerts.other import OtherView
from console.state.changes import Changes
from console.widgets.bulkbar import BulkBar
from console.widgets.buttons import Button, IconButton
from console.widgets.empty import EmptyState, Skeleton
from console.widgets.page import titled
from console.widgets.paint import StateLook
from console.widgets.popover import Popover
from console.widgets.text import Text

NARROW = 1130  # of the page: below, the inbox becomes a menu beside the title
REPORT_EVERY_S = 60.0
AGE_EVERY_S = 10.0
LOOKS: dict[str, tuple[StateLook, str]] = {
    "ok": (StateLook("", "circle-check", "ok", True), mark("OK")),
    "warn": (StateLook("", "triangle-alert", "warn", True), mark("Near the limit")),
    "bad": (StateLook("", "circle-x", "bad", True), mark("Above the limit")),
    "not_enough_data": (StateLook("", "circle-minus", "idle", True), mark("Not enough data")),
}


class AlertsPage(AlertActions):
    """`open_target(id of an alert, or name of an endpoint)`."""

    title = mark("Drift & alerts")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._key, self._by_hand = "", False
        self._aged = 0.0
        self.content.setContentsMargins(0, 0, 0, 0)
        self.doing = Doing(context)
        self.pane = InboxPane()
        self.head = AlertHead()
        self.switcher = IconButton("chevron-down", tr("Another alert"))
        self.drift, self.other = DriftView(), OtherView(context)
        self._views = QStackedWidget()
        self._views.addWidget(self.drift)
        self._views.addWidget(self.other)
        self._stack = QStackedWidget()
        self._skeleton = titled(tr(self.title), Skeleton(tr("Reading the alerts")))
        self._empty = titled(tr(self.title), self._build_empty())
        self._detail = self._build_detail()
        for widget in (self._skeleton, self._empty, self._detail):
            self._stack.addWidget(widget)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.pane)
        middle.addWidget(self._stack, 1)
        self.content.addLayout(middle)
        self._bulk_button = Button(tr("Acknowledge"), "primary", "check")
        self.bulk = BulkBar(self, (self._bulk_button,))
        self._connect()
        self.refresh(Changes(everything=True))

    def _build_detail(self) -> QWidget:
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(20, 0, 16, 14)
        layout.setSpacing(0)
        self.head.add_left(self.switcher)
        layout.addWidget(self.head)
        layout.addSpacing(6)
        layout.addWidget(self._views, 1)
        return holder

    def _build_empty(self) -> QWidget:
        endpoints = Button(tr("Endpoints"), "primary", "rocket")
        endpoints.clicked.connect(partial(self.context.navigate, "endpoints"))
        rules = Button(tr("Rules…"), icon="sliders-horizontal")
        rules.clicked.connect(self._on_rules)
        return EmptyState(
            "bell",
            tr("No alerts"),
            tr("Alerts about traffic, latency, disk, GPUs and failed runs come here. Every endpoint is watched."),
            (endpoints, rules),
        )  # fmt: skip

    def _connect(self) -> None:
        self.pane.list.chosen.connect(self._on_chosen)
        self.pane.list.menu_asked.connect(self._on_menu)
        self.pane.list.picked_changed.connect(self._on_picked)
        self.pane.tab_changed.connect(self._on_tab)
        self.pane.rules.clicked.connect(self._on_rules)
        self.head.wanted.connect(self._on_wanted)
        self.head.more.clicked.connect(self._on_more)
        self.switcher.clicked.connect(self._on_switch)
        self.drift.suggestion.why_wanted.connect(self._on_why)
        self.drift.table.chosen.connect(self._on_feature)
        self._bulk_button.clicked.connect(self._on_bulk)
        self.bulk.cleared.connect(partial(self.pane.list.set_picked, ()))

    # ---- what is in front ----------------------------------------------------------------------------------

    def open_target(self, target: str) -> None:
        state = self.context.state
        self._by_hand = True
        if target in state.alerts:
            self._key = target
            if state.alerts[target].state not in self._states():
                self.pane.tabs.set_value("resolved" if state.alerts[target].state == "resolved" else "active")
        elif target in state.endpoints:
            self._key = DRIFT + target
            self.pane.tabs.set_value("active")
        elif state.loaded:
            self.context.toast(tr("There is no alert {id}", id=target), kind="warn")
        self._show()

    def focus_filter(self) -> bool:
        self.pane.filter.line.setFocus()
        return self.pane.isVisible()

    def on_shown(self) -> None:
        self._show()

    def _choose_anew(self) -> None:
        """What nobody has chosen gives way to the first of the list: an alert that opened before one looks."""
        if not self._by_hand:
            self._key = ""

    def set_stale(self, since: float | None) -> None:  # noqa: ARG002
        self._show()

    # ---- following the state -------------------------------------------------------------------------------

    def refresh(self, changes: Changes) -> None:
        now = self.context.clock()
        alert = self.alert
        if (changes.connection or changes.everything) and not self.context.offline():
            self._read_again(now)  # also when it comes into view again: hidden, it heard of no check
        if changes.everything:
            self._choose_anew()
        if changes.drift and self.drift.endpoint in changes.drift:
            self._take_report()
        aged = now - self._aged >= AGE_EVERY_S
        if aged or self._concerns(changes, alert):
            self._show()
        if alert is not None and not alert_words.is_drift(alert) and (changes.telemetry or changes.windows):
            self.other.read_if_old(now)

    def _read_again(self, now: float) -> None:
        """The backend answers (again): what could not be read meanwhile."""
        if self.alert is None or alert_words.is_drift(self.alert):
            self._read_drift(self.drift.endpoint)
        else:
            self.other.read(now)

    def _concerns(self, changes: Changes, alert: AlertRecord | None) -> bool:
        """Figures of an endpoint's last minute are not shown here, so they alone are no reason."""
        if changes.everything or changes.connection or changes.alerts or changes.models or changes.datasets:
            return True
        run_changed = alert is not None and alert.run_id in changes.runs
        return bool(changes.audit or changes.drift or run_changed or changes.endpoints - set(self._known_endpoints()))

    def _known_endpoints(self) -> list[str]:
        return [item.key.removeprefix(DRIFT) for item in self.pane.list.items() if item.key.startswith(DRIFT)]

    def _show(self) -> None:
        state, now = self.context.state, self.context.clock()
        self._aged = now
        nothing = not state.alerts and not state.endpoints
        self.pane.setVisible(not nothing and (self.width() >= NARROW or not self.isVisible()))
        self.switcher.setVisible(not nothing and not self.pane.isVisibleTo(self))
        if nothing:
            self._key = ""
            self._stack.setCurrentWidget(self._empty if state.loaded else self._skeleton)
            return
        rows = self.pane.show_state(state, self._key, now)
        if self.alert is None and self.endpoint is None:
            first = next((row.key for row in rows), None) or next(iter(state.alerts), None)
            self._key = first or DRIFT + next(iter(state.endpoints))
            self.pane.show_state(state, self._key, now)
        self._stack.setCurrentWidget(self._detail)
        self._show_detail(now)
        self.context.actions_changed()

    def _show_detail(self, now: float) -> None:
        alert, endpoint = self.alert, self.endpoint
        self.doing.alert, self.doing.endpoint = alert, endpoint
        self._show_head(alert, endpoint, now)
        self.head.show_buttons(self.doing.buttons(), self.doing.reasons())
        self.head.more.setVisible(alert is not None)
        if alert is None or alert_words.is_drift(alert):
            self._show_drift(alert, endpoint, now)
            self._views.setCurrentWidget(self.drift)
        else:
            self.other.show_alert(alert, now)
            self._views.setCurrentWidget(self.other)

    def _show_head(self, alert: AlertRecord | None, endpoint: EndpointRecord | None, now: float) -> None:
        stale = self.context.state.stale_since
        old = f" · {tr('from {time}', time=words.clock(stale))}" if self.context.offline() and stale else ""
        if alert is None:
            report = self.context.state.drift.get(endpoint.name) if endpoint else None
            state = page_words.worst(report)
            where = _version(endpoint.model, endpoint.live_version) if endpoint else ""
            icon = page_words.FEATURE_STATES[state]
            self.head.show_title(icon, tr("Traffic of {endpoint}", endpoint=endpoint.name if endpoint else ""), where,
                                 page_words.overview_sentence(report) + old)  # fmt: skip
            self.head.show_state("", LOOKS[state][0], tr(LOOKS[state][1]))
            return
        where = _version(alert.model, alert.version) or alert_words.where(
            alert, {run.id: run.name for run in self.context.state.runs.values()}, self._host()
        )
        line = f"{alert_words.moved(alert)} {page_words.since(alert, now)}"
        self.head.show_title(alert_words.icon_of(alert), alert_words.title(alert), where, line + old)
        self.head.show_state(alert.state)

    def _host(self) -> str:
        return self.context.state.system.hostname if self.context.state.system else ""

    # ---- drift ---------------------------------------------------------------------------------------------

    def _show_drift(self, alert: AlertRecord | None, endpoint: EndpointRecord | None, now: float) -> None:
        name = alert.endpoint if alert is not None else endpoint.name if endpoint else ""
        turned = (alert.id if alert else "", name) != getattr(self, "_turned_to", None)
        if turned:
            self._turned_to = (alert.id if alert else "", name)
            if self.drift.show_endpoint(name or "", alert.feature if alert else None):
                self._read_drift(name or "")
        self.drift.set_alert(alert)
        self._take_report()
        self.drift.set_stale(self._is_old(self.drift.endpoint, now))
        title, detail = self.doing.suggestion()
        self.drift.show_suggestion(title, detail, why=self.doing.endpoint is not None)
        if alert is not None:
            self.drift.story.show_alert(alert, self.context.state.audit, now)
        else:
            self.drift.story.show_endpoint(name or "", self.context.state.alerts.values(), now)
        self.drift.set_events(self._events(name or "", endpoint))
        self._show_facts(now)

    def _show_facts(self, now: float) -> None:
        settings = self.context.state.settings
        check = settings.drift_check_seconds if settings else None
        self.drift.show_facts(self.endpoint, self.doing.version(), check, now)

    def _is_old(self, name: str, now: float) -> bool:
        """Nobody compares this traffic any more. A report that says the same is stored once a minute."""
        settings, report = self.context.state.settings, self.context.state.drift.get(name)
        period = max(REPORT_EVERY_S, settings.drift_check_seconds if settings else 0.0)
        checked = report.checked_at if report is not None else None
        return self.context.offline() or (checked is not None and now - checked > 3 * period)

    def _take_report(self) -> None:
        report = self.context.state.drift.get(self.drift.endpoint)
        if report is not None:
            self.drift.show_report(report)

    def _read_drift(self, name: str) -> None:
        if name in self.context.state.endpoints and not self.context.offline():
            call = operations.read_drift(self.context.link, name)
            call.on_reply(partial(self._on_drift, name))

    def _on_drift(self, name: str, body: dict[str, Any]) -> None:
        if name == self.drift.endpoint:
            self.drift.set_history(DriftReport.model_validate(body))
            self._show_facts(self.context.clock())

    def _events(self, endpoint: str, record: EndpointRecord | None) -> list[ChartEvent]:
        found = []
        for alert in self.context.state.alerts.values():
            if alert.endpoint == endpoint and alert_words.is_drift(alert):
                found.append(
                    ChartEvent(
                        alert.id,
                        "error" if alert.severity == "bad" else "alert",
                        tr("Alert opened"),
                        time=alert.opened_at,
                    )
                )
                if alert.resolved_at:
                    found.append(ChartEvent(f"{alert.id}-end", "good", tr("Alert resolved"), time=alert.resolved_at))
        if record is not None and record.serving_since:
            text = tr("v{n} went live", n=record.live_version)
            found.append(ChartEvent("live", "promote", text, time=record.serving_since))
        return sorted(found, key=lambda event: event.time or 0.0)

    def _on_feature(self, _feature: str) -> None:
        self._show_facts(self.context.clock())

    def _on_why(self) -> None:
        popover = Popover(380, tr("Why not roll back?"), self)
        popover.body.addWidget(Text(tr("Why not roll back?"), "panel-title"))
        popover.body.addWidget(Text(self.doing.why_not_roll_back(), "body", "text-secondary", wrap=True))
        popover.show_under(self.drift.suggestion.why)

    def _on_picked(self) -> None:
        picked = self.picked_alerts()
        self.bulk.show_count(len(picked))
        waiting = any(alert.state == "open" for alert in picked)
        reason = tr("Backend does not answer.") if self.context.offline() else tr("None of them is open.")
        self._bulk_button.set_enabled(waiting and not self.context.offline(), reason)

    def picked_alerts(self) -> list[AlertRecord]:
        """Every alert behind the rows chosen together."""
        keys = set(self.pane.list.picked)
        shown = [a for a in self.context.state.alerts.values() if a.state in self._states()]
        folds = [one for one in fold(shown) if keys & {alert.id for alert in one.alerts}]
        whole = [one for one in folds if not any(alert.id == self._key for alert in one.alerts)]
        found = [alert for one in whole for alert in one.alerts]
        return found + [a for one in folds if one not in whole for a in one.alerts if a.id in keys]

    def _on_bulk(self) -> None:
        self.doing.acknowledge(self.picked_alerts(), None)
        self.pane.list.set_picked(())

    # ---- list and menus ------------------------------------------------------------------------------------

    def _on_chosen(self, key: str) -> None:
        self._key, self._by_hand = key, True
        self._show()

    def _on_tab(self) -> None:
        items = self.pane.show_state(self.context.state, self._key, self.context.clock())
        if items and self._key not in {item.key for item in items}:
            self._key = items[0].key
        self._show()

    def _on_switch(self) -> None:
        menu = QMenu(self)
        for item in self.pane.list.items():
            if item.head:
                menu.addSection(item.head)
            menu.addAction(f"{item.title}  {item.subtitle}", partial(self._on_chosen, item.key))
        menu.exec(self.switcher.mapToGlobal(self.switcher.rect().bottomLeft()))

    def _on_menu(self, key: str, at: QPoint) -> None:
        if key != self._key:
            self._on_chosen(key)
        self.fill_menu().exec(at)

    def _on_more(self) -> None:
        menu, button = self.fill_menu(), self.head.more
        menu.exec(button.mapToGlobal(QPoint(button.width() - menu.sizeHint().width(), button.height() + 4)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wide = self.width() >= NARROW
        known = bool(self.context.state.alerts or self.context.state.endpoints)
        self.pane.setVisible(wide and known)
        self.switcher.setVisible(known and not wide)


def _version(model: str | None, version: int | None) -> str:
    return f"{model} v{version}" if model and version else model or ""
