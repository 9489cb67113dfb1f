"""What a zoom asks the store for, and the columns of its answer. No widgets of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.contract.base import number_from_json

if TYPE_CHECKING:
    from console.charts.group import ChartGroup

MARGIN = 0.25
"""So much more of the width at each side: a small pan needs nothing new."""

FEWEST, MOST = 400, 8000


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
    keys = dict.fromkeys(key for chart in shown for key in chart.reading() if key in group.store.true_counts)
    room = (high - low) * MARGIN
    ends: list[float | None] = [low - room, high + room]
    if group.axis == "epoch":
        ends = [group.store.position("epoch", at).get("step") for at in (low, high)]
        if ends[0] is not None and ends[1] is not None:
            room = (ends[1] - ends[0]) * MARGIN
            ends = [ends[0] - room, ends[1] + room]
    if not keys or ends[0] is None or ends[1] is None:
        return None
    widest = max(chart.canvas.plot.width() * chart.devicePixelRatioF() for chart in shown)
    points = min(MOST, max(FEWEST, round(2 * widest * (1 + 2 * MARGIN))))
    return Detail(tuple(keys), "time" if group.axis == "time" else "step", ends[0], ends[1], points)


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
