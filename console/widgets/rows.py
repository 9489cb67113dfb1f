"""Rows of panels and list panes: gates, events, history, key and value, bars, and the item list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractScrollArea, QSizePolicy, QWidget

from console.theme import theme
from console.widgets import paint
from console.widgets.spoken import Role

ITEM = 62

GATES = {
    "passed": ("circle-check", "ok"),
    "warned": ("triangle-alert", "warn"),
    "failed": ("circle-x", "bad"),
    "running": ("circle-dashed", "accent"),
    "skipped": ("circle-minus", "idle"),
}


class _Row(QWidget):
    """A painted row; clickable when `link` was given.

    Signals:
        clicked: mouse, Return or Space, only when it has a link.
    """

    spoken_role = Role.StaticText

    clicked = Signal()

    def __init__(self, height: int, name: str, clickable: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(name)
        self._clickable = clickable
        if clickable:
            self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def sizeHint(self) -> QSize:
        return QSize(200, self.height())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._clickable and event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._clickable and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.clicked.emit()
        else:
            super().keyPressEvent(event)

    def _ground(self, painter: QPainter) -> None:
        if self._clickable and self.underMouse():
            paint.box(painter, QRectF(self.rect()).adjusted(-6, 0, 6, 0), theme.radius("row"), theme.role("raised"))


class GateRow(_Row):
    """Icon and text of a gate, evidence right-aligned. States: passed warned failed running skipped."""

    def __init__(self, state: str, text: str, evidence: str = "", *, clickable: bool = False, height: int = 28) -> None:
        super().__init__(height, f"{text}: {state}, {evidence}", clickable)
        self._state, self._text, self._evidence = state, text, evidence

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        self._ground(painter)
        icon, role = GATES.get(self._state, GATES["skipped"])
        theme.paint_icon(painter, icon, QRectF(0, self.height() / 2 - 8, 16, 16), role)
        area = QRectF(24, 0, self.width() - 24, self.height())
        body, small = theme.font("body"), theme.font("small")
        used = (
            paint.text_width(self._text, body) + 8
        )  # what it is comes first; what does not fit is cut off the evidence
        right = area.adjusted(min(used, area.width() * 0.8), 0, 0, 0)
        paint.draw_text(painter, right, self._evidence, small, "text-tertiary", paint.CENTER_RIGHT)
        needed = min(right.width(), paint.text_width(self._evidence, small) + 8)
        paint.draw_text(painter, area.adjusted(0, 0, -needed, 0), self._text, body, "text")
        painter.end()


class EventRow(_Row):
    """Icon, text, and a grey word at the right (a step, a time). `lead` is a grey word before the icon."""

    def __init__(
        self, icon: str, role: str, text: str, right: str = "", *, lead: str = "", clickable: bool = False
    ) -> None:
        super().__init__(24 if not lead else 31, f"{lead} {text} {right}".strip(), clickable)
        self._icon, self._role, self._text, self._right, self._lead = icon, role, text, right, lead

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        self._ground(painter)
        small, height = theme.font("small"), self.height()
        left = 0.0
        if self._lead:
            paint.draw_text(painter, QRectF(0, 0, 44, height), self._lead, small, "text-tertiary")
            left = 46.0
        theme.paint_icon(painter, self._icon, QRectF(left, height / 2 - 7, 14, 14), self._role)
        area = QRectF(left + 22, 0, self.width() - left - 22, height)
        paint.draw_text(painter, area, self._right, small, "text-tertiary", paint.CENTER_RIGHT)
        used = paint.text_width(self._right, small) + 8 if self._right else 0
        paint.draw_text(painter, area.adjusted(0, 0, -used, 0), self._text, small, "text-secondary")
        painter.end()


class HistoryRow(_Row):
    """What, why, who, when; a hairline above. For flush panels."""

    def __init__(
        self, icon: str, role: str, what: str, why: str, who: str, when: str, *, clickable: bool = False
    ) -> None:
        super().__init__(34, f"{what}, {why}, {who}, {when}", clickable)
        self._icon, self._role, self._what, self._why, self._who, self._when = icon, role, what, why, who, when

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.fillRect(0, 0, self.width(), 1, theme.role("line"))
        if self._clickable and self.underMouse():
            painter.fillRect(QRectF(0, 1, self.width(), 33), theme.role("raised", 0.6))
        theme.paint_icon(painter, self._icon, QRectF(14, 10, 15, 15), self._role)
        small, strong = theme.font("small"), theme.font("body", 500)
        right = QRectF(self.width() - 108, 0, 96, 34)
        paint.draw_text(painter, right, self._when, small, "text-tertiary")
        paint.draw_text(painter, right.translated(-56, 0).adjusted(0, 0, -48, 0), self._who, small, "text-secondary")
        area = QRectF(37, 0, self.width() - 37 - 172, 34)
        paint.draw_text(painter, area, self._what, strong, "text")
        used = paint.text_width(self._what, strong) + 9
        if used < area.width() - 20:
            paint.draw_text(painter, area.adjusted(used, 0, 0, 0), self._why, small, "text-tertiary")
        painter.end()


class KeyValue(_Row):
    """Label left in grey, value right; 22 px."""

    def __init__(self, label: str, value: str = "—", *, mono: bool = False, weight: int = 600) -> None:
        super().__init__(22, f"{label}: {value}")
        self._label, self._value, self._mono, self._weight, self._role = label, value, mono, weight, "text"

    def set_value(self, value: str, role: str = "text") -> None:
        self._value, self._role = value, role
        self.setAccessibleName(f"{self._label}: {value}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        area = QRectF(self.rect())
        font = theme.mono("small") if self._mono else theme.font("small", self._weight)
        label = theme.font("small")
        left = min(paint.text_width(self._label, label) + 10, area.width() * 0.6)
        value = area.adjusted(left, 0, 0, 0)
        paint.draw_text(painter, value, self._value, font, self._role, paint.CENTER_RIGHT, middle=True)
        paint.draw_text(painter, area.adjusted(0, 0, left - area.width(), 0), self._label, label, "text-secondary")
        painter.end()


class BarRow(_Row):
    """Label, bar, number: label balance, output probabilities. `strong` is the winning row."""

    def __init__(
        self, label: str, fraction: float, text: str, role: str = "s1-blue", *, strong: bool = False,
        text_role: str = "text", label_width: int = 102, clickable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(22, f"{label}, {text}", clickable)
        self._label, self._fraction, self._text, self._role = label, fraction, text, role
        self._strong, self._text_role, self._label_width = strong, text_role, label_width

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        self._ground(painter)
        font = theme.font("small", 600 if self._strong else 400)
        label_role = "text" if self._strong else "text-secondary"
        paint.draw_text(painter, QRectF(0, 0, self._label_width - 8, 22), self._label, font, label_role)
        paint.draw_text(
            painter, QRectF(self.width() - 56, 0, 56, 22), self._text, theme.font("small", 500), self._text_role,
            paint.CENTER_RIGHT,
        )  # fmt: skip
        track = QRectF(self._label_width, 7, max(20.0, self.width() - self._label_width - 64), 8)
        paint.bar(painter, track, self._fraction, theme.role(self._role))
        painter.end()


@dataclass(frozen=True)
class ListItem:
    """One item of a list pane; `icon` is (name, role), `dot` a role; `head` starts a group above it."""

    key: str
    title: str
    subtitle: str = ""
    right: str = ""
    icon: tuple[str, str] | None = None
    dot: str = ""
    lead: tuple[str, str] | None = None
    head: str = ""
    small_right: str = ""


class ItemList(QAbstractScrollArea):
    """A painted list of two-line items, 56 px (62 with a lead icon); arrows move, one tab stop.

    Signals:
        chosen(str): another item became current. opened(str): Enter or double click.
        menu_asked(str, QPoint): context menu.
    """

    spoken_role = Role.List

    chosen = Signal(str)
    opened = Signal(str)
    menu_asked = Signal(str, QPoint)

    HEAD = 30

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._items: list[ListItem] = []
        self._current = ""
        self._hover = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.viewport().setAutoFillBackground(False)
        self.viewport().setMouseTracking(True)
        self.verticalScrollBar().setSingleStep(20)

    @property
    def current(self) -> str:
        return self._current

    def set_items(self, items: Sequence[ListItem]) -> None:
        """Show these; the current one stays when it is still there."""
        if list(items) != self._items:
            self._items = list(items)
            self._fit()
            self.viewport().update()

    def items(self) -> list[ListItem]:
        return list(self._items)

    def set_current(self, key: str) -> None:
        """Mark an item without telling."""
        self._current = key
        index = self._index()
        if index >= 0:
            top, bottom = self._span(index)
            bar = self.verticalScrollBar()
            if top < bar.value():
                bar.setValue(top)
            elif bottom > bar.value() + self.viewport().height():
                bar.setValue(bottom - self.viewport().height())
        self.viewport().update()

    def step(self, step: int) -> None:
        """Next or previous item (J, K and the arrows)."""
        if self._items:
            at = max(0, min(len(self._items) - 1, self._index() + step))
            self._choose(self._items[at].key)

    def _choose(self, key: str) -> None:
        if key != self._current:
            self.set_current(key)
            self.chosen.emit(key)

    def _index(self) -> int:
        return next((i for i, item in enumerate(self._items) if item.key == self._current), -1)

    def _span(self, index: int) -> tuple[int, int]:
        """Top and bottom of an item without its head, in content coordinates."""
        top = 0
        for item in self._items[: index + 1]:
            top += self.HEAD if item.head else 0
            top += ITEM
        return top - ITEM, top - 2

    def _fit(self) -> None:
        total = self._span(len(self._items) - 1)[1] if self._items else 0
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, total - self.viewport().height()))
        bar.setPageStep(self.viewport().height())

    def _at(self, y: float) -> str:
        y += self.verticalScrollBar().value()
        for index, item in enumerate(self._items):
            top, bottom = self._span(index)
            if top <= y < bottom:
                return item.key
        return ""

    def resizeEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        super().resizeEvent(event)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 8, Qt.Key.Key_PageUp: -8}
        step = steps.get(Qt.Key(event.key()))
        if step is not None:
            self.step(step)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._current:
            self.opened.emit(self._current)
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        key = self._at(event.position().y())
        if key:
            self._choose(key)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        key = self._at(event.position().y())
        if key:
            self.opened.emit(key)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        hover = self._at(event.position().y())
        if hover != self._hover:
            self._hover = hover
            self.viewport().update()

    def leaveEvent(self, event) -> None:  # type: ignore[no-untyped-def]  # noqa: ARG002
        self._hover = ""
        self.viewport().update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        keyboard = event.reason() == QContextMenuEvent.Reason.Keyboard
        key = self._current if keyboard else self._at(event.pos().y())
        if key:
            self.menu_asked.emit(key, event.globalPos())

    def spoken_value(self) -> str:
        item = next((each for each in self._items if each.key == self._current), None)
        return "" if item is None else f"{item.title}, {item.subtitle}"

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self.viewport())
        offset = self.verticalScrollBar().value()
        for index, item in enumerate(self._items):
            top, bottom = self._span(index)
            if bottom - offset < -self.HEAD or top - offset > self.viewport().height() + self.HEAD:
                continue
            rect = QRectF(0, top - offset, self.viewport().width(), bottom - top)
            if item.head:
                area = QRectF(10, rect.top() - self.HEAD, rect.width() - 20, self.HEAD)
                paint.draw_text(painter, area, item.head, theme.font("caption"), "text-tertiary")
            self._paint_item(painter, rect, item)
        painter.end()

    def _paint_item(self, painter: QPainter, rect: QRectF, item: ListItem) -> None:
        if item.key in (self._current, self._hover):
            fill = "selected" if item.key == self._current else "raised"
            paint.box(painter, rect, theme.radius("row"), theme.role(fill))
        left = 10.0
        if item.lead is not None:
            theme.paint_icon(painter, item.lead[0], QRectF(rect.left() + 10, rect.top() + 12, 16, 16), item.lead[1])
            left = 36.0
        small = theme.font("small")
        top = QRectF(rect.left() + left, rect.top() + 8, rect.width() - left - 10, 20)
        below = QRectF(top.left(), rect.top() + 31, top.width(), 18)
        used = 0.0
        if item.dot:
            paint.dot(painter, QPointF(top.right() - 4, top.center().y()), item.dot, 7)
            used = 16
        elif item.icon is not None:
            theme.paint_icon(painter, item.icon[0], QRectF(top.right() - 14, top.top() + 3, 14, 14), item.icon[1])
            used = 20
        elif item.small_right:
            paint.draw_text(painter, top, item.small_right, small, "text-tertiary", paint.CENTER_RIGHT)
            used = paint.text_width(item.small_right, small) + 8
        paint.draw_text(painter, top.adjusted(0, 0, -used, 0), item.title, theme.font("body", 500), "text")
        strong = theme.font("small", 500)
        paint.draw_text(painter, below, item.right, strong, "text-secondary", paint.CENTER_RIGHT)
        used = paint.text_width(item.right, strong) + 8 if item.right else 0
        paint.draw_text(painter, below.adjusted(0, 0, -used, 0), item.subtitle, small, "text-tertiary")
