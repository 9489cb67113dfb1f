"""ChartGrid: the charts of a page in columns; drag to reorder, hide, add any metric, maximize, keep the layout."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QMenu, QScrollArea, QWidget

from console.charts.catalogue import ChartSpec, spec_for
from console.charts.chart import TimeSeriesChart
from console.charts.group import ChartGroup
from console.charts.palette import colour
from console.i18n import tr
from console.theme import theme

LEAST_ROW = 150  # below this a row scrolls instead of shrinking
TALL = 220 / 161  # the row with the page's first chart is higher, as drawn in the design
LAYOUT_VERSION = 1


def columns_for(width: int, wanted: int) -> int:
    """Three columns as drawn, a fourth on wide windows, fewer where a chart would fall below 200 px."""
    if width >= 1300 and wanted >= 3:
        return wanted + 1
    return max(1, min(wanted, width // 200))


def pack(spans: list[int], columns: int) -> list[list[int]]:
    """Rows of indices: spans fill from the left, a chart that does not fit opens the next row."""
    rows: list[list[int]] = []
    used = columns
    for i, span in enumerate(spans):
        width = min(span, columns)
        if used + width > columns:
            rows.append([])
            used = 0
        rows[-1].append(i)
        used += width
    return rows


def _entry(menu: QMenu, text: str, act: Callable[[], object]) -> None:
    """A menu entry whose `checked` argument does not reach the function."""
    menu.addAction(text).triggered.connect(lambda *_: act())


class _Field(QWidget):
    """Holds the charts and paints where a dragged one would land."""

    def __init__(self, grid: ChartGrid) -> None:
        super().__init__()
        self._grid = grid
        self.drop_line: QRect | None = None

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: ARG002
        self._grid.arrange()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        if self.drop_line is not None:
            painter = QPainter(self)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour("accent"))
            painter.drawRoundedRect(QRectF(self.drop_line), 1.5, 1.5)
            painter.end()


class ChartGrid(QScrollArea):
    """Charts of one group in columns.

    Signals:
        layout_changed: order, hidden charts or a chart's view changed; save `layout_state()`.
    """

    layout_changed = Signal()

    def __init__(
        self, group: ChartGroup, specs: Iterable[ChartSpec], parent: QWidget | None = None, columns: int = 3
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Charts"))
        self.group = group
        self._columns = columns
        self._defaults = tuple(specs)
        self._charts: dict[str, TimeSeriesChart] = {}
        self._order: list[str] = []
        self._hidden: set[str] = set()
        self._added: dict[str, str] = {}  # chart id → metric key
        self._big: TimeSeriesChart | None = None
        self._field = _Field(self)
        self.setWidget(self._field)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setAutoFillBackground(False)
        self._field.setAutoFillBackground(False)
        self.setObjectName("chartGrid")
        self.setStyleSheet("#chartGrid, #chartGrid > QWidget > QWidget { background: transparent; }")
        group.maximize_requested.connect(self._on_maximize_requested)
        for spec in self._defaults:
            self._make(spec)
            if spec.hidden:
                self._hidden.add(spec.id)
        self.arrange()

    # -- charts ----------------------------------------------------------------------------------------------

    def chart(self, chart_id: str) -> TimeSeriesChart:
        """A chart by id; KeyError when there is none."""
        return self._charts[chart_id]

    def shown(self) -> list[TimeSeriesChart]:
        """Visible charts in reading order."""
        return [self._charts[i] for i in self._order if i not in self._hidden]

    def hidden(self) -> list[ChartSpec]:
        """Specs of hidden charts, for a menu."""
        return [self._charts[i].spec for i in self._order if i in self._hidden]

    def _make(self, spec: ChartSpec) -> TimeSeriesChart:
        chart = TimeSeriesChart(self.group, spec, self._field)
        chart.view_changed.connect(self.layout_changed)
        chart.dragged.connect(self._on_dragged)
        chart.hide_requested.connect(self._on_hide_requested)
        chart.installEventFilter(self)
        self._charts[spec.id] = chart
        self._order.append(spec.id)
        return chart

    def set_shown(self, chart_id: str, on: bool) -> None:
        """Show or hide a chart; KeyError for an unknown id."""
        chart = self._charts[chart_id]
        (self._hidden.discard if on else self._hidden.add)(chart_id)
        if not on and chart is self._big:
            self.maximize(None)
        self.arrange()
        self.layout_changed.emit()

    def add_metric(self, key: str) -> TimeSeriesChart:
        """A chart of any logged metric at the end; the one that is already there is shown instead."""
        spec = spec_for(key, self._defaults, self.group.store.names())
        if spec.id not in self._charts:
            self._make(spec)
            self._added[spec.id] = key
        self.set_shown(spec.id, True)
        return self._charts[spec.id]

    def addable(self) -> list[str]:
        """Logged keys that no visible chart draws, in the order they came."""
        drawn = {s.key for chart in self.shown() for s in chart.spec.series}
        drawn |= {key for chart in self.shown() for key in chart.spec.total}
        return [key for key in self.group.store.names() if key not in drawn]

    def fill_add_menu(self, menu: QMenu) -> None:
        """Entries of an "Add chart" button: hidden charts, then other logged metrics."""
        menu.clear()
        for spec in self.hidden():
            _entry(menu, tr(spec.title), partial(self.set_shown, spec.id, True))
        known = {s.key for spec in self.hidden() for s in spec.series}
        others = [key for key in self.addable() if key not in known]
        if others:
            menu.addSeparator()
        for key in others[:200]:
            _entry(menu, key.replace("&", "&&")[:80], partial(self.add_metric, key))

    # -- laying out ------------------------------------------------------------------------------------------

    def arrange(self) -> None:
        """Put every visible chart into its place."""
        shown = self.shown()
        for chart in self._charts.values():
            chart.setVisible(chart is self._big if self._big is not None else chart in shown)
        if self._big is not None:
            self._field.setMinimumHeight(0)
            self._big.setGeometry(self._field.rect())
            return
        columns = columns_for(self._field.width(), self._columns)
        rows = pack([c.spec.span for c in shown], columns)
        gap = theme.size("grid-gap")
        weights = [TALL if any(shown[i].spec.lane for i in row) else 1.0 for row in rows]
        least = round(sum(LEAST_ROW * w for w in weights)) + gap * max(0, len(rows) - 1)
        self._field.setMinimumHeight(least)
        space = max(self._field.height(), least) - gap * max(0, len(rows) - 1)
        top = 0.0
        for row, weight in zip(rows, weights, strict=True):
            height = space * weight / sum(weights)
            self._arrange_row([shown[i] for i in row], columns, round(top), round(top + height) - round(top))
            top += height + gap
        self._set_tab_stop(shown)

    def _arrange_row(self, charts: list[TimeSeriesChart], columns: int, top: int, height: int) -> None:
        gap = theme.size("grid-gap")
        spans = [min(c.spec.span, columns) for c in charts]
        total = columns if charts[-1] is not self.shown()[-1] else max(columns, sum(spans))
        unit = (self._field.width() - gap * (total - 1)) / total
        left = 0.0
        for chart, span in zip(charts, spans, strict=True):
            right = left + unit * span + gap * (span - 1)
            chart.setGeometry(round(left), top, round(right) - round(left), height)
            left = right + gap

    def _set_tab_stop(self, shown: list[TimeSeriesChart]) -> None:
        """The grid is one tab stop: the chart that had the focus last, else the first."""
        current = next((c for c in shown if c.hasFocus()), shown[0] if shown else None)
        for chart in shown:
            chart.setFocusPolicy(Qt.FocusPolicy.StrongFocus if chart is current else Qt.FocusPolicy.ClickFocus)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QKeyEvent.Type.KeyPress
            and isinstance(watched, TimeSeriesChart)
        ):
            step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
            if step is not None and self._big is None:
                self._focus_next(watched, step)
                return True
        return super().eventFilter(watched, event)

    def _focus_next(self, chart: TimeSeriesChart, step: int) -> None:
        shown = self.shown()
        target = shown[(shown.index(chart) + step) % len(shown)]
        target.setFocus(Qt.FocusReason.TabFocusReason)
        self._set_tab_stop(shown)
        self.ensureWidgetVisible(target)

    # -- maximize --------------------------------------------------------------------------------------------

    @property
    def maximized(self) -> TimeSeriesChart | None:
        """The chart that fills the grid."""
        return self._big

    def maximize(self, chart: TimeSeriesChart | None) -> None:
        """Let one chart fill the grid; None brings all back."""
        before, self._big = self._big, chart
        for each in (before, chart):
            if each is not None:
                each.maximized = each is chart
        self.arrange()
        focused = chart or before
        if focused is not None:
            focused.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_maximize_requested(self, chart: TimeSeriesChart | None) -> None:
        if chart is None or chart is self._big:
            self.maximize(None)
        elif chart in self._charts.values():
            self.maximize(chart)

    # -- dragging --------------------------------------------------------------------------------------------

    def _on_hide_requested(self) -> None:
        chart = self.sender()
        if isinstance(chart, TimeSeriesChart):
            self.set_shown(chart.spec.id, False)

    def _on_dragged(self, at: QPoint, dropped: bool) -> None:
        chart = self.sender()
        if not isinstance(chart, TimeSeriesChart) or self._big is not None:
            return
        target, before = self._drop_place(self._field.mapFromGlobal(at))
        line = None
        if target is not None and target is not chart:
            box = target.geometry()
            x = box.left() - 6 if before else box.right() + 4
            line = QRect(max(0, x), box.top(), 3, box.height())
            if dropped:
                self.place(chart.spec.id, target.spec.id, before)
        self._field.drop_line = None if dropped else line
        self._field.update()

    def _drop_place(self, at: QPoint) -> tuple[TimeSeriesChart | None, bool]:
        for chart in self.shown():
            if chart.geometry().contains(at):
                return chart, at.x() < chart.geometry().center().x()
        return None, True

    def place(self, chart_id: str, target_id: str, before: bool) -> None:
        """Put one chart before or after another."""
        if chart_id == target_id:
            return
        self._order.remove(chart_id)
        self._order.insert(self._order.index(target_id) + (0 if before else 1), chart_id)
        self.arrange()
        self.layout_changed.emit()

    # -- keeping ---------------------------------------------------------------------------------------------

    def layout_state(self) -> dict[str, object]:
        """Order, hidden charts, added metrics and each chart's view, as plain JSON values."""
        views = {i: state for i, chart in self._charts.items() if (state := chart.view_state())}
        return {
            "version": LAYOUT_VERSION,
            "order": list(self._order),
            "hidden": sorted(self._hidden),
            "added": dict(self._added),
            "views": views,
        }

    def restore_layout(self, state: dict[str, object]) -> None:
        """Take a kept layout; unknown charts are passed over and new ones stand at their default place."""
        if not isinstance(state, dict) or state.get("version") != LAYOUT_VERSION:
            return
        added, order, hidden, views = (state.get(k) for k in ("added", "order", "hidden", "views"))
        for key in added.values() if isinstance(added, dict) else ():
            if isinstance(key, str):
                self.add_metric(key)
        if isinstance(order, list):
            kept = [i for i in order if i in self._charts]
            self._order = kept + [i for i in self._order if i not in kept]
        if isinstance(hidden, list):
            known = set(order) if isinstance(order, list) else set(self._order)
            self._hidden = {i for i in hidden if i in self._charts} | {i for i in self._hidden if i not in known}
        for chart_id, view in views.items() if isinstance(views, dict) else ():
            if chart_id in self._charts and isinstance(view, dict):
                self._charts[chart_id].restore_view(view)
        self.arrange()

    def reset_layout(self) -> None:
        """The layout of the catalogue; added charts go."""
        self.maximize(None)
        for chart_id in list(self._added):
            chart = self._charts.pop(chart_id)
            chart.closing()
            chart.hide()
            chart.deleteLater()
        self._added.clear()
        self._order = [spec.id for spec in self._defaults]
        self._hidden = {spec.id for spec in self._defaults if spec.hidden}
        for chart in self._charts.values():
            chart.restore_view({})
        self.arrange()
        self.layout_changed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.arrange()
