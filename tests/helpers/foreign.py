"""Event files and W&B logs written by hand, byte by byte, so that a test can spoil any of them."""

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

from backend.data.foreign.crc import crc32c, masked
from backend.paths import PROJECT

ASSETS = PROJECT / "tests" / "assets" / "foreign"


def record(data: bytes) -> bytes:
    """A TFRecord."""
    head = struct.pack("<Q", len(data))
    return head + struct.pack("<I", masked(crc32c(head))) + data + struct.pack("<I", masked(crc32c(data)))


def field(number: int, kind: int, value: bytes | int) -> bytes:
    """One protobuf field."""
    key = varint(number << 3 | kind)
    if isinstance(value, int):
        return key + varint(value)
    return key + (varint(len(value)) if kind == 2 else b"") + value


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def scalar(step: int, time: float, **values: float) -> bytes:
    """An event with simple scalars; a double underscore in a name is a slash."""
    summary = b"".join(
        field(1, 2, field(1, 2, name.replace("__", "/").encode()) + field(2, 5, struct.pack("<f", value)))
        for name, value in values.items()
    )
    step_field = field(2, 0, step if step >= 0 else step + 2**64)
    return field(1, 1, struct.pack("<d", time)) + step_field + field(5, 2, summary)


def event_file(path: Path, events: Iterable[bytes]) -> Path:
    """An event file of these events."""
    path.parent.mkdir(parents=True, exist_ok=True)
    version = field(1, 1, struct.pack("<d", 1.0)) + field(3, 2, b"brain.Event:2")
    path.write_bytes(b"".join(record(data) for data in (version, *events)))
    return path


def wandb_log(records: Iterable[bytes]) -> bytes:
    """A .wandb file of these records, cut into blocks as LevelDB does it."""
    out = bytearray(b":W&B\xe1\xbe\x00")
    for data in records:
        first = True
        while True:
            left = 32768 - len(out) % 32768
            if left < 7:
                out += b"\0" * left
                left = 32768
            part, data = data[: left - 7], data[left - 7 :]
            kind = (1 if first else 4) if not data else (2 if first else 3)
            out += struct.pack("<IHB", zlib.crc32(part, zlib.crc32(bytes((kind,)))), len(part), kind) + part
            first = False
            if not data:
                break
    return bytes(out)


def wandb_history(step: int, **values: str) -> bytes:
    """A history record; values are JSON texts."""
    items = {"_step": str(step), "_timestamp": str(1000.0 + step), **values}
    inner = b"".join(
        field(1, 2, field(2, 2, name.replace("__", "/").encode()) + field(16, 2, text.encode()))
        for name, text in items.items()
    )
    return field(2, 2, inner)
