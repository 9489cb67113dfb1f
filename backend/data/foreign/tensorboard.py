"""Event files of TensorBoard: scalars of both generations, hyperparameters; other summaries are counted.

Scalars that follow one another with the same step within 50 ms were logged together: they become one row, with the time
of the first.
"""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backend.data.foreign import wire
from backend.data.foreign.found import Facts, Keys, Notes, Row, bounded
from backend.data.foreign.tfrecords import read_records

TOGETHER_S = 0.05

_TIME = struct.Struct("<d")
_SIMPLE = struct.Struct("<f")

_OTHER = {4: "images", 5: "histograms", 6: "audio clips", 3: "old histograms"}
_PLUGINS = {"images": "images", "histograms": "histograms", "audio": "audio clips", "text": "texts"}
_SCALARS = ("", "scalars")
_KINDS = {1: "<f", 2: "<d", 3: "<i", 4: "<B", 6: "<b", 9: "<q", 10: "<?", 22: "<I", 23: "<Q", 19: "<e"}
_LISTS = {5: "<f", 6: "<d"}
_ENDS = {
    1: ("completed", None),
    2: ("failed", "The hyperparameter session ended with a failure"),
    3: ("completed", None),
}


class EventFiles:
    """The event files of one folder: one training, as TensorBoard takes it. Files are read in the order of their
    names."""

    kind = "tensorboard"

    def __init__(self, path: Path, files: tuple[Path, ...], name: str) -> None:
        self.path = path
        self.files = files
        self.facts = Facts(name=name)
        self.notes = Notes()
        self._keys = Keys(self.notes)
        self._plugins: dict[str, str] = {}

    def rows(self) -> Iterator[Row]:
        """Every scalar in the order written."""
        waiting: Row | None = None
        for row in self._points():
            if (
                waiting is not None
                and waiting.step == row.step
                and 0 <= row.time - waiting.time <= TOGETHER_S  # type: ignore[operator]
                and waiting.values.keys().isdisjoint(row.values)
            ):
                waiting.values.update(row.values)
                continue
            if waiting is not None:
                yield _with_epoch(waiting)
            waiting = row
        if waiting is not None:
            yield _with_epoch(waiting)
        self.facts.config = bounded(self.facts.config, self.notes)

    def _points(self) -> Iterator[Row]:
        for file in self.files:
            number = 0
            for number, record in enumerate(read_records(file, self.notes), start=1):
                try:
                    row = self._plain(record) or self._event(record)
                except (ValueError, struct.error) as error:
                    self.notes.tell(f"{file.name}, record {number:,}", f"is no event ({error}); it was left out")
                    continue
                if row is not None:
                    yield row

    def _plain(self, record: bytes) -> Row | None:
        """The one shape nearly every event has, read at fixed places: time, step, one simple scalar. None for any
        other: _event() reads them all, and the same of this one."""
        end = len(record)
        if end < 20 or record[0] != 0x09:
            return None
        at, step = 9, 0
        if record[at] == 0x10:
            step, at = wire.varint(record, at + 1)
        # summary {value {tag simple_value}}, each length in one byte and exactly to the end
        if at + 6 >= end or record[at] != 0x2A or record[at + 1] != end - at - 2 or record[at + 1] > 0x7F:
            return None
        name_end = at + 6 + record[at + 5]
        if record[at + 2] != 0x0A or record[at + 3] != end - at - 4 or record[at + 4] != 0x0A:
            return None
        if name_end + 5 != end or record[name_end] != 0x15:
            return None
        time, tag = _TIME.unpack_from(record, 1)[0], wire.text(record[at + 6 : name_end])
        if not -1e11 < time < 1e11 or not self._keys.take(tag):
            return None
        return Row(wire.signed(step), time, {tag: _SIMPLE.unpack_from(record, name_end + 1)[0]})

    def _event(self, record: bytes) -> Row | None:
        time, step, summaries = 0.0, 0, []
        for number, kind, value in wire.fields(record):
            if number == 1 and kind == wire.FIXED64:
                time = wire.double(value)
            elif number == 2 and kind == wire.VARINT:
                step = wire.signed(value)
            elif number == 5 and kind == wire.BYTES:
                summaries.append(value)
        if not summaries:
            return None
        if not -1e11 < time < 1e11:
            raise ValueError(f"its time {time!r} is none")
        values: dict[str, float | None] = {}
        for summary in summaries:
            for number, kind, value in wire.fields(summary):
                if number == 1 and kind == wire.BYTES:
                    self._value(value, values)
        return Row(step, time, values) if values else None

    def _value(self, raw: bytes, values: dict[str, float | None]) -> None:
        """One tag with what it says."""
        found = {number: value for number, _, value in wire.fields(raw)}
        tag, simple, tensor = wire.text(found.get(1, b"")), found.get(2), found.get(8)
        if isinstance(found.get(9), bytes):
            self._plugins[tag] = self._metadata(found[9])
        value = None
        if isinstance(tensor, bytes):
            value = self._tensor(tag, tensor)
        elif isinstance(simple, bytes) and len(simple) == 4:
            value = wire.single(simple)
        for number in _OTHER.keys() & found.keys():
            self.notes.count(f"{_OTHER[number]} were left out")
        if value is not None and self._keys.take(tag):
            values[tag] = value

    def _metadata(self, raw: bytes) -> str:
        """The plugin a tag belongs to; hyperparameters are taken on the way. Only its first event says so."""
        for number, kind, value in wire.fields(raw):
            if number == 1 and kind == wire.BYTES:
                found = {n: v for n, _, v in wire.fields(value)}
                plugin = wire.text(found.get(1, b""))
                if plugin == "hparams":
                    self._hparams(found.get(2, b""))
                return plugin
        return ""

    def _tensor(self, tag: str, raw: bytes) -> float | None:
        plugin = self._plugins.get(tag, "")
        if plugin not in _SCALARS:
            if plugin != "hparams" and not (plugin == "text" and self._text(tag, raw)):
                self.notes.count(f"{_PLUGINS.get(plugin, f'values of {plugin[:40]}')} were left out")
            return None
        value = _scalar(raw)
        if value is None:
            self.notes.count("tensors of more than one number were left out")
        return value

    def _hparams(self, raw: bytes) -> None:
        for number, kind, value in wire.fields(raw):
            if number == 3 and kind == wire.BYTES:
                self.facts.config.update(_hparams(value))
            elif number == 4 and kind == wire.BYTES:
                found = {n: v for n, _, v in wire.fields(value)}
                self.facts.state, self.facts.cause = _ENDS.get(int(found.get(1, 0)), ("completed", None))

    def _text(self, tag: str, raw: bytes) -> bool:
        """Take arguments as the Hugging Face Trainer logs them: one JSON object."""
        if tag not in ("args/text_summary", "model_config/text_summary"):
            return False
        for number, kind, value in wire.fields(raw):
            if number == 8 and kind == wire.BYTES:
                try:
                    found = json.loads(value)
                except (ValueError, RecursionError):
                    return False
                if isinstance(found, dict):
                    self.facts.config.update(found)
                    return True
        return False


