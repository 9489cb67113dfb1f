"""Desktop notifications: only news, only serious, only while the window is elsewhere, never in the quiet hours."""

import datetime
from typing import Any

import pytest
from PySide6.QtWidgets import QSystemTrayIcon, QWidget
from pytestqt.qtbot import QtBot

from backend.contract.resources import AlertRecord, BackendSettings
from console import notify
from console.notify import Notifier, can_notify, is_quiet
from console.settings import NOTIFY, NOTIFY_SOUND, Settings
from console.state.changes import Changes
from console.state.store import AppState

NOW = 1_000_000.0


class Window(QWidget):
    """A window that is in front or not, as the test says."""

    in_front = False

    def isActiveWindow(self) -> bool:
        return self.in_front


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the tray was asked to show."""
    kept: list[tuple[str, str]] = []
    monkeypatch.setattr(notify, "can_notify", lambda: True)
    monkeypatch.setattr(QSystemTrayIcon, "show", lambda _self: None)
    monkeypatch.setattr(QSystemTrayIcon, "showMessage", lambda _self, title, text, *_rest: kept.append((title, text)))
    return kept


@pytest.fixture
def window(qtbot: QtBot) -> Window:
    made = Window()
    qtbot.addWidget(made)
    return made


def notifier(window: Window, settings: Settings, **more: Any) -> tuple[Notifier, AppState]:
    state = AppState(now=lambda: NOW)
    state.settings = BackendSettings(**more)
    return Notifier(window, state, settings, lambda: NOW, lambda _id: None), state


def alert(alert_id: str, **fields: Any) -> AlertRecord:
    known = {"kind": "gpu", "severity": "bad", "title": "GPU 1 stopped answering", "text": "Xid 79", "opened_at": NOW}
    return AlertRecord(id=alert_id, **{**known, **fields})


def tell(made: Notifier, state: AppState, record: AlertRecord) -> None:
    state.alerts[record.id] = record
    made.on_changes(Changes(alerts={record.id}))


def test_a_serious_alert_is_shown_once(window: Window, settings: Settings, shown: list[Any]) -> None:
    made, state = notifier(window, settings)
    tell(made, state, alert("a"))
    tell(made, state, alert("a", count=2))
    assert shown == [("GPU 1 stopped answering", "Xid 79")]


@pytest.mark.parametrize("fields", [{"severity": "warn"}, {"state": "acknowledged"}, {"opened_at": NOW - 600}])
def test_what_is_no_news_is_not_shown(
    window: Window, settings: Settings, shown: list[Any], fields: dict[str, Any]
) -> None:
    made, state = notifier(window, settings)
    tell(made, state, alert("a", **fields))
    assert shown == []


def test_nobody_is_called_who_looks_already_or_wants_quiet(
    window: Window, settings: Settings, shown: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, state = notifier(window, settings)
    window.in_front = True
    tell(made, state, alert("a"))
    window.in_front = False
    settings.set(NOTIFY, False)
    tell(made, state, alert("b"))
    settings.set(NOTIFY, True)
    monkeypatch.setattr(notify, "is_quiet", lambda *_: True)
    tell(made, state, alert("c"))
    assert shown == []


def test_what_was_there_before_the_window_is_no_news(window: Window, settings: Settings, shown: list[Any]) -> None:
    made, state = notifier(window, settings)
    state.alerts["a"] = alert("a")
    made.on_changes(Changes(everything=True, alerts={"a"}))
    tell(made, state, alert("a"))
    assert shown == []


def test_sound_is_off_until_it_is_wanted(
    window: Window, settings: Settings, shown: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    beeps: list[int] = []
    monkeypatch.setattr(notify.QApplication, "beep", lambda: beeps.append(1))
    made, state = notifier(window, settings)
    tell(made, state, alert("a"))
    assert beeps == []
    settings.set(NOTIFY_SOUND, True)
    tell(made, state, alert("b"))
    assert (beeps, len(shown)) == ([1], 2)


def test_without_a_tray_nothing_happens(window: Window, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "can_notify", lambda: False)
    made, state = notifier(window, settings)
    tell(made, state, alert("a"))
    assert made._tray is None
    assert isinstance(can_notify(), bool)


def test_quiet_hours_may_pass_midnight() -> None:

    def at(hour: int) -> float:
        return datetime.datetime(2026, 11, 20, hour).astimezone().timestamp()

    night = BackendSettings(quiet_from="22:00", quiet_to="07:00")
    assert [is_quiet(night, at(hour)) for hour in (21, 22, 3, 7)] == [False, True, True, False]
    assert not is_quiet(BackendSettings(), at(3))
    assert not is_quiet(None, at(3))
