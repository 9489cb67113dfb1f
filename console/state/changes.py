"""Which kinds of things changed: pages look at the flags and decide (names and ids, never values)."""

from dataclasses import dataclass, field
from typing import Any

Point = tuple[str, int, float, float | None, float | None]
"""key, step, unix time, epoch, value."""


@dataclass(slots=True)
class Changes:
    """Empty sets and False mean untouched; `everything` after a snapshot or a change of language."""

    everything: bool = False
    connection: bool = False
    system: bool = False
    telemetry: bool = False
    audit: bool = False
    runs: set[str] = field(default_factory=set)
    datasets: set[str] = field(default_factory=set)
    models: set[str] = field(default_factory=set)
    endpoints: set[str] = field(default_factory=set)
    alerts: set[str] = field(default_factory=set)
    drift: set[str] = field(default_factory=set)
    operations: set[str] = field(default_factory=set)
    rules: set[str] = field(default_factory=set)
    points: dict[str, list[Point]] = field(default_factory=dict)  # run id → as logged
    run_events: dict[str, list[Any]] = field(default_factory=dict)  # run id → RunEvent
    log: dict[str, list[Any]] = field(default_factory=dict)  # run id → LogLine
    windows: dict[str, list[tuple[float, Any]]] = field(default_factory=dict)  # endpoint → (time, RequestWindow)
    last_id: int = 0

    def any(self) -> bool:
        """True when a page could care."""
        return any(getattr(self, name) for name in self.__slots__ if name != "last_id")
