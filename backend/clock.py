"""Time that tests can move: wall time for people, monotonic time for durations."""

import os
import time
from typing import Protocol


class Clock(Protocol):
    """Two readings; only monotonic() may be subtracted."""

    def now(self) -> float:
        """Unix seconds; may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...


class SystemClock:
    """The machine's clocks; MODELDECK_CLOCK_OFFSET_S shifts the wall clock for tests of jumps."""

    def __init__(self) -> None:
        self._offset = float(os.environ.get("MODELDECK_CLOCK_OFFSET_S", "0"))

    def now(self) -> float:
        return time.time() + self._offset

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self._now += seconds
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock; monotonic time does not notice."""
        self._now += seconds
