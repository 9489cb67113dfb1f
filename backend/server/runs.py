"""/runs: start, list, steer. A command is only accepted or refused; what happened comes through the feed."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field

from backend.contract.base import Request as Body
from backend.contract.imports import ImportPreview, ImportRun, PreviewImport
from backend.contract.resources import (
    AddNote,
    ApplyToRun,
    ChangeRun,
    CheckpointRecord,
    EstimateRun,
    MoveRun,
    Operation,
    RunCommand,
    RunEstimate,
    RunEvent,
    RunRecord,
    StartRun,
)
from backend.server.parts import PartsIn
from backend.server.route import Items, Route, items, key_of

router = APIRouter(tags=["runs"], route_class=Route)


class ForkRun(Body):
    """POST /runs/{id}/fork: a new run from a checkpoint (the best or newest when None) with some settings changed."""

    checkpoint: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    name: str | None = Field(None, max_length=10_000)


class KeepCheckpoint(Body):
    """POST /runs/{id}/checkpoints/{name}/keep."""

    keep: bool = True


class ExportCheckpoint(Body):
    """POST /runs/{id}/checkpoints/{name}/export: to a new folder on this machine."""

    path: str = Field(min_length=1, max_length=4096)


@router.get("/runs")
def list_runs(parts: PartsIn, archived: Annotated[bool, Query()] = False) -> Items[RunRecord]:
    """Every run, newest first."""
    return items(parts.store.runs.all(include_archived=archived))


@router.post("/runs", status_code=201)
def start_run(body: StartRun, request: Request, parts: PartsIn) -> RunRecord:
    """Check everything, then queue it; refused before any worker starts when settings or data are wrong."""
    return parts.runs.start(body, parts.user, key=key_of(request))


@router.post("/runs/estimate")
def estimate_run(body: EstimateRun, parts: PartsIn) -> RunEstimate:
    """What it would need; starts nothing."""
    return parts.runs.estimate(body)


@router.post("/runs/import/preview")
def preview_import(body: PreviewImport, parts: PartsIn) -> ImportPreview:
    """What other programs wrote at this path; nothing is kept."""
    return parts.imports.preview(body)


@router.post("/runs/import", status_code=202)
def import_runs(body: ImportRun, parts: PartsIn) -> Operation:
    """Bring it in as read-only runs; the operation's result names them."""
    return parts.imports.begin(body, parts.user)


@router.get("/runs/{run_id}")
def read_run(run_id: str, parts: PartsIn) -> RunRecord:
    """One run, by its id or by its name when only one has it."""
    return parts.runs.get(run_id)


@router.patch("/runs/{run_id}")
def change_run(run_id: str, body: ChangeRun, parts: PartsIn) -> RunRecord:
    """Name, tags, note, pin, archive."""
    return parts.runs.change(run_id, body, parts.user)


@router.delete("/runs/{run_id}", status_code=204)
def remove_run(run_id: str, parts: PartsIn) -> None:
    """Remove an ended run with its files."""
    parts.runs.remove(run_id, parts.user)


@router.post("/runs/{run_id}/commands", status_code=202)
def command_run(run_id: str, body: RunCommand, parts: PartsIn) -> RunRecord:
    """Pause, resume, stop, checkpoint, cancel, kill."""
    return parts.runs.command(run_id, body, parts.user)


@router.post("/runs/{run_id}/settings", status_code=202)
def apply_settings(run_id: str, body: ApplyToRun, parts: PartsIn) -> RunRecord:
    """Other settings from the next checkpoint on, for a run under way; an event tells when they are in force."""
    return parts.runs.apply_settings(run_id, body, parts.user)


@router.post("/runs/{run_id}/resume", status_code=202)
def resume_run(run_id: str, parts: PartsIn) -> RunRecord:
    """Queue an ended run again from its newest checkpoint that verifies."""
    return parts.runs.resume(run_id, parts.user)


@router.post("/runs/{run_id}/fork", status_code=201)
def fork_run(run_id: str, body: ForkRun, request: Request, parts: PartsIn) -> RunRecord:
    """A new run that begins at a checkpoint of this one."""
    return parts.runs.fork(run_id, body.checkpoint, body.settings, parts.user, name=body.name, key=key_of(request))


@router.post("/runs/{run_id}/move")
def move_run(run_id: str, body: MoveRun, parts: PartsIn) -> RunRecord:
    """Another place in the queue."""
    return parts.runs.move(run_id, body.position, parts.user)


@router.post("/runs/{run_id}/notes", status_code=201)
def add_note(run_id: str, body: AddNote, parts: PartsIn) -> RunEvent:
    """A person's remark on the chart."""
    return parts.runs.note(run_id, body)


@router.get("/runs/{run_id}/checkpoints")
def list_checkpoints(run_id: str, parts: PartsIn) -> Items[CheckpointRecord]:
    """Every checkpoint reported, also those pruned since (present false)."""
    return items(parts.store.runs.checkpoints(parts.runs.get(run_id).id))


@router.post("/runs/{run_id}/checkpoints/{name}/keep")
def keep_checkpoint(run_id: str, name: str, body: KeepCheckpoint, parts: PartsIn) -> CheckpointRecord:
    """Protect a checkpoint from pruning, or no longer."""
    return parts.runs.keep_checkpoint(run_id, name, body.keep)


@router.post("/runs/{run_id}/checkpoints/{name}/export")
def export_checkpoint(run_id: str, name: str, body: ExportCheckpoint, parts: PartsIn) -> dict[str, Any]:
    """Copy a verified checkpoint into a new folder; {"path", "size_bytes", "files"}."""
    return parts.runs.export_checkpoint(run_id, name, body.path, parts.user)
