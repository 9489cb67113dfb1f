"""A chart as picture and as text: PNG, SVG, tab-separated columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtSvg import QSvgGenerator

if TYPE_CHECKING:
    from console.charts.chart import TimeSeriesChart


def save_png(chart: TimeSeriesChart, path: Path, scale: float = 2.0) -> None:
    """The chart as it stands at `scale` pixels per logical pixel; OSError when it cannot be written."""
    picture = QPixmap(chart.size() * scale)
    picture.setDevicePixelRatio(scale)
    picture.fill(chart.palette().window().color())
    chart.render(picture)
    if not picture.save(str(path), "PNG"):
        raise OSError(f"could not write the picture to {path}")


def save_svg(chart: TimeSeriesChart, path: Path) -> None:
    """The chart as vectors; OSError when it cannot be written."""
    generator = QSvgGenerator()
    generator.setFileName(str(path))
    generator.setSize(chart.size())
    generator.setViewBox(QRect(QPoint(0, 0), chart.size()))
    generator.setTitle(chart.spec.title)
    painter = QPainter()
    if not painter.begin(generator):
        raise OSError(f"could not write the picture to {path}")
    chart.paint_vectors(painter)
    painter.end()


def columns(chart: TimeSeriesChart) -> tuple[list[str], np.ndarray]:
    """Names and rows of what the chart shows in the present range: the axis, then one column per series.

    Rows are all logged points in the range, not the thinned ones; a series without a value at a row has NaN there.
    """
    group = chart.group
    low, high = group.range
    parts: list[tuple[str, np.ndarray, np.ndarray]] = []
    for spec, series in chart.curves.sources(group):
        x = series.column(group.axis)
        inside = (x >= low) & (x <= high)
        values = series.values[inside] * spec.scale
        parts.append((spec.name or spec.key, x[inside], values))
    rows = np.unique(np.concatenate([x for _, x, _ in parts])) if parts else np.empty(0)
    table = np.full((len(rows), 1 + len(parts)), np.nan)
    table[:, 0] = rows
    for i, (_, x, values) in enumerate(parts):
        table[np.searchsorted(rows, x), i + 1] = values
    return [group.axis, *(name for name, _, _ in parts)], table


def as_text(names: list[str], table: np.ndarray) -> str:
    """Tab-separated lines with a header; floats in full (repr), missing cells empty."""
    lines = ["\t".join(name.replace("\t", " ").replace("\n", " ") for name in names)]
    for row in table.tolist():
        lines.append("\t".join("" if value != value else repr(value) for value in row))
    return "\n".join(lines) + "\n"
