"""What the interface of the backend returns. The JSON keys named in DESIGN section 5 stay."""

from typing import Annotated, Any, Literal

from pydantic import Field

from backend.contract.base import Data, Number, Record, Request, Value, numbers_at

# ---- system ------------------------------------------------------------------------------------------------


class SystemStatus(Record):
    """GET /system."""

    state: str  # running, viewer (read-only home), stopping
    pid: int
    home: str
    socket: str
    started_at: float
    version: str
    protocol: int
    read_only_reason: str | None = None
    disk_free_bytes: int | None = None
    disk_total_bytes: int | None = None
    running: int = 0
    queued: int = 0
    open_alerts: int = 0
    mirror: "MirrorStatus | None" = None
    notices: tuple[str, ...] = ()  # e.g. an SQLite library with a known defect
    versions: dict[str, str] = {}
    user: str = ""
    hostname: str = ""


class MirrorStatus(Record):
    """How far the MLflow neighbour is behind."""

    state: Literal["in_sync", "behind", "off", "failing"]
    backlog: int = 0
    text: str = ""


class Check(Record):
    """One line of doctor."""

    name: str
    ok: bool
    detail: str = ""


class DoctorReport(Record):
    """GET /system/doctor and `doctor --json`."""

    ok: bool
    checks: tuple[Check, ...]


class Operation(Record):
    """Something that takes longer than a request: promotion, rollback, registration, import."""

    id: str
    kind: str  # promote, rollback, register, import, create_endpoint …
    object: str  # "model/sentiment", "endpoint/sentiment"
    state: Literal["running", "done", "failed"]
    stage: str = ""  # load, warm_up, switch, verify …
    stages: tuple[str, ...] = ()
    text: str = ""
    progress: float | None = None  # how much of the stage is done, 0 … 1; None where nobody can tell
    cancellable: bool = False  # POST /operations/{id}/cancel ends it and leaves nothing behind
    error: dict[str, Any] | None = None  # an ErrorReply
    result: Data = {}
    started_at: float = 0.0
    ended_at: float | None = None


# ---- datasets ----------------------------------------------------------------------------------------------


class DatasetProblem(Record):
    """One finding of the quality check."""

    code: str  # exact_duplicates, empty_rows, split_overlap, rare_label, personal_data, long_texts …
    text: str
    count: int
    sample: tuple[str, ...] = ()  # masked
    severity: str = "warn"


class DatasetRecord(Record):
    """An immutable version of a dataset."""

    id: str
    name: str
    version: int = 1
    task: str
    rows: int
    columns: tuple[str, ...] = ()
    mapping: dict[str, str] = {}  # role (text, label, split) → column
    labels: dict[str, int] = {}
    splits: dict[str, int] = {}  # given splits only; empty when the run splits
    source: str = ""
    source_sha256: str = ""
    sha256: str = ""  # of the canonical data
    size_bytes: int = 0
    created_at: float = 0.0
    path: str = ""
    problems: tuple[DatasetProblem, ...] = ()
    profile: Data = {}  # length histogram, languages, text statistics
    used_by: tuple[str, ...] = ()  # run ids
    builtin: bool = False


class ImportDataset(Request):
    """POST /datasets."""

    path: str
    name: str | None = None
    task: str | None = None
    mapping: dict[str, str] = {}
    encoding: str | None = None
    skip_bad_rows: bool = False


class PreviewDataset(Request):
    """POST /datasets/preview: what an import would read."""

    path: str
    encoding: str | None = None


class DatasetPreview(Record):
    """Detected columns, a suggestion and the first rows."""

    path: str
    format: str
    encoding: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    row_count: int | None
    suggested_mapping: dict[str, str] = {}
    suggested_task: str | None = None
    suggested_name: str = ""
    bad_rows: tuple[dict[str, Any], ...] = ()  # {"line", "text"}
    sample: bool = False


# ---- runs --------------------------------------------------------------------------------------------------


class Failure(Record):
    """Why a run failed, for a person: what happened, what to do, and the evidence one click away."""

    code: str
    text: str
    advice: str
    traceback: str | None = None
    tail: tuple[str, ...] = ()
    exit_code: int | None = None
    signal: int | None = None
    details: Data = {}


