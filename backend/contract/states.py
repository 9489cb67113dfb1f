"""States of runs, endpoints and alerts, and which of them are final."""

from enum import StrEnum


class RunState(StrEnum):
    """queued → preparing → running ⇄ pausing/paused → stopping → one final state."""

    QUEUED = "queued"
    PREPARING = "preparing"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    STOPPING = "stopping"
    STOPPED = "stopped"
    COMPLETED = "completed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # host or runner died; resumable


FINAL_RUN_STATES = frozenset({RunState.STOPPED, RunState.COMPLETED, RunState.FAILED, RunState.INTERRUPTED})
LIVE_RUN_STATES = frozenset(RunState) - FINAL_RUN_STATES - {RunState.QUEUED}


class EndpointState(StrEnum):
    """What a client of the endpoint experiences."""

    STARTING = "starting"
    SERVING = "serving"
    DEGRADED = "degraded"  # answers, but an engine restarts or the queue is full
    STOPPED = "stopped"
    FAILED = "failed"


class AlertState(StrEnum):
    """An alert is opened by the system, handled by a person, resolved by the system or by hand."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"


class Severity(StrEnum):
    """bad is the only severity that may leave the window as a desktop notification."""

    INFO = "info"
    WARN = "warn"
    BAD = "bad"


class FailureCode(StrEnum):
    """Why a run failed; each code has one sentence of advice beside it."""

    OUT_OF_MEMORY = "out_of_memory"
    DATA = "data"
    NAN = "nan"
    SIGNAL = "signal"
    DISK_FULL = "disk_full"
    MISSING_FILE = "missing_file"
    BAD_MODEL = "bad_model"
    BAD_CHECKPOINT = "bad_checkpoint"
    SETTINGS = "settings"
    GPU_LOST = "gpu_lost"
    NO_RESULT = "no_result"  # exit 0 without a verified result
    RUNNER_LOST = "runner_lost"
    HOST_RESTARTED = "host_restarted"
    PROTOCOL = "protocol"
    ERROR = "error"  # an exception nobody named yet
