"""What a job says: one JSON object a line in events.ndjson.

Every line is `{"seq":1,"time":1700000000.0,"kind":"metrics",…fields of the kind…,"crc":"1a2b3c4d"}`. `seq` counts from
1 without gaps over all attempts of the job, `time` is unix seconds, `crc` is the CRC-32 (8 hex digits) of the line's
bytes before `,"crc"`. Kinds are in the past tense or name a state; units are in the names of fields; unknown is null;
NaN and infinities are strings (base.py).
"""

from typing import Annotated, Any

from backend.contract.base import Data, Number, Record, numbers_at


class Started(Record):
    """The worker's main has begun an attempt."""

    attempt: int
    pid: int
    recipe: str | None = None
    device: str | None = None  # as resolved: "cpu", "cuda:0"
    total_steps: int | None = None  # None until known; a later `planned` tells
    resumed_from_step: int | None = None
    resumed_from: str | None = None  # checkpoint folder name
    skipped_checkpoints: tuple[str, ...] = ()  # "checkpoint-40: model.safetensors differs from its manifest"
    settings: dict[str, Any] = {}  # those that may change under way, as they are from here on; empty: as in the spec
    environment: dict[str, Any] = {}  # python, torch, transformers, cuda, driver, cpu, threads, commit, packages …
    protocol: int = 1


class Planned(Record):
    """What the job knows once data and model are loaded."""

    total_steps: int
    steps_per_epoch: float | None = None
    epochs: float | None = None
    trainable_parameters: int | None = None
    all_parameters: int | None = None
    train_rows: int | None = None
    validation_rows: int | None = None
    test_rows: int | None = None
    duplicates_removed: int | None = None
    labels: tuple[str, ...] = ()
    facts: Data = {}  # resolved precision, threads, truncated share …


class StateChanged(Record):
    """kind "state": preparing, running, pausing, paused, stopping; final states follow from `ended` and exit record."""

    state: str
    reason: str | None = None
    step: int | None = None


class Metrics(Record):
    """Numbers of one step, names as in DESIGN section 5."""

    step: int
    epoch: float | None = None
    values: dict[str, Number | None]


class Evaluation(Record):
    """A pass over a held-out part. Its values are also points of the series, under their own names (`eval/loss` …)."""

    step: int
    epoch: float | None = None
    split: str  # validation or test
    rows: int
    values: dict[
        str, Number | None
    ]  # eval/loss, eval/accuracy, eval/f1, eval/precision, eval/recall; for the test part test/…
    labels: tuple[str, ...] = ()
    per_class: dict[str, dict[str, Number]] = {}  # label → precision, recall, f1, support
    confusion: tuple[tuple[int, ...], ...] = ()  # rows true, columns predicted, in the order of labels
    seconds: float | None = None


class CheckpointSaved(Record):
    """kind "checkpoint": committed (manifest written, renamed, parent fsynced)."""

    step: int
    epoch: float | None = None
    name: str  # folder under checkpoints/
    size_bytes: int
    metrics: dict[str, Number | None] = {}
    best: bool = False
    asked: bool = False  # somebody pressed "Checkpoint now"
    seconds: float | None = None
    pruned: tuple[str, ...] = ()


class SettingsApplied(Record):
    """Settings changed under way; the checkpoint of this step holds the change."""

    step: int
    epoch: float | None = None
    settings: dict[str, Any]
    before: dict[str, Any]  # the same names
    text: str = ""  # what does not begin at once


class Sampled(Record):
    """kind "sample": fixed inputs with what the model says of them at this step."""

    step: int
    items: tuple[Annotated[Data, numbers_at("score")], ...]  # {"text", "expected", "predicted", "score"}


class Logged(Record):
    """kind "log"."""

    level: str  # debug info warning error
    text: str


class Warned(Record):
    """kind "warning": something a person should know; a marker on the chart."""

    code: str
    text: str
    advice: str | None = None
    step: int | None = None


class ModelSaved(Record):
    """The result lies in model/ with a manifest."""

    step: int
    path: str  # relative to the job folder
    size_bytes: int
    best_step: int | None = None
    metrics: dict[str, Number | None] = {}


class CommandDone(Record):
    """The answer to a command."""

    command_id: str
    command: str  # its kind
    ok: bool
    text: str = ""
    result: Data = {}


class EngineChanged(Record):
    """A gateway speaks of one of its engines: starting, loading, warming, ready, failed, died, stopped."""

    model: str
    version: int
    state: str
    text: str = ""
    seconds: float | None = None
    pid: int | None = None
    memory_bytes: int | None = None  # resident, once it is ready


class Served(Record):
    """A gateway's routing changed: exactly this is live from now on."""

    model: str | None
    live_version: int | None
    standby_version: int | None
    port: int
    state: str  # EndpointState
    paused_ms: float | None = None


class RequestWindow(Record):
    """Statistics of a short window of requests of one version; raw text is never in it."""

    model: str
    version: int
    seconds: float
    requests: int
    items: int
    errors: int
    rejected: int
    latency_ms_p50: float | None = None
    latency_ms_p95: float | None = None
    latency_ms_p99: float | None = None
    queue_depth: float | None = None
    batch_size: float | None = None
    labels: dict[str, int] = {}
    score_histogram: tuple[int, ...] = ()  # 20 bins over 0..1
    length_histogram: tuple[int, ...] = ()  # counts per edge in profile.LENGTH_EDGES
    unknown_share_histogram: tuple[int, ...] = ()  # 20 bins over 0..1
    truncated: int = 0


class Ended(Record):
    """The last word of an attempt."""

    outcome: str  # completed, stopped, failed
    step: int
    text: str = ""
    code: str | None = None  # FailureCode
    advice: str | None = None
    traceback: str | None = None
    details: Data = {}


EVENTS: dict[str, type[Record]] = {
    "started": Started,
    "planned": Planned,
    "state": StateChanged,
    "metrics": Metrics,
    "evaluation": Evaluation,
    "checkpoint": CheckpointSaved,
    "settings_applied": SettingsApplied,
    "sample": Sampled,
    "log": Logged,
    "warning": Warned,
    "model_saved": ModelSaved,
    "command_done": CommandDone,
    "engine": EngineChanged,
    "served": Served,
    "request_window": RequestWindow,
    "ended": Ended,
}
"""Kind → model, in the order of a job's life."""
