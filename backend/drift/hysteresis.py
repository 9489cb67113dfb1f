"""When a limit that is passed becomes an alert, and when it stops being one. Pure; the watch keeps one per cause."""

from dataclasses import dataclass

OPEN_AFTER = 3
"""Checks in a row over the limit before an alert opens."""

CLOSE_AFTER = 3
"""Checks in a row below CLOSE_SHARE of the limit before it resolves."""

CLOSE_SHARE = 0.8


@dataclass
class Gate:
    """Opens after `open_after` checks over, closes after `close_after` checks quiet; a check that is neither holds
    both counts."""

    open_after: int = OPEN_AFTER
    close_after: int = CLOSE_AFTER
    is_open: bool = False
    over: int = 0
    quiet: int = 0

    def see(self, *, over: bool, quiet: bool) -> bool:
        """Take one check; returns whether the gate is open now."""
        self.over = self.over + 1 if over else (0 if quiet else self.over)
        self.quiet = self.quiet + 1 if quiet else (0 if over else self.quiet)
        if not self.is_open and self.over >= self.open_after:
            self.is_open = True
        elif self.is_open and self.quiet >= self.close_after:
            self.is_open, self.over = False, 0
        return self.is_open
