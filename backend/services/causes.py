"""One alert per cause: opens, refreshes and resolves alerts so that the store says what the checks found, and no more.

An alert that a person resolved while its cause goes on is not opened again before the cause has been gone.
"""

import uuid
from dataclasses import dataclass, field
from typing import Any

from backend.clock import Clock
from backend.contract.resources import AlertRecord
from backend.contract.states import AlertState, Severity
from backend.services import webhook
from backend.store import Store

ACTIVE = (AlertState.OPEN, AlertState.ACKNOWLEDGED, AlertState.SNOOZED)

Key = tuple[str, str | None, str | None]
"""Family, endpoint, and what tells two causes of a family apart (metric or run id; None where there can be only
one)."""

DRIFT_KINDS = ("input_drift", "prediction_drift")


@dataclass(frozen=True)
class Cause:
    """What a check found. `feature` may change while the cause goes on; key and kind may not: what somebody has
    acknowledged as one thing does not become another under the same id."""

    key: Key
    kind: str
    title: str
    text: str
    severity: str = Severity.WARN
    feature: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    model: str | None = None
    version: int | None = None
    run_id: str | None = None


def key_of(alert: AlertRecord) -> Key:
    """The cause an alert belongs to."""
    if alert.kind in DRIFT_KINDS:
        return "drift", alert.endpoint, alert.kind
    if alert.kind == "rule":  # several rules may speak of one metric
        return "rule", alert.endpoint, alert.evidence.get("cause")
    return alert.kind, alert.endpoint, alert.run_id or alert.feature


class Causes:
    """Used by one thread. begin() once a tick, then hold() or gone() for each cause that was checked."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._active: dict[Key, AlertRecord] = {}
        self._opened: set[Key] = set()
        self._dismissed: set[Key] = set()

    def begin(self, *, reload: bool) -> None:
        """Wake the snoozed alerts whose time has come; `reload` when anybody may have changed an alert since."""
        if reload:
            self._active = {key_of(alert): alert for alert in reversed(self._store.alerts.all(ACTIVE))}
        now = self._clock.now()
        for key, alert in self._active.items():
            if alert.state == AlertState.SNOOZED and alert.snoozed_until is not None and alert.snoozed_until <= now:
                self._active[key] = self._store.alerts.change(alert.id, state=AlertState.OPEN, snoozed_until=None)

    def is_open(self, key: Key) -> bool:
        """Whether an active alert speaks of this cause."""
        return key in self._active

    def active(self, key: Key) -> AlertRecord | None:
        """The active alert of this cause, or None."""
        return self._active.get(key)

    def hold(self, cause: Cause) -> AlertRecord | None:
        """The cause is there: open its alert, or refresh it. None when a person has dismissed it."""
        alert = self._active.get(cause.key)
        if alert is not None:
            return self._refresh(alert, cause)
        if cause.key in self._opened:
            self._dismissed.add(cause.key)
        if cause.key in self._dismissed:
            return None
        return self._open(cause)

    def gone(self, key: Key, why: str) -> None:
        """The cause is not there (any more): resolve its alert."""
        alert = self._active.pop(key, None)
        self._opened.discard(key)
        self._dismissed.discard(key)
        if alert is not None:
            now = self._clock.now()
            self._store.alerts.change(alert.id, state=AlertState.RESOLVED, resolved_at=now, note=alert.note or why)

    def active_keys(self, family: str) -> list[Key]:
        """The keys of a family that have an active alert."""
        return [key for key in self._active if key[0] == family]

    def _open(self, cause: Cause) -> AlertRecord:
        now = self._clock.now()
        alert = AlertRecord(
            id=f"alert-{uuid.uuid4().hex[:12]}", opened_at=now, endpoint=cause.key[1], **_said(cause, now)
        )
        with self._store.transaction():
            self._active[cause.key] = self._store.alerts.open(alert)
            webhook.note_alert(self._store, alert)
        self._opened.add(cause.key)
        return alert

    def _refresh(self, alert: AlertRecord, cause: Cause) -> AlertRecord:
        """A new text or severity is published; a mere repetition only once a minute, so that a lasting cause is
        quiet."""
        said = _said(cause, self._clock.now())
        self._opened.add(cause.key)
        same = all(getattr(alert, name) == said[name] for name in ("kind", "text", "severity", "feature"))
        if same and self._clock.now() - alert.seen_at < 60:
            return alert
        self._active[cause.key] = self._store.alerts.change(alert.id, count=alert.count + 1, **said)
        return self._active[cause.key]


def _said(cause: Cause, now: float) -> dict[str, Any]:
    return {
        "kind": cause.kind,
        "title": cause.title,
        "text": cause.text,
        "severity": str(cause.severity),
        "feature": cause.feature,
        "evidence": cause.evidence,
        "model": cause.model,
        "version": cause.version,
        "run_id": cause.run_id,
        "seen_at": now,
    }
