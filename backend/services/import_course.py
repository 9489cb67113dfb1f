"""One import under way: how far it is, told now and then, and whether it has to end before it is done."""

import threading
import time as monotonic_time
from typing import TYPE_CHECKING

from backend.contract.errors import Unavailable
from backend.data.foreign.found import Source
from backend.services.import_log import size_of

if TYPE_CHECKING:
    from backend.store import Store

TELL_EVERY_S = 0.25
CANCELLED = "cancelled"


class Course:
    """Belongs to one operation; look() on its own thread, cancel() from any."""

    def __init__(self, store: "Store", operation_id: str, sources: int, closing: threading.Event) -> None:
        self.operation_id = operation_id
        self.fresh: list[str] = []  # ids of the runs it has brought in
        self._store = store
        self._sources = sources
        self._closing = closing
        self._cancelled = threading.Event()
        self._source: Source | None = None
        self._number = 0
        self._size = 0
        self._tell_at = 0.0

    def cancel(self) -> None:
        """End it at its next look."""
        self._cancelled.set()

    def begin(self, number: int, source: Source) -> None:
        """The source of this number, from 0, is read next."""
        self._number, self._source, self._size = number, source, size_of(source)
        source.notes.on_read = self.look

    def check(self) -> None:
        """Unavailable when it has to end."""
        if self._cancelled.is_set():
            raise Unavailable("The import was cancelled; nothing of it was kept.", code=CANCELLED)
        if self._closing.is_set():
            raise Unavailable("The backend is stopping; nothing was imported by halves.", code="stopping")

    def look(self) -> None:
        """check(), and tell how much is read."""
        self.check()
        if self._source is not None and self._size:
            part = min(1.0, self._source.notes.read_bytes / self._size)
            self.tell((self._number + part) / self._sources)

    def tell(self, progress: float) -> None:
        """So much of the stage is done; not more often than a person can read."""
        now = monotonic_time.monotonic()
        if now >= self._tell_at:
            self._tell_at = now + TELL_EVERY_S
            self._store.operations.advance(self.operation_id, progress)
