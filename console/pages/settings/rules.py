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
    with an empty id: it came back. edited(rule): its sheet is wanted."""

    removed = Signal(str)
    edited = Signal(object)

    def __init__(self, context: Context, rule: Rule) -> None:
        self._context, self.rule, self._scale = context, rule, 1.0
        self.limit = Number(-1e9, 1e9, 4)
        self.seconds = Number(0, 86_400, 0, "s")
        self.seconds.setFixedWidth(88)
        self.severity = Choice([(value, tr(text)) for value, text in SEVERITIES])
        self.severity.setMinimumWidth(104)
        self.enabled = Toggle("")
        self._side, during = Text("", "small", "text-tertiary"), Text(tr("over"), "small", "text-tertiary")
        self.edit = IconButton("pencil", tr("Edit rule…"), small=True)
        self.remove = IconButton("trash-2", tr("Remove rule"), small=True)
        kept = self.remove.sizePolicy()
        kept.setRetainSizeWhenHidden(True)  # the columns of all rules line up
        self.remove.setSizePolicy(kept)
        self.remove.setVisible(rule.own)
        controls = row(
            self._side, self.limit, during, self.seconds, self.severity, 2, self.enabled, self.edit, self.remove
        )
        super().__init__("", controls, words=f"{rule.kind} {rule.id} {rule.test}")
        self.show_rule(rule)
        self._connect()

    def _connect(self) -> None:
        self.limit.valueChanged.connect(lambda value: self._change("limit", round(value / self._scale, 6)))
        self.seconds.valueChanged.connect(lambda value: self._change("for_seconds", float(value)))
        self.severity.activated.connect(lambda _at: self._change("severity", read_control(self.severity)))
        self.enabled.toggled.connect(lambda on: self._change("enabled", on))
        self.edit.clicked.connect(lambda: self.edited.emit(self.rule))
        self.remove.clicked.connect(self._on_remove)

    def show_rule(self, rule: Rule) -> None:
        """Show what is stored."""
        self.rule = rule
        self._show_form(rule)
        write_control(self.limit, rule.limit * self._scale)
        write_control(self.seconds, rule.for_seconds)
        write_control(self.severity, rule.severity)
        write_control(self.enabled, rule.enabled)
        for control in (self.limit, self.seconds, self.severity):
            control.setEnabled(rule.enabled)

    def _show_form(self, rule: Rule) -> None:
        """Name, side and unit: another metric has others."""
        name, side, unit, self._scale, digits = rule_form(rule)
        shown = rule.name or name
        self.rename(shown, f"{rule.metric} {name}")
        self.set_hint(" · ".join(part for part in (name if rule.name else "", rule.endpoint) if part))
        self.limit.blockSignals(True)
        self.limit.setDecimals(digits)
        self.limit.setRange(-1e9 if rule.own else 0, 1e9 if self._scale == 1 else 100)
        self.limit.setSuffix(f" {unit}" if unit else "")
        self.limit.setFixedWidth(104 if len(unit) < 4 else 124)
        self.limit.blockSignals(False)
        self._side.setText(side)
        for part in (self._side, self.limit):
            part.setVisible(rule.test != "forecast")
        for control, text in ((self.limit, tr("Limit")), (self.seconds, tr("For how long")),
                              (self.severity, tr("Severity")), (self.enabled, tr("On"))):  # fmt: skip
            control.setAccessibleName(f"{shown}: {text}")
        self.edit.setAccessibleName(tr("Edit rule {name}", name=shown))
        self.remove.setAccessibleName(tr("Remove rule {name}", name=shown))

    def set_reason(self, reason: str) -> None:
        """Why nothing can be changed now; empty when it can."""
        controls: tuple[QWidget, ...] = (self.limit, self.seconds, self.severity)
        for control in controls:
            control.setEnabled(not reason and self.rule.enabled)
        for button in (self.enabled, self.edit, self.remove):
            button.setEnabled(not reason)

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
                made.edited.connect(self._on_edited)
                self.rules.add_row(made)
        self.refresh()

    def _on_new(self) -> None:
        self._context.open_sheet(RuleSheet(self._context, self._read_if_there))

    def _on_edited(self, rule: Rule) -> None:
        self._context.open_sheet(RuleSheet(self._context, self._read_if_there, rule))

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
