"""Where a run begins: its own newest valid checkpoint, the one it was forked from, or nowhere; and its best."""

from pathlib import Path
from typing import Any

from backend.contract.base import Request
from backend.contract.events import Warned
from backend.contract.states import FailureCode
from backend.jobs.live import live_fields
from backend.platform import read_json
from backend.worker.parts import checkpoint as saved
from backend.worker.parts.failure import RunFailed
from backend.worker.parts.job import Job


def find_start(job: Job, checkpoints: saved.Checkpoints) -> tuple[Path | None, tuple[str, ...]]:
    """The checkpoint to go on from and which were skipped: our own newest valid one, else that of the run we were
    forked from.
    """
    start, skipped = checkpoints.start(resume=job.resume)
    if start is not None or job.spec.fork_of is None:
        return start, skipped
    parent = job.folder.path.parent / job.spec.fork_of / "checkpoints"
    if job.spec.fork_checkpoint is None:
        start, more = saved.newest_valid(parent)
        if start is None:
            raise RunFailed(
                FailureCode.BAD_CHECKPOINT,
                f"Run {job.spec.fork_of} has no checkpoint that verifies.",
                "Start a new run.",
            )
        return start, skipped + more
    folder = parent / Path(job.spec.fork_checkpoint).name
    reason = saved.verify(folder) if folder.is_dir() else "it is not there"
    if reason:
        text = f"{folder.name} of run {job.spec.fork_of} cannot be used: {reason}."
        raise RunFailed(FailureCode.BAD_CHECKPOINT, text, "Choose another checkpoint.")
    return folder, skipped


def read_progress(start: Path) -> dict[str, Any]:
    """What the monitor remembered at a checkpoint."""
    found = read_json(start / "progress.json")
    if not isinstance(found, dict):
        raise RunFailed(
            FailureCode.BAD_CHECKPOINT, f"{start.name} is not a checkpoint of this recipe.", "Choose another one."
        )
    return found


def live_now(job: Job, settings: Request, start: Path | None, kept: dict[str, Any]) -> dict[str, Any]:
    """The settings that may change under way, as this attempt begins with them: a resumed one has its checkpoint's."""
    applied = kept.get("applied", {}) if start is not None and start.parent == job.folder.checkpoints else {}
    return {name: applied.get(name, getattr(settings, name)) for name in live_fields(type(settings))}


def check_fits(start: Path, now: dict[str, Any], base: dict[str, Any]) -> None:
    """Refuse a checkpoint of other labels, another method, or (LoRA) another base model."""
    before = read_json(start / "run.json") or {}
    for key, what in (("labels", "labels"), ("method", "method")):
        if before.get(key) != now.get(key):
            text = f"{start.name} was trained with other {what}: {before.get(key)}."
            raise RunFailed(FailureCode.BAD_CHECKPOINT, text[:500], "Start a new run.")
    if now["method"] == "lora" and before.get("base_model", {}).get("sha256") != base.get("sha256"):
        raise RunFailed(
            FailureCode.BAD_CHECKPOINT, f"{start.name} holds adapters of another base model.", "Choose its base model."
        )


def restore_best(job: Job, checkpoints: saved.Checkpoints, memory: Any, loop: Any) -> int:
    """Put the best checkpoint's weights back, if it is another step and still verifies; the step whose weights are
    in place.
    """
    step = job.progress.step
    if memory.best_step is None or memory.best_step == step or memory.best_checkpoint is None:
        return step
    folder = checkpoints.folder / memory.best_checkpoint
    reason = saved.verify(folder) if folder.is_dir() else "it is gone"
    if reason:
        text = f"The best checkpoint, {folder.name}, cannot be used: {reason}. The last weights are kept instead."
        job.log.append("warning", Warned(code="bad_checkpoint", text=text, step=step), sync=True)
        return step
    loop.load_weights(folder)
    return int(memory.best_step)
