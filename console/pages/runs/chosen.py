"""What can be done with chosen runs: each action with its reason when it is not possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from PySide6.QtWidgets import QWidget

from backend.contract.resources import RunRecord
from backend.contract.states import FINAL_RUN_STATES, LIVE_RUN_STATES, RunState
from console import operations
from console.actions import Action
from console.asking import ask
from console.context import Context
from console.i18n import tr, tr_n
from console.pages.runs.export import as_csv, as_json
from console.sheets import ExportSheet, RegisterSheet, RenameSheet, TagSheet
from console.sheets.imported import why_not_here
from console.sheets.saving import save_as
from console.yaml import run_to_yaml

FEWEST_COMPARED, MOST_COMPARED = 2, 12


class Chosen:
    """Acts on `runs()`: the ticked ones, else the selected ones."""

    def __init__(self, context: Context, page: QWidget, runs: Callable[[], list[RunRecord]]) -> None:
        self._context, self._page, self._runs = context, page, runs

    def actions(self) -> list[Action]:
        """For menus, palette, context menu and shortcuts."""
        one, some = self._needs_one, self._needs_some
        return [
            Action("runs.open", tr("Open"), self.open, "external-link", "", "run", reason=one),
            Action("runs.compare", tr("Compare"), self.compare, "chart-line", "", "run", reason=self.why_not_compare),
            Action("runs.champion", tr("Compare with champion"), self.compare_champion, "crown", "", "run", reason=one),
            Action("runs.clone", tr("Clone as new run…"), self.clone, "copy", "", "run", reason=self.why_not_clone),
            Action("runs.pause", tr("Pause"), lambda: self._steer("pause"), "pause", "", "run", separator=True,
                   reason=lambda: self._needs(RunState.RUNNING, RunState.PREPARING)),
            Action("runs.resume", tr("Resume"), lambda: self._steer("resume"), "play", "", "run",
                   reason=lambda: self._needs(RunState.PAUSED, RunState.PAUSING)),
            Action("runs.stop", tr("Stop, saving a checkpoint"), lambda: self._steer("stop"), "square", "", "run",
                   danger=True, reason=lambda: self._needs(*LIVE_RUN_STATES, RunState.QUEUED)),
            Action("runs.up", tr("Move up in the queue"), lambda: self.move(-1), "arrow-up", "", "run",
                   reason=lambda: self._needs(RunState.QUEUED)),
            Action("runs.down", tr("Move down in the queue"), lambda: self.move(1), "arrow-down", "", "run",
                   reason=lambda: self._needs(RunState.QUEUED)),
            Action("runs.register", tr("Register…"), self.register, "package", "", "run", separator=True,
                   reason=self.why_not_register),
            Action("runs.tag", tr("Tag…"), self.tag, "tag", "", "run", reason=some),
            Action("runs.rename", tr("Rename…"), self.rename, "pencil", "", "run", reason=one),
            Action("runs.pin", tr("Pin"), self.pin, "pin", "", "run", reason=one),
            Action("runs.export", tr("Export…"), self.export, "download", "", "run", reason=some),
            Action("runs.points", tr("Points and report…"), self.export_points, "download", "", "run", reason=some),
            Action("runs.link", tr("Copy link"), self.copy_link, "link", "", "run", reason=one),
            Action("runs.config", tr("Copy config"), self.copy_config, "copy", "", "run", reason=one),
            Action("runs.archive", tr("Archive"), self.archive, "archive", "", "run", separator=True,
                   reason=self.why_not_archive),
        ]  # fmt: skip

    # ---- why not -------------------------------------------------------------------------------------------

    def _needs_one(self) -> str:
        return "" if len(self._runs()) == 1 else tr("Choose one run.")

    def _needs_some(self) -> str:
        return "" if self._runs() else tr("Choose a run first.")

    def _needs(self, *states: str) -> str:
        if any(run.state in states for run in self._runs()):
            return self._offline()
        return self._needs_some() or tr("No chosen run is in a state for this.")

    def _offline(self) -> str:
        return tr("Backend does not answer.") if self._context.offline() else ""

    def why_not_compare(self) -> str:
        """2 to 12 runs are compared."""
        count = len(self._runs())
        fits = FEWEST_COMPARED <= count <= MOST_COMPARED
        return "" if fits else tr("Tick 2 to 12 runs; {n} are chosen.", n=count)

    def why_not_clone(self) -> str:
        runs = self._runs()
        return why_not_here(runs[0]) if len(runs) == 1 else tr("Choose one run.")

    def why_not_register(self) -> str:
        runs = self._runs()
        if len(runs) != 1:
            return tr("Choose one run.")
        if runs[0].source:
            return why_not_here(runs[0])
        ready = runs[0].state == RunState.COMPLETED and runs[0].model_ready
        return self._offline() if ready else tr("Only a completed run can be registered.")

    def why_not_archive(self) -> str:
        runs = self._runs()
        if any(run.state in FINAL_RUN_STATES for run in runs):
            return self._offline()
        return tr("Only an ended run can be archived.") if runs else self._needs_some()

    # ---- doing ---------------------------------------------------------------------------------------------

    def open(self) -> None:
        self._context.navigate(f"run/{self._runs()[0].id}")

    def compare(self) -> None:
        self._context.navigate("compare/" + ",".join(run.id for run in self._runs()))

    def compare_champion(self) -> None:
        """Against the live version of the run's own model, else of the first one."""
        run, models = self._runs()[0], self._context.state.models
        model = models.get((run.model_version or "").partition(":")[0]) or next(iter(models.values()), None)
        champion = next((v for v in model.versions if v.version == model.champion), None) if model else None
        if champion is None or champion.run_id == run.id:
            self._context.toast(tr("No champion to compare with"), tr("Promote a version first."), kind="info")
            return
        self._context.navigate(f"compare/{run.id},{champion.run_id}")

    def clone(self) -> None:
        self._context.start("run.new", run=self._runs()[0])

    def register(self) -> None:
        self._context.open_sheet(RegisterSheet(self._context, self._runs()[0]))

    def tag(self) -> None:
        self._context.open_sheet(TagSheet(self._context, self._runs()))

    def rename(self) -> None:
        self._context.open_sheet(RenameSheet(self._context, self._runs()[0]))

    def pin(self) -> None:
        """Pin, or unpin what is pinned."""
        run = self._runs()[0]
        link = f"run/{run.id}"
        if self._context.is_pinned(link):
            self._context.unpin(link)
        else:
            self._context.pin(link, run.name)

    def export(self) -> None:
        runs = self._runs()
        kinds = {
            "csv": (tr("Table"), lambda: as_csv(runs)),
            "json": (tr("Records with settings"), lambda: as_json(runs)),
        }
        save_as(self._page, self._context, runs[0].name if len(runs) == 1 else "runs", kinds)

    def export_points(self) -> None:
        """Every point, or a report, a file a run."""
        self._context.open_sheet(ExportSheet(self._context, self._runs()))

    def copy_link(self) -> None:
        self._context.copy(f"modeldeck://run/{self._runs()[0].id}")

    def copy_config(self) -> None:
        self._context.copy(run_to_yaml(self._runs()[0]))

    def archive(self) -> None:
        """Put the ended ones away; the toast takes it back."""
        ended = [run for run in self._runs() if run.state in FINAL_RUN_STATES]
        self._set_archived(ended, True)
        text = tr_n(len(ended), "Archived {n} run", "Archived {n} runs")
        self._context.toast(
            text,
            ended[0].name if len(ended) == 1 else "",
            undo=partial(self._set_archived, ended, False),
            redo=partial(self._set_archived, ended, True),
        )

    def _set_archived(self, runs: Sequence[RunRecord], archived: bool) -> None:
        for run in runs:
            ask(self._context, operations.change_run(self._context.link, run.id, archived=archived))

    def _steer(self, command: str) -> None:
        link = self._context.link
        fits: dict[str, frozenset[Any]] = {
            "pause": frozenset({RunState.RUNNING, RunState.PREPARING}),
            "resume": frozenset({RunState.PAUSED, RunState.PAUSING}),
            "stop": LIVE_RUN_STATES,
        }
        calls: dict[str, Callable[[str], Any]] = {
            "pause": lambda run_id: operations.pause_run(link, run_id),
            "resume": lambda run_id: operations.resume_run(link, run_id),
            "stop": lambda run_id: operations.stop_run(link, run_id, save=True),
        }
        for run in self._runs():
            if run.state in fits[command]:
                ask(self._context, calls[command](run.id))
            elif command == "stop" and run.state == RunState.QUEUED:
                ask(self._context, operations.cancel_run(link, run.id))

    def move(self, by: int) -> None:
        """One place up or down in the queue."""
        run = next((run for run in self._runs() if run.state == RunState.QUEUED), None)
        if run is not None:
            place = max(1, (run.queue_position or 1) + by)
            ask(self._context, operations.move_run(self._context.link, run.id, place))
