"""Panel: the one kind of box on a page, and the hairline."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLayout, QSizePolicy, QVBoxLayout, QWidget

from console.theme import theme
from console.widgets import paint
from console.widgets.text import Text

TABLE_INSET = 8  # with the padding of its cells: 14, as everything else in a panel


def line(vertical: bool = False) -> QFrame:
    """A hairline of one pixel."""
    frame = QFrame()
    frame.setProperty("line", True)
    if vertical:
        frame.setFixedWidth(1)
    else:
        frame.setFixedHeight(1)
    return frame


def row(
    *items: QWidget | int | None, gap: int = 8, margins: tuple[int, int, int, int] = (0, 0, 0, 0), top: bool = False
) -> QWidget:
    """Widgets side by side; an int is fixed space, None takes what is left; `top` lines them up at their tops."""
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(*margins)
    layout.setSpacing(gap)
    _fill(layout, items)
    if top:
        for item in items:
            if isinstance(item, QWidget):
                layout.setAlignment(item, Qt.AlignmentFlag.AlignTop)
    return holder


def column(*items: QWidget | int | None, gap: int = 8, margins: tuple[int, int, int, int] = (0, 0, 0, 0)) -> QWidget:
    """Widgets one below the other; an int is fixed space, None takes what is left."""
    holder = QWidget()
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(*margins)
    layout.setSpacing(gap)
    _fill(layout, items)
    return holder


def _fill(layout: QHBoxLayout | QVBoxLayout, items: tuple[QWidget | int | None, ...]) -> None:
    for item in items:
        if item is None:
            layout.addStretch(1)
        elif isinstance(item, int):
            layout.addSpacing(item)
        else:
            layout.addWidget(item)


class Panel(QWidget):
    """A bordered box with an optional 28 px header (title, grey subtitle, actions right) and a body layout.

    `flush` bodies have no side padding: for tables and rows, which bring their own 14 px.
    """

    def __init__(
        self,
        title: str = "",
        subtitle: str = "",
        *,
        flush: bool = False,
        style: str = "panel-title",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        pad = theme.panel_padding
        outer = QVBoxLayout(self)
        outer.setContentsMargins(1, 8 if title else 1, 1, 1)
        outer.setSpacing(0)
        self.title = Text(title, style)
        self.subtitle = Text(subtitle, "small", "text-tertiary", elide=True)
        self.subtitle.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._header = QWidget()
        self._head = QHBoxLayout(self._header)
        self._head.setContentsMargins(pad - 1, 0, 10, 0)
        self._head.setSpacing(9)
        self._head.addWidget(self.title)
        self._head.addWidget(self.subtitle, 1)
        self._header.setFixedHeight(28)
        outer.addWidget(self._header)
        self._header.setHidden(not title)
        holder = QWidget()
        self.body = QVBoxLayout(holder)
        side = 0 if flush else pad - 1
        self.body.setContentsMargins(side, 0 if title else (0 if flush else pad - 1), side, 0 if flush else pad - 2)
        self.body.setSpacing(8)
        outer.addWidget(holder, 1)
        self.setAccessibleName(title)

    def set_title(self, title: str, subtitle: str = "") -> None:
        self.title.setText(title)
        self.subtitle.setText(subtitle)
        self._header.setVisible(bool(title))
        self.setAccessibleName(title)

    def add_action(self, widget: QWidget) -> None:
        """Put a button, segmented control or pill at the right of the header."""
        self._head.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)

    def add(self, item: QWidget | QLayout, stretch: int = 0) -> None:
        """Append to the body."""
        if isinstance(item, QWidget):
            self.body.addWidget(item, stretch)
        else:
            self.body.addLayout(item, stretch)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        paint.box(painter, QRectF(self.rect()), theme.radius("panel"), theme.role("panel"), theme.role("line"))
        painter.end()


def inset(table: QWidget) -> QWidget:
    """A table that starts where the title of its flush panel starts."""
    return row(table, margins=(TABLE_INSET, 0, TABLE_INSET, 6))
