"""The composition root: nothing waits, a second start raises the first window, failures are told."""

import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from backend.launch import LaunchFailed
from backend.paths import Home
from console import status
from console.app import BackendStarter, Console, OneWindow
from console.settings import LANGUAGE
from console.widgets.buttons import Button
from console.widgets.statusbar import Part


@pytest.fixture
def home(tmp_path: Path) -> Home:
    root = tmp_path / "home"
    root.mkdir(mode=0o700)
    return Home(root)


def test_the_backend_is_started_beside_the_window(qtbot: QtBot, home: Home) -> None:
    asked: list[tuple[Home, bool]] = []

    def start(wanted: Home) -> None:
        asked.append((wanted, threading.current_thread() is threading.main_thread()))

    starter = BackendStarter(home, start, lambda _home: None)
    with qtbot.waitSignal(starter.started):
        starter.start()
    assert asked == [(home, False)], "the window waits for nobody"
    starter.wait()


def test_a_start_that_fails_says_why(qtbot: QtBot, home: Home) -> None:
    def fail(_home: Home) -> None:
        raise LaunchFailed("The backend ended at once (exit 1).")

    starter = BackendStarter(home, fail, lambda _home: None)
    with qtbot.waitSignal(starter.failed) as told:
        starter.start()
    assert "exit 1" in told.args[0]
    starter.wait()


def test_restart_stops_first(qtbot: QtBot, home: Home) -> None:
    order: list[str] = []
    starter = BackendStarter(home, lambda _h: order.append("start"), lambda _h: order.append("stop"))
    with qtbot.waitSignal(starter.started):
        starter.start(restart=True)
    assert order == ["stop", "start"]
    starter.wait()


def test_a_second_start_raises_the_first(qtbot: QtBot, home: Home) -> None:
    first, second = OneWindow(home), OneWindow(home)
    assert not second.another_answers()
    first.listen()
    with qtbot.waitSignal(first.raised):
        assert second.another_answers()
    first.close()


def test_the_window_is_there_before_the_backend(qtbot: QtBot, home: Home) -> None:
    console = Console(home, start_backend=False)
    console.settings.set(LANGUAGE, "en")
    qtbot.addWidget(console.window)
    hook = sys.excepthook
    console.open()
    assert console.window.isVisible()
    assert not console.state.online
    console._on_start_failed("no <b>disk</b>")
    assert console.window.toasts.toasts[-1].kind == "bad"
    assert "Modeldeck" in console.diagnostics()
    console.close()
    assert sys.excepthook is hook
    assert (home.root / "console.json").exists()


def test_an_opened_window_starts_the_backend_and_tells_when_that_fails(
    qtbot: QtBot, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Home] = []

    def fail(wanted: Home) -> None:
        asked.append(wanted)
        raise LaunchFailed("The backend ended at once (exit 7).")

    monkeypatch.setattr("console.app.launch.start", fail)
    console = Console(home)
    qtbot.addWidget(console.window)
    console.open()
    qtbot.waitUntil(lambda: any("exit 7" in toast.accessibleName() for toast in console.window.toasts.toasts))
    assert asked == [home]
    console.close()


def test_a_slot_that_fails_is_told_and_the_window_lives_on(qtbot: QtBot, home: Home) -> None:
    console = Console(home, start_backend=False)
    qtbot.addWidget(console.window)
    error = RuntimeError("boom")
    console._on_exception(RuntimeError, error, error.__traceback__)
    assert "boom" in console.window.toasts.toasts[-1].accessibleName()
    console.close()


def _restart_button(console: Console) -> Button:
    category = console.window.stack.page().categories["backend"]
    found: Button = category.restart
    return found


def test_a_restart_looks_busy_until_the_backend_is_connected_again(qtbot: QtBot, home: Home) -> None:
    going = threading.Event()
    console = Console(home, start_backend=False)
    console.settings.set(LANGUAGE, "en")
    console.starter = BackendStarter(home, lambda _home: None, lambda _home: (going.wait(), None)[1])
    qtbot.addWidget(console.window)
    console.window.on_changes(console.state.connected())
    console.window.navigate("settings/backend")
    button = _restart_button(console)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert button.busy
    assert Part("text", "Restarting backend") in status.backend_parts(console.state, 1.0)
    told = len(console.window.toasts.toasts)
    console._on_restart_asked()  # from the palette, meanwhile
    assert len(console.window.toasts.toasts) == told
    console.window.on_changes(console.state.lost())
    shown = [button for button in console.window.banner.findChildren(Button) if button.isVisibleTo(console.window)]
    assert [button.busy for button in shown if button.text() == "Restart backend"] == [True]
    assert "Restarting the backend" in console.window.banner.message.text()
    going.set()
    console.starter.wait()
    assert button.busy  # it answers, and nothing was heard from it yet
    console.window.on_changes(console.state.connected())
    assert not button.busy
    assert console.window.banner.isHidden()
    console.close()


def test_a_restart_that_fails_is_no_longer_busy_and_can_be_tried_again(qtbot: QtBot, home: Home) -> None:
    def fail(_home: Home) -> None:
        raise LaunchFailed("The backend ended at once (exit 1).")

    console = Console(home, start_backend=False)
    console.starter = BackendStarter(home, fail, lambda _home: None)
    qtbot.addWidget(console.window)
    with qtbot.waitSignal(console.starter.failed):
        console._on_restart_asked()
        assert console.state.restarting
    console.starter.wait()
    console._on_start_failed("exit 1")
    assert not console.state.restarting
    with qtbot.waitSignal(console.starter.failed):
        console.window.toasts.toasts[-1].findChildren(Button)[0].click()
        assert console.state.restarting
    console.starter.wait()
    console.close()