class RunRecord(Record):
    """One run, over all its attempts."""

    id: str
    name: str
    recipe: str
    state: str
    source: str = ""  # empty: made here; else tensorboard, wandb, csv, trainer_state: read-only
    step: int = 0
    total_steps: int | None = None
    epoch: float | None = None
    epochs: float | None = None
    metrics: dict[str, Number | None] = {}
    best: Annotated[Data, numbers_at("value")] = {}  # {"metric", "value", "step"}
    cause: str | None = None
    failure: Failure | None = None
    model_version: str | None = None  # "sentiment:3"
    model_ready: bool = False  # model/ was verified
    dataset_id: str | None = None
    dataset_name: str | None = None
    base_model: str | None = None
    settings: dict[str, Any] = {}
    changed_settings: tuple[str, ...] = ()  # differing from the recipe's defaults
    pending_settings: dict[str, Any] = {}  # asked for, in force from the next checkpoint on
    device: str | None = None
    attempt: int = 1
    created_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    active_seconds: float | None = None  # without pauses
    last_step_at: float | None = None  # or its last evaluation, checkpoint or saved model
    hang: Literal["none", "slow", "hung"] = "none"
    eta_seconds: float | None = None
    queue_position: int | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    pinned: bool = False
    archived: bool = False
    nan_steps: int = 0
    bad_lines: int = 0
    resumable: bool = False
    folder_gone: bool = False  # its job folder was deleted: what the store holds of it is all there is
    fork_of: str | None = None
    fork_step: int | None = None  # the step of the checkpoint it began at
    fork_checkpoint: str | None = None
    energy_kwh: float | None = None  # of the cards it used, from measured power; None: nothing was measured
    energy_seconds: float | None = None  # how long its power was measured
    spark: tuple[Number | None, ...] = ()  # at most 60 values of train/loss, thinned
    trainable_parameters: int | None = None
    all_parameters: int | None = None
    labels: tuple[str, ...] = ()
    facts: Data = {}
    environment: dict[str, Any] = {}


class StartRun(Request):
    """POST /runs."""

    recipe: str
    dataset: str | None = None  # id or name
    base_model: str | None = None  # what the recipe begins with: mostly the starter model
    settings: dict[str, Any] = {}
    name: str | None = None
    device: str = "auto"
    tags: tuple[str, ...] = ()
    note: str = ""
    register_as: str | None = None  # register the result under this model name when completed
    fork_of: str | None = None
    fork_checkpoint: str | None = None


class EstimateRun(Request):
    """POST /runs/estimate: the same body as StartRun; never starts anything."""

    recipe: str
    dataset: str | None = None
    base_model: str | None = None  # what the recipe begins with: mostly the starter model
    settings: dict[str, Any] = {}
    name: str | None = None
    device: str = "auto"


class RunEstimate(Record):
    """What a run would need. Unknown is null."""

    fits: Literal["yes", "tight", "no", "unknown"]
    text: str
    memory_terms: dict[str, int] = {}  # weights, adapters, optimizer, activations, runtime: bytes
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    device: str = "cpu"
    steps: int | None = None
    seconds_low: float | None = None
    seconds_high: float | None = None
    starts_in_seconds: float | None = None
    starts_after: str | None = None
    disk_bytes: int | None = None
    disk_free_bytes: int | None = None
    similar_runs: tuple[str, ...] = ()
    fixes: tuple[dict[str, Any], ...] = ()  # {"text", "settings"}
    problems: tuple[dict[str, Any], ...] = ()  # {"field", "text", "fix_text", "fix_value"}


class ChangeRun(Request):
    """PATCH /runs/{id}: only what is given changes."""

    name: str | None = Field(None, max_length=10_000)
    tags: tuple[str, ...] | None = None
    note: str | None = None
    pinned: bool | None = None
    archived: bool | None = None


class RunCommand(Request):
    """POST /runs/{id}/commands."""

    command: Literal["pause", "resume", "stop", "checkpoint", "cancel", "kill"]
    save: bool = True


