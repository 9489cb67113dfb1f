"""Readings over time in at most so many steps: means, or the worst where a mean would hide a peak."""

import math
from collections.abc import Collection, Sequence

from backend.contract.resources import TelemetryHistory

Reading = tuple[float, dict[str, float | None]]


def history(
    readings: Sequence[Reading], start: float, stop: float, points: int, *, worst: Collection[str] = ()
) -> TelemetryHistory:
    """Equal steps between start and stop that hold a reading; the time of a step is that of its last reading.

    All readings when there are no more than `points`. Unknown stays None; a name that appears once has a value or
    None everywhere.
    """
    names = list(dict.fromkeys(name for _, values in readings for name in values))
    if len(readings) > max(points, 1):
        readings = _bucketed(readings, start, stop, max(points, 1), worst)
    times = tuple(time for time, _ in readings)
    return TelemetryHistory(
        times=times, values={name: tuple(values.get(name) for _, values in readings) for name in names}
    )


def _bucketed(
    readings: Sequence[Reading], start: float, stop: float, points: int, worst: Collection[str]
) -> list[Reading]:
    width = max(stop - start, 1e-9) / points
    groups: dict[int, list[Reading]] = {}
    for reading in readings:
        place = min(max(int((reading[0] - start) / width), 0), points - 1)
        groups.setdefault(place, []).append(reading)
    return [_merged(groups[place], worst) for place in sorted(groups)]


def _merged(group: list[Reading], worst: Collection[str]) -> Reading:
    found: dict[str, list[float]] = {}
    for _, values in group:
        for name, value in values.items():
            if value is not None and math.isfinite(value):
                found.setdefault(name, []).append(value)
    merged: dict[str, float | None] = {
        name: max(values) if name in worst else sum(values) / len(values) for name, values in found.items()
    }
    return group[-1][0], merged
