"""The run page: head, tabs and what each of them shows; built anew when another run is opened."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSlider, QStackedWidget, QWidget

from backend.contract.resources import Diagnosis, Finding, LogPage, RunRecord
from backend.contract.states import RunState
from console import words
from console.context import Context
from console.i18n import mark, tr
from console.pages.run.acting import RunActions
from console.pages.run.environment_tab import EnvironmentTab
from console.pages.run.facts_tab import ConfigTab
from console.pages.run.findings import failure_view
from console.pages.run.gone import show_gone
from console.pages.run.head import RunHead
from console.pages.run.log_tab import LogTab
from console.pages.run.samples_tab import SamplesTab
from console.pages.run.tables_tab import CheckpointsTab
from console.said import said
from console.state.changes import Changes
from console.theme import theme
from console.widgets.buttons import Button, IconButton
from console.widgets.controls import Segmented, Tabs, Toggle
from console.widgets.empty import EmptyState, Skeleton
from console.widgets.sheet import tab_stops
from console.widgets.text import Text
from console.widgets.toast import Banner

TABS = (
    ("charts", mark("Charts")),
    ("log", mark("Log")),
    ("config", mark("Config")),
    ("checkpoints", mark("Checkpoints")),
    ("samples", mark("Samples")),
    ("environment", mark("Environment")),
)
LOG_LINES = 400
SMOOTHING_STEPS = 1000


class _TabRow(QWidget):
    """Tabs at the left, what belongs to the charts at the right, a hairline below both.

    Where both do not fit, the words beside the controls go; the controls have them as tooltips.
    """

    def __init__(self, tabs: QWidget, tools: QWidget, names: tuple[Text, ...]) -> None:
        super().__init__()
        self._needs = tabs.sizeHint().width() + tools.sizeHint().width() + 10
        self._names = names
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(tabs, 1)
        layout.addWidget(tools)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for name in self._names:
            name.setVisible(event.size().width() >= self._needs)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.fillRect(0, self.height() - 1, self.width(), 1, theme.role("line"))
        painter.end()


class RunPage(RunActions):
    """One run. `open_target(id)` chooses it; everything else follows the feed."""

    title = mark("Run")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._run_id = ""
        self._told_state = ""
        self._way_out: Finding | None = None  # past a spike or NaN
        self.content.setSpacing(6)
        self.head = RunHead()
        self.head.wanted.connect(self._on_wanted)
        self.head.menu_wanted.connect(self._on_menu)
        self.head.back_wanted.connect(self._on_back)
        self.head.pin_wanted.connect(self._on_pin)
        self.failed = Banner(rounded=True)
        self.failed.hide()
        self.tabs = Tabs([(value, tr(text)) for value, text in TABS], "charts", line=False)
        self.tabs.changed.connect(self._on_tab)
        self._tools = self._build_tools()
        bar = _TabRow(self.tabs, self._tools, self._tool_names)
        self._stack = QStackedWidget()
        self._skeleton = Skeleton(tr("Reading the run"))
        self._stack.addWidget(self._skeleton)
        self._parts: dict[str, QWidget] = {}
        self.content.addWidget(self.head)
        self.content.addWidget(self.failed)
        self.content.addWidget(bar)
        self.content.addSpacing(7)
        self.content.addWidget(self._stack, 1)

    def _build_tools(self) -> QWidget:
        holder = QWidget()
        layout = QHBoxLayout(holder)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(9)
        axes = [("step", tr("Step")), ("epoch", tr("Epoch")), ("time", tr("Time"))]
        self._axis = Segmented(axes, "step", name=tr("X axis"), small=True)
        self._axis.changed.connect(self._on_axis)
        self._smoothing = QSlider(Qt.Orientation.Horizontal)
        self._smoothing.setRange(0, SMOOTHING_STEPS - 1)
        self._smoothing.setFixedWidth(86)
        self._smoothing.setAccessibleName(tr("Smoothing"))
        self._smoothing.valueChanged.connect(self._on_smoothing)
        self._smoothing_value = Text("0.00", "small", weight=600)
        self._smoothing_value.setFixedWidth(34)
        self._log_y = Toggle(tr("Log y"))
        self._log_y.toggled.connect(self._on_log_y)
        self._follow = Toggle(tr("Follow live"), True)
        self._follow.toggled.connect(self._on_follow)
        self._add = IconButton("circle-plus", tr("Add chart"))
        self._add.clicked.connect(self._on_add_chart)
        self._tool_names = (Text(tr("X axis"), "small", "text-secondary"),
                            Text(tr("Smoothing"), "small", "text-secondary"))  # fmt: skip
        for widget in (
            self._tool_names[0], self._axis, self._tool_names[1], self._smoothing, self._smoothing_value,
            self._log_y, self._follow, self._add,
        ):  # fmt: skip
            layout.addWidget(widget)
        return holder

    # ---- which run -----------------------------------------------------------------------------------------

    def open_target(self, target: str) -> None:
        if target != self._run_id:
            self._run_id = target
            self._drop_parts()
        self._show_run()

    def target(self) -> str:
        return self._run_id

    def _drop_parts(self) -> None:
        self._stack.setCurrentWidget(self._skeleton)
        if self.charts is not None:
            self.charts.feeder.close()
        for part in self._parts.values():
            self._stack.removeWidget(part)
            part.hide()
            part.deleteLater()
        self._parts, self._way_out = {}, None
        self.tabs.set_value("charts")
        self._tools.show()  # another tab of the run before may have put them away

    def _show_run(self) -> None:
        run = self.run
        if run is None:
            if self.context.state.loaded:
                self._show_missing()
            return
        self.head.show_run(run, pinned=self.context.is_pinned(f"run/{run.id}"), offline=self.context.offline())
        self._show_failure(run)
        if not self._parts or "missing" in self._parts:
            self._drop_parts()
            self._build_parts(run)

    def _show_missing(self) -> None:
        if "missing" in self._parts:
            return
        self._drop_parts()
        back = Button(tr("All runs"), "primary")
        back.clicked.connect(self._on_back)
        view = EmptyState(
            "activity",
            tr("This run is no longer here"),
            tr("It was removed, or belongs to another home folder."),
            (back,),
        )
        self._parts["missing"] = view
        self._stack.addWidget(view)
        self._stack.setCurrentWidget(view)
        self._tools.hide()

    def _build_parts(self, run: RunRecord) -> None:
        from console.pages.run.charts_tab import ChartsTab  # pyqtgraph loads here, not when the window opens

        charts = ChartsTab(self.context, run)
        checkpoints = CheckpointsTab(self.context, run)
        self._parts = {
            "charts": charts,
            "log": LogTab(self.context, run),
            "config": ConfigTab(self.context, run),
            "checkpoints": checkpoints,
            "samples": SamplesTab(self.context, run),
            "environment": EnvironmentTab(self.context, run),
        }
        for part in self._parts.values():
            self._stack.addWidget(part)
        self._stack.setCurrentWidget(charts)
        self._connect_charts(charts)
        checkpoints.counted.connect(self._on_checkpoints_counted)
        checkpoints.fork_wanted.connect(self._on_fork)
        checkpoints.read()
        query = {"start": -LOG_LINES, "count": LOG_LINES}
        self.context.link.get(f"/runs/{run.id}/log", query).on_reply(self._on_log_read)

    def _connect_charts(self, charts: Any) -> None:
        group = charts.group
        group.axis_changed.connect(self._axis.set_value)
        group.smoothing_changed.connect(self._show_smoothing)
        group.log_changed.connect(self._log_y.setChecked)
        group.follow_changed.connect(self._follow.setChecked)
        self._show_smoothing(group.smoothing)
        self._axis.set_value(group.axis)
        self._log_y.setChecked(group.log_y)
        self._follow.setChecked(group.follow)
        charts.note_wanted.connect(self._on_note)
        charts.clone_wanted.connect(self._on_clone_with)
        charts.apply_wanted.connect(self._on_apply)
        charts.fork_wanted.connect(self._on_fork_with)
        charts.diagnosed.connect(self._on_diagnosed)
        group.actions_at = self._chart_actions
        charts.why_wanted.connect(self._on_why)
        charts.feeder.failed.connect(self._on_history_failed)

    @property
    def charts(self) -> Any:
        """The charts tab, once a run is shown."""
        return self._parts.get("charts")

    # ---- feed ----------------------------------------------------------------------------------------------

    def refresh(self, changes: Changes) -> None:
        if not self._run_id:
            return
        if changes.everything or changes.connection or self._run_id in changes.runs:
            self._show_run()
        run = self.run
        if run is None or self.charts is None:
            return
        if changes.everything:
            self.charts.feeder.open(run)
        self.charts.take(changes, run)
        self._parts["log"].take(changes, run)  # type: ignore[attr-defined]
        self._refresh_tabs(changes, run)

    def _refresh_tabs(self, changes: Changes, run: RunRecord) -> None:
        events = changes.run_events.get(run.id, ())
        kinds = {event.kind for event in events}
        self._tell_checkpoints(run, events)
        if kinds & {"checkpoint", "model_saved"}:
            self._parts["checkpoints"].read()  # type: ignore[attr-defined]
        if "evaluation" in kinds and self.tabs.value == "samples":
            self._parts["samples"].read()  # type: ignore[attr-defined]
        if run.id in changes.runs:
            shown = self.tabs.value
            if shown in ("config", "environment"):
                self._parts[shown].show_run(run)  # type: ignore[attr-defined]
            if run.state != self._told_state:
                self._told_state = run.state
                self.context.actions_changed()

    def on_shown(self) -> None:
        self._show_run()

    def set_stale(self, since: float | None) -> None:  # noqa: ARG002
        if self.run is not None:
            self._show_run()

    def _show_failure(self, run: RunRecord) -> None:
        failed = run.state in (RunState.FAILED, RunState.INTERRUPTED)
        self.failed.setVisible(failed or run.folder_gone)
        if run.folder_gone:
            show_gone(self.failed, self.context, run, self._on_clone)
            return
        if not failed:
            return
        log = Button(tr("Show log"), "ghost", "terminal")
        log.clicked.connect(self._on_show_log)
        buttons = (log,) if run.source else (self._fix_button(run), log)
        advice = run.failure.advice if run.failure else ""
        cause = said(run.cause) if run.cause else tr("The run failed")
        self.failed.show_message(cause, said(advice), icon="circle-x", role="bad", buttons=buttons)
        for before, after in pairwise((*tab_stops(self.head)[-1:], *buttons)):
            QWidget.setTabOrder(before, after)
        if self.charts is not None and run.step == 0 and "failure" not in self._parts:
            view = failure_view(run, ())
            self._parts["failure"] = view
            self._stack.addWidget(view)
            self._stack.setCurrentWidget(view)

    def _fix_button(self, run: RunRecord) -> Button:
        """The way on: past a spike or NaN with half the rate, else from the newest checkpoint, else as a clone."""
        way = self._way_out
        if way is not None and way.checkpoint_step is not None:
            step = words.count(way.checkpoint_step)
            fix = Button(tr("Resume from step {n} with learning rate halved", n=step), "primary", "git-fork")
            fix.clicked.connect(self._on_way_out)
        elif run.resumable:
            fix = Button(tr("Resume from checkpoint"), "primary", "play")
            fix.clicked.connect(self._on_continue)
        else:
            fix = Button(tr("Clone…"), "primary")
            fix.clicked.connect(self._on_clone)
        return fix

    def _on_way_out(self) -> None:
        if self._way_out is not None and self._way_out.checkpoint is not None:
            self._on_fork_with(self._way_out.checkpoint, dict(self._way_out.settings))

    def _on_diagnosed(self, diagnosis: Diagnosis) -> None:
        way = next((finding for finding in diagnosis.findings if finding.apply == "fork"), None)
        if way != self._way_out:
            self._way_out = way
            if self.run is not None:
                self._show_failure(self.run)

    # ---- tools of the charts -------------------------------------------------------------------------------

    def _on_tab(self, value: str) -> None:
        part = self._parts.get(value)
        if part is None:
            return
        self._tools.setVisible(value == "charts")
        self._stack.setCurrentWidget(part)
        if value == "log":
            part.show_tab()  # type: ignore[attr-defined]
        elif value in ("checkpoints", "samples"):
            part.read()  # type: ignore[attr-defined]
        elif value in ("config", "environment") and self.run is not None:
            part.show_run(self.run)  # type: ignore[attr-defined]

    def focus_filter(self) -> bool:
        part = self._parts.get(self.tabs.value)
        if part is None or not hasattr(part, "focus_find"):
            return False
        part.focus_find()
        return True

    def _on_axis(self, axis: str) -> None:
        if self.charts is not None:
            self.charts.group.set_axis(axis)

    def _on_smoothing(self, value: int) -> None:
        self._smoothing_value.setText(f"{value / SMOOTHING_STEPS:.2f}")
        if self.charts is not None:
            self.charts.group.set_smoothing(value / SMOOTHING_STEPS)

    def _show_smoothing(self, value: float) -> None:
        self._smoothing.blockSignals(True)
        self._smoothing.setValue(round(value * SMOOTHING_STEPS))
        self._smoothing.blockSignals(False)
        self._smoothing_value.setText(f"{value:.2f}")

    def _on_log_y(self, on: bool) -> None:
        if self.charts is not None:
            self.charts.group.set_log_y(on)

    def _on_follow(self, on: bool) -> None:
        if self.charts is not None:
            self.charts.group.set_follow(on)

    def _on_add_chart(self) -> None:
        if self.charts is not None:
            menu = QMenu(self)
            self.charts.fill_add_menu(menu)
            menu.exec(self._add.mapToGlobal(self._add.rect().bottomLeft()))

    # ---- replies -------------------------------------------------------------------------------------------

    def _on_log_read(self, body: dict[str, Any]) -> None:
        if self.charts is not None:
            self.charts.log.set_lines(list(LogPage.model_validate(body).lines))
            self.charts.log.view.set_empty_text(tr("Nothing was logged."))

    def _on_checkpoints_counted(self, count: int) -> None:
        self.tabs.set_count("checkpoints", count or None)

    def _on_history_failed(self, text: str) -> None:
        self.context.toast(tr("The curves could not be read"), text, kind="bad")
