"""Background loops of the daemon: one named thread each, guarded at its edge: logged, started again, shown in the
status."""

import logging
import secrets
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
STABLE_S = 60.0
JOIN_S = 10.0


class Loop:
    """Runs `work(stop)` in a thread until close(); when it raises, it is logged and started again after a growing
    wait."""

    def __init__(
        self, name: str, work: Callable[[threading.Event], object], nudge: Callable[[], None] | None = None
    ) -> None:
        self.name = name
        self._nudge = nudge
        self.restarts = 0
        self.reference = ""
        self._work = work
        self._stop = threading.Event()
        self._failed_at = 0.0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> "Loop":
        """Begin; returns itself."""
        self._thread.start()
        return self

    def ask_to_end(self) -> None:
        """Let it end soon; returns at once."""
        self._stop.set()
        if self._nudge is not None:
            self._nudge()

    def close(self) -> None:
        """Ask it to end and wait; a loop that does not end in time is logged and left to the end of the process."""
        self.ask_to_end()
        self._thread.join(JOIN_S)
        if self._thread.is_alive():
            log.error("the loop %s did not end within %g s", self.name, JOIN_S)

    def trouble(self) -> str | None:
        """A sentence for the system status while it fails; None when it has been well for a minute."""
        if not self.restarts or time.monotonic() - self._failed_at > STABLE_S:
            return None
        return (
            f"The part {self.name} failed and was started again ({self.restarts} times); the log has {self.reference}."
        )

    def _run(self) -> None:
        wait = FIRST_WAIT_S
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                self._work(self._stop)
                return
            except Exception:
                if self._stop.is_set():
                    return
                self.reference = secrets.token_hex(4)
                log.exception("loop failed", extra={"loop": self.name, "reference": self.reference})
            self.restarts += 1
            self._failed_at = time.monotonic()
            wait = FIRST_WAIT_S if self._failed_at - started > STABLE_S else min(wait * 2, LONGEST_WAIT_S)
            self._stop.wait(wait)


def every(seconds: float, action: Callable[[], object], *, at_once: bool = True) -> Callable[[threading.Event], None]:
    """Work for a Loop: `action()` now (or after the first pause) and again after each pause, until it is stopped."""

    def work(stop: threading.Event) -> None:
        if not at_once:
            stop.wait(seconds)
        while not stop.is_set():
            action()
            stop.wait(seconds)

    return work
