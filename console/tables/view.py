"""TableView: a dense, keyboard-first table over a TableModel; header with multi-sort and a column menu."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from PySide6.QtCore import QModelIndex, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QKeyEvent, QKeySequence, QMouseEvent, QPainter
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView, QWidget

from console.tables.delegate import PAD, TableDelegate, nothing_text
from console.tables.model import TableModel
from console.theme import theme
from console.widgets import paint


class _Header(QHeaderView):
    """Caption titles in the column's alignment, sort arrows with their rank, a tick box over the tick column."""

    def __init__(self, model: TableModel, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._table = model
        self.setSectionsMovable(True)
        self.setSectionsClickable(True)
        self.setHighlightSections(False)
        self.setMinimumSectionSize(24)
        self.setFixedHeight(theme.size("table-head") + 2)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), theme.size("table-head") + 2)

    def paintSection(self, painter: QPainter, rect: QRect, logical: int) -> None:
        column = self._table.columns[logical]
        area = QRectF(rect)
        painter.save()
        painter.fillRect(QRectF(area.left(), area.bottom() - 1, area.width(), 1), theme.role("line"))
        if column.kind == "check":
            if self._table.ticked:
                paint.check(painter, area, self._table.tick_state())
            painter.restore()
            return
        inner = area.adjusted(PAD, 0, -PAD, -1)
        align = {"right": paint.CENTER_RIGHT, "center": paint.CENTER}.get(column.align, paint.CENTER_LEFT)
        font = theme.font("caption", 500)
        rank = next((i for i, (key, _) in enumerate(self._table.sorts) if key == column.key), None)
        role = "text-tertiary" if rank is None else "text"
        if rank is not None:
            icon = "arrow-down" if self._table.sorts[rank][1] else "arrow-up"
            width = min(paint.text_width(column.title, font), inner.width() - 14)
            spot = inner.left() + width + 3 if column.align == "left" else inner.right() - width - 15
            theme.paint_icon(painter, icon, QRectF(spot, inner.center().y() - 6, 12, 12), role)
        paint.draw_text(painter, inner, column.title, font, role, align)
        painter.restore()


