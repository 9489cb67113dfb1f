"""The same data as a table (Ctrl+Shift+D) and on the clipboard: every point of the range, read in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QHBoxLayout, QHeaderView, QPushButton, QTableView, QVBoxLayout

from console.charts.export import as_text, heading
from console.charts.format import number
from console.charts.whole import MOST_ROWS, Slices, WholePoints
from console.i18n import tr, tr_n
from console.widgets.meters import ProgressBar
from console.widgets.text import Text, tip_html

if TYPE_CHECKING:
    from console.charts.chart import TimeSeriesChart


AnyIndex = QModelIndex | QPersistentModelIndex


class PointsModel(QAbstractTableModel):
    """Rows of points, growing at the end; missing cells are empty."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names = names
        self._rows = np.empty((1024, len(names)))
        self._count = 0

    @property
    def table(self) -> np.ndarray:
        """All rows so far."""
        return self._rows[: self._count]

    def append(self, rows: np.ndarray) -> None:
        """Further rows."""
        if not len(rows):
            return
        count = self._count + len(rows)
        if count > len(self._rows):
            grown = np.empty((max(count, 2 * len(self._rows)), len(self.names)))
            grown[: self._count] = self.table
            self._rows = grown
        self.beginInsertRows(QModelIndex(), self._count, count - 1)
        self._rows[self._count : count] = rows
        self._count = count
        self.endInsertRows()

    def rowCount(self, parent: AnyIndex | None = None) -> int:  # noqa: ARG002
        return self._count

    def columnCount(self, parent: AnyIndex | None = None) -> int:  # noqa: ARG002
        return len(self.names)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        value = float(self._rows[index.row(), index.column()])
        if value != value:
            return ""
        return f"{value:,.10g}" if index.column() == 0 else number(value, ".8g")

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role == Qt.ItemDataRole.ToolTipRole and orientation == Qt.Orientation.Horizontal:
            return tip_html(self.names[section][:200])
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return self.names[section] if orientation == Qt.Orientation.Horizontal else section + 1


class PointsDialog(QDialog):
    """A chart's points; stays beside the page, does not follow live. Closing it ends the reading."""

    def __init__(self, chart: TimeSeriesChart) -> None:
        super().__init__(chart.window())
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("{title}, as a table", title=chart.header.title))
        self.resize(520, 560)
        self.points = WholePoints(chart, self)
        self.model = PointsModel(self.points.names)
        self.view = QTableView()
        self.view.setModel(self.model)
        self.view.verticalHeader().setDefaultSectionSize(26)
        self.view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.view.horizontalHeader().setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.view.setAccessibleName(self.windowTitle())
        self.told = Text("", "small", "text-secondary", wrap=True)
        self.bar = ProgressBar(tr("Reading"))
        self._copy = QPushButton(tr("Copy"))
        self._copy.clicked.connect(self.copy)
        self._lay_out()
        QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self).activated.connect(self.copy)
        self.points.advanced.connect(self._on_advanced)
        self.points.finished.connect(self._on_finished)
        self.points.failed.connect(self._on_failed)
        self._on_advanced(np.empty((0, len(self.model.names))))
        self.points.read()

    def _lay_out(self) -> None:
        foot = QHBoxLayout()
        foot.addWidget(self.told, 1)
        foot.addWidget(self._copy)
        box = QVBoxLayout(self)
        box.addWidget(self.view)
        box.addWidget(self.bar)
        box.addLayout(foot)

    def _on_advanced(self, rows: np.ndarray) -> None:
        self.model.append(rows)
        self.bar.set_fraction(self.points.fraction)
        self.told.setText(tr("Reading, {share}", share=f"{self.points.fraction:.0%}"))

    def _on_finished(self) -> None:
        self.bar.hide()
        self.told.setText(how_many(self.points))

    def _on_failed(self, text: str) -> None:
        self.bar.hide()
        self.told.set_role("bad")
        self.told.setText(only(self.points, text))

    def copy(self) -> None:
        """All rows read so far to the clipboard."""
        if not self._copy.isEnabled():
            return
        self._copy.setEnabled(False)
        self._clip = _Clip(self.model.names)
        slices = Slices(self.model.table, self)
        slices.advanced.connect(self._clip.add)
        slices.finished.connect(self._clip.put)
        slices.finished.connect(self._on_copied)
        slices.finished.connect(slices.deleteLater)
        slices.start()

    def _on_copied(self) -> None:
        self._copy.setEnabled(True)

    def done(self, result: int) -> None:
        """Esc, a button or the window's own cross: the reading ends."""
        self.points.stop()
        super().done(result)


