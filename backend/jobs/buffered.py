"""The log of a training loop, which only appends to a queue: a thread numbers, writes and syncs (log.py)."""

import errno
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from backend.clock import Clock, SystemClock
from backend.contract.base import Record
from backend.jobs.lines import as_fields, encode_line
from backend.jobs.log import LogFailed, LogWriter, Pending

_FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
_FLUSH_S = 0.02
_SYNC_S = 1.0
_BATCH = 2000  # lines written by one call
_BATCH_VALUES = 50_000
_MOST_VALUES = 1_000_000
"""More than this waiting for the disk makes the training loop wait, too: memory is bounded, nothing is dropped."""


class BufferedLog:
    """A log for a training loop: add_metrics() only appends to a queue; a thread writes every 0.02 s and syncs every
    second.

    A full disk does not stop the loop: lines wait in memory (bounded) and follow when there is room, with one
    warning that says how
    long it lasted. Any other failure of the disk is raised by the next call.
    """

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._writer = LogWriter(path, clock=self._clock)
        self._now = self._clock.now
        self._queue: deque[Pending | tuple[float, int, float | None, dict[str, Any]]] = deque()
        self._lock = threading.RLock()  # who holds it may write; keeps queue order and file order the same
        self._error: OSError | ValueError | None = None
        self._full_since: float | None = None
        self._wake = threading.Event()
        self._room = threading.Event()
        self._room.set()
        self._closing = False
        self._slowest_sync = 0.0
        self._thread = threading.Thread(target=self._run, name="job-log", daemon=True)
        self._thread.start()

    def add_metrics(self, step: int, epoch: float | None, values: dict[str, Any]) -> None:
        """Queue the numbers of one step (values are floats, None for unknown). Costs the caller a few microseconds."""
        if self._error is not None:
            raise self._error
        self._queue.append((self._now(), step, epoch, values))  # a bare tuple: everything else is the thread's work
        if len(self._queue) * (len(values) + 9) > _MOST_VALUES:
            self._wait_for_room()

    def append(self, kind: str, record: Record | dict[str, Any], *, sync: bool = False) -> int:
        """Write everything queued and this line; returns its seq, 0 when the disk is full and it waits in memory."""
        if self._error is not None:
            raise self._error
        line = Pending(self._clock.now(), kind, as_fields(record))
        encode_line(0, *line)  # a record that cannot be written fails here, not in the thread
        self._queue.append(line)
        with self._lock:
            seq = self._drain()
            if sync and seq:
                self._sync()
        if self._error is not None:
            raise self._error
        return seq

    def slowest_sync(self) -> float:
        """Seconds of the slowest sync since the last call: how the disk under the log is doing."""
        found, self._slowest_sync = self._slowest_sync, 0.0
        return found

    def flush(self, *, sync: bool = True) -> None:
        """Write everything queued now."""
        with self._lock:
            self._drain()
            if sync:
                self._sync()
        if self._error is not None:
            raise self._error

    def close(self, timeout_s: float = 30.0) -> None:
        """Write and sync everything, then close; a full disk is given `timeout_s` to find room. Raises OSError when
        lines are lost."""
        if self._closing:
            return
        self._closing = True
        self._wake.set()
        self._thread.join()
        end = time.monotonic() + timeout_s
        with self._lock:
            while not self._drain() and self._queue and self._error is None and time.monotonic() < end:
                time.sleep(0.2)
            lost = len(self._queue)
            self._writer.close()
        if self._error is not None:
            raise self._error
        if lost:
            raise LogFailed(errno.ENOSPC, f"the disk stayed full, {lost} lines of the log are lost")

    def _wait_for_room(self) -> None:
        goal = len(self._queue) // 2
        while len(self._queue) > goal and self._error is None:
            self._room.clear()
            self._wake.set()
            self._room.wait(1.0)
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        synced = time.monotonic()
        while not self._closing:
            self._wake.wait(_FLUSH_S)
            self._wake.clear()
            with self._lock:
                self._drain()
                if time.monotonic() - synced >= _SYNC_S:
                    self._sync()
                    synced = time.monotonic()
            self._room.set()

    def _drain(self) -> int:
        """Write the queue in order; the seq of the last line, 0 when something still waits. Call with the lock held."""
        while self._queue and self._error is None:
            batch = self._next_batch()
            try:
                self._writer.append_many(batch)
            except OSError as error:
                if error.errno not in _FULL_DISK or isinstance(error, LogFailed):
                    self._error = error
                elif self._full_since is None:
                    self._full_since = time.monotonic()
                return 0
            except ValueError as error:
                self._error = error
                return 0
            for _ in batch:
                self._queue.popleft()
            self._tell_full_disk()
        return self._writer.seq if self._error is None else 0

    def _next_batch(self) -> list[Pending]:
        batch, values = [], 0
        for index in range(min(_BATCH, len(self._queue))):
            line = self._queue[index]  # by index: iterating would break on the training thread's append
            if not isinstance(line, Pending):
                when, step, epoch, numbers = line
                line = Pending(when, "metrics", {"step": step, "epoch": epoch, "values": numbers})
                values += len(numbers)
            batch.append(line)
            if values > _BATCH_VALUES:
                break
        return batch

    def _tell_full_disk(self) -> None:
        if self._full_since is None:
            return
        seconds, self._full_since = time.monotonic() - self._full_since, None
        text = f"The disk was full for {seconds:.0f} s; what was logged meanwhile waited in memory and is complete"
        fields = {"code": "disk_full", "text": text, "advice": "Free some space on this disk.", "step": None}
        self._queue.append(Pending(self._clock.now(), "warning", fields))

    def _sync(self) -> None:
        if self._error is None:
            begun = time.monotonic()
            try:
                self._writer.sync()
            except OSError as error:
                self._error = error
            self._slowest_sync = max(self._slowest_sync, time.monotonic() - begun)
