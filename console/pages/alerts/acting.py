"""The actions and menus of the alert in front, or of an endpoint."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QMenu

from backend.contract.resources import AlertRecord, EndpointRecord
from console.actions import Action
from console.i18n import tr
from console.pages.alerts import words as page_words
from console.pages.alerts.doing import Doing
from console.pages.alerts.head import AlertHead
from console.pages.alerts.inbox import InboxPane
from console.theme import theme
from console.widgets.menus import add_entry
from console.widgets.page import Page

DRIFT = "drift/"


class AlertActions(Page):
    """Every action of what is in front; the page shows it."""

    doing: Doing
    pane: InboxPane
    head: AlertHead
    _key: str

    @property
    def alert(self) -> AlertRecord | None:
        """The alert in front; None for the overview of an endpoint."""
        return self.context.state.alerts.get(self._key)

    @property
    def endpoint(self) -> EndpointRecord | None:
        """The endpoint it is about."""
        alert = self.alert
        name = alert.endpoint if alert is not None else self._key.removeprefix(DRIFT)
        return self.context.state.endpoints.get(name or "")

    def target(self) -> str:
        return self._key.removeprefix(DRIFT)

    def _states(self) -> tuple[str, ...]:
        return {"active": page_words.ACTIVE, "open": ("open",), "resolved": ("resolved",)}[self.pane.tabs.value]

    # ---- actions -------------------------------------------------------------------------------------------

    def actions(self) -> list[Action]:  # type: ignore[override]
        rules = Action("alert.rules", tr("Rules…"), self._on_rules, "sliders-horizontal")
        if not self._key:
            return [rules]
        reasons = self.doing.reasons()
        found = [
            Action("alert.next", tr("Next alert"), partial(self.pane.list.step, 1), "", "", palette=False),
            Action("alert.before", tr("Previous alert"), partial(self.pane.list.step, -1), "", "", palette=False),
        ]
        for name, text, _kind, icon in self.doing.buttons():
            found.append(
                Action(f"alert.{name}", text, partial(self._on_wanted, name), icon, "",
                       reason=partial(_reason, reasons, name))
            )  # fmt: skip
        if self.alert is not None and self.alert.state != "resolved":
            found.append(Action("alert.resolve", tr("Resolve…"), self.doing.resolve, "check",
                                reason=partial(_reason, reasons, "resolve")))  # fmt: skip
        return [*found, rules]

    def _on_wanted(self, name: str) -> None:
        button, alert = self.head.buttons.get(name), self.alert
        if name == "snooze":
            self._on_snooze()
        elif name == "acknowledge" and alert is not None:
            self.doing.acknowledge([alert], button)
        elif name == "reopen" and alert is not None:
            self.doing.reopen([alert], button)
        elif name in ("restart", "continue"):
            (self.doing.restart if name == "restart" else self.doing.continue_run)(button)
        else:
            {"rollback": self.doing.roll_back, "retrain": self.doing.retrain, "open": self.doing.open}[name]()

    def snooze_menu(self) -> QMenu:
        """1 h, tomorrow 09:00, Monday 09:00."""
        menu = QMenu(self)
        alert = self.alert
        if alert is not None:
            for text, until in page_words.snooze_times(self.context.clock()):
                menu.addAction(text, partial(self.doing.snooze, alert, until, self.head.buttons.get("snooze")))
        return menu

    def _on_snooze(self) -> None:
        button = self.head.buttons.get("snooze", self.head.more)
        self.snooze_menu().exec(button.mapToGlobal(QPoint(0, button.height() + 4)))

    def _on_rules(self) -> None:
        self.context.navigate("settings/alerts")

    def fill_menu(self) -> QMenu:
        """Everything that can be done about what is in front."""
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for action in self.actions():
            if not action.palette:
                continue
            if action.id in ("alert.resolve", "alert.rules"):
                menu.addSeparator()
            add_entry(menu, action)
        kind = "alert" if self.alert is not None else "drift"
        link = f"modeldeck://{kind}/{self.target()}"
        menu.addAction(theme.icon("link", "text-secondary"), tr("Copy link"), partial(self.context.copy, link))
        return menu


def _reason(reasons: dict[str, str], name: str) -> str:
    return reasons.get(name, "")
