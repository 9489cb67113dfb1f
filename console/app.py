"""Composition root of the console: one application, one window, one link; the backend is started beside it.

Order: application and theme → settings of the home → window on screen with what is known → link and loader → daemon.
Nothing here waits: the window is painted before anybody is asked anything.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, Signal, qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from PySide6.QtWidgets import QApplication

from backend import launch
from backend.paths import Home, default_home, runtime_folder
from console.garbage import Garbage
from console.i18n import tr
from console.link.link import Link
from console.link.loader import Loader
from console.notify import Notifier
from console.settings import Settings
from console.shell import Services
from console.state.changes import Changes
from console.state.store import AppState
from console.theme import theme
from console.widgets import spoken
from console.widgets.text import message_box
from console.widgets.toast import ToastAction
from console.window import Window

log = logging.getLogger(__name__)

GREETING_MS = 300


class BackendStarter(QObject):
    """Starts, or restarts, the daemon on a thread of its own; the only thread of the console.

    Signals:
        started: it answers. failed(str): why not.
    """

    started = Signal()
    failed = Signal(str)

    def __init__(self, home: Home, start: Callable[[Home], object], stop: Callable[[Home], object]) -> None:
        super().__init__()
        self._home, self._start, self._stop = home, start, stop
        self._thread: threading.Thread | None = None

    def start(self, *, restart: bool = False) -> bool:
        """Begin; a start already under way is left alone: False."""
        if self._thread is not None and self._thread.is_alive():
            return False
        self._thread = threading.Thread(target=self._work, args=(restart,), name="backend-starter", daemon=True)
        self._thread.start()
        return True

    def wait(self, timeout_s: float | None = None) -> None:
        """Until the start is over; for shutdown and tests."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _work(self, restart: bool) -> None:
        try:
            if restart:
                self._stop(self._home)
            self._start(self._home)
        except (launch.LaunchFailed, OSError) as error:
            self.failed.emit(str(error))
        else:
            self.started.emit()


