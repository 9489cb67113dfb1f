"""What a second of requests looked like, per version: counts and histograms, never a text."""

import math
import time
from dataclasses import dataclass, field

from backend.contract.events import RequestWindow
from backend.drift.profile import LENGTH_EDGES, SHARE_BINS, bin_lengths, bin_shares
from backend.worker.serving.batcher import Answered, Load

IDLE_S = 10.0


@dataclass
class Counts:
    """One window of one version, being filled."""

    requests: int = 0
    errors: int = 0
    rejected: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    scores: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    unknown: list[float] = field(default_factory=list)
    truncated: int = 0


class Windows:
    """Collects and hands out windows; totals since the start stay for /metrics."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._open: dict[tuple[str, int], Counts] = {}
        self._loads: dict[tuple[str, int], Load] = {}  # of batches that have not been answered yet
        self.totals: dict[tuple[str, int, str], int] = {}

    def answered(self, version: tuple[str, int], latency_ms: float, answers: list[Answered]) -> None:
        """A request that got its predictions."""
        counts = self._counts(version)
        counts.requests += 1
        counts.latencies_ms.append(latency_ms)
        for answer in answers:
            output = answer.output or {}
            if "label" in output:
                counts.labels[output["label"]] = counts.labels.get(output["label"], 0) + 1
            if "score" in output:
                counts.scores.append(output["score"])
            counts.tokens.append(answer.tokens)
            counts.unknown.append(answer.unknown)
            counts.truncated += answer.truncated
        self._add(version, "answered", 1)
        self._add(version, "items", len(answers))

    def failed(self, version: tuple[str, int]) -> None:
        """A request that we could not answer (5xx)."""
        self._counts(version).errors += 1
        self._counts(version).requests += 1
        self._add(version, "errors", 1)

    def rejected(self, version: tuple[str, int]) -> None:
        """A request turned away because too much waited (429)."""
        self._counts(version).rejected += 1
        self._add(version, "rejected", 1)

    def take(self, loads: dict[tuple[str, int], Load], live: tuple[str, int] | None = None) -> list[RequestWindow]:
        """The windows since the last call that returned any, one per version that had anything to do.

        Without requests an empty window of the `live` version follows every 10 s, so that rates fall to zero.
        """
        now = time.perf_counter()
        for version, load in loads.items():
            kept = self._loads.setdefault(version, Load())
            kept.depths += load.depths
            kept.batches += load.batches
        if not self._open:
            if live is None or now - self._started < IDLE_S:
                return []
            self._counts(live)
        seconds, self._started = now - self._started, now
        opened, self._open = self._open, {}
        return [
            _window(version, round(seconds, 4), counts, self._loads.pop(version, Load()))
            for version, counts in opened.items()
        ]

    def _counts(self, version: tuple[str, int]) -> Counts:
        return self._open.setdefault(version, Counts())

    def _add(self, version: tuple[str, int], what: str, count: int) -> None:
        key = (*version, what)
        self.totals[key] = self.totals.get(key, 0) + count


def _window(version: tuple[str, int], seconds: float, counts: Counts, load: Load) -> RequestWindow:
    latencies = sorted(counts.latencies_ms)
    return RequestWindow(
        model=version[0],
        version=version[1],
        seconds=seconds,
        requests=counts.requests,
        items=len(counts.tokens),
        errors=counts.errors,
        rejected=counts.rejected,
        latency_ms_p50=quantile(latencies, 0.5),
        latency_ms_p95=quantile(latencies, 0.95),
        latency_ms_p99=quantile(latencies, 0.99),
        queue_depth=_mean(load.depths),
        batch_size=_mean(load.batches),
        labels=counts.labels,
        score_histogram=tuple(bin_shares(counts.scores, SHARE_BINS)),
        length_histogram=tuple(bin_lengths(counts.tokens)) or (0,) * len(LENGTH_EDGES),
        unknown_share_histogram=tuple(bin_shares(counts.unknown, SHARE_BINS)),
        truncated=counts.truncated,
    )


def quantile(ordered: list[float], share: float) -> float | None:
    """Of sorted numbers, by the nearest rank; None without any."""
    if not ordered:
        return None
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 3)


def _mean(values: list[int]) -> float | None:
    return round(sum(values) / len(values), 3) if values else None
