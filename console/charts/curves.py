"""From columns to pixels: what a chart's lines, fills, dots and labels are for the page's present range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PySide6.QtCore import QRectF

from console.charts import axis as frame
from console.charts import scale
from console.charts.catalogue import ChartSpec, SeriesSpec
from console.charts.events import ChartEvent, group_marks, place
from console.charts.format import clock_label
from console.charts.palette import token
from console.charts.picture import Area, Dots, Line, Picture, Shade
from console.charts.pyramid import Floats, Indices
from console.charts.series import Axis, Series, Trace
from console.charts.shares import ShareStack
from console.charts.store import SeriesStore
from console.i18n import tr
from console.words import stopwatch

SHORT_PX = 2.0  # a piece of a line shorter than this is shown as a dot
FEW = 40  # points without neighbours that may be as large as marked ones
MOST_DOTS = 80
DIMMED = 0.25
BEHIND = 0.6
GAP_PX = 6.0
SINCE_START = 1e8  # times below this are no clock times: seconds since each run began, as the compare page gives them


class PageState(Protocol):
    """What a chart reads of its group."""

    store: SeriesStore
    axis: Axis
    labels: str
    smoothing: float
    events: list[ChartEvent]

    @property
    def range(self) -> tuple[float, float]: ...
    @property
    def origin(self) -> float: ...
    @property
    def newest(self) -> float: ...
    @property
    def future(self) -> tuple[float, float] | None: ...


@dataclass
class Drawn:
    """One curve in the window: raw trace, smoothed trace when there is one, and the trace below it in a stack."""

    spec: SeriesSpec
    series: Series
    raw: Trace
    smooth: Trace | None = None
    bounds: tuple[Trace, Trace] | None = None


class Curves:
    """The curves of one chart and how the user wants them shown."""

    def __init__(self, spec: ChartSpec) -> None:
        self.spec = spec
        self.choice = scale.YChoice()
        self.off: set[str] = set()
        self.hover: str | None = None
        self._stack: ShareStack | None = None
        if spec.shape == "stack":
            self._stack = ShareStack(tuple(s.key for s in spec.series), spec.total)
        self._floor = 0.1
        self.y_range = (0.0, 1.0)

    def shown(self) -> list[SeriesSpec]:
        """Series that are not switched off."""
        return [s for s in self.spec.series if s.key not in self.off]

    def sources(self, page: PageState) -> list[tuple[SeriesSpec, Series]]:
        """The series to draw, stack tops in stack order."""
        if self._stack is not None:
            self._stack.refresh(page.store)
            return [
                (s, top)
                for s, top in zip(self.spec.series, self._stack.tops, strict=True)
                if len(top) and s.key not in self.off
            ]
        low, high = page.range
        found = [
            (s, page.store.best(s.key, page.axis, low, high)) for s in sorted(self.shown(), key=lambda s: not s.behind)
        ]
        return [(s, series) for s, series in found if series is not None]

    # -- the picture -----------------------------------------------------------------------------------------

    def build(self, page: PageState, plot: QRectF) -> Picture:
        """The whole picture for a plot of this size."""
        drawn = self._trace_all(page, round(plot.width()))
        picture = Picture(plot, log=self.choice.log)
        values = [np.concatenate([t.y for t in _traces(d)]) * d.spec.scale for d in drawn]
        every = np.concatenate(values) if values else np.empty(0)
        self._floor = scale.log_floor(every)
        picture.y_range = self.y_range = scale.choose_range(every, self.spec, self.choice, self._floor)
        picture.y_ticks = [
            (picture.y_pixel(v), t) for v, t in scale.labels(*self.y_range, self.spec, self.choice.log, plot.height())
        ]
        picture.limits = [(picture.y_pixel(self._on_scale(limit.value)), limit.role) for limit in self.spec.limits]
        self._add_axis(picture, page)
        for i, item in enumerate(drawn):
            self._add_curve(picture, page, item, drawn[i - 1] if i else None)
        picture.empty = self._empty_text(page, drawn)
        if picture.empty and self.spec.capacity is None:
            picture.y_ticks = []  # a scale of nothing says nothing
        return picture

    def _trace_all(self, page: PageState, pixels: int) -> list[Drawn]:
        low, high = page.range
        drawn = []
        for spec, series in self.sources(page):
            item = Drawn(spec, series, series.trace(page.axis, low, high, pixels))
            if spec.smooth and page.smoothing > 0:
                item.smooth = series.trace(page.axis, low, high, pixels, smoothing=page.smoothing)
            if spec.low and spec.high:
                edges = [page.store.best(key, page.axis, low, high) for key in (spec.low, spec.high)]
                if edges[0] is not None and edges[1] is not None:
                    item.bounds = (
                        edges[0].trace(page.axis, low, high, pixels),
                        edges[1].trace(page.axis, low, high, pixels),
                    )
            drawn.append(item)
        return drawn

    def _on_scale(self, value: float) -> float:
        return float(scale.to_scale(np.array([value]), self.choice.log, self._floor)[0])

    def _pixels(self, picture: Picture, page: PageState, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        low, high = page.range
        plot = picture.plot
        px = plot.left() + (x - low) * (plot.width() / (high - low))
        y_low, y_high = picture.y_range
        rows = plot.bottom() - (scale.to_scale(y, self.choice.log, self._floor) - y_low) * (
            plot.height() / (y_high - y_low)
        )
        # the rasterizer slows down and overflows on coordinates far outside
        return px, np.clip(rows, plot.top() - 4 * plot.height(), plot.bottom() + 4 * plot.height())

    def _add_curve(self, picture: Picture, page: PageState, item: Drawn, below: Drawn | None) -> None:
        spec, factor = item.spec, item.spec.scale
        dim = DIMMED if self.hover is not None and self.hover != spec.key else BEHIND if spec.behind else 1.0
        x, y = self._pixels(picture, page, item.raw.x, item.raw.y * factor)
        self._add_area(picture, page, item, below, (x, y), dim)
        raw_alpha = float(token("raw-alpha")) if item.smooth is not None else 1.0
        if len(x):
            picture.lines.append(Line(x, y, spec.role, raw_alpha * dim, 1.0, spec.dash, spec.key))
        if item.smooth is not None and len(item.smooth.x):
            sx, sy = self._pixels(picture, page, item.smooth.x, item.smooth.y * factor)
            hero = float(token("pen-hero")) if len(sx) <= int(token("pen-hero-max-points")) else 1.0
            picture.lines.append(Line(sx, sy, spec.role, dim, hero, (), spec.key))
        lone = _unseen(x, y)
        if spec.points and len(x) <= MOST_DOTS:
            picture.dots.append(Dots(x, y, spec.role, 4.6, spec.key))
        elif len(lone):
            picture.dots.append(Dots(x[lone], y[lone], spec.role, 4.6 if len(lone) <= FEW else 3.0, spec.key))
        if len(item.raw.odd_x):
            picture.odd += _odd_marks(self._pixels(picture, page, item.raw.odd_x, item.raw.odd_x)[0], item.raw.odd_y)
        if not spec.points and not spec.behind:
            self._add_gaps(picture, page, item)

    def _add_area(
        self,
        picture: Picture,
        page: PageState,
        item: Drawn,
        below: Drawn | None,
        line: tuple[Floats, Floats],
        dim: float,
    ) -> None:
        spec = item.spec
        floor = picture.plot.bottom()
        if item.bounds is not None:
            lower, upper = (self._pixels(picture, page, b.x, b.y * spec.scale) for b in item.bounds)
            picture.areas.append(Area(*upper, spec.role, float(token("band-alpha")) * dim, lower, spec.key))
        elif self.spec.shape == "stack":
            base = (
                self._pixels(picture, page, below.raw.x, below.raw.y * below.spec.scale) if below is not None else floor
            )
            picture.areas.append(Area(*line, spec.role, float(token("stack-alpha")) * dim, base, spec.key))
        elif self._filled(spec) and not self.choice.log and picture.y_range[0] == 0.0:
            picture.areas.append(Area(*line, spec.role, float(token("fill-alpha")) * dim, floor, spec.key))

    def _filled(self, spec: SeriesSpec) -> bool:
        return spec.fill or (self.spec.fill and len(self.shown()) == 1)

    # -- the axis --------------------------------------------------------------------------------------------

    def _add_axis(self, picture: Picture, page: PageState) -> None:
        low, high = page.range
        plot = picture.plot
        per_unit = plot.width() / (high - low)
        origin = page.origin if page.axis == "time" else 0.0
        kind = frame.axis_labels(page.axis, page.labels)
        at = frame.x_ticks(low - origin, high - origin, plot.width(), kind, origin, page.newest - origin)
        picture.x_ticks = [(plot.left() + (t + origin - low) * per_unit, text) for t, text in at]
        if page.future is not None:
            a, b = page.future
            picture.shades.append(
                Shade(plot.left() + (a - low) * per_unit, plot.left() + (b - low) * per_unit, "future")
            )
        placed = [
            (plot.left() + (spot - low) * per_unit, e)
            for e in page.events
            if (spot := place(e, page.axis, page.store)) is not None and low <= spot <= high
        ]
        picture.marks = group_marks(placed)
        picture.lane = self.spec.lane
        picture.lane_keys = frozenset(s.key for s in self.spec.series)

    def _add_gaps(self, picture: Picture, page: PageState, item: Drawn) -> None:
        low, high = page.range
        plot = picture.plot
        per_unit = plot.width() / (high - low)
        known = {(s.left, s.right) for s in picture.shades}
        for a, b in item.raw.gaps:
            left, right = plot.left() + (a - low) * per_unit, plot.left() + (b - low) * per_unit
            if right - left >= GAP_PX and (left, right) not in known:
                picture.shades.append(Shade(left, right, "gap", _gap_text(page, item.series, a, b), tr("no data")))

    def _empty_text(self, page: PageState, drawn: list[Drawn]) -> str:
        if any(len(d.raw.x) or len(d.raw.odd_x) for d in drawn):
            return ""
        if drawn:
            known = any(d.series.reach(page.axis) is not None for d in drawn)
            if not known and page.store.reach(page.axis) is None:
                return tr("No values yet")  # before the first step, what has only times has no place
            if not known:
                return tr("Nothing was logged against this axis")
            return tr("No values in this range")
        if self.off and not self.shown():
            return tr("All series are switched off")
        return tr("No values yet")

    # -- single values ---------------------------------------------------------------------------------------

    def value_at(
        self, page: PageState, spec: SeriesSpec, at: float | None
    ) -> tuple[float | None, float | None, float | None]:
        """The value a header shows for `at` (None: the newest), with its x and its height on the axis.

        None where the series has no value near `at`: it has ended or not begun.
        """
        series, top = self._value_source(page, spec)
        if series is None or not len(series):
            return None, None, None
        index = len(series) - 1 if at is None else series.nearest(page.axis, at)
        if index is None:
            return None, None, None
        x = series.column(page.axis)
        if at is not None and abs(float(x[index]) - at) > self._patience(page, series):
            return None, None, None
        values = series.smoothed(page.axis, page.smoothing) if spec.smooth and page.smoothing > 0 else series.values
        value = float(values[index]) * spec.scale
        if value != value and values is not series.values:
            value = float(series.values[index]) * spec.scale
        height = float(top.values[index]) if top is not None else value
        return value, float(x[index]), height

    @staticmethod
    def _patience(page: PageState, series: Series) -> float:
        low, high = page.range
        return max(series.spacing(page.axis) * 1.5, (high - low) * 0.004)

    def _value_source(self, page: PageState, spec: SeriesSpec) -> tuple[Series | None, Series | None]:
        if self._stack is not None:
            i = self.spec.series.index(spec)
            self._stack.refresh(page.store)
            return self._stack.shares[i], self._stack.tops[i]
        return page.store.best(spec.key, page.axis, *page.range), None

    def pixel_of(self, picture: Picture, height: float) -> float:
        """The row of a value."""
        return picture.y_pixel(self._on_scale(height))


def _unseen(x: Floats, y: Floats) -> Indices:
    """The last point of every piece of a line that is too short to be seen; single points among them."""
    known = np.isfinite(y)
    starts = np.flatnonzero(known & ~np.concatenate(([False], known[:-1])))
    ends = np.flatnonzero(known & ~np.concatenate((known[1:], [False])))
    seen = np.maximum(x[ends] - x[starts], np.abs(y[ends] - y[starts])) >= SHORT_PX
    return ends[~seen]


def _odd_marks(columns: Floats, values: Floats) -> list[tuple[float, float]]:
    """One mark for each pixel column and kind: a run whose loss is NaN for a million steps draws no million crosses."""
    kind = np.where(np.isnan(values), 0, np.where(values > 0, 1, 2))
    _, first = np.unique(np.round(columns).astype(np.int64) * 3 + kind, return_index=True)
    return list(zip(columns[first].tolist(), values[first].tolist(), strict=True))


def _gap_text(page: PageState, series: Series, a: float, b: float) -> str:
    """`no data 14:03 to 14:05`, on every axis: the clock times of the points beside the hole."""
    first, last = series.nearest(page.axis, a), series.nearest(page.axis, b)
    if first is None or last is None:
        return tr("no data")
    start, stop = (float(series.column("time")[i]) for i in (first, last))
    if not np.isfinite(start) or not np.isfinite(stop):
        return tr("no data")
    if page.axis == "time" and not stop > start:
        start, stop = a, b
    span = max(stop - start, 0.0)
    if max(start, stop) < SINCE_START:
        return tr("no data for {time}", time=stopwatch(span))
    return tr("no data {start} to {end}", start=clock_label(start, span), end=clock_label(stop, span))


def _traces(item: Drawn) -> list[Trace]:
    """Traces that decide the y range."""
    return [item.raw, *(item.bounds or ())]
