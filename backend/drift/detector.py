"""What a drift detector is asked and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MINIMUM_REFERENCE = 30
"""A reference of fewer items says nothing about shares."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far apart two histograms are. `score` is None with too few items; `floor` is what chance alone may reach."""

    score: float | None
    floor: float = 0.0

    def over(self, limit: float) -> bool:
        """Above the limit, and more than chance would do with so few items."""
        return self.score is not None and self.score > limit and self.score > self.floor

    def quiet(self, limit: float) -> bool:
        """At or below the limit, or explained by chance. Too few items are neither over nor quiet."""
        return self.score is not None and (self.score <= limit or self.score <= self.floor)


class Detector(Protocol):
    """Compares counts over the same bins; keeps no state."""

    name: str

    def compare(self, reference: Sequence[int], current: Sequence[int], minimum: int) -> Comparison:
        """Score None when `current` has fewer than `minimum` items or the reference fewer than MINIMUM_REFERENCE."""
        ...

    def equivalent_limit(self, psi_limit: float) -> float:
        """The limit on this detector's scale that is as strict as `psi_limit` for small moves."""
        ...


def enough(reference: Sequence[int], current: Sequence[int], minimum: int) -> bool:
    """Whether both histograms hold enough to be compared."""
    return sum(reference) >= MINIMUM_REFERENCE and sum(current) >= max(minimum, 1)
