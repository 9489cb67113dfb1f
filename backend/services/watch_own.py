"""Rules beyond the fixed limits: those a person made, and those about running runs (no step, idle card, disk filling).

Each rule has its own alerts, told apart by rule, run and metric, so that two rules may speak of one value.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from backend.clock import Clock
from backend.contract.resources import Rule, RunRecord
from backend.contract.states import RunState
from backend.services.causes import Cause, Causes, Key
from backend.services.disk_forecast import disk_growth, room
from backend.services.rule_values import Spell, back, in_words, kind_of, matching, past
from backend.store import Store

FAMILY = "rule"
LOOK_EVERY_S = 30.0
"""How often what must be read from the store (usual steps, growth of the disk) is looked up."""

ENOUGH_STEPS = 5

Values = Mapping[str, float | None]


class Finding(NamedTuple):
    """One value of a rule now. `bad` and `good`: past the limit, back from it; neither: between, or unknown."""

    cause: str
    bad: bool
    good: bool
    title: str
    text: str
    metric: str
    value: float | None
    limit: float
    endpoint: str | None = None
    run_id: str | None = None
    seconds: float | None = None  # instead of the rule's


class OwnRules:
    """Used by one thread."""

    def __init__(self, store: Store, clock: Clock, causes: Causes) -> None:
        self._store, self._clock, self._causes = store, clock, causes
        self._spells: dict[Key, Spell] = {}
        self._looked: dict[str, tuple[float, float | None]] = {}

    def check(self, rules: list[Rule], machine: Values, served: Mapping[str, Values], runs: list[RunRecord]) -> None:
        """Every rule against everything it speaks of; alerts of what is gone resolve."""
        wanted: set[Key] = set()
        running = [run for run in runs if run.state == RunState.RUNNING]
        for rule in rules:
            for finding in self._findings(rule, machine, served, running):
                key: Key = (FAMILY, finding.endpoint, finding.cause)
                wanted.add(key)
                self._judge(rule, key, finding)
        for key in self._causes.active_keys(FAMILY):
            if key not in wanted:
                self._causes.gone(key, "What it spoke of is gone.")
        self._spells = {key: spell for key, spell in self._spells.items() if key in wanted}

    def _judge(self, rule: Rule, key: Key, finding: Finding) -> None:
        spell = self._spells.setdefault(key, Spell(is_open=self._causes.is_open(key)))
        if not rule.enabled:
            spell.is_open = False
            self._causes.gone(key, "The rule was switched off.")
            return
        if spell.is_open and not finding.bad and self._was_changed(rule, key):
            self._spells[key] = Spell()
            self._causes.gone(key, "The rule was changed.")
            return
        seconds = rule.for_seconds if finding.seconds is None else finding.seconds
        turning = finding.good if spell.is_open else finding.bad
        is_open = spell.see(turning=turning, now=self._clock.monotonic(), seconds=seconds)
        if is_open and finding.bad:
            self._causes.hold(_cause(rule, key, finding))
        elif not is_open:
            self._causes.gone(key, "It is as it should be again.")

    def _was_changed(self, rule: Rule, key: Key) -> bool:
        """Whether the open alert speaks of another limit or side than the rule has now: then it need not come back as
        far as one whose value went back."""
        alert = self._causes.active(key)
        if alert is None or rule.test not in ("limit", "idle"):
            return False
        said = alert.evidence
        return (said.get("limit"), said.get("above", rule.above)) != (rule.limit, rule.above)

    def _findings(
        self, rule: Rule, machine: Values, served: Mapping[str, Values], running: list[RunRecord]
    ) -> Iterator[Finding]:
        if rule.test == "limit":
            yield from _limits(rule, machine, served, running)
            return
        for run in running:
            found = {"stalled": self._stalled, "idle": _idle, "forecast": self._forecast}[rule.test](rule, run, machine)
            if found is not None:
                yield found

    # ---- about runs --------------------------------------------------------------------------------------------------

    def _stalled(self, rule: Rule, run: RunRecord, _machine: Values) -> Finding | None:
        median = self._known(f"step {run.id}", lambda: usual_step(self._store, run.id))
        if median is None or run.last_step_at is None:
            return None
        age, limit = self._clock.now() - run.last_step_at, max(rule.limit * median, rule.for_seconds)
        text = f"{run.name} made no step for {age:.0f} s. Usual are {median:.2f} s (limit {limit:.0f} s)."
        title = rule.name or f"{run.name} makes no step"
        cause, bad = f"{rule.id}|{run.id}", age > limit
        return Finding(cause, bad, not bad, title, text, "step_age_s", age, limit, run_id=run.id, seconds=0.0)

    def _forecast(self, rule: Rule, run: RunRecord, machine: Values) -> Finding | None:
        used, total = machine.get("disk/used_bytes"), machine.get("disk/total_bytes")
        growth = self._known("disk", lambda: disk_growth(self._store, self._clock.now()))
        if used is None or total is None or growth is None or run.eta_seconds is None:
            return None
        free = room(used, total, self._store.settings.get().reserve_disk_bytes)
        full_in = free / growth if growth > 0 else float("inf")
        bad = full_in < run.eta_seconds
        text = (
            f"The disk is full in {_hours(full_in)} at {growth * 60 / 1e6:.0f} MB a minute; "
            f"{run.name} needs {_hours(run.eta_seconds)} more."
        )
        title = rule.name or f"The disk will be full before {run.name} ends"
        cause = f"{rule.id}|{run.id}"
        value = full_in if bad else None
        good = full_in > run.eta_seconds * 1.1
        return Finding(cause, bad, good, title, text, "disk/full_in_s", value, run.eta_seconds, run_id=run.id)

    def _known(self, what: str, look: Callable[[], float | None]) -> float | None:
        looked_at, value = self._looked.get(what, (-LOOK_EVERY_S, None))
        now = self._clock.monotonic()
        if now - looked_at >= LOOK_EVERY_S:
            value = look()
            self._looked = {key: kept for key, kept in self._looked.items() if now - kept[0] < 10 * LOOK_EVERY_S}
            self._looked[what] = (now, value)
        return value


def _limits(rule: Rule, machine: Values, served: Mapping[str, Values], running: list[RunRecord]) -> Iterator[Finding]:
    kind = kind_of(rule.metric)
    if kind == "machine":
        for name in matching(rule.metric, machine):
            yield _limit(rule, f"{rule.id}|{name}", name, machine[name])
    elif kind == "endpoint":
        for endpoint, values in served.items():
            if rule.endpoint in (None, endpoint):
                value = values.get(rule.metric)
                yield _limit(rule, f"{rule.id}|{rule.metric}", rule.metric, value, endpoint=endpoint)
    else:
        for run in running:
            if rule.metric in run.metrics:
                value = run.metrics[rule.metric]
                yield _limit(rule, f"{rule.id}|{run.id}", rule.metric, value, run=run)


def _limit(
    rule: Rule,
    cause: str,
    metric: str,
    value: float | None,
    *,
    endpoint: str | None = None,
    run: RunRecord | None = None,
) -> Finding:
    if value is None or value != value:  # unknown, or not a number: says nothing about a limit
        quiet = endpoint is not None and rule.above  # an endpoint nobody asks has no latency
        return Finding(cause, False, quiet, "", "", metric, None, rule.limit, endpoint, run.id if run else None)
    title, said, bound = in_words(metric, value, rule.limit)
    side = "above" if rule.above else "below"
    where = f" on {endpoint}" if endpoint else f" of {run.name}" if run else ""
    return Finding(
        cause, past(rule, value, rule.limit), back(rule, value, rule.limit),
        rule.name or f"{title} {side} {bound}{where}", f"{title}{where} is {said}, {side} {bound}.",
        metric, value, rule.limit, endpoint, run.id if run else None,
    )  # fmt: skip


def _idle(rule: Rule, run: RunRecord, machine: Values) -> Finding | None:
    card = card_of(run)
    value = None if card is None else machine.get(f"gpu/{card}/utilization_percent")
    if value is None:
        return None
    text = f"GPU {card} is {value:.0f}% busy while {run.name} is running."
    title = rule.name or f"GPU {card} is idle while {run.name} is running"
    metric = f"gpu/{card}/utilization_percent"
    bad, good = value < rule.limit, value >= rule.limit * 1.1
    return Finding(f"{rule.id}|{run.id}", bad, good, title, text, metric, value, rule.limit, run_id=run.id)


def card_of(run: RunRecord) -> int | None:
    """The number of the card a run is on; None on the processor or when unknown."""
    name, _, index = (run.device or "").partition(":")
    return int(index or 0) if name == "cuda" and (index or "0").isdigit() else None


def usual_step(store: Store, run_id: str) -> float | None:
    """Median seconds between what the run logged at different steps; None before there are enough."""
    key = next((key for key in store.series.keys(run_id) if key.startswith("train/")), None)
    data = store.series.read(run_id, [key], points=2000).get(key) if key is not None else None
    if data is None or data.count <= ENOUGH_STEPS:
        return None
    times = data.times
    if data.count > len(times):  # thinned: what is left out lay between
        return (times[-1] - times[0]) / (data.count - 1)
    gaps = [after - before for before, after in pairwise(times) if after > before]
    return statistics.median(gaps) if gaps else None


def _cause(rule: Rule, key: Key, finding: Finding) -> Cause:
    return Cause(
        key=key, kind=FAMILY, title=finding.title, text=finding.text, severity=rule.severity, feature=finding.metric,
        run_id=finding.run_id,
        evidence={
            "metric": finding.metric, "value": finding.value, "limit": finding.limit, "for_seconds": rule.for_seconds,
            "rule": rule.id, "above": rule.above, "test": rule.test, "cause": finding.cause,
        },
    )  # fmt: skip


def _hours(seconds: float) -> str:
    if seconds == float("inf"):
        return "no time"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
