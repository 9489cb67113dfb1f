"""The lines of a gateway → its endpoint: routing, engines, request windows, the figures of the last minute."""

from typing import Any

from backend.contract.events import CommandDone, Ended, EngineChanged, RequestWindow, Served, Started
from backend.contract.resources import EndpointRecord
from backend.contract.states import EndpointState
from backend.jobs.log import Line
from backend.store import Store

MINUTE_S = 60.0
SPARK_MINUTES = 60


class EndpointLines:
    """One read of one gateway's log. `state` remembers the last minute's windows and the worst p95 of each minute of
    an hour."""

    def __init__(self, store: Store, endpoint: EndpointRecord, state: dict[str, Any]) -> None:
        self._store = store
        self._endpoint = endpoint
        self._state = state
        self._fields: dict[str, Any] = {}

    def take(self, line: Line) -> None:
        """Account for one line; ValueError for one that does not say what its kind promises."""
        handler = _HANDLERS.get(line.kind)
        if handler is not None:
            handler(self, line)

    def _started(self, line: Line) -> None:
        event = Started.model_validate(line.fields)
        self._state["told_damage"] = False
        self._fields |= {"pid": event.pid, "engines": ()}

    def _engine(self, line: Line) -> None:
        event = EngineChanged.model_validate(line.fields)
        engines = [
            engine
            for engine in self._fields.get("engines", self._endpoint.engines)
            if engine["version"] != event.version
        ]
        if event.state not in ("stopped", "unloaded"):
            engine = {
                "version": event.version,
                "model": event.model,
                "state": event.state,
                "pid": event.pid,
                "text": event.text,
            }
            engines.append({**engine, "since": line.time, "seconds": event.seconds, "memory_bytes": event.memory_bytes})
        self._fields["engines"] = tuple(sorted(engines, key=lambda engine: -engine["version"]))
        if event.text and event.state in ("failed", "died"):
            self._fields["text"] = event.text

    def _served(self, line: Line) -> None:
        event = Served.model_validate(line.fields)
        new = EndpointState(event.state)
        before = self._fields.get("state", self._endpoint.state)
        live = self._fields.get("live_version", self._endpoint.live_version)
        self._fields |= {
            "live_version": event.live_version,
            "standby_version": event.standby_version,
            "port": event.port,
            "url": f"http://127.0.0.1:{event.port}",
            "state": new,
        }
        if event.model is not None:
            self._fields["model"] = event.model
        if new == EndpointState.SERVING:
            self._fields["text"] = ""
            if before not in (EndpointState.SERVING, EndpointState.DEGRADED) or live is None:
                self._fields["serving_since"] = line.time

    def _window(self, line: Line) -> None:
        window = RequestWindow.model_validate(line.fields)
        self._store.endpoints.add_window(self._endpoint.name, line.time, window)
        recent = [*self._state.get("recent", ()), _short(line.time, window)]
        self._state["recent"] = [entry for entry in recent if entry["time"] > line.time - MINUTE_S]
        self._minutes(line.time, window)
        self._fields["stats"] = _stats(self._state["recent"])

    def _minutes(self, time: float, window: RequestWindow) -> None:
        minute = int(time // 60)
        minutes = {int(entry[0]): entry[1] for entry in self._state.get("minutes", ())}
        worst = [value for value in (minutes.get(minute), window.latency_ms_p95) if value is not None]
        minutes[minute] = max(worst, default=None)
        newest = sorted(minutes)[-SPARK_MINUTES:]
        self._state["minutes"] = [[at, minutes[at]] for at in newest if at > minute - SPARK_MINUTES]
        self._fields["spark"] = tuple(entry[1] for entry in self._state["minutes"])

    def _ended(self, line: Line) -> None:
        event = Ended.model_validate(line.fields)
        self._fields |= {"pid": None, "engines": (), "stats": {}}
        self._state["recent"] = []
        if event.text:
            self._fields["text"] = event.text

    def _command_done(self, line: Line) -> None:
        CommandDone.model_validate(line.fields)

    def finish(self, damaged: int) -> bool:
        """Write the row and publish it when it changed."""
        if self._endpoint.state in (EndpointState.STOPPED, EndpointState.FAILED):
            self._fields.pop("state", None)  # said before it was stopped, or before it was given up
        if self._fields:
            self._endpoint = self._store.endpoints.change(self._endpoint.name, **self._fields)
        if damaged and not self._state.get("told_damage"):
            self._state["told_damage"] = True
            text = f"{self._endpoint.name}: {damaged} damaged lines of its log were set aside; everything else was read"
            self._store.publish("system", "notice", {"text": text, "severity": "warn"})
        return False

    def publish(self) -> None:
        """finish() has published what changed."""


def _short(time: float, window: RequestWindow) -> dict[str, Any]:
    names = ("seconds", "requests", "items", "errors", "rejected", "queue_depth", "batch_size")
    latencies = ("latency_ms_p50", "latency_ms_p95", "latency_ms_p99")
    return {"time": time, **{name: getattr(window, name) for name in names + latencies}}


def _stats(recent: list[dict[str, Any]]) -> dict[str, float | None]:
    """The last minute: rates over its seconds; p50 and p95 as means over requests, p99 the worst window's."""
    seconds = sum(entry["seconds"] for entry in recent) or 1.0
    stats: dict[str, float | None] = {
        f"serve/{name}_per_s": sum(entry[name] for entry in recent) / seconds
        for name in ("requests", "items", "errors", "rejected")
    }
    for name in ("latency_ms_p50", "latency_ms_p95", "batch_size"):
        stats[f"serve/{name}"] = _mean(recent, name)
    worst = [entry["latency_ms_p99"] for entry in recent if entry["latency_ms_p99"] is not None]
    stats["serve/latency_ms_p99"] = max(worst, default=None)
    stats["serve/queue_depth"] = recent[-1]["queue_depth"] if recent else None
    return stats


def _mean(recent: list[dict[str, Any]], name: str) -> float | None:
    known = [(entry[name], max(entry["requests"], 1)) for entry in recent if entry[name] is not None]
    weight = sum(requests for _, requests in known)
    return sum(value * requests for value, requests in known) / weight if weight else None


_HANDLERS = {
    "started": EndpointLines._started,
    "engine": EndpointLines._engine,
    "served": EndpointLines._served,
    "request_window": EndpointLines._window,
    "ended": EndpointLines._ended,
    "command_done": EndpointLines._command_done,
}
"""Every kind of contract/events.py that a gateway says."""
