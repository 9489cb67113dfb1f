"""A folder of files that is there entirely or not at all: commit, verify, newest valid one, prune.

Used for checkpoints, results and registered versions. Commit protocol: temporary folder on the same disk → write →
fsync every file →
manifest.json with size and SHA-256 of each → fsync the folder → rename → fsync the parent; only then may older ones
be pruned.
"""

import contextlib
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from backend import platform
from backend.failpoints import failpoint

MANIFEST = "manifest.json"
_TEMPORARY = ".saving-"
_REPLACED = ".replaced-"
_PRUNED = ".pruned-"
_STEP = re.compile(r"-(\d+)$")


@dataclass(frozen=True, slots=True)
class Committed:
    """A folder that is on the disk."""

    path: Path
    size_bytes: int
    files: dict[str, dict[str, Any]] = field(default_factory=dict)  # name → {"size", "sha256"}


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ---- commit ----------------------------------------------------------------------------------------------------------


def commit(parent: Path, name: str, write: Callable[[Path], None], *, facts: dict[str, Any] | None = None) -> Committed:
    """Let `write` fill a temporary folder, then make it `parent/name` in one move; an older folder of that name is
    replaced.

    Raises whatever `write` raises and OSError; then nothing under `parent` has changed and the temporary folder is
    gone.
    """
    platform.make_private_folder(parent)
    temporary = parent / f"{_TEMPORARY}{name}"
    _remove(temporary)
    try:
        platform.make_private_folder(temporary)
        write(temporary)
        files = _seal(temporary, facts or {})
        failpoint("checkpoint.before_rename")
        _move_into_place(temporary, parent / name)
    except BaseException:
        _remove(temporary)
        recover(parent)
        raise
    platform.sync_folder(parent)
    failpoint("checkpoint.after_rename")
    _remove(parent / f"{_REPLACED}{name}")
    return Committed(parent / name, sum(int(entry["size"]) for entry in files.values()), files)


