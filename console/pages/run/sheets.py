"""Sheets of the run page: stop, note and fork."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtWidgets import QButtonGroup, QLineEdit, QRadioButton

from backend.contract.resources import CheckpointRecord, RunRecord
from console import operations, words
from console.asking import ask
from console.context import Context
from console.i18n import tr
from console.widgets.form import FormField
from console.widgets.sheet import Sheet


class StopSheet(Sheet):
    """Save a checkpoint and stop (default), or stop now and lose the steps since the last one."""

    def __init__(self, context: Context, run: RunRecord, checkpoint_step: int | None) -> None:
        super().__init__(tr("Stop {name}", name=run.name), icon="square", icon_role="bad", primary=tr("Stop run"))
        self._context, self._run = context, run
        lost = run.step - (checkpoint_step or 0)
        self._save = QRadioButton(tr("Save checkpoint and stop"))
        self._now = QRadioButton(tr("Stop now, loses {n} steps since the last checkpoint", n=words.count(lost)))
        self._group = QButtonGroup(self)
        for button in (self._save, self._now):
            self._group.addButton(button)
            self.add(button)
        self._save.setChecked(True)
        self.first_focus = self._save
        self.set_note(tr("A stopped run can be resumed from its newest checkpoint."))
        self.accepted.connect(self._on_accepted)

    def _on_accepted(self) -> None:
        call = operations.stop_run(self._context.link, self._run.id, save=self._save.isChecked())
        ask(self._context, call, self.primary).on_reply(self._on_reply)

    def _on_reply(self, _body: Any) -> None:
        self.close_sheet()


class NoteSheet(Sheet):
    """A note at a step of the chart."""

    def __init__(self, context: Context, run: RunRecord, step: int | None) -> None:
        title = tr("Note at step {n}", n=words.count(step)) if step is not None else tr("Note")
        super().__init__(title, icon="message-square", primary=tr("Add note"))
        self._context, self._run, self._step = context, run, step
        self._text = QLineEdit()
        self._text.setMaxLength(4000)
        self._text.textChanged.connect(self._on_text)
        self.add(FormField(tr("Text"), self._text))
        self.first_focus = self._text
        self.accepted.connect(self._on_accepted)
        self._on_text("")

    def _on_text(self, text: str) -> None:
        _enable(self, bool(text.strip()), tr("Write something first."))

    def _on_accepted(self) -> None:
        call = operations.add_note(self._context.link, self._run.id, self._text.text().strip(), self._step)
        ask(self._context, call, self.primary).on_reply(self._on_reply)

    def _on_reply(self, _body: Any) -> None:
        self.close_sheet()


class ForkSheet(Sheet):
    """A new run from a checkpoint of this one, under another name and with another learning rate."""

    def __init__(self, context: Context, run: RunRecord, checkpoint: CheckpointRecord) -> None:
        super().__init__(
            tr("Fork {name} at step {n}", name=run.name, n=words.count(checkpoint.step)), icon="git-fork",
            primary=tr("Start fork"),
        )  # fmt: skip
        self._context, self._run, self._checkpoint = context, run, checkpoint
        self._name = QLineEdit(tr("{name} from {n}", name=run.name, n=checkpoint.step))
        self._name.setMaxLength(200)
        self.add(FormField(tr("Name"), self._name))
        self._rate: QLineEdit | None = None
        rate = run.settings.get("learning_rate")
        if isinstance(rate, int | float):
            self._rate = QLineEdit(f"{rate:g}")
            half = tr("{value} so far; half of it is {half}", value=f"{rate:g}", half=f"{rate / 2:g}")
            self._rate_field = FormField(tr("Learning rate"), self._rate, hint=half)
            self._rate.textChanged.connect(self._on_rate)
            self.add(self._rate_field)
        self.first_focus = self._rate or self._name
        self.set_note(tr("Data, base model and every other setting stay. This run goes on as it is."))
        self.accepted.connect(self._on_accepted)

    def _on_rate(self, text: str) -> None:
        rate = _number(text)
        wrong = "" if rate is not None and 0 < rate <= 1 else tr("A number above 0, at most 1")
        self._rate_field.set_error(wrong)
        _enable(self, not wrong, wrong)

    def _on_accepted(self) -> None:
        settings: dict[str, Any] = {}
        if self._rate is not None and _number(self._rate.text()) != self._run.settings.get("learning_rate"):
            settings["learning_rate"] = _number(self._rate.text())
        name = self._name.text().strip() or None
        call = operations.fork_run(self._context.link, self._run.id, self._checkpoint.name, settings, name=name)
        ask(self._context, call, self.primary).on_reply(self._on_reply)

    def _on_reply(self, body: dict[str, Any]) -> None:
        self.close_sheet()
        self._context.navigate(f"run/{body['id']}")


def _number(text: str) -> float | None:
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _enable(sheet: Sheet, on: bool, reason: str) -> None:
    if sheet.primary is not None:
        sheet.primary.set_enabled(on, reason)
