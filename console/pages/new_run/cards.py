"""Recipe cards: exclusive choices with icon, title and subtitle; one tab stop, arrow keys inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from console.i18n import tr
from console.theme import theme
from console.theme.icons import icon_names
from console.widgets import paint

COLUMNS, HEIGHT, GAP = 3, 58, 8


class RecipeCards(QWidget):
    """Signals: chosen(str): the user took another recipe."""

    chosen = Signal(str)

    def __init__(self, recipes: Sequence[dict[str, Any]], value: str = "") -> None:
        super().__init__()
        self._recipes = list(recipes)
        self._icons = frozenset(icon_names())  # a recipe may name one that is not bundled
        self.value = value
        self._hover = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        rows = -(-len(self._recipes) // COLUMNS)
        self.setFixedHeight(max(1, rows) * (HEIGHT + GAP) - GAP)
        self._tell()

    def _tell(self) -> None:
        title = next((tr(r["title"]) for r in self._recipes if r["name"] == self.value), "")
        self.setAccessibleName(tr("Recipe: {title}", title=title))

    def sizeHint(self) -> QSize:
        return QSize(400, self.height())

    def rect_of(self, index: int) -> QRectF:
        """Where a card lies."""
        width = (self.width() - (COLUMNS - 1) * GAP) / COLUMNS
        left = (index % COLUMNS) * (width + GAP)
        return QRectF(round(left), (index // COLUMNS) * (HEIGHT + GAP), round(width), HEIGHT)

    def _at(self, point: QPointF) -> int:
        return next((i for i in range(len(self._recipes)) if self.rect_of(i).contains(point)), -1)

    def choose(self, name: str) -> None:
        """Take a recipe as if it had been clicked."""
        if name != self.value:
            self.set_value(name)
            self.chosen.emit(name)

    def set_value(self, name: str) -> None:
        """Show another one without telling."""
        self.value = name
        self._tell()
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._at(event.position())
        if index >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self.choose(self._recipes[index]["name"])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover = self._at(event.position())
        self.update()

    def event(self, event: QEvent) -> bool:
        """A tooltip has what a narrow card cuts."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index = self._at(QPointF(event.pos()))
            recipe = self._recipes[index] if index >= 0 else None
            text = f"{tr(recipe['title'])}: {tr(recipe['subtitle'])}" if recipe else ""
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def leaveEvent(self, event: Any) -> None:  # noqa: ARG002
        self._hover = -1
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Down: COLUMNS, Qt.Key.Key_Up: -COLUMNS}
        step = steps.get(Qt.Key(event.key()))
        names = [recipe["name"] for recipe in self._recipes]
        if step is None or not names:
            super().keyPressEvent(event)
            return
        at = (names.index(self.value) if self.value in names else 0) + step
        if 0 <= at < len(names):
            self.choose(names[at])

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        for index, recipe in enumerate(self._recipes):
            self._paint(painter, self.rect_of(index), recipe, index == self._hover)
        painter.end()

    def _paint(self, painter: QPainter, rect: QRectF, recipe: dict[str, Any], hover: bool) -> None:
        on = recipe["name"] == self.value
        fill = "accent-soft" if on else "raised" if hover else "panel"
        paint.box(
            painter, rect, theme.radius("panel"), theme.role(fill), theme.role("accent" if on else "line-control")
        )
        icon = QRectF(rect.left() + 13, rect.center().y() - 9, 18, 18)
        name = str(recipe.get("icon"))
        theme.paint_icon(painter, name if name in self._icons else "box", icon, "accent" if on else "text-secondary")
        text = rect.adjusted(41, 0, -8, 0)
        top = QRectF(text.left(), rect.center().y() - 18, text.width(), 18)
        paint.draw_text(painter, top, tr(recipe["title"]), theme.font("body", 600), "text")
        below = QRectF(text.left(), rect.center().y() + 1, text.width(), 16)
        paint.draw_text(painter, below, tr(recipe["subtitle"]), theme.font("small"), "text-tertiary")
