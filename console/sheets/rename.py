"""Rename: another name for a run; its id stays."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QLineEdit

from backend.contract.resources import RunRecord
from console import operations
from console.asking import ask
from console.context import Context
from console.i18n import tr
from console.widgets.form import FormField
from console.widgets.sheet import Sheet


class RenameSheet(Sheet):
    """Another name for a run; its id stays."""

    def __init__(self, context: Context, run: RunRecord) -> None:
        super().__init__(tr("Rename run"), icon="pencil", primary=tr("Rename"))
        self._context, self._run = context, run
        self._name = QLineEdit(run.name)
        self._name.selectAll()
        self.add(FormField(tr("Name"), self._name))
        self.first_focus = self._name
        self.accepted.connect(self._on_accepted)

    def _on_accepted(self) -> None:
        call = operations.change_run(self._context.link, self._run.id, name=self._name.text().strip())
        ask(self._context, call, self.primary).on_reply(self._on_reply)

    def _on_reply(self, _body: Any) -> None:
        self.close_sheet()
