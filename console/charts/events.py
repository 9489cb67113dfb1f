"""What happened during a run, as marks on the axis, grouped where icons would touch. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.charts.series import Axis
from console.charts.store import SeriesStore

GROUP_PX = 12.0

# kind → (icon, colour role, has a dashed line); one icon has one meaning across the product
KINDS: dict[str, tuple[str, str, bool]] = {
    "checkpoint": ("bookmark", "text-tertiary", True),
    "evaluation": ("circle-check", "text-tertiary", True),
    "settings": ("sliders-horizontal", "accent", True),
    "fork": ("git-fork", "text-tertiary", True),
    "pause": ("pause", "text-tertiary", False),
    "resume": ("play", "text-tertiary", False),
    "warning": ("triangle-alert", "warn", True),
    "alert": ("triangle-alert", "warn", True),
    "error": ("triangle-alert", "bad", True),
    "note": ("message-square", "accent", True),
    "canary": ("split", "challenger", True),
    "promote": ("badge-check", "ok", True),
    "rollback": ("undo-2", "warn", True),
    "good": ("circle-check", "text-tertiary", True),
}


@dataclass(frozen=True)
class ChartEvent:
    """One event. `key` names the metric it is about: its chart shows the icon as well as the page's first chart."""

    id: str
    kind: str
    text: str
    step: float | None = None
    time: float | None = None
    epoch: float | None = None
    key: str | None = None

    def at(self, axis: Axis) -> float | None:
        return {"step": self.step, "time": self.time, "epoch": self.epoch}[axis]

    @property
    def style(self) -> tuple[str, str, bool]:
        """Icon, colour role, whether a dashed line is drawn; unknown kinds look like a note."""
        return KINDS.get(self.kind, ("info", "text-tertiary", True))

    @property
    def urgent(self) -> bool:
        return self.style[1] in ("warn", "bad")


def place(event: ChartEvent, axis: Axis, store: SeriesStore) -> float | None:
    """Where an event stands on an axis: as it says itself, else where the points of its step, or of its time, stand."""
    known = event.at(axis)
    if known is not None:
        return known
    if event.step is not None:
        return store.position("step", event.step).get(axis)
    return store.position("time", event.time).get(axis) if event.time is not None else None


@dataclass(frozen=True)
class Mark:
    """Events that share one icon."""

    pixel: float
    events: tuple[ChartEvent, ...]

    @property
    def leader(self) -> ChartEvent:
        """The event whose icon is shown: the first urgent one, else the first."""
        return next((e for e in self.events if e.urgent), self.events[0])


def group_marks(placed: Sequence[tuple[float, ChartEvent]], near: float = GROUP_PX) -> list[Mark]:
    """Join events whose pixels lie closer than `near` to the start of their group."""
    marks: list[Mark] = []
    for pixel, event in sorted(placed, key=lambda item: item[0]):
        if marks and pixel - marks[-1].pixel < near:
            marks[-1] = Mark(marks[-1].pixel, (*marks[-1].events, event))
        else:
            marks.append(Mark(pixel, (event,)))
    return marks
