"""The append-only log of a job, numbered without gaps, each line with its CRC-32 (lines.py).

LogWriter writes at once. BufferedLog is for a training loop, which then only appends to a queue. LogReader reads on
from an offset.
"""

import contextlib
import errno
import os
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from backend import platform
from backend.clock import Clock, SystemClock
from backend.contract.base import Record
from backend.failpoints import failpoint
from backend.jobs.lines import MAX_LINE_BYTES, as_fields, decode_line, encode_line

_FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


class LogFailed(OSError):
    """The log cannot be trusted to reach the disk any more (a failed fsync is final)."""


# ---- writer ------------------------------------------------------------------------------------------------


class Pending(NamedTuple):
    """A line that has no number yet."""

    time: float
    kind: str
    fields: dict[str, Any]


class LogWriter:
    """Appends to a log; one writer per file. Thread-safe.

    Opening cuts a torn last line off and continues its numbering. A line is either written entirely or, when the
    disk refuses, not
    at all. A failed fsync makes every later call raise LogFailed: the kernel has forgotten which bytes never arrived.
    """

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._failed: OSError | None = None
        self._unsynced = False
        fresh = not path.exists()
        self._fd = platform.open_private(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            self._end, self._seq = _find_end(self._fd)
            os.ftruncate(self._fd, self._end)
            if fresh:
                platform.sync_folder(path.parent)
        except OSError:
            os.close(self._fd)
            raise

    @property
    def seq(self) -> int:
        """The number of the last line."""
        return self._seq

    @property
    def size(self) -> int:
        """Bytes up to the end of the last line."""
        return self._end

    def append(self, kind: str, record: Record | dict[str, Any], *, sync: bool = False) -> int:
        """Write one line and return its seq; with sync, return only when it is on the disk. Raises OSError,
        ValueError."""
        return self.append_many([Pending(self._clock.now(), kind, as_fields(record))], sync=sync)

    def append_many(self, lines: Iterable[Pending], *, sync: bool = False) -> int:
        """Write lines in order, all or none, and return the seq of the last."""
        with self._lock:
            self._check()
            seq = self._seq
            encoded = []
            for line in lines:
                seq += 1
                encoded.append(encode_line(seq, line.time, line.kind, line.fields))
            self._write(b"".join(encoded))
            self._seq = seq
            if sync:
                self.sync()
            return seq

    def sync(self) -> None:
        """Put everything written so far on the disk."""
        with self._lock:
            self._check()
            if not self._unsynced:
                return
            try:
                failpoint("log.sync")
                os.fsync(self._fd)
            except OSError as error:
                self._failed = error
                raise LogFailed(error.errno, f"the log could not be put on the disk: {error.strerror}") from error
            self._unsynced = False

    def close(self) -> None:
        """Sync and close; a second call does nothing."""
        with self._lock:
            if self._fd < 0:
                return
            try:
                if self._failed is None:
                    self.sync()
            finally:
                os.close(self._fd)
                self._fd = -1

    def _check(self) -> None:
        if self._failed is not None:
            raise LogFailed(self._failed.errno, f"the log failed before: {self._failed.strerror}")
        if self._fd < 0:
            raise LogFailed(errno.EBADF, "the log is closed")

    def _write(self, data: bytes) -> None:
        try:
            failpoint("log.write")
            platform.write_all(self._fd, data)
        except OSError:
            # Part of a line would swallow the next one: take it back, so that the file always ends in a whole line.
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._end)
            raise
        self._end += len(data)
        self._unsynced = True


def _find_end(fd: int) -> tuple[int, int]:
    """Where the last whole line ends and its seq; damaged lines behind the last good one are counted in."""
    size, length = os.fstat(fd).st_size, 65536
    while True:
        start = max(0, size - length)
        data = os.pread(fd, size - start, start)
        newline = data.rfind(b"\n")
        lines = data[:newline].split(b"\n") if newline >= 0 else []
        for behind, line in enumerate(reversed(lines if start == 0 else lines[1:])):
            with contextlib.suppress(ValueError):
                return start + newline + 1, int(decode_line(line)["seq"]) + behind
        if start == 0:
            return newline + 1, len(lines)
        length *= 8


# ---- buffered writer ---------------------------------------------------------------------------------------

_FLUSH_S = 0.05
_SYNC_S = 1.0
_BATCH = 2000  # lines written by one call
_BATCH_VALUES = 50_000
_MOST_VALUES = 1_000_000
"""More than this waiting for the disk makes the training loop wait, too: memory is bounded, nothing is dropped."""


