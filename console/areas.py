"""The areas that F6 walks: top bar, rail, page header, page content, docks, status bar."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QAbstractButton, QApplication, QDockWidget, QScrollArea, QWidget

from console.widgets.sheet import tab_stops


def header_of(page: QWidget | None) -> QWidget | None:
    """The head of a page, under either of its two names."""
    head = getattr(page, "head", None) or getattr(page, "header", None)
    return head if isinstance(head, QWidget) and head.isVisible() else None


def areas_of(page: QWidget | None, before: Sequence[QWidget], after: Sequence[QWidget]) -> list[list[QWidget]]:
    """The tab stops of every area that has some, in the order of F6."""
    head = header_of(page)
    docks = [] if page is None else [dock for dock in page.findChildren(QDockWidget) if dock.isVisible()]
    inner = [part for part in (head, *docks) if part is not None]
    content = [] if page is None else tab_stops(page)
    found = [tab_stops(area) for area in before]
    found.append(tab_stops(head) if head is not None else [])
    found.append([stop for stop in content if not any(part.isAncestorOf(stop) for part in inner)])
    found += [tab_stops(dock) for dock in docks]
    found += [tab_stops(area) for area in after]
    return [stops for stops in found if stops]


def next_stop(areas: Sequence[list[QWidget]], step: int) -> QWidget | None:
    """Where F6 (1) or Shift+F6 (-1) goes from what has the focus; None when nothing takes it."""
    if not areas:
        return None
    focus = QApplication.focusWidget()
    at = next((place for place, stops in enumerate(areas) if focus in stops), -1 if step > 0 else 0)
    return areas[(at + step) % len(areas)][0]


def show_whole(stop: QWidget) -> None:
    """Scroll every area around a widget until it is seen."""
    parent = stop.parentWidget()
    while parent is not None:
        if isinstance(parent, QScrollArea):
            parent.ensureWidgetVisible(stop)
        parent = parent.parentWidget()


def let_go(window: QWidget) -> None:
    """A click on nothing takes the focus from a button: Space would press what nobody looks at, such as the search box,
    which has the focus when the window opens."""
    focused = QApplication.focusWidget()
    if isinstance(focused, QAbstractButton) and window.isAncestorOf(focused):
        focused.clearFocus()
