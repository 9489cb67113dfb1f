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


def heading(names: list[str]) -> str:
    """The first line of tab-separated columns."""
    return "\t".join(name.replace("\t", " ").replace("\n", " ") for name in names) + "\n"


def as_text(table: np.ndarray) -> str:
    """Tab-separated lines; floats in full (repr), missing cells empty."""
    lines = ("\t".join("" if value != value else repr(value) for value in row) for row in table.tolist())
    return "".join(f"{line}\n" for line in lines)
