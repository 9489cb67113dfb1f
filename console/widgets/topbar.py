"""The 44 px top row: mark, menu bar, search box, bell, New run."""

from __future__ import annotations

import sys

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QMenuBar, QSizePolicy, QWidget

from console.i18n import tr
from console.keys import key_caps, key_table
from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import Button, IconButton
from console.widgets.text import set_tip


class _Mark(QWidget):
    """The product's mark: three stacked bars."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(18, 44)
        self.setAccessibleName("Modeldeck")

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        for top, height, alpha in ((23.4, 4.6, 0.26), (18.8, 5.2, 0.71), (14.4, 5.2, 1.0)):
            paint.box(painter, QRectF(2, top, 14, height), 1.5, theme.role("accent", alpha))
        painter.end()


class SearchBox(QAbstractButton):
    """Looks like a field, opens the palette."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(330, 28)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click opens the palette and leaves the focus where it is
        self.retranslate()
        key_table.changed.connect(self.retranslate)

    def retranslate(self) -> None:
        self.setText(tr("Search or run a command"))
        self.setAccessibleName(self.text())
        set_tip(self, tr("Command palette"), key_table.shown("palette"))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        line = theme.role("line-strong" if self.underMouse() else "line-control")
        paint.box(painter, QRectF(self.rect()), theme.radius("control"), theme.role("panel"), line)
        theme.paint_icon(painter, "search", QRectF(10, 7, 14, 14), "text-tertiary")
        area = QRectF(31, 0, self.width() - 90, 28)
        paint.draw_text(painter, area, self.text(), theme.font("small"), "text-secondary")
        key = " ".join(key_caps(key_table.of("palette")))
        if key:
            width = paint.kbd_width(key)
            paint.kbd(painter, QRectF(self.width() - width - 6, 0, width, 28), key)
        painter.end()


class BellButton(IconButton):
    """A bell with a red dot while something is open."""

    def __init__(self) -> None:
        super().__init__("bell", tr("Alerts and finished jobs"), action="alerts.popover")
        self._marked = False

    def set_count(self, count: int) -> None:
        """Open alerts; the dot is shown above zero."""
        self._marked = count > 0
        text = tr("Alerts and finished jobs")
        self.set_name(f"{text}: {count}" if count else text)
        self.update()

    def _glyph_size(self) -> int:
        return 16

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._marked:
            painter = QPainter(self)
            centre = QPointF(self.width() / 2 + 5, self.height() / 2 - 7)
            paint.dot(painter, centre, "chrome", 9)
            paint.dot(painter, centre, "bad", 7)
            painter.end()


class TopBar(QWidget):
    """The row itself. The menu bar is a real QMenuBar (native on macOS, where the row then holds only the rest).

    Signals:
        search_clicked, bell_clicked, new_run_clicked
    """

    search_clicked = Signal()
    bell_clicked = Signal()
    new_run_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(theme.size("topbar"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(15, 0, 12, 0)
        layout.setSpacing(0)
        layout.addWidget(_Mark())
        layout.addSpacing(1)
        self.menu_bar = QMenuBar()
        self.menu_bar.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.menu_bar.setFont(theme.font("body"))
        if sys.platform == "darwin":
            self.menu_bar.setNativeMenuBar(True)
        else:
            self.menu_bar.setNativeMenuBar(False)
            layout.addWidget(self.menu_bar)
        layout.addStretch(1)
        self.search = SearchBox()
        self.search.clicked.connect(self.search_clicked)
        layout.addWidget(self.search)
        layout.addStretch(1)
        layout.addSpacing(7)
        self.bell = BellButton()
        self.bell.clicked.connect(self.bell_clicked)
        layout.addWidget(self.bell)
        layout.addSpacing(7)
        self.new_run = Button(tr("New run"), "primary", "plus", tip=tr("New run"), action="run.new")
        self.new_run.clicked.connect(self.new_run_clicked)
        layout.addWidget(self.new_run)

    def retranslate(self) -> None:
        self.search.retranslate()
        self.new_run.setText(tr("New run"))
        self.new_run.updateGeometry()

    def sizeHint(self) -> QSize:
        return QSize(900, theme.size("topbar"))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.role("chrome"))
        painter.fillRect(0, self.height() - 1, self.width(), 1, theme.role("line"))
        painter.end()
