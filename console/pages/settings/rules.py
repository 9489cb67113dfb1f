"""Alert rules: on or off, limit, for how long, how severe; and the limits of drift."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from backend.contract.answers import readable_items
from backend.contract.resources import Rule
from console import operations
from console.asking import ask
from console.context import Context
from console.i18n import tr
from console.pages.settings.fields import DRIFT, BackendRow, Choice, Number, read_control, write_control
from console.pages.settings.notices import Notices
from console.pages.settings.parts import Category, Row, Section
from console.pages.settings.rule_sheet import RuleSheet
from console.pages.settings.rule_words import SEVERITIES, rule_form
from console.widgets.buttons import Button, IconButton
from console.widgets.controls import Toggle
from console.widgets.panel import row
from console.widgets.text import Text


class RuleRow(Row):
    """One rule; what is changed is asked of the backend and shown as it answers. Signals: removed(id): it is gone;
    with an empty id: it came back."""

    removed = Signal(str)

    def __init__(self, context: Context, rule: Rule) -> None:
        name, before, unit, self._scale, digits = rule_form(rule)
        self._context, self.rule = context, rule
        self.limit = Number(-1e9 if rule.own else 0, 1e9 if self._scale == 1 else 100, digits, unit)
        self.limit.setFixedWidth(104 if len(unit) < 5 else 124)
        self.seconds = Number(0, 86_400, 0, "s")
        self.seconds.setFixedWidth(88)
        self.severity = Choice([(value, tr(text)) for value, text in SEVERITIES])
        self.severity.setMinimumWidth(104)
        self.enabled = Toggle("")
        shown = rule.name or name
        for control, text in ((self.limit, tr("Limit")), (self.seconds, tr("For how long")),
                              (self.severity, tr("Severity")), (self.enabled, tr("On"))):  # fmt: skip
            control.setAccessibleName(f"{shown}: {text}")
        above, during = Text(before, "small", "text-tertiary"), Text(tr("for"), "small", "text-tertiary")
        self.remove = IconButton("trash-2", tr("Remove rule {name}", name=shown), small=True)
        self.remove.clicked.connect(self._on_remove)
        kept = self.remove.sizePolicy()
        kept.setRetainSizeWhenHidden(True)  # the columns of all rules line up
        self.remove.setSizePolicy(kept)
        self.remove.setVisible(rule.own)
        controls = row(above, self.limit, during, self.seconds, self.severity, 2, self.enabled, self.remove)
        hint = " · ".join(part for part in (name if rule.name else "", rule.endpoint) if part)
        super().__init__(shown, controls, hint, words=f"{rule.kind} {rule.metric} {rule.id} {rule.test}")
        for part in (above, self.limit):
            part.setVisible(rule.test != "forecast")
        self.show_rule(rule)
        self.limit.valueChanged.connect(lambda value: self._change("limit", round(value / self._scale, 6)))
        self.seconds.valueChanged.connect(lambda value: self._change("for_seconds", float(value)))
        self.severity.activated.connect(lambda _at: self._change("severity", read_control(self.severity)))
        self.enabled.toggled.connect(lambda on: self._change("enabled", on))

    def show_rule(self, rule: Rule) -> None:
        """Show what is stored."""
        self.rule = rule
        write_control(self.limit, rule.limit * self._scale)
        write_control(self.seconds, rule.for_seconds)
        write_control(self.severity, rule.severity)
        write_control(self.enabled, rule.enabled)
        for control in (self.limit, self.seconds, self.severity):
            control.setEnabled(rule.enabled)

    def set_reason(self, reason: str) -> None:
        """Why nothing can be changed now; empty when it can."""
        controls: tuple[QWidget, ...] = (self.limit, self.seconds, self.severity)
        for control in controls:
            control.setEnabled(not reason and self.rule.enabled)
        self.enabled.setEnabled(not reason)

    def _change(self, field: str, value: Any) -> None:
        before = getattr(self.rule, field)
        if value == before:
            return
        context, rule, name = self._context, self.rule, self.name

        def put(wanted: Any) -> None:
            call = operations.change_rule(context.link, rule.id, **{field: wanted})
            ask(context, call).on_reply(self._take)

        def done(body: Any) -> None:
            self._take(body)
            context.toast(
                tr("Rule changed: {name}", name=name), "", undo=partial(put, before), redo=partial(put, value)
            )

        call = operations.change_rule(context.link, rule.id, **{field: value})
        ask(context, call).on_reply(done).on_refused(lambda _error: self._put_back())

    def _on_remove(self) -> None:
        context, rule, name = self._context, self.rule, self.name
        again = rule.model_dump(mode="json", exclude={"id", "kind", "own"})

        def done(_body: Any) -> None:
            context.toast(
                tr("Rule removed: {name}", name=name), "",
                undo=lambda: ask(context, operations.add_rule(context.link, again)).on_reply(self._on_back),
            )  # fmt: skip
            if isValid(self):
                self.removed.emit(rule.id)

        ask(context, operations.remove_rule(context.link, rule.id)).on_reply(done)

    def _on_back(self, _body: Any) -> None:
        if isValid(self):
            self.removed.emit("")

    def _take(self, body: Any) -> None:
        if isValid(self):
            self.show_rule(Rule.model_validate(body))

    def _put_back(self) -> None:
        if isValid(self):
            self.show_rule(self.rule)


class AlertsCategory(Category):
    """Rules as the backend has them, and when drift opens an alert."""

    def __init__(self, context: Context) -> None:
        super().__init__("alerts", tr("Alerts"))
        self._context = context
        self.rules = self.add(Section(tr("An alert opens when")))
        self.new = Button(tr("Add rule…"), "ghost", "plus", small=True)
        self.new.clicked.connect(self._on_new)
        self.rules.add_action(self.new)
        self.notices = Notices(context)
        self.add(self.notices)
        self.drift = tuple(BackendRow(context, kept) for kept in DRIFT)
        self.add(Section(tr("Drift"), *self.drift))
        self._problem = Text("", "body", "bad", wrap=True)
        self._problem.setContentsMargins(14, 8, 14, 10)
        self._problem.hide()
        self.rules.add(self._problem)

    def read(self) -> None:
        """Ask for the rules."""
        if self._context.offline():
            return
        call = self._context.link.get("/rules")
        call.on_reply(self._show_rules).on_refused(lambda error: self._fail(error.text))

    def _fail(self, text: str) -> None:
        self._problem.setText(tr("The rules could not be read: {why}", why=text))
        self._problem.show()

    def _show_rules(self, body: dict[str, Any]) -> None:
        rules = readable_items(Rule, body)
        self._problem.hide()
        known = {each.rule.id: each for each in self.rules.rows if isinstance(each, RuleRow)}
        for rule_id in known.keys() - {rule.id for rule in rules}:
            self.rules.remove_row(known[rule_id])
        for rule in rules:
            if rule.id in known:
                known[rule.id].show_rule(rule)
            else:
                made = RuleRow(self._context, rule)
                made.removed.connect(self._on_removed)
                self.rules.add_row(made)
        self.refresh()

    def _on_new(self) -> None:
        self._context.open_sheet(RuleSheet(self._context, self._read_if_there))

    def _on_removed(self, _rule_id: str) -> None:
        self.read()

    def _read_if_there(self) -> None:
        if isValid(self):
            self.read()

    def refresh(self) -> None:
        """Controls follow the connection."""
        reason = tr("Backend does not answer.") if self._context.offline() else ""
        self.new.setEnabled(not reason)
        self.notices.refresh()
        for each in self.rules.rows:
            if isinstance(each, RuleRow):
                each.set_reason(reason)
        for value in self.drift:
            value.refresh()
