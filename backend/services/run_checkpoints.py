"""Checkpoints of a run as a person handles them: keep, copy out."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.contract.errors import Conflict, Invalid, NotFound, Unavailable
from backend.contract.resources import CheckpointRecord, RunRecord
from backend.jobs.manifest import set_kept, verify
from backend.paths import Home
from backend.services.run_folders import require_folder

if TYPE_CHECKING:
    from backend.store import Store


class RunCheckpoints:
    """Works on the committed folders under a job's checkpoints/."""

    def __init__(self, store: "Store", home: Home) -> None:
        self._store = store
        self._home = home

    def keep(self, run: RunRecord, name: str, keep: bool) -> CheckpointRecord:
        """Protect a checkpoint from pruning, or no longer."""
        found = self._checkpoint(run, name)
        set_kept(require_folder(self._home, run).checkpoints / found.name, keep)
        return self._store.runs.change_checkpoint(run.id, found.name, kept=keep)

    def export(self, run: RunRecord, name: str, path: str) -> dict[str, Any]:
        """Copy a checkpoint that verifies to `path`, a new folder; {"path", "size_bytes", "files"}."""
        found = self._checkpoint(run, name)
        source = require_folder(self._home, run).checkpoints / found.name
        wrong = verify(source)
        if wrong:
            raise Conflict(f"{found.name} of {run.name} is damaged: {wrong}.", fix="Take another checkpoint.")
        target = Path(path).expanduser()
        if not target.is_absolute() or target.exists() or not target.parent.is_dir():
            fix = "Give an absolute path to a folder that does not exist yet, inside one that does."
            raise Invalid(f"{str(target)[:200]} cannot be the new folder.", field="path", fix=fix)
        needed = sum(file.stat().st_size for file in source.rglob("*") if file.is_file())
        if shutil.disk_usage(target.parent).free < needed:
            raise Unavailable(
                f"{target.parent} has too little room for {needed:,} bytes.", code="disk_full", needed_bytes=needed
            )
        shutil.copytree(source, target, symlinks=True)
        return {"path": str(target), "size_bytes": needed, "files": sorted(p.name for p in target.iterdir())}

    def _checkpoint(self, run: RunRecord, name: str) -> CheckpointRecord:
        known = self._store.runs.checkpoints(run.id)
        found = next((checkpoint for checkpoint in known if checkpoint.name == name), None)
        if found is None:
            names = ", ".join(checkpoint.name for checkpoint in known if checkpoint.present) or "none"
            raise NotFound(f"{run.name} has no checkpoint {name[:80]!r}.", fix=f"There are: {names}.")
        if not found.present:
            raise Conflict(f"{name} of {run.name} was pruned.", fix="Choose one that is still there.")
        return found