def _with_epoch(row: Row) -> Row:
    epoch = row.values.get("train/epoch", row.values.get("epoch"))
    return row if epoch is None else row._replace(epoch=epoch)


def _scalar(raw: bytes) -> float | None:
    """The number of a TensorProto with exactly one; None for any other."""
    kind, content, listed = 0, b"", None
    for number, wire_type, value in wire.fields(raw):
        if number == 1:
            kind = int(value)
        elif number == 2 and wire_type == wire.BYTES:
            if any(_size(dim) != 1 for n, _, dim in wire.fields(value) if n == 2):
                return None
        elif number == 4:
            content = value
        elif number in _LISTS:
            form = struct.Struct(_LISTS[number])
            if len(value) != form.size:
                return None
            listed = float(form.unpack(value)[0])
        elif number in (7, 10, 11, 16, 17):
            listed = _listed_int(value)
    if listed is not None:
        return listed
    form = struct.Struct(_KINDS.get(kind, "<f"))
    return float(form.unpack(content)[0]) if kind in _KINDS and len(content) == form.size else None


def _size(dim: bytes) -> int:
    return next((int(value) for number, _, value in wire.fields(dim) if number == 1), 0)


def _listed_int(value: Any) -> float | None:
    if isinstance(value, int):
        return float(wire.signed(value))
    number, end = wire.varint(value, 0)
    return float(wire.signed(number)) if end == len(value) else None


def _hparams(raw: bytes) -> dict[str, Any]:
    """SessionStartInfo: a map of names to google.protobuf.Value."""
    found: dict[str, Any] = {}
    for number, kind, value in wire.fields(raw):
        if number == 1 and kind == wire.BYTES:
            pair = {n: v for n, _, v in wire.fields(value)}
            for what, _, inner in wire.fields(pair.get(2, b"")):
                plain = wire.double(inner) if what == 2 else bool(inner) if what == 4 else wire.text(inner)
                found[wire.text(pair.get(1, b""))] = plain
    return found
