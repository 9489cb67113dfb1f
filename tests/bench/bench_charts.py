"""Redraw time of the run page's nine live charts, pan and zoom of sixteen, beside bare pyqtgraph in the same run.

Run: QT_QPA_PLATFORM=offscreen python tests/bench/bench_charts.py [--points 5000] [--frames 60]. Limits: nine live
charts 12 ms at p95; sixteen charts 16.7 ms a frame (60 a second), also with 10 series × 1,000,000 points loaded. CPU
time of this process stands beside wall time: the machine may be busy.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QApplication, QGridLayout, QVBoxLayout, QWidget

from console.charts.catalogue import RUN_CHARTS, ChartSpec, SeriesSpec
from console.charts.grid import ChartGrid
from console.charts.group import ChartGroup
from console.theme import theme

SIZE = (898, 564)


Samples = list[tuple[float, float]]
LIVE_MS, FRAME_MS = 12.0, 1000 / 60


def percentiles(samples: Samples, limit: float | None = None) -> str:
    wall, cpu = (np.array(part) * 1e3 for part in zip(*samples, strict=True))
    text = f"wall median {np.median(wall):6.2f} p95 {np.quantile(wall, 0.95):6.2f} ms"
    text += f"   cpu median {np.median(cpu):6.2f} p95 {np.quantile(cpu, 0.95):6.2f} ms"
    return text + (f"   p95 / limit {np.quantile(cpu, 0.95) / limit:.2f} by CPU" if limit else "")


def middle(samples: Samples) -> float:
    return float(np.median([cpu for _, cpu in samples]))


def paint(widget: QWidget, target: QPixmap) -> None:
    widget.render(target)


def measure(act, frames: int) -> Samples:
    samples = []
    for i in range(frames + 5):
        wall, cpu = time.perf_counter(), time.process_time()
        act(i)
        if i >= 5:
            samples.append((time.perf_counter() - wall, time.process_time() - cpu))
    return samples


def bare(points: int, frames: int, charts: int = 9) -> Samples:
    """PlotWidgets, one antialiased width-1 curve of `points` each, setData and paint."""
    page = QWidget()
    grid = QGridLayout(page)
    plots = []
    rng = np.random.default_rng(1)
    for i in range(charts):
        plot = pg.PlotWidget()
        grid.addWidget(plot, i // 3, i % 3)
        plots.append(plot.plot(pen=pg.mkPen("w", width=1), antialias=True))
    page.resize(*SIZE)
    page.show()
    x, y = np.arange(points, dtype=float), rng.normal(size=(charts, points + frames + 10))
    target = QPixmap(*SIZE)

    def frame(i: int) -> None:
        for k, curve in enumerate(plots):
            curve.setData(x, y[k, i : i + points], skipFiniteCheck=True)
        paint(page, target)

    found = measure(frame, frames)
    page.close()
    return found


def ours(points: int, frames: int, move: str = "", charts: int = 9) -> tuple[Samples, Samples]:
    """The run page: every chart gets a live batch, the clock ticks, the page is painted; then crosshair moves."""
    page = QWidget()
    group = ChartGroup(page)
    specs = [spec for spec in RUN_CHARTS if not spec.hidden][:charts]
    specs += [ChartSpec(f"x{i}", f"x{i}", (SeriesSpec(f"x/{i}"),)) for i in range(charts - len(specs))]
    grid = ChartGrid(group, specs)
    QVBoxLayout(page).addWidget(grid)
    page.resize(*SIZE)
    page.show()
    keys = sorted({s.key for spec in specs for s in spec.series} | {"train/optimizer_s"})
    rng = np.random.default_rng(1)
    steps = np.arange(points, dtype=float)
    for key in keys:
        group.set_series(key, steps, 1.7e9 + steps, steps / 1000, np.abs(rng.normal(1, 0.2, points)))
    group.set_total_steps(points * 1.4, 1000)
    group.set_smoothing(0.9)
    target = QPixmap(*SIZE)

    def frame(i: int) -> None:
        if move == "pan":
            if group.range[1] - group.range[0] > points * 0.5:
                group.zoom_to(points * 0.3, points * 0.5)
            group.pan(points * (0.004 if i % 40 < 20 else -0.004))
        elif move == "zoom":
            group.zoom(0.97 if i % 40 < 20 else 1 / 0.97, points * 0.4)
        else:
            for key in keys:
                group.append(key, points + i, 1.7e9 + points + i, (points + i) / 1000, 1.0)
        group.clock.tick()
        paint(page, target)

    redraws = measure(frame, frames)

    def hover(i: int) -> None:
        group.set_crosshair(points * (0.2 + 0.5 * (i % 97) / 97), grid.shown()[0])
        paint(page, target)

    moves = measure(hover, frames)
    page.close()
    return redraws, moves


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=5_000)
    parser.add_argument("--frames", type=int, default=60)
    options = parser.parse_args()
    app = QApplication.instance() or QApplication([])
    theme.install()
    peer, peer16 = bare(options.points, options.frames), bare(options.points, options.frames, 16)
    live, moves = ours(options.points, options.frames)

    def tell(name: str, samples: Samples, beside: Samples | None = None, limit: float | None = None) -> None:
        ratio = f"   ratio to bare {middle(samples) / middle(beside):.2f}" if beside else ""
        print(f"{name:38} {percentiles(samples, limit)}{ratio}")

    tell(f"bare pyqtgraph, 9 × {options.points:,} points", peer)
    tell("run page, live batch in every chart", live, peer, LIVE_MS)
    tell("run page, crosshair in every chart", moves, peer, LIVE_MS)
    tell(f"bare pyqtgraph, 16 × {options.points:,} points", peer16)
    for move in ("zoom", "pan"):
        tell(f"16 charts, {move}", ours(options.points, options.frames, move, 16)[0], peer16, FRAME_MS)
    few = max(10, options.frames // 3)
    heavy, heavy_moves = ours(1_000_000, few)
    tell("run page live, 1,000,000 a series", heavy, peer, LIVE_MS)
    tell("run page crosshair, 1,000,000 a series", heavy_moves, peer, LIVE_MS)
    for move in ("zoom", "pan"):
        tell(f"16 charts, 1,000,000 a series, {move}", ours(1_000_000, few, move, 16)[0], peer16, FRAME_MS)
    app.processEvents()


if __name__ == "__main__":
    main()
