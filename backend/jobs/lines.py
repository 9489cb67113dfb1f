"""One line of a job's log: a JSON object with seq, time and kind first and its own CRC-32 last
(backend/contract/events.py)."""

import json
import zlib
from typing import Any

from backend.contract.base import Record, number_to_json

MAX_LINE_BYTES = 4 * 1024 * 1024
"""A longer line is refused by the writer and set aside by the reader."""

_CRC_AT = -18  # `,"crc":"1a2b3c4d"}` is 18 bytes
_FRAME = frozenset(("seq", "time", "kind", "crc"))


def _plain(value: Any) -> Any:
    """The same value with every odd float as text, so that strict JSON can carry it."""
    if isinstance(value, float):
        return number_to_json(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, str | bytes):
        return _plain(value.item())  # a scalar of numpy or torch
    return value


def _odd_type(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    return str(value)


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_odd_type).encode


def encode_line(seq: int, time: float, kind: str, fields: dict[str, Any]) -> bytes:
    """One framed line with its newline; ValueError when it is over MAX_LINE_BYTES."""
    if not _FRAME.isdisjoint(fields):
        raise ValueError(f"a {kind} record may not have the field {', '.join(_FRAME.intersection(fields))}")
    framed = {"seq": seq, "time": time, "kind": kind, **fields}
    try:
        text = _encode(framed)
    except (ValueError, TypeError):
        text = _encode(_plain(framed))
    # A lone surrogate becomes \udcxx, which is also how JSON writes it.
    body = text[:-1].encode("utf-8", "backslashreplace")
    line = b'%s,"crc":"%08x"}\n' % (body, zlib.crc32(body))
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"a {kind} record of {len(line)} bytes is over the limit of {MAX_LINE_BYTES}")
    return line


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_decode = json.JSONDecoder(parse_constant=_no_constant).decode


def decode_line(line: bytes) -> dict[str, Any]:
    """The object of a line without its newline and without crc; ValueError says what is wrong with it."""
    body = line[:_CRC_AT]
    if line[_CRC_AT:-10] != b',"crc":"' or line[-2:] != b'"}':
        raise ValueError("no checksum at its end")
    if line[-10:-2] != b"%08x" % zlib.crc32(body):
        raise ValueError("checksum differs")
    try:
        found = _decode((body + b"}").decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(found.get("seq"), int) or not isinstance(found.get("kind"), str):
        raise ValueError("seq or kind is missing")
    return dict(found)


def as_fields(record: Record | dict[str, Any]) -> dict[str, Any]:
    """A contract record or a plain dict as the fields of a line."""
    return record.model_dump(mode="json") if isinstance(record, Record) else record
