"""The runs table: group heads fold, rows are dragged onto Compare, a pin, or a place in the queue."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QMimeData, QPoint, Qt, Signal
from PySide6.QtGui import QDrag, QDragEnterEvent, QDragMoveEvent, QDropEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication

from backend.contract.states import RunState
from console.pages.runs.groups import GroupHead
from console.tables import TableModel, TableView

LINK = "modeldeck://run/"


class RunsTable(TableView):
    """Signals: folded(GroupHead); queue_moved(run id, id of the queued run whose place it takes)."""

    folded = Signal(object)
    queue_moved = Signal(str, str)

    def __init__(self, model: TableModel, name: str) -> None:
        super().__init__(model, name=name)
        self._pressed: tuple[QPoint, Any] | None = None
        self.viewport().setAcceptDrops(True)
        self.setAcceptDrops(True)

    def _row_under(self, point: QPoint) -> Any:
        index = self.indexAt(point)
        return self._model.row_at(index.row()) if index.isValid() else None

    def runs_selected(self) -> list[Any]:
        """The selected runs, heads left out."""
        return [row for row in self.selected_rows() if not isinstance(row, GroupHead)]

    # -- folding ---------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        row = self._row_under(event.position().toPoint())
        if isinstance(row, GroupHead):
            if event.button() == Qt.MouseButton.LeftButton:
                self.folded.emit(row)
            event.accept()
            return
        self._pressed = (event.position().toPoint(), row) if event.button() == Qt.MouseButton.LeftButton else None
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if not isinstance(self._row_under(event.position().toPoint()), GroupHead):
            super().mouseDoubleClickEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.current_row()
        if isinstance(row, GroupHead) and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.folded.emit(row)
            return
        super().keyPressEvent(event)

    # -- dragging --------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is not None and self._pressed[1] is not None and event.buttons() & Qt.MouseButton.LeftButton:
            far = (event.position().toPoint() - self._pressed[0]).manhattanLength()
            if far >= QApplication.startDragDistance():
                run, self._pressed = self._pressed[1], None
                self._drag(run.id)
            return
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._pressed = None
        super().mouseReleaseEvent(event)

    def _drag(self, run_id: str) -> None:
        drag = QDrag(self)
        data = QMimeData()
        data.setText(f"{LINK}{run_id}")
        drag.setMimeData(data)
        drag.exec(Qt.DropAction.CopyAction | Qt.DropAction.MoveAction)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        event.setAccepted(event.mimeData().text().startswith(LINK))

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        event.setAccepted(self._queued_at(event.position().toPoint()) is not None)

    def dropEvent(self, event: QDropEvent) -> None:
        target = self._queued_at(event.position().toPoint())
        moved = event.mimeData().text().removeprefix(LINK)
        if target is not None and moved != target.id:
            event.acceptProposedAction()
            self.queue_moved.emit(moved, target.id)

    def _queued_at(self, point: QPoint) -> Any:
        row = self._row_under(point)
        queued = row is not None and not isinstance(row, GroupHead) and row.state == RunState.QUEUED
        return row if queued else None
