"""Delivers the outbox to the mirror process, which exists only while there is something to deliver.

Nothing waits for it: when MLflow is locked, damaged or gone, the backlog grows and the status says why.
"""

import logging
import threading
import time
from collections.abc import Callable

from backend.clock import Clock
from backend.contract.resources import MirrorStatus
from backend.mirror.child import MirrorChild, MirrorGone
from backend.paths import Home
from backend.services import outbox
from backend.store import Store
from backend.store.settings import OutboxItem

log = logging.getLogger(__name__)

POLL_S = 1.0
IDLE_S = 60.0
AT_ONCE = 100
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 300.0

Start = Callable[[threading.Event], MirrorChild]


class MirrorService:
    """run() belongs to one thread; status() and wake() may be called from any."""

    def __init__(
        self, store: Store, home: Home, clock: Clock, *, start: Start | None = None, idle_s: float = IDLE_S
    ) -> None:
        self._store, self._home, self._clock = store, home, clock
        self._start = start or self._start_child
        self._idle_s = idle_s
        self._child: MirrorChild | None = None
        self._used_at = 0.0
        self._failures = 0
        self._next_try = 0.0
        self._trouble = ""
        self._wake = threading.Event()

    def status(self) -> MirrorStatus:
        """in_sync without a backlog; failing with the reason; behind while it works; off when switched off."""
        backlog = self._store.outbox.backlog()
        if not self._store.settings.get().mirror:
            return MirrorStatus(state="off", backlog=backlog, text="Switched off in the settings.")
        if backlog == 0:
            return MirrorStatus(state="in_sync")
        trouble = self._trouble or self._store.outbox.last_error() or ""
        if trouble:
            return MirrorStatus(state="failing", backlog=backlog, text=trouble)
        return MirrorStatus(state="behind", backlog=backlog, text=f"{backlog} changes to write.")

    def wake(self) -> None:
        """Look into the outbox now."""
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set; the process is ended then, whatever it does."""
        try:
            while not stop.is_set():
                try:
                    worked = self.deliver(stop)
                except Exception:  # the edge of a thread: a full disk of ours must not end the mirror
                    log.exception("the mirror could not read or mark its outbox")
                    worked = False
                if not worked:
                    self._wake.wait(POLL_S)
                    self._wake.clear()
        finally:
            self._close()

    def deliver(self, stop: threading.Event | None = None) -> bool:
        """One pass over what is due; returns whether anything arrived."""
        stop = stop or threading.Event()
        if not self._store.settings.get().mirror:
            self._close()
            return False
        now = time.monotonic()
        items = self._store.outbox.take(AT_ONCE) if now >= self._next_try else []
        if not items:
            if self._child is not None and now - self._used_at > self._idle_s:
                self._close()
            return False
        try:
            return self._deliver(items, self._running(stop), stop)
        except MirrorGone as gone:
            self._failed(str(gone))
            return False

    def _deliver(self, items: list[OutboxItem], child: MirrorChild, stop: threading.Event) -> bool:
        arrived = False
        for item, earlier in _merged(items):
            if stop.is_set():
                return arrived
            text = child.ask(outbox.message(self._store, item))
            self._used_at = time.monotonic()
            if text is not None:
                self._store.outbox.failed(item.id, text)
                continue
            with self._store.transaction():
                for done in (*earlier, item):
                    self._store.outbox.done(done.id)
            self._trouble, self._failures, arrived = "", 0, True
        return arrived

    def _start_child(self, stop: threading.Event) -> MirrorChild:
        log_file = self._home.logs / "mirror.log" if self._home.logs.is_dir() else None
        return MirrorChild(self._home.root, log_file, give_up=stop)

    def _running(self, stop: threading.Event) -> MirrorChild:
        if self._child is None:
            self._child = self._start(stop)
            self._used_at = time.monotonic()
            if self._child.created:
                outbox.everything(self._store)  # a new MLflow database knows nothing of what an older one was told
        return self._child

    def _failed(self, text: str) -> None:
        self._close()
        self._failures += 1
        wait = min(FIRST_WAIT_S * 2.0 ** (self._failures - 1), LONGEST_WAIT_S)
        self._next_try = time.monotonic() + wait
        if text != self._trouble:
            log.warning("mirror: %s", text)
        self._trouble = text

    def _close(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


def _merged(items: list[OutboxItem]) -> list[tuple[OutboxItem, list[OutboxItem]]]:
    """Items in order; of several notes about one thing the last one stands for the others (a message holds the
    present state)."""
    groups: dict[tuple[str, str], list[OutboxItem]] = {}
    for item in items:
        groups.setdefault((item.kind, item.key), []).append(item)
    return [(group[-1], group[:-1]) for group in groups.values()]
