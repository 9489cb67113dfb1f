"""Who is told of alerts and when: the desktop, sound, quiet hours, and one address on the network."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, QTime
from PySide6.QtWidgets import QLineEdit, QTimeEdit, QWidget
from shiboken6 import isValid

from console import operations
from console.asking import ask
from console.context import Context
from console.i18n import tr
from console.notify import can_notify
from console.pages.settings.fields import Choice, ConsoleRow, read_control, write_control
from console.pages.settings.parts import Row, Section
from console.pages.settings.rule_words import SEVERITIES
from console.settings import NOTIFY, NOTIFY_SOUND
from console.widgets.buttons import Button
from console.widgets.controls import Toggle
from console.widgets.panel import row
from console.widgets.text import Text

DEFAULT_QUIET = ("22:00", "07:00")


class Notices(Section):
    """Desktop and sound are kept by this window, quiet hours and the webhook by the backend."""

    def __init__(self, context: Context) -> None:
        desktop, sound = ConsoleRow(context, NOTIFY), ConsoleRow(context, NOTIFY_SOUND)
        quiet, webhook = QuietRow(context), WebhookRow(context)
        super().__init__(tr("Who is told"), desktop, sound, quiet, webhook)
        self.desktop, self.sound, self.quiet, self.webhook = desktop, sound, quiet, webhook
        if not can_notify():
            self.desktop.set_hint(tr("This desktop has no place for notifications; alerts stay in the window."))

    def refresh(self) -> None:
        """Bring everything up to what is stored."""
        for each in (self.desktop, self.sound, self.quiet, self.webhook):
            each.refresh()


class _Kept(Row):
    """Something of BackendSettings with more than one control."""

    def __init__(self, context: Context, name: str, control: QWidget, hint: str, words: str) -> None:
        super().__init__(name, control, hint, words=words)
        self._context = context

    def change(self, **values: Any) -> None:
        """Ask the backend; the toast brings the old values back."""
        context, settings = self._context, self._context.state.settings
        if settings is None:
            return
        before = {key: getattr(settings, key) for key in values}
        if before == values:
            return

        def put(body: Any) -> None:
            context.state.load("settings", body)
            if isValid(self):
                self.refresh()

        def undo() -> None:
            ask(context, operations.change_settings(context.link, **before)).on_reply(put)

        def done(body: Any) -> None:
            put(body)
            context.toast(tr("Changed: {name}", name=self.name), "", undo=undo)

        call = operations.change_settings(context.link, **values)
        ask(context, call).on_reply(done).on_refused(lambda _error: self.refresh() if isValid(self) else None)

    def refresh(self) -> None:
        """Show what is stored."""
        raise NotImplementedError


class QuietRow(_Kept):
    """On or off, from and to."""

    def __init__(self, context: Context) -> None:
        on, start, stop = Toggle(""), QTimeEdit(), QTimeEdit()
        for edit, name in ((start, tr("Quiet from")), (stop, tr("Quiet until"))):
            edit.setDisplayFormat("HH:mm")
            edit.setKeyboardTracking(False)
            edit.setAccessibleName(name)
            edit.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            edit.setAlignment(Qt.AlignmentFlag.AlignRight)
            edit.setFixedWidth(92)
        until = Text(tr("until"), "small", "text-tertiary")
        hint = tr("Alerts still open, but neither the desktop nor the webhook is told.")
        controls = row(start, until, stop, 2, on)
        super().__init__(context, tr("Quiet hours"), controls, hint, "quiet night silence")
        on.setAccessibleName(tr("Quiet hours"))
        self.on, self.start, self.stop = on, start, stop
        self.on.toggled.connect(self._on_changed)
        self.start.timeChanged.connect(self._on_changed)
        self.stop.timeChanged.connect(self._on_changed)

    def _on_changed(self, *_value: Any) -> None:
        if not self.on.isChecked():
            self.change(quiet_from="", quiet_to="")
            return
        start, stop = self.start.time().toString("HH:mm"), self.stop.time().toString("HH:mm")
        if start == stop:  # as it is after having been off
            start, stop = DEFAULT_QUIET
        self.change(quiet_from=start, quiet_to=stop)

    def refresh(self) -> None:
        settings = self._context.state.settings
        start, stop = (settings.quiet_from, settings.quiet_to) if settings else ("", "")
        on = bool(start and stop)
        for control, text in ((self.start, start), (self.stop, stop)):
            control.blockSignals(True)
            if not control.hasFocus() or not on:
                control.setTime(QTime.fromString(text or "00:00", "HH:mm"))
            control.setEnabled(on and not self._context.offline())
            control.blockSignals(False)
        write_control(self.on, on)
        self.on.setEnabled(settings is not None and not self._context.offline())


class WebhookRow(_Kept):
    """The address, from which severity on, and a test."""

    def __init__(self, context: Context) -> None:
        address, test = QLineEdit(), Button(tr("Send a test"), small=True)
        address.setPlaceholderText("https://…")
        address.setAccessibleName(tr("Webhook address"))
        address.setMaxLength(500)
        address.setMinimumWidth(220)
        severity = Choice([(value, tr(text)) for value, text in SEVERITIES])
        severity.setMinimumWidth(104)
        severity.setAccessibleName(tr("Webhook from severity"))
        hint = tr(
            "Off while empty. Alerts leave this machine only to this address: https, or http on this machine. "
            "Each is told at least once; tries of one alert carry the same Idempotency-Key."
        )
        controls = row(address, severity, test)
        super().__init__(context, tr("Webhook"), controls, hint, "webhook http url address network")
        self.address, self.severity, self.test = address, severity, test
        self.address.editingFinished.connect(self._on_address)
        self.severity.activated.connect(lambda _at: self.change(webhook_severity=read_control(self.severity)))
        self.test.clicked.connect(self._on_test)

    def _on_address(self) -> None:
        if self.address.isModified():
            self.address.setModified(False)
            self.change(webhook_url=self.address.text().strip())

    def _on_test(self) -> None:
        context = self._context
        call = operations.test_webhook(context.link)
        ask(context, call, self.test).on_reply(lambda _body: context.toast(tr("The webhook answered"), "", kind="ok"))

    def refresh(self) -> None:
        settings = self._context.state.settings
        usable = settings is not None and not self._context.offline()
        for control in (self.address, self.severity):
            control.setEnabled(usable)
        if settings is not None:
            if not self.address.isModified():
                self.address.setText(settings.webhook_url)
            write_control(self.severity, settings.webhook_severity)
        self.test.setEnabled(usable and bool(settings and settings.webhook_url))
