"""From a worker's log line to the screen: a real daemon, a self-test run, the run page of a real window, offscreen.

Run: `python -m tests.bench.bench_paint [seconds] [steps a second]`. A point counts as painted when a chart that holds
it has been painted; both ends read the same clock, this machine's.
"""

import sys
import time
from typing import Any

from tests.bench.window import p, spin
from tests.helpers.home import RunningHome

LIMIT_MS = 200.0
KEY = "train/loss"


class Watcher:
    """When each step of one series was logged, came to the window and was first painted. Make it before the window."""

    def __init__(self) -> None:
        from console.charts.canvas import PlotCanvas

        self.logged: dict[int, float] = {}
        self.arrived: dict[int, float] = {}
        self.painted: dict[int, float] = {}
        self._upto: dict[int, int] = {}  # canvas → newest step of its picture
        show_picture, paint_event = PlotCanvas.show_picture, PlotCanvas.paintEvent

        def show(canvas: Any, picture: Any) -> None:
            show_picture(canvas, picture)
            if canvas.parent().reads(KEY):
                self._upto[id(canvas)] = max(self.arrived, default=-1)

        def paint(canvas: Any, event: Any) -> None:
            paint_event(canvas, event)
            self._on_painted(self._upto.get(id(canvas), -1))

        PlotCanvas.show_picture, PlotCanvas.paintEvent = show, paint  # type: ignore[method-assign]

    def on_changes(self, changes: Any) -> None:
        """Points of a batch; connect it behind the window's own slot, so that the page has them already."""
        now = time.time()
        for points in changes.points.values():
            for key, step, logged, *_ in points:
                if key == KEY:
                    self.logged[step], self.arrived[step] = logged, now

    def _on_painted(self, upto: int) -> None:
        now = time.time()
        for step in self.arrived.keys() - self.painted.keys():
            if step <= upto:
                self.painted[step] = now


def main(seconds: float, rate_hz: float) -> None:
    """Print where the time goes, and the ratio to the limit."""
    with RunningHome() as home:
        home.start()
        run_id = home.start_run(steps=10_000_000, rate_hz=rate_hz)["id"]
        home.wait_run(run_id, ("running",))
        watcher = Watcher()
        from console.app import Console, make_application

        app = make_application()
        console = Console(home.home, start_backend=False)
        try:
            console.loader.changed.connect(watcher.on_changes)
            console.window.resize(1440, 900)
            console.open()
            console.window.activateWindow()
            spin(lambda: run_id in console.state.runs, 30)
            console.window.navigate(f"run/{run_id}")
            spin(lambda: len(watcher.painted) > rate_hz, 60)
            first = max(watcher.painted)
            end = time.monotonic() + seconds
            spin(lambda: time.monotonic() > end, seconds + 10)
            seen = [step for step in watcher.painted if step > first]
        finally:
            console.close()
            app.processEvents()
    way = [(watcher.arrived[step] - watcher.logged[step]) * 1e3 for step in seen]
    whole = [(watcher.painted[step] - watcher.logged[step]) * 1e3 for step in seen]
    print(f"{len(seen)} points at {rate_hz:g} steps/s")
    print(f"  worker to window  p50 {p(way, 0.5):6.1f} ms, p95 {p(way, 0.95):6.1f} ms")
    print(f"  worker to paint   p50 {p(whole, 0.5):6.1f} ms, p95 {p(whole, 0.95):6.1f} ms")
    print(f"  ratio {p(whole, 0.95) / LIMIT_MS:.2f} (p95 to the limit of {LIMIT_MS:g} ms)")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 15.0, float(sys.argv[2]) if len(sys.argv) > 2 else 20.0)
