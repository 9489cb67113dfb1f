"""What a zoom asks the store for, and the columns of its answer. No widgets of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from backend.contract import packed
from backend.contract.base import number_from_json

if TYPE_CHECKING:
    from console.charts.chart import TimeSeriesChart
    from console.charts.group import ChartGroup

log = logging.getLogger(__name__)

ACCEPT = packed.MEDIA_TYPE
"""The form of an answer that curves_of() reads fastest."""

MARGIN = 0.25
"""So much more of the width at each side: a small pan needs nothing new."""

FEWEST, MOST = 400, 8000

MOST_CHARACTERS = 4000
"""Of the names in one request."""


@dataclass(frozen=True)
class Detail:
    """A window of some series, in units the store knows."""

    keys: tuple[str, ...]
    x: str
    low: float
    high: float
    points: int

    @property
    def query(self) -> dict[str, Any]:
        """The parameters of /runs/{id}/series but the keys."""
        return {"points": self.points, "x": self.x, "from": self.low, "to": self.high}


def wanted(group: ChartGroup, low: float, high: float) -> Detail | None:
    """The thinned series that charts in view draw, as fine as they can show; None when there is nothing to ask.

    Epochs are asked for as steps: the store knows no others.
    """
    shown = [chart for chart in group.charts if not chart.isHidden()]
    keys = dict.fromkeys(key for chart in shown for key in chart.reading() if group.store.is_counted(key))
    room = (high - low) * MARGIN
    ends: list[float | None] = [low - room, high + room]
    if group.axis == "epoch":
        ends = [group.store.position("epoch", at).get("step") for at in (low, high)]
        if ends[0] is not None and ends[1] is not None:
            room = (ends[1] - ends[0]) * MARGIN
            ends = [ends[0] - room, ends[1] + room]
    if not keys or ends[0] is None or ends[1] is None:
        return None
    return Detail(tuple(keys), "time" if group.axis == "time" else "step", ends[0], ends[1], _points(shown))


def wanted_of_machine(group: ChartGroup, low: float, high: float) -> Detail | None:
    """As wanted(), of readings of the machine that were read more coarsely than they are kept: always by their time."""
    shown = [chart for chart in group.charts if not chart.isHidden()]
    keys = dict.fromkeys(key for chart in shown for key in chart.reading() if group.store.is_coarse_reading(key))
    ends = [group.store.position(group.axis, at).get("time") for at in (low, high)]
    if not keys or ends[0] is None or ends[1] is None:
        return None
    room = (ends[1] - ends[0]) * MARGIN
    return Detail(tuple(keys), "time", ends[0] - room, ends[1] + room, _points(shown))


def _points(shown: Sequence[TimeSeriesChart]) -> int:
    """Two for each pixel of the widest chart and its margins."""
    widest = max(chart.canvas.plot.width() * chart.devicePixelRatioF() for chart in shown)
    return min(MOST, max(FEWEST, round(2 * widest * (1 + 2 * MARGIN))))


def key_queries(keys: Iterable[str]) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Keys with the part of a query that names them, so many at once as an address can hold: a name may have ten
    thousand characters, and commas."""
    waiting: list[str] = []
    for key in keys:
        if waiting and sum(map(len, waiting)) + len(key) > MOST_CHARACTERS:
            yield waiting, _key_query(waiting)
            waiting = []
        waiting.append(key)
    if waiting:
        yield waiting, _key_query(waiting)


def _key_query(keys: list[str]) -> dict[str, Any]:
    return {"key": keys} if any("," in key or key != key.strip() for key in keys) else {"keys": ",".join(keys)}


@dataclass(frozen=True)
class Curve:
    """One series of an answer as columns; `epochs` is None when one is unknown, `count` how many points there are."""

    steps: ArrayLike
    times: ArrayLike
    epochs: ArrayLike | None
    values: ArrayLike
    count: int
    last: tuple[int, float] | None  # step and time of the newest point


def curves_of(body: Any) -> dict[str, Curve]:
    """The series of an answer of /runs/{id}/series, packed or as JSON; none when it cannot be read."""
    if isinstance(body, bytes):
        try:
            found = packed.unpack(body).series
        except ValueError as error:
            log.warning("An answer of the backend cannot be read: %s", error)
            return {}
        return {key: _unpacked(one) for key, one in found.items()}
    curves = {}
    for key, data in ((body or {}).get("series") or {}).items():
        columns = columns_of(data)
        last = (columns[0][-1], columns[1][-1]) if columns[0] else None
        curves[key] = Curve(*columns, data["count"], last)
    return curves


def _unpacked(one: packed.PackedSeries) -> Curve:
    last = (int(one.steps[-1]), float(one.times[-1])) if len(one.steps) else None
    return Curve(one.steps, one.times, one.known_epochs, one.values, one.count, last)


def columns_of(data: dict[str, Any]) -> tuple[list[int], list[float], list[float] | None, list[float]]:
    """Steps, times, epochs (None when one is unknown) and values of a series as the interface tells them."""
    epochs = data.get("epochs") or None
    if epochs is not None and None in epochs:
        epochs = None
    return data.get("steps", []), data.get("times", []), epochs, numbers(data.get("values", []))


def numbers(values: list[Any]) -> list[float]:
    """Values of JSON as floats: NaN and infinity come as text, unknown as null, which is drawn like NaN."""
    if all(type(value) is float for value in values):  # nearly always; runs in C
        return values
    found = (number_from_json(value) for value in values)
    return [float("nan") if value is None else value for value in found]
