"""The same data as a table (Ctrl+Shift+D): every point of the range, virtual, copied as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QHBoxLayout, QHeaderView, QPushButton, QTableView, QVBoxLayout

from console.charts.export import as_text, columns
from console.charts.format import number
from console.i18n import tr
from console.widgets.text import Text

if TYPE_CHECKING:
    from console.charts.chart import TimeSeriesChart


AnyIndex = QModelIndex | QPersistentModelIndex


class PointsModel(QAbstractTableModel):
    """Rows of points; missing cells are empty."""

    def __init__(self, names: list[str], table: np.ndarray) -> None:
        super().__init__()
        self.names, self.table = names, table

    def rowCount(self, parent: AnyIndex | None = None) -> int:  # noqa: ARG002
        return len(self.table)

    def columnCount(self, parent: AnyIndex | None = None) -> int:  # noqa: ARG002
        return len(self.names)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        value = float(self.table[index.row(), index.column()])
        if value != value:
            return ""
        return f"{value:,.10g}" if index.column() == 0 else number(value, ".8g")

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return self.names[section] if orientation == Qt.Orientation.Horizontal else section + 1


class PointsDialog(QDialog):
    """A chart's points; stays beside the page, does not follow live."""

    def __init__(self, chart: TimeSeriesChart) -> None:
        super().__init__(chart.window())
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("{title}, as a table", title=chart.header.title))
        self.resize(520, 560)
        self.model = PointsModel(*columns(chart))
        self.view = QTableView()
        self.view.setModel(self.model)
        self.view.verticalHeader().setDefaultSectionSize(26)
        self.view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.view.setAccessibleName(self.windowTitle())
        copy = QPushButton(tr("Copy"))
        copy.clicked.connect(self.copy)
        foot = QHBoxLayout()
        foot.addWidget(Text(tr("{n} points", n=f"{self.model.rowCount():,}")))
        foot.addStretch(1)
        foot.addWidget(copy)
        box = QVBoxLayout(self)
        box.addWidget(self.view)
        box.addLayout(foot)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self).activated.connect(self.copy)

    def copy(self) -> None:
        """All rows to the clipboard."""
        QGuiApplication.clipboard().setText(as_text(self.model.names, self.model.table))


def show_table(chart: TimeSeriesChart) -> PointsDialog:
    """Open the table of a chart."""
    dialog = PointsDialog(chart)
    dialog.show()
    return dialog
