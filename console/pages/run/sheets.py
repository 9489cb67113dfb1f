"""Sheets of the run page: stop and note."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QButtonGroup, QLineEdit, QRadioButton

from backend.contract.resources import RunRecord
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


def _enable(sheet: Sheet, on: bool, reason: str) -> None:
    if sheet.primary is not None:
        sheet.primary.set_enabled(on, reason)
