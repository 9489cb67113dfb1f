"""The list of datasets: name, rows, fields, version, quality; below it the place to drop a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QVBoxLayout, QWidget

from backend.contract.resources import DatasetRecord
from console import words
from console.i18n import tr
from console.pages.data import words as data_words
from console.tables import Field
from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import IconButton
from console.widgets.dropfield import dropped_path
from console.widgets.filterbox import FilterBox
from console.widgets.panel import row
from console.widgets.rows import ItemList, ListItem
from console.widgets.text import Text

FIELDS = (
    Field("name", "text", lambda d: d.name),
    Field("task", "text", lambda d: d.task),
    Field("rows", "number", lambda d: d.rows),
    Field("label", "tags", lambda d: list(d.labels)),
    Field("builtin", "flag", lambda d: d.builtin),
)


class DropZone(QWidget):
    """Drop a file here, or click to choose one. Signals: dropped(path), clicked()."""

    dropped = Signal(str)
    clicked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(84)
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(tr("Drop CSV, JSONL or Parquet here"))
        self._over = False

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_path(event.mimeData()):
            event.acceptProposedAction()
            self.set_over(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: ARG002
        self.set_over(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self.set_over(False)
        event.acceptProposedAction()
        self.dropped.emit(dropped_path(event.mimeData()))

    def set_over(self, over: bool) -> None:
        """A file is held over the page."""
        self._over = over
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.clicked.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        role = "accent" if self._over else "line-strong"
        painter.setPen(QPen(theme.role(role), 1, Qt.PenStyle.DotLine))
        painter.setBrush(theme.role("accent-soft") if self._over else Qt.BrushStyle.NoBrush)
        radius = theme.radius("panel")
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        middle = self.width() / 2
        theme.paint_icon(
            painter, "upload", QRectF(middle - 9, 20, 18, 18), "accent" if self._over else "text-secondary"
        )
        area = QRectF(6, 44, self.width() - 12, 20)
        paint.draw_text(painter, area, self.accessibleName(), theme.font("small"), "text-secondary", paint.CENTER)
        painter.end()


class DataPane(QWidget):
    """Title with count, filter, list, drop zone."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(theme.size("list-pane"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 11, 10, 14)
        layout.setSpacing(7)
        self.count = Text("", "body", "text-tertiary")
        self.add = IconButton("plus", tr("Import data…"))
        layout.addWidget(row(Text(tr("Data"), "page-title"), self.count, None, self.add, gap=10,
                             margins=(10, 0, 0, 0)))  # fmt: skip
        self.filter = FilterBox(FIELDS, words=lambda d: f"{d.name} {d.task}", placeholder=tr("Filter datasets"),
                                name=tr("Filter datasets"))  # fmt: skip
        layout.addWidget(self.filter)
        self.items = ItemList(tr("Datasets"))
        layout.addWidget(self.items, 1)
        self.none = Text("", "small", "text-tertiary", wrap=True)
        self.none.setContentsMargins(10, 0, 10, 0)
        layout.addWidget(self.none)
        self.zone = DropZone()
        layout.addWidget(self.zone)

    def show_datasets(
        self, datasets: Iterable[DatasetRecord], current: str, wanted: Callable[[Any], bool] | None
    ) -> None:
        """One item a name, with its newest version."""
        groups = data_words.group(datasets)
        newest = [versions[0] for versions in groups.values() if wanted is None or wanted(versions[0])]
        items = [
            ListItem(d.name, d.name, data_words.subtitle(d), right=f"v{d.version}", icon=data_words.list_icon(d))
            for d in newest
        ]
        self.items.set_items(items)
        self.items.set_current(current)
        self.count.setText(words.count(len(groups)))
        self.none.setVisible(not items)
        self.none.setText(tr("No dataset matches {filter}.", filter=self.filter.text))
