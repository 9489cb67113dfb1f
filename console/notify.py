"""Desktop notifications of serious alerts, through the tray where the desktop has one; elsewhere nothing happens.

Only alerts that opened after this window knew the others, only of severity "bad", never while the window is in front,
and never in the quiet hours.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

from backend.contract.resources import AlertRecord, BackendSettings
from backend.contract.states import Severity
from console import alert_words
from console.i18n import tr
from console.settings import NOTIFY, NOTIFY_SOUND, Settings
from console.state.changes import Changes

SHOWN_MS = 10_000
FRESH_S = 120.0
"""An alert heard of later than this after it opened is no news: the window was away."""


def can_notify() -> bool:
    """Whether this desktop shows messages of a tray icon."""
    return QSystemTrayIcon.isSystemTrayAvailable() and QSystemTrayIcon.supportsMessages()


def is_quiet(settings: BackendSettings | None, unix: float) -> bool:
    """Whether local time lies in the quiet hours, which may pass midnight."""
    if settings is None or not settings.quiet_from or not settings.quiet_to:
        return False
    now = datetime.datetime.fromtimestamp(unix).astimezone().strftime("%H:%M")
    start, stop = settings.quiet_from, settings.quiet_to
    if start == stop:
        return False
    return start <= now < stop if start < stop else now >= start or now < stop


class Notifier(QObject):
    """Told of every change; shows what is news. `open_alert(id)` follows a click."""

    def __init__(
        self, window: QWidget, state: Any, settings: Settings, clock: Callable[[], float],
        open_alert: Callable[[str], None],
    ) -> None:  # fmt: skip
        super().__init__(window)
        self._window, self._state, self._settings, self._clock = window, state, settings, clock
        self._open_alert = open_alert
        self._told: set[str] = set()
        self._last = ""
        self._tray: QSystemTrayIcon | None = None

    def on_changes(self, changes: Changes) -> None:
        """Look for news among the alerts that changed."""
        if changes.everything:
            self._told |= set(self._state.alerts)
        for alert_id in changes.alerts:
            alert = self._state.alerts.get(alert_id)
            if alert is not None and alert_id not in self._told:
                self._told.add(alert_id)
                if self.wants(alert):
                    self._show(alert)

    def wants(self, alert: AlertRecord) -> bool:
        """Whether somebody should be called to the window."""
        if alert.severity != Severity.BAD or alert.state != "open" or not self._settings.get(NOTIFY):
            return False
        now = self._clock()
        if is_quiet(self._state.settings, now) or now - alert.opened_at > FRESH_S:
            return False
        return not self._window.isActiveWindow()

    def _show(self, alert: AlertRecord) -> None:
        self._last = alert.id
        if self._settings.get(NOTIFY_SOUND):
            QApplication.beep()
        if not can_notify():
            return
        if self._tray is None:
            self._tray = QSystemTrayIcon(self._window.windowIcon(), self)
            self._tray.setToolTip("Modeldeck")
            self._tray.messageClicked.connect(self._on_clicked)
            self._tray.activated.connect(lambda _reason: self._raise())
        self._tray.show()
        text = alert_words.moved(alert) or tr("An alert was opened.")
        self._tray.showMessage(alert_words.headline(alert), text, QSystemTrayIcon.MessageIcon.Critical, SHOWN_MS)

    def _raise(self) -> None:
        self._window.showNormal() if self._window.isMinimized() else self._window.show()
        self._window.raise_()
        self._window.activateWindow()

    def _on_clicked(self) -> None:
        self._raise()
        if self._last:
            self._open_alert(self._last)
