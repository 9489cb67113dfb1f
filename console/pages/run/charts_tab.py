"""The charts tab: the grid in the middle, diagnosis, summary and events at its right, the log below."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget

from backend.contract.resources import Diagnosis, RunEvent, RunRecord
from console.charts.catalogue import CPU_RUN_CHARTS, RUN_CHARTS, ChartSpec, Limit, imported_charts, recipe_charts
from console.charts.grid import ChartGrid
from console.charts.group import ChartGroup
from console.context import Context
from console.i18n import mark, tr
from console.pages.run.branch import ParentCurves, over_parent
from console.pages.run.docks import DockArea, side_width
from console.pages.run.feeder import Feeder
from console.pages.run.findings import DiagnosisPanel, EventsPanel, SummaryPanel
from console.pages.run.points import RunPoints
from console.settings import FRAME_RATE, IGNORE_OUTLIERS, LAYOUTS, SMOOTHING
from console.state.changes import Changes
from console.widgets.controls import Segmented, Toggle
from console.widgets.logview import LogView
from console.widgets.panel import Panel

DIAGNOSE_EVERY_S = 5.0
LOG_HEIGHT = 112
LEVELS = (("info", mark("All")), ("warning", mark("Warnings")), ("eval", mark("Eval")))


class ChartsTab(QWidget):
    """Signals: note_wanted(place dict), apply_wanted(settings), fork_wanted(checkpoint, settings),
    clone_wanted(settings), why_wanted(finding), diagnosed(Diagnosis)."""

    note_wanted = Signal(object)
    apply_wanted = Signal(dict)
    fork_wanted = Signal(str, dict)
    diagnosed = Signal(object)
    clone_wanted = Signal(dict)
    why_wanted = Signal(object)

    def __init__(self, context: Context, run: RunRecord) -> None:
        super().__init__()
        self._context = context
        self._run = run
        self._diagnosed_at = 0.0
        self._clip = 0.0
        self.group = ChartGroup(self, axis="step", labels="elapsed")
        self.group.clock.set_rate(context.settings.get(FRAME_RATE), 1)
        self.group.set_smoothing(context.settings.get(SMOOTHING))
        specs = _charts_of(context, run)
        self.grid = ChartGrid(self.group, map(over_parent, specs) if run.fork_of else specs)
        self.feeder = Feeder(context, self.group, self)
        self.group.source = RunPoints(context, self.group.store, self._shown_run)
        self.parent_curves = ParentCurves(context, self.group, self)
        self.diagnosis = DiagnosisPanel()
        self.summary = SummaryPanel()
        self.events = EventsPanel()
        self.log = LogPanel()
        self.docks = self._build_docks()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.docks)
        self._connect()
        self._restore()
        self.show_run(run)
        self.feeder.open(run)
        self.parent_curves.open(run)

    def _build_docks(self) -> DockArea:
        docks = DockArea(self.grid)
        docks.add("diagnosis", self.diagnosis)
        docks.add("summary", self.summary)
        docks.add("events", self.events)
        docks.add("log", self.log, bottom=True)
        return docks

    def _connect(self) -> None:
        self.feeder.events_changed.connect(self.events.show_events)
        self.events.chosen.connect(self._on_event_chosen)
        self.group.event_selected.connect(self.events.select)
        self.group.note_requested.connect(self.note_wanted)
        self.group.extra_actions = [(tr("Open in Compare"), self._on_compare)]
        self.diagnosis.apply_wanted.connect(self.apply_wanted)
        self.diagnosis.fork_wanted.connect(self.fork_wanted)
        self.diagnosis.clone_wanted.connect(self.clone_wanted)
        self.diagnosis.why_wanted.connect(self.why_wanted)
        self.log.view.step_clicked.connect(self._on_step_clicked)
        self.grid.layout_changed.connect(self._on_layout_changed)
        self.docks.layout_changed.connect(self._on_layout_changed)

    # ---- layout ----------------------------------------------------------------------------------------------------

    def _restore(self) -> None:
        self._restoring = True
        kept = self._context.settings.entry(LAYOUTS, self._run.recipe, {}) or {}
        if isinstance(kept.get("charts"), dict) and not self._run.source:  # each imported run has its own metrics
            self.grid.restore_layout(kept["charts"])
        if not self.docks.restore_layout(kept.get("docks")):
            self.docks.arrange(side_width(), LOG_HEIGHT)
        if not self._context.settings.get(IGNORE_OUTLIERS):
            for chart in self.grid.shown():
                if chart.curves.choice.mode == "robust":
                    chart.set_y_mode("auto")
        self._restoring = False

    def _on_layout_changed(self) -> None:
        if self._restoring or not self.isVisible():
            return
        kept = {"charts": self.grid.layout_state(), "docks": self.docks.layout_state()}
        self._context.settings.set_entry(LAYOUTS, self._run.recipe, kept)

    def reset_layout(self) -> None:
        """As designed again."""
        self._restoring = True
        self.grid.reset_layout()
        for dock in self.docks.docks():
            dock.setFloating(False)
            dock.show()
        self.docks.arrange(side_width(), LOG_HEIGHT)
        self._restoring = False
        self._context.settings.set_entry(LAYOUTS, self._run.recipe, None)

    def fill_add_menu(self, menu: QMenu) -> None:
        """Charts that are hidden, every metric without a chart, and the panels."""
        self.grid.fill_add_menu(menu)
        menu.addSeparator()
        for dock in self.docks.docks():
            menu.addAction(dock.toggleViewAction())
        menu.addAction(tr("Reset layout"), self.reset_layout)

    # ---- content ---------------------------------------------------------------------------------------------------

    def show_run(self, run: RunRecord) -> None:
        """Facts of the record: length of the axis, summary, capacities."""
        self._run = run
        per_epoch = run.facts.get("steps_per_epoch") or _per_epoch(run)
        self.group.set_total_steps(run.total_steps, per_epoch)
        settings = self._context.state.settings
        self.summary.show_run(run, settings)
        self.diagnosis.show_pending(run.pending_settings)
        self.events.settings = settings
        self._show_clip(run.settings.get("max_grad_norm"))
        self._set_capacities()

    def _shown_run(self) -> RunRecord:
        return self._run

    def _show_clip(self, clip: object) -> None:
        """The gradient norm's chart draws the value above which it is clipped; 0 never clips."""
        if self._run.source or not isinstance(clip, int | float) or not clip or clip == self._clip:
            return
        self._clip = float(clip)
        chart, limits = self.grid.chart("grad_norm"), (Limit(self._clip, "text-tertiary"),)
        chart.set_spec(chart.spec.with_(unit=tr("clip {n}", n=f"{self._clip:g}"), limits=limits))

    def _set_capacities(self) -> None:
        sample = self._context.state.telemetry
        if sample is None or not sample.gpus:
            return
        gpu = sample.gpus[0]
        shown = {chart.spec.id for chart in self.grid.shown()}
        if gpu.memory_total_bytes and "gpu_memory" in shown:
            total = gpu.memory_total_bytes / 2**30
            self.grid.chart("gpu_memory").set_capacity(round(total), f"GB of {total:.0f}")
        if gpu.power_limit_w and "power_temp" in shown:
            self.grid.chart("power_temp").set_capacity(gpu.power_limit_w)

    def take(self, changes: Changes, run: RunRecord) -> None:
        """A batch of the feed."""
        if run.id in changes.runs:
            self.show_run(run)
        self.feeder.take(changes, run)
        self.parent_curves.take(changes)
        if lines := changes.log.get(run.id):
            self.log.append(lines)
        self._diagnose(run)

    def _diagnose(self, run: RunRecord) -> None:
        now = self._context.clock()
        if now - self._diagnosed_at < DIAGNOSE_EVERY_S or self._context.offline() or not run.step:
            return
        self._diagnosed_at = now
        self._context.link.get(f"/runs/{run.id}/diagnosis").on_reply(self._on_diagnosed)

    def _on_diagnosed(self, body: dict[str, Any]) -> None:
        diagnosis = Diagnosis.model_validate(body)
        self.diagnosis.show_diagnosis(diagnosis)
        self.diagnosed.emit(diagnosis)

    def _on_event_chosen(self, event: RunEvent) -> None:
        if event.step is not None:
            self.group.set_crosshair(event.step if self.group.axis == "step" else event.time)

    def _on_compare(self) -> None:
        """Beside the run it was made of, else the newest one of the same recipe and data, else the newest one."""
        run = self._run
        others = [r for r in self._context.state.runs.values() if r.id != run.id and not r.archived]
        if not others:
            self._context.toast(tr("There is no other run to compare with"), kind="info")
            return
        known = (r.id == run.fork_of for r in others)
        alike = ((r.recipe, r.dataset_id) == (run.recipe, run.dataset_id) for r in others)
        ranked = zip(known, alike, (r.created_at for r in others), (r.id for r in others), strict=True)
        self._context.navigate(f"compare/{run.id},{max(ranked)[3]}")

    def _on_step_clicked(self, step: int) -> None:
        if self.group.axis == "step":
            self.group.set_crosshair(step)