class BufferedLog:
    """A log for a training loop: add_metrics() only appends to a queue; a thread writes every 0.05 s and syncs every
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
            try:
                self._writer.sync()
            except OSError as error:
                self._error = error


# ---- reader ------------------------------------------------------------------------------------------------


class Line(NamedTuple):
    """A good line: its frame, the fields of its kind, and the offset behind it."""

    seq: int
    time: float
    kind: str
    fields: dict[str, Any]
    end: int


@dataclass(frozen=True, slots=True)
class Damage:
    """Something wrong in the log: where, the beginning of the text, and why in words."""

    offset: int
    text: str
    reason: str


@dataclass(slots=True)
class ReadResult:
    """What one read() found; `offset` and `seq` are where the next one goes on."""

    offset: int
    seq: int
    lines: list[Line] = field(default_factory=list)
    damaged: list[Damage] = field(default_factory=list)


class LogReader:
    """Reads a log that may still grow; keeps no file open between calls. Never passes an undamaged line twice, never
    stops at a damaged one.

    `seq` is the last number already taken (from a stored offset); None takes whatever comes first.
    """

    def __init__(self, path: Path, *, seq: int | None = 0) -> None:
        self._path = path
        self._seq = seq
        self._spare = 0  # damaged lines since the last good one: each may hide one number
        self._missing: set[int] = set()
        self._huge_scanned = 0
        self._shrunk = False

    def read(self, offset: int, max_bytes: int = 4 * MAX_LINE_BYTES) -> ReadResult:
        """Whole lines from `offset` on; a torn last line waits. A missing file is an empty log."""
        result = ReadResult(offset, self._seq or 0)
        try:
            with self._path.open("rb") as file:
                self._read(file.fileno(), max(max_bytes, MAX_LINE_BYTES + 1), result)
        except FileNotFoundError:
            return result
        result.seq = self._seq or 0
        return result

    def _read(self, fd: int, max_bytes: int, result: ReadResult) -> None:
        size = os.fstat(fd).st_size
        if size < result.offset:
            if not self._shrunk:
                reason = f"the file has {size} bytes, fewer than the {result.offset} already read"
                result.damaged.append(Damage(result.offset, "", reason))
            self._shrunk = True
            return
        data = os.pread(fd, max_bytes, result.offset)
        newline = data.rfind(b"\n")
        if newline < 0:
            if len(data) > MAX_LINE_BYTES:
                self._skip_huge(fd, data, result)
            return
        offset = result.offset
        for raw in data[:newline].split(b"\n"):
            self._take(raw, offset, result)
            offset += len(raw) + 1
        result.offset = offset

    def _take(self, raw: bytes, offset: int, result: ReadResult) -> None:
        try:
            if len(raw) > MAX_LINE_BYTES:
                raise ValueError(f"{len(raw)} bytes, over the limit of {MAX_LINE_BYTES}")
            found = decode_line(raw)
        except ValueError as error:
            self._spare += 1
            result.damaged.append(_damage(offset, raw, str(error)))
            return
        problem = self._number(found["seq"])
        if problem:
            result.damaged.append(_damage(offset, raw, problem))
        if problem.startswith("duplicate"):
            return
        seq, when, kind = found.pop("seq"), found.pop("time", 0.0), found.pop("kind")
        result.lines.append(Line(seq, when, kind, found, offset + len(raw) + 1))

    def _number(self, seq: int) -> str:
        """Account for a number; what is wrong with it, or nothing."""
        expected = seq if self._seq is None else self._seq + 1
        if seq in self._missing:
            self._missing.discard(seq)
            return f"out of order: seq {seq} after {self._seq}"
        if seq < expected:
            return f"duplicate: seq {seq} after {self._seq}"
        gap, spare = seq - expected, self._spare
        self._seq, self._spare = seq, 0
        if gap <= spare:
            return ""
        self._missing.update(range(max(expected, seq - 10_000), seq))
        return f"gap: seq {expected} to {seq - 1} is missing"

    def _skip_huge(self, fd: int, data: bytes, result: ReadResult) -> None:
        """Look for the end of a line over the limit; until it comes, wait."""
        position = max(result.offset + len(data), self._huge_scanned)
        while chunk := os.pread(fd, 1 << 20, position):
            newline = chunk.find(b"\n")
            if newline >= 0:
                end = position + newline + 1
                self._spare += 1
                reason = f"{end - result.offset - 1} bytes, over the limit of {MAX_LINE_BYTES}"
                result.damaged.append(_damage(result.offset, data, reason))
                result.offset, self._huge_scanned = end, 0
                return
            position += len(chunk)
        self._huge_scanned = position


def _damage(offset: int, raw: bytes, reason: str) -> Damage:
    return Damage(offset, raw[:500].decode("utf-8", "backslashreplace"), reason)


def last_line(path: Path, kind: str, *, start: int = 0, within: int = MAX_LINE_BYTES) -> dict[str, Any] | None:
    """The fields of the last good line of a kind at or behind the offset `start`, looking at the last `within`
    bytes."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            begin = max(start, size - within)
            file.seek(begin)
            data = file.read()
    except FileNotFoundError:
        return None
    marker = f'"kind":"{kind}"'.encode()
    for raw in reversed(data[: data.rfind(b"\n") + 1].splitlines()):
        if marker in raw:
            with contextlib.suppress(ValueError):
                found = decode_line(raw)
                if found["kind"] == kind:
                    return found
    return None
