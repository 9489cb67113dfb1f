"""Alerts, and what drift checks found."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    cast,
    delete,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)

from backend.contract.errors import Conflict, NotFound
from backend.contract.resources import AlertRecord, DriftReport
from backend.contract.states import AlertState
from backend.store.documents import changed, from_body, to_body
from backend.store.engine import Database
from backend.store.feed import Feed
from backend.store.tables import ALERTS, DRIFT, DRIFT_POINTS

RAW_S = 86_400.0
COARSE = 300
COARSE_S = 30 * 86_400.0
_PRUNE_EVERY = 1_000  # checks
_STEADY = 500  # points that must agree on the time before anything is deleted

ACTIVE = (AlertState.OPEN, AlertState.ACKNOWLEDGED, AlertState.SNOOZED)


class Alerts:
    """Rows of alerts. Every change is published under topic alerts."""

    def __init__(self, database: Database, feed: Feed) -> None:
        self._database = database
        self._feed = feed

    def open(self, alert: AlertRecord) -> AlertRecord:
        """Store a new alert; Conflict when the id is taken."""
        with self._database.writing() as connection:
            if connection.scalar(select(ALERTS.c.id).where(ALERTS.c.id == alert.id)) is not None:
                raise Conflict(f"There is an alert {alert.id} already.")
            connection.execute(insert(ALERTS), _row(alert))
            self._feed.publish("alerts", "changed", alert)
        return alert

    def get(self, alert_id: str) -> AlertRecord | None:
        """The alert, or None."""
        with self._database.reading() as connection:
            body = connection.scalar(select(ALERTS.c.body).where(ALERTS.c.id == alert_id))
        return from_body(AlertRecord, body) if body else None

    def all(self, states: Iterable[str] | None = None) -> list[AlertRecord]:
        """Alerts in these states (None: any), newest first."""
        query = select(ALERTS.c.body).order_by(ALERTS.c.opened_at.desc(), ALERTS.c.id)
        if states is not None:
            query = query.where(ALERTS.c.state.in_(tuple(str(state) for state in states)))
        with self._database.reading() as connection:
            return [from_body(AlertRecord, body) for body in connection.scalars(query)]

    def find_active(self, kind: str, endpoint: str | None = None, feature: str | None = None) -> AlertRecord | None:
        """The unresolved alert of this cause, or None."""
        query = select(ALERTS.c.body).where(
            ALERTS.c.kind == kind,
            ALERTS.c.endpoint.is_not_distinct_from(endpoint),
            ALERTS.c.feature.is_not_distinct_from(feature),
            ALERTS.c.state.in_(ACTIVE),
        )
        with self._database.reading() as connection:
            body = connection.scalar(query.order_by(ALERTS.c.opened_at.desc()).limit(1))
        return from_body(AlertRecord, body) if body else None

    def change(self, alert_id: str, **fields: Any) -> AlertRecord:
        """Set fields; NotFound for an unknown alert."""
        with self._database.writing() as connection:
            before = self.get(alert_id)
            if before is None:
                raise NotFound(f"There is no alert {alert_id}.")
            after = changed(before, fields)
            connection.execute(update(ALERTS).where(ALERTS.c.id == alert_id), _row(after))
            self._feed.publish("alerts", "changed", after)
        return after


class Drift:
    """The newest report of each endpoint, and the history of every feature: every point for a day, one in five
    minutes for thirty."""

    def __init__(self, database: Database, feed: Feed) -> None:
        self._database = database
        self._feed = feed
        self._since_prune = 0

    def add(self, report: DriftReport) -> None:
        """Store a report; published under drift. Its psi and js become points of the history."""
        time = report.checked_at if report.checked_at is not None else self._database.clock.now()
        with self._database.writing() as connection:
            row = {"endpoint": report.endpoint, "checked_at": time, "body": to_body(report)}
            connection.execute(insert(DRIFT).prefix_with("OR REPLACE"), row)
            points = [
                {
                    "endpoint": report.endpoint,
                    "feature": feature.feature,
                    "time": time,
                    "psi": feature.psi,
                    "js": feature.js,
                }
                for feature in report.features
                if feature.psi is not None
            ]
            if points:
                connection.execute(insert(DRIFT_POINTS).prefix_with("OR REPLACE"), points)
            self._since_prune += 1
            if self._since_prune >= _PRUNE_EVERY:
                self._since_prune = 0
                _thin(connection, report.endpoint)
            self._feed.publish("drift", "checked", report)

    def latest(self, endpoint: str) -> DriftReport | None:
        """The newest report, or None."""
        with self._database.reading() as connection:
            body = connection.scalar(select(DRIFT.c.body).where(DRIFT.c.endpoint == endpoint))
        return from_body(DriftReport, body) if body else None

    def all(self) -> list[DriftReport]:
        """The newest report of every endpoint."""
        with self._database.reading() as connection:
            return [
                from_body(DriftReport, body)
                for body in connection.scalars(select(DRIFT.c.body).order_by(DRIFT.c.endpoint))
            ]

    def history(self, endpoint: str, feature: str, since: float = 0.0) -> list[tuple[float, float | None]]:
        """(time, psi) after `since`, oldest first."""
        point = DRIFT_POINTS.c
        query = select(point.time, point.psi).where(
            point.endpoint == endpoint, point.feature == feature, point.time > since
        )
        with self._database.reading() as connection:
            return [(row.time, row.psi) for row in connection.execute(query.order_by(point.time))]

    def forget(self, endpoint: str) -> None:
        """Delete everything about an endpoint that is gone."""
        with self._database.writing() as connection:
            connection.execute(delete(DRIFT).where(DRIFT.c.endpoint == endpoint))
            connection.execute(delete(DRIFT_POINTS).where(DRIFT_POINTS.c.endpoint == endpoint))


def _thin(connection: Connection, endpoint: str) -> None:
    """Delete points older than thirty days, and older than a day all but the first of each five minutes."""
    point = DRIFT_POINTS.c
    mine = point.endpoint == endpoint
    order: ColumnElement[int] = literal_column("drift_points.rowid", Integer).desc()
    recent = [
        connection.scalar(select(point.time).where(mine).order_by(order).offset(place).limit(1))
        for place in (0, _STEADY)
    ]
    times = [time for time in recent if time is not None]
    if len(times) < len(recent):
        return
    # Measured from what was stored, not from the clock: a clock that jumps a year must not delete anything.
    newest = min(times)
    slot = cast(point.time / COARSE, Integer)
    first = select(point.feature, func.min(point.time)).where(mine, point.time < newest - RAW_S)
    connection.execute(delete(DRIFT_POINTS).where(mine, point.time < newest - COARSE_S))
    connection.execute(
        delete(DRIFT_POINTS).where(
            mine,
            point.time < newest - RAW_S,
            tuple_(point.feature, point.time).not_in(first.group_by(point.feature, slot)),
        )
    )


def _row(alert: AlertRecord) -> dict[str, Any]:
    return {
        "id": alert.id,
        "kind": alert.kind,
        "endpoint": alert.endpoint,
        "feature": alert.feature,
        "state": str(alert.state),
        "opened_at": alert.opened_at,
        "body": to_body(alert),
    }
