"""Runs as a person means them: start, steer, continue, fork, keep. Everything is checked before any worker starts."""

import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from backend.clock import Clock
from backend.contract import commands
from backend.contract.base import Request
from backend.contract.errors import Conflict, Invalid, NotFound
from backend.contract.jobs import BaseModelRef
from backend.contract.resources import (
    AddNote,
    ApplyToRun,
    ChangeRun,
    CheckpointRecord,
    DatasetRecord,
    Diagnosis,
    EstimateRun,
    RunCommand,
    RunEstimate,
    RunEvent,
    RunRecord,
    StartRun,
)
from backend.contract.states import FINAL_RUN_STATES, LIVE_RUN_STATES, RunState
from backend.data.samples import Sample
from backend.jobs.live import NotLive, changed_live, live_fields
from backend.paths import Home
from backend.services import base_models
from backend.services.estimates import estimate
from backend.services.imported import refuse_imported
from backend.services.run_checkpoints import RunCheckpoints
from backend.services.run_folders import require_folder
from backend.services.run_start import RunStarter
from backend.services.settings_check import check_settings, find_recipe

if TYPE_CHECKING:
    from backend.services.datasets import DatasetService
    from backend.store import Store
    from backend.supervisor.launch import Supervisor

KILL_GRACE_S = 5.0
_ACCEPTS: dict[str, frozenset[str]] = {
    "pause": frozenset({RunState.PREPARING, RunState.RUNNING}),
    "resume": frozenset({RunState.PAUSED, RunState.PAUSING}),
    "checkpoint": frozenset({RunState.RUNNING, RunState.PAUSED}),
    "stop": frozenset({RunState.PREPARING, RunState.RUNNING, RunState.PAUSING, RunState.PAUSED, RunState.QUEUED}),
    "cancel": frozenset({RunState.QUEUED}),
    "kill": LIVE_RUN_STATES,
}


_ASKED = {"pause": RunState.PAUSING, "resume": RunState.RUNNING, "stop": RunState.STOPPING}
"""The state that a command asks for; saving a checkpoint changes none."""

_TAKES_SETTINGS = frozenset({RunState.PREPARING, RunState.RUNNING, RunState.PAUSING, RunState.PAUSED})


class Starts(Protocol):
    """The part of the scheduler that runs are steered with."""

    def wake(self) -> None: ...

    def cancel(self, run_id: str, actor: str = ...) -> RunRecord: ...

    def force_stop(self, run_id: str, grace_s: float = ..., actor: str = ...) -> None: ...


