"""Topics and messages of the live feed (`GET /api/v1/feed?topics=runs,series`, server-sent events).

Each message: `id: <feed id>`, `event: <topic>`, `data: {"id","time","topic","kind","data"}`. The id grows by one for
every message stored; it survives a restart of the daemon. `Last-Event-ID: N` resumes after N; when N is older than what
is kept the first message is `event: reset` with a reason and the client reads afresh.
"""

from typing import Any

from backend.contract.base import Record

TOPICS: dict[str, str] = {
    "runs": "RunRecord under kind changed; {id} under kind removed",
    "series": "kind points: {run_id, points: [[key, step, time, epoch, value], …]} in the order logged",
    "run_events": "RunEvent under kind added",
    "log": "kind lines: {run_id, lines: [LogLine…]}",
    "telemetry": "TelemetrySample under kind sampled",
    "endpoints": "EndpointRecord under kind changed; {name} under kind removed",
    "serving": "RequestWindow plus endpoint and time under kind window",
    "models": "ModelRecord under kind changed",
    "datasets": "DatasetRecord under kind changed",
    "alerts": "AlertRecord under kind changed",
    "drift": "DriftReport under kind checked",
    "operations": "Operation under kind changed",
    "audit": "AuditRecord under kind added",
    "system": "SystemStatus under kind changed; {text, severity} under kind notice",
}


class FeedMessage(Record):
    """One message; id 0 means not stored (heartbeat, reset)."""

    id: int
    time: float
    topic: str
    kind: str
    data: dict[str, Any]