class OneWindow(QObject):
    """Lets a second start of the same home raise the first one's window.

    Signals:
        raised: somebody started the console again.
    """

    raised = Signal()

    def __init__(self, home: Home) -> None:
        super().__init__()
        self._name = str(runtime_folder(home.root) / "console.sock")
        self._server: QLocalServer | None = None

    def another_answers(self) -> bool:
        """True when a window of this home runs and was told to come to the front."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if not socket.waitForConnected(GREETING_MS):
            return False
        socket.write(b"raise\n")
        socket.waitForBytesWritten(GREETING_MS)
        socket.disconnectFromServer()
        return True

    def listen(self) -> None:
        """Become the one; without a runtime folder (read-only machine) there simply is no second-start greeting."""
        Path(self._name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        QLocalServer.removeServer(self._name)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connection)
        if not self._server.listen(self._name):
            log.warning("no second-start greeting: %s", self._server.errorString())

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    def _on_connection(self) -> None:
        socket = self._server.nextPendingConnection() if self._server is not None else None
        if socket is not None:
            socket.disconnected.connect(socket.deleteLater)
            self.raised.emit()


class Console(QObject):
    """Everything that lives as long as the window."""

    def __init__(self, home: Home, *, start_backend: bool = True) -> None:
        super().__init__()
        self.home = home
        self.garbage = Garbage(self)
        self.settings = Settings(home.root / "console.json")
        self.state = AppState()
        self.link = Link(home, self)
        self.loader = Loader(self.link, self.state, self)
        self.starter = BackendStarter(home, launch.start, launch.stop)
        self._start_backend = start_backend
        services = Services(self._on_restart_asked, self.diagnostics, self._on_quit_asked, launch.VERSION)
        self.window = Window(self.link, self.state, self.settings, services)
        self.loader.changed.connect(self.window.on_changes)
        self.notifier = Notifier(self.window, self.state, self.settings, time.time, self._on_alert_chosen)
        self.loader.changed.connect(self.notifier.on_changes)
        self.starter.started.connect(self.link.retry_now)
        self.starter.failed.connect(self._on_start_failed)
        self._hook_before = sys.excepthook

    def _on_alert_chosen(self, alert_id: str) -> None:
        self.window.navigate(f"alert/{alert_id}")

    def open(self) -> None:
        """Show the window, then connect; the daemon is started when none answers."""
        self.window.open_start_page()
        self.window.show()
        sys.excepthook = self._on_exception
        self.link.start()
        if self._start_backend:
            self.starter.start()

    def close(self) -> None:
        """Let go of the link; training and serving go on."""
        sys.excepthook = self._hook_before
        self.link.close()
        self.window.close()
        self.starter.wait(5)
        self.garbage.close()

    def diagnostics(self) -> str:
        """What a bug report needs; nothing secret: no key, no data, no user name."""
        system = self.state.system
        lines = [
            f"Modeldeck {launch.VERSION}, backend {system.version if system else 'unknown'}",
            f"{platform.platform()}, Python {platform.python_version()}",
            f"Qt {qVersion()} on {QGuiApplication.platformName()}",
            f"theme {theme.name}, connected {self.state.online}, runs {len(self.state.runs)}",
        ]
        if system is not None:
            lines += [f"{name} {version}" for name, version in sorted(system.versions.items())]
            lines += list(system.notices)
        return "\n".join(lines)

    def _on_restart_asked(self) -> None:
        if not self.starter.start(restart=True):
            return
        self.window.toast(tr("Restarting the backend"), tr("Training and serving go on."), "info")
        self._show_restarting(True)

    def _show_restarting(self, under_way: bool) -> None:
        self.state.restarting = under_way
        self.window.on_changes(Changes(connection=True))

    def _on_start_again(self) -> None:
        if self.starter.start():
            self._show_restarting(True)

    def _on_start_failed(self, text: str) -> None:
        self._show_restarting(False)
        again = ToastAction(tr("Try again"), self._on_start_again, "refresh-cw")
        self.window.toast(tr("The backend did not start"), text, "bad", actions=(again,))

    def _on_quit_asked(self) -> None:
        app = QApplication.instance()
        if app is not None:
            app.quit()

    def _on_exception(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        # The edge of the process: a slot that fails is told and logged, the window lives on.
        text = "".join(traceback.format_exception(kind, error, trace))
        log.error("unhandled: %s", text)
        if issubclass(kind, KeyboardInterrupt):
            self._on_quit_asked()
            return
        copy = ToastAction(tr("Copy details"), lambda: QGuiApplication.clipboard().setText(text), "copy")
        self.window.toast(tr("Something in the window failed"), f"{kind.__name__}: {error}", "bad", actions=(copy,))


class FirstPaint(QObject):
    """Prints when the window has been painted for the first time, for tests/bench/bench_start.py."""

    def __init__(self, window: QObject) -> None:
        super().__init__(window)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            # Handled behind this paint and those of its children, yet before any timer.
            QCoreApplication.postEvent(self, QEvent(QEvent.Type.User), Qt.EventPriority.HighEventPriority.value)
        return False

    def customEvent(self, event: QEvent) -> None:  # noqa: ARG002
        print(f"window painted at {time.time():.4f} after {time.process_time():.4f} s of CPU", flush=True)


def make_application(argv: Sequence[str] = ()) -> QApplication:
    """The application with our fonts, style and names; the one that runs, when there is one."""
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = QApplication(["modeldeck", *argv])
    app.setApplicationName("Modeldeck")
    app.setApplicationVersion(launch.VERSION)
    app.setDesktopFileName("modeldeck")
    theme.install()
    spoken.install()
    app.setWindowIcon(theme.icon("layers", "accent"))
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Open the console; returns the exit status when its window is closed."""
    parser = argparse.ArgumentParser(prog="modeldeck")
    parser.add_argument("--home", type=Path, help="the home folder (default: MODELDECK_HOME or the user's data folder)")
    arguments = parser.parse_args(list(argv or []))
    home = Home((arguments.home or default_home()).expanduser().absolute())
    app = make_application()
    one = OneWindow(home)
    if one.another_answers():
        return 0
    try:
        home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        one.listen()
    except OSError as error:
        text = tr("The home folder cannot be used: {error}", error=error)
        message_box(None, "Modeldeck", text, tr("Choose another one with --home.")).exec()
        return 1
    console = Console(home)
    one.raised.connect(lambda: _to_front(console.window))
    if os.environ.get("MODELDECK_TRACE_START"):
        FirstPaint(console.window)
    console.open()
    status = app.exec()
    console.close()
    one.close()
    return int(status)


def _to_front(window: Any) -> None:
    window.showNormal() if window.isMinimized() else window.show()
    window.raise_()
    window.activateWindow()
