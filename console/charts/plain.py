"""Charts that share no axis: a distribution, points by version, a value with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from PySide6.QtCore import QEvent, QObject, QRectF
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.charts import format as fmt
from console.charts import scale
from console.charts.axis import room_for
from console.charts.canvas import Overlay, PlotCanvas
from console.charts.catalogue import ChartSpec, Limit
from console.charts.describe import spoken
from console.charts.header import ChartHeader, Entry
from console.charts.palette import colour, pen, token
from console.charts.picture import Area, Dots, Line, Picture
from console.charts.pyramid import Floats
from console.i18n import tr
from console.theme import theme
from console.widgets.spoken import Role


@dataclass(frozen=True)
class PlainCurve:
    """One curve over shared x positions; NaN where it has no value. low, high: its interval."""

    name: str
    role: str
    values: ArrayLike
    low: ArrayLike | None = None
    high: ArrayLike | None = None
    points: bool = False
    dash: tuple[int, ...] = ()
    style: str = ""


class PlainChart(QWidget):
    """A framed chart with a fixed x axis and values in the header on hover.

    `set_points(labels, curves)` places curves at 0, 1, 2 … with text below (versions, days).
    """

    spoken_role = Role.Chart

    def __init__(self, title: str, unit: str = "", parent: QWidget | None = None, framed: bool = True) -> None:
        super().__init__(parent)
        self.framed = framed
        self.header = ChartHeader(title, unit, self, 12 if framed else 0, 11 if framed else 0)
        self.canvas = PlotCanvas(self)
        self.canvas.on_stale = self._build
        self.canvas.installEventFilter(self)
        box = QVBoxLayout(self)
        box.setContentsMargins(*((1, 10, 6, 4) if framed else (0, 0, 0, 0)))
        box.setSpacing(1)
        box.addWidget(self.header)
        box.addWidget(self.canvas, 1)
        self._x: Floats = np.empty(0)
        self._labels: list[str] = []
        self._curves: list[PlainCurve] = []
        self._limits: tuple[Limit, ...] = ()
        self._marker: float | None = None
        self.setAccessibleName(tr("Chart {title}", title=title))
        theme.changed.connect(self.refresh)

    # -- data ------------------------------------------------------------------------------------------------

    def set_points(
        self,
        labels: Sequence[str],
        curves: Sequence[PlainCurve],
        limits: Sequence[Limit] = (),
        marker: int | None = None,
    ) -> None:
        """Curves over labelled positions; `marker` draws a dashed line at a position (the champion)."""
        self._x = np.arange(len(labels), dtype=np.float64)
        self._labels = list(labels)
        self._curves, self._limits = list(curves), tuple(limits)
        self._marker = float(marker) if marker is not None else None
        self.refresh()

    def refresh(self) -> None:
        """Draw anew."""
        self._build()
        self._set_legend(None)
        self.setAccessibleDescription(self.spoken_summary())
        self.update()

    def spoken_summary(self) -> str:
        """Per curve last, lowest, highest value and trend."""
        parts = [
            spoken(c.name or self.header.title, np.asarray(c.values, dtype=np.float64), c.style) for c in self._curves
        ]
        return "; ".join(parts) if parts else tr("No values yet")

    # -- the picture -----------------------------------------------------------------------------------------

    def _x_range(self) -> tuple[float, float]:
        return (-0.3, len(self._x) - 0.7) if len(self._x) > 1 else (-0.5, 0.5)

    def _x_ticks(self, width: float) -> list[tuple[float, str]]:
        most = max(2, int(width // 56))
        stride = max(1, -(-len(self._labels) // most))
        last = len(self._labels) - 1
        return [(float(i), self._labels[i]) for i in range(last % stride, len(self._labels), stride)]

    def _spec(self) -> ChartSpec:
        return ChartSpec("plain", self.header.title, (), robust=False, limits=self._limits)

    def _values(self) -> Floats:
        columns = [
            np.asarray(v, dtype=np.float64) for c in self._curves for v in (c.values, c.low, c.high) if v is not None
        ]
        columns.append(np.array([limit.value for limit in self._limits]))
        return np.concatenate(columns)

    def _build(self) -> None:
        values = self._values()
        y_range = scale.choose_range(values, self._spec(), scale.YChoice("auto"), 0.1)
        labels = self._y_labels(y_range, self.canvas.plot.height())
        self.canvas.left = room_for(labels)
        plot = self.canvas.plot
        picture = Picture(plot, y_range)
        low, high = self._x_range()
        picture.x_ticks = [(self._px(t, plot), text) for t, text in self._x_ticks(plot.width()) if low <= t <= high]
        picture.y_ticks = [(picture.y_pixel(v), text) for v, text in labels]
        picture.limits = [(picture.y_pixel(limit.value), limit.role) for limit in self._limits]
        for curve in self._curves:
            self._add(picture, curve)
        if self._marker is not None:
            column = self._px(self._marker, plot)
            ends = np.array([column, column]), np.array([plot.top(), plot.bottom()])
            picture.lines.append(Line(*ends, "text", float(token("event-line")["alpha"]), 1.0, (3, 3)))
        if not np.isfinite(values).any():
            picture.empty = tr("No values yet")
            picture.y_ticks = []  # a scale of nothing says nothing
        self.canvas.show_picture(picture)

    def _y_labels(self, y_range: tuple[float, float], height: float) -> list[tuple[float, str]]:
        return scale.labels(*y_range, self._spec(), False, height)

    def _px(self, x: float, plot: QRectF) -> float:
        low, high = self._x_range()
        return plot.left() + (x - low) / (high - low) * plot.width()

    def _rows(self, picture: Picture, values: ArrayLike) -> Floats:
        low, high = picture.y_range
        return picture.plot.bottom() - (np.asarray(values, dtype=np.float64) - low) * (
            picture.plot.height() / (high - low)
        )

    def _add(self, picture: Picture, curve: PlainCurve) -> None:
        low, high = self._x_range()
        x = picture.plot.left() + (self._x - low) * (picture.plot.width() / (high - low))
        if curve.low is not None and curve.high is not None:
            band = Area(
                x,
                self._rows(picture, curve.high),
                curve.role,
                float(token("band-alpha")),
                (x, self._rows(picture, curve.low)),
            )
            picture.areas.append(band)
        y = self._rows(picture, curve.values)
        picture.lines.append(Line(x, y, curve.role, 1.0, 1.0, curve.dash))
        if curve.points:
            picture.dots.append(Dots(x, y, curve.role, 6.0))
        elif curve.low is not None and np.isfinite(y).any():
            last = np.flatnonzero(np.isfinite(y))[-1:]
            picture.dots.append(Dots(x[last], y[last], curve.role, 6.0))

    def _set_legend(self, index: int | None) -> None:
        entries = []
        for i, curve in enumerate(self._curves):
            values = np.asarray(curve.values, dtype=np.float64)
            known = np.flatnonzero(np.isfinite(values))
            at = index if index is not None else int(known[-1]) if len(known) else None
            value = float(values[at]) if at is not None and np.isfinite(values[at]) else None
            several = len(self._curves) > 1 and index is None
            entries.append(
                Entry(
                    str(i), curve.name, curve.role, "" if several else fmt.number(value, curve.style), dash=curve.dash
                )
            )
        self.header.set_entries(entries)

    # -- hover -----------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseMove:
            self._hover(event.position().x())
        elif event.type() == QEvent.Type.Leave:
            self._hover(None)
        return super().eventFilter(watched, event)

    def _hover(self, column: float | None) -> None:
        overlay, index = Overlay(), None
        if column is not None and len(self._x):
            plot = self.canvas.plot
            columns = np.array([self._px(float(x), plot) for x in self._x])
            index = int(np.abs(columns - column).argmin())
            overlay.x = float(columns[index])
            overlay.chip = self._chip(index)
            overlay.dots = self._hover_dots(index, overlay.x)
        self.canvas.show_overlay(overlay)
        self._set_legend(index)

    def _chip(self, index: int) -> str:
        return self._labels[index] if index < len(self._labels) else ""

    def _hover_dots(self, index: int, column: float) -> list[tuple[float, float, str]]:
        picture = self.canvas.picture
        rows = [(float(self._rows(picture, c.values)[index]), c.role) for c in self._curves]
        return [(column, row, role) for row, role in rows if row == row]

    def spoken_value(self) -> str:
        return self.spoken_summary()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        if not self.framed:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(pen("line"))
        painter.setBrush(colour("panel"))
        radius = theme.radius("panel")
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        painter.end()


class DistributionChart(PlainChart):
    """A reference as an outline over the bars of now; `set_histograms(edges, reference, current)` in percent."""

    def set_histograms(
        self,
        edges: ArrayLike,
        reference: ArrayLike | None,
        current: ArrayLike | None,
        names: tuple[str, str] | None = None,
    ) -> None:
        """`edges` has one entry more than the counts. Counts of any unit; they are shown as percent of their sum."""
        self._edges = np.asarray(edges, dtype=np.float64)
        names = names or (tr("reference"), tr("current"))
        given = [("reference", names[0], reference), ("current", names[1], current)]
        self._curves = [
            PlainCurve(name, role, _percent(counts, len(self._edges) - 1), style=".1f")
            for role, name, counts in given
            if counts is not None
        ]
        self._x = (self._edges[1:] + self._edges[:-1]) / 2
        self._labels = [
            f"{fmt.number(float(a), 'g')} – {fmt.number(float(b), 'g')}"
            for a, b in zip(self._edges[:-1], self._edges[1:], strict=True)
        ]
        self.refresh()

    def _x_range(self) -> tuple[float, float]:
        edges = getattr(self, "_edges", np.empty(0))
        return (float(edges[0]), float(edges[-1])) if len(edges) > 1 and edges[-1] > edges[0] else (0.0, 1.0)

    def _x_ticks(self, width: float) -> list[tuple[float, str]]:
        at = fmt.ticks(*self._x_range(), max(2, int(width // 56)))
        return list(zip(at, fmt.tick_labels(at), strict=True))

    def _spec(self) -> ChartSpec:
        return ChartSpec("distribution", self.header.title, (), robust=False, zero=True)

    def _y_labels(self, y_range: tuple[float, float], height: float) -> list[tuple[float, str]]:
        return [(v, text if text == "0" else f"{text}%") for v, text in super()._y_labels(y_range, height)]

    def _add(self, picture: Picture, curve: PlainCurve) -> None:
        edges = np.array([self._px(float(e), picture.plot) for e in self._edges])
        rows = self._rows(picture, curve.values)
        if curve.role == "reference":
            x = np.concatenate(([edges[0]], np.repeat(edges[1:-1], 2), [edges[-1]]))
            picture.lines.append(Line(x, np.repeat(rows, 2), curve.role))
            return
        for left, right, row in zip(edges[:-1].tolist(), edges[1:].tolist(), rows.tolist(), strict=True):
            bar = np.array([round(left) + 1.0, round(right) - 1.0])
            picture.areas.append(Area(bar, np.array([row, row]), curve.role, 0.62, picture.plot.bottom()))


def _percent(counts: ArrayLike, bins: int) -> Floats:
    numbers = np.nan_to_num(np.asarray(counts, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    if len(numbers) != bins:
        raise ValueError(f"{bins + 1} edges need {bins} counts, got {len(numbers)}")
    total = float(numbers.sum())
    return 100.0 * numbers / total if total > 0 else numbers
