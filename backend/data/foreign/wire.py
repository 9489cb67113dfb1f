"""Protobuf messages, field by field (encoding: protobuf.dev/programming-guides/encoding). No schema, no surprises."""

import struct
from collections.abc import Iterator
from typing import Any

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")


def fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """(field number, wire type, value): an int, or the raw bytes of the others. ValueError for what is no message."""
    at, end = 0, len(data)
    while at < end:
        key, at = varint(data, at)
        kind = key & 7
        if kind == VARINT:
            value, at = varint(data, at)
            yield key >> 3, kind, value
            continue
        if kind == BYTES:
            size, at = varint(data, at)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind} is unknown")
        if size > end - at:
            raise ValueError(f"a field of {size:,} bytes is longer than its message")
        yield key >> 3, kind, data[at : at + size]
        at += size


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at` and the place behind it."""
    shift = value = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("a number is cut off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def signed(value: int) -> int:
    """An int64 as protobuf writes it."""
    return value - (1 << 64) if value >= 1 << 63 else value


def double(raw: bytes) -> float:
    """The value of a fixed 64-bit field."""
    return float(_DOUBLE.unpack(raw)[0])


def single(raw: bytes) -> float:
    """The value of a fixed 32-bit field."""
    return float(_FLOAT.unpack(raw)[0])


def text(raw: Any) -> str:
    """Bytes as text; what is not UTF-8 stays visible."""
    return raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else str(raw)
