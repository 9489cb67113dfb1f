"""Choose what to import: drop a file, browse, type a path, or take one of the built-in datasets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from console import words
from console.i18n import tr
from console.tasks import task_name
from console.theme import theme
from console.widgets import paint
from console.widgets.dropfield import DropField, browse_file
from console.widgets.text import Text

SUFFIXES = "*.csv *.tsv *.jsonl *.ndjson *.json *.parquet *.txt"


@dataclass(frozen=True)
class Sample:
    """One built-in dataset."""

    name: str
    title: str
    task: str
    rows: int
    licence: str
    imported: bool


class SampleList(QWidget):
    """The built-in datasets in two columns; arrows move, Enter or a click takes one. Signals: chosen(name)."""

    chosen = Signal(str)
    ROW = 52

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("Built-in data"))
        self._samples: list[Sample] = []
        self._current, self._hover = 0, -1

    def set_samples(self, items: Sequence[dict[str, Any]]) -> None:
        """What GET /datasets/samples returned."""
        self._samples = [
            Sample(str(i["name"]), tr(str(i.get("title") or i["name"])), str(i["task"]), int(i.get("rows") or 0),
                   str(i.get("licence") or ""), bool(i.get("imported")))
            for i in items
        ]  # fmt: skip
        self.updateGeometry()
        self.update()

    def samples(self) -> list[Sample]:
        return list(self._samples)

    def sizeHint(self) -> QSize:
        return QSize(400, self.ROW * ((len(self._samples) + 1) // 2))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _rect(self, index: int) -> QRectF:
        width = (self.width() - 10) / 2
        return QRectF((index % 2) * (width + 10), (index // 2) * self.ROW, width, self.ROW - 8)

    def _at(self, event: QMouseEvent) -> int:
        return next((i for i in range(len(self._samples)) if self._rect(i).contains(event.position())), -1)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover = self._at(event)
        self.update()

    def leaveEvent(self, event) -> None:  # type: ignore[no-untyped-def]  # noqa: ARG002
        self._hover = -1
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        at = self._at(event)
        if at >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self._current = at
            self.chosen.emit(self._samples[at].name)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Down: 2, Qt.Key.Key_Up: -2}
        step = steps.get(Qt.Key(event.key()))
        plain = not event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if step is not None and self._samples:
            self._current = max(0, min(len(self._samples) - 1, self._current + step))
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._samples and plain:
            self.chosen.emit(self._samples[self._current].name)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        for index, sample in enumerate(self._samples):
            rect = self._rect(index)
            marked = index == self._hover or (self.hasFocus() and index == self._current)
            fill = theme.role("selected" if marked else "raised")
            paint.box(painter, rect, theme.radius("control"), fill, theme.role("line-control"))
            icon, role = ("circle-check", "ok") if sample.imported else ("database", "text-tertiary")
            theme.paint_icon(painter, icon, QRectF(rect.left() + 12, rect.top() + 14, 16, 16), role)
            area = QRectF(rect.left() + 38, rect.top() + 4, rect.width() - 50, 19)
            paint.draw_text(painter, area, sample.title, theme.font("body", 500), "text")
            said = [task_name(sample.task), tr("{n} rows", n=words.count(sample.rows)), sample.licence]
            if sample.imported:
                said.append(tr("imported"))
            text = " · ".join(part for part in said if part)
            paint.draw_text(painter, area.translated(0, 18), text, theme.font("small"), "text-tertiary")
        painter.end()


class Chooser(QWidget):
    """Drop target with the built-in datasets below. Signals: path_chosen(path or sample://name)."""

    path_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.drop = DropField(tr("CSV, TSV, JSONL, JSON, Parquet, text, or a Hugging Face dataset saved to disk"))
        self.drop.dropped.connect(self.path_chosen)
        self.drop.clicked.connect(self._on_browse)
        self.samples = SampleList()
        self.samples.chosen.connect(self._on_sample)
        self.samples_title = Text(tr("Or take a built-in dataset"), "small", "text-secondary", weight=600)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.drop)
        layout.addSpacing(6)
        layout.addWidget(self.samples_title)
        layout.addWidget(self.samples)

    def _on_browse(self) -> None:
        path = browse(self)
        if path:
            self.path_chosen.emit(path)

    def _on_sample(self, name: str) -> None:
        self.path_chosen.emit(f"sample://{name}")


def browse(parent: QWidget) -> str:
    """The system's own dialog; empty when it was closed."""
    return browse_file(parent, tr("Import data"), tr("Data files"), SUFFIXES)
