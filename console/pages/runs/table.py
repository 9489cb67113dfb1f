"""The runs table: group heads fold, rows are dragged onto Compare, a pin, or a place in the queue."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QMimeData, QPoint, Qt, Signal
from PySide6.QtGui import QDrag, QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

from backend.contract.states import RunState
from console.pages.runs.groups import GroupHead
from console.tables import TableModel, TableView
from console.widgets.buttons import Button

LINK = "modeldeck://run/"


def dragged_runs(event: QDropEvent) -> list[str]:
    """The ids of the runs of a drag, one a line."""
    lines = event.mimeData().text().splitlines()
    return [line.removeprefix(LINK) for line in lines if line.startswith(LINK)]


class CompareZone(QWidget):
    """Around the Compare button: dragged runs may fall on it, even while the button itself is disabled.

    Signals: dropped(list): the ids of the runs.
    """

    dropped = Signal(list)

    def __init__(self, button: Button) -> None:
        super().__init__()
        self._button = button
        self.setAcceptDrops(True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(button)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        event.setAccepted(bool(dragged_runs(event)))
        self._button.setDown(event.isAccepted())

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: ARG002
        self._button.setDown(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._button.setDown(False)
        event.acceptProposedAction()
        self.dropped.emit(dragged_runs(event))


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
                self._drag(self._together(run.id))
            return
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._pressed = None
        super().mouseReleaseEvent(event)

    def _together(self, run_id: str) -> list[str]:
        """The ticked or selected runs when this one is among them, else this one."""
        ticked = [str(each) for each in self._model.ticked]
        selected = [run.id for run in self.runs_selected()]
        return next((group for group in (ticked, selected) if run_id in group), [run_id])

    def _drag(self, run_ids: list[str]) -> None:
        drag = QDrag(self)
        data = QMimeData()
        data.setText("\n".join(f"{LINK}{run_id}" for run_id in run_ids))
        drag.setMimeData(data)
        drag.exec(Qt.DropAction.CopyAction | Qt.DropAction.MoveAction)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        event.setAccepted(bool(dragged_runs(event)))

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        event.setAccepted(self._queued_at(event.position().toPoint()) is not None)

    def dropEvent(self, event: QDropEvent) -> None:
        target = self._queued_at(event.position().toPoint())
        dragged = dragged_runs(event)
        moved = dragged[0] if len(dragged) == 1 else ""
        if target is not None and moved and moved != target.id:
            event.acceptProposedAction()
            self.queue_moved.emit(moved, target.id)

    def _queued_at(self, point: QPoint) -> Any:
        row = self._row_under(point)
        queued = row is not None and not isinstance(row, GroupHead) and row.state == RunState.QUEUED
        return row if queued else None
