"""The right-click menu of a chart."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QActionGroup, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMenu

from console.charts import export
from console.charts.table import show_table
from console.i18n import tr
from console.keys import key_table
from console.widgets.text import message_box

if TYPE_CHECKING:
    from console.charts.chart import TimeSeriesChart


def build_menu(chart: TimeSeriesChart, position: float | None) -> QMenu:
    """Everything a chart can do; `position` is where a note would go (x units)."""
    menu = QMenu(chart)
    menu.aboutToHide.connect(menu.deleteLater)
    if position is not None:
        _add(
            menu,
            tr("Add note here"),
            lambda: chart.group.note_requested.emit(chart.group.store.position(chart.group.axis, position)),
        )
        for text, act in chart.group.actions_at(position):
            _add(menu, text, act)
        menu.addSeparator()
    _add(menu, tr("Save image as PNG…"), lambda: _save(chart, "png"))
    _add(menu, tr("Save image as SVG…"), lambda: _save(chart, "svg"))
    _add(menu, tr("Copy data"), lambda: copy_data(chart))
    _add(menu, tr("Show as table"), lambda: show_table(chart), key_table.shown("chart.table"))
    menu.addSeparator()
    _add_range(menu, chart)
    if len(chart.spec.series) > 1:
        _add_series(menu, chart)
    menu.addSeparator()
    for text, act in chart.group.extra_actions:
        _add(menu, text, act)
    shrunk = getattr(chart, "maximized", False)
    _add(
        menu,
        tr("Restore") if shrunk else tr("Maximize"),
        lambda: chart.group.maximize_requested.emit(None if shrunk else chart),
        "Esc" if shrunk else "Enter",
    )
    _add(menu, tr("Hide chart"), chart.hide_requested.emit)
    return menu


def _add(menu: QMenu, text: str, act: Callable[[], object], keys: str = "") -> QAction:
    action = menu.addAction(f"{text}\t{keys}" if keys else text)
    action.triggered.connect(lambda *_: act())
    return action


def _add_range(menu: QMenu, chart: TimeSeriesChart) -> None:
    log = _add(menu, tr("Log y"), lambda: chart.set_log(not chart.curves.choice.log))
    log.setCheckable(True)
    log.setChecked(chart.curves.choice.log)
    ranges = menu.addMenu(tr("Y range"))
    group = QActionGroup(ranges)
    for mode, text in (
        ("robust", tr("Ignore outliers")),
        ("auto", tr("Show everything")),
        ("fixed", tr("Keep as it is now")),
    ):
        action = _add(ranges, text, partial(chart.set_y_mode, mode))
        action.setCheckable(True)
        action.setChecked(chart.curves.choice.mode == mode)
        group.addAction(action)


def _add_series(menu: QMenu, chart: TimeSeriesChart) -> None:
    series = menu.addMenu(tr("Series"))
    for spec in chart.spec.series:
        action = _add(series, tr(spec.name) if spec.name else spec.key, partial(chart.toggle_series, spec.key))
        action.setCheckable(True)
        action.setChecked(spec.key not in chart.curves.off)


def copy_data(chart: TimeSeriesChart) -> None:
    """Every point of the range to the clipboard, tab-separated."""
    QGuiApplication.clipboard().setText(export.as_text(*export.columns(chart)))


def _save(chart: TimeSeriesChart, kind: str) -> None:
    name, _ = QFileDialog.getSaveFileName(
        chart.window(), tr("Save image"), f"{chart.spec.id}.{kind}".replace("/", "_").replace(":", "_"), f"*.{kind}"
    )
    if not name:
        return
    path = Path(name) if name.lower().endswith(f".{kind}") else Path(f"{name}.{kind}")
    try:
        (export.save_png if kind == "png" else export.save_svg)(chart, path)
    except OSError as error:
        message_box(chart.window(), tr("Image not saved"), str(error)).exec()
