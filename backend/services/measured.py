"""What diagnosis may look at: a run with its series and the telemetry of its time. Pure."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.contract.resources import (
    CheckpointRecord,
    GpuReading,
    RunRecord,
    SeriesData,
    TelemetryHistory,
    TelemetrySample,
)
from backend.contract.states import LIVE_RUN_STATES

ENOUGH_STEPS = 20
"""Fewer logged steps say nothing about speed."""

RECENT = 50
"""Points of a series that stand for "now"."""


@dataclass(frozen=True)
class Save:
    """One checkpoint as it was written."""

    step: int
    seconds: float
    size_bytes: int


@dataclass(frozen=True)
class Measured:
    """Everything the rules may look at; what was not measured is missing or None."""

    run: RunRecord
    series: Mapping[str, SeriesData] = field(default_factory=dict)
    telemetry: TelemetryHistory | None = None
    latest: TelemetrySample | None = None
    now: float = 0.0
    checkpoints: tuple[CheckpointRecord, ...] = ()  # those still there
    saves: tuple[Save, ...] = ()

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

    def share(self, part: str) -> float | None:
        """Share of the step time of one part: data, copy, forward, backward or optimizer."""
        if part == "data":
            return self.recent("train/data_wait_fraction")
        seconds, step = self.recent(f"train/{part}_s"), self.recent("train/step_s")
        return seconds / step if seconds is not None and step else None

    def busy(self) -> tuple[str, float] | None:
        """The device of the run and how busy it was, in percent; None when that was not measured."""
        if self.card is not None:
            share = self.load(f"gpu/{self.card}/utilization_percent")
            return None if share is None else (f"GPU {self.card}", share)
        share = self.load("cpu/utilization_percent")
        return None if share is None else ("The CPU", share)

    def good_checkpoint(self, bad_step: int) -> CheckpointRecord | None:
        """The newest checkpoint whose weights gave one more step before a bad one.

        The loss of a step is that of the weights before it: a bad step right after a checkpoint speaks against the
        checkpoint.
        """
        good = [found for found in self.checkpoints if found.present and found.step + 1 < bad_step]
        return max(good, key=lambda found: found.step, default=None)

    def shares(self) -> dict[str, float]:
        """Shares of the step time; "other" is what no series explains. Empty without a measurement."""
        parts = {part: self.share(part) for part in ("data", "copy", "forward", "backward", "optimizer")}
        shares = {part: share for part, share in parts.items() if share is not None}
        if shares:
            shares["other"] = max(1.0 - sum(shares.values()), 0.0)
        return {name: round(share, 4) for name, share in shares.items()}
