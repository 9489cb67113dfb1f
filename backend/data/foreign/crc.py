"""CRC-32C of many records at once: a step of the table for all of them is one operation of numpy."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]

STRIP = 1024
"""A long record is cut into strips of this many bytes that are summed side by side and then joined."""

_POLYNOMIAL = 0x82F63B78
_ALL = np.uint32(0xFFFFFFFF)


def _table() -> Words:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> np.uint32(1)) ^ np.uint32(_POLYNOMIAL), table >> np.uint32(1))
    return table.astype(np.uint32)


_TABLE = _table()
_EIGHT = np.uint32(8)
_BYTE = np.uint32(0xFF)


def _advance(crc: Words, columns: NDArray[np.uint8]) -> Words:
    """The sums after each row's bytes; `columns` is (rows, bytes)."""
    for column in np.ascontiguousarray(columns.T):
        crc = _TABLE[(crc ^ column) & _BYTE] ^ (crc >> _EIGHT)
    return crc


def _behind_a_strip() -> list[list[int]]:
    """For each of the four bytes of a sum: what it becomes behind STRIP zero bytes."""
    start = np.concatenate([np.arange(256, dtype=np.uint32) << np.uint32(8 * place) for place in range(4)])
    for _ in range(STRIP):
        start = _TABLE[start & _BYTE] ^ (start >> _EIGHT)
    return [part.tolist() for part in np.split(start, 4)]


_BEHIND = _behind_a_strip()


def crc32c(data: bytes) -> int:
    """Of one record of any length."""
    raw = np.frombuffer(data, np.uint8)
    head = len(raw) % STRIP
    crc = int(_advance(np.array([_ALL]), raw[:head].reshape(1, -1))[0])
    strips = raw[head:].reshape(-1, STRIP)
    if len(strips):
        sums = _advance(np.zeros(len(strips), np.uint32), strips)
        first, second, third, fourth = _BEHIND
        for strip in sums.tolist():
            crc = first[crc & 255] ^ second[crc >> 8 & 255] ^ third[crc >> 16 & 255] ^ fourth[crc >> 24] ^ strip
    return crc ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    """As TFRecord writes a sum, so that a record may hold sums itself."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def masked_of(data: NDArray[np.uint8], starts: Sequence[int], size: int) -> Words:
    """The masked sums of records of one size that begin at `starts` in `data`."""
    places = np.asarray(starts, dtype=np.intp)
    crc = np.full(len(places), _ALL)
    for offset in range(size):
        crc = _TABLE[(crc ^ data[places + offset]) & _BYTE] ^ (crc >> _EIGHT)
    crc ^= _ALL
    turned = (crc >> np.uint32(15)) | (crc << np.uint32(17))
    return turned + np.uint32(0xA282EAD8)
