"""What a daemon of another age answers: unknown fields are ignored, missing or unreadable ones take their default."""

import logging
from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from backend.contract.base import Record

R = TypeVar("R", bound=Record)
log = logging.getLogger(__name__)


def readable(kind: type[R], body: Any) -> R | None:
    """The record, with the default of every field that cannot be read; None when one without a default is missing."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        odd = {problem["loc"][0] for problem in error.errors() if problem["loc"]}
    kept = {name: value for name, value in body.items() if name not in odd} if isinstance(body, Mapping) else body
    try:
        return kind.model_validate(kept)
    except ValidationError:
        log.warning("A %s that cannot be read was passed over: %s", kind.__name__, sorted(map(str, odd)))
        return None


def items_of(body: Any) -> list[Any]:
    """What stands under `items` of an answer, or the answer when it is a list; nothing when there is none."""
    found = body.get("items") if isinstance(body, Mapping) else body
    return found if isinstance(found, list) else []


def readable_items(kind: type[R], body: Any) -> list[R]:
    """The items of an answer that can be read."""
    return [record for item in items_of(body) if (record := readable(kind, item)) is not None]


def completed(kind: type[Record], body: Any) -> dict[str, Any]:
    """An answer with every field of `kind`, also inside its records, as plain JSON: what is missing has its default,
    or None where there is none; what `kind` does not know stays as it came."""
    found = dict(body) if isinstance(body, Mapping) else {}
    for name, field in kind.model_fields.items():
        if name not in found:
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            found[name] = to_jsonable_python(default)
        elif (inner := _record_in(field.annotation)) is not None:
            found[name] = _completed_inside(inner, found[name])
    return found


def completed_items(kind: type[Record], body: Any) -> list[dict[str, Any]]:
    """The items of an answer, each completed."""
    return [completed(kind, item) for item in items_of(body)]


def _completed_inside(kind: type[Record], value: Any) -> Any:
    if isinstance(value, list):
        return [completed(kind, item) for item in value]
    return completed(kind, value) if isinstance(value, Mapping) else value


def _record_in(annotation: Any) -> type[Record] | None:
    """The record that a field holds: one, one or none, or a tuple of them."""
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, Record):
            return part
    return None
