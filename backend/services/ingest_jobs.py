"""What ingest remembers of a job between two reads, and who takes the lines of each kind of job."""

from dataclasses import dataclass
from typing import Any, Protocol

from backend.contract.events import CommandDone
from backend.contract.imports import RECIPE
from backend.contract.jobs import Imported, JobSpec
from backend.contract.resources import RunRecord
from backend.contract.states import RunState
from backend.jobs.folder import JobFolder
from backend.jobs.log import Line, LogReader
from backend.services.ingest_endpoints import EndpointLines
from backend.services.ingest_runs import RunLines
from backend.store import Store


class Lines(Protocol):
    """What one read of a job's log becomes; made and finished inside one transaction."""

    def take(self, line: Line) -> None:
        """Account for a line; ValueError for one whose fields are not what its kind promises."""
        ...

    def finish(self, damaged: int) -> bool:
        """Write what has gathered; whether listeners must know at once."""
        ...

    def publish(self) -> None:
        """Tell listeners what the row looks like now."""
        ...


@dataclass(slots=True)
class Job:
    """What is remembered of a job between two reads; read again from the store after anything went wrong."""

    folder: JobFolder
    spec: JobSpec
    reader: LogReader
    offset: int
    seq: int
    state: dict[str, Any]
    size: int = -1
    more: bool = False
    unpublished: bool = False
    publish_at: float = 0.0
    rest_at: float = 0.0


@dataclass(slots=True)
class Trouble:
    """A job whose lines could not be taken: tried again ever later, and told once."""

    text: str
    again_at: float
    wait_s: float = 0.5


class OtherLines:
    """Jobs without rows of their own (the mirror): only their answers to commands matter."""

    def take(self, line: Line) -> None:
        """An answer must be one."""
        if line.kind == "command_done":
            CommandDone.model_validate(line.fields)

    def finish(self, damaged: int) -> bool:
        """Nothing is stored; damaged lines make it worth a look."""
        return damaged > 0

    def publish(self) -> None:
        """Nobody listens."""


def lines_for(store: Store, job: Job, state: dict[str, Any]) -> Lines:
    """Who takes the lines of this job; call inside the transaction that stores them."""
    job_id = job.spec.job_id
    if job.spec.kind == "train":
        return RunLines(store, store.runs.get(job_id) or recovered_run(store, job), state)
    endpoint = store.endpoints.of_job(job_id) if job.spec.kind == "serve" else None
    return EndpointLines(store, endpoint, state) if endpoint is not None else OtherLines()


def recovered_run(store: Store, job: Job) -> RunRecord:
    """A run of which only the folder is left (the database is an older copy): its row is made anew from the
    spec."""
    launch = job.folder.launch()
    spec = job.spec
    run = (
        imported_run(spec, spec.imported)
        if spec.imported
        else RunRecord(
            id=spec.job_id,
            name=spec.name,
            recipe=spec.recipe or "",
            state=RunState.PREPARING,
            settings=spec.settings,
            dataset_id=spec.dataset.id if spec.dataset else None,
            dataset_name=spec.dataset.name if spec.dataset else None,
            base_model=spec.base_model.name if spec.base_model else None,
            device=spec.device,
            attempt=launch.attempt if launch else 1,
            created_at=spec.created_at,
            fork_of=spec.fork_of,
        )
    )
    store.runs.add(run)
    store.runs.add_event(run.id, "warning", text="Read in again from its folder", data={"code": "recovered"})
    return run


def imported_run(spec: JobSpec, imported: Imported) -> RunRecord:
    """The row of a training that another program did, before its log is read: ended, and nothing to continue."""
    facts = {
        "imported_from": imported.path,
        "imported_at": imported.imported_at,
        "imported_files": imported.files,
        "imported_points": imported.points,
        "left_out": list(imported.left_out),
    }
    return RunRecord(
        id=spec.job_id,
        name=spec.name,
        recipe=RECIPE,
        source=imported.source,
        state=imported.state,
        cause=imported.cause,
        settings=spec.settings,
        created_at=spec.created_at,
        ended_at=imported.ended_at,
        total_steps=imported.total_steps,
        tags=imported.tags,
        note=imported.note,
        facts=facts if imported.spark_key is None else {**facts, "spark_key": imported.spark_key},
    )
