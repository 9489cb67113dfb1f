"""What one chart looks like now, in pixels of its canvas: the product of curves.py, painted by canvas.py."""

from __future__ import annotations

from dataclasses import dataclass, field

from PySide6.QtCore import QRectF

from console.charts.events import Mark
from console.charts.pyramid import Floats


@dataclass
class Line:
    """One polyline; NaN in `y` lifts the pen."""

    x: Floats
    y: Floats
    role: str
    alpha: float = 1.0
    width: float = 1.0
    dash: tuple[int, ...] = ()
    key: str = ""


@dataclass
class Area:
    """A filled area between two polylines, or between one and a pixel row."""

    x: Floats
    y: Floats
    role: str
    alpha: float
    base: tuple[Floats, Floats] | float
    key: str = ""


@dataclass
class Dots:
    """Round points on a curve."""

    x: Floats
    y: Floats
    role: str
    diameter: float
    key: str = ""


@dataclass
class Shade:
    """A shaded part of the x axis: `future` or `gap`."""

    left: float
    right: float
    kind: str
    text: str = ""
    short: str = ""


@dataclass
class Picture:
    """Everything the canvas paints below the crosshair."""

    plot: QRectF
    y_range: tuple[float, float] = (0.0, 1.0)
    log: bool = False
    x_ticks: list[tuple[float, str]] = field(default_factory=list)
    y_ticks: list[tuple[float, str]] = field(default_factory=list)
    shades: list[Shade] = field(default_factory=list)
    areas: list[Area] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    dots: list[Dots] = field(default_factory=list)
    limits: list[tuple[float, str]] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    lane: bool = False
    lane_keys: frozenset[str] = frozenset()
    odd: list[tuple[float, float]] = field(default_factory=list)  # pixel, value that was not finite
    empty: str = ""

    def y_pixel(self, value: float) -> float:
        """The row of a value on the (maybe logarithmic) y axis, already transformed."""
        low, high = self.y_range
        return self.plot.bottom() - (value - low) / (high - low) * self.plot.height()
