"""The power limit of a card: what it is, what the card takes, and what is needed where the driver does not let us."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSpinBox
from shiboken6 import isValid

from backend.contract.resources import GpuReading, PowerLimit
from console import operations, words
from console.asking import ask
from console.context import Context
from console.i18n import tr
from console.said import said
from console.widgets.buttons import Button
from console.widgets.form import FormField
from console.widgets.panel import row
from console.widgets.sheet import Sheet
from console.widgets.text import Text


def takes_limit(card: GpuReading) -> bool:
    """Whether the driver says that this card's limit can be set."""
    return card.power_limit_max_w is not None and card.lost is None


class PowerSheet(Sheet):
    """Asks the driver when it opens; sets the limit, and the toast brings the old one back."""

    def __init__(self, context: Context, card: GpuReading) -> None:
        name = f"GPU {card.index}"
        super().__init__(tr("Power limit of {name}", name=name), icon="zap", primary=tr("Set limit"))
        self._context, self._card = context, card.index
        self._known = PowerLimit()
        self.watts = QSpinBox()
        self.watts.setSuffix(" W")
        self.watts.setFixedWidth(120)
        self.watts.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.default = Button(tr("Default"), small=True)
        self.default.clicked.connect(self._on_default)
        self.field = FormField(tr("Limit"), row(self.watts, self.default, None))
        self.watts.setAccessibleName(tr("Power limit of {name}", name=name))
        self.change = Text("", "body", "text-secondary", wrap=True)
        self.needs = Text("", "body", "warn", wrap=True)
        self.command = Text("", "small", "text-secondary", mono=True, wrap=True)
        self.command.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy = Button(tr("Copy command"), icon="copy", small=True)
        self.copy.clicked.connect(lambda: context.copy(self.command.text()))
        self._build(card)
        self.first_focus = self.watts
        self.watts.valueChanged.connect(self._show_change)
        self.accepted.connect(self._on_accepted)
        self._set_ready(False)
        call = operations.read_power_limit(context.link, card.index)
        call.on_reply(self._show).on_refused(lambda error: self._put_problem(error.text))

    def _build(self, card: GpuReading) -> None:
        self.add(Text(card.name, "body", "text-secondary"))
        self.add(self.field)
        self.add(self.change)
        holds = tr(
            "A lower limit keeps the card cooler and slower under load. It holds until the driver is loaded again."
        )
        self.add(Text(holds, "small", "text-tertiary", wrap=True))
        self.add(self.needs)
        self.add(row(self.command, None, self.copy))
        self._show_needs("")
        self.change.setText(tr("Asking the driver…"))

    def _set_ready(self, ready: bool) -> None:
        for control in (self.watts, self.default, self.primary):
            if control is not None:
                control.setEnabled(ready)

    def _show(self, body: dict[str, Any]) -> None:
        if not isValid(self):
            return
        self._known = known = PowerLimit.model_validate(body)
        if known.min_w is None or known.max_w is None or known.limit_w is None:
            self._put_problem(tr("This card takes no power limit."))
            return
        self.watts.setRange(round(known.min_w), round(known.max_w))
        self.watts.setValue(round(known.limit_w))
        ends = tr("{low} to {high} W.", low=f"{known.min_w:.0f}", high=f"{known.max_w:.0f}")
        usual = "" if known.default_w is None else tr("It comes with {watts} W.", watts=f"{known.default_w:.0f}")
        self.field.set_hint(f"{ends} {usual}".strip())
        self._set_ready(True)
        self.default.setEnabled(known.default_w is not None)
        self._show_change()
        self._show_needs(known.needs)
        self.watts.setFocus()

    def _show_needs(self, text: str) -> None:
        """What this user lacks, and the command for somebody who does not."""
        self.needs.setText(said(text))
        for part in (self.needs, self.command, self.copy):
            part.setVisible(bool(text))
        self.refit()

    def _show_change(self, *_value: Any) -> None:
        before = words.DASH if self._known.limit_w is None else f"{self._known.limit_w:.0f} W"
        self.change.setText(f"{before} → {self.watts.value()} W")
        self.command.setText(f"{self._known.command} {self.watts.value()}")
        self.field.set_error("")

    def _put_problem(self, text: str) -> None:
        if isValid(self):
            self.change.setText(said(text))
            self.change.set_role("bad")
            self.refit()

    def _on_default(self) -> None:
        if self._known.default_w is not None:
            self.watts.setValue(round(self._known.default_w))

    def _on_accepted(self) -> None:
        context, card, before, watts = self._context, self._card, self._known.limit_w, self.watts.value()

        def put(value: float) -> None:
            ask(context, operations.set_power_limit(context.link, card, value))

        def done(_body: Any) -> None:
            undo = None if before is None else lambda: put(before)
            context.toast(
                tr("Power limit of {name}: {watts} W", name=f"GPU {card}", watts=watts), "", undo=undo,
                redo=lambda: put(watts),
            )  # fmt: skip
            self.close_sheet()

        call = operations.set_power_limit(context.link, card, float(watts))
        ask(context, call, self.primary).on_reply(done).on_refused(lambda error: self._refused(error.code, error.text))

    def _refused(self, code: str, text: str) -> None:
        """The sheet stays with what was typed, and says what would be needed."""
        if not isValid(self):
            return
        self.field.set_error(said(text))
        if code == "no_permission":
            self._show_needs(text)
