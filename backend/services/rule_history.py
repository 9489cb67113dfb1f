"""How often a rule would have opened an alert: the same judgement as the watch, over what is kept of the past."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.contract.resources import Rule, RulePreview, RunRecord
from backend.services.disk_forecast import forecast
from backend.services.rule_values import CLOSE_SHARE, Spell, kind_of, matching
from backend.services.watch_own import ENOUGH_STEPS, card_of
from backend.store import Store
from backend.store.slots import Rows

DAY_S = 86_400.0
MOST_TIMES = 20
GAP_S = 120.0
"""After a longer silence a value has to be past its limit anew."""

Numbers = NDArray[np.float64]


class Line(NamedTuple):
    """Lowest and highest of each step of one value."""

    times: Numbers
    low: Numbers
    high: Numbers


def would_have_fired(store: Store, rule: Rule, days: float = 30.0) -> RulePreview:
    """Count the alerts of the last `days`; count is None where what is kept cannot tell."""
    now = store.clock.now()
    start = now - days * DAY_S
    if rule.test == "forecast":
        text = "What a run had still to do is not kept, so this cannot be told."
        return RulePreview(count=None, days=0.0, text=text, forecast=forecast(store, store.runs.all()))
    if rule.test == "stalled":
        opened, first = _stalls(store, rule, start), _first_run(store, start)
    else:
        lines = list(_lines(store, rule, start, now))
        opened = [time for line in lines for time in openings(rule, line)]
        first = min((float(line.times[0]) for line in lines if len(line.times)), default=None)
    known = 0.0 if first is None else max(now - max(first, start), 0.0) / DAY_S
    text = "" if first is not None else "Nothing is kept yet that this rule speaks of."
    count = len(opened) if first is not None else None
    return RulePreview(count=count, days=round(known, 2), times=tuple(sorted(opened)[-MOST_TIMES:]), text=text)


def openings(rule: Rule, line: Line) -> list[float]:
    """When an alert opens along one value. A step counts as past the limit only when all of it was."""
    margin = abs(rule.limit) * CLOSE_SHARE
    above = rule.above and rule.test == "limit"
    bad = line.low > rule.limit if above else line.high < rule.limit
    good = line.high <= rule.limit - margin if above else line.low >= rule.limit + margin
    spell, opened, before = Spell(), [], float("nan")
    for time, is_bad, is_good in zip(line.times.tolist(), bad.tolist(), good.tolist(), strict=True):
        if time - before > GAP_S:
            spell.since = None
        before, was_open = time, spell.is_open
        turning = is_good if was_open else is_bad
        if spell.see(turning=turning, now=time, seconds=rule.for_seconds) and not was_open:
            opened.append(time)
    return opened


def _lines(store: Store, rule: Rule, start: float, stop: float) -> Iterator[Line]:
    if rule.test == "idle":
        for run in _runs(store, start):
            card = card_of(run)
            if card is not None and run.started_at is not None:
                yield from _machine_lines(
                    store, f"gpu/{card}/utilization_percent", run.started_at, run.ended_at or stop
                )
        return
    kind = kind_of(rule.metric)
    if kind == "machine":
        yield from _machine_lines(store, rule.metric, start, stop)
    elif kind == "endpoint":
        for endpoint in store.endpoints.all():
            if rule.endpoint in (None, endpoint.name):
                yield from _endpoint_line(store, endpoint.name, rule.metric, start)
    else:
        for run in _runs(store, start):
            yield from _run_line(store, run.id, rule.metric)


def _machine_lines(store: Store, metric: str, start: float, stop: float) -> Iterator[Line]:
    """A share is made of what is kept: used of total."""
    is_share = metric.endswith("used_share")
    stem = metric.removesuffix("used_share")
    patterns = (f"{stem}used_bytes", f"{stem}total_bytes") if is_share else (metric,)
    rows = store.telemetry.rows(start, stop, patterns)
    if not is_share:
        for name in matching(metric, rows.names):
            yield _line(rows, rows.names.index(name), None)
        return
    for place, name in enumerate(rows.names):
        total = name.replace("used_bytes", "total_bytes")
        if name.endswith("used_bytes") and total in rows.names:
            yield _line(rows, place, rows.names.index(total))


def _line(rows: Rows, place: int, total: int | None) -> Line:
    known = ~np.isnan(rows.mean[:, place])
    by: Numbers | float = 1.0 if total is None else rows.mean[known, total]
    return Line(rows.times[known], rows.low[known, place] / by, rows.high[known, place] / by)


def _endpoint_line(store: Store, endpoint: str, metric: str, start: float) -> Iterator[Line]:
    history = store.endpoints.history(endpoint, store.clock.now() - start, 200_000)
    yield _from(history.times, history.values.get(metric, ()))


def _run_line(store: Store, run_id: str, metric: str) -> Iterator[Line]:
    data = store.series.read(run_id, [metric], points=100_000).get(metric)
    if data is not None:
        yield _from(data.times, data.values)


def _from(times: Iterable[float], values: Iterable[float | None]) -> Line:
    known = [(time, value) for time, value in zip(times, values, strict=False) if value is not None and value == value]
    numbers = np.array([value for _, value in known], dtype=np.float64)
    return Line(np.array([time for time, _ in known], dtype=np.float64), numbers, numbers)


def _runs(store: Store, start: float) -> list[RunRecord]:
    """Runs that worked after `start`."""
    runs = store.runs.all(include_archived=True)
    return [run for run in runs if run.started_at is not None and (run.ended_at or start) >= start]


def _first_run(store: Store, start: float) -> float | None:
    return min((run.started_at for run in _runs(store, start) if run.started_at is not None), default=None)


def _stalls(store: Store, rule: Rule, start: float) -> list[float]:
    """Gaps between what runs logged that are longer than the rule allows."""
    opened: list[float] = []
    for run in _runs(store, start):
        key = next((key for key in store.series.keys(run.id) if key.startswith("train/")), None)
        data = store.series.read(run.id, [key], points=100_000).get(key) if key is not None else None
        if data is None or data.count != len(data.times) or data.count <= ENOUGH_STEPS:
            continue
        times = np.array(data.times)
        gaps = np.diff(times)
        steady = gaps[gaps > 0]
        if len(steady):
            limit = max(rule.limit * float(np.median(steady)), rule.for_seconds)
            opened += (times[:-1][gaps > limit] + limit).tolist()
    return [time for time in opened if time >= start]
