"""When to read the cards again after the driver hung or crashed its reader. Pure: times come in, a decision goes
out."""

from dataclasses import dataclass

FIRST_S = 5.0
LONGEST_S = 300.0
STEADY_S = 60.0
"""A sensor that worked this long has recovered; the next trouble begins with the short wait again."""


@dataclass
class Retries:
    """One row of failures; each doubles the wait up to LONGEST_S."""

    first_s: float = FIRST_S
    failures: int = 0
    failed_at: float = 0.0

    def failed(self, now: float) -> None:
        """Note a failure at this monotonic time."""
        self.failures += 1
        self.failed_at = now

    def worked_for(self, seconds: float) -> None:
        """Tell how long it has been working; long enough forgets the failures."""
        if seconds >= STEADY_S:
            self.failures = 0

    def wait_s(self) -> float:
        """Seconds between the last failure and the next try; 0 without a failure."""
        return min(self.first_s * 2.0 ** (self.failures - 1), LONGEST_S) if self.failures else 0.0

    def due(self, now: float) -> bool:
        """Whether to try (again) now."""
        return now - self.failed_at >= self.wait_s()
