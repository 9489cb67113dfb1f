"""Finds what does not fit on the screen: text cut off without saying so, widgets over each other."""

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QAbstractScrollArea, QLabel, QScrollArea, QWidget

from console.widgets.buttons import Button
from console.widgets.controls import Segmented
from console.widgets.focusring import FocusRing
from console.widgets.statusbar import StatusSegment
from console.widgets.text import Text

SLACK = 1


def _on_screen(widget: QWidget) -> bool:
    return widget.isVisible() and not widget.visibleRegion().isEmpty()


def _name(widget: QWidget) -> str:
    text = widget.text() if isinstance(widget, QLabel | Button) else widget.accessibleName()
    return f"{type(widget).__name__} {text[:40]!r} in {type(widget.parent()).__name__}"


def cut_texts(root: QWidget) -> list[str]:
    """Labels and buttons narrower or lower than their text; those that elide say so in their tooltip."""
    found = []
    for widget in root.findChildren(QWidget):
        if not _on_screen(widget) or not isinstance(widget, Button | Text | Segmented | StatusSegment):
            continue
        if isinstance(widget, Text) and (widget._elide or not widget.text()):
            continue
        hint = widget.sizeHint()
        high = (
            widget.heightForWidth(widget.width()) if isinstance(widget, Text) and widget.wordWrap() else hint.height()
        )
        narrow = widget.width() + SLACK < hint.width() and not (isinstance(widget, Text) and widget.wordWrap())
        if narrow or widget.height() + SLACK < high:
            found.append(f"{_name(widget)}: {widget.width()}×{widget.height()} of {hint.width()}×{high}")
    return found


def overlaps(root: QWidget) -> list[str]:
    """Pairs of shown siblings that lie over each other, layers that float on purpose left out."""
    found = []
    for parent in [root, *root.findChildren(QWidget)]:
        layout = parent.layout()
        if layout is None or not _on_screen(parent):
            continue
        own = parent.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
        laid = sorted((w for w in own if layout.indexOf(w) >= 0), key=layout.indexOf)
        shown = [w for w in laid if _on_screen(w) and not isinstance(w, FocusRing)]
        for at, one in enumerate(shown):
            for other in shown[at + 1 :]:
                both = one.geometry().intersected(other.geometry())
                if both.width() > SLACK and both.height() > SLACK:
                    found.append(f"{_name(one)} over {_name(other)}: {both.width()}×{both.height()}")
    return found


def outside(root: QWidget) -> list[str]:
    """What reaches over the right or lower edge of its parent, where nothing scrolls to it."""
    found = []
    for widget in root.findChildren(QWidget):
        parent = widget.parentWidget()
        if parent is None or widget.isWindow() or not _on_screen(widget) or _scrolls(parent):
            continue
        area = QRect(QPoint(0, 0), parent.size())
        if widget.geometry().right() > area.right() + SLACK or widget.geometry().bottom() > area.bottom() + SLACK:
            found.append(f"{_name(widget)}: {widget.geometry()} in {area.size()}")
    return found


def _scrolls(parent: QWidget) -> bool:
    above = parent.parentWidget()
    return isinstance(parent, QAbstractScrollArea) or isinstance(above, QScrollArea | QAbstractScrollArea)
