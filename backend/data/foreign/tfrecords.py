"""The framing of TensorBoard's event files: length, its checksum, data, its checksum.

A damaged record is left out and told with its place; reading goes on with the next record whose checksums hold.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from backend.data.foreign import crc
from backend.data.foreign.found import Notes
from backend.data.source import check_regular

CHUNK = 4 << 20
LARGEST = 16 << 20
"""A longer record holds no scalars; it is stepped over without being read."""

HEAD, TAIL = 12, 4
_HEAD = struct.Struct("<QI")
_SUM = struct.Struct("<I")


@dataclass
class _Batch:
    """Records that lie whole in one piece of the file."""

    starts: list[int]
    sizes: list[int]
    heads: list[int]
    used: int = 0
    stopped: int | None = None  # the place in the piece where no record begins
    ahead: int = 0  # bytes of a record longer than LARGEST, to be stepped over


def read_records(path: Path, notes: Notes) -> Iterator[bytes]:
    """The data of every good record in order. Refused when the file cannot be opened."""
    check_regular(path)
    with path.open("rb") as file:
        yield from _Reader(file, path.name, notes).records()


class _Reader:
    def __init__(self, file: BinaryIO, name: str, notes: Notes) -> None:
        self._file = file
        self._name = name
        self._notes = notes
        self._at = 0  # of the first byte of the piece in the file

    def records(self) -> Iterator[bytes]:
        piece = b""
        while True:
            more = self._file.read(CHUNK)
            self._notes.advance(len(more))
            piece += more
            if not piece:
                return
            batch = _frame(piece)
            yield from self._good(piece, batch)
            if batch.ahead:
                piece = self._step_over(batch)
            elif batch.stopped is not None:
                piece = self._resume(piece, batch.stopped, last=not more)
            else:
                piece = piece[batch.used :]
                self._at += batch.used
            if not more and piece and not batch.used and not batch.ahead and batch.stopped is None:
                self._cut_off(piece)
                return

    def _good(self, piece: bytes, batch: _Batch) -> Iterator[bytes]:
        """Records whose data agrees with its checksum."""
        data = np.frombuffer(piece, np.uint8)
        good = [True] * len(batch.starts)
        by_size: dict[int, list[int]] = {}
        for i, size in enumerate(batch.sizes):
            by_size.setdefault(size, []).append(i)
        for size, places in by_size.items():
            starts = [batch.starts[i] for i in places]
            for i, start, found in zip(places, starts, _sums(piece, data, starts, size), strict=True):
                good[i] = found == _SUM.unpack_from(piece, start + size)[0]
        for start, size, whole in zip(batch.starts, batch.sizes, good, strict=True):
            if whole:
                yield piece[start : start + size]
            else:
                where = f"{self._name}, byte {self._at + start - HEAD:,}"
                self._notes.tell(where, f"the checksum of a record of {size:,} bytes differs; it was left out")

    def _step_over(self, batch: _Batch) -> bytes:
        where = f"{self._name}, byte {self._at + batch.used:,}"
        end = self._at + batch.used + batch.ahead
        size = self._file.seek(0, 2)
        if end > size:
            text = f"claims a record of {batch.ahead - HEAD - TAIL:,} bytes, but only {size - self._at - batch.used:,}"
            self._notes.tell(where, f"{text} follow; everything before it was read")
            self._at = size
            return b""
        self._notes.tell(where, f"a record of {batch.ahead - HEAD - TAIL:,} bytes is too large for numbers; left out")
        self._file.seek(end)
        self._at = end
        return b""

    def _resume(self, piece: bytes, stopped: int, *, last: bool) -> bytes:
        """The rest of the piece from the next place where a record begins."""
        where = f"{self._name}, byte {self._at + stopped:,}"
        found = _next_record(piece, stopped + 1)
        if found is None:
            found = len(piece) if last else max(stopped, len(piece) - HEAD + 1)
            if last:
                self._notes.tell(where, f"the last {len(piece) - stopped:,} bytes are no records; left out")
        else:
            self._notes.tell(where, f"{found - stopped:,} bytes are damaged; reading went on behind them")
        self._at += found
        return piece[found:]

    def _cut_off(self, piece: bytes) -> None:
        text = "the file ends in the middle of a record; everything before it was read"
        self._notes.tell(f"{self._name}, byte {self._at:,}", f"{text} ({len(piece):,} bytes left)")


def _frame(piece: bytes) -> _Batch:
    """Walk from head to head; a head's checksum is checked before its length is believed."""
    batch, at, end = _Batch([], [], []), 0, len(piece)
    data = np.frombuffer(piece, np.uint8)
    unpack = _HEAD.unpack_from
    while at + HEAD <= end:
        size, _ = unpack(piece, at)
        if at + HEAD + size + TAIL > end:
            break
        batch.heads.append(at)
        batch.starts.append(at + HEAD)
        batch.sizes.append(size)
        at += HEAD + size + TAIL
    if at + HEAD <= end:
        batch.heads.append(at)  # of the record that is not whole: is its length true?
    sums = crc.masked_of(data, batch.heads, 8).tolist() if batch.heads else []
    for i, (head, found) in enumerate(zip(batch.heads, sums, strict=True)):
        if found != unpack(piece, head)[1]:
            del batch.starts[i:], batch.sizes[i:]
            batch.used = batch.stopped = head
            return batch
    batch.used = at
    if at + HEAD <= end and (size := unpack(piece, at)[0]) > LARGEST:
        batch.ahead = HEAD + size + TAIL
    return batch


def _sums(piece: bytes, data: "np.ndarray[tuple[int], np.dtype[np.uint8]]", starts: list[int], size: int) -> list[int]:
    if size > 4 * crc.STRIP or len(starts) == 1:
        return [crc.masked(crc.crc32c(piece[start : start + size])) for start in starts]
    found: list[int] = crc.masked_of(data, starts, size).tolist()
    return found


def _next_record(piece: bytes, start: int) -> int | None:
    """The first place from `start` on whose eight bytes and their checksum agree."""
    count = len(piece) - start - HEAD + 1
    if count <= 0:
        return None
    data = np.frombuffer(piece, np.uint8)
    places = np.arange(start, start + count)
    sums = crc.masked_of(data, places, 8)  # type: ignore[arg-type]
    said = sum(data[places + 8 + i].astype(np.uint32) << np.uint32(8 * i) for i in range(4))
    hits = np.flatnonzero(sums == said)
    return int(places[hits[0]]) if len(hits) else None