def write_manifest(folder: Path, *, facts: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """Sync every file of a folder and write its manifest.json; the entries of the manifest."""
    return _seal(folder, facts or {})


def _seal(folder: Path, facts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    files = {}
    for path in _regular_files(folder):
        failpoint("checkpoint.write_file")
        path.chmod(platform.PRIVATE_FILE)
        platform.sync_file(path)
        files[path.relative_to(folder).as_posix()] = {"size": path.stat().st_size, "sha256": sha256_of(path)}
    failpoint("checkpoint.before_manifest")
    platform.write_json_atomic(folder / MANIFEST, {**facts, "files": files})
    for inner in {path.parent for path in folder.rglob("*")} | {folder}:
        platform.sync_folder(inner)
    failpoint("checkpoint.after_manifest")
    return files


def _regular_files(folder: Path) -> Iterable[Path]:
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode) and path.relative_to(folder).as_posix() != MANIFEST:
            yield path
        elif stat.S_ISDIR(mode):
            path.chmod(platform.PRIVATE_FOLDER)
        elif not stat.S_ISREG(mode):
            raise ValueError(f"{path.relative_to(folder)} is not a plain file")


def _move_into_place(temporary: Path, final: Path) -> None:
    if final.exists():
        # Two renames with a gap between them: recover() puts the old one back when we die in it.
        old = final.with_name(f"{_REPLACED}{final.name}")
        _remove(old)
        final.rename(old)
        failpoint("checkpoint.between_renames")
    temporary.rename(final)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


# ---- verify ----------------------------------------------------------------------------------------------------------


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder; ValueError says why it cannot be believed."""
    try:
        found = platform.read_json(folder / MANIFEST)
    except OSError as error:
        raise ValueError(f"{MANIFEST} cannot be read: {error.strerror}") from error
    if found is None:
        raise ValueError(f"it has no {MANIFEST}, so it was never finished")
    if not isinstance(found, dict) or not isinstance(found.get("files"), dict) or not found["files"]:
        raise ValueError(f"{MANIFEST} lists no files")
    return found


def verify(folder: Path) -> str | None:
    """None when exactly the files of the manifest are there, byte for byte; else the first difference, naming the
    file."""
    if folder.is_symlink():
        return "it is a link, not a folder"
    try:
        files = read_manifest(folder)["files"]
        for name, entry in files.items():
            _check_file(folder, name, entry)
    except (ValueError, OSError) as error:
        return str(error)
    listed = {MANIFEST, *files}
    extra = [path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()]
    for path in sorted(extra):
        if path.relative_to(folder).as_posix() not in listed:
            return f"{path.relative_to(folder).as_posix()} is not in {MANIFEST}"
    return None


def _check_file(folder: Path, name: str, entry: Any) -> None:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or "\0" in name:
        raise ValueError(f"{MANIFEST} names {name!r}, which is outside the folder")
    path = folder / pure
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise ValueError(f"{name} is missing") from None
    if not stat.S_ISREG(found.st_mode) or not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{name} is not a plain file")
    if not isinstance(entry, dict) or found.st_size != entry.get("size"):
        raise ValueError(f"{name} has {found.st_size} bytes, its manifest says {dict(entry).get('size')}")
    if sha256_of(path) != entry.get("sha256"):
        raise ValueError(f"{name} differs from its manifest")


def step_of(name: str) -> int:
    """40 for "checkpoint-40", -1 for a name without a number."""
    found = _STEP.search(name)
    return int(found.group(1)) if found else -1


def folders(parent: Path) -> list[Path]:
    """The committed-looking folders under `parent`, newest step first; temporary ones are left out."""
    if not parent.is_dir():
        return []
    found = [path for path in parent.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(found, key=lambda path: (step_of(path.name), path.name), reverse=True)


def newest_valid(parent: Path) -> tuple[Path | None, tuple[str, ...]]:
    """The folder with the highest step that verifies, and why each newer one was skipped ("checkpoint-40: … is
    missing").

    Call it only while nobody saves.
    """
    recover(parent)
    skipped: list[str] = []
    for folder in folders(parent):
        reason = verify(folder)
        if reason is None:
            return folder, tuple(skipped)
        skipped.append(f"{folder.name}: {reason}")
    return None, tuple(skipped)


# ---- clean up --------------------------------------------------------------------------------------------------------


def recover(parent: Path) -> None:
    """Put back what a death between two renames took away."""
    for old in parent.glob(f"{_REPLACED}*") if parent.is_dir() else ():
        final = parent / old.name.removeprefix(_REPLACED)
        if not final.exists():
            old.rename(final)


def sweep(parent: Path) -> tuple[str, ...]:
    """Remove what dead savers left behind, and name it. Call it only when no other process saves here."""
    recover(parent)
    removed = []
    for prefix in (_TEMPORARY, _REPLACED, _PRUNED):
        for folder in parent.glob(f"{prefix}*") if parent.is_dir() else ():
            _remove(folder)
            removed.append(folder.name)
    return tuple(removed)


def is_kept(folder: Path) -> bool:
    """Whether a person has protected this folder from pruning (a file NAME.keep beside it)."""
    return folder.with_name(f"{folder.name}.keep").exists()


def set_kept(folder: Path, kept: bool) -> None:
    """Protect a folder from pruning, or no longer."""
    marker = folder.with_name(f"{folder.name}.keep")
    if kept:
        os.close(platform.open_private(marker, os.O_WRONLY | os.O_CREAT))
    else:
        marker.unlink(missing_ok=True)


def prune(parent: Path, keep: int, *, protect: Iterable[str] = ()) -> tuple[str, ...]:
    """Remove all but the newest `keep` folders, the protected and the kept ones; the names removed.

    At least one stays. A folder is first renamed, so that half of one is never taken for a checkpoint. Failures to
    remove are left
    for the next time: pruning must never end a training.
    """
    failpoint("checkpoint.before_prune")
    protected = set(protect)
    old = [f for f in folders(parent)[max(keep, 1) :] if f.name not in protected and not is_kept(f)]
    removed = []
    for folder in old:
        with contextlib.suppress(OSError):
            gone = parent / f"{_PRUNED}{folder.name}"
            folder.rename(gone)
            failpoint("checkpoint.mid_prune")
            shutil.rmtree(gone)
            removed.append(folder.name)
    return tuple(removed)
