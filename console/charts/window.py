"""The one x range of a page: zoom, pan and follow as arithmetic. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Window:
    """A range inside an extent. While following it keeps its width and its right edge at the newest point."""

    extent: tuple[float, float] = (0.0, 1.0)
    newest: float = 1.0
    span: float | None = None  # width while following; None follows the whole extent
    follow: bool = True
    _held: tuple[float, float] = field(default=(0.0, 1.0))

    @property
    def range(self) -> tuple[float, float]:
        """What is shown: low < high always."""
        if not self.follow:
            return self._held
        low, high = self.extent
        if self.span is None:
            return low, high
        right = max(self.newest, low + min(self.span, high - low))
        return right - self.span, right

    @property
    def whole(self) -> bool:
        """The whole extent is shown."""
        return self.follow and self.span is None

    def hold(self, low: float, high: float) -> None:
        """Show [low, high] and stop following; swapped ends are put in order, an empty range is widened."""
        low, high = min(low, high), max(low, high)
        least = max(abs(high), abs(low), 1e-9) * 1e-9
        if high - low < least:
            middle = (low + high) / 2
            low, high = middle - least, middle + least
        self._held, self.follow = (low, high), False

    def zoom(self, factor: float, centre: float | None = None) -> None:
        """Make the range `factor` times as wide around `centre`; never wider than the extent."""
        low, high = self.range
        middle = (low + high) / 2 if centre is None else centre
        new_low, new_high = middle - (middle - low) * factor, middle + (high - middle) * factor
        a, b = self.extent
        if new_high - new_low >= b - a:
            new_low, new_high = a, b
        else:
            shift = max(0.0, a - new_low) - max(0.0, new_high - b)
            new_low, new_high = new_low + shift, new_high + shift
        self.hold(new_low, new_high)

    def pan(self, distance: float) -> None:
        """Shift the range, stopping at the ends of the extent."""
        low, high = self.range
        a, b = self.extent
        distance = min(max(distance, min(0.0, a - low)), max(0.0, b - high))
        self.hold(low + distance, high + distance)

    def reset(self, span: float | None = None) -> None:
        """Follow again, the whole extent or its newest `span`."""
        self.span, self.follow = span, True

    def resume(self) -> None:
        """Follow again at the present width."""
        low, high = self.range
        a, b = self.extent
        self.span = None if high - low >= (b - a) * 0.999 else high - low
        self.follow = True

    def grow(self, extent: tuple[float, float], newest: float) -> bool:
        """Learn a new extent; True when what is shown changed."""
        before = self.range
        low, high = extent
        if high <= low:
            high = low + max(abs(low) * 1e-6, 1.0)
        self.extent, self.newest = (low, high), newest
        return self.range != before
