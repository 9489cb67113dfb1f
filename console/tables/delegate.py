"""Paints table cells by the kind of their column; nothing here is a widget."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from console.i18n import tr
from console.tables.columns import Column, Progress
from console.tables.model import ROW_ROLE, TableModel
from console.theme import theme
from console.widgets import paint

PAD = 6


class TableDelegate(QStyledItemDelegate):
    """One delegate for all columns of a TableView."""

    def __init__(self, model: TableModel, row_height: int, parent: Any = None) -> None:
        super().__init__(parent)
        self._model = model
        self.row_height = row_height
        self.hover_row = -1
        self._painters = {
            "text": _paint_text, "two_line": _paint_two_lines, "pill": _paint_pill, "progress": _paint_progress,
            "sparkline": _paint_sparkline, "tags": _paint_tags, "chips": _paint_chips, "dot": _paint_dot,
            "icon": _paint_icon, "ring": _paint_ring,
        }  # fmt: skip

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: ARG002
        return QSize(60, self.row_height)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        row = index.data(ROW_ROLE)
        if row is None:
            return
        column = self._model.columns[index.column()]
        rect = QRectF(option.rect)
        ticked = self._model.is_ticked(self._model.id_at(index.row()))
        painter.save()
        self._paint_ground(painter, option, rect, ticked, index.row())
        head = column.cell(row) if column.kind == "check" and column.cell is not None else None
        if head is not None:
            theme.paint_icon(painter, head[0], QRectF(rect.center().x() - 7, rect.center().y() - 7, 14, 14), head[1])
        elif column.kind == "check":
            state = Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked
            paint.check(painter, rect, state)
        elif column.kind == "custom" and column.paint is not None:
            column.paint(painter, rect.adjusted(PAD, 0, -PAD, -1), row)
        else:
            self._painters[column.kind](painter, rect.adjusted(PAD, 0, -PAD, -1), column, row)
        painter.restore()

    def _paint_ground(
        self, painter: QPainter, option: QStyleOptionViewItem, rect: QRectF, ticked: bool, row: int
    ) -> None:
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        if ticked:
            painter.fillRect(rect, theme.role("accent-soft"))
        elif selected:
            painter.fillRect(rect, theme.role("selected"))
        elif row == self.hover_row:
            painter.fillRect(rect, theme.role("raised", 0.6))
        painter.fillRect(QRectF(rect.left(), rect.bottom() - 1, rect.width(), 1), theme.role("line"))


def _align(column: Column) -> Qt.AlignmentFlag:
    return {"right": paint.CENTER_RIGHT, "center": paint.CENTER}.get(column.align, paint.CENTER_LEFT)


def _paint_text(painter: QPainter, rect: QRectF, column: Column, row: Any) -> None:
    text = column.shown(row)
    role = (column.role(row) if column.role else None) or "text"
    weight = 600 if role in ("warn", "bad") and column.weight < 600 else column.weight
    font = theme.mono("small") if column.mono else theme.font("small" if column.small else "body", weight)
    paint.draw_text(painter, rect, text, font, role, _align(column))


def _paint_two_lines(painter: QPainter, rect: QRectF, column: Column, row: Any) -> None:
    first, second = column.drawn(row)
    middle = rect.center().y()
    top = QRectF(rect.left(), middle - 18, rect.width(), 18)
    paint.draw_text(painter, top, first, theme.font("body", column.weight or 500), "text", _align(column))
    below = QRectF(rect.left(), middle, rect.width(), 16)
    paint.draw_text(painter, below, second, theme.font("small"), "text-tertiary", _align(column))


def _paint_pill(painter: QPainter, rect: QRectF, column: Column, row: Any) -> None:
    drawn = column.drawn(row)
    if drawn is None:
        return
    state, word = drawn if isinstance(drawn, tuple) else (drawn, None)
    paint.pill(painter, rect, paint.state_look(state), word)


def _paint_progress(painter: QPainter, rect: QRectF, column: Column, row: Any) -> None:
    drawn = column.drawn(row)
    if drawn is None:
        return
    progress = drawn if isinstance(drawn, Progress) else Progress(float(drawn), f"{float(drawn):.0%}")
    if progress.fraction is None:
        paint.draw_text(painter, rect, progress.text, theme.font("small"), "text-tertiary")
        return
    font = theme.font("small")
    width = max(34.0, paint.text_width(progress.text, font))
    paint.draw_text(painter, rect, progress.text, font, "text-secondary", paint.CENTER_RIGHT)
    track = QRectF(rect.left(), rect.center().y() - 2, max(20.0, rect.width() - width - 8), 4)
    paint.bar(painter, track, progress.fraction, theme.role("accent" if progress.active else "line-strong"))


def _paint_sparkline(painter: QPainter, rect: QRectF, column: Column, row: Any) -> None:
    values = column.drawn(row)
    if not values:
        return
    role = (column.role(row) if column.role else None) or "settled"
    height = 24.0
    area = QRectF(rect.left(), rect.center().y() - height / 2, min(rect.width(), 92), height)
    paint.sparkline(painter, area, values, theme.role(role), zero=column.zero, fill=role != "settled")


def _paint_tags(painter: QPainter, rect: QRectF, column: Column, row: Any) -> None:
    left = rect.left()
    tags = list(column.drawn(row) or ())
    for index, text in enumerate(tags):
        rest = len(tags) - index
        more = paint.tag_width(f"+{rest}") if rest > 1 else 0
        if left + paint.tag_width(text) + more > rect.right() and index:
            paint.draw_text(
                painter, QRectF(left, rect.top(), 40, rect.height()), f"+{rest}", theme.font("caption"), "text-tertiary"
            )
            return
        left += paint.tag(painter, QRectF(left, rect.top(), rect.right() - left, rect.height()), text) + 5


def _paint_chips(painter: QPainter, rect: QRectF, column: Column, row: Any) -> None:
    left = rect.left()
    for alias in column.drawn(row) or ():
        look = paint.alias_look(alias)
        if left + 24 > rect.right():
            return
        paint.chip(painter, QRectF(left, rect.top(), rect.right() - left, rect.height()), look)
        left += paint.chip_width(look) + 6


def _paint_dot(painter: QPainter, rect: QRectF, column: Column, row: Any) -> None:
    role = column.drawn(row)
    role = role[0] if isinstance(role, tuple) else role
    if role:
        paint.dot(painter, QPointF(rect.left() + 7, rect.center().y()), role, 8, halo=True)


def _paint_icon(painter: QPainter, rect: QRectF, column: Column, row: Any) -> None:
    drawn = column.drawn(row)
    if drawn:
        icon, role = drawn
        theme.paint_icon(painter, icon, QRectF(rect.left(), rect.center().y() - 8, 16, 16), role)


def _paint_ring(painter: QPainter, rect: QRectF, column: Column, row: Any) -> None:
    paint.ring(painter, QRectF(rect.left(), rect.center().y() - 8, 16, 16), column.drawn(row))


def nothing_text() -> str:
    """What a table without rows says when its page sets nothing better."""
    return tr("Nothing here yet.")
