"""A rule without code: what, which value and side, how long, how severe, what it would have done. For a new one, and
for one that is there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget
from shiboken6 import isValid

from backend.contract.resources import Rule, RulePreview
from console import operations
from console.asking import ask
from console.context import Context
from console.i18n import mark, tr
from console.pages.settings.fields import Choice, Number
from console.pages.settings.rule_preview import preview_words
from console.pages.settings.rule_words import METRICS, SEVERITIES, TESTS, rule_form
from console.widgets.controls import Segmented
from console.widgets.form import FormField
from console.widgets.panel import row
from console.widgets.sheet import Sheet
from console.widgets.text import Text

PREVIEW_AFTER_MS = 400
WHAT = (
    ("limit", mark("A value passes a limit")),
    ("stalled", mark("A run makes no step")),
    ("idle", mark("A GPU is idle while a run is running")),
    ("forecast", mark("The disk will be full before a run ends")),
)
SIDES = (("above", mark("above")), ("below", mark("below")))
DEFAULTS = {"stalled": (10.0, 300.0), "idle": (5.0, 600.0), "forecast": (0.0, 120.0)}
"""Limit and seconds a test begins with."""
STARTS = {
    "serve/latency_ms_p99": 500.0, "serve/errors_per_s": 0.1, "serve/rejected_per_s": 1.0, "gpu/*/temperature_c": 85.0,
    "gpu/*/memory_used_share": 95.0, "disk/used_share": 90.0, "memory/used_share": 90.0,
    "gpu/*/utilization_percent": 95.0, "gpu/*/power_w": 300.0, "cpu/utilization_percent": 95.0,
}  # fmt: skip
"""Limits as shown, to begin with."""


class RuleSheet(Sheet):
    """Makes a rule, or changes `rule`; `done()` is called when the backend has it."""

    def __init__(self, context: Context, done: Callable[[], None], rule: Rule | None = None) -> None:
        title, primary = (tr("Edit rule"), tr("Save")) if rule else (tr("Add a rule"), tr("Add rule"))
        super().__init__(title, icon="bell", icon_role="accent", primary=primary)
        self._context, self._done, self._rule, self._turn = context, done, rule, 0
        self.what = Choice([(value, tr(text)) for value, text in WHAT])
        self.value = QComboBox()
        self.value.setEditable(True)
        self.value.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.value.setMaxVisibleItems(16)
        for key, text in self._metrics():
            self.value.addItem(text, key)
        self.side = Segmented([(value, tr(text)) for value, text in SIDES], "above", name=tr("Side"))
        self.limit = Number(-1e9, 1e9, 4)
        self.seconds = Number(0, 86_400, 0, "s")
        self.seconds.setValue(60)
        self.severity = Segmented([(value, tr(text)) for value, text in SEVERITIES], "warn", name=tr("Severity"))
        self.name = QLineEdit()
        self.name.setMaxLength(120)
        self.preview = Text("", "small", "text-secondary", wrap=True)
        self._build()
        self._timer = QTimer(self, singleShot=True, interval=PREVIEW_AFTER_MS)
        self._timer.timeout.connect(self._ask_preview)
        self._connect()
        self._on_what()
        if rule is not None:
            self._fill(rule)
        self._start = self.asked()

    def _metrics(self) -> list[tuple[str, str]]:
        """The known values, then every metric the runs of now log."""
        found = {key: tr(name) for key, (name, *_rest) in METRICS.items()}
        for run in self._context.state.runs.values():
            for key in run.metrics:
                found.setdefault(key, key)
        return list(found.items())

    def _build(self) -> None:
        self.value_field = FormField(tr("Value"), self.value, hint=tr("Any metric; * stands for every card."))
        self.side_field = FormField(tr("Side"), self.side)
        self.limit_field = FormField(tr("Limit"), self.limit)
        self.add(FormField(tr("What"), self.what))
        self.add(self.value_field)
        seconds = FormField(tr("For how long"), self.seconds)
        self.add(row(self.side_field, self.limit_field, seconds, gap=12, top=True))
        severity_hint = tr("Serious ones also reach the desktop while the window is not in front.")
        self.add(FormField(tr("Severity"), self.severity, hint=severity_hint))
        self.add(FormField(tr("Name"), self.name, note=tr("optional")))
        self.add(self.preview)
        self.first_focus = self.what

    def _connect(self) -> None:
        self.what.currentIndexChanged.connect(self._on_what)
        self.value.currentTextChanged.connect(self._on_metric)
        self.side.changed.connect(self._later)
        self.limit.valueChanged.connect(self._later)
        self.seconds.valueChanged.connect(self._later)
        self.accepted.connect(self._on_accepted)

    def _fill(self, rule: Rule) -> None:
        """Show a rule that is there. What a rule tests stays; one that comes with the program keeps its value, too."""
        self.what.setCurrentIndex(self.what.findData(rule.test))
        place = self.value.findData(rule.metric)
        if place >= 0:
            self.value.setCurrentIndex(place)
        elif rule.test == "limit":
            self.value.setEditText(rule.metric)
        self.side.set_value("above" if rule.above else "below")
        self.limit.setValue(rule.limit * self._scale())
        self.seconds.setValue(rule.for_seconds)
        self.severity.set_value(rule.severity)
        self.name.setText(rule.name)
        self.what.setEnabled(False)
        for control in (self.value, self.side, self.name):
            control.setEnabled(rule.own)
        if not rule.own:
            self.set_note(tr("It comes with the program and keeps its value, side and name."))
        self.first_focus = self.value if rule.own and rule.test == "limit" else self.limit
        if rule.test == "forecast":
            self.first_focus = self.seconds

    # ---- the form --------------------------------------------------------------------------------------------------

    def _on_what(self) -> None:
        test = self.what.currentData()
        shown: tuple[tuple[QWidget, bool], ...] = (
            (self.value_field, test == "limit"),
            (self.side_field, test == "limit"),
            (self.limit_field, test != "forecast"),
        )
        for field, on in shown:
            field.setVisible(on)
        self.refit()
        if test in DEFAULTS:
            limit, seconds = DEFAULTS[test]
            self.limit.setSuffix(f" {tr(TESTS[test][2])}" if TESTS[test][2] else "")
            self.limit.setDecimals(TESTS[test][3])
            self.limit.setValue(limit)
            self.seconds.setValue(seconds)
            self._later()
        else:
            self._on_metric()

    def _on_metric(self, *_text: str) -> None:
        metric = self._metric()
        known = METRICS.get(metric)
        unit, digits = (known[1], known[3]) if known else ("", 4)
        self.limit.setSuffix(f" {unit}" if unit else "")
        self.limit.setDecimals(digits)
        if metric in STARTS:
            self.limit.setValue(STARTS[metric])
        self.value_field.set_error("")
        self._later()

    def _metric(self) -> str:
        place = self.value.findText(self.value.currentText())
        return str(self.value.itemData(place)) if place >= 0 else self.value.currentText().strip()

    def _scale(self) -> float:
        """Shown = stored × scale."""
        metric = self._metric()
        return METRICS[metric][2] if self.what.currentData() == "limit" and metric in METRICS else 1.0

    def asked(self) -> dict[str, Any]:
        """The rule as asked for."""
        test = self.what.currentData()
        metric, scale = self._metric() if test == "limit" else "", self._scale()
        return {
            "name": self.name.text().strip(), "test": test, "metric": metric, "above": self.side.value == "above",
            "limit": round(self.limit.value() / scale, 9), "for_seconds": self.seconds.value(),
            "severity": self.severity.value,
        }  # fmt: skip

    def changes(self) -> dict[str, Any]:
        """What differs from the rule the sheet was opened with; a limit shown rounded is not a change."""
        return {key: value for key, value in self.asked().items() if value != self._start[key]}

    def _whole(self) -> dict[str, Any]:
        """What the preview is asked about: the rule as it is with what was changed."""
        if self._rule is None:
            return self.asked()
        stored = self._rule.model_dump(mode="json", include={*self._start, "endpoint"})
        return {**stored, **self.changes()}

    # ---- the past --------------------------------------------------------------------------------------------------

    def _later(self, *_value: Any) -> None:
        self._turn += 1  # what is asked already speaks of another rule
        self.preview.setText(tr("Looking at the last 30 days…"))
        self._timer.start()

    def _ask_preview(self) -> None:
        body = self._whole()
        if body["test"] == "limit" and not body["metric"]:
            self.preview.setText(tr("Choose a value."))
            return
        turn = self._turn
        call = operations.preview_rule(self._context.link, body)
        call.on_reply(lambda reply: self._show_preview(turn, reply))
        call.on_refused(lambda error: self._put_preview(turn, error.text))

    def _show_preview(self, turn: int, body: dict[str, Any]) -> None:
        preview = RulePreview.model_validate(body)
        self._put_preview(turn, preview_words(preview, self._context.clock()))

    def _put_preview(self, turn: int, text: str) -> None:
        if turn == self._turn and isValid(self):
            self.preview.setText(text)
            self.refit()

    def _on_accepted(self) -> None:
        body = self.asked()
        if body["test"] == "limit" and not body["metric"]:
            self.value_field.set_error(tr("Choose a value."))
            return
        if self._rule is not None:
            self._save(self._rule)
            return
        ask(self._context, operations.add_rule(self._context.link, body), self.primary).on_reply(self._on_added)

    def _on_added(self, _body: Any) -> None:
        self.close_sheet()
        self._done()

    def _save(self, rule: Rule) -> None:
        """Ask for what was changed, and only for that; the toast brings it back."""
        context, changes, done = self._context, self.changes(), self._done
        if not changes:
            self.close_sheet()
            return
        before = {key: getattr(rule, key) for key in changes}
        name = changes.get("name") or rule.name or rule_form(rule)[0]

        def put(wanted: dict[str, Any]) -> None:
            ask(context, operations.change_rule(context.link, rule.id, **wanted)).on_reply(lambda _body: done())

        def saved(_body: Any) -> None:
            context.toast(
                tr("Rule changed: {name}", name=name), "", undo=partial(put, before), redo=partial(put, changes)
            )
            self.close_sheet()
            done()

        ask(context, operations.change_rule(context.link, rule.id, **changes), self.primary).on_reply(saved)
