"""Checkpoints of a run: saved under the commit protocol, found again only when every byte verifies. No torch here.

The protocol itself lies in backend/jobs/manifest.py, because the daemon must verify, too, and never imports a worker.
"""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.clock import Clock, SystemClock
from backend.contract.events import CheckpointSaved
from backend.jobs.manifest import (
    Committed,
    commit,
    newest_valid,
    prune,
    read_manifest,
    step_of,
    sweep,
    verify,
)

__all__ = [
    "Checkpoints",
    "Committed",
    "NotSaved",
    "commit",
    "newest_valid",
    "prune",
    "read_manifest",
    "step_of",
    "sweep",
    "verify",
]


@dataclass(frozen=True, slots=True)
class NotSaved:
    """A checkpoint the disk refused; what was there before is untouched."""

    step: int
    code: str  # disk_full or disk_error
    text: str
    advice: str


class Checkpoints:
    """The checkpoints of one run. Not thread-safe: the training thread saves."""

    def __init__(self, folder: Path, *, keep: int = 3, clock: Clock | None = None) -> None:
        self.folder = folder
        self.keep = keep
        self.best: str | None = None  # name of the best one, never pruned
        self._clock = clock or SystemClock()

    def start(self, *, resume: bool) -> tuple[Path | None, tuple[str, ...]]:
        """Clean up after dead savers; with resume, the newest checkpoint that verifies and why newer ones were
        skipped."""
        sweep(self.folder)
        return newest_valid(self.folder) if resume else (None, ())

    def save(
        self,
        step: int,
        write: Callable[[Path], None],
        *,
        facts: dict[str, Any] | None = None,
        epoch: float | None = None,
        metrics: dict[str, Any] | None = None,
        best: bool = False,
        asked: bool = False,
    ) -> CheckpointSaved | NotSaved:
        """Save `checkpoint-STEP`, then prune. A full or failing disk is an answer, not an exception: the training
        goes on."""
        begun = self._clock.monotonic()
        name = f"checkpoint-{step}"
        try:
            done = commit(self.folder, name, write, facts={"step": step, "epoch": epoch, **(facts or {})})
        except OSError as error:
            return _not_saved(step, error)
        if best:
            self.best = name
        protect = (name, self.best) if self.best else (name,)
        return CheckpointSaved(
            step=step,
            epoch=epoch,
            name=name,
            size_bytes=done.size_bytes,
            metrics=metrics or {},
            best=best,
            asked=asked,
            seconds=self._clock.monotonic() - begun,
            pruned=prune(self.folder, self.keep, protect=protect),
        )


def _not_saved(step: int, error: OSError) -> NotSaved:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NotSaved(
            step,
            "disk_full",
            f"The checkpoint of step {step} was not saved: the disk is full",
            "Free some space; the previous checkpoint is kept and training goes on.",
        )
    return NotSaved(
        step,
        "disk_error",
        f"The checkpoint of step {step} was not saved: {error.strerror or error}",
        "Check the disk; the previous checkpoint is kept and training goes on.",
    )
