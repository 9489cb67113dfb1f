"""What the main hands to a recipe, and how a recipe listens before its first step. No torch here."""

from dataclasses import dataclass

from backend.contract.commands import Command, Stop
from backend.contract.events import StateChanged
from backend.contract.jobs import JobSpec
from backend.jobs.buffered import BufferedLog
from backend.jobs.folder import JobFolder
from backend.worker.parts.control import Control
from backend.worker.parts.failure import Progress, StopAsked


@dataclass
class Job:
    """What the main hands to a recipe."""

    folder: JobFolder
    spec: JobSpec
    attempt: int
    resume: bool
    log: BufferedLog
    control: Control
    progress: Progress


def listen(job: Job) -> list[Command]:
    """Commands that came while preparing; a stop is obeyed at once, the rest waits for the first step."""
    commands = job.control.poll()
    for command in commands:
        if isinstance(command, Stop):
            job.log.append("state", StateChanged(state="stopping", step=job.progress.step), sync=True)
            job.control.done(command, text="Stopped before the first step.", result={"step": job.progress.step})
            raise StopAsked
    return commands
