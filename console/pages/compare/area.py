"""Where charts and tables of a comparison stand: two columns, tables after the first two charts; one can fill it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QGridLayout, QWidget

if TYPE_CHECKING:
    from console.charts.chart import TimeSeriesChart

FIRST_HEIGHT, FURTHER_HEIGHT = 270, 210
COLUMNS = 2
SPACING = 10


class CompareArea(QWidget):
    """Give it the panels once, then the charts as often as they change."""

    def __init__(self, tables: QWidget, wide: QWidget) -> None:
        super().__init__()
        self._panels = (tables, wide)
        self._charts: list[TimeSeriesChart] = []
        self._big: TimeSeriesChart | None = None
        self._wide_shown = True
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(SPACING)
        self._grid.addWidget(tables, 1, 0, 1, COLUMNS)
        self._grid.addWidget(wide, 2, 0, 1, COLUMNS)
        for column in range(COLUMNS):
            self._grid.setColumnStretch(column, 1)

    def show_charts(self, charts: Sequence[TimeSeriesChart]) -> None:
        """These, in this order; a last one that stands alone has the whole width."""
        for chart in self._charts:
            self._grid.removeWidget(chart)
        self._charts = list(charts)
        if self._big not in self._charts:
            self._big = None
        for at, chart in enumerate(self._charts):
            line, column = divmod(at, COLUMNS)
            chart.setMinimumHeight(FURTHER_HEIGHT if line else FIRST_HEIGHT)
            alone = at == len(self._charts) - 1 and column == 0
            self._grid.addWidget(chart, line + 2 if line else 0, column, 1, COLUMNS if alone else 1)
        self._arrange()

    def maximize(self, chart: TimeSeriesChart | None) -> None:
        """One chart alone; None brings all back."""
        before, self._big = self._big, None if chart is self._big else chart
        self._arrange()
        shown = self._big or before
        if shown is not None:
            shown.setFocus()

    def set_wide_shown(self, on: bool) -> None:
        """The panel below the tables has something to show."""
        self._wide_shown = on
        self._panels[-1].setVisible(on and self._big is None)

    def _arrange(self) -> None:
        for chart in self._charts:
            chart.maximized = chart is self._big
            chart.setVisible(self._big is None or chart is self._big)
        for panel in self._panels:
            panel.setVisible(self._big is None and (panel is not self._panels[-1] or self._wide_shown))
        for line in range(self._grid.rowCount()):
            self._grid.setRowStretch(line, 0 if line in (1, 2) else 4 if line == 0 else 3)