class LogPanel(Panel):
    """The newest lines below the charts, with level filter and follow."""

    def __init__(self) -> None:
        super().__init__(tr("Log"))
        self.view = LogView(tr("Log of the run"))
        self.view.set_follow(True)
        self._level = Segmented([(value, tr(text)) for value, text in LEVELS], "info", name=tr("Level"), small=True)
        self._level.changed.connect(self._on_level)
        self._follow = Toggle(tr("Follow"), True)
        self._follow.toggled.connect(self.view.set_follow)
        self.view.follow_changed.connect(self._follow.setChecked)
        self.add_action(self._level)
        self.add_action(self._follow)
        self.add(self.view, 1)
        self.setMinimumHeight(84)

    def _on_level(self, level: str) -> None:
        self.view.set_level(level)

    def set_lines(self, lines: list[Any]) -> None:
        """The newest lines of the store."""
        self.view.set_lines([(line.time or 0.0, line.level, line.text) for line in lines])

    def append(self, lines: list[Any]) -> None:
        """Lines of the feed."""
        self.view.append([(line.time or 0.0, line.level, line.text) for line in lines])


def _charts_of(context: Context, run: RunRecord) -> tuple[ChartSpec, ...]:
    """What a run of this machine logs; of an imported one, what it holds."""
    if run.source:
        return imported_charts(run.metrics)
    specs = RUN_CHARTS if _has_gpu(context, run) else CPU_RUN_CHARTS
    recipe = next((known for known in context.state.recipes if known["name"] == run.recipe), None)
    if recipe is None:
        return recipe_charts(specs, (), run.metrics, trains=True)
    fields = dict((recipe.get("schema") or {}).get("properties") or {})
    judged = [str(key) for key in (fields.get("best_metric") or {}).get("enum") or ()]
    wanted = [key for key in (recipe.get("metric"), *judged) if key]
    trains = "learning_rate" in fields or not recipe.get("needs_dataset")
    return recipe_charts(specs, wanted, run.metrics, trains=trains)


def _has_gpu(context: Context, run: RunRecord) -> bool:
    sample = context.state.telemetry
    return bool((run.device or "").startswith("cuda") or (sample and sample.gpus))


def _per_epoch(run: RunRecord) -> float | None:
    return run.total_steps / run.epochs if run.total_steps and run.epochs else None
