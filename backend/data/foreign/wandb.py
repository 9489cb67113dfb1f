"""Offline runs of Weights & Biases: `run-ID.wandb` (records in the framing of a LevelDB log), or the older
`wandb-history.jsonl` with `config.yaml` beside it.

A history row's step is the metric that the run itself declared for all of its metrics, else `_step`.
"""

import json
import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backend.contract.errors import Invalid
from backend.data.foreign import wire
from backend.data.foreign.found import Facts, Keys, Notes, Row, bounded, flat, step_of
from backend.data.source import LINE_LIMIT, BadLine, TextSource, check_regular, data_error

MAGIC = b":W&B\xe1\xbe"
BLOCK = 32768
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
LARGEST = 16 << 20
LARGEST_CONFIG = 4 << 20

_HEAD = struct.Struct("<IHB")
_TYPES = {1: "raw tensors", 3: "console lines", 7: "machine readings", 8: "artifacts", 13: "console lines"}
_OWN = frozenset(("_step", "_runtime", "_timestamp", "_wandb"))


def read_log(path: Path, notes: Notes) -> Iterator[bytes]:
    """The records of a .wandb file in order; a damaged one is left out and told, a block behind it is read again."""
    check_regular(path)
    with path.open("rb") as file:
        mark = file.read(7)
        if mark[:6] != MAGIC:
            raise data_error(path, "is no .wandb file: it does not begin with W&B's mark.")
        joiner, base, at = _Joiner(path.name, notes), 0, 7
        block = mark + file.read(BLOCK - 7)
        while block:
            for kind, body in _pieces(path.name, base, block, at, notes):
                record = joiner.take(base, kind, body)
                if record is not None:
                    yield record
            notes.advance(len(block))
            base, at = base + len(block), 0
            block = file.read(BLOCK)
        if joiner.waiting:
            notes.tell(f"{path.name}, byte {base:,}", "the file ends in the middle of a record; the rest was read")


class _Joiner:
    """Pieces of a record that spans blocks become one."""

    def __init__(self, name: str, notes: Notes) -> None:
        self._name = name
        self._notes = notes
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def waiting(self) -> bool:
        """Whether the end of a record is missing."""
        return bool(self._parts)

    def take(self, base: int, kind: int, body: bytes) -> bytes | None:
        """The record that this piece completes."""
        if kind in (FULL, FIRST):
            if self._parts:
                self._notes.tell(f"{self._name}, byte {base:,}", "a record without its end was left out")
            self._parts, self._size = [body], len(body)
        elif self._parts and kind:
            self._parts.append(body)
            self._size += len(body)
        if kind == 0 or self._size > LARGEST:
            if self._size > LARGEST:
                self._notes.tell(f"{self._name}, byte {base:,}", f"a record over {LARGEST:,} bytes was left out")
            self._parts, self._size = [], 0
        if kind in (FULL, LAST) and self._parts:
            record, self._parts = b"".join(self._parts), []
            return record
        return None


def _pieces(name: str, base: int, block: bytes, at: int, notes: Notes) -> Iterator[tuple[int, bytes]]:
    """(type, body) of what lies in a block; type 0 where something was damaged."""
    while at + _HEAD.size <= len(block):
        crc, size, kind = _HEAD.unpack_from(block, at)
        body = block[at + 7 : at + 7 + size]
        where = f"{name}, byte {base + at:,}"
        if kind == 0 and size == 0 and not crc:
            return  # room that was never written
        if len(body) < size or kind not in (FULL, FIRST, MIDDLE, LAST):
            whole = len(block) == BLOCK
            text = "a record is damaged; reading went on with the next block" if whole else "the file ends in a record"
            notes.tell(where, text if whole else f"{text}; everything before it was read")
            yield 0, b""
            return
        if zlib.crc32(body, zlib.crc32(bytes((kind,)))) != crc:
            notes.tell(where, f"the checksum of a record of {size:,} bytes differs; it was left out")
            yield 0, b""
        else:
            yield kind, body
        at += 7 + size


