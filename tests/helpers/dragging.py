"""Drag and drop in tests: what a widget gives away, and giving it to another, as events."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDrag, QDragEnterEvent, QDragMoveEvent, QDropEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

LEFT, NO_KEYS = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def _send(widget: QWidget, kind: QEvent.Type, place: QPointF) -> None:
    """A mouse event at a place of the screen, wherever the widget has gone meanwhile."""
    held = LEFT if kind == QEvent.Type.MouseMove else Qt.MouseButton.NoButton
    QApplication.sendEvent(widget, QMouseEvent(kind, widget.mapFromGlobal(place), place, LEFT, held, NO_KEYS))


def press_and_move(widget: QWidget, start: QPoint, end: QPoint) -> QPointF:
    """Press, and move with the button held; the place on the screen where the pointer is then."""
    first, last = (QPointF(widget.mapToGlobal(point)) for point in (start, end))
    QTest.mousePress(widget, LEFT, pos=start)
    for share in (0.3, 0.6, 1.0):
        _send(widget, QEvent.Type.MouseMove, first + (last - first) * share)
    return last


def let_go(widget: QWidget, place: QPointF) -> None:
    """Release the button at a place of the screen."""
    _send(widget, QEvent.Type.MouseButtonRelease, place)


def drag(widget: QWidget, start: QPoint, end: QPoint) -> None:
    """Press, move with the button held, let go."""
    let_go(widget, press_and_move(widget, start, end))


@contextmanager
def given_away(monkeypatch: Any) -> Iterator[list[str]]:
    """The texts of drags begun inside: the loop of a real drag would wait for the mouse of a person."""
    texts: list[str] = []

    def exec_(self: QDrag, *_args: object) -> Qt.DropAction:
        texts.append(self.mimeData().text())
        return Qt.DropAction.CopyAction

    with monkeypatch.context() as patch:
        patch.setattr(QDrag, "exec", exec_)
        yield texts


def drop(widget: QWidget, at: QPoint, text: str = "", files: tuple[str, ...] = ()) -> bool:
    """Enter, hover and let go over a point, as the toolkit would; False: it was not taken."""
    data = QMimeData()
    data.setText(text)
    if files:
        data.setUrls([QUrl.fromLocalFile(path) for path in files])
    action = Qt.DropAction.CopyAction
    entered = QDragEnterEvent(at, action, data, LEFT, NO_KEYS)
    entered.ignore()
    QApplication.sendEvent(widget, entered)
    if not entered.isAccepted():
        return False
    moved = QDragMoveEvent(at, action, data, LEFT, NO_KEYS)
    moved.accept()
    QApplication.sendEvent(widget, moved)
    if not moved.isAccepted():
        return False
    QApplication.sendEvent(widget, QDropEvent(QPointF(at), action, data, LEFT, NO_KEYS))
    return True