class ApplyToRun(Request):
    """POST /runs/{id}/settings: in force from the next checkpoint on; only settings marked live."""

    settings: dict[str, Any] = Field(min_length=1)


class MoveRun(Request):
    """POST /runs/{id}/move: a queued run to this place, counted from 1."""

    position: int = Field(ge=1)


class RunEvent(Record):
    """A marker on the chart, a line in the Events list."""

    id: int
    run_id: str
    kind: str  # checkpoint, evaluation, settings, fork, pause, resume, warning, alert, note, state, stop, model_saved …
    time: float
    step: int | None = None
    epoch: float | None = None
    text: str = ""
    data: Data = {}


class AddNote(Request):
    """POST /runs/{id}/notes."""

    text: str = Field(min_length=1, max_length=4000)
    step: int | None = None


class CheckpointRecord(Record):
    """A committed checkpoint of a run."""

    name: str
    step: int
    epoch: float | None = None
    size_bytes: int
    saved_at: float
    metrics: dict[str, Number | None] = {}
    best: bool = False
    kept: bool = False  # protected from pruning by a person
    present: bool = True
    verified: bool | None = None


class LogLine(Record):
    """A line of the log tab."""

    number: int
    time: float | None = None
    level: str
    text: str


class LogPage(Record):
    """GET /runs/{id}/log."""

    lines: tuple[LogLine, ...]
    total: int
    first_error: int | None = None


class SeriesData(Record):
    """One metric, thinned so that every extreme is kept."""

    steps: tuple[int, ...]
    times: tuple[float, ...]
    epochs: tuple[float | None, ...] = ()
    values: tuple[Number | None, ...]
    count: int  # points in the window before thinning


class SeriesReply(Record):
    """GET /runs/{id}/series."""

    run_id: str
    series: dict[str, SeriesData]
    next_event: int  # feed id up to which these points reach


class Finding(Record):
    """What diagnosis says: cause, evidence, fix, expected gain."""

    code: str
    severity: str  # info, warn, bad
    title: str
    text: str
    shares: dict[str, float] = {}  # share of step time: data, forward, backward, optimizer, other
    fix: str | None = None
    gain: str | None = None
    settings: dict[str, Any] = {}
    apply: Literal["", "live", "fork", "clone"] = ""  # how the settings can be had: at the next checkpoint, in a fork …
    checkpoint: str | None = None  # of a fork: the newest one that was good
    checkpoint_step: int | None = None
    evidence: Data = {}


class Diagnosis(Record):
    """GET /runs/{id}/diagnosis: the most useful finding first."""

    findings: tuple[Finding, ...] = ()
    text: str = ""  # when there is no finding
    shares: dict[str, float] = {}


# ---- models ------------------------------------------------------------------------------------------------


class FileRecord(Record):
    """A file of a version."""

    path: str
    size_bytes: int
    sha256: str


class VersionRecord(Record):
    """A registered version: immutable but for aliases and notes."""

    model: str
    version: int
    run_id: str
    run_name: str = ""
    task: str = ""
    recipe: str = ""
    metrics: dict[str, Number | None] = {}
    aliases: tuple[str, ...] = ()  # champion, previous
    created_at: float = 0.0
    created_by: str = ""
    path: str = ""
    size_bytes: int = 0
    manifest_sha256: str = ""
    files: tuple[FileRecord, ...] = ()
    dataset_id: str | None = None
    dataset_name: str | None = None
    dataset_sha256: str | None = None
    base_model: str | None = None
    settings: dict[str, Any] = {}
    environment: dict[str, Any] = {}
    commit: str | None = None
    labels: tuple[str, ...] = ()
    signature: dict[str, Any] = {}
    evaluation: Annotated[Data, numbers_at("values", "per_class")] = {}  # the test (or validation) Evaluation
    note: str = ""
    card: str = ""
    first_served_at: float | None = None
    last_served_at: float | None = None
    served_seconds: float = 0.0
    deleted: bool = False


class ModelRecord(Record):
    """A name under which versions line up."""

    name: str
    task: str
    labels: tuple[str, ...] = ()
    versions: tuple[VersionRecord, ...] = ()  # newest first
    champion: int | None = None
    previous: int | None = None
    endpoints: tuple[str, ...] = ()
    created_at: float = 0.0


