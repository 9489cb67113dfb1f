"""A real console window on a real daemon, offscreen: what bench_paint and bench_start share."""

import os
import time
from collections.abc import Callable

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

HEARTBEAT_MS = 5
"""What is not told by an event is looked at so often."""


def spin(predicate: Callable[[], object], timeout_s: float) -> None:
    """Run the event loop until it is true; SystemExit when the time is over."""
    app = QApplication.instance()
    end = time.monotonic() + timeout_s
    # The form of processEvents() with a time does not wait: it would take from the daemon the core that is measured.
    heartbeat = QTimer()
    heartbeat.start(HEARTBEAT_MS)
    while not predicate():
        if app is None or time.monotonic() > end:
            raise SystemExit(f"waited {timeout_s:g} s in vain")
        app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents | QEventLoop.ProcessEventsFlag.AllEvents)


def p(values: list[float], share: float) -> float:
    """The value below which `share` of them lie."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
