"""The curves of the run that this one was forked from, behind its own, from the step on where they part."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject

from backend.contract.base import number_from_json
from backend.contract.resources import RunRecord
from console.charts.catalogue import ChartSpec
from console.charts.group import ChartGroup
from console.context import Context
from console.i18n import mark
from console.state.changes import Changes

POINTS = 2000
PARENT = "parent:"
"""Before the key of a curve of the run that the shown one was forked from."""

NAMES = {"train": mark("parent train"), "eval": mark("parent eval")}


def over_parent(spec: ChartSpec) -> ChartSpec:
    """The chart with the curves of the run it was forked from behind its own: the same colours, dashed and paler."""
    if spec.shape != "line":
        return spec
    own = [one for one in spec.series if one.key.startswith(("train/", "eval/"))]
    behind = tuple(
        replace(
            one,
            key=PARENT + one.key,
            name=NAMES.get(one.name, mark("parent")),
            smooth=False,
            points=False,
            fill=False,
            dash=(4, 3),
            behind=True,
        )
        for one in own
    )
    return spec.with_(series=(*spec.series, *behind))


class ParentCurves(QObject):
    """Reads them once and follows a parent that is still running.

    They have steps and epochs but no time: on the time axis the parent trained at another hour, so nothing is drawn.
    """

    def __init__(self, context: Context, group: ChartGroup, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._group = group
        self._run: RunRecord | None = None
        self._last: dict[str, int] = {}  # a point may be in the history and in the feed

    def open(self, run: RunRecord) -> None:
        """Ask for the parent's curves, when this run has a parent; a removed one simply has none."""
        self._run, self._last = run, {}
        if run.fork_of is None or run.fork_step is None:
            return
        query = {"keys": ",".join(self.keys()), "points": POINTS, "x": "step", "from": run.fork_step}
        self._context.link.get(f"/runs/{run.fork_of}/series", query).on_reply(self._on_read)

    def keys(self) -> list[str]:
        """Those that a chart can show."""
        known = [spec.key for chart in self._group.charts for spec in chart.spec.series if spec.behind]
        return [key.removeprefix(PARENT) for key in dict.fromkeys(known)]

    def _on_read(self, body: dict[str, Any]) -> None:
        for key, data in (body.get("series") or {}).items():
            values = [number_from_json(value) for value in data["values"]]
            epochs = data.get("epochs") or None
            known = epochs is not None and None not in epochs
            self._add(key, list(data["steps"]), epochs if known else None, values)

    def take(self, changes: Changes) -> None:
        """What a parent that is still running has logged since."""
        run = self._run
        if run is None or run.fork_of is None or run.fork_step is None or run.fork_of not in changes.points:
            return
        keys = set(self.keys())
        for key, step, _time, epoch, value in changes.points[run.fork_of]:
            if key in keys and step > self._last.get(key, run.fork_step - 1):
                self._add(key, [step], None if epoch is None else [epoch], [value], live=True)

    def _add(
        self, key: str, steps: list[int], epochs: list[float] | None, values: list[float | None], *, live: bool = False
    ) -> None:
        name = PARENT + key
        numbers = [float("nan") if value is None else value for value in values]
        self._group.store.backdrop.add(name)
        if steps:
            self._last[key] = steps[-1]
        (self._group.append if live else self._group.set_series)(name, steps, None, epochs, numbers)
