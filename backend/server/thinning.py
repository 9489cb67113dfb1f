"""Fewer messages for a reader that cannot keep up: superseded states are dropped, series keep first, last and
extremes."""

import math
from collections.abc import Sequence
from typing import Any

from backend.contract.base import number_from_json
from backend.contract.feed import FeedMessage

POINTS_KEPT = 8
"""Of each metric of a run, per merged message."""

NEWEST_COUNTS = {
    "runs": "id",
    "endpoints": "name",
    "telemetry": "",
    "operations": "id",
    "alerts": "id",
    "system": "kind",
}
"""Topics whose messages carry a whole state, and the field that tells whose: an older one is superseded by a newer."""


def thin(messages: Sequence[FeedMessage]) -> list[FeedMessage]:
    """The same story with fewer points; ids still rise, so the last one is a good place to resume from."""
    last: dict[tuple[str, str, Any], int] = {}
    for message in messages:
        if message.topic in NEWEST_COUNTS:
            last[_whose(message)] = message.id
    kept: list[FeedMessage] = []
    for message in messages:
        if message.topic in NEWEST_COUNTS and last[_whose(message)] != message.id:
            continue
        if message.topic == "series" and message.kind == "points":
            previous = kept[-1] if kept else None
            if previous is not None and _same_run(previous, message):
                kept[-1] = _merge(previous, message)
                continue
        kept.append(message)
    return [_thinned(message) if message.topic == "series" else message for message in kept]


def _whose(message: FeedMessage) -> tuple[str, str, Any]:
    field = NEWEST_COUNTS[message.topic]
    return message.topic, message.kind, message.data.get(field) if field != "kind" else message.kind


def _same_run(one: FeedMessage, other: FeedMessage) -> bool:
    return one.topic == "series" and one.kind == "points" and one.data.get("run_id") == other.data.get("run_id")


def _merge(one: FeedMessage, other: FeedMessage) -> FeedMessage:
    points = [*one.data.get("points", ()), *other.data.get("points", ())]
    return other.model_copy(update={"data": {**other.data, "points": points}})


def _thinned(message: FeedMessage) -> FeedMessage:
    points = list(message.data.get("points", ()))
    by_key: dict[str, list[int]] = {}
    for index, point in enumerate(points):
        by_key.setdefault(point[0], []).append(index)
    if all(len(indices) <= POINTS_KEPT for indices in by_key.values()):
        return message
    chosen = sorted(index for indices in by_key.values() for index in _extremes(points, indices))
    return message.model_copy(update={"data": {**message.data, "points": [points[i] for i in chosen], "thinned": True}})


def _extremes(points: Sequence[Sequence[Any]], indices: list[int]) -> set[int]:
    """First, last, lowest and highest of each of two halves; what is no number stays only at the ends."""
    if len(indices) <= POINTS_KEPT:
        return set(indices)
    middle = len(indices) // 2
    found: set[int] = set()
    for half in (indices[:middle], indices[middle:]):
        found.update((half[0], half[-1]))
        numbers = [i for i in half if _finite(points[i][4])]
        if numbers:
            found.add(min(numbers, key=lambda i: points[i][4]))
            found.add(max(numbers, key=lambda i: points[i][4]))
    return found


def _finite(value: Any) -> bool:
    value = number_from_json(value)
    return isinstance(value, int | float) and math.isfinite(value)
