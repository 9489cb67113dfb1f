"""Redraw time of the run page's nine live charts beside bare pyqtgraph in the same run.

Run: QT_QPA_PLATFORM=offscreen python tests/bench/bench_charts.py [--points 5000] [--frames 60]
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


def percentiles(samples: list[float]) -> str:
    ms = np.sort(np.array(samples)) * 1e3
    return f"median {np.median(ms):6.2f} ms   p95 {np.quantile(ms, 0.95):6.2f} ms"


def paint(widget: QWidget, target: QPixmap) -> None:
    widget.render(target)


def measure(act, frames: int) -> list[float]:
    samples = []
    for i in range(frames + 5):
        start = time.perf_counter()
        act(i)
        if i >= 5:
            samples.append(time.perf_counter() - start)
    return samples


def bare(points: int, frames: int) -> list[float]:
    """Nine PlotWidgets, one antialiased width-1 curve of `points` each, setData and paint."""
    page = QWidget()
    grid = QGridLayout(page)
    plots = []
    rng = np.random.default_rng(1)
    for i in range(9):
        plot = pg.PlotWidget()
        grid.addWidget(plot, i // 3, i % 3)
        plots.append(plot.plot(pen=pg.mkPen("w", width=1), antialias=True))
    page.resize(*SIZE)
    page.show()
    x, y = np.arange(points, dtype=float), rng.normal(size=(9, points + frames + 10))
    target = QPixmap(*SIZE)

    def frame(i: int) -> None:
        for k, curve in enumerate(plots):
            curve.setData(x, y[k, i : i + points], skipFiniteCheck=True)
        paint(page, target)

    found = measure(frame, frames)
    page.close()
    return found


def ours(points: int, frames: int, zoom: bool = False, charts: int = 9) -> tuple[list[float], list[float]]:
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
        if zoom:
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
    peer = bare(options.points, options.frames)
    live, moves = ours(options.points, options.frames)
    print(f"bare pyqtgraph, 9 × {options.points:,} points     {percentiles(peer)}")
    print(f"run page, live batch in every chart   {percentiles(live)}   ratio {np.median(live) / np.median(peer):.2f}")
    print(
        f"run page, crosshair in every chart    {percentiles(moves)}   ratio {np.median(moves) / np.median(peer):.2f}"
    )
    zooming, _ = ours(options.points, options.frames, zoom=True, charts=16)
    print(f"16 charts, zooming                    {percentiles(zooming)}   limit 16.7 ms")
    heavy, _ = ours(1_000_000, max(10, options.frames // 3))
    print(f"run page, 1,000,000 points a series   {percentiles(heavy)}")
    app.processEvents()


if __name__ == "__main__":
    main()
