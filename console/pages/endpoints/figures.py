"""Figures of an endpoint out of its request windows; no Qt. Unknown is None."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from backend.contract.events import RequestWindow
from backend.contract.resources import EndpointRecord

LAST_S = 60.0


@dataclass(frozen=True)
class VersionFigures:
    """The last minute of one version: rates over the minute, p95 as mean over requests, errors as share of requests."""

    requests_per_s: float
    p95_ms: float | None
    error_share: float | None


class Recent:
    """The request windows of the last minute, by version."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, RequestWindow]] = deque(maxlen=2000)
        self.read = False  # the last minute is known, not only what came since

    def clear(self) -> None:
        self._kept.clear()
        self.read = False

    def add(self, windows: Iterable[tuple[float, RequestWindow]]) -> None:
        """Windows in the order of their time; one heard twice counts once."""
        known = {(at, window.version) for at, window in self._kept}
        for at, window in windows:
            if (at, window.version) not in known:
                self._kept.append((at, window))

    def idle(self, now: float) -> bool:
        """Nothing was asked in the last minute. The backend says figures only with requests, so its last ones stay."""
        return self.read and not any(now - at <= LAST_S for at, _ in self._kept)

    def of(self, version: int, now: float) -> VersionFigures:
        """What a version did in the last minute; a version nobody asked has 0 requests."""
        own = [w for at, w in self._kept if w.version == version and now - at <= LAST_S]
        requests = sum(w.requests for w in own)
        timed = [(w.latency_ms_p95, max(1, w.requests)) for w in own if w.latency_ms_p95 is not None]
        weight = sum(n for _, n in timed)
        p95 = sum(value * n for value, n in timed) / weight if weight else None
        share = sum(w.errors for w in own) / requests if requests else None
        return VersionFigures(requests / LAST_S, p95, share)


def error_percent(stats: Mapping[str, float | None]) -> float | None:
    """Errors of the last minute as percent of its requests; `stats` as in an endpoint's record."""
    requests, errors = stats.get("serve/requests_per_s"), stats.get("serve/errors_per_s")
    if requests is None or errors is None:
        return None
    return 100.0 * errors / requests if requests > 0 else 0.0


def loaded(endpoint: EndpointRecord) -> list[int]:
    """Versions that can be asked now: live first."""
    ready = {e.get("version") for e in endpoint.engines if e.get("state") == "ready"}
    order = [endpoint.live_version, endpoint.standby_version]
    return [number for number in order if number is not None and number in ready]


def series_of(window: RequestWindow) -> dict[str, float]:
    """What a window adds to the curves, as the history names it; what it does not know is left out."""
    seconds = window.seconds or 1.0
    found = {
        "serve/requests_per_s": window.requests / seconds,
        "serve/errors_per_s": window.errors / seconds,
        "serve/latency_ms_p50": window.latency_ms_p50,
        "serve/latency_ms_p95": window.latency_ms_p95,
        "serve/latency_ms_p99": window.latency_ms_p99,
        "serve/queue_depth": window.queue_depth,
        "serve/batch_size": window.batch_size,
    }
    return {key: float(value) for key, value in found.items() if value is not None}
