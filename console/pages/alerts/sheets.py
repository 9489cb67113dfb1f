"""Resolve an alert by hand, with a reason."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QLineEdit

from backend.contract.resources import AlertRecord
from console import alert_words, operations
from console.asking import ask
from console.context import Context
from console.i18n import tr
from console.widgets.form import FormField
from console.widgets.sheet import Sheet
from console.widgets.text import Text

MOST_REASON = 4000
LEAST_REASON = 3


class ResolveSheet(Sheet):
    """The alert stays closed until its cause has been gone once; the reason is kept in the audit."""

    def __init__(self, context: Context, alert: AlertRecord) -> None:
        title = tr("Resolve {title}", title=alert_words.title(alert))
        super().__init__(title, icon="check", primary=tr("Resolve"))
        self._context, self._alert = context, alert
        self.add(Text(alert_words.moved(alert), "body", "text-secondary", wrap=True))
        self.reason = QLineEdit()
        self.reason.setMaxLength(MOST_REASON)
        self.reason.setPlaceholderText(tr("What was done, or why it does not matter"))
        self.reason.textChanged.connect(self._on_reason)
        self.add(FormField(tr("Reason"), self.reason, note=tr("required")))
        self.add(
            Text(tr("It does not open again before its cause has been gone."), "small", "text-tertiary", wrap=True)
        )
        self.first_focus = self.reason
        self.accepted.connect(self._on_accepted)
        self._on_reason("")

    def _on_reason(self, text: str) -> None:
        missing = len(text.strip()) < LEAST_REASON
        if self.primary is not None:
            self.primary.set_enabled(not missing, tr("Say why in a few words."))

    def _on_accepted(self) -> None:
        call = operations.resolve(self._context.link, self._alert.id, self.reason.text().strip())
        ask(self._context, call, self.primary).on_reply(self._on_reply)

    def _on_reply(self, _body: Any) -> None:
        self.close_sheet()
        self._context.toast(tr("Resolved"), alert_words.title(self._alert))
