"""Two columns of panels in aligned rows: titles drag, panels hide, and the order is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QGridLayout, QMenu, QWidget
from shiboken6 import isValid

from console.context import Context
from console.i18n import tr
from console.settings import HIDDEN_PANELS, LAYOUTS
from console.theme import theme
from console.widgets import paint

WIDE = 1090
"""Below this width the right column moves under the left one."""


@dataclass(frozen=True)
class Place:
    """One panel of the board: key, name in menus, widget, column (`main` or `side`), and the parts that drag it."""

    key: str
    name: str
    widget: QWidget
    column: str


class Board(QWidget):
    """Signals: changed: a panel was moved, hidden or shown."""

    changed = Signal()

    def __init__(self, context: Context, page: str, places: Sequence[Place]) -> None:
        super().__init__()
        self._context, self._page = context, page
        self._places = {place.key: place for place in places}
        self._grips: dict[QObject, str] = {}
        self._pressed: tuple[str, QPoint] | None = None
        self._drop: tuple[str, int, QRect] | None = None  # column, position, where the line is drawn
        self._wide: bool | None = None
        self._order = self._read_order()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(theme.size("overview-gap"))
        for place in places:
            place.widget.setParent(self)

    # -- order and hiding ------------------------------------------------------------------------------------

    def _read_order(self) -> dict[str, list[str]]:
        kept = self._context.settings.entry(LAYOUTS, self._page, {})
        order = {}
        for column in ("main", "side"):
            mine = [key for key, place in self._places.items() if place.column == column]
            wanted = kept.get(column, []) if isinstance(kept, dict) else []
            known = [key for key in wanted if key in mine] if isinstance(wanted, list) else []
            order[column] = [*known, *(key for key in mine if key not in known)]
        return order

    def order(self, column: str) -> list[str]:
        """Keys from the top."""
        return list(self._order[column])

    def place(self, key: str, position: int) -> None:
        """Put a panel at this place of its column, counted from 0, and remember it."""
        column = self._order[self._places[key].column]
        column.remove(key)
        column.insert(position, key)
        self._context.settings.set_entry(LAYOUTS, self._page, {name: list(keys) for name, keys in self._order.items()})
        self.arrange()
        self.changed.emit()

    def is_hidden(self, key: str) -> bool:
        return f"{self._page}/{key}" in self._context.settings.get(HIDDEN_PANELS)

    def set_hidden(self, key: str, hidden: bool) -> None:
        """Hide or show a panel, and remember it."""
        entry = f"{self._page}/{key}"
        others = [known for known in self._context.settings.get(HIDDEN_PANELS) if known != entry]
        self._context.settings.set(HIDDEN_PANELS, [*others, entry] if hidden else others)
        if not isValid(self):  # Undo may come after the page was made anew
            return
        self.arrange()
        self.changed.emit()

    def hide_with_undo(self, key: str) -> None:
        """Hide a panel; the toast brings it back."""
        self.set_hidden(key, True)
        self._context.toast(
            tr("{panel} hidden", panel=self._places[key].name), tr("View brings it back."), kind="info",
            undo=lambda: self.set_hidden(key, False), redo=lambda: self.set_hidden(key, True),
        )  # fmt: skip

    def places(self) -> list[Place]:
        return list(self._places.values())

    # -- layout ----------------------------------------------------------------------------------------------

    def arrange(self) -> None:
        """Lay the shown panels out for the width of now."""
        while self._grid.takeAt(0) is not None:
            pass
        for row in range(self._grid.rowCount()):
            self._grid.setRowStretch(row, 0)
        for column in range(self._grid.columnCount()):
            self._grid.setColumnStretch(column, 0)
            self._grid.setColumnMinimumWidth(column, 0)
        shown = {name: [k for k in keys if not self.is_hidden(k)] for name, keys in self._order.items()}
        for key, place in self._places.items():
            place.widget.setVisible(key in shown[place.column])
        self._wide = self.width() >= WIDE
        last = self._arrange_wide(shown) if self._wide and shown["main"] else self._arrange_narrow(shown)
        self._grid.setRowStretch(last, 1)

    def _arrange_wide(self, shown: dict[str, list[str]]) -> int:
        main, side = shown["main"], shown["side"]
        for row, key in enumerate(main):
            self._grid.addWidget(self._places[key].widget, row, 0)
            self._grid.setRowStretch(row, self._stretch(key))
        for row, key in enumerate(side):
            widget = self._places[key].widget
            widget.setMaximumWidth(theme.size("right-column"))
            self._grid.addWidget(widget, row, 1)
            self._grid.setRowStretch(row, max(self._grid.rowStretch(row), self._stretch(key)))
        self._grid.setColumnStretch(0, 1)
        if side:
            self._grid.setColumnMinimumWidth(1, theme.size("right-column"))
        return max(len(main), len(side))

    def _arrange_narrow(self, shown: dict[str, list[str]]) -> int:
        side = shown["side"]
        across = max(1, len(side))
        for row, key in enumerate(shown["main"]):
            self._grid.addWidget(self._places[key].widget, row, 0, 1, across)
            self._grid.setRowStretch(row, self._stretch(key))
        below = len(shown["main"])
        for column, key in enumerate(side):
            widget = self._places[key].widget
            widget.setMaximumWidth(16_777_215)
            self._grid.addWidget(widget, below, column)
            self._grid.setColumnStretch(column, 1)
        return below + 1

    def _stretch(self, key: str) -> int:
        policy = self._places[key].widget.sizePolicy().verticalPolicy()
        return 1000 if policy == policy.Expanding else 0

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if (self.width() >= WIDE) != self._wide:
            self.arrange()

    # -- dragging by the title -------------------------------------------------------------------------------

    def add_grip(self, grip: QWidget, key: str) -> None:
        """Dragging `grip` moves the panel `key`; its right-click menu hides it."""
        self._grips[grip] = key
        grip.installEventFilter(self)
        grip.setCursor(Qt.CursorShape.OpenHandCursor)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        key = self._grips.get(watched)
        if key is None:
            return super().eventFilter(watched, event)
        if event.type() == QEvent.Type.ContextMenu:
            self._open_menu(key, event.globalPos())  # type: ignore[attr-defined]
            return True
        if isinstance(event, QMouseEvent):
            return self._on_mouse(key, event)
        return super().eventFilter(watched, event)

    def _on_mouse(self, key: str, event: QMouseEvent) -> bool:
        at = self.mapFromGlobal(event.globalPosition().toPoint())
        if event.type() == QEvent.Type.MouseButtonPress and event.button() == Qt.MouseButton.LeftButton:
            self._pressed = (key, at)
        elif event.type() == QEvent.Type.MouseMove and self._pressed is not None:
            if (at - self._pressed[1]).manhattanLength() >= QApplication.startDragDistance() or self._drop:
                self._drop = self._drop_at(key, at)
                self.update()
        elif event.type() == QEvent.Type.MouseButtonRelease and self._pressed is not None:
            drop, self._pressed, self._drop = self._drop, None, None
            self.update()
            if drop is not None and drop[1] != self._order[drop[0]].index(key):
                self.place(key, drop[1])
        else:
            return False
        return True

    def _drop_at(self, key: str, at: QPoint) -> tuple[str, int, QRect]:
        column = self._places[key].column
        shown = [k for k in self._order[column] if not self.is_hidden(k)]
        across = column == "side" and not self._wide
        rects = [self._places[k].widget.geometry() for k in shown]
        middles = [r.center().x() if across else r.center().y() for r in rects]
        place = sum(1 for m, k in zip(middles, shown, strict=True) if k != key and m < (at.x() if across else at.y()))
        others = [k for k in shown if k != key]
        index = self._order[column].index(key)
        others_all = [k for k in self._order[column] if k != key]
        position = others_all.index(others[place]) if place < len(others) else len(others_all)
        edge = rects[shown.index(others[place])] if place < len(others) else rects[-1]
        before = place < len(others)
        if across:
            x = edge.left() - 8 if before else edge.right() + 5
            line = QRect(x, edge.top(), 3, edge.height())
        else:
            y = edge.top() - 8 if before else edge.bottom() + 5
            line = QRect(edge.left(), y, edge.width(), 3)
        return column, position if position != index else index, line

    def _open_menu(self, key: str, at: QPoint) -> None:
        menu = QMenu(self)
        order = self._order[self._places[key].column]
        place = order.index(key)
        up = menu.addAction(theme.icon("arrow-up"), tr("Move up"), lambda: self.place(key, place - 1))
        down = menu.addAction(theme.icon("arrow-down"), tr("Move down"), lambda: self.place(key, place + 1))
        up.setEnabled(place > 0)
        down.setEnabled(place + 1 < len(order))
        menu.addSeparator()
        menu.addAction(theme.icon("eye-off"), tr("Hide"), lambda: self.hide_with_undo(key))
        menu.popup(at)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        if self._drop is not None:
            painter = QPainter(self)
            paint.box(painter, QRectF(self._drop[2]), 1.5, theme.role("accent"))
            painter.end()
