"""A run of ten million points (10 series × 1 million): opened and zoomed into, through the store alone, the daemon, and
the page of a real window: `python -m tests.bench.bench_long [million steps]`.

Limits: first full picture 0.5 s, any window 50 ms. Process CPU time stands beside wall time: the machine may be busy.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil

from backend.client import Client
from backend.clock import SystemClock
from backend.contract.packed import MEDIA_TYPE, unpack
from backend.contract.resources import RunRecord
from backend.store import open_store
from tests.bench.window import p, spin
from tests.helpers.home import RunningHome
from tests.helpers.points import fill

KEYS = (
    "train/loss", "train/grad_norm", "train/learning_rate", "train/samples_per_s", "train/tokens_per_s",
    "train/data_wait_s", "train/copy_s", "train/forward_s", "train/backward_s", "train/optimizer_s",
)  # fmt: skip
OPEN_S, ZOOM_MS = 0.5, 50.0
POINTS = 2400
EVENT_ACCUMULATOR_POINTS_PER_S = 300_000 / 4.2
"""TensorBoard's reader, measured on this kind of machine; it has no window to read."""


def windows(steps: int, count: int) -> list[tuple[float, float]]:
    """Windows of every width between ten steps and the whole run."""
    rng = random.Random(4)
    found = []
    for i in range(count):
        width = 10 * (steps / 10) ** (i / (count - 1))
        low = rng.random() * (steps - width)
        found.append((low, low + width))
    return found


def timed(act: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU milliseconds of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3


def tell(name: str, samples: list[tuple[float, float]], limit_ms: float) -> None:
    wall, cpu = ([s[i] for s in samples] for i in (0, 1))
    print(
        f"{name:34} wall p50 {statistics.median(wall):7.1f} p95 {p(wall, 0.95):7.1f} max {max(wall):7.1f} ms, "
        f"cpu p50 {statistics.median(cpu):7.1f} max {max(cpu):7.1f} ms, "
        f"ratio to {limit_ms:g} ms: {p(wall, 0.95) / limit_ms:.2f}"
    )


def store_alone(store: Any, steps: int) -> None:
    read = store.series.read
    first = [timed(lambda: read("long", None, points=POINTS)) for _ in range(5)]
    tell("store: whole run, 10 series", first, OPEN_S * 1e3)
    rate = steps * len(KEYS) / (statistics.median(s[0] for s in first) / 1e3)
    print(f"  {rate:,.0f} points/s; ratio to TensorBoard's reader {rate / EVENT_ACCUMULATOR_POINTS_PER_S:,.0f}")
    for keys, name in ((None, "all 10 series"), (["train/loss"], "one series")):
        zooms = [timed(lambda w=w, k=keys: read("long", k, *w, POINTS)) for w in windows(steps, 24)]
        tell(f"store: windows, {name}", zooms, ZOOM_MS)


def through_daemon(home: RunningHome, steps: int) -> None:
    daemon = psutil.Process(home.backend.pid)
    with Client(home.backend, name="bench") as client:

        def read(query: dict[str, Any]) -> None:
            with client.stream("/runs/long/series", query, accept=MEDIA_TYPE) as parts:
                unpack(b"".join(parts))

        def ask(low: float | None = None, high: float | None = None, packed: bool = True) -> tuple[float, float]:
            query: dict[str, Any] = {"points": POINTS, "x": "step"}
            if low is not None:
                query |= {"from": low, "to": high}
            before = sum(daemon.cpu_times()[:2])
            how = read if packed else lambda query: client.ask("GET", "/runs/long/series", query=query)
            wall, mine = timed(lambda: how(query))
            return wall, mine + (sum(daemon.cpu_times()[:2]) - before) * 1e3

        tell("daemon: whole run, 10 series", [ask() for _ in range(5)], OPEN_S * 1e3)
        tell("daemon: windows, 10 series", [ask(*w) for w in windows(steps, 24)], ZOOM_MS)
        tell("daemon: windows as JSON", [ask(*w, packed=False) for w in windows(steps, 24)], ZOOM_MS)


def through_window(home: RunningHome, steps: int) -> None:
    from console.app import Console, make_application
    from console.charts.canvas import PlotCanvas

    painted: list[float] = []
    paint_event = PlotCanvas.paintEvent

    def paint(canvas: Any, event: Any) -> None:
        paint_event(canvas, event)
        if canvas.picture.lines:
            painted.append(time.perf_counter())

    PlotCanvas.paintEvent = paint  # type: ignore[method-assign]
    app = make_application()
    console = Console(home.home, start_backend=False)
    try:
        console.window.resize(1440, 900)
        console.open()
        console.window.activateWindow()
        spin(lambda: "long" in console.state.runs, 30)
        console.window.navigate("runs")
        __import__("console.pages.run")  # the plot library loads after the first paint of the window
        end = time.monotonic() + 1.0
        spin(lambda: time.monotonic() > end, 5)
        painted.clear()
        wall, cpu = time.perf_counter(), time.process_time()
        console.window.navigate("run/long")
        spin(lambda: len(painted) >= 5, 60)
        full = [((painted[4] - wall) * 1e3, (time.process_time() - cpu) * 1e3)]
        tell("window: first full picture", full, OPEN_S * 1e3)
        page = console.window.stack.page()
        group = page.charts.group
        zooms = []
        for low, high in windows(steps, 24):
            arrived: list[float] = []
            taken = page.charts.feeder.take_detail

            def note(turn: int, body: Any, taken: Any = taken, arrived: Any = arrived) -> None:
                taken(turn, body)
                arrived.append(time.perf_counter())

            page.charts.feeder.take_detail = note
            group.zoom_to(low, high)
            group._fetch.stop()
            wall, cpu = time.perf_counter(), time.process_time()
            group._on_settled()
            spin(lambda a=arrived: a, 30)
            group.clock.tick()
            painted.clear()
            console.window.grab()
            zooms.append(((time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3))
            page.charts.feeder.take_detail = taken
        tell("window: zoom, fetch and paint", zooms, ZOOM_MS)
    finally:
        console.close()
        app.processEvents()


def main(millions: float) -> None:
    steps = int(millions * 1e6)
    with RunningHome() as home:
        store = open_store(home.home, SystemClock())
        store.runs.add(
            RunRecord(
                id="long",
                name="long",
                recipe="selftest",
                state="completed",
                created_at=1.0,
                total_steps=steps,
                step=steps,
                started_at=1e9,
                ended_at=1e9 + steps * 0.01,
            )
        )
        started = time.monotonic()
        fill(store, "long", list(KEYS), steps)
        print(f"{steps * len(KEYS):,} points stored in {time.monotonic() - started:.1f} s")
        store_alone(store, steps)
        store.close()
        home.start()
        through_daemon(home, steps)
        through_window(home, steps)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
