"""The append-only log of a job, numbered without gaps, each line with its CRC-32 (lines.py).

LogWriter writes at once, LogReader reads on from an offset. A training loop writes through buffered.py.
"""

import contextlib
import errno
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from backend import platform
from backend.clock import Clock, SystemClock
from backend.contract.base import Record
from backend.failpoints import failpoint
from backend.jobs.lines import MAX_LINE_BYTES, as_fields, decode_line, encode_line


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


# ---- reader ------------------------------------------------------------------------------------------------


class Line(NamedTuple):
    """A good line: its frame, the fields of its kind, and the offset behind it."""

    seq: int
    time: float
    kind: str
    fields: dict[str, Any]
    end: int


MOST_DAMAGED = 200
"""Damaged lines that one read names."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something wrong in the log: where, the beginning of the text, and why in words."""

    offset: int
    text: str
    reason: str


@dataclass(slots=True)
class ReadResult:
    """What one read() found; `offset` and `seq` are where the next one goes on.

    Damaged lines over MOST_DAMAGED are only counted: a file of rubbish must not fill the memory.
    """

    offset: int
    seq: int
    lines: list[Line] = field(default_factory=list)
    damaged: list[Damage] = field(default_factory=list)
    more_damaged: int = 0

    def set_aside(self, offset: int, raw: bytes, reason: str) -> None:
        """Name a damaged line, or only count it."""
        if len(self.damaged) < MOST_DAMAGED:
            self.damaged.append(Damage(offset, raw[:500].decode("utf-8", "backslashreplace"), reason[:500]))
        else:
            self.more_damaged += 1


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
                result.set_aside(result.offset, b"", reason)
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
            result.set_aside(offset, raw, str(error))
            return
        problem = self._number(found["seq"])
        if problem:
            result.set_aside(offset, raw, problem)
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
                result.set_aside(result.offset, data, reason)
                result.offset, self._huge_scanned = end, 0
                return
            position += len(chunk)
        self._huge_scanned = position


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
