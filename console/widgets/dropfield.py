"""Where a file comes in: a line with its path, a field to drop it on, a curtain over a page while one hovers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QMimeData, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QWidget

from console.i18n import tr
from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import Button


def dropped_path(data: QMimeData) -> str:
    """The one local file or folder that is being dropped; empty for anything else."""
    paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    return str(paths[0]) if len(paths) == 1 else ""


def browse_file(parent: QWidget, title: str, name: str, suffixes: str) -> str:
    """The system's own dialog; empty when it was closed."""
    path, _ = QFileDialog.getOpenFileName(parent, title, "", f"{name} ({suffixes});;{tr('All files')} (*)")
    return path


class DropField(QWidget):
    """A large target for a file. Signals: dropped(path), clicked()."""

    dropped = Signal(str)
    clicked = Signal()

    def __init__(self, kinds: str) -> None:
        super().__init__()
        self._kinds = kinds
        self.setFixedHeight(112)
        self.setAcceptDrops(True)
        self.setAccessibleName(tr("Drop a file or folder here"))
        self._over = False

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_path(event.mimeData()):
            event.acceptProposedAction()
            self._set_over(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: ARG002
        self._set_over(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._set_over(False)
        event.acceptProposedAction()
        self.dropped.emit(dropped_path(event.mimeData()))

    def _set_over(self, over: bool) -> None:
        self._over = over
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.role("accent" if self._over else "line-strong"), 1, Qt.PenStyle.DotLine))
        painter.setBrush(theme.role("accent-soft") if self._over else Qt.BrushStyle.NoBrush)
        radius = theme.radius("panel")
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        middle = self.width() / 2
        theme.paint_icon(
            painter, "upload", QRectF(middle - 11, 22, 22, 22), "accent" if self._over else "text-secondary"
        )
        area = QRectF(10, 52, self.width() - 20, 20)
        align = paint.CENTER
        paint.draw_text(painter, area, self.accessibleName(), theme.font("body", 500), "text", align)
        paint.draw_text(painter, area.translated(0, 21), self._kinds, theme.font("small"), "text-tertiary", align)
        painter.end()


class PathLine(QWidget):
    """The path in a line, with Browse…. Signals: path_chosen(path), typed when Enter is pressed.

    `browse(widget)` opens the system's dialog; `folder` adds a button for folders.
    """

    path_chosen = Signal(str)

    def __init__(self, browse: Callable[[QWidget], str], *, folder: str = "") -> None:
        super().__init__()
        self._browse_file, self._folder_title = browse, folder
        self.line = QLineEdit()
        self.line.setPlaceholderText(tr("Path of a file on the backend's machine"))
        self.line.setAccessibleName(tr("File"))
        self.line.returnPressed.connect(self._on_entered)
        self.browse = Button(tr("Browse…"), icon="folder-open")
        self.browse.clicked.connect(self._on_browse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.line, 1)
        layout.addWidget(self.browse)
        self.folder = Button(tr("Folder…"), icon="folder-open")
        self.folder.clicked.connect(self._on_folder)
        self.folder.setVisible(bool(folder))
        layout.addWidget(self.folder)

    def _on_entered(self) -> None:
        text = self.line.text().strip()
        if text:
            self.path_chosen.emit(text)

    def _on_browse(self) -> None:
        path = self._browse_file(self)
        if path:
            self.path_chosen.emit(path)

    def _on_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, self._folder_title)
        if path:
            self.path_chosen.emit(path)


class DropCurtain(QWidget):
    """Lies over a page while a file hovers above it; takes no clicks. `text` says what a drop would do."""

    def __init__(self, page: QWidget, text: str) -> None:
        super().__init__(page)
        self._page, self._text = page, text
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def rise(self) -> None:
        """Cover the page."""
        self.setGeometry(self._page.rect())
        self.raise_()
        self.show()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        veil = QColor(theme.role("canvas"))
        veil.setAlphaF(0.86)
        painter.fillRect(self.rect(), veil)
        painter.setPen(QPen(theme.role("accent"), 1.5, Qt.PenStyle.DashLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        frame = QRectF(self.rect()).adjusted(14, 14, -14, -14)
        painter.drawRoundedRect(frame, theme.radius("panel"), theme.radius("panel"))
        middle = frame.center()
        theme.paint_icon(painter, "upload", QRectF(middle.x() - 14, middle.y() - 34, 28, 28), "accent")
        area = QRectF(frame.left(), middle.y() + 4, frame.width(), 22)
        paint.draw_text(painter, area, self._text, theme.font("body", 600), "text", paint.CENTER)
        painter.end()
