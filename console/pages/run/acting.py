"""What can be done about the run in front, and why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import PurePath
from typing import Any

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QMenu, QSlider, QWidget

from backend.contract.base import number_from_json
from backend.contract.resources import CheckpointRecord, RunEvent, RunRecord
from console import operations, words
from console.actions import Action
from console.asking import ask
from console.i18n import tr
from console.pages.run.gone import folder_of
from console.pages.run.head import RunHead, buttons_for
from console.pages.run.sheets import ForkSheet, NoteSheet, StopSheet
from console.said import said
from console.sheets import ExportSheet, RegisterSheet, RenameSheet
from console.sheets.imported import why_not_here
from console.widgets.controls import Segmented, Tabs, Toggle
from console.widgets.page import Page
from console.widgets.sheet import Sheet
from console.widgets.text import Text, tip_html
from console.yaml import run_to_yaml


class RunActions(Page):
    """Every action of the run in front; the page shows it."""

    head: RunHead
    tabs: Tabs
    _run_id: str
    _parts: dict[str, QWidget]
    _axis: Segmented
    _log_y: Toggle
    _follow: Toggle
    _smoothing: QSlider

    @property
    def run(self) -> RunRecord | None:
        """The record as last heard."""
        return self.context.state.runs.get(self._run_id)

    def _show_run(self) -> None:
        """Show the record as last heard."""
        raise NotImplementedError

    # ---- actions -------------------------------------------------------------------------------------------

    def actions(self) -> list[Action]:  # type: ignore[override]
        run = self.run
        if run is None:
            return []
        can = buttons_for(run)

        imported = why_not_here(run)
        gone = tr("The folder of this run is gone.") if run.folder_gone else ""

        def when(name: str, text: str) -> Callable[[], str]:
            return lambda: "" if name in can else imported or gone or text

        not_live = tr("The run is not running.")
        pause = "resume" if "resume" in can else "pause"
        return [
            Action("run.pause", tr("Resume") if pause == "resume" else tr("Pause"), lambda: self._do(pause), "pause",
                   "", "run", reason=when(pause, not_live)),
            Action("run.checkpoint", tr("Checkpoint now"), lambda: self._do("checkpoint"), "bookmark", "", "run",
                   reason=when("checkpoint", not_live)),
            Action("run.stop", tr("Stop…"), lambda: self._do("stop"), "square", "", "run", danger=True,
                   reason=when("stop", not_live)),
            Action("run.continue", tr("Resume from checkpoint"), lambda: self._do("continue"), "play", "", "run",
                   reason=when("continue", tr("There is nothing to resume."))),
            Action("run.register", tr("Register…"), lambda: self._do("register"), "package", "", "run",
                   reason=when("register", tr("Only a completed run can be registered."))),
            Action("run.version", tr("Open version"), lambda: self._do("version"), "package", "", "run",
                   reason=when("version", tr("The run is not registered."))),
            Action("run.clone", tr("Clone as new run…"), self._on_clone, "copy", "", "run", separator=True,
                   reason=lambda: imported),
            Action("run.rename", tr("Rename…"), self._on_rename, "pencil", "", "run"),
            Action("run.pin", tr("Pin"), self._on_pin, "pin", "", "run"),
            Action("run.note", tr("Add note…"), lambda: self._on_note({"step": run.step}), "message-square", "", "run"),
            Action("run.export", tr("Points and report…"), self._on_export, "download", "", "run"),
            Action("run.copy_config", tr("Copy config"), lambda: self.context.copy(run_to_yaml(run)), "copy", "",
                   "run"),
            Action("chart.follow", tr("Follow live"), self._toggle_follow, "", "", "view"),
            Action("chart.log_y", tr("Log y"), self._log_y.toggle, "", "", "view"),
            Action("chart.axis", tr("Next x axis"), lambda: self._axis.step(1), "", "", "view"),
            Action("chart.smoother", tr("More smoothing"), lambda: self._nudge(50), "", "", "view"),
            Action("chart.rougher", tr("Less smoothing"), lambda: self._nudge(-50), "", "", "view"),
            Action("run.next_tab", tr("Next tab"), lambda: self.tabs.step(1), "", "", "view"),
        ]  # fmt: skip

    def _do(self, name: str) -> None:
        self._on_wanted(name)

    def _on_wanted(self, name: str) -> None:
        run, link, button = self.run, self.context.link, self.head.button(name)
        if run is None:
            return
        if name == "stop":
            self.context.open_sheet(StopSheet(self.context, run, self._last_checkpoint()))
        elif name == "register":
            self.context.open_sheet(RegisterSheet(self.context, run))
        elif name == "version":
            self._open_version(run)
        elif name == "clone":
            self._on_clone()
        elif name == "compare":
            self._compare_with_champion(run)
        elif name == "checkpoint":
            ask(self.context, operations.checkpoint_run(link, run.id), button).on_reply(self._on_checkpoint_asked)
        else:
            call = {
                "pause": operations.pause_run, "resume": operations.resume_run,
                "cancel": operations.cancel_run, "continue": operations.continue_run,
            }[name]  # fmt: skip
            ask(self.context, call(link, run.id), button)

    def _open_version(self, run: RunRecord) -> None:
        model, _, version = (run.model_version or "").rpartition(":")
        self.context.navigate(f"model/{model}/{version}")

    def _on_checkpoint_asked(self, _body: Any) -> None:
        self.context.toast(tr("Checkpoint asked for"), tr("It is written after the present step."), kind="info")

    def _tell_checkpoints(self, run: RunRecord, events: Iterable[RunEvent]) -> None:
        """A checkpoint somebody asked for is there: how large, and where."""
        for event in events:
            if event.kind == "checkpoint" and event.data.get("asked"):
                step = tr("Checkpoint at step {n} saved", n=words.count(event.step))
                size = words.size(event.data.get("size_bytes"))
                place = PurePath(folder_of(self.context, run)) / "checkpoints" / str(event.data.get("name", ""))
                self.context.toast(step, f"{size} · {place}", kind="ok")

    def _last_checkpoint(self) -> int | None:
        return max((row.step for row in self._checkpoints()), default=None)

    def _compare_with_champion(self, run: RunRecord) -> None:
        name = (run.model_version or "").partition(":")[0]
        models = self.context.state.models
        model = models.get(name) or next(iter(models.values()), None)
        champion = next((v for v in model.versions if v.version == model.champion), None) if model else None
        if champion is None or champion.run_id == run.id:
            self.context.toast(tr("No champion to compare with"), tr("Promote a version first."), kind="info")
            return
        self.context.navigate(f"compare/{run.id},{champion.run_id}")

    def _on_menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for action in self.actions():
            if action.menu == "run":
                entry = menu.addAction(action.text, action.callback)
                entry.setEnabled(not action.reason())
                entry.setToolTip(tip_html(action.reason()))
        menu.addAction(tr("Copy link"), lambda: self.context.copy(f"modeldeck://run/{self._run_id}"))
        menu.exec(at)

    def _on_back(self) -> None:
        self.context.navigate("runs")

    def _on_pin(self) -> None:
        run = self.run
        if run is None:
            return
        link = f"run/{run.id}"
        if self.context.is_pinned(link):
            self.context.unpin(link)
        else:
            self.context.pin(link, run.name)
        self._show_run()

    def _on_continue(self) -> None:
        self._on_wanted("continue")

    def _on_clone(self) -> None:
        if self.run is not None:
            self.context.start("run.new", run=self.run)

    def _on_clone_with(self, settings: dict[str, Any]) -> None:
        if self.run is not None:
            self.context.start("run.new", run=self.run, settings=settings)

    def _on_fork(self, checkpoint: str) -> None:
        found = next((row for row in self._checkpoints() if row.name == checkpoint), None)
        if self.run is not None and found is not None:
            self.context.open_sheet(ForkSheet(self.context, self.run, found))

    def _on_fork_with(self, checkpoint: str, settings: dict[str, Any]) -> None:
        if self.run is not None:
            call = operations.fork_run(self.context.link, self._run_id, checkpoint, settings)
            ask(self.context, call).on_reply(self._on_forked)

    def _on_apply(self, settings: dict[str, Any]) -> None:
        if self.run is not None:
            ask(self.context, operations.apply_settings(self.context.link, self._run_id, settings)).on_reply(
                self._on_apply_asked
            )

    def _on_apply_asked(self, _body: Any) -> None:
        self.context.toast(tr("Change asked for"), tr("It is in force from the next checkpoint on."), kind="info")

    def _checkpoints(self) -> list[CheckpointRecord]:
        """Those that are still there."""
        return [row for row in self._parts["checkpoints"].model.all_rows() if row.present]  # type: ignore[attr-defined]

    def _chart_actions(self, at: float) -> list[tuple[str, Callable[[], object]]]:
        """What can be done at a place of the charts: a fork from the checkpoint nearest to it."""
        group = self._parts["charts"].group  # type: ignore[attr-defined]
        step = group.store.position(group.axis, at).get("step")
        rows = self._checkpoints()
        if step is None or not rows or self.context.offline():
            return []
        near = min(rows, key=lambda row: abs(row.step - step))
        return [(tr("Fork from checkpoint at step {n}…", n=words.count(near.step)), partial(self._on_fork, near.name))]

    def _on_forked(self, body: dict[str, Any]) -> None:
        self.context.navigate(f"run/{body['id']}")

    def _on_export(self) -> None:
        if self.run is not None:
            self.context.open_sheet(ExportSheet(self.context, [self.run]))

    def _on_rename(self) -> None:
        if self.run is not None:
            self.context.open_sheet(RenameSheet(self.context, self.run))

    def _on_note(self, place: dict[str, Any]) -> None:
        if self.run is not None:
            step = place.get("step")
            self.context.open_sheet(NoteSheet(self.context, self.run, round(step) if step is not None else None))

    def _on_why(self, finding: Any) -> None:
        sheet = Sheet(said(finding.title), icon="lightbulb", icon_role="warn", primary=tr("Close"))
        for name, value in finding.evidence.items():
            number = number_from_json(value)
            shown = words.fixed(number, 4) if isinstance(number, float) else str(value)
            sheet.add(Text(f"{name.replace('_', ' ')}: {shown}", "body", wrap=True))
        sheet.accepted.connect(sheet.close_sheet)
        self.context.open_sheet(sheet)

    def _on_show_log(self) -> None:
        self.tabs.choose("log")

    def _nudge(self, amount: int) -> None:
        self._smoothing.setValue(self._smoothing.value() + amount)

    def _toggle_follow(self) -> None:
        self._follow.toggle()
