"""The supervisor: starts jobs, looks at them, tells them something, ends them. Holds nothing that a restart would
lose."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from backend import platform
from backend.clock import Clock, SystemClock
from backend.contract.commands import COMMANDS, Command
from backend.contract.errors import Conflict, NotFound
from backend.contract.jobs import JobIdentity, JobLaunch
from backend.failpoints import failpoint
from backend.jobs import identity
from backend.jobs.folder import JobFolder
from backend.jobs.log import LogWriter
from backend.paths import Home
from backend.supervisor.adopt import Observation, identity_of, living, observe
from backend.supervisor.compute import Compute, Local

RECORD_S = 5.0
_KINDS = {model: kind for kind, model in COMMANDS.items()}


class Supervisor:
    """The keeper of the jobs of one home. Thread-safe; terminate() and kill() block."""

    def __init__(self, home: Home, clock: Clock | None = None, compute: Compute | None = None) -> None:
        self.home = home
        self.compute: Compute = compute or Local()
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()  # one launch or command at a time
        self._held: dict[str, threading.RLock] = {}

    def job(self, job_id: str) -> JobFolder:
        """The folder of a job; NotFound for an unknown or impossible id."""
        folder = JobFolder(self.home.job(job_id))
        if job_id != os.path.basename(job_id) or job_id in ("", ".", "..") or not folder.spec_file.exists():
            raise NotFound(f"there is no job {job_id!r}")
        return folder

    @contextlib.contextmanager
    def hold(self, job_id: str, *, wait: bool = True) -> Iterator[bool]:
        """Keep every other hand off a job while its process and what is stored of it are changed together.

        Read what is stored inside: before it, it may be about to change. False at once, without `wait`, when another
        thread holds the job. Re-entrant.
        """
        lock = self._held.setdefault(job_id, threading.RLock())  # one step in CPython: two callers get the same lock
        held = lock.acquire(blocking=wait)
        try:
            yield held
        finally:
            if held:
                lock.release()

    def launch(self, job_id: str, *, resume: bool, attempt: int) -> None:
        """Start an attempt. Conflict when a runner or worker of the job still lives: never two for one run."""
        job = self.job(job_id)
        with self._lock:
            lock = _take_lock(job)
            if lock is None:
                raise Conflict(f"{job_id} still runs", fix="Wait until it has ended, or end it first.")
            try:
                job.create()
                cookie = identity.new_cookie()
                job.write_launch(
                    JobLaunch(
                        attempt=attempt,
                        resume=resume,
                        cookie=cookie,
                        commands_from=_whole_size(job.commands),
                        events_from=_whole_size(job.events),
                    )
                )
                failpoint("supervisor.before_start")
                self.compute.start(job, cookie, lock)
                failpoint("supervisor.after_start")
            finally:
                os.close(lock)  # the runner has its own copy of the same lock

    def observe(self, job_id: str) -> Observation:
        """Look at a job's newest attempt."""
        self.compute.reap()
        return observe(self.job(job_id))

    def send(self, job_id: str, command: Command) -> None:
        """Tell the job something; it answers with command_done when it lives. On the disk when this returns."""
        job = self.job(job_id)
        with self._lock:
            writer = LogWriter(job.commands, clock=self._clock)
            try:
                writer.append(_KINDS[type(command)], command, sync=True)
            finally:
                writer.close()

    def terminate(self, job_id: str, grace_s: float = 10.0) -> None:
        """Ask the worker's whole group to end (SIGTERM), then, after the grace, end everything that carries its
        cookie. Returns when its runner has written down how it ended: until then it could not be launched again."""
        job = self.job(job_id)
        found = self._worker(job)
        if found:
            with contextlib.suppress(OSError):
                os.killpg(found.worker_pid, signal.SIGTERM)
            platform.wait_gone(found.worker_pid, found.worker_started, grace_s)
        self.kill(job_id)
        end = time.monotonic() + RECORD_S
        while self.observe(job_id).alive and time.monotonic() < end:
            time.sleep(0.01)

    def kill(self, job_id: str, timeout_s: float = 5.0) -> bool:
        """End the worker and everything it started, at once; its runner stays to write down how it ended. Whether
        nothing is left."""
        job = self.job(job_id)
        launch = job.launch()
        if launch is None:
            return True
        found = self._worker(job)
        if found:
            with contextlib.suppress(OSError):
                os.killpg(found.worker_pid, signal.SIGKILL)
        end = time.monotonic() + timeout_s
        while left := self._left(launch.cookie):
            for pid, started in left:
                platform.signal_process(pid, started, signal.SIGKILL)
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def end_homeless(self, job_id: str) -> None:
        """End what still runs of a job whose folder was taken away: nobody can hear it or tell it anything."""
        for pid, started in identity.of_folder(self.home.job(job_id)):
            platform.signal_process(pid, started, signal.SIGKILL)

    def adopt(self) -> list[str]:
        """The jobs that run now, whoever started them. Called once after a start of the daemon."""
        return living(self.home)

    def leftovers(self, job_id: str) -> list[int]:
        """Processes that still carry the cookie of the newest attempt, its runner not counted."""
        launch = self.job(job_id).launch()
        return [pid for pid, _ in self._left(launch.cookie)] if launch else []

    def _worker(self, job: JobFolder) -> JobIdentity | None:
        """The living worker; waits for a runner that is just starting it."""
        launch, end = job.launch(), time.monotonic() + 5.0
        while identity_of(job) is None and observe(job).alive and time.monotonic() < end:
            if launch and self._left(launch.cookie):
                break  # it is there already, only its identity is lost: the cookie finds it
            time.sleep(0.02)
        found = identity_of(job)
        if found and identity.is_alive(found.worker_pid, found.worker_started, found.boot_id):
            return found
        return None

    def _left(self, cookie: str) -> list[tuple[int, float]]:
        self.compute.reap()
        return [(pid, started) for pid, started in identity.with_cookie(cookie) if not _is_runner(pid)]


def _take_lock(job: JobFolder, patience_s: float = 2.0) -> int | None:
    """The job's lock, None when it lives. A process that is just ending lets go of its lock last, so a dead job is
    waited for."""
    end = time.monotonic() + patience_s
    while (lock := platform.try_lock(job.lock)) is None:
        if observe(job).alive or time.monotonic() > end:
            return None
        time.sleep(0.01)
    return lock


def _whole_size(log: Path) -> int:
    """Size of a log up to its last whole line; a torn end is cut off, nobody writes now."""
    if not log.exists():
        return 0
    writer = LogWriter(log)
    writer.close()
    return writer.size


def _is_runner(pid: int) -> bool:
    return b"backend.jobs.runner" in platform.command_line(pid)
