"""What of a job can be seen from outside, also by a daemon that did not start it, and which jobs still run."""

from dataclasses import dataclass

from backend import platform
from backend.contract.base import PROTOCOL
from backend.contract.jobs import ExitRecord, JobIdentity
from backend.jobs import identity
from backend.jobs.folder import JobFolder
from backend.paths import Home


@dataclass(frozen=True, slots=True)
class Observation:
    """A job's newest attempt.

    alive         its worker runs, or its runner is starting it or writing down how it ended
    worker_alive  exactly the worker of identity.json runs (False before it is written)
    runner_alive  exactly the runner of identity.json runs; a worker without a runner is unmanaged
    same_boot     the machine has not started anew since
    protocol_ok   it speaks a language this daemon understands
    """

    alive: bool
    worker_alive: bool
    runner_alive: bool
    exit: ExitRecord | None
    identity: JobIdentity | None
    same_boot: bool = True
    protocol_ok: bool = True


def observe(job: JobFolder) -> Observation:
    """Look at a job; damaged side files count as missing, since processes and locks tell the rest."""
    record = exit_of(job)
    found = identity_of(job)
    if found is None:
        # The runner has not introduced itself yet: then it, or its worker, holds the lock.
        starting = record is None and platform.is_locked(job.lock)
        return Observation(starting, False, False, record, None)
    worker = identity.is_alive(found.worker_pid, found.worker_started, found.boot_id)
    runner = identity.is_alive(found.runner_pid, found.runner_started, found.boot_id)
    same_boot = found.boot_id == platform.boot_id()
    alive = record is None and (worker or runner)
    return Observation(alive, worker, runner, record, found, same_boot, found.protocol <= PROTOCOL)


def identity_of(job: JobFolder) -> JobIdentity | None:
    """identity.json of the newest attempt, None when missing or damaged."""
    try:
        return job.identity()
    except (ValueError, OSError):
        return None


def exit_of(job: JobFolder) -> ExitRecord | None:
    """exit.json of the newest attempt, None when missing or damaged."""
    try:
        return job.exit_record()
    except (ValueError, OSError):
        return None


def living(home: Home) -> list[str]:
    """The ids of all jobs of this home that run now."""
    if not home.jobs.is_dir():
        return []
    folders = (JobFolder(path) for path in sorted(home.jobs.iterdir()) if not path.name.startswith("."))
    return [job.job_id for job in folders if job.launch_file.exists() and observe(job).alive]
