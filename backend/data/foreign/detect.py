"""Which sources lie at a path: a file by what it begins with, a folder by what lies in it. Links are not followed."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backend.contract.errors import Invalid, NotFound, Refused, TooLarge
from backend.data.foreign import crc, wandb
from backend.data.foreign.found import Source
from backend.data.foreign.metric_table import MetricTable, runs_in
from backend.data.foreign.tensorboard import EventFiles
from backend.data.foreign.trainer_state import TrainerState
from backend.data.foreign.wandb import WandbFile, WandbHistory
from backend.data.source import check_regular, data_error

MOST_ENTRIES = 50_000
MOST_SOURCES = 500
DEEPEST = 8

KNOWN = (
    "TensorBoard event files (events.out.tfevents…), W&B offline runs (run-….wandb), CSV of metrics, trainer_state.json"
)
_ARCHIVES = {
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"(\xb5/\xfd": "a zstd archive",
}
_TABLES = (".csv", ".tsv")


class Found:
    """What lies at a path, and what was passed over on the way."""

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.passed: list[str] = []


def detect(text: str, mapping: dict[str, str] | None = None) -> Found:
    """Every source at a path. NotFound, Invalid or TooLarge say what is there and what would be right."""
    if "\0" in text or len(text) > 4096 or not text.strip():
        raise Invalid("That is not a path.", field="path")
    path = Path(text).expanduser().absolute()
    if not os.path.exists(path):
        raise NotFound(f"There is no file or folder {path}.", code="missing_file", file=str(path))
    found = Found()
    if path.is_dir():
        _in_folder(path.resolve(), mapping or {}, found)
        if not found.sources:
            first = f" {found.passed[0]}." if found.passed else ""
            raise Invalid(
                f"{path.name or path}: nothing in this folder is known.{first}", code="data", field="path",
                file=str(path), fix=f"Known are {KNOWN}.",
            )  # fmt: skip
        return found
    check_regular(path)
    found.sources = list(_in_file(path.resolve(), mapping or {}))
    return found


# ---- one file --------------------------------------------------------------------------------------------------------


def _in_file(path: Path, mapping: dict[str, str]) -> Iterator[Source]:
    with path.open("rb") as file:
        head = file.read(512)
    archive = next((words for mark, words in _ARCHIVES.items() if head.startswith(mark)), None)
    if archive or head[257:262] == b"ustar":
        raise data_error(path, f"is {archive or 'a tar archive'}.", fix="Unpack it and import the folder.")
    if not head:
        raise data_error(path, "the file is empty.", fix=f"Known are {KNOWN}.")
    if head.startswith(wandb.MAGIC) or path.suffix == ".wandb":
        yield WandbFile(path, _wandb_name(path))
    elif "tfevents" in path.name or _is_records(head):
        yield EventFiles(path, (path,), path.parent.name or path.stem)
    elif path.suffix.lower() in _TABLES:
        yield from _tables(path, mapping)
    elif path.suffix.lower() in (".jsonl", ".ndjson"):
        yield WandbHistory(path, path.parent.name)
    elif path.suffix.lower() == ".json":
        yield TrainerState(path, _trainer_name(path))
    else:
        raise data_error(path, "is nothing that is known.", fix=f"Known are {KNOWN}.")


def _is_records(head: bytes) -> bool:
    if len(head) < 12:
        return False
    return crc.masked(crc.crc32c(head[:8])) == int.from_bytes(head[8:12], "little")


def _tables(path: Path, mapping: dict[str, str]) -> Iterator[Source]:
    runs = () if mapping.keys() - {"step"} else runs_in(path)
    if runs:
        yield from (MetricTable(path, path.stem, mapping, run) for run in runs[:MOST_SOURCES])
    else:
        yield MetricTable(path, path.stem, mapping)


# ---- a folder --------------------------------------------------------------------------------------------------------


def _in_folder(root: Path, mapping: dict[str, str], found: Found) -> None:
    events: dict[Path, list[Path]] = {}
    states: dict[Path, list[Path]] = {}
    tables: list[Path] = []
    for path in _files(root, found):
        if "tfevents" in path.name:
            events.setdefault(path.parent, []).append(path)
        elif path.name == "trainer_state.json":
            states.setdefault(_training_of(path), []).append(path)
        elif path.suffix.lower() in _TABLES:
            tables.append(path)
        else:
            found.sources += _wandb(path)
    found.sources += [EventFiles(at, tuple(sorted(files)), _event_name(root, at)) for at, files in events.items()]
    for files in states.values():
        newest = max(files, key=_checkpoint_step)
        found.sources.append(TrainerState(newest, _trainer_name(newest)))
    if not found.sources:
        _try_tables(tables, mapping, found)
    if len(found.sources) > MOST_SOURCES:
        raise TooLarge(
            f"{root.name} holds {len(found.sources):,} trainings; at most {MOST_SOURCES} come in at once.",
            field="path",
            fix="Import its subfolders one by one.",
        )
    found.sources.sort(key=lambda source: str(source.path))


def _wandb(path: Path) -> list[Source]:
    if path.suffix == ".wandb":
        return [WandbFile(path, _wandb_name(path))]
    if path.name == "wandb-history.jsonl" and not _has_log(path):
        return [WandbHistory(path, path.parent.parent.name)]
    return []


def _try_tables(tables: list[Path], mapping: dict[str, str], found: Found) -> None:
    for path in tables:
        try:
            found.sources += _tables(path, mapping)
        except Refused as error:
            found.passed.append(error.text)


def _files(root: Path, found: Found) -> Iterator[Path]:
    """Regular files below a folder in order; links and special files are passed over by name."""
    seen = 0
    for folder, names, files in os.walk(root, followlinks=False):
        here = Path(folder)
        if len(here.relative_to(root).parts) >= DEEPEST:
            names.clear()
        names.sort()
        for name in [*names]:
            if (here / name).is_symlink():
                names.remove(name)
                found.passed.append(f"{(here / name).relative_to(root)} is a link and was not followed")
        for name in sorted(files):
            seen += 1
            if seen > MOST_ENTRIES:
                text = f"{root.name} holds more than {MOST_ENTRIES:,} files."
                raise TooLarge(text, field="path", fix="Give the folder of one training.")
            path = here / name
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                yield path
            elif stat.S_ISLNK(mode) and ("tfevents" in name or path.suffix in (".wandb", ".json", ".csv")):
                found.passed.append(f"{path.relative_to(root)} is a link and was not followed")


def _has_log(history: Path) -> bool:
    return any(history.parent.parent.glob("*.wandb"))


def _wandb_name(path: Path) -> str:
    return path.stem.removeprefix("run-")


def _event_name(root: Path, folder: Path) -> str:
    """The path below the folder that was given, as TensorBoard names its runs; the folder itself by its own name."""
    inside = folder.relative_to(root)
    return str(inside) if inside.parts else root.name


def _training_of(state: Path) -> Path:
    return state.parent.parent if state.parent.name.startswith("checkpoint-") else state.parent


def _trainer_name(state: Path) -> str:
    return _training_of(state).name or state.stem


def _checkpoint_step(state: Path) -> tuple[bool, int]:
    """The training's own file before its checkpoints', of these the newest."""
    name: Any = state.parent.name.removeprefix("checkpoint-")
    in_checkpoint = state.parent.name.startswith("checkpoint-")
    return not in_checkpoint, int(name) if in_checkpoint and name.isdecimal() else 0