class RegisterVersion(Request):
    """POST /models."""

    run_id: str
    name: str = Field(min_length=1, max_length=200)
    note: str = ""


class Promote(Request):
    """POST /models/{name}/promote."""

    version: int
    endpoint: str | None = None
    reason: str = Field(min_length=1, max_length=4000)


class RollBack(Request):
    """POST /models/{name}/rollback: to `version`, or to the previous one."""

    version: int | None = None
    endpoint: str | None = None
    reason: str = Field(min_length=1, max_length=4000)


class Change(Record):
    """One before → after row of a confirm sheet."""

    what: str
    before: str
    after: str
    icon: str = ""


class PromotionPlan(Record):
    """GET /models/{name}/plan?version=&kind=promote|rollback: exactly what would change, and the evidence."""

    kind: str
    model: str
    version: int
    changes: tuple[Change, ...]
    evidence: tuple[Data, ...] = ()  # {"ok": bool|None, "text", "detail"}
    warnings: tuple[dict[str, Any], ...] = ()  # {"text", "detail"}; a warning asks for a reason
    blocked: str | None = None
    seconds: float | None = None


class HistoryEntry(Record):
    """One line of a model's history."""

    time: float
    actor: str
    action: str  # register, promote, rollback, undo, note, delete
    from_version: int | None = None
    to_version: int | None = None
    reason: str = ""
    result: str = "done"
    seconds: float | None = None


# ---- endpoints ---------------------------------------------------------------------------------------------


class EndpointRecord(Record):
    """A live address."""

    name: str
    url: str = ""
    key: str = ""
    state: str = "starting"
    model: str | None = None
    live_version: int | None = None
    standby_version: int | None = None
    port: int | None = None
    job_id: str = ""
    pid: int | None = None
    created_at: float = 0.0
    serving_since: float | None = None
    restarts: int = 0
    text: str = ""
    stats: dict[str, Number | None] = {}  # serve/requests_per_s, serve/latency_ms_p50 … of the last minute
    engines: tuple[dict[str, Any], ...] = ()  # {"version", "state", "pid", "memory_bytes"}
    limits: dict[str, Any] = {}  # max_batch, max_wait_ms, queue, max_tokens, slo_p99_ms …
    spark: tuple[Number | None, ...] = ()  # p95 of the last hour


class CreateEndpoint(Request):
    """POST /endpoints."""

    name: str = Field(min_length=1, max_length=100)
    model: str
    version: int | None = None  # champion, else the newest
    port: int | None = Field(None, ge=1024, le=65535)
    max_batch: int | None = Field(None, ge=1, le=1024)
    max_wait_ms: float | None = Field(None, ge=0, le=1000)
    queue: int | None = Field(None, ge=1, le=100_000)
    load_timeout_s: float | None = Field(None, ge=10, le=3600)
    slo_p99_ms: float | None = Field(None, gt=0)


class TryPredict(Request):
    """POST /endpoints/{name}/predict: the playground; the daemon forwards to the endpoint with its key."""

    inputs: tuple[Any, ...]
    explain: bool = False
    version: int | None = None


# ---- alerts, rules, drift ----------------------------------------------------------------------------------


class AlertRecord(Record):
    """Something that wants a person."""

    id: str
    endpoint: str | None = None
    kind: str  # input_drift, prediction_drift, latency, errors, gpu, disk, run …
    state: str = "open"
    severity: str = "warn"
    title: str = ""
    text: str = ""
    opened_at: float = 0.0
    seen_at: float = 0.0  # last time the cause was seen
    count: int = 1  # checks in a row
    evidence: Annotated[Data, numbers_at("value", "limit")] = {}
    model: str | None = None
    version: int | None = None
    run_id: str | None = None
    feature: str | None = None
    acknowledged_at: float | None = None
    acknowledged_by: str | None = None
    snoozed_until: float | None = None
    resolved_at: float | None = None
    note: str = ""


class ChangeAlert(Request):
    """POST /alerts/{id}/acknowledge|snooze|resolve|reopen."""

    note: str = ""
    until: float | None = None