class RunService:
    """Blocking and thread-safe. Every method that changes something writes row, event and audit in one transaction."""

    def __init__(
        self,
        store: "Store",
        supervisor: "Supervisor",
        scheduler: Starts,
        datasets: "DatasetService",
        home: Home,
        clock: Clock,
    ) -> None:
        self._store = store
        self._supervisor = supervisor
        self._scheduler = scheduler
        self._datasets = datasets
        self._home = home
        self._clock = clock
        self._checkpoints = RunCheckpoints(store, home)
        self._starter = RunStarter(store, datasets, home, clock, self.get)

    # ---- finding -----------------------------------------------------------------------------------------------

    def get(self, run_id: str) -> RunRecord:
        """The run with this id, or the only one with this name. NotFound says where to look."""
        found = self._store.runs.get(run_id)
        if found is not None:
            return found
        named = [run for run in self._store.runs.all(include_archived=True) if run.name == run_id]
        if len(named) == 1:
            return named[0]
        if named:
            ids = ", ".join(run.id for run in named[:5])
            raise Conflict(f"{len(named)} runs have the name {run_id[:80]!r}.", fix=f"Use the id: {ids}.")
        newest = ", ".join(run.id for run in self._store.runs.all()[:3])
        fix = f"The newest are {newest}." if newest else "None was started yet."
        raise NotFound(f"There is no run {run_id[:80]!r}.", fix=fix)

    def diagnose(self, run_id: str) -> Diagnosis:
        """What limits this run."""
        from backend.services.diagnosis import diagnose_run

        return diagnose_run(self._store, self._clock, self.get(run_id))

    # ---- starting ----------------------------------------------------------------------------------------------

    def start(self, request: StartRun, actor: str, *, key: str | None = None) -> RunRecord:
        """Check settings, base model, data, disk and room; then queue it. See RunStarter.start()."""
        run = self._starter.start(request, actor, key=key)
        self._scheduler.wake()
        return self._store.runs.get(run.id) or run

    def check_room(self) -> None:
        """Unavailable below the disk reserve, naming the bytes."""
        self._starter.check_room()

    def estimate(self, request: EstimateRun) -> RunEstimate:
        """What it would need; problems are listed, not raised, so that a form can show them all."""
        recipe = find_recipe(request.recipe)
        problems: list[dict[str, Any]] = []
        settings: Request = recipe.settings()
        base: BaseModelRef | None = None
        dataset: DatasetRecord | Sample | None = None
        try:
            settings = check_settings(recipe, request.settings)
        except Invalid as error:
            problems += error.details.get("problems", [])
        try:
            base = base_models.resolve_for(recipe, request.base_model, self._store)
        except Invalid as error:
            problems.append({"field": "base_model", "text": error.text, "fix_text": error.fix, "fix_value": None})
        try:
            dataset = self._datasets.get(request.dataset) if recipe.needs_dataset and request.dataset else None
        except NotFound:  # a built-in one is imported when the run starts
            dataset = next((sample for sample in self._datasets.samples() if sample.name == request.dataset), None)
        found = estimate(request, settings, dataset, base, self._store, self._home)
        return found.model_copy(update={"problems": tuple(problems)})

    # ---- steering ----------------------------------------------------------------------------------------------

    def command(self, run_id: str, request: RunCommand, actor: str) -> RunRecord:
        """Accept or refuse; what happened comes as an event. Conflict names the present state."""
        run = self.get(run_id)
        refuse_imported(run, request.command)
        if run.state not in _ACCEPTS[request.command]:
            allowed = [name for name, states in _ACCEPTS.items() if run.state in states]
            fix = (
                f"Possible now: {', '.join(allowed)}."
                if allowed
                else "It has ended; it can be resumed."
                if run.resumable
                else None
            )
            raise Conflict(f"{run.name} is {run.state}: {request.command} is not possible.", fix=fix, state=run.state)
        if run.state == RunState.QUEUED:
            return self._scheduler.cancel(run.id, actor)
        if request.command == "kill":  # for a worker that does not listen
            self._scheduler.force_stop(run.id, KILL_GRACE_S, actor)
        else:
            asked = _ASKED.get(request.command, "")
            self._audit(actor, f"run.{request.command}", run.id, run.state if asked else "", asked)
            self._supervisor.send(run.id, _command(request))
        return self._store.runs.get(run.id) or run

    def apply_settings(self, run_id: str, request: ApplyToRun, actor: str) -> RunRecord:
        """Ask for other settings from the next checkpoint on; the worker's answer comes as an event.

        Invalid names the setting that cannot change under way, Conflict the state that takes no changes.
        """
        run = self.get(run_id)
        if run.state not in _TAKES_SETTINGS:
            raise Conflict(
                f"{run.name} is {run.state}: its settings cannot change any more.",
                fix="Clone it with these settings, or fork it from a checkpoint.",
                state=run.state,
            )
        recipe = find_recipe(run.recipe)
        try:
            now = check_settings(recipe, {**run.settings, **run.pending_settings})
            changed_live(now, request.settings)
        except NotLive as error:
            known = ", ".join(live_fields(recipe.settings)) or "none"
            fix = f"Clone the run with it. These can change under way: {known}."
            raise Invalid(str(error), field=error.field, fix=fix) from error
        pending = {**run.pending_settings, **request.settings}
        with self._store.transaction():
            after = self._store.runs.change(run.id, pending_settings=pending)
            before = {name: run.settings.get(name) for name in request.settings}
            self._audit(actor, "run.apply_settings", run.id, str(before), str(request.settings))
        try:  # after the row: the answer may come at once
            command = commands.ApplySettings(id=f"c{secrets.token_hex(6)}", settings=request.settings)
            self._supervisor.send(run.id, command)
        except OSError:
            self._store.runs.change(run.id, pending_settings=run.pending_settings)
            raise
        return after

    def resume(self, run_id: str, actor: str) -> RunRecord:
        """Queue an ended run again; its worker continues from the newest checkpoint that verifies, or from the
        start."""
        self._resumable(run_id)
        self._starter.check_room()
        with self._store.transaction():
            run = self._resumable(run_id)  # again: somebody else may have continued or removed it meanwhile
            after = self._store.runs.change(
                run.id,
                state=RunState.QUEUED,
                cause=None,
                failure=None,
                ended_at=None,
                resumable=False,
                hang="none",
                eta_seconds=None,
            )
            self._store.runs.add_event(run.id, "resume", step=run.step, text="Queued to continue")
            self._audit(actor, "run.requeue", run.id, run.state, RunState.QUEUED)
        self._scheduler.wake()
        return self._store.runs.get(run.id) or after

    def _resumable(self, run_id: str) -> RunRecord:
        run = self.get(run_id)
        refuse_imported(run, "continued")
        if run.state not in FINAL_RUN_STATES or run.state == RunState.COMPLETED:
            raise Conflict(
                f"{run.name} is {run.state}; only a stopped, failed or interrupted run can continue.", state=run.state
            )
        require_folder(self._home, run, spec=True)
        return run

    def fork(
        self,
        run_id: str,
        checkpoint: str | None,
        settings: dict[str, Any],
        actor: str,
        *,
        name: str | None = None,
        key: str | None = None,
    ) -> RunRecord:
        """A new run with the same recipe, data and base, from a checkpoint of this one, with some settings changed."""
        run = self.get(run_id)
        refuse_imported(run, "forked")
        request = StartRun(
            recipe=run.recipe,
            dataset=run.dataset_id,
            base_model=run.base_model or base_models.STARTER,
            settings={**run.settings, **settings},
            name=name,
            device=require_folder(self._home, run, spec=True).spec().device,
            tags=run.tags,
            fork_of=run.id,
            fork_checkpoint=checkpoint,
        )
        return self.start(request, actor, key=key)

    def move(self, run_id: str, position: int, actor: str) -> RunRecord:
        """Another place in the queue, counted from 1."""
        run = self.get(run_id)
        with self._store.transaction():
            after = self._store.runs.move(run.id, position)
            self._audit(actor, "run.move", run.id, str(run.queue_position), str(after.queue_position))
        return after

    # ---- notes and names -----------------------------------------------------------------------------------------

    def change(self, run_id: str, request: ChangeRun, actor: str) -> RunRecord:
        """Name, tags, note, pin, archive; only what was given."""
        run = self.get(run_id)
        fields = {name: value for name, value in request.model_dump().items() if value is not None}
        if "name" in fields and not fields["name"].strip():
            raise Invalid("A run needs a name.", field="name", fix="Take at least one character.")
        if fields.get("archived") and run.state not in FINAL_RUN_STATES:
            raise Conflict(f"{run.name} is {run.state}; only an ended run can be archived.")
        if not fields:
            return run
        with self._store.transaction():
            after = self._store.runs.change(run.id, **fields)
            if "name" in fields or "archived" in fields:
                old = {name: getattr(run, name) for name in fields}
                self._audit(actor, "run.change", run.id, str(old), str(fields))
        return after

    def note(self, run_id: str, request: AddNote) -> RunEvent:
        """A remark on the chart, now or at a step: then with the time and the epoch at which that was logged."""
        run = self.get(run_id)
        if request.step is None:
            return self._store.runs.add_event(run.id, "note", step=run.step, epoch=run.epoch, text=request.text)
        time, epoch = self._moment(run, request.step)
        return self._store.runs.add_event(run.id, "note", time, request.step, epoch, request.text)

    def _moment(self, run: RunRecord, step: int) -> tuple[float | None, float | None]:
        """When the last point up to a step was logged; None for what is unknown."""
        keys = self._store.series.keys(run.id)
        key = "train/loss" if "train/loss" in keys else next(iter(keys), None)
        found = self._store.series.read(run.id, [key], None, step, 8).get(key) if key is not None else None
        return (found.times[-1], found.epochs[-1]) if found is not None and found.steps else (None, None)

    def remove(self, run_id: str, actor: str) -> None:
        """Delete an ended run with its files; versions made of it stay."""
        with self._store.transaction():  # around the question too: nobody continues it in between
            run = self.get(run_id)
            if run.state not in FINAL_RUN_STATES:
                raise Conflict(f"{run.name} is {run.state}; only an ended run can be removed.", fix="Stop it first.")
            self._store.series.forget(run.id)
            self._store.runs.remove(run.id)
            self._audit(actor, "run.remove", run.id, run.name, "")
        discard(self._home.job(run.id))

    # ---- checkpoints ---------------------------------------------------------------------------------------------

    def keep_checkpoint(self, run_id: str, name: str, keep: bool) -> CheckpointRecord:
        """Protect a checkpoint from pruning, or no longer."""
        return self._checkpoints.keep(self.get(run_id), name, keep)

    def export_checkpoint(self, run_id: str, name: str, path: str, actor: str) -> dict[str, Any]:
        """Copy a checkpoint that verifies to `path`, a new folder; {"path", "size_bytes", "files"}."""
        run = self.get(run_id)
        found = self._checkpoints.export(run, name, path)
        self._audit(actor, "run.export_checkpoint", run.id, name, path)
        return found

    def _audit(
        self, actor: str, action: str, run_id: str, before: str, after: str, details: dict[str, Any] | None = None
    ) -> None:
        self._store.audit.add(actor, "", action, f"run/{run_id}", before, after, details=details or {})


# ---- small things ----------------------------------------------------------------------------------------------------


def discard(folder: Path) -> None:
    """Delete a folder; renamed first, so that half of one is never taken for a job."""
    gone = folder.with_name(f".removed-{folder.name}-{secrets.token_hex(3)}")
    try:
        folder.rename(gone)
    except FileNotFoundError:
        return
    shutil.rmtree(gone, ignore_errors=True)


def _command(request: RunCommand) -> commands.Command:
    identity = f"c{secrets.token_hex(6)}"
    if request.command == "stop":
        return commands.Stop(id=identity, save=request.save)
    known: dict[str, type[commands.Command]] = {
        "pause": commands.Pause,
        "resume": commands.Resume,
        "checkpoint": commands.Checkpoint,
    }
    return known[request.command](id=identity)
