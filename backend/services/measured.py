"""What diagnosis may look at: a run with its series and the telemetry of its time. Pure."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.contract.resources import GpuReading, RunRecord, SeriesData, TelemetryHistory, TelemetrySample
from backend.contract.states import LIVE_RUN_STATES

ENOUGH_STEPS = 20
"""Fewer logged steps say nothing about speed."""

RECENT = 50
"""Points of a series that stand for "now"."""


@dataclass(frozen=True)
class Measured:
    """Everything the rules may look at; what was not measured is missing or None."""

    run: RunRecord
    series: Mapping[str, SeriesData] = field(default_factory=dict)
    telemetry: TelemetryHistory | None = None
    latest: TelemetrySample | None = None
    now: float = 0.0

    @property
    def live(self) -> bool:
        return self.run.state in LIVE_RUN_STATES

    @property
    def card(self) -> int | None:
        """Number of the card the run is on; None on the CPU or when unknown."""
        name, _, index = (self.run.device or "").partition(":")
        return int(index or 0) if name == "cuda" and (index or "0").isdigit() else None

    def reading(self) -> GpuReading | None:
        """The newest reading of the run's card."""
        cards = self.latest.gpus if self.latest else ()
        return next((card for card in cards if card.index == self.card and card.lost is None), None)

    def values(self, key: str) -> list[tuple[int, float]]:
        """(step, value) of every finite point."""
        data = self.series.get(key)
        pairs = zip(data.steps, data.values, strict=True) if data else ()
        return [(step, value) for step, value in pairs if value is not None and math.isfinite(value)]

    def recent(self, key: str) -> float | None:
        """Mean of the last RECENT finite points; None with fewer than ENOUGH_STEPS."""
        points = self.values(key)
        return statistics.fmean(value for _, value in points[-RECENT:]) if len(points) >= ENOUGH_STEPS else None

    def load(self, name: str) -> float | None:
        """Mean of a telemetry series over the time of the run; None when it was not measured."""
        history = self.telemetry
        if history is None or name not in history.values:
            return None
        start, end = self.run.started_at or 0.0, self.run.ended_at or self.now
        inside = [
            value
            for time, value in zip(history.times, history.values[name], strict=True)
            if value is not None and start <= time <= end
        ]
        return statistics.fmean(inside) if inside else None

    def shares(self) -> dict[str, float]:
        """Shares of the step time; "other" is what no series explains. Empty without a measurement."""
        step = self.recent("train/step_s")
        shares = {}
        if (data := self.recent("train/data_wait_fraction")) is not None:
            shares["data"] = data
        for part in ("forward", "backward", "optimizer"):
            seconds = self.recent(f"train/{part}_s")
            if seconds is not None and step:
                shares[part] = seconds / step
        if shares:
            shares["other"] = max(1.0 - sum(shares.values()), 0.0)
        return {name: round(share, 4) for name, share in shares.items()}