class FeatureDrift(Record):
    """One feature of an endpoint's traffic against the reference of the live version."""

    feature: str  # text_length, unknown_share, predicted_label, confidence
    unit: str = ""
    psi: float | None = None
    js: float | None = None
    limit: float = 0.2
    state: Literal["ok", "warn", "bad", "not_enough_data"] = "not_enough_data"
    reference: tuple[float, ...] = ()  # shares
    current: tuple[float, ...] = ()
    edges: tuple[float, ...] = ()  # of numeric bins
    names: tuple[str, ...] = ()  # of categories
    history_times: tuple[float, ...] = ()
    history_psi: tuple[float | None, ...] = ()


class DriftReport(Record):
    """GET /drift/{endpoint}."""

    endpoint: str
    model: str | None = None
    version: int | None = None
    checked_at: float | None = None
    window_seconds: float = 0.0
    window_items: int = 0
    minimum_items: int = 0
    features: tuple[FeatureDrift, ...] = ()
    alerts: tuple[str, ...] = ()
    text: str = ""


class Rule(Record):
    """What opens an alert. `test` says what `limit` means:

    limit     the metric is above (or, with above=False, below) `limit` for `for_seconds`
    stalled   a running run made no step for `limit` × its median, and for `for_seconds` at least
    idle      the card of a running run is busy less than `limit` percent for `for_seconds`
    forecast  at the rate of now the disk is full before a running run ends
    """

    id: str
    kind: str
    metric: str = ""
    limit: float = 0.0
    for_seconds: float = 60.0
    severity: str = "warn"
    enabled: bool = True
    endpoint: str | None = None
    name: str = ""  # a person's words for it
    test: Literal["limit", "stalled", "idle", "forecast"] = "limit"
    above: bool = True
    own: bool = False  # made by a person: can be removed


class DiskForecast(Record):
    """Where the disk of the home folder goes at the rate of now; None: not known (yet)."""

    free_bytes: int | None = None  # above the reserve that is never written to
    growth_bytes_per_s: float | None = None  # over the last quarter of an hour; below 0: it empties
    full_in_s: float | None = None  # None also when it does not grow
    run_id: str | None = None  # of the running runs, the one with the most to do
    run_name: str = ""
    run_needs_s: float | None = None


class RulePreview(Record):
    """POST /rules/preview: how often a rule would have opened an alert; of a forecast, what it says now."""

    count: int | None  # None: cannot be told from what is kept
    days: float  # how much history there is, at most as much as was asked for
    times: tuple[float, ...] = ()  # the last ones
    text: str = ""
    forecast: DiskForecast | None = None  # only of a rule with test "forecast"


# ---- telemetry ---------------------------------------------------------------------------------------------


class GpuProcess(Record):
    """A process on a card."""

    pid: int
    name: str = ""
    memory_bytes: int | None = None
    owner: str | None = None  # "run/<id>" or "endpoint/<name>" when it is ours


class MigSlice(Record):
    """One MIG slice of a card at one moment; None: the driver cannot tell. `index` counts the slices of the card."""

    index: int
    uuid: str | None = None
    name: str = ""  # its profile, such as 1g.10gb
    gpu_instance: int | None = None
    compute_instance: int | None = None
    utilization_percent: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    processes: tuple[GpuProcess, ...] = ()


class GpuReading(Record):
    """One card at one moment; None: this card or driver cannot tell."""

    index: int
    uuid: str | None = None
    name: str = ""
    vendor: str = "nvidia"
    lost: str | None = None  # why it stopped answering
    utilization_percent: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    power_limit_min_w: float | None = None  # what the card takes as a limit; None: it takes none
    power_limit_max_w: float | None = None
    fan_percent: float | None = None
    sm_clock_mhz: float | None = None
    sm_clock_max_mhz: float | None = None  # the highest this card can run
    memory_clock_mhz: float | None = None
    pcie_rx_bytes_per_s: float | None = None
    pcie_tx_bytes_per_s: float | None = None
    throttle_reasons: tuple[str, ...] | None = None
    ecc_uncorrected: int | None = None  # since the driver was loaded
    xid: int | None = None  # the newest critical error the driver told since the sensor started
    processes: tuple[GpuProcess, ...] = ()
    slices: tuple[MigSlice, ...] = ()


