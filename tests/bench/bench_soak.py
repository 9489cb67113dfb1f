"""A day in compressed time: a self-test run streams at a high rate into a real daemon and a real window, offscreen.

Run: `python -m tests.bench.bench_soak [minutes] [steps a second] [points a step]`. Memory of window and daemon,
objects, timers and files are looked at while it runs. A simulated hour is as many points as a training at 10 points/s
logs in an hour. Limits: slope ≤ 1 MB per simulated hour behind the warm-up, no kind of object that grows, no abort.
Samples of the telemetry are kept up to a limit, so a few sets may still come until it is reached.
"""

import gc
import sys
import time
from collections import Counter
from typing import Any

import numpy as np
import psutil

from tests.bench.window import spin
from tests.helpers.home import RunningHome

POINTS_AN_HOUR = 36_000
LIMIT_MB = 1.0
LOOK_S = 5.0
WARM_UP = 0.35
"""This part of the time is not counted: buffers fill to their limits, libraries load."""


class Look:
    """One look at both processes."""

    def __init__(self, window: psutil.Process, daemon: psutil.Process, points: int, app: Any) -> None:
        from PySide6.QtCore import QObject, QTimer

        self.points = points
        gc.collect()
        self.kinds = Counter(type(thing).__name__ for thing in gc.get_objects())
        self.window_mb, self.daemon_mb = (p.memory_info().rss / 1e6 for p in (window, daemon))
        self.files = daemon.num_fds()
        tops = app.topLevelWidgets()
        self.timers = sum(len(top.findChildren(QTimer)) for top in tops)
        self.objects = sum(len(top.findChildren(QObject)) for top in tops)


def slope(looks: list[Look], of: str) -> float:
    """Megabytes a simulated hour, by least squares."""
    hours = np.array([look.points / POINTS_AN_HOUR for look in looks])
    return float(np.polyfit(hours, [getattr(look, of) for look in looks], 1)[0])


def data_mb(console: Any) -> float:
    """What the page holds of the run on purpose: every live point of this sitting."""
    store = console.window.stack.page().charts.group.store
    held = (*store._series.values(), *store._details.values())
    return sum(32 * len(series) + sum(part.nbytes for part in _derived(series)) for series in held) / 1e6


def _derived(series: Any) -> list[Any]:
    """The smoothed curve beside the points."""
    return [part for _, parts, _ in series._smooth.values() for part in parts]


def watch(home: RunningHome, run_id: str, minutes: float) -> list[tuple[Look, float]]:
    from console.app import Console, make_application

    app = make_application()
    console = Console(home.home, start_backend=False)
    seen = 0

    def count(changes: Any) -> None:
        nonlocal seen
        seen += sum(len(points) for points in changes.points.values())

    looks = []
    try:
        console.loader.changed.connect(count)
        console.window.resize(1440, 900)
        console.open()
        console.window.activateWindow()
        spin(lambda: run_id in console.state.runs, 60)
        console.window.navigate(f"run/{run_id}")
        spin(lambda: seen > 0, 60)
        window, daemon = psutil.Process(), psutil.Process(home.backend.pid)
        end = time.monotonic() + minutes * 60
        while time.monotonic() < end:
            due = time.monotonic() + LOOK_S
            spin(lambda due=due: time.monotonic() > due, LOOK_S + 60)
            group = console.window.stack.page().charts.group
            group.set_crosshair(group.newest * 0.7)
            group.zoom(0.5) if len(looks) % 4 == 1 else group.reset()
            looks.append((Look(window, daemon, seen, app), data_mb(console)))
    finally:
        console.close()
        app.processEvents()
    return looks


def tell(found: list[tuple[Look, float]]) -> None:
    looks = [look for look, _ in found]
    steady = found[int(len(found) * WARM_UP) :]
    late = [look for look, _ in steady]
    for look, held in found[:: max(1, len(found) // 12)]:
        print(
            f"{look.points / POINTS_AN_HOUR:7.1f} h  window {look.window_mb:6.1f} MB (curves {held:5.1f})  "
            f"daemon {look.daemon_mb:6.1f} MB, {look.files} files  {look.timers} timers, {look.objects} Qt objects"
        )
    hours = (late[-1].points - late[0].points) / POINTS_AN_HOUR
    print(f"{looks[-1].points:,} points drawn; {hours:.1f} simulated hours behind the warm-up")
    for look, held in steady:
        look.window_mb -= held  # the curves themselves are kept on purpose, up to a limit
    for name, of in (("window without its curves", "window_mb"), ("daemon", "daemon_mb")):
        found_slope = slope(late, of)
        print(f"{name:28} {found_slope:+.3f} MB an hour, ratio to the limit {found_slope / LIMIT_MB:.2f}")
    grown = {
        kind: (late[0].kinds[kind], late[len(late) // 2].kinds[kind], count)
        for kind, count in late[-1].kinds.items()
        if late[0].kinds[kind] + 50 < late[len(late) // 2].kinds[kind] and late[len(late) // 2].kinds[kind] + 50 < count
    }
    print(f"growing kinds of objects: {grown or 'none'}")
    print(f"timers {late[0].timers} → {late[-1].timers}, Qt objects {late[0].objects} → {late[-1].objects}")


def main(minutes: float, rate_hz: float, points: int) -> None:
    with RunningHome() as home:
        home.start()
        run = home.start_run(steps=10_000_000, rate_hz=rate_hz, points_per_step=points)
        home.wait_run(run["id"], ("running",))
        found = watch(home, run["id"], minutes)
        home.ask("POST", f"/runs/{run['id']}/commands", {"command": "stop"})
    tell(found)


if __name__ == "__main__":
    given = sys.argv[1:] + ["3", "500", "20"][len(sys.argv) - 1 :]
    main(float(given[0]), float(given[1]), int(given[2]))
