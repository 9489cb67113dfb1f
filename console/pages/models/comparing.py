"""The version against the champion: metrics with intervals, classes, confusion."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QVBoxLayout, QWidget

from backend.contract.resources import VersionRecord
from console import words
from console.i18n import tr
from console.pages.models import words as model_words
from console.pages.models.figures import Figure, Slice, comparable, compare, slices
from console.theme import theme
from console.widgets import paint
from console.widgets.controls import Segmented
from console.widgets.interval import paint_interval
from console.widgets.panel import Panel
from console.widgets.text import Text, tip_html

ROW, HEAD = 31, 26
MOST_SLICES = 30
MOST_CONFUSED = 20


class _Painted(QWidget):
    """A painted table of fixed height, 14 px at its sides, one tab stop, read out as text."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(420, self.height())

    def _head(self, painter: QPainter, cells: list[tuple[QRectF, str, Qt.AlignmentFlag]]) -> None:
        for rect, text, align in cells:
            paint.draw_text(painter, rect, text, theme.font("small"), "text-secondary", align)

    def _line(self, painter: QPainter, top: float) -> None:
        painter.fillRect(QRectF(1, top, self.width() - 2, 1), theme.role("line"))


class MetricsTable(_Painted):
    """Metric, this version, champion, change with its 95 % interval. Rows share no scale: each has its own."""

    def __init__(self) -> None:
        super().__init__(tr("Metrics"))
        self._figures: list[Figure] = []
        self._names = ("", "")

    def show_figures(self, figures: list[Figure], new: str, old: str) -> None:
        self._figures, self._names = figures, (new, old)
        self.setFixedHeight(HEAD + ROW * len(figures) + 6)
        said = [f"{model_words.figure_name(f)} {model_words.figure_value(f, f.value)} {model_words.figure_change(f)}"
                for f in figures]  # fmt: skip
        self.setAccessibleDescription("; ".join(said))
        self.updateGeometry()
        self.update()

    def _columns(self) -> tuple[float, float, float, float]:
        """Right edge of this version, of the champion; left and width of the interval."""
        width = self.width()
        band = min(66.0, max(44.0, width * 0.11))
        return width - 253.0, width - 186.0, width - 158.0, band

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            index = int((event.pos().y() - HEAD) // ROW)
            if 0 <= index < len(self._figures):
                QToolTip.showText(event.globalPos(), tip_html(*self._tip(self._figures[index])), self)
                return True
        return super().event(event)

    def _tip(self, figure: Figure) -> tuple[str, str, str]:
        name = model_words.figure_name(figure)
        if figure.low is not None and figure.high is not None:
            line = tr("95% interval {low} to {high}, both versions taken as independent",
                      low=words.signed(figure.low, 4), high=words.signed(figure.high, 4))  # fmt: skip
        elif figure.change is None or figure.style == "size":
            line = ""
        else:
            line = tr("No interval: it cannot be computed from what the test part kept")
        return name, "", line

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        new, old, left, _ = self._columns()
        right, edge = paint.CENTER_RIGHT, self.width() - 14
        head: list[tuple[QRectF, str, Qt.AlignmentFlag]] = [(QRectF(14, 0, 200, HEAD), tr("Metric"), paint.CENTER_LEFT)]
        if self._names[1]:
            head += [(QRectF(new - 80, 0, 80, HEAD), self._names[0], right),
                     (QRectF(old - 80, 0, 80, HEAD), self._names[1], right),
                     (QRectF(left, 0, edge - left, HEAD), tr("change, 95% interval"), right)]  # fmt: skip
        else:
            head.append((QRectF(edge - 100, 0, 100, HEAD), self._names[0], right))
        self._head(painter, head)
        self._line(painter, HEAD)
        for index, figure in enumerate(self._figures):
            self._paint_row(painter, HEAD + 3 + index * ROW, figure)
        painter.end()

    def _paint_row(self, painter: QPainter, top: float, figure: Figure) -> None:
        new, old, left, band = self._columns()
        right, edge = paint.CENTER_RIGHT, self.width() - 14
        body = theme.font("body")
        value_right = new if self._names[1] else edge
        paint.draw_text(painter, QRectF(14, top, value_right - 110, ROW), model_words.figure_name(figure), body,
                        "text-secondary")  # fmt: skip
        value = model_words.figure_value(figure, figure.value)
        paint.draw_text(painter, QRectF(value_right - 90, top, 90, ROW), value, theme.font("body", 600), "text", right)
        if not self._names[1]:
            return
        before = model_words.figure_value(figure, figure.before)
        paint.draw_text(painter, QRectF(old - 80, top, 80, ROW), before, body, "text-secondary", right)
        if figure.low is not None and figure.high is not None:
            span = max(abs(figure.low), abs(figure.high), 1e-9) * 1.15
            role = figure.role if figure.role in ("ok", "bad") else "idle"
            area = QRectF(left, top + 4, band, ROW - 8)
            paint_interval(painter, area, figure.change, figure.low, figure.high, span, role)
        paint.draw_text(painter, QRectF(left + band, top, edge - left - band, ROW), model_words.figure_change(figure),
                        theme.font("body", 500), figure.role, right)  # fmt: skip


class SlicesTable(_Painted):
    """Classes, worst first: F1 as a bar, precision, recall, rows, change of F1 against the champion."""

    def __init__(self) -> None:
        super().__init__(tr("Classes"))
        self._slices: list[Slice] = []
        self._compared = False

    def show_slices(self, found: list[Slice]) -> None:
        self._slices = found[:MOST_SLICES]
        self._compared = any(entry.change is not None for entry in found)
        self.setFixedHeight(HEAD + ROW * len(self._slices) + 6)
        self.setAccessibleDescription("; ".join(f"{s.label} F1 {words.fixed(s.f1, 4)}" for s in self._slices))
        self.updateGeometry()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        edge, right = self.width() - 14.0, paint.CENTER_RIGHT
        titles = (tr("rows"), tr("recall"), tr("precision"), "F1")
        stops = [edge - (86 if self._compared else 0) - 66 * i for i in range(4)]
        head = [(QRectF(14, 0, 180, HEAD), tr("Class"), paint.CENTER_LEFT)]
        head += [(QRectF(stop - 66, 0, 66, HEAD), title, right) for stop, title in zip(stops, titles, strict=True)]
        if self._compared:
            head.append((QRectF(edge - 84, 0, 84, HEAD), tr("change of F1"), right))
        self._head(painter, head)
        self._line(painter, HEAD)
        for index, entry in enumerate(self._slices):
            self._paint_row(painter, HEAD + 3 + index * ROW, entry, stops)
        painter.end()

    def _paint_row(self, painter: QPainter, top: float, entry: Slice, stops: list[float]) -> None:
        body, right = theme.font("body"), paint.CENTER_RIGHT
        paint.draw_text(painter, QRectF(14, top, 120, ROW), entry.label, body, "text")
        start, end = 142.0, stops[3] - 58
        if end - start > 40:
            paint.bar(painter, QRectF(start, top + ROW / 2 - 3, end - start, 6), entry.f1, theme.role("s1-blue"))
        values = (words.count(entry.support), words.fixed(entry.recall, 3), words.fixed(entry.precision, 3),
                  words.fixed(entry.f1, 4))  # fmt: skip
        for stop, value, strong in zip(stops, values, (False, False, False, True), strict=True):
            paint.draw_text(painter, QRectF(stop - 66, top, 66, ROW), value, theme.font("body", 600 if strong else 400),
                            "text" if strong else "text-secondary", right)  # fmt: skip
        if entry.change is not None:
            figure = Figure("", None, None, entry.change, entry.low, entry.high)
            paint.draw_text(painter, QRectF(self.width() - 98, top, 84, ROW), words.signed(entry.change, 4),
                            theme.font("body", 500), figure.role, right)  # fmt: skip


class ConfusionView(_Painted):
    """Rows are true, columns predicted; the darker the larger the share of its row. Counts stand in the cells."""

    def __init__(self) -> None:
        super().__init__(tr("Confusion"))
        self._matrix: tuple[tuple[int, ...], ...] = ()
        self._labels: tuple[str, ...] = ()

    def show_matrix(self, labels: tuple[str, ...], matrix: tuple[tuple[int, ...], ...]) -> None:
        self._labels, self._matrix = labels[:MOST_CONFUSED], tuple(line[:MOST_CONFUSED] for line in matrix)
        self._matrix = self._matrix[:MOST_CONFUSED]
        self.setFixedHeight(round(HEAD + 8 + self._cell_height() * len(self._labels) + 10))
        said = [f"{true} as {label}: {count}" for true, line in zip(self._labels, self._matrix, strict=False)
                for label, count in zip(self._labels, line, strict=False) if count]  # fmt: skip
        self.setAccessibleDescription("; ".join(said[:100]))
        self.updateGeometry()
        self.update()

    def _cell_height(self) -> float:
        return 56.0 if len(self._labels) <= 3 else 36.0 if len(self._labels) <= 6 else 24.0

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        if not self._labels:
            return
        painter = QPainter(self)
        small = theme.font("small")
        left = min(150.0, max(paint.text_width(label, small) for label in self._labels) + 30)
        left = max(left, paint.text_width(tr("true ↓  predicted →"), small) + 26)
        height = self._cell_height()
        width = min(120.0, (self.width() - left - 14) / len(self._labels))
        paint.draw_text(painter, QRectF(14, 4, left - 16, HEAD), tr("true ↓  predicted →"), small, "text-tertiary")
        for column, label in enumerate(self._labels):
            area = QRectF(left + column * width, 4, width, HEAD)
            paint.draw_text(painter, area.adjusted(3, 0, -3, 0), label, small, "text-secondary", paint.CENTER)
        for index, line in enumerate(self._matrix):
            top = HEAD + 8 + index * height
            paint.draw_text(painter, QRectF(14, top, left - 22, height), self._labels[index], small, "text-secondary")
            self._paint_line(painter, index, line, QRectF(left, top, width, height))
        painter.end()

    def _paint_line(self, painter: QPainter, index: int, line: tuple[int, ...], first: QRectF) -> None:
        total = sum(line) or 1
        for column, count in enumerate(line):
            cell = first.translated(column * first.width(), 0).adjusted(1.5, 1.5, -1.5, -1.5)
            share = count / total
            role = "s1-blue" if index == column else "s2-orange"
            paint.box(painter, cell, 4, theme.role("raised"))
            if count:
                paint.box(painter, cell, 4, theme.role(role, 0.10 + 0.45 * share))
            if cell.height() >= 44:
                upper = cell.adjusted(0, 6, 0, -cell.height() / 2 + 2)
                lower = cell.adjusted(0, cell.height() / 2 - 1, 0, -5)
                paint.draw_text(painter, upper, words.count(count), theme.font("body", 600), "text", paint.CENTER)
                paint.draw_text(painter, lower, words.percent(share), theme.font("small"), "text-secondary",
                                paint.CENTER)  # fmt: skip
            else:
                paint.draw_text(painter, cell, words.count(count), theme.font("small", 500), "text", paint.CENTER)


class ComparePanel(Panel):
    """v14 against champion v13: Table, Slices, Confusion."""

    def __init__(self) -> None:
        super().__init__(" ", flush=True)
        choices = [("table", tr("Table")), ("slices", tr("Slices")), ("confusion", tr("Confusion"))]
        self.view = Segmented(choices, "table", name=tr("View"))
        self.view.changed.connect(self._on_view)
        self.add_action(self.view)
        self.metrics, self.slices, self.confusion = MetricsTable(), SlicesTable(), ConfusionView()
        self.note = Text("", "small", "text-tertiary", wrap=True)
        self.note.setContentsMargins(14, 0, 14, 8)
        body = QVBoxLayout()
        body.setContentsMargins(0, 2, 0, 4)
        body.setSpacing(0)
        for widget in (self.metrics, self.slices, self.confusion, self.note):
            body.addWidget(widget)
        self.add(body)
        self._said = ""
        self._on_view("table")

    def show_version(self, new: VersionRecord, champion: VersionRecord | None) -> None:
        """`champion` None or the version itself: values only."""
        old = champion if champion is not None and champion.version != new.version else None
        title = tr("v{n} against champion v{m}", n=new.version, m=old.version) if old else f"v{new.version}"
        self.set_title(title, model_words.part_name(new))
        self.metrics.show_figures(compare(new, old), f"v{new.version}", f"v{old.version}" if old else "")
        self.slices.show_slices(slices(new, old))
        labels = tuple(new.evaluation.get("labels") or new.labels)
        matrix = tuple(tuple(int(cell) for cell in line) for line in new.evaluation.get("confusion") or ())
        self.confusion.show_matrix(labels if matrix else (), matrix)
        for value, there, why in (
            ("slices", bool(new.evaluation.get("per_class")), tr("No figures by class were kept for this version.")),
            ("confusion", bool(matrix), tr("No confusion matrix was kept for this version.")),
        ):
            self.view.set_disabled(value, "" if there else why)
            if not there and self.view.value == value:
                self.view.choose("table")
        self._said = ""
        if old is not None and not comparable(new, old):
            self._said = tr("v{n} and v{m} were measured on other rows, so no interval is given.",
                            n=new.version, m=old.version)  # fmt: skip
        self._on_view(self.view.value)

    def _on_view(self, value: str) -> None:
        self.metrics.setVisible(value == "table")
        self.slices.setVisible(value == "slices")
        self.confusion.setVisible(value == "confusion")
        self.note.setText(self._said)
        self.note.setVisible(bool(self._said) and value != "confusion")