class _History:
    """Rows of history with their steps."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._keys = Keys(notes)
        self.axis = ""

    def row(self, found: dict[str, Any], where: str, number: int) -> Row | None:
        """A row of numbers; None when it holds none."""
        step = self._step(found, number)
        if step is None:
            self._notes.tell(where, f"its step {found.get('_step')!r:.40} is no whole number; the row was left out")
            return None
        values: dict[str, float | None] = {}
        for key, value in flat(_without_media(found, self._notes)):
            if key in _OWN or key.startswith("_wandb"):
                continue
            number_there = _number(value)
            if number_there is None:
                self._notes.count("values that are no numbers were left out")
            elif self._keys.take(key):
                values[key] = number_there
        time = found.get("_timestamp")
        good = isinstance(time, int | float) and not isinstance(time, bool) and -1e11 < time < 1e11
        epoch = values.get("epoch", values.get("train/epoch"))
        return Row(step, float(time) if good and time is not None else None, values, epoch) if values else None

    def _step(self, found: dict[str, Any], number: int) -> int | None:
        for name in (self.axis, "_step"):
            value = found.get(name) if name else None
            if isinstance(value, int | float) and not isinstance(value, bool) and step_of(value) is not None:
                return step_of(value)
        return number if found.get("_step") is None else None


class WandbFile:
    """One `run-ID.wandb`."""

    kind = "wandb"

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.files: tuple[Path, ...] = (path,)
        self.facts = Facts(name=name, state="interrupted", cause="The file has no record of its end")
        self.notes = Notes()
        self._history = _History(self.notes)
        self._number = 0

    def rows(self) -> Iterator[Row]:
        """Every history row in the order written."""
        for number, record in enumerate(read_log(self.path, self.notes), start=1):
            where = f"{self.path.name}, record {number:,}"
            try:
                row = self._record(record, where)
            except (ValueError, RecursionError) as error:
                self.notes.tell(where, f"cannot be read ({str(error)[:120]}); it was left out")
                continue
            if row is not None:
                yield row
        self.facts.config = bounded(self.facts.config, self.notes)

    def _record(self, record: bytes, where: str) -> Row | None:
        for number, kind, value in wire.fields(record):
            if kind != wire.BYTES:
                continue
            if number == 2:
                found = dict(_items(value, 1))
                stepped = next((v for n, k, v in wire.fields(value) if n == 2 and k == wire.BYTES), None)
                if "_step" not in found and stepped is not None:
                    found["_step"] = next((wire.signed(v) for n, _, v in wire.fields(stepped) if n == 1), 0)
                self._number += 1
                return self._history.row(_unflat(found), where, self._number - 1)
            if number in _TYPES:
                self.notes.count(f"{_TYPES[number]} were left out")
            elif number in _RECORDS:
                _RECORDS[number](self, value)
        return None

    def _run(self, raw: bytes) -> None:
        tags = []
        for number, kind, value in wire.fields(raw):
            if kind == wire.BYTES and number == 4:
                self._config(value)
            elif kind == wire.BYTES and number == 8:
                self.facts.name = wire.text(value)
            elif kind == wire.BYTES and number == 9:
                self.facts.note = wire.text(value)[:4000]
            elif kind == wire.BYTES and number == 10:
                tags.append(wire.text(value)[:200])
            elif kind == wire.BYTES and number in (1, 3):
                self.facts.environment["wandb_run" if number == 1 else "wandb_project"] = wire.text(value)[:200]
        self.facts.tags = tuple(tags[:50])

    def _config(self, raw: bytes) -> None:
        for key, value in _items(raw, 1):
            if not key.startswith("_wandb"):
                self.facts.config.update(flat(value, key))

    def _metric(self, raw: bytes) -> None:
        found = {number: value for number, kind, value in wire.fields(raw) if kind == wire.BYTES}
        if found.get(2) == b"*" and 4 in found:
            self._history.axis = wire.text(found[4])

    def _exit(self, raw: bytes) -> None:
        code = next((wire.signed(value) for number, _, value in wire.fields(raw) if number == 1), 0)
        self.facts.state = "completed" if code == 0 else "failed"
        self.facts.cause = None if code == 0 else f"It ended with exit code {code}"

    def _header(self, raw: bytes) -> None:
        for number, kind, value in wire.fields(raw):
            if number == 1 and kind == wire.BYTES:
                found = {n: v for n, _, v in wire.fields(value)}
                self.facts.environment["wandb"] = wire.text(found.get(1, b"")).partition("+")[0][:80]


_RECORDS = {
    5: WandbFile._config,
    12: WandbFile._metric,
    17: WandbFile._run,
    18: WandbFile._exit,
    21: WandbFile._header,
}


class WandbHistory:
    """`wandb-history.jsonl`, one JSON object a line, as older versions wrote it."""

    kind = "wandb"

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        settings = path.with_name("config.yaml")
        self._settings = settings if settings.is_file() and not settings.is_symlink() else None
        self.files: tuple[Path, ...] = (path,) if self._settings is None else (path, self._settings)
        self.facts = Facts(name=name)
        self.notes = Notes()

    def rows(self) -> Iterator[Row]:
        """Every line that holds numbers."""
        history, number = _History(self.notes), 0
        self.facts.config = bounded(self._config(), self.notes)
        with TextSource(self.path) as source:
            while True:
                try:
                    line = next(source, None)
                except BadLine as error:
                    self.notes.tell(f"{self.path.name}, line {error.line:,}", f"{error.text}; it was left out")
                    continue
                if line is None:
                    return
                where = f"{self.path.name}, line {source.line:,}"
                try:
                    found = json.loads(line) if line.strip() else None
                except (ValueError, RecursionError) as error:
                    self.notes.tell(where, f"is not JSON ({str(error)[:80]}); it was left out")
                    continue
                if isinstance(found, dict):
                    row = history.row(found, where, number)
                    number += 1
                    if row is not None:
                        yield row

    def _config(self) -> dict[str, Any]:
        import yaml

        path = self._settings
        if path is None:
            return {}
        try:
            if path.stat().st_size > LARGEST_CONFIG:
                raise ValueError(f"over the limit of {LARGEST_CONFIG:,} bytes")
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
            self.notes.tell(path.name, f"cannot be read ({str(error)[:120]}); the settings were left out")
            return {}
        plain = {
            str(key): value["value"] if isinstance(value, dict) and "value" in value else value
            for key, value in (found.items() if isinstance(found, dict) else ())
            if str(key) not in ("_wandb", "wandb_version")
        }
        return dict(flat(plain))


def _items(raw: bytes, field: int) -> Iterator[tuple[str, Any]]:
    """Key and value of the items of a config or history record."""
    for number, kind, value in wire.fields(raw):
        if number != field or kind != wire.BYTES:
            continue
        names, text = [], "null"
        for inner, inner_kind, what in wire.fields(value):
            if inner_kind == wire.BYTES and inner in (1, 2):
                names.append(wire.text(what))
            elif inner_kind == wire.BYTES and inner == 16:
                if len(what) > LINE_LIMIT:
                    raise Invalid(f"a value of {len(what):,} bytes is over the limit of {LINE_LIMIT:,}")
                text = wire.text(what)
        if names:
            yield ".".join(names), json.loads(text)


def _unflat(found: dict[str, Any]) -> dict[str, Any]:
    """Media came apart into `weights._type`, `weights.bins` …: together again, so that they are left out as one."""
    media = {name.removesuffix("._type") for name, value in found.items() if name.endswith("._type")}
    if not media:
        return found
    kept = {name: value for name, value in found.items() if not any(name.startswith(f"{one}.") for one in media)}
    return {**kept, **{name: {"_type": found[f"{name}._type"]} for name in media}}


def _without_media(found: dict[str, Any], notes: Notes) -> dict[str, Any]:
    kept = {}
    for key, value in found.items():
        if isinstance(value, dict) and "_type" in value:
            notes.count(f"values of kind {str(value['_type'])[:40]} were left out")
        else:
            kept[key] = value
    return kept


def _number(value: Any) -> float | None:
    """A JSON value as a number; W&B writes the odd ones also as text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return (
        {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}.get(value) if isinstance(value, str) else None
    )
