"""Drift of one endpoint: the last minutes of its live version against that version's reference profile, as a report
and a cause."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.clock import Clock
from backend.contract.resources import AlertRecord, BackendSettings, DriftReport, EndpointRecord
from backend.contract.states import Severity
from backend.drift.features import Compared, compare
from backend.drift.hysteresis import Gate
from backend.drift.profile import Profile, merge_windows
from backend.services.causes import DRIFT_KINDS, Cause, Causes, Key
from backend.store import Store

REPEAT_S = 60.0
"""A report that says the same as the last one is stored again only after this long."""

HISTORY_S = 6 * 3600.0

_TAKEN_OVER = {
    "input_drift": "Inputs drift too, which explains it; they have an alert of their own.",
    "prediction_drift": "Inputs look like the reference again; predictions have an alert of their own.",
}
"""Why the alert of the other kind ends when one of this kind begins."""


@dataclass
class _Watched:
    """What is remembered of an endpoint between checks; a new live version starts anew."""

    model: str
    version: int
    profile: Profile | None
    why_none: str
    gates: dict[str, Gate] = field(default_factory=dict)
    last: DriftReport | None = None


class DriftWatch:
    """Used by one thread. check() compares, stores the report and opens or resolves the alert of the endpoint."""

    def __init__(self, store: Store, clock: Clock, causes: Causes) -> None:
        self._store, self._clock, self._causes = store, clock, causes
        self._watched: dict[str, _Watched] = {}

    def check(self, endpoint: EndpointRecord, settings: BackendSettings) -> DriftReport | None:
        """One check; None for an endpoint without a live version."""
        if endpoint.model is None or endpoint.live_version is None:
            return None
        watched = self._watch(endpoint.name, endpoint.model, endpoint.live_version)
        since = self._clock.now() - settings.drift_window_seconds
        windows = self._store.endpoints.windows(endpoint.name, since, watched.version)
        current = merge_windows(window for window in windows if window.model == watched.model)
        compared = compare(
            watched.profile or {}, current, minimum=settings.drift_minimum_items, limit=settings.drift_psi_limit
        )
        drifted = [item for item in compared if self._gate(watched, endpoint.name, item, settings.drift_psi_limit)]
        if any(item.decision.over(settings.drift_psi_limit) for item in drifted):
            cause = _cause(endpoint, drifted, compared, current["items"], settings)
            self._gone(endpoint.name, _TAKEN_OVER[cause.kind], but=cause.key)
            self._causes.hold(cause)
        elif drifted:
            pass  # quiet, not yet for long enough, or too few texts: the alert keeps what it saw last
        elif any(item.decision.score is not None for item in compared):  # else nobody can say that it is gone
            self._gone(endpoint.name, "Traffic looks like the reference again.")
        report = self._report(endpoint, watched, current["items"], compared, settings)
        self._keep(watched, report)
        return report

    def _gone(self, name: str, why: str, but: Key | None = None) -> None:
        """Resolve the drift alerts of an endpoint, but not this one."""
        for key in _keys(name):
            if key != but:
                self._causes.gone(key, why)

    def _alerts(self, name: str) -> list[AlertRecord]:
        """The active drift alerts of an endpoint: none or one."""
        return [alert for key in _keys(name) if (alert := self._causes.active(key)) is not None]

    def forget_missing(self, names: set[str]) -> None:
        """Endpoints that are gone take their alerts with them."""
        for name in self._watched.keys() - names:
            del self._watched[name]
        for key in self._causes.active_keys("drift"):
            if key[1] not in names:
                self._causes.gone(key, "The endpoint was deleted.")

    def _watch(self, name: str, model: str, version: int) -> _Watched:
        watched = self._watched.get(name)
        if watched is not None and (watched.model, watched.version) == (model, version):
            return watched
        if any(alert.version != version for alert in self._alerts(name)):
            self._gone(name, f"v{version} is live now.")
        profile, why = _read_profile(self._store, model, version)
        self._watched[name] = _Watched(model, version, profile, why)
        return self._watched[name]

    def _gate(self, watched: _Watched, endpoint: str, item: Compared, limit: float) -> bool:
        """Feed the check to the feature's gate. After a restart the gates of an open alert's features start open."""
        name = item.feature.name
        if name not in watched.gates:
            known = any(name in alert.evidence.get("drifted", ()) for alert in self._alerts(endpoint))
            watched.gates[name] = Gate(is_open=known)
        decision = item.decision
        return watched.gates[name].see(over=decision.over(limit), quiet=decision.quiet(limit * 0.8))

    def _report(
        self,
        endpoint: EndpointRecord,
        watched: _Watched,
        items: int,
        compared: list[Compared],
        settings: BackendSettings,
    ) -> DriftReport:
        return DriftReport(
            endpoint=endpoint.name,
            model=watched.model,
            version=watched.version,
            checked_at=self._clock.now(),
            window_seconds=settings.drift_window_seconds,
            window_items=items,
            minimum_items=settings.drift_minimum_items,
            features=tuple(item.record for item in compared),
            alerts=tuple(alert.id for alert in self._alerts(endpoint.name)),
            text=_in_words(watched, items, compared, settings),
        )

    def _keep(self, watched: _Watched, report: DriftReport) -> None:
        last = watched.last
        if last is not None and last.checked_at is not None and report.checked_at is not None:
            same = last.model_copy(update={"checked_at": report.checked_at}) == report
            if same and report.checked_at - last.checked_at < REPEAT_S:
                return
        watched.last = report
        self._store.drift.add(report)


def with_history(store: Store, report: DriftReport, seconds: float = HISTORY_S) -> DriftReport:
    """The report with each feature's index over the last `seconds` before its check, for the chart."""
    since = (report.checked_at or 0.0) - seconds
    features = []
    for feature in report.features:
        points = store.drift.history(report.endpoint, feature.feature, since)
        times, values = tuple(time for time, _ in points), tuple(psi for _, psi in points)
        features.append(feature.model_copy(update={"history_times": times, "history_psi": values}))
    return report.model_copy(update={"features": tuple(features)})


