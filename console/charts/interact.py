"""Mouse and keyboard of a chart: zoom, pan, box, crosshair, events, switches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QToolTip

from console.charts.marks import ICON, LANE_CENTRE, shows_icon
from console.charts.series import AXES, Axis
from console.keys import key_table

if TYPE_CHECKING:
    from console.charts.chart import TimeSeriesChart
    from console.charts.events import Mark

NOTCH = 120.0
ZOOM_PER_NOTCH = 0.8
DRAG_PX = 4
SMOOTHINGS = (0.0, 0.3, 0.6, 0.8, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999)


class Hand(QObject):
    """Answers the mouse over a chart's plot."""

    def __init__(self, chart: TimeSeriesChart) -> None:
        super().__init__(chart)
        self._chart = chart
        self._from: float | None = None  # column where the left button went down
        self._pan_from: float | None = None
        self._space = False
        self._surface = chart.canvas
        self._surface.installEventFilter(self)

    def set_space(self, held: bool) -> None:
        """While Space is held, dragging pans."""
        self._space = held
        self._surface.setCursor(Qt.CursorShape.OpenHandCursor if held else Qt.CursorShape.ArrowCursor)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: ARG002
        act = _MOUSE.get(event.type())
        return bool(act(self, event)) if act is not None else False

    # -- moving ----------------------------------------------------------------------------------------------

    def _moved(self, event: QMouseEvent) -> bool:
        x = event.position().x()
        chart = self._chart
        if self._pan_from is not None:
            self._pan(x)
        elif self._from is not None and abs(x - self._from) >= DRAG_PX:
            self._show_box((self._clamped(self._from), self._clamped(x)))
        plot = chart.canvas.plot
        if plot.left() - 2 <= x <= plot.right() + 2:
            chart.group.set_crosshair(chart.position_at(self._clamped(x)), chart)
            self._show_tip(event)
        else:
            chart.group.set_crosshair(None)
        return True

    def _clamped(self, x: float) -> float:
        plot = self._chart.canvas.plot
        return min(max(x, plot.left()), plot.right())

    def _pan(self, x: float) -> None:
        chart = self._chart
        low, high = chart.group.range
        per_pixel = (high - low) / chart.canvas.plot.width()
        chart.group.pan(((self._pan_from or x) - x) * per_pixel)
        self._pan_from = x

    def _show_box(self, box: tuple[float, float] | None) -> None:
        overlay = self._chart.canvas.overlay
        overlay.box = box
        self._surface.update()

    def _show_tip(self, event: QMouseEvent) -> None:
        mark = self.mark_at(event.position())
        if mark is not None:
            text = "\n".join(e.text for e in mark.events[:8]) + ("\n…" if len(mark.events) > 8 else "")
            QToolTip.showText(event.globalPosition().toPoint(), text[:600], self._surface)
        elif (gap := self.gap_at(event.position().x())) is not None:
            QToolTip.showText(event.globalPosition().toPoint(), gap, self._surface)
        elif QToolTip.isVisible():
            QToolTip.hideText()

    def gap_at(self, x: float) -> str | None:
        """What is said of the hole in the data at a column; a narrow one has no room for it on the plot."""
        shades = self._chart.canvas.picture.shades
        return next((s.text for s in shades if s.kind == "gap" and s.left <= x <= s.right), None)

    def mark_at(self, pos: QPointF) -> Mark | None:
        """The event icon under a point of the canvas."""
        picture = self._chart.canvas.picture
        if abs(pos.y() - picture.plot.top() - LANE_CENTRE) > ICON:
            return None
        near = [m for m in picture.marks if shows_icon(picture, m) and abs(m.pixel - pos.x()) <= ICON]
        return min(near, key=lambda m: abs(m.pixel - pos.x())) if near else None

    # -- buttons ---------------------------------------------------------------------------------------------

    def _pressed(self, event: QMouseEvent) -> bool:
        self._chart.setFocus(Qt.FocusReason.MouseFocusReason)
        x = event.position().x()
        middle = event.button() == Qt.MouseButton.MiddleButton
        if middle or (event.button() == Qt.MouseButton.LeftButton and self._space):
            self._pan_from = x
            self._surface.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif event.button() == Qt.MouseButton.LeftButton:
            self._from = x
        return event.button() != Qt.MouseButton.RightButton

    def _released(self, event: QMouseEvent) -> bool:
        chart, start = self._chart, self._from
        x = event.position().x()
        if self._pan_from is not None:
            self._pan_from = None
            self.set_space(self._space)
        elif start is not None and abs(x - start) >= DRAG_PX:
            self._show_box(None)
            left, right = sorted((self._clamped(start), self._clamped(x)))
            chart.group.zoom_to(chart.position_at(left), chart.position_at(right))
        elif start is not None:
            mark = self.mark_at(event.position())
            if mark is not None:
                chart.group.event_selected.emit(mark.leader.id)
        self._from = None
        return event.button() != Qt.MouseButton.RightButton

    def _double_clicked(self, event: QMouseEvent) -> bool:
        if event.button() == Qt.MouseButton.LeftButton:
            self._from = None
            self._chart.set_y_mode("robust")
            self._chart.group.reset()
        return True

    def _wheeled(self, event: QWheelEvent) -> bool:
        chart = self._chart
        turned = event.angleDelta()
        if abs(turned.x()) > abs(turned.y()):
            low, high = chart.group.range
            chart.group.pan(-turned.x() / NOTCH * (high - low) * 0.1)
            return True
        factor = ZOOM_PER_NOTCH ** (turned.y() / NOTCH)
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            chart.zoom_y(factor, event.position().y())
        else:
            chart.group.zoom(factor, chart.position_at(self._clamped(event.position().x())))
        event.accept()
        return True

    def _left(self, event: QEvent) -> bool:  # noqa: ARG002
        if self._from is None and self._pan_from is None:
            self._chart.group.set_crosshair(None)
        return False

    def _menu(self, event: QContextMenuEvent) -> bool:
        self._chart.open_menu(event.globalPos(), float(event.pos().x()))
        return True


