"""Endpoints and the windows of requests they report."""

from typing import Any

from sqlalchemy import delete, insert, select, update

from backend.contract.errors import Conflict, NotFound
from backend.contract.events import RequestWindow
from backend.contract.resources import EndpointRecord, TelemetryHistory
from backend.store.buckets import history
from backend.store.documents import changed, from_body, to_body, to_data
from backend.store.engine import Database
from backend.store.feed import Feed
from backend.store.tables import ENDPOINTS, WINDOWS

KEEP_WINDOWS_S = 7 * 86_400.0
_PRUNE_EVERY = 500


class Endpoints:
    """Rows of endpoints. Every change is published under topic endpoints."""

    def __init__(self, database: Database, feed: Feed) -> None:
        self._database = database
        self._feed = feed
        self._since_prune = _PRUNE_EVERY

    def add(self, endpoint: EndpointRecord) -> EndpointRecord:
        """Store a new endpoint; Conflict when the name is taken."""
        with self._database.writing() as connection:
            if connection.scalar(select(ENDPOINTS.c.name).where(ENDPOINTS.c.name == endpoint.name)) is not None:
                raise Conflict(f"There is an endpoint {endpoint.name} already.")
            connection.execute(insert(ENDPOINTS), _row(endpoint))
            self._feed.publish("endpoints", "changed", endpoint)
        return endpoint

    def get(self, name: str) -> EndpointRecord | None:
        """The endpoint, or None."""
        with self._database.reading() as connection:
            body = connection.scalar(select(ENDPOINTS.c.body).where(ENDPOINTS.c.name == name))
        return from_body(EndpointRecord, body) if body else None

    def of_job(self, job_id: str) -> EndpointRecord | None:
        """The endpoint whose job this is, or None."""
        with self._database.reading() as connection:
            body = connection.scalar(select(ENDPOINTS.c.body).where(ENDPOINTS.c.job_id == job_id))
        return from_body(EndpointRecord, body) if body else None

    def all(self) -> list[EndpointRecord]:
        """Every endpoint by name."""
        with self._database.reading() as connection:
            bodies = connection.scalars(select(ENDPOINTS.c.body).order_by(ENDPOINTS.c.name)).all()
        return [from_body(EndpointRecord, body) for body in bodies]

    def change(self, name: str, *, publish: bool = True, **fields: Any) -> EndpointRecord:
        """Set fields; nothing is published when nothing changes. NotFound for an unknown endpoint."""
        with self._database.writing() as connection:
            before = self.get(name)
            if before is None:
                raise NotFound(f"There is no endpoint {name}.")
            after = changed(before, fields)
            if after != before:
                connection.execute(update(ENDPOINTS).where(ENDPOINTS.c.name == name), _row(after))
                if publish:
                    self._feed.publish("endpoints", "changed", after)
        return after

    def remove(self, name: str) -> None:
        """Forget an endpoint and its windows; NotFound when there is none."""
        with self._database.writing() as connection:
            if not connection.execute(delete(ENDPOINTS).where(ENDPOINTS.c.name == name)).rowcount:
                raise NotFound(f"There is no endpoint {name}.")
            self._feed.publish("endpoints", "removed", {"name": name})

    # ---- windows -----------------------------------------------------------------------------------------------------

    def add_window(self, name: str, time: float, window: RequestWindow) -> None:
        """Store a window that ended at `time`; published under serving. Kept for seven days of this endpoint's own
        times."""
        row = {"endpoint": name, "time": time, "version": window.version, "body": to_body(window)}
        with self._database.writing() as connection:
            connection.execute(insert(WINDOWS), row)
            self._feed.publish("serving", "window", {**to_data(window), "endpoint": name, "time": time})
            self._since_prune += 1
            if self._since_prune >= _PRUNE_EVERY:
                self._since_prune = 0
                self._prune(connection, name)

    def _prune(self, connection: Any, name: str) -> None:
        # Measured from the newest window, not from the clock: a clock that jumps a year must not delete anything.
        newest = select(WINDOWS.c.id).where(WINDOWS.c.endpoint == name).order_by(WINDOWS.c.id.desc()).limit(1)
        row = connection.execute(
            select(WINDOWS.c.id, WINDOWS.c.time).where(WINDOWS.c.id == newest.scalar_subquery())
        ).one()
        steady = (
            select(WINDOWS.c.time).where(WINDOWS.c.endpoint == name).order_by(WINDOWS.c.id.desc()).offset(100).limit(1)
        )
        earlier = connection.scalar(steady)
        limit = min(row.time, row.time if earlier is None else earlier) - KEEP_WINDOWS_S
        connection.execute(delete(WINDOWS).where(WINDOWS.c.endpoint == name, WINDOWS.c.time < limit))

    def windows(self, name: str, since: float, version: int | None = None) -> list[RequestWindow]:
        """Windows that ended after `since`, oldest first."""
        return [window for _, window in self.timed_windows(name, since, version)]

    def timed_windows(self, name: str, since: float, version: int | None = None) -> list[tuple[float, RequestWindow]]:
        """As windows(), each with its time."""
        query = select(WINDOWS.c.time, WINDOWS.c.body).where(WINDOWS.c.endpoint == name, WINDOWS.c.time > since)
        if version is not None:
            query = query.where(WINDOWS.c.version == version)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(WINDOWS.c.time, WINDOWS.c.id)).all()
        return [(row.time, from_body(RequestWindow, row.body)) for row in rows]

    def history(self, name: str, seconds: float, points: int = 300) -> TelemetryHistory:
        """serve/* of the last `seconds` before now in at most `points` steps: rates are means, latencies the worst of
        a step."""
        now = self._database.clock.now()
        rows = self.timed_windows(name, now - seconds)
        return history([(time, _values(window)) for time, window in rows], now - seconds, now, points, worst=_WORST)


_WORST = ("serve/latency_ms_p50", "serve/latency_ms_p95", "serve/latency_ms_p99", "serve/queue_depth")


def _values(window: RequestWindow) -> dict[str, float | None]:
    seconds = window.seconds or 1.0
    return {
        "serve/requests_per_s": window.requests / seconds,
        "serve/items_per_s": window.items / seconds,
        "serve/errors_per_s": window.errors / seconds,
        "serve/rejected_per_s": window.rejected / seconds,
        "serve/latency_ms_p50": window.latency_ms_p50,
        "serve/latency_ms_p95": window.latency_ms_p95,
        "serve/latency_ms_p99": window.latency_ms_p99,
        "serve/queue_depth": window.queue_depth,
        "serve/batch_size": window.batch_size,
    }


def _row(endpoint: EndpointRecord) -> dict[str, Any]:
    return {
        "name": endpoint.name,
        "job_id": endpoint.job_id,
        "model": endpoint.model,
        "created_at": endpoint.created_at,
        "body": to_body(endpoint),
    }
