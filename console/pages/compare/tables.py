"""The two tables of the compare page: metrics with the best in bold, and how the configs differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPen, QResizeEvent

from backend.contract.resources import RunRecord
from console.i18n import tr
from console.pages.compare import facts
from console.tables import Column, TableModel, TableView
from console.theme import theme
from console.widgets import paint

ROW = 34
LEAST_SETTING, LEAST_CELL, MOST_CELL = 120, 84, 130


@dataclass(frozen=True)
class Line:
    """A run in the metrics table: its colour, and whether its curves are hidden."""

    id: str
    run: RunRecord
    index: int
    hidden: bool


def paint_swatch(painter: QPainter, left: float, middle: float, index: int) -> None:
    """The short thick line that means a run."""
    pen = QPen(theme.series(index), 2)
    dash = theme.dash(index)
    if dash:
        pen.setDashPattern([float(part) / 2 for part in dash])
    painter.setPen(pen)
    painter.drawLine(QPointF(left, round(middle)), QPointF(left + 12, round(middle)))


def _paint_name(painter: QPainter, rect: QRectF, line: Line) -> None:
    paint_swatch(painter, rect.left(), rect.center().y(), line.index)
    role = "text-tertiary" if line.hidden else "text"
    paint.draw_text(painter, rect.adjusted(22, 0, 0, 0), line.run.name, theme.font("body", 500), role, middle=True)


class MetricsTable(TableView):
    """Signals: eye_clicked(run id); moved(run id, run id whose place it takes)."""

    eye_clicked = Signal(str)
    moved = Signal(str, str)

    def __init__(self, runs: Sequence[RunRecord]) -> None:
        self._best: dict[str, float | None] = {}
        self.metrics = facts.metrics_of(runs)
        higher = {key: up for key, _, up in self.metrics}
        self._higher = {**higher, facts.TIME: False, facts.MEMORY: False}
        titled = [(key, tr(title), 78 if len(title) > 4 else 66) for key, title, _ in self.metrics]
        titled += [(facts.TIME, tr("Time"), 84), (facts.MEMORY, tr("Memory"), 72)]
        columns = [
            Column("eye", "", lambda line: line.hidden, kind="icon", width=34, sortable=False, hideable=False,
                   cell=lambda line: ("eye-off" if line.hidden else "eye", "text-tertiary"),
                   text=lambda line: tr("hidden") if line.hidden else tr("shown")),
            Column("name", tr("Run"), lambda line: line.run.name, kind="custom", stretch=True, width=150,
                   hideable=False, paint=_paint_name),
            *(self._value_column(key, title, width) for key, title, width in titled),
        ]  # fmt: skip
        self.lines = TableModel(columns)
        super().__init__(self.lines, name=tr("Metrics"), row_height=ROW)
        self._pressed: str | None = None

    def _value_column(self, key: str, title: str, width: int) -> Column:
        return Column(
            key, title, lambda line: facts.value_of(line.run, key), kind="custom", align="right", width=width,
            text=lambda line: facts.shown_value(line.run, key), paint=partial(self._paint_value, key),
            descending_first=self._higher[key],
        )  # fmt: skip

    def _paint_value(self, key: str, painter: QPainter, rect: QRectF, line: Line) -> None:
        value = facts.value_of(line.run, key)
        best = value is not None and value == self._best.get(key)
        role = "text-tertiary" if value is None or line.hidden else "text"
        font = theme.font("body", 600 if best else 400)
        paint.draw_text(painter, rect, facts.shown_value(line.run, key), font, role, paint.CENTER_RIGHT)

    def needed_width(self) -> int:
        """Pixels in which every column is seen without scrolling; names shorten to their least width."""
        return sum(column.width for column in self.lines.columns if column.visible)

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Values and what is best among them."""
        runs = [line.run for line in lines]
        self._best = {key: facts.best_value(runs, key, up) for key, up in self._higher.items()}
        self.lines.set_rows(lines)

    def _at(self, event: QMouseEvent) -> Line | None:
        index = self.indexAt(event.position().toPoint())
        return self.lines.row_at(index.row()) if index.isValid() else None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        line = self._at(event)
        index = self.indexAt(event.position().toPoint())
        if line is not None and event.button() == Qt.MouseButton.LeftButton and index.column() == 0:
            self.eye_clicked.emit(line.id)
            return
        self._pressed = line.id if line is not None and event.button() == Qt.MouseButton.LeftButton else None
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Dropped on another row: the run takes its place, unless the table is sorted."""
        line, pressed = self._at(event), self._pressed
        self._pressed = None
        if pressed is not None and line is not None and line.id != pressed and not self.lines.sorts:
            self.moved.emit(pressed, line.id)
        super().mouseReleaseEvent(event)


@dataclass(frozen=True)
class ConfigLine:
    """A setting and its value in each run."""

    id: str
    cells: tuple[str, ...]


class ConfigTable(TableView):
    """Settings down, runs across; the first row names the runs with their colours."""

    HEAD = ""

    def __init__(self, names: Sequence[str]) -> None:
        columns = [
            Column("name", tr("Setting"), lambda line: line.id, mono=True, stretch=True, width=LEAST_SETTING,
                   role=lambda _line: "text-secondary"),
            *(Column(f"run{i}", name, self._reader(i), kind="custom", width=LEAST_CELL, mono=True,
                     paint=partial(self._paint_cell, i)) for i, name in enumerate(names)),
        ]  # fmt: skip
        self._names = list(names)
        self.lines = TableModel(columns)
        super().__init__(self.lines, name=tr("Config differences"), row_height=28)
        self.head.hide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Runs share what the settings leave, as far as they can be read; else the table scrolls."""
        room = (event.size().width() - LEAST_SETTING) // max(1, len(self._names))
        for index in range(1, len(self._names) + 1):
            self.setColumnWidth(index, max(LEAST_CELL, min(MOST_CELL, room)))
        super().resizeEvent(event)

    @staticmethod
    def _reader(index: int) -> Callable[[Any], str]:
        return lambda line: line.cells[index]

    def _paint_cell(self, index: int, painter: QPainter, rect: QRectF, line: ConfigLine) -> None:
        if line.id == self.HEAD:
            paint_swatch(painter, rect.left(), rect.center().y(), index)
            name = rect.adjusted(17, 0, 0, 0)
            paint.draw_text(painter, name, line.cells[index], theme.font("small", 600), "text-secondary")
        else:
            paint.draw_text(painter, rect, line.cells[index], theme.mono("small"), "text")

    def show_rows(self, rows: Sequence[tuple[str, tuple[str, ...]]]) -> None:
        """One line a setting under the names of the runs."""
        head = ConfigLine(self.HEAD, tuple(self._names))
        self.lines.set_rows([head, *(ConfigLine(name, cells) for name, cells in rows)])