class TableView(QTableView):
    """One tab stop; arrows move, Space ticks, Enter opens, Ctrl+C copies, Shift+F10 or right-click asks for a menu.

    Signals:
        opened(object): a row was opened (Enter or double click; single click with `single_click=True`).
        menu_asked(object, QPoint): context menu for a row at a global position.
        current_changed(object): the current row (None: none).
        layout_changed: columns, order, widths or sorting changed; save `layout_state()`.
    """

    opened = Signal(object)
    menu_asked = Signal(object, QPoint)
    current_changed = Signal(object)
    layout_changed = Signal()

    def __init__(
        self,
        model: TableModel,
        *,
        name: str,
        row_height: int | None = None,
        single_click: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._single_click = single_click
        self._empty_text = nothing_text()
        self._fitted = False
        self._delegate = TableDelegate(model, row_height or theme.size("row-dense"), self)
        self.setAccessibleName(name)
        self.setModel(model)
        self.setItemDelegate(self._delegate)
        self._build_header()
        self._set_behaviour()
        model.modelAboutToBeReset.connect(self._on_about_to_reset)
        model.modelReset.connect(self._on_reset)
        model.ticks_changed.connect(self._on_ticks_changed)
        self._kept: tuple[Hashable | None, int] = (None, 0)

    def _build_header(self) -> None:
        self.head = _Header(self._model, self)
        self.setHorizontalHeader(self.head)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self._delegate.row_height)
        self.verticalHeader().setMinimumSectionSize(18)
        for index, column in enumerate(self._model.columns):
            self.setColumnWidth(index, column.width)
            self.setColumnHidden(index, not column.visible)
            if column.kind == "check":
                self.head.setSectionResizeMode(index, QHeaderView.ResizeMode.Fixed)
        self.head.sectionClicked.connect(self._on_header_clicked)
        self.head.customContextMenuRequested.connect(self._on_header_menu)
        self.head.sectionMoved.connect(self._on_layout_changed)
        self.head.sectionResized.connect(self._on_layout_changed)

    def _set_behaviour(self) -> None:
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setCornerButtonEnabled(False)
        self.setDragEnabled(False)
        self.viewport().setAutoFillBackground(False)

    # -- public ----------------------------------------------------------------------------------------------

    def set_empty_text(self, text: str) -> None:
        """Said in the middle when no row is shown."""
        self._empty_text = text
        self.viewport().update()

    def current_row(self) -> Any:
        """The current row, or None."""
        index = self.currentIndex()
        return self._model.row_at(index.row()) if index.isValid() else None

    def selected_rows(self) -> list[Any]:
        """The selected rows, in shown order."""
        return [self._model.row_at(at) for at in self._selected_places()]

    def select_id(self, row_id: Hashable) -> bool:
        """Make a row current and visible; False when it is not shown."""
        place = self._model.place_of(row_id)
        if place is None:
            return False
        self.selectRow(place)
        self.scrollTo(self._model.index(place, 0))
        return True

    def layout_state(self) -> dict[str, Any]:
        """Order, widths, hidden columns and sorting, as JSON values."""
        columns = self._model.columns
        order = [columns[self.head.logicalIndex(at)].key for at in range(len(columns))]
        return {
            "order": order,
            "widths": {c.key: self.columnWidth(i) for i, c in enumerate(columns) if not self.isColumnHidden(i)},
            "hidden": [c.key for i, c in enumerate(columns) if self.isColumnHidden(i)],
            "sorts": [list(sort) for sort in self._model.sorts],
        }

    def restore_layout(self, state: Any) -> None:
        """Take back what `layout_state` gave; anything unknown in it is ignored."""
        if not isinstance(state, dict):
            return
        keys = {column.key: index for index, column in enumerate(self._model.columns)}
        widths = state.get("widths")
        for key, width in (widths if isinstance(widths, dict) else {}).items():
            if key in keys and isinstance(width, int) and 20 <= width <= 2000:
                self.setColumnWidth(keys[key], width)
        hidden = state.get("hidden")
        if isinstance(hidden, list):
            for key, index in keys.items():
                self.setColumnHidden(index, key in hidden and self._model.columns[index].hideable)
        order = state.get("order")
        for at, key in enumerate(k for k in (order if isinstance(order, list) else []) if k in keys):
            self.head.moveSection(self.head.visualIndex(keys[key]), at)
        sorts = state.get("sorts")
        if isinstance(sorts, list):
            good = [s for s in sorts if isinstance(s, list) and len(s) == 2 and isinstance(s[0], str)]
            self._model.set_sorts([(key, bool(descending)) for key, descending in good])
        self._fit_stretch()

    def column_menu(self) -> QMenu:
        """A menu with one checkable entry per column that may be hidden."""
        menu = QMenu(self)
        for index, column in enumerate(self._model.columns):
            if not column.hideable or not column.title:
                continue
            action = menu.addAction(column.title.replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(not self.isColumnHidden(index))
            action.toggled.connect(lambda on, at=index: self._show_column(at, on))
        return menu

    def copy(self) -> None:
        """Put the selected (or ticked) rows on the clipboard as a table."""
        ids = self._model.ticked
        ticked = sorted(p for p in (self._model.place_of(i) for i in ids) if p is not None)
        rows = self._selected_places() or ticked
        if not rows:
            return
        order = [self.head.logicalIndex(at) for at in range(len(self._model.columns))]
        visible = [at for at in order if not self.isColumnHidden(at)]
        QGuiApplication.clipboard().setText(self._model.to_tsv(rows, visible))

    def _selected_places(self) -> list[int]:
        return sorted({index.row() for index in self.selectionModel().selectedRows()})

    # -- events ----------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if shift and event.key() == Qt.Key.Key_F10:  # only Windows makes a menu event of it
            self._ask_menu_of_current()
            return
        row = self.current_row()
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.key() == Qt.Key.Key_Space and row is not None:
            for place in self._selected_places() or [self.currentIndex().row()]:
                self._model.toggle_tick(self._model.id_at(place))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and row is not None:
            self.opened.emit(row)
        elif event.key() == Qt.Key.Key_Escape and self._model.ticked:
            self._model.set_ticked(())
        else:
            super().keyPressEvent(event)

    def keyboardSearch(self, search: str) -> None:
        """Single letters are shortcuts here, not a search."""

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and self._model.columns[index.column()].kind == "check":
            if event.button() == Qt.MouseButton.LeftButton:
                self._model.toggle_tick(self._model.id_at(index.row()))
            event.accept()
            return
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        index = self.indexAt(event.position().toPoint())
        if self._single_click and event.button() == Qt.MouseButton.LeftButton and index.isValid():
            self._open_plain_click(event, index)

    def _open_plain_click(self, event: QMouseEvent, index: QModelIndex) -> None:
        if self._model.columns[index.column()].kind != "check" and not event.modifiers():
            self.opened.emit(self._model.row_at(index.row()))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and self._model.columns[index.column()].kind == "check":
            self._model.toggle_tick(self._model.id_at(index.row()))
        elif index.isValid() and event.button() == Qt.MouseButton.LeftButton and not self._single_click:
            self.opened.emit(self._model.row_at(index.row()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        self._set_hover(index.row() if index.isValid() else -1)
        if index.isValid():
            self._show_tip(index.row(), index.column())
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: Any) -> None:
        self._set_hover(-1)
        super().leaveEvent(event)

    def _set_hover(self, row: int) -> None:
        if row != self._delegate.hover_row:
            self._delegate.hover_row = row
            self.viewport().update()

    def _show_tip(self, row: int, column: int) -> None:
        from console.widgets.text import tip_html

        tip = self._model.columns[column].tip
        self.viewport().setToolTip(tip_html(tip(self._model.row_at(row))) if tip else "")

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            self._ask_menu_of_current()
            return
        index = self.indexAt(event.pos())
        if index.isValid():
            self.menu_asked.emit(self._model.row_at(index.row()), event.globalPos())

    def _ask_menu_of_current(self) -> None:
        index = self.currentIndex()
        if index.isValid():
            position = self.viewport().mapToGlobal(self.visualRect(index).bottomLeft())
            self.menu_asked.emit(self._model.row_at(index.row()), position)

    def currentChanged(self, current: Any, previous: Any) -> None:
        super().currentChanged(current, previous)
        self.current_changed.emit(self.current_row())

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._fit_stretch()

    def paintEvent(self, event: Any) -> None:
        super().paintEvent(event)
        if not self._model.rowCount() and self._empty_text:
            painter = QPainter(self.viewport())
            area = QRectF(self.viewport().rect())
            paint.draw_text(painter, area, self._empty_text, theme.font("body"), "text-tertiary", paint.CENTER)
            painter.end()

    # -- slots -----------------------------------------------------------------------------------------------

    def _on_header_clicked(self, logical: int) -> None:
        column = self._model.columns[logical]
        if column.kind == "check":
            self._model.tick_all(self._model.tick_state() != Qt.CheckState.Checked)
            return
        if not column.sortable:
            return
        shift = bool(QGuiApplication.keyboardModifiers() & Qt.KeyboardModifier.ShiftModifier)
        self.sort_by(column.key, add=shift)

    def sort_by(self, key: str, *, add: bool = False) -> None:
        """First click: the column's usual direction, second: the other, third: off. `add` keeps the other columns."""
        column = next(c for c in self._model.columns if c.key == key)
        sorts = self._model.sorts if add else [s for s in self._model.sorts if s[0] == key]
        now = next((descending for k, descending in sorts if k == key), None)
        if now is None:
            sorts.append((key, column.descending_first))
        elif now is column.descending_first:
            sorts = [(k, not d if k == key else d) for k, d in sorts]
        else:
            sorts = [s for s in sorts if s[0] != key]
        self._model.set_sorts(sorts)
        self.layout_changed.emit()

    def _on_header_menu(self, position: QPoint) -> None:
        self.column_menu().popup(self.head.mapToGlobal(position))

    def _show_column(self, index: int, on: bool) -> None:
        self.setColumnHidden(index, not on)
        self._fit_stretch()
        self.layout_changed.emit()

    def _on_layout_changed(self, *_args: object) -> None:
        if self._fitted:
            self.layout_changed.emit()

    def _on_ticks_changed(self) -> None:
        self.head.viewport().update()

    def _on_about_to_reset(self) -> None:
        index = self.currentIndex()
        current = self._model.id_at(index.row()) if index.isValid() and index.row() < self._model.rowCount() else None
        self._kept = (current, self.verticalScrollBar().value())

    def _on_reset(self) -> None:
        current, scroll = self._kept
        place = self._model.place_of(current) if current is not None else None
        if place is not None:
            self.selectRow(place)
        self.verticalScrollBar().setValue(scroll)

    def _fit_stretch(self) -> None:
        """Give the width that is left to the stretching columns; they never get narrower than their width."""
        self._fitted = False
        visible = [i for i in range(len(self._model.columns)) if not self.isColumnHidden(i)]
        stretching = [i for i in visible if self._model.columns[i].stretch]
        if stretching:
            fixed = sum(self.columnWidth(i) for i in visible if i not in stretching)
            share = (self.viewport().width() - fixed) // len(stretching)
            for index in stretching:
                self.setColumnWidth(index, max(self._model.columns[index].width, share))
        self._fitted = True