class CopyDialog(QDialog):
    """Copies a chart's points, tells how far it is, and closes itself when all of them are on the clipboard."""

    def __init__(self, chart: TimeSeriesChart) -> None:
        super().__init__(chart.window())
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Copy data of {title}", title=chart.header.title))
        self.setMinimumWidth(420)
        self.points = WholePoints(chart, self)
        self._clip = _Clip(self.points.names)
        self.told = Text("", "body", wrap=True)
        self.bar = ProgressBar(tr("Reading"))
        self.button = QPushButton(tr("Cancel"))
        self.button.clicked.connect(self.reject)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.button)
        box = QVBoxLayout(self)
        box.addWidget(self.told)
        box.addWidget(self.bar)
        box.addLayout(foot)
        self.done_with = False  # everything is on the clipboard and there is nothing to tell
        self.points.advanced.connect(self._on_advanced)
        self.points.finished.connect(self._on_finished)
        self.points.failed.connect(self._on_failed)

    def _on_advanced(self, rows: np.ndarray) -> None:
        self._clip.add(rows)
        self.bar.set_fraction(self.points.fraction)
        self.told.setText(tr("Reading, {share}", share=f"{self.points.fraction:.0%}"))

    def _on_finished(self) -> None:
        self._clip.put()
        self._end(how_many(self.points))
        self.done_with = not self.points.limited
        if self.done_with:
            self.accept()

    def _on_failed(self, text: str) -> None:
        """Half of it would be taken for the whole: nothing is put on the clipboard."""
        self._end(tr("Nothing was copied. {why}", why=text))

    def _end(self, text: str) -> None:
        self.bar.hide()
        self.told.setText(text)
        self.button.setText(tr("Close"))

    def done(self, result: int) -> None:
        """Esc, a button or the window's own cross: the reading ends."""
        self.points.stop()
        super().done(result)


class _Clip:
    """Text of rows, piece by piece, for the clipboard."""

    def __init__(self, names: list[str]) -> None:
        self._parts = [heading(names)]

    def add(self, rows: np.ndarray, _fraction: float = 0.0) -> None:
        """Further rows."""
        self._parts.append(as_text(rows))

    def put(self) -> None:
        """All of it to the clipboard."""
        QGuiApplication.clipboard().setText("".join(self._parts))


def how_many(points: WholePoints) -> str:
    """What was read, in words; a limit is told with the way to the rest."""
    if points.limited:
        return tr("The first {n} rows. Export has every point.", n=f"{MOST_ROWS:,}")
    return tr_n(points.rows, "{n} row", "{n} rows")


def only(points: WholePoints, why: str) -> str:
    """What was read before it broke off."""
    return tr("Only the first {n} rows. {why}", n=f"{points.rows:,}", why=why)


def show_table(chart: TimeSeriesChart) -> PointsDialog:
    """Open the table of a chart."""
    dialog = PointsDialog(chart)
    dialog.show()
    return dialog


def copy_data(chart: TimeSeriesChart) -> CopyDialog | None:
    """Every point of the range to the clipboard, tab-separated; what takes longer has a window of its own."""
    dialog = CopyDialog(chart)
    dialog.points.read()
    if dialog.done_with:
        return None
    dialog.show()
    return dialog
