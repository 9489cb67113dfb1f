"""What a run costs in energy: the measured power of the cards it used, integrated over time.

Only what was measured counts: a hole in the samples, a card that does not tell its power or is lost, a time in which
the daemon was away add nothing. The power of a card is that of everything on it; runs that share one share it evenly.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from backend.contract.errors import NotFound
from backend.contract.resources import GpuReading, RunRecord, TelemetrySample
from backend.contract.states import LIVE_RUN_STATES
from backend.store import Store

GAP_S = 5.0
"""Samples come at least every two seconds; further apart something was missing, and nothing is said of between."""

FLUSH_S = 5.0
JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class Spent:
    """Energy of a run between two samples."""

    joules: float = 0.0
    seconds: float = 0.0  # in which the power of at least one of its cards was measured

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.joules + other.joules, self.seconds + other.seconds)


def cards_used(sample: TelemetrySample, runs: Mapping[str, str | None]) -> dict[str, frozenset[int]]:
    """Run id → its cards: those its processes are on, else the one of its device. `runs` maps ids to devices."""
    found: dict[str, set[int]] = {}
    for card in sample.gpus:
        for process in card.processes:
            kind, _, run_id = (process.owner or "").partition("/")
            if kind == "run" and run_id in runs:
                found.setdefault(run_id, set()).add(card.index)
    for run_id, device in runs.items():
        name, _, index = (device or "").partition(":")
        if run_id not in found and name == "cuda" and index.isdigit():
            found[run_id] = {int(index)}
    return {run_id: frozenset(cards) for run_id, cards in found.items()}


def spent(before: TelemetrySample, now: TelemetrySample, used: Mapping[str, frozenset[int]]) -> dict[str, Spent]:
    """Energy between two samples by run, by the trapezoid of each card's power."""
    seconds = now.taken_at - before.taken_at
    if not 0 < seconds <= GAP_S:
        return {}
    old, new = _powers(before), _powers(now)
    sharing = {card: sum(card in cards for cards in used.values()) for card in new}
    found = {}
    for run_id, cards in used.items():
        known = [card for card in cards if card in old and card in new]
        joules = sum((old[card] + new[card]) / 2 * seconds / sharing[card] for card in known)
        if known:
            found[run_id] = Spent(joules, seconds)
    return found


def _powers(sample: TelemetrySample) -> dict[int, float]:
    return {card.index: card.power_w for card in sample.gpus if card.power_w is not None and _answers(card)}


def _answers(card: GpuReading) -> bool:
    return card.lost is None  # a lost card shows its last values, but they are no readings of now


class EnergyMeter:
    """Adds up what each run under way spends and keeps it in its row. take() on the telemetry thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._before: TelemetrySample | None = None
        self._unkept: dict[str, Spent] = {}
        self._kept_at = 0.0

    def take(self, sample: TelemetrySample) -> None:
        """Account for a sample; costs nothing on a machine without cards."""
        before, self._before = self._before, sample
        if not sample.gpus or before is None:
            return
        runs = self._store.runs.with_states(LIVE_RUN_STATES)
        for run_id, more in spent(before, sample, cards_used(sample, {run.id: run.device for run in runs})).items():
            self._unkept[run_id] = self._unkept.get(run_id, Spent()) + more
        ended = self._unkept.keys() - {run.id for run in runs}
        if ended or abs(sample.taken_at - self._kept_at) >= FLUSH_S:
            self._kept_at = sample.taken_at
            self.flush()

    def flush(self) -> None:
        """Put into the rows what is not yet in them."""
        unkept, self._unkept = self._unkept, {}
        for run_id, more in unkept.items():
            with contextlib.suppress(NotFound):  # removed meanwhile
                self._keep(run_id, more)

    def _keep(self, run_id: str, more: Spent) -> None:
        with self._store.transaction():  # ingest writes the same row
            run = self._store.runs.get(run_id)
            if run is None:
                return
            # a run under way is published by what it logs; of an ended one nobody else speaks any more
            self._store.runs.change(run_id, publish=run.state not in LIVE_RUN_STATES, **_sum(run, more))


def _sum(run: RunRecord, more: Spent) -> dict[str, float]:
    return {
        "energy_kwh": (run.energy_kwh or 0.0) + more.joules / JOULES_PER_KWH,
        "energy_seconds": (run.energy_seconds or 0.0) + more.seconds,
    }
