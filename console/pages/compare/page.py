"""The compare page: curves, metrics and config of 2 to 12 runs side by side."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSlider, QWidget

from backend.contract.resources import RunRecord
from backend.contract.states import RunState
from console import words
from console.context import Context
from console.i18n import mark, tr, tr_n
from console.pages.compare import facts
from console.pages.compare.acting import CompareActions
from console.pages.compare.sweep_panel import SweepPanel
from console.pages.compare.tables import ConfigTable, Line, MetricsTable
from console.settings import SMOOTHING
from console.state.changes import Changes
from console.widgets.buttons import Button, Crumb
from console.widgets.chips import Icon
from console.widgets.controls import Segmented, Toggle
from console.widgets.empty import EmptyState
from console.widgets.page import PageHeader
from console.widgets.panel import TABLE_INSET, Panel, inset
from console.widgets.text import Text

SMOOTHING_STEPS = 1000
SWEEP_HEIGHT = 236


class ComparePage(CompareActions):
    """`open_target("<id>,<id>")` chooses the runs."""

    title = mark("Compare")

    def __init__(self, context: Context) -> None:
        super().__init__(context, scroll=True)
        self.setAcceptDrops(True)
        self.content.setSpacing(0)
        self._ids: list[str] = []
        self._hidden: set[str] = set()
        self.curves: Any = None
        self.metrics: MetricsTable | None = None
        self.config: ConfigTable | None = None
        self.sweep: SweepPanel | None = None
        self._build_header()
        self._holder: QWidget = QWidget()
        self.content.addWidget(self._holder, 1)
        self._show_empty()

    # ---- header --------------------------------------------------------------------------------------------

    def _build_header(self) -> None:
        self.header = PageHeader("")
        self.header.title.hide()
        self.header.context.hide()
        back = Crumb(tr("Runs"))
        back.clicked.connect(self._on_back)
        self.heading = Text(tr("Compare"), "page-title")
        self.add_run = Button(tr("Add run"), "ghost", "plus")
        self.add_run.clicked.connect(self._on_add_menu)
        for widget in (back, Icon("chevron-right", "text-tertiary", 12), self.heading, self.add_run):
            self.header.add_left(widget)
        axes = [("step", tr("Step")), ("epoch", tr("Epoch")), ("time", tr("Time"))]
        self.axis = Segmented(axes, "step", name=tr("X axis"))
        self.axis.changed.connect(self._on_axis)
        self.smoothing = QSlider(Qt.Orientation.Horizontal)
        self.smoothing.setRange(0, SMOOTHING_STEPS - 1)
        self.smoothing.setFixedWidth(86)
        self.smoothing.setAccessibleName(tr("Smoothing"))
        self.smoothing.setValue(round(self.context.settings.get(SMOOTHING) * SMOOTHING_STEPS))
        self.smoothing.valueChanged.connect(self._on_smoothing)
        self._smoothing_text = Text(f"{self.smoothing.value() / SMOOTHING_STEPS:.2f}", "small", weight=600)
        self._smoothing_text.setFixedWidth(34)
        export = Button(tr("Export…"), icon="download")
        export.clicked.connect(self._on_export)
        self.register = Button(tr("Register…"), "primary", "package")
        self.register.clicked.connect(self._on_register)
        label = Text(tr("Smoothing"), "small", "text-secondary")
        self._tools: tuple[QWidget, ...] = (
            self.axis,
            label,
            self.smoothing,
            self._smoothing_text,
            export,
            self.register,
        )
        for tool in self._tools:
            self.header.add_action(tool)
        self.content.addWidget(self.header)

    # ---- which runs ----------------------------------------------------------------------------------------

    def runs(self) -> list[RunRecord]:
        """The compared runs that are known, in their order."""
        known = self.context.state.runs
        return [known[run_id] for run_id in self._ids if run_id in known]

    def open_target(self, target: str) -> None:
        wanted = list(dict.fromkeys(part for part in target.split(",") if part))
        if len(wanted) > facts.MOST:
            self.context.toast(tr("At most 12 runs are compared"), tr("The first 12 are shown."), kind="info")
        wanted = wanted[: facts.MOST]
        if wanted != self._ids or self.metrics is None:
            self._ids = wanted
            self._hidden &= set(wanted)
            self._rebuild()

    def target(self) -> str:
        return ",".join(self._ids)

    def _rebuild(self) -> None:
        runs = self.runs()
        if self.curves is not None:
            self.curves.close()
        self.curves = self.metrics = self.config = self.sweep = None
        if len(runs) < facts.FEWEST:
            self._show_empty()
            return
        from console.pages.compare.curves import Curves  # pyqtgraph loads here, not when the window opens

        self.curves = Curves(self.context, runs, self)
        self.curves.failed.connect(self._on_failed)
        self.curves.group.set_smoothing(self.smoothing.value() / SMOOTHING_STEPS)
        self.curves.group.axis_changed.connect(self.axis.set_value)
        self.axis.set_value("step")
        self._put(self._build_grid(runs))
        self.curves.read()
        for run_id in self._hidden:
            self.curves.set_hidden(run_id, True)
        self._show_runs()

    def _put(self, widget: QWidget) -> None:
        old, self._holder = self._holder, widget
        self.content.replaceWidget(old, widget)
        self.content.setStretchFactor(widget, 1)
        old.hide()
        old.deleteLater()

    def _show_empty(self) -> None:
        back = Button(tr("Open runs"), "primary", "activity")
        back.clicked.connect(self._on_back)
        text = tr("Tick runs in the list, then press C.")
        self._put(
            EmptyState(
                "chart-line", tr("Nothing to compare yet"), text, (back,), shortcut=("runs.compare", tr("compares"))
            )
        )
        self.heading.setText(tr("Compare"))
        for widget in (*self._tools, self.add_run):
            widget.hide()

    def _build_grid(self, runs: list[RunRecord]) -> QWidget:
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(10)
        for at, chart in enumerate(self.curves.charts):
            chart.setMinimumHeight(270 if at < 2 else 210)
            alone = at == len(self.curves.charts) - 1 and at % 2 == 0
            grid.addWidget(chart, 0 if at < 2 else 3, at % 2, 1, 2 if alone else 1)
        self.metrics = MetricsTable(runs)
        self.metrics.eye_clicked.connect(self._on_eye)
        self.metrics.moved.connect(self._on_moved)
        self.metrics.opened.connect(self._on_opened)
        self.metrics.menu_asked.connect(self._on_row_menu)
        self.metrics.lines.headerDataChanged.connect(self._on_sorted)
        left = Panel(tr("Metrics"), tr("best in bold"), flush=True)
        left.add(inset(self.metrics), 1)
        self._only = Toggle(tr("Only differences"), True)
        self._only.toggled.connect(self._on_only)
        self.config = ConfigTable(facts.short_names([run.name for run in runs]))
        self._config_panel = Panel(tr("Config differences"), flush=True)
        self._config_panel.add_action(self._only)
        self._config_panel.add(inset(self.config), 1)
        tables = QWidget()
        beside = QHBoxLayout(tables)  # halves as the charts above, unless the metrics need more
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(grid.spacing())
        for panel in (left, self._config_panel):
            panel.setFixedHeight(max(214, min(330, 78 + 34 * len(runs))))
            beside.addWidget(panel, 1)
        left.setMinimumWidth(self.metrics.needed_width() + 2 * TABLE_INSET + 2)
        grid.addWidget(tables, 1, 0, 1, 2)
        self.sweep = SweepPanel(self.context)
        self.sweep.setFixedHeight(SWEEP_HEIGHT)
        self.sweep.opened.connect(self._on_run_opened)
        self.sweep.compare_wanted.connect(self._on_compare_wanted)
        grid.addWidget(self.sweep, 2, 0, 1, 2)
        for index in (0, 1):
            grid.setColumnStretch(index, 1)
        grid.setRowStretch(0, 4)
        grid.setRowStretch(3, 3 if len(self.curves.charts) > 2 else 0)
        for widget in (*self._tools, self.add_run):
            widget.show()
        return holder

    # ---- feed ----------------------------------------------------------------------------------------------

    def refresh(self, changes: Changes) -> None:
        if not self._ids:
            return
        missing = self.curves is None or set(self.curves.runs) != {run.id for run in self.runs()}
        if missing and (changes.everything or changes.runs & set(self._ids)):
            self._rebuild()
        elif changes.everything and self.curves is not None:
            self.curves.read()
        if self.curves is not None:
            self.curves.take_changes(changes)
            if changes.everything or changes.connection or changes.runs & set(self._ids):
                self._show_runs()
            elif changes.runs:
                self._show_sweep()

    def _show_sweep(self) -> None:
        """All runs of the sweep, each change of one of them."""
        if self.sweep is not None and self.curves is not None:
            known = self.context.state.runs
            compared = [known[run_id] for run_id in self.curves.runs if run_id in known]
            metric = self.metrics.metrics[0][0] if self.metrics is not None and self.metrics.metrics else None
            self.sweep.setVisible(self.sweep.show_runs(compared, list(known.values()), metric))

    def _show_runs(self) -> None:
        runs = self.runs()
        if self.metrics is None or self.config is None:
            return
        self.heading.setText(tr_n(len(runs), "Compare {n} run", "Compare {n} runs"))
        colours = {run_id: index for index, run_id in enumerate(self.curves.runs)}
        self.metrics.show_lines([Line(r.id, r, colours[r.id], r.id in self._hidden) for r in runs if r.id in colours])
        rows, differing, count = facts.config_rows(runs, self._only.isChecked())
        self.config.show_rows(rows)
        note = tr("{n} of {count}", n=differing, count=count) if differing else tr("none of {count}", count=count)
        self._config_panel.set_title(tr("Config differences"), note)
        self._show_sweep()
        self._show_best()

    def best(self) -> RunRecord | None:
        """The first run of the table that can be registered; unsorted, the best by the first metric."""
        if self.metrics is None:
            return None
        runs = [line.run for line in self.metrics.lines.rows()]
        if not self.metrics.lines.sorts and self.metrics.metrics:
            key, _, higher = self.metrics.metrics[0]
            runs.sort(key=lambda run: _rank(facts.value_of(run, key), higher))
        return next((run for run in runs if run.state == RunState.COMPLETED and run.model_ready), None)

    def _show_best(self) -> None:
        found = self.best()
        names = dict(
            zip((run.id for run in self.runs()), facts.short_names([r.name for r in self.runs()]), strict=True)
        )
        self.register.setText(tr("Register {name}…", name=names[found.id][:24]) if found else tr("Register…"))
        self.register.updateGeometry()
        reason = "" if found else tr("Only a completed run can be registered.")
        self.register.set_enabled(not reason and not self.context.offline(), reason or tr("Backend does not answer."))

    def set_stale(self, since: float | None) -> None:
        self.header.context.setVisible(since is not None)
        self.header.set_stale(words.clock(since) if since else None)
        self._show_runs()

    # ---- slots ---------------------------------------------------------------------------------------------

    def _on_axis(self, axis: str) -> None:
        if self.curves is not None:
            self.curves.group.set_axis(axis)

    def _on_smoothing(self, value: int) -> None:
        self._smoothing_text.setText(f"{value / SMOOTHING_STEPS:.2f}")
        if self.curves is not None:
            self.curves.group.set_smoothing(value / SMOOTHING_STEPS)

    def _nudge(self, amount: int) -> None:
        self.smoothing.setValue(self.smoothing.value() + amount)

    def _on_only(self, _on: bool) -> None:
        self._show_runs()

    def _on_sorted(self, *_ignored: object) -> None:
        self._show_best()

    def _on_eye(self, run_id: str) -> None:
        self._hidden ^= {run_id}
        self.curves.set_hidden(run_id, run_id in self._hidden)
        self._show_runs()

    def _on_moved(self, run_id: str, target: str) -> None:
        """The order of rows changes; colours stay with their runs."""
        at = self._ids.index(target)
        self._ids.remove(run_id)
        self._ids.insert(at, run_id)
        self._show_runs()

    def _on_failed(self, name: str, text: str) -> None:
        self.context.toast(tr("The curves of {name} could not be read", name=name), text, kind="bad")


def _rank(value: float | None, higher: bool) -> tuple[bool, float]:
    """Best first, unknown last."""
    return (value is None, 0.0 if value is None else -value if higher else value)
