"""A SeriesReply as packed columns: the same points as its JSON, bit for bit, without a word for each number.

Asked for with `Accept: application/vnd.modeldeck.series`; JSON stays the answer to everybody else. Little-endian:
the length of a JSON head (4 bytes), the head, padded with spaces so that what follows stands at a multiple of eight:
for every series of the head, in its order, `points` steps (int64), times, epochs and values (float64), and where the
head says `flags` a byte a point, padded with zeros to a multiple of eight: 1 the value, 2 the epoch is unknown (null in
JSON).

Import it late: it needs numpy.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MEDIA_TYPE = "application/vnd.modeldeck.series"

NO_VALUE = 1
NO_EPOCH = 2

_HEAD = struct.Struct("<I")
_WORD = 8
_COLUMNS = ("<i8", "<f8", "<f8", "<f8")


@dataclass(frozen=True, slots=True)
class PackedSeries:
    """SeriesData as columns of one length. `flags` is None when every value and every epoch is known."""

    steps: NDArray[np.int64]
    times: NDArray[np.float64]
    epochs: NDArray[np.float64]
    values: NDArray[np.float64]
    flags: NDArray[np.uint8] | None
    count: int

    @property
    def known_epochs(self) -> NDArray[np.float64] | None:
        """The epochs; None when one is unknown."""
        return None if self.flags is not None and (self.flags & NO_EPOCH).any() else self.epochs


@dataclass(frozen=True, slots=True)
class PackedReply:
    """SeriesReply with packed series."""

    run_id: str
    series: Mapping[str, PackedSeries]
    next_event: int


def wanted(accept: str) -> bool:
    """Whether an Accept header names this form; a weight beside it does not matter, JSON is the other one."""
    return any(part.split(";")[0].strip().lower() == MEDIA_TYPE for part in accept.split(","))


def pack(reply: PackedReply) -> bytes:
    """The bytes of a reply."""
    told, parts = [], []
    for key, one in reply.series.items():
        flags = one.flags if one.flags is not None and one.flags.any() else None
        told.append({"key": key, "points": len(one.steps), "count": one.count, "flags": flags is not None})
        columns = (one.steps, one.times, one.epochs, one.values)
        parts += [column.astype(kind, copy=False).tobytes() for column, kind in zip(columns, _COLUMNS, strict=True)]
        if flags is not None:
            parts.append(flags.astype("u1", copy=False).tobytes() + bytes(-len(flags) % _WORD))
    head = json.dumps({"run_id": reply.run_id, "next_event": reply.next_event, "series": told}).encode()
    head += b" " * (-(_HEAD.size + len(head)) % _WORD)
    return b"".join((_HEAD.pack(len(head)), head, *parts))


def unpack(body: bytes) -> PackedReply:
    """The reply behind pack(); its columns are views into `body`. ValueError when the bytes are not such a reply."""
    if len(body) < _HEAD.size:
        raise ValueError(f"packed series of {len(body)} bytes have no head")
    place = _HEAD.size + _HEAD.unpack_from(body)[0]
    if place > len(body):
        raise ValueError(f"packed series of {len(body)} bytes end within their head")
    try:
        head = json.loads(body[_HEAD.size : place])
        series = {}
        for told in head["series"]:
            series[told["key"]], place = _read(body, place, told)
        found = PackedReply(head["run_id"], series, head["next_event"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"the head of packed series lacks {error}") from error
    if place != len(body):
        raise ValueError(f"packed series of {len(body)} bytes end at {place}")
    return found


def _read(body: bytes, place: int, told: Mapping[str, Any]) -> tuple[PackedSeries, int]:
    points = told["points"]
    size = points * _WORD
    # ValueError when the bytes end before
    steps, times, epochs, values = (
        np.frombuffer(body, kind, points, place + index * size) for index, kind in enumerate(_COLUMNS)
    )
    place += len(_COLUMNS) * size
    flags = None
    if told["flags"]:
        flags = np.frombuffer(body, np.uint8, points, place)
        place += points + -points % _WORD
    return PackedSeries(steps, times, epochs, values, flags, told["count"]), place
