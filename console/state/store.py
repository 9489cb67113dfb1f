"""The records as last heard. Snapshots replace whole tables, feed messages replace single records."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Any

from backend.contract.answers import items_of, readable, readable_items
from backend.contract.base import number_from_json
from backend.contract.events import RequestWindow
from backend.contract.resources import (
    AlertRecord,
    AuditRecord,
    BackendSettings,
    DatasetRecord,
    DriftReport,
    EndpointRecord,
    LogLine,
    ModelRecord,
    Operation,
    Rule,
    RunEvent,
    RunRecord,
    SystemStatus,
    TelemetrySample,
)
from backend.contract.states import LIVE_RUN_STATES, RunState
from console.state.changes import Changes

TELEMETRY_KEPT = 1800
"""Samples since the last time a history was read; what is older is asked of the backend."""
AUDIT_KEPT = 200


class AppState:
    """Read by every page; written only by load() and apply(). Unknown is None."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.loaded = False
        self.online = False
        self.stale_since: float | None = None
        self.mismatch: str | None = None
        self.retry: tuple[int, int] | None = None  # count, seconds until the next try
        self.restarting = False  # a person asked for it, and nothing was heard of the new one yet
        self.system: SystemStatus | None = None
        self.settings: BackendSettings | None = None
        self.runs: OrderedDict[str, RunRecord] = OrderedDict()
        self.datasets: OrderedDict[str, DatasetRecord] = OrderedDict()
        self.models: OrderedDict[str, ModelRecord] = OrderedDict()
        self.endpoints: OrderedDict[str, EndpointRecord] = OrderedDict()
        self.alerts: OrderedDict[str, AlertRecord] = OrderedDict()
        self.operations: OrderedDict[str, Operation] = OrderedDict()
        self.rules: OrderedDict[str, Rule] = OrderedDict()
        self.drift: dict[str, DriftReport] = {}
        self.audit: deque[AuditRecord] = deque(maxlen=AUDIT_KEPT)  # newest first
        self.recipes: list[dict[str, Any]] = []
        self.base_models: list[dict[str, Any]] = []
        self.telemetry: TelemetrySample | None = None
        self.telemetry_history: deque[TelemetrySample] = deque(maxlen=TELEMETRY_KEPT)
        self._handlers: dict[str, Callable[[dict[str, Any], dict[str, Any], Changes], None]] = {
            "runs": self._on_run,
            "series": self._on_series,
            "run_events": self._on_run_event,
            "log": self._on_log,
            "telemetry": self._on_telemetry,
            "endpoints": self._on_endpoint,
            "serving": self._on_window,
            "models": self._on_model,
            "datasets": self._on_dataset,
            "alerts": self._on_alert,
            "drift": self._on_drift,
            "operations": self._on_operation,
            "audit": self._on_audit,
            "system": self._on_system,
        }

    # ---- questions -----------------------------------------------------------------------------------------

    def live_runs(self) -> list[RunRecord]:
        """Runs that work now, longest first."""
        return [run for run in self.runs.values() if run.state in LIVE_RUN_STATES]

    def queued_runs(self) -> list[RunRecord]:
        """Waiting runs in the order of the queue."""
        waiting = [run for run in self.runs.values() if run.state == RunState.QUEUED]
        return sorted(waiting, key=lambda run: (run.queue_position or 10**9, run.created_at))

    def open_alerts(self) -> list[AlertRecord]:
        """Alerts nobody has handled, newest first."""
        return sorted((a for a in self.alerts.values() if a.state == "open"), key=lambda a: -a.opened_at)

    def endpoints_of(self, model: str) -> list[EndpointRecord]:
        """Where a model is served."""
        return [endpoint for endpoint in self.endpoints.values() if endpoint.model == model]

    def champion_name(self, model: str) -> str | None:
        """ "v3", or None when nothing is champion."""
        record = self.models.get(model)
        return f"v{record.champion}" if record and record.champion else None

    # ---- connection ----------------------------------------------------------------------------------------

    def connected(self) -> Changes:
        """The feed is open."""
        self.online, self.stale_since, self.retry, self.mismatch = True, None, None, None
        self.restarting = False
        return Changes(connection=True)

    def lost(self) -> Changes:
        """The backend does not answer; values stay, and say since when they are old."""
        if self.online or self.stale_since is None:
            self.stale_since = self._now()
        self.online = False
        return Changes(connection=True)

    # ---- filling -------------------------------------------------------------------------------------------

    def load(self, table: str, body: Any) -> Changes:
        """Replace a whole table with what GET /<table> returned; say what may look different now."""
        changes = Changes()
        if table == "system":
            self.system, changes.system = readable(SystemStatus, body) or self.system, True
        elif table == "settings":
            self.settings, changes.system = readable(BackendSettings, body) or self.settings, True
        elif table == "telemetry":
            self.telemetry = readable(TelemetrySample, body) if body and body.get("taken_at") else None
            changes.telemetry = True
        elif table in ("recipes", "base_models"):
            setattr(self, table, items_of(body))
            changes.system = True
        elif table == "audit":
            self.audit = deque(readable_items(AuditRecord, body), maxlen=AUDIT_KEPT)
            changes.audit = True
        else:
            self._load_records(table, body, changes)
        return changes

    def _load_records(self, table: str, body: Any, changes: Changes) -> None:
        model, key = _TABLES[table]
        records = OrderedDict((getattr(record, key), record) for record in readable_items(model, body))
        setattr(changes, table, set(records) | set(getattr(self, table)))
        setattr(self, table, records)

    def apply(self, messages: Iterable[dict[str, Any]]) -> Changes:
        """Take a batch of feed messages in order; say what changed. Topics of a newer backend are ignored."""
        changes = Changes()
        for message in messages:
            handler, data = self._handlers.get(message.get("topic", "")), message.get("data")
            if handler and isinstance(data, dict):
                handler(data, message, changes)
            changes.last_id = max(changes.last_id, message.get("id", 0))
        return changes

    # ---- one handler a topic -------------------------------------------------------------------------------

    def _on_run(self, data: dict[str, Any], message: dict[str, Any], changes: Changes) -> None:
        new = data.get("id") not in self.runs
        self._keep(self.runs, RunRecord, "id", data, message, changes.runs)
        if new and data.get("id") in self.runs:
            self.runs.move_to_end(data["id"], last=False)

    def _on_series(self, data: dict[str, Any], _message: dict[str, Any], changes: Changes) -> None:
        given = data.get("points", ())
        points = [(key, step, at, epoch, number_from_json(value)) for key, step, at, epoch, value, *_ in given]
        changes.points.setdefault(data.get("run_id", ""), []).extend(points)

    def _on_run_event(self, data: dict[str, Any], _message: dict[str, Any], changes: Changes) -> None:
        if (event := readable(RunEvent, data)) is not None:
            changes.run_events.setdefault(event.run_id, []).append(event)

    def _on_log(self, data: dict[str, Any], _message: dict[str, Any], changes: Changes) -> None:
        lines = readable_items(LogLine, data.get("lines"))
        changes.log.setdefault(data.get("run_id", ""), []).extend(lines)

    def _on_telemetry(self, data: dict[str, Any], _message: dict[str, Any], changes: Changes) -> None:
        if (sample := readable(TelemetrySample, data)) is not None:
            self.telemetry = sample
            self.telemetry_history.append(sample)
            changes.telemetry = True

    def _on_endpoint(self, data: dict[str, Any], message: dict[str, Any], changes: Changes) -> None:
        self._keep(self.endpoints, EndpointRecord, "name", data, message, changes.endpoints)

    def _on_window(self, data: dict[str, Any], message: dict[str, Any], changes: Changes) -> None:
        at, window = data.get("time") or message.get("time"), readable(RequestWindow, data)
        if at is not None and window is not None:
            changes.windows.setdefault(data.get("endpoint", ""), []).append((at, window))

    def _on_model(self, data: dict[str, Any], message: dict[str, Any], changes: Changes) -> None:
        self._keep(self.models, ModelRecord, "name", data, message, changes.models)

    def _on_dataset(self, data: dict[str, Any], message: dict[str, Any], changes: Changes) -> None:
        self._keep(self.datasets, DatasetRecord, "id", data, message, changes.datasets)

    def _on_alert(self, data: dict[str, Any], message: dict[str, Any], changes: Changes) -> None:
        self._keep(self.alerts, AlertRecord, "id", data, message, changes.alerts)

    def _on_operation(self, data: dict[str, Any], message: dict[str, Any], changes: Changes) -> None:
        self._keep(self.operations, Operation, "id", data, message, changes.operations)

    def _on_drift(self, data: dict[str, Any], _message: dict[str, Any], changes: Changes) -> None:
        if (report := readable(DriftReport, data)) is not None:
            self.drift[report.endpoint] = report
            changes.drift.add(report.endpoint)

    def _on_audit(self, data: dict[str, Any], _message: dict[str, Any], changes: Changes) -> None:
        if (record := readable(AuditRecord, data)) is not None:
            self.audit.appendleft(record)
            changes.audit = True
            if record.object.startswith("rule/"):
                changes.rules.add(record.object.removeprefix("rule/"))

    def _on_system(self, data: dict[str, Any], message: dict[str, Any], changes: Changes) -> None:
        if message.get("kind") == "changed":
            self.system = readable(SystemStatus, data) or self.system
        changes.system = True

    @staticmethod
    def _keep(
        table: OrderedDict[str, Any],
        model: Any,
        key: str,
        data: dict[str, Any],
        message: dict[str, Any],
        changed: set[str],
    ) -> None:
        """One record changed or is gone; one that cannot be read leaves what was known."""
        name = data.get(key)
        if not isinstance(name, str):
            return
        if message.get("kind") == "removed":
            table.pop(name, None)
        elif (record := readable(model, data)) is not None:
            table[name] = record
        changed.add(name)


_TABLES: dict[str, tuple[Any, str]] = {
    "runs": (RunRecord, "id"),
    "datasets": (DatasetRecord, "id"),
    "models": (ModelRecord, "name"),
    "endpoints": (EndpointRecord, "name"),
    "alerts": (AlertRecord, "id"),
    "operations": (Operation, "id"),
    "rules": (Rule, "id"),
    "drift": (DriftReport, "endpoint"),
}
