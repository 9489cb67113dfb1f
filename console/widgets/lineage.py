"""Lineage strip: nodes of 46 px with arrows between them, the current one in accent-soft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.theme import theme
from console.widgets import paint
from console.widgets.spoken import Role

ARROW = 26


@dataclass(frozen=True)
class Node:
    """One step of a lineage: what it is, its name, icon, and where a click goes (empty: nowhere)."""

    kind: str
    name: str
    icon: str
    link: str = ""
    current: bool = False


class LineageStrip(QWidget):
    """Data → run → version → endpoint.

    Signals:
        opened(str): a node's link.
    """

    spoken_role = Role.List

    opened = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._nodes: list[Node] = []
        self._focused = 0
        self.setFixedHeight(46)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_nodes(self, nodes: Sequence[Node]) -> None:
        self._nodes = list(nodes)
        self._focused = next((i for i, n in enumerate(self._nodes) if n.current), 0)
        self.setAccessibleName(f"{self._name}: " + " → ".join(f"{n.kind} {n.name}" for n in self._nodes))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, 46)

    def _rects(self) -> list[QRectF]:
        count = len(self._nodes)
        if not count:
            return []
        width = (self.width() - ARROW * (count - 1)) / count
        return [QRectF(index * (width + ARROW), 0, width, 46) for index in range(count)]

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        hit = next((i for i, r in enumerate(self._rects()) if r.contains(event.position())), -1)
        clickable = hit >= 0 and bool(self._nodes[hit].link)
        self.setCursor(Qt.CursorShape.PointingHandCursor if clickable else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        for node, rect in zip(self._nodes, self._rects(), strict=True):
            if rect.contains(event.position()) and node.link:
                self.opened.emit(node.link)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right) and self._nodes:
            step = 1 if event.key() == Qt.Key.Key_Right else -1
            self._focused = max(0, min(len(self._nodes) - 1, self._focused + step))
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._nodes and self._nodes[self._focused].link:
            self.opened.emit(self._nodes[self._focused].link)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        for index, (node, rect) in enumerate(zip(self._nodes, self._rects(), strict=True)):
            fill, border = ("accent-soft", "accent") if node.current else ("raised", "line-control")
            if self.hasFocus() and index == self._focused:
                border = "accent"
            paint.box(painter, rect, theme.radius("control"), theme.role(fill), theme.role(border))
            role = "accent" if node.current else "text-secondary"
            theme.paint_icon(painter, node.icon, QRectF(rect.left() + 11, 15, 16, 16), role)
            area = rect.adjusted(35, 5, -8, 0)
            caption = theme.font("caption", 400)
            paint.draw_text(painter, QRectF(area.left(), 6, area.width(), 16), node.kind, caption, "text-secondary")
            name = QRectF(area.left(), 22, area.width(), 18)
            paint.draw_text(painter, name, node.name, theme.font("small", 600), "text", middle=True)
            if index + 1 < len(self._nodes):
                arrow = QRectF(rect.right() + ARROW / 2 - 7, 16, 14, 14)
                theme.paint_icon(painter, "arrow-right", arrow, "text-tertiary")
        painter.end()
