"""Version timeline: newest first on a rail, filled dot = served, ring = never served alone, aliases, metric, gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDrag,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from console.i18n import tr
from console.theme import theme
from console.widgets import paint
from console.widgets.rows import GATES
from console.widgets.spoken import Role

ROW = 58


@dataclass(frozen=True)
class VersionEntry:
    """One version. `gate`: passed warned failed or empty. `link` is what a drag carries."""

    key: str
    title: str
    subtitle: str
    metric: str = ""
    aliases: tuple[str, ...] = ()
    gate: str = ""
    served: bool = False
    link: str = ""


class VersionTimeline(QWidget):
    """Arrows move, J and K are the page's; a version can be dragged onto another (compare) or out (deploy).

    Signals:
        chosen(str): another version became current. compared(str, str): one was dropped on another.
        menu_asked(str, QPoint).
    """

    spoken_role = Role.List

    chosen = Signal(str)
    compared = Signal(str, str)
    menu_asked = Signal(str, QPoint)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAcceptDrops(True)
        self.setMouseTracking(True)
        self._entries: list[VersionEntry] = []
        self._current = ""
        self._hover = -1
        self._over = -1
        self._pressed: QPointF | None = None

    def set_entries(self, entries: Sequence[VersionEntry]) -> None:
        self._entries = list(entries)
        self.updateGeometry()
        self.update()

    @property
    def current(self) -> str:
        return self._current

    def set_current(self, key: str) -> None:
        """Mark a version without telling."""
        self._current = key
        self.update()

    def step(self, step: int) -> None:
        keys = [entry.key for entry in self._entries]
        if keys:
            at = keys.index(self._current) if self._current in keys else -1
            self._choose(keys[max(0, min(len(keys) - 1, at + step))])

    def _choose(self, key: str) -> None:
        if key != self._current:
            self.set_current(key)
            self.chosen.emit(key)

    def spoken_value(self) -> str:
        entry = next((each for each in self._entries if each.key == self._current), None)
        if entry is None:
            return ""
        aliases = ", ".join(tr(paint.alias_look(alias).word) for alias in entry.aliases)
        return ", ".join(part for part in (entry.title, aliases, entry.metric, entry.subtitle) if part)

    def sizeHint(self) -> QSize:
        return QSize(300, ROW * len(self._entries))

    def minimumSizeHint(self) -> QSize:
        return QSize(180, ROW * len(self._entries))

    def _at(self, y: float) -> VersionEntry | None:
        index = int(y // ROW)
        return self._entries[index] if 0 <= index < len(self._entries) else None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}
        step = steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.step(step)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        entry = self._at(event.position().y())
        self._pressed = event.position()
        if entry is not None and event.button() == Qt.MouseButton.LeftButton:
            self._choose(entry.key)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        hover = int(event.position().y() // ROW)
        if hover != self._hover:
            self._hover = hover
            self.update()
        start = self._pressed
        if start is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        entry = self._at(start.y())
        if entry is None or not entry.link:
            return
        if (event.position() - start).manhattanLength() < QApplication.startDragDistance():
            return
        from PySide6.QtCore import QMimeData

        self._pressed = None
        drag = QDrag(self)
        data = QMimeData()
        data.setText(f"modeldeck://{entry.link}")
        drag.setMimeData(data)
        drag.exec(Qt.DropAction.CopyAction)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: ARG002
        self._pressed = None

    def leaveEvent(self, event) -> None:  # type: ignore[no-untyped-def]  # noqa: ARG002
        self._hover = -1
        self.update()

    def _pair(self, event: QDropEvent) -> tuple[VersionEntry, VersionEntry] | None:
        """The dragged version and the one below the pointer, when both are here and differ."""
        link = event.mimeData().text().removeprefix("modeldeck://")
        source = next((entry for entry in self._entries if entry.link == link), None)
        target = self._at(event.position().y())
        return (source, target) if source is not None and target is not None and source is not target else None

    def _set_over(self, over: int) -> None:
        if over != self._over:
            self._over = over
            self.update()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        event.setAccepted(event.mimeData().text().startswith("modeldeck://model/"))

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        pair = self._pair(event)
        event.setAccepted(pair is not None)
        self._set_over(self._entries.index(pair[1]) if pair is not None else -1)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: ARG002
        self._set_over(-1)

    def dropEvent(self, event: QDropEvent) -> None:
        pair = self._pair(event)
        self._set_over(-1)
        if pair is not None:
            event.acceptProposedAction()
            self.compared.emit(pair[0].key, pair[1].key)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        keyboard = event.reason() == QContextMenuEvent.Reason.Keyboard
        entry = None if keyboard else self._at(event.pos().y())
        key = entry.key if entry is not None else self._current
        if key:
            self.menu_asked.emit(key, event.globalPos())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for index, entry in enumerate(self._entries):
            self._paint_entry(painter, index, entry)
        painter.end()

    def _paint_entry(self, painter: QPainter, index: int, entry: VersionEntry) -> None:
        top = index * ROW
        current = entry.key == self._current
        if current or index == self._hover:
            fill = theme.role("selected") if current else theme.role("raised", 0.6)
            paint.box(painter, QRectF(0, top, self.width(), ROW), theme.radius("row"), fill)
        if index == self._over:
            area = QRectF(0, top, self.width(), ROW)
            paint.box(painter, area, theme.radius("row"), theme.role("accent-soft"), theme.role("accent"))
        centre = QPointF(19, top + 20)
        painter.setPen(QPen(theme.role("line-control"), 1.5))
        if index + 1 < len(self._entries):
            painter.drawLine(QPointF(19, top + 28), QPointF(19, top + ROW + 10))
        self._paint_dot(painter, centre, entry, current)
        head = QRectF(36, top + 9, self.width() - 46, 20)
        strong = theme.font("body", 600)
        paint.draw_text(painter, head, entry.title, strong, "text")
        left = 36 + paint.text_width(entry.title, strong) + 8
        right = self._paint_right(painter, head, entry)
        for alias in entry.aliases:
            look = paint.alias_look(alias)
            if left + paint.chip_width(look) > right:
                break
            paint.chip(painter, QRectF(left, head.top(), right - left, 20), look)
            left += paint.chip_width(look) + 6
        below = QRectF(36, top + 32, self.width() - 46, 18)
        paint.draw_text(painter, below, entry.subtitle, theme.font("small"), "text-tertiary")

    @staticmethod
    def _paint_dot(painter: QPainter, centre: QPointF, entry: VersionEntry, current: bool) -> None:
        role = "line-strong"
        if "champion" in entry.aliases:
            role = "accent"
        elif "challenger" in entry.aliases:
            role = "challenger"
        ground = theme.role("selected" if current else "panel")
        if entry.served:
            painter.setPen(QPen(ground, 2))
            painter.setBrush(theme.role(role))
            painter.drawEllipse(centre, 6, 6)
        else:
            painter.setPen(QPen(theme.role(role), 2))
            painter.setBrush(ground)
            painter.drawEllipse(centre, 5, 5)

    def _paint_right(self, painter: QPainter, head: QRectF, entry: VersionEntry) -> float:
        right = head.right()
        if entry.gate in GATES:
            icon, role = GATES[entry.gate]
            theme.paint_icon(painter, icon, QRectF(right - 15, head.top() + 2.5, 15, 15), role)
        right -= 23
        font = theme.font("body", 500)
        paint.draw_text(
            painter,
            QRectF(head.left(), head.top(), right - head.left(), 20),
            entry.metric,
            font,
            "text",
            paint.CENTER_RIGHT,
        )
        return right - paint.text_width(entry.metric, font) - 8
