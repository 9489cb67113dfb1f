"""TimeSeriesChart: a panel with header, curves and axes that shares range and crosshair with its group."""

from __future__ import annotations

from time import monotonic

import numpy as np
from PySide6.QtCore import QPoint, QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.charts import interact
from console.charts.axis import room_for
from console.charts.canvas import Overlay, PlotCanvas
from console.charts.catalogue import ChartSpec, Limit, SeriesSpec
from console.charts.curves import Curves
from console.charts.describe import spoken
from console.charts.format import number
from console.charts.group import ChartGroup
from console.charts.header import ChartHeader, Entry
from console.charts.palette import colour, pen
from console.i18n import tr
from console.theme import theme
from console.widgets.spoken import Role

DESCRIBE_EVERY_S = 2.0
MANY = 100_000  # from here on the header says how many points are behind the picture


class TimeSeriesChart(QWidget):
    """One chart of a group, built from a ChartSpec.

    `framed=False` draws neither panel nor header, for charts inside another panel.

    Signals:
        view_changed: series, log or y range were switched by the user; the layout is worth saving.
        dragged(global position, dropped): the header is being dragged.
        hide_requested: the user hid the chart.
    """

    spoken_role = Role.Chart

    view_changed = Signal()
    dragged = Signal(QPoint, bool)
    hide_requested = Signal()

    def __init__(self, group: ChartGroup, spec: ChartSpec, parent: QWidget | None = None, framed: bool = True) -> None:
        super().__init__(parent)
        self.group: ChartGroup = group
        self.spec: ChartSpec = spec
        self.framed = framed
        self.curves = Curves(spec)
        self.curves.choice.log = group.log_y
        self.redraws = 0
        self.maximized = False
        self._described_at = 0.0
        self.header = ChartHeader(tr(spec.title), tr(spec.unit) if spec.unit else "", self, 12 if framed else 0)
        self.canvas = PlotCanvas(self)
        self.canvas.on_stale = self._build
        self._focus_ring = False
        self._lay_out()
        self.hand = interact.Hand(self)
        self.header.toggled.connect(self.toggle_series)
        self.header.hovered.connect(self._on_legend_hovered)
        self.header.menu_asked.connect(self.open_menu)
        self.header.dragged.connect(self.dragged)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(tr("Chart {title}", title=tr(spec.title)))
        self.setMinimumSize(120, 90 if framed else 60)
        group.add(self)

    def _lay_out(self) -> None:
        box = QVBoxLayout(self)
        box.setContentsMargins(*((1, 10, 6, 4) if self.framed else (0, 0, 0, 0)))
        box.setSpacing(1)
        box.addWidget(self.header)
        box.addWidget(self.canvas, 1)
        self.header.setVisible(self.framed)

    # -- the page's side -------------------------------------------------------------------------------------

    def reads(self, key: str) -> bool:
        """True when a new point of `key` changes this chart."""
        return key in self.reading()

    def reading(self) -> tuple[str, ...]:
        """Every key whose points this chart needs."""
        drawn = (key for s in self.spec.series for key in (s.key, s.low, s.high) if key)
        return (*drawn, *self.spec.total)

    def set_capacity(self, value: float | None, unit: str = "", limit: bool = True) -> None:
        """The natural full value (48 for a 48 GB card), the unit `GB of 48`, and maybe a line at it."""
        limits = (Limit(value, "bad"),) if value is not None and limit else ()
        self.set_spec(self.spec.with_(capacity=value, unit=unit or self.spec.unit, limits=limits))

    def set_limits(self, limits: tuple[Limit, ...]) -> None:
        """Dashed horizontal lines: an SLO, a clip value."""
        self.set_spec(self.spec.with_(limits=limits))

    def set_spec(self, spec: ChartSpec) -> None:
        """Another description of the same chart."""
        self.spec = self.curves.spec = spec
        self.header.set_texts(tr(spec.title), self._unit_text())
        self.group.touch(self)

    # -- drawing ---------------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Build the picture anew and show it; called by the clock."""
        self.redraws += 1
        self._build()
        self.show_crosshair(self.group.crosshair, self.canvas.overlay.chip)
        if self.hasFocus() and monotonic() - self._described_at > DESCRIBE_EVERY_S:
            self._describe()

    def _describe(self) -> None:
        """Keep the spoken summary fresh where a reader may ask for it, not at every redraw."""
        self._described_at = monotonic()
        self.setAccessibleDescription(self.spoken_summary())

    def _build(self) -> None:
        self.canvas.left = self.group.left
        picture = self.curves.build(self.group, self.canvas.plot)
        if (room := room_for(picture.y_ticks)) > self.group.left:
            self.group.left = self.canvas.left = room
            self.group.touch_all(now=True)
            picture = self.curves.build(self.group, self.canvas.plot)
        self.canvas.show_picture(picture)
        self._set_legend(self.group.crosshair)
        self.header.set_texts(tr(self.spec.title), self._unit_text())

    def _unit_text(self) -> str:
        unit = tr(self.spec.unit) if self.spec.unit else ""
        counts = [
            max(len(s), self.group.store.true_counts.get(spec.key, 0))
            for spec in self.spec.series
            if (s := self.group.store.get(spec.key)) is not None
        ]
        if counts and max(counts) >= MANY:
            text = tr("all {n} points", n=f"{max(counts):,}")
            return f"{unit} · {text}" if unit else text
        return unit

    def show_crosshair(self, at: float | None, chip: str) -> None:
        """The line at `at`, dots on the curves, values in the header."""
        overlay = Overlay(box=self.canvas.overlay.box)
        if at is not None:
            overlay.x = self.pixel_at(at)
            overlay.chip = chip
            overlay.dots = self._dots(at)
        self.canvas.show_overlay(overlay)
        self._set_legend(at)

    def _dots(self, at: float) -> list[tuple[float, float, str]]:
        picture = self.canvas.picture
        dots: list[tuple[float, float, str]] = []
        if self.spec.shape == "stack":
            return dots
        for spec in self.curves.shown():
            _, x, height = self.curves.value_at(self.group, spec, at)
            if x is None or height is None or height != height:
                continue
            y = self.curves.pixel_of(picture, height)
            if picture.plot.top() - 2 <= y <= picture.plot.bottom() + 2:
                dots.append((self.pixel_at(x), y, spec.role))
        return dots

    def _set_legend(self, at: float | None) -> None:
        entries = []
        for spec in self.spec.series:
            if spec.behind and spec.key not in self.group.store:
                continue  # what it is compared with does not have it
            value, _, _ = self.curves.value_at(self.group, spec, at)
            entries.append(
                Entry(
                    spec.key,
                    tr(spec.name) if spec.name else "",
                    spec.role,
                    number(value, spec.style),
                    spec.key in self.curves.off,
                    dash=spec.dash,
                )
            )
        self.header.set_entries(entries)

    def header_values(self) -> dict[str, str]:
        """Key → text in the legend now."""
        return {entry.key: entry.value for entry in self.header.entries}

    def repaint_frame(self) -> None:
        """The theme changed."""
        self.update()
        self.header.update()

    def pixel_at(self, x: float) -> float:
        """Column of an x position in the canvas."""
        low, high = self.group.range
        plot = self.canvas.plot
        return plot.left() + (x - low) / (high - low) * plot.width()

    def position_at(self, pixel: float) -> float:
        """x position of a column of the canvas."""
        low, high = self.group.range
        plot = self.canvas.plot
        return low + (pixel - plot.left()) / plot.width() * (high - low)

    # -- how the user wants it -------------------------------------------------------------------------------

    def set_log(self, on: bool) -> None:
        """A logarithmic y axis."""
        self.curves.choice.log = on
        self._view_changed()

    def set_y_mode(self, mode: str, fixed: tuple[float, float] | None = None) -> None:
        """`robust` (ignores outliers), `auto`, or `fixed` at the given or the present range."""
        choice = self.curves.choice
        if mode == "fixed":
            choice.fixed = fixed or self.y_range
        choice.mode = mode
        self._view_changed()

    @property
    def y_range(self) -> tuple[float, float]:
        """The y range in the chart's unit, also on a logarithmic axis."""
        low, high = self.curves.y_range
        return (10**low, 10**high) if self.curves.choice.log else (low, high)

    def zoom_y(self, factor: float, row: float) -> None:
        """Make the y range `factor` times as high around a row of the canvas; it stays fixed then."""
        low, high = self.curves.y_range
        plot = self.canvas.plot
        centre = low + (plot.bottom() - row) / plot.height() * (high - low)
        low, high = centre - (centre - low) * factor, centre + (high - centre) * factor
        self.set_y_mode("fixed", (10**low, 10**high) if self.curves.choice.log else (low, high))

    def toggle_series(self, key: str, only: bool = False) -> None:
        """Switch one series; `only` leaves it alone on, and again brings all back."""
        keys = {s.key for s in self.spec.series}
        others = keys - {key}
        if only:
            self.curves.off = set() if self.curves.off == others else others
        else:
            self.curves.off ^= {key}
        self._view_changed()

    def _on_legend_hovered(self, key: str) -> None:
        self.curves.hover = key if key and len(self.spec.series) > 1 else None
        self.group.touch(self, now=True)

    def _view_changed(self) -> None:
        self.group.touch(self, now=True)
        self.view_changed.emit()

    def view_state(self) -> dict[str, object]:
        """What a layout keeps: log, y range, switched-off series. Empty when nothing differs."""
        choice = self.curves.choice
        state: dict[str, object] = {}
        if choice.log:
            state["log"] = True
        if choice.mode != "robust":
            state["y"] = choice.mode
        if choice.mode == "fixed":
            state["range"] = list(choice.fixed)
        if self.curves.off:
            state["off"] = sorted(self.curves.off)
        return state

    def restore_view(self, state: dict[str, object]) -> None:
        """Take a kept state; entries that make no sense are passed over."""
        choice = self.curves.choice
        choice.log = bool(state.get("log", False))
        mode, fixed = state.get("y", "robust"), state.get("range")
        if (
            mode == "fixed"
            and isinstance(fixed, list | tuple)
            and len(fixed) == 2
            and all(isinstance(v, int | float) for v in fixed)
        ):
            choice.mode, choice.fixed = "fixed", (float(fixed[0]), float(fixed[1]))
        elif mode in ("auto", "robust"):
            choice.mode = str(mode)
        off = state.get("off", [])
        self.curves.off = {s.key for s in self.spec.series if isinstance(off, list | tuple) and s.key in off}
        self.group.touch(self)

    # -- words -----------------------------------------------------------------------------------------------

    def spoken_summary(self) -> str:
        """What a screen reader says: per series last, lowest, highest value and trend."""
        parts = []
        for spec in self.curves.shown():
            values = self.values_of(spec)
            if values is not None:
                parts.append(spoken(tr(spec.name) if spec.name else tr(self.spec.title), values, spec.style))
        return "; ".join(parts) if parts else tr("No values yet")

    def values_of(self, spec: SeriesSpec) -> np.ndarray | None:
        """Every value of a series in the chart's unit."""
        series = self.group.store.get(spec.key)
        return series.values * spec.scale if series is not None else None

    # -- Qt --------------------------------------------------------------------------------------------------

    def open_menu(self, at: QPoint, canvas_x: float | None = None) -> None:
        """The right-click menu at a global position."""
        from console.charts.menu import build_menu

        position = self.position_at(canvas_x) if canvas_x is not None else self.group.crosshair
        build_menu(self, position).popup(at)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not interact.handle_key(self, event):
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.hand.set_space(False)
        super().keyReleaseEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._focus_ring = event.reason() in (
            Qt.FocusReason.TabFocusReason,
            Qt.FocusReason.BacktabFocusReason,
            Qt.FocusReason.ShortcutFocusReason,
        )
        self._describe()
        self.update()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._focus_ring = False
        self.update()
        super().focusOutEvent(event)

    def show_focus_ring(self) -> None:
        """Arrow keys moved the focus here."""
        self._focus_ring = True
        self.update()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.group.clock.wake()

    def spoken_value(self) -> str:
        return self.spoken_summary()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        self._paint_panel(painter)
        if self._focus_ring:
            radius = theme.radius("panel")
            painter.setPen(pen("focus-ring", 1.0, 2.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), radius, radius)
        painter.end()

    def _paint_panel(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.framed:
            radius = theme.radius("panel")
            painter.setPen(pen("line"))
            painter.setBrush(colour("panel"))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)

    def paint_vectors(self, painter: QPainter) -> None:
        """Panel, header and plot without cached pixels, for SVG."""
        self._paint_panel(painter)
        if self.framed:
            painter.save()
            painter.translate(self.header.pos())
            self.header.draw(painter)
            painter.restore()
        painter.save()
        painter.translate(self.canvas.pos())
        self.canvas.draw(painter)
        painter.restore()

    def closing(self) -> None:
        """Leave the group; call before deleteLater."""
        self.group.remove(self)
