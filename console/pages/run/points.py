"""Where the charts of a run have their points from: its series, the machine's, those of the run it was forked from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from backend.contract.resources import RunRecord
from console.charts import detail
from console.charts.extremes import spread
from console.charts.store import SeriesStore
from console.charts.whole import Found, Gather, Refuse, Take
from console.context import Context
from console.pages.run.branch import PARENT

MOST_READINGS = 10_000
"""Of the machine at once; a window of more seconds is asked for in parts."""


class RunPoints:
    """The Source of a run's charts."""

    def __init__(self, context: Context, store: SeriesStore, run: Callable[[], RunRecord | None]) -> None:
        self._context = context
        self._store = store
        self._run = run

    def name(self, key: str) -> str:
        """As it was logged."""
        return key

    def ask(
        self, keys: tuple[str, ...], x: str, low: float, high: float, points: int, take: Take, refuse: Refuse
    ) -> None:
        """One request for each kind of series."""
        run = self._run()
        if run is None:
            refuse("")
            return
        asked = self._asked(run, keys, x, low, high, points)
        if not asked:  # a parent's curves alone have no place on a time axis
            take({})
            return
        gather = Gather(len(asked), take, refuse)
        for path, query, read in asked:
            self._context.link.get(path, query).on_reply(partial(_give, gather, read)).on_refused(gather.fail)

    def _asked(self, run: RunRecord, keys: tuple[str, ...], x: str, low: float, high: float, points: int) -> list[Any]:
        machine = [key for key in keys if (series := self._store.get(key)) is not None and series.timed]
        parent = [key.removeprefix(PARENT) for key in keys if key.startswith(PARENT)]
        own = [key for key in keys if key not in machine and not key.startswith(PARENT)]
        asked: list[Any] = []
        query = {"points": points, "x": x, "from": low, "to": high}
        for _, names in detail.key_queries(own):
            asked.append((f"/runs/{run.id}/series", {**query, **names}, found_of))
        if parent and x == "step" and run.fork_of is not None:
            query["from"] = max(low, run.fork_step or 0)
            for _, names in detail.key_queries(parent):
                asked.append((f"/runs/{run.fork_of}/series", {**query, **names}, partial(found_of, prefix=PARENT)))
        if machine:
            start, stop = self._times(machine, x, low, high)
            most = min(points, MOST_READINGS)
            query = {"names": ",".join(machine), "points": most, "from": start, "to": stop}
            asked.append((f"/runs/{run.id}/telemetry", query, partial(readings_found, most, stop - start)))
        return asked

    def _times(self, machine: list[str], x: str, low: float, high: float) -> tuple[float, float]:
        """When a window was. Before the first step and after the last one the machine was there, too: such readings
        stand at that step."""
        if x == "time":
            return low, high
        first, last = self._store.reach("step") or (low, high)
        start, stop = (self._store.position("step", at).get("time", 0.0) for at in (low, high))
        known = [series.column("time") for key in machine if (series := self._store.get(key)) is not None]
        if low <= first:
            start = min(start, *(float(times[0]) for times in known))
        if high >= last:
            stop = max(stop, *(float(times[-1]) for times in known))
        return start - 1.0, stop + 1.0


def _give(gather: Gather, read: Callable[[Any], dict[str, Found]], body: Any) -> None:
    gather.add(read(body))


def found_of(body: dict[str, Any], prefix: str = "") -> dict[str, Found]:
    """The series of a reply."""
    found = {}
    for key, data in body["series"].items():
        steps, times, epochs, values = detail.columns_of(data)
        # a parent trained at another hour: its points stand at steps only
        found[prefix + key] = Found(steps, None if prefix else times, epochs, values, data["count"])
    return found


def readings_found(points: int, seconds: float, body: dict[str, Any]) -> dict[str, Found]:
    """Readings of the machine; of those that were thinned nobody tells how many there are: one a second, or more."""
    found = {}
    thinned = len(body["times"]) >= points
    lows, highs = body.get("lows") or {}, body.get("highs") or {}
    for key, means in body["values"].items():
        times, values = spread(body["times"], means, lows.get(key), highs.get(key))
        found[key] = Found(None, times, None, values, max(len(values) + 1, round(seconds)) if thinned else len(values))
    return found