_MOUSE: dict[QEvent.Type, Callable[..., bool]] = {
    QEvent.Type.MouseMove: Hand._moved,
    QEvent.Type.MouseButtonPress: Hand._pressed,
    QEvent.Type.MouseButtonRelease: Hand._released,
    QEvent.Type.MouseButtonDblClick: Hand._double_clicked,
    QEvent.Type.Wheel: Hand._wheeled,
    QEvent.Type.Leave: Hand._left,
    QEvent.Type.ContextMenu: Hand._menu,
}


# -- keyboard ------------------------------------------------------------------------------------------------


def next_axis(axis: Axis) -> Axis:
    return AXES[(AXES.index(axis) + 1) % len(AXES)]


def next_smoothing(value: float, up: bool) -> float:
    """The next stop on the smoothing scale; finer near 1, where it matters."""
    if up:
        return next((s for s in SMOOTHINGS if s > value + 1e-9), SMOOTHINGS[-1])
    return next((s for s in reversed(SMOOTHINGS) if s < value - 1e-9), 0.0)


_Key = Callable[["TimeSeriesChart"], None]


def _show_table(chart: TimeSeriesChart) -> None:
    from console.charts.table import show_table

    show_table(chart)


_BOUND: dict[str, _Key] = {
    "chart.follow": lambda c: c.group.set_follow(not c.group.follow),
    "chart.log_y": lambda c: c.group.set_log_y(not c.group.log_y),
    "chart.axis": lambda c: c.group.set_axis(next_axis(c.group.axis)),
    "chart.rougher": lambda c: c.group.set_smoothing(next_smoothing(c.group.smoothing, False)),
    "chart.smoother": lambda c: c.group.set_smoothing(next_smoothing(c.group.smoothing, True)),
    "chart.zoom_in": lambda c: c.group.zoom(ZOOM_PER_NOTCH),
    "chart.zoom_out": lambda c: c.group.zoom(1 / ZOOM_PER_NOTCH),
    "chart.zoom_reset": lambda c: c.group.reset(),
    "chart.next_event": lambda c: c.group.go_to_event(True, c),
    "chart.event_before": lambda c: c.group.go_to_event(False, c),
    "chart.table": _show_table,
}
"""By id in the key table, where their keys are."""

_FIXED: dict[Qt.Key, Callable[[TimeSeriesChart, bool], None]] = {
    Qt.Key.Key_Left: lambda c, shift: c.group.step_crosshair(-10 if shift else -1, c),
    Qt.Key.Key_Right: lambda c, shift: c.group.step_crosshair(10 if shift else 1, c),
    Qt.Key.Key_Return: lambda c, _: c.group.maximize_requested.emit(c),
    Qt.Key.Key_Enter: lambda c, _: c.group.maximize_requested.emit(c),
}
"""Keys of every widget of their kind, which nobody binds anew."""


def handle_key(chart: TimeSeriesChart, event: QKeyEvent) -> bool:
    """Act on a key of UI.md section 3; False when it is not ours."""
    bound = next((act for action_id, act in _BOUND.items() if key_table.is_key_of(action_id, event)), None)
    if bound is not None:
        bound(chart)
        return True
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    shift = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
    key = Qt.Key(event.key())
    if key == Qt.Key.Key_Menu or (shift and key == Qt.Key.Key_F10):
        chart.open_menu(chart.mapToGlobal(chart.rect().center()))
        return True
    if modifiers & ~Qt.KeyboardModifier.ShiftModifier:
        return False
    if key == Qt.Key.Key_Space:
        if not event.isAutoRepeat():
            chart.hand.set_space(True)
        return True
    if key == Qt.Key.Key_Escape:
        return _escape(chart)
    act = _FIXED.get(key)
    if act is not None:
        act(chart, shift)
    return act is not None


def _escape(chart: TimeSeriesChart) -> bool:
    """Esc takes the crosshair away first, then leaves the maximized chart; else it is the page's."""
    if chart.group.crosshair is not None:
        chart.group.set_crosshair(None)
        return True
    if getattr(chart, "maximized", False):
        chart.group.maximize_requested.emit(None)
        return True
    return False