class PowerLimit(Record):
    """The power limit of a card, in watts, as its driver tells it; None: the driver does not say."""

    limit_w: float | None = None  # as set; what is enforced may be lower
    min_w: float | None = None
    max_w: float | None = None
    default_w: float | None = None
    command: str = ""  # what an administrator may type instead, with the watts behind it
    needs: str = ""  # what this user lacks to set it; empty when nothing is known to be missing


class HostReading(Record):
    """The machine at one moment."""

    cpu_percent: float | None = None
    cpu_count: int | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    disk_used_bytes: int | None = None
    disk_total_bytes: int | None = None
    disk_read_bytes_per_s: float | None = None
    disk_write_bytes_per_s: float | None = None
    net_in_bytes_per_s: float | None = None
    net_out_bytes_per_s: float | None = None


class TelemetrySample(Record):
    """What the sensor says each second."""

    taken_at: float
    gpus: tuple[GpuReading, ...] = ()
    host: HostReading = HostReading()
    gpu_problem: str | None = None  # why there is no card: no driver, no permission, hang, crash
    sensor_restarts: int = 0


class TelemetryHistory(Record):
    """GET /telemetry/history?seconds=&points= or ?from=&to=: flat names as in DESIGN section 5 → means, one time axis
    for all; `lows` and `highs` are the extremes of each step. `oldest` is when the whole history begins."""

    times: tuple[float, ...]
    values: dict[str, tuple[float | None, ...]]
    lows: dict[str, tuple[float | None, ...]] = {}
    highs: dict[str, tuple[float | None, ...]] = {}
    step_seconds: float = 0.0  # how finely it is kept; 0: every reading
    oldest: float | None = None


class CommandText(Record):
    """GET /telemetry/text: a command and what it printed."""

    command: str
    text: str


# ---- audit, settings ---------------------------------------------------------------------------------------


class AuditRecord(Record):
    """One link of the audit chain; hash covers every field and the previous hash."""

    seq: int
    time: float
    actor: str
    client: str = ""
    action: str
    object: str
    before: str = ""
    after: str = ""
    reason: str = ""
    result: str = "done"  # intent, done, aborted
    details: Data = {}
    hash: str = ""
    previous_hash: str = ""


class BackendSettings(Record):
    """GET /settings: what the daemon keeps; PATCH changes single keys."""

    telemetry_hz: float = Field(1.0, ge=0.5, le=10)
    drift_window_seconds: float = Field(120.0, ge=5)
    drift_minimum_items: int = Field(100, ge=10)
    drift_psi_limit: float = Field(0.2, gt=0)
    drift_check_seconds: float = Field(5.0, ge=0.2)
    reserve_disk_bytes: int = Field(1_000_000_000, ge=0)
    runs_at_once: int = Field(1, ge=1, le=16)
    webhook_url: str = Field("", max_length=500)  # empty: nothing leaves this machine
    webhook_severity: Literal["info", "warn", "bad"] = "bad"  # from here on
    quiet_from: str = Field("", pattern=r"^(|([01]\d|2[0-3]):[0-5]\d)$")  # local time; equal or empty: never quiet
    quiet_to: str = Field("", pattern=r"^(|([01]\d|2[0-3]):[0-5]\d)$")
    mirror: bool = True
    energy_price: float = Field(0.0, ge=0, le=1e6)  # per kWh; 0: costs are not shown
    currency: str = Field("€", max_length=8)
    endpoint_max_batch: int = Field(32, ge=1, le=1024)  # what an endpoint gets that is made without its own
    endpoint_max_wait_ms: float = Field(2.0, ge=0, le=1000)
    endpoint_queue: int = Field(256, ge=1, le=100_000)
    endpoint_slo_p99_ms: float = Field(0.0, ge=0, le=600_000)  # 0: no limit
    endpoint_load_timeout_s: float = Field(300.0, ge=10, le=3600)  # verify, load, warm up and golden check together


class ChangeSettings(Request):
    """PATCH /settings."""

    values: dict[str, Any]


SystemStatus.model_rebuild()