def _read_profile(store: Store, model: str, version: int) -> tuple[Profile | None, str]:
    """The reference profile of a version; None with the reason when there is none to compare with."""
    record = store.versions.version(model, version)
    if record is None:
        return None, f"v{version} of {model} is not registered."
    path = store.home.root / record.path / "profile.json"  # an absolute record.path replaces the home
    return _load(path, version)


def _load(path: Path, version: int) -> tuple[Profile | None, str]:
    try:
        profile = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None, f"v{version} was registered without a reference profile."
    except (OSError, ValueError) as error:
        return None, f"The reference profile of v{version} cannot be read: {error}."
    return (profile, "") if isinstance(profile, dict) else (None, f"The reference profile of v{version} is no object.")


def _in_words(watched: _Watched, items: int, compared: list[Compared], settings: BackendSettings) -> str:
    if watched.profile is None:
        return watched.why_none
    if items < settings.drift_minimum_items:
        span = f"{settings.drift_window_seconds:.0f} s"
        return f"Not enough data: {items} of {settings.drift_minimum_items} texts in the last {span}."
    moved = _worst_first([item for item in compared if item.record.state == "bad"])
    return moved[0].text if moved else f"Traffic looks like what v{watched.version} was checked on."


def _worst_first(items: list[Compared]) -> list[Compared]:
    return sorted(items, key=lambda item: -(item.decision.score or 0.0))


def _keys(endpoint: str) -> list[Key]:
    return [("drift", endpoint, kind) for kind in DRIFT_KINDS]


def _cause(
    endpoint: EndpointRecord,
    drifted: list[Compared],
    compared: list[Compared],
    items: int,
    settings: BackendSettings,
) -> Cause:
    """One cause for all drifted features: changed inputs move the predictions too, so inputs name it where they
    drift. When that changes it is another cause, with an alert of its own."""
    inputs = [item for item in drifted if item.feature.side == "input"]
    worst = _worst_first(inputs or drifted)[0]
    kind = "input_drift" if inputs else "prediction_drift"
    return Cause(
        key=("drift", endpoint.name, kind),
        kind=kind,
        title=f"{'Input' if inputs else 'Prediction'} drift on {endpoint.name}",
        text=worst.text,
        severity=Severity.BAD,  # over its limit, as the feature itself is shown
        feature=worst.feature.name,
        evidence={
            "drifted": [item.feature.name for item in _worst_first(drifted)],
            "features": {item.feature.name: _evidence(item) for item in compared},
            "limit": settings.drift_psi_limit,
            "window_items": items,
            "window_seconds": settings.drift_window_seconds,
        },
        model=endpoint.model,
        version=endpoint.live_version,
    )


def _evidence(item: Compared) -> dict[str, Any]:
    record = item.record
    return {
        "psi": None if record.psi is None else round(record.psi, 4),
        "js": None if record.js is None else round(record.js, 4),
        "state": record.state,
        "before": item.before,
        "after": item.after,
        "unit": record.unit,
        "text": item.text,
        "current": [round(share, 4) for share in record.current],
    }
