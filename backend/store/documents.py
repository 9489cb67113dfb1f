"""Contract records as JSON text and back; odd numbers become the three strings of contract/base.py."""

import json
import math
from typing import Any, TypeVar

from backend.contract.base import Record, number_to_json

R = TypeVar("R", bound=Record)

encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
"""Strict JSON; ValueError for an odd number."""

_encode_canonical = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode


def plain(value: Any) -> Any:
    """The same value with every NaN and infinity as text and every tuple as list."""
    if isinstance(value, float):
        return value if math.isfinite(value) else number_to_json(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Record):
        return to_data(value)
    return value


def to_text(value: Any) -> str:
    """Strict JSON of plain data; odd numbers as text. Raises TypeError for what is no data."""
    try:
        text = encode(value)
    except (ValueError, TypeError):
        text = encode(plain(value))
    return _without_surrogates(text)


def to_canonical(value: Any) -> str:
    """JSON whose bytes depend on the value alone: sorted keys, no spaces. What hashes are computed over."""
    return _without_surrogates(_encode_canonical(plain(value)))


def _without_surrogates(text: str) -> str:
    # A lone surrogate (a file name, a broken log line) cannot be stored by SQLite; \udcxx is how JSON writes it.
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def to_data(record: Record | dict[str, Any]) -> dict[str, Any]:
    """A record as data that strict JSON can carry."""
    if isinstance(record, Record):
        return plain(record.model_dump(mode="json"))
    return plain(record)


def to_body(record: Record) -> str:
    """The JSON text of a record."""
    return to_text(record.model_dump(mode="json"))


def from_body(model: type[R], text: str) -> R:
    """The record behind a JSON text."""
    return model.model_validate_json(text)


def changed(record: R, fields: dict[str, Any]) -> R:
    """A validated copy with other fields; ValueError names an unknown one."""
    unknown = set(fields) - set(type(record).model_fields)
    if unknown:
        raise ValueError(f"{type(record).__name__} has no field {', '.join(sorted(unknown))}")
    return type(record).model_validate({**dict(record), **fields})


def clean_text(text: str) -> str:
    """Text as SQLite can store it."""
    return _without_surrogates(text)
