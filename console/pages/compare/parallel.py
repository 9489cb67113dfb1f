"""Parallel coordinates: a line for each run across the axes; brush an axis, drag it, make it logarithmic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from console.i18n import tr, tr_n
from console.pages.compare.parallel_paint import BOTTOM, LEFT, RIGHT, TOP, paint_axis, paint_lines
from console.pages.compare.sweep import Axis

NEAR_AXIS, NEAR_LINE, DRAG_PX = 14, 5, 4
KEY_STEP = 0.05
_T = np.linspace(0.0, 1.0, 33)
_BEND_X = 1.5 * _T * (1 - _T) + _T**3  # a cubic whose control points lie halfway between two axes
_BEND_Y = 3 * _T**2 - 2 * _T**3


class Parallel(QWidget):
    """Brushes are ranges of heights (0 bottom, 1 top) on an axis; a run is inside when it lies in all of them.

    Signals:
        brushed: what is inside changed. axes_changed: their order or scale changed.
        opened(run id): a line was double-clicked. menu_asked(axis key, global position).
    """

    brushed = Signal()
    axes_changed = Signal()
    opened = Signal(str)
    menu_asked = Signal(str, QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.axes: list[Axis] = []
        self.ids: tuple[str, ...] = ()
        self.names: tuple[str, ...] = ()
        self.colours: dict[str, int] = {}
        self.brushes: dict[str, tuple[float, float]] = {}
        self.current = 0
        self.hover: int | None = None
        self._from: tuple[str, float, tuple[float, float] | None] | None = None
        self.dragged: tuple[str, float] | None = None  # axis whose title is held, and where it is now
        self.ring = False
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(180)

    def sizeHint(self) -> QSize:
        return QSize(900, 200)

    # ---- what is shown ---------------------------------------------------------------------------------------------

    def show_runs(
        self, ids: Sequence[str], names: Sequence[str], axes: Sequence[Axis], colours: dict[str, int]
    ) -> None:
        """Runs, the axes in their order, and the series colour of the compared ones. Brushes of gone axes go."""
        self.ids, self.names, self.axes, self.colours = tuple(ids), tuple(names), list(axes), dict(colours)
        self.brushes = {axis.key: self.brushes[axis.key] for axis in axes if axis.key in self.brushes}
        self.current = min(self.current, max(0, len(self.axes) - 1))
        self.hover = None
        self._describe()
        self.update()

    def inside(self) -> list[str]:
        """The runs that lie in every brush."""
        return [run_id for i, run_id in enumerate(self.ids) if self.is_inside(i)]

    def is_inside(self, run: int) -> bool:
        """Whether the run at this place lies in every brush."""
        for axis in self.axes:
            brush = self.brushes.get(axis.key)
            if brush is None:
                continue
            place = axis.place(axis.values[run])
            if place is None or not brush[0] - 1e-9 <= place <= brush[1] + 1e-9:
                return False
        return True

    def set_brush(self, key: str, brush: tuple[float, float] | None) -> None:
        """Brush an axis, or take its brush away."""
        if brush is None:
            if self.brushes.pop(key, None) is None:
                return
        else:
            low, high = sorted(min(max(end, 0.0), 1.0) for end in brush)
            self.brushes[key] = (low, high)
        self._describe()
        self.update()
        self.brushed.emit()

    def clear_brushes(self) -> None:
        """Every run is inside again."""
        self.brushes = {}
        self._describe()
        self.update()
        self.brushed.emit()

    def move_axis(self, key: str, to: int) -> None:
        """Put an axis at another place."""
        at = next(i for i, axis in enumerate(self.axes) if axis.key == key)
        axis = self.axes.pop(at)
        to = min(max(to, 0), len(self.axes))
        self.axes.insert(to, axis)
        self.current = to
        self.update()
        if to != at:
            self.axes_changed.emit()

    def replace_axis(self, axis: Axis) -> None:
        """The same axis on another scale; its brush, a range of heights, would mean something else and goes."""
        self.axes = [axis if old.key == axis.key else old for old in self.axes]
        self.set_brush(axis.key, None)
        self.update()
        self.axes_changed.emit()

    def _describe(self) -> None:
        self.setAccessibleName(
            tr_n(len(self.ids), "Parallel coordinates of {n} run", "Parallel coordinates of {n} runs")
        )
        parts = [axis.text_of(*self.brushes[axis.key]) for axis in self.axes if axis.key in self.brushes]
        parts.append(tr("{n} of {count} runs inside", n=len(self.inside()), count=len(self.ids)))
        if self.axes:
            parts.append(tr("axis {name}", name=self.axes[self.current].title))
        self.setAccessibleDescription("; ".join(parts))

    # ---- places ----------------------------------------------------------------------------------------------------

    def axis_x(self, index: int) -> float:
        """The column of an axis."""
        if len(self.axes) < 2:
            return self.width() / 2
        return LEFT + index * (self.width() - LEFT - RIGHT) / (len(self.axes) - 1)

    def row_of(self, place: float) -> float:
        """The pixel row of a height."""
        return self.height() - BOTTOM - place * (self.height() - TOP - BOTTOM)

    def _place_at(self, y: float) -> float:
        return min(max((self.height() - BOTTOM - y) / (self.height() - TOP - BOTTOM), 0.0), 1.0)

    def axis_near(self, x: float, near: float = NEAR_AXIS) -> int | None:
        """The axis whose line is at most `near` pixels away."""
        if not self.axes:
            return None
        index = min(range(len(self.axes)), key=lambda i: abs(self.axis_x(i) - x))
        return index if abs(self.axis_x(index) - x) <= near else None

    def line_near(self, at: QPointF) -> int | None:
        """The run whose line passes under a point; of several the one inside."""
        gaps = [i for i in range(len(self.axes) - 1) if self.axis_x(i) <= at.x() <= self.axis_x(i + 1)]
        if not gaps:
            return None
        i = gaps[0]
        share = (at.x() - self.axis_x(i)) / (self.axis_x(i + 1) - self.axis_x(i))
        bend = float(np.interp(share, _BEND_X, _BEND_Y))
        found = []
        for run in range(len(self.ids)):
            a, b = (self.axes[k].place(self.axes[k].values[run]) for k in (i, i + 1))
            if a is not None and b is not None:
                away = abs(self.row_of(a + (b - a) * bend) - at.y())
                if away <= NEAR_LINE:
                    found.append((not self.is_inside(run), away, run))
        return min(found)[2] if found else None

    # ---- painting --------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_lines(self, painter)
        for index in range(len(self.axes)):
            paint_axis(self, painter, index)
        painter.end()

    # ---- mouse -----------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at, index = event.position(), self.axis_near(event.position().x(), 40)
        if event.button() != Qt.MouseButton.LeftButton or index is None:
            return
        axis = self.axes[index]
        if at.y() < TOP - 8:
            self.dragged = (axis.key, self.axis_x(index))
        elif abs(self.axis_x(index) - at.x()) <= NEAR_AXIS:
            brush, place = self.brushes.get(axis.key), self._place_at(at.y())
            held = brush if brush is not None and brush[0] <= place <= brush[1] else None
            self._from = (axis.key, place, held)
        self.current = index
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position()
        if self.dragged is not None:
            self.dragged = (self.dragged[0], min(max(at.x(), LEFT), self.width() - RIGHT))
            self.update()
        elif self._from is not None:
            self._brush_to(self._place_at(at.y()))
        else:
            self._show_hover(event)

    def _brush_to(self, place: float) -> None:
        key, start, held = self._from or ("", 0.0, None)
        if held is None:
            self.set_brush(key, (start, place))
            return
        shift = min(max(place - start, -held[0]), 1.0 - held[1])
        self.set_brush(key, (held[0] + shift, held[1] + shift))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed, dragged = self._from, self.dragged
        self._from = self.dragged = None
        if dragged is not None and len(self.axes) > 1:
            step = (self.width() - LEFT - RIGHT) / (len(self.axes) - 1)
            self.move_axis(dragged[0], round((dragged[1] - LEFT) / step))
        elif pressed is not None:
            moved = abs(self._place_at(event.position().y()) - pressed[1]) * (self.height() - TOP - BOTTOM)
            if moved < DRAG_PX:
                self.set_brush(pressed[0], None)
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        run = self.line_near(event.position())
        if run is not None and self.axis_near(event.position().x()) is None:
            self.opened.emit(self.ids[run])

    def _show_hover(self, event: QMouseEvent) -> None:
        at = event.position()
        on_axis = self.axis_near(at.x())
        run = self.line_near(at) if on_axis is None and at.y() > TOP else None
        shape = Qt.CursorShape.ArrowCursor
        if on_axis is not None or (self.axis_near(at.x(), 40) is not None and at.y() < TOP - 8):
            shape = Qt.CursorShape.OpenHandCursor if at.y() < TOP - 8 else Qt.CursorShape.SizeVerCursor
        self.setCursor(shape)
        if run != self.hover:
            self.hover = run
            self.update()
            if run is not None:
                QToolTip.showText(event.globalPosition().toPoint(), self.names[run][:200].replace("<", "‹"), self)
            else:
                QToolTip.hideText()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: ARG002
        self.hover = None
        self.update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() != QContextMenuEvent.Reason.Mouse:
            self._ask_menu()
            return
        index = self.axis_near(event.pos().x(), 60)
        if index is not None:
            self.current = index
            self.menu_asked.emit(self.axes[index].key, event.globalPos())

    def _ask_menu(self) -> None:
        """The menu of the present axis, by a key."""
        if self.axes:
            at = self.mapToGlobal(QPoint(round(self.axis_x(self.current)), TOP))
            self.menu_asked.emit(self.axes[self.current].key, at)

    # ---- keyboard --------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        key = event.key()
        if not self.axes:
            super().keyPressEvent(event)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._key_across(-1 if key == Qt.Key.Key_Left else 1, shift)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._key_brush(KEY_STEP if key == Qt.Key.Key_Up else -KEY_STEP, shift)
        elif shift and key == Qt.Key.Key_F10:
            self._ask_menu()
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.set_brush(self.axes[self.current].key, None)
        elif key == Qt.Key.Key_Escape and self.brushes:
            self.clear_brushes()
        else:
            super().keyPressEvent(event)

    def _key_across(self, step: int, move: bool) -> None:
        """Choose the next axis; with Shift take the present one along."""
        if move:
            self.move_axis(self.axes[self.current].key, self.current + step)
        else:
            self.current = min(max(self.current + step, 0), len(self.axes) - 1)
        self._describe()
        self.update()

    def _key_brush(self, step: float, upper: bool) -> None:
        """Move the lower end of the brush, with Shift the upper one."""
        key = self.axes[self.current].key
        low, high = self.brushes.get(key, (0.0, 1.0))
        brush = (low, min(1.0, max(low, high + step))) if upper else (max(0.0, min(high, low + step)), high)
        self.set_brush(key, None if brush == (0.0, 1.0) else brush)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self.ring = event.reason() not in (Qt.FocusReason.MouseFocusReason, Qt.FocusReason.PopupFocusReason)
        self.update()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.ring = False
        self.update()
        super().focusOutEvent(event)
