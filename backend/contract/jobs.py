"""What stands in a job folder beside the two logs: spec.json, identity.json, exit.json."""

from typing import Any, Literal

from backend.contract.base import PROTOCOL, Record

JobKind = Literal["train", "serve", "mirror"]


class BaseModelRef(Record):
    """Where the first weights come from."""

    kind: Literal["starter", "folder", "version", "hub", "none"]
    name: str  # what the user wrote: "starter", a path, "sentiment:3", "bert-base-uncased"
    path: str | None = None  # resolved folder; None for hub ids until the worker has fetched them
    sha256: str | None = None  # of the weights file, where known


class DatasetRef(Record):
    """Which immutable data the job reads."""

    id: str
    name: str
    path: str
    sha256: str
    rows: int


class Imported(Record):
    """Of a training that another program did: nothing runs here, the log was written from its files."""

    source: str  # tensorboard, wandb, csv, trainer_state
    path: str  # of the file or folder it was read from
    files: int
    points: int
    state: str = "completed"  # as far as the source tells
    cause: str | None = None
    ended_at: float | None = None
    imported_at: float = 0.0
    total_steps: int | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    left_out: tuple[str, ...] = ()  # sentences: what was not taken, where and why
    spark_key: str | None = None  # the series the small curve shows where there is no train/loss


class JobSpec(Record):
    """spec.json: what was asked. Written once, atomically, before the runner starts; never changed."""

    protocol: int = PROTOCOL
    job_id: str
    kind: JobKind
    main: str  # python module of the worker
    name: str
    recipe: str | None = None
    settings: dict[str, Any] = {}
    dataset: DatasetRef | None = None
    base_model: BaseModelRef | None = None
    device: str = "auto"  # auto, cpu, mps, cuda:0 …
    created_at: float = 0.0
    fork_of: str | None = None  # job id whose checkpoint this one continues
    fork_checkpoint: str | None = None
    imported: Imported | None = None


class JobLaunch(Record):
    """launch.json: what changes with every attempt. Written before each start of the runner."""

    attempt: int
    resume: bool  # continue from the newest checkpoint that verifies
    cookie: str
    commands_from: int = 0  # size of commands.ndjson at the launch: what stands before is for earlier attempts
    events_from: int = 0  # size of events.ndjson at the launch: last words before it are not of this attempt


class JobIdentity(Record):
    """identity.json, written by the runner: a process is boot id + pid + start time + cookie, never a pid alone."""

    boot_id: str
    runner_pid: int
    runner_started: (
        float  # kernel start time of the process, in clock ticks or seconds as platform.process_started() says
    )
    worker_pid: int
    worker_started: float
    cookie: str
    attempt: int
    protocol: int = PROTOCOL


class ExitRecord(Record):
    """exit.json, fsynced by the runner: how the worker ended."""

    attempt: int
    cookie: str
    exit_code: int | None  # None when a signal ended it
    signal: int | None
    started_at: float
    ended_at: float
    peak_memory_bytes: int | None
    tail: tuple[str, ...] = ()  # the last 50 lines of output.log
    memory_kills: int | None = None  # processes the kernel killed for lack of memory meanwhile; None: it does not tell
