"""A home with self-test jobs whose processes are all gone after the test."""

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

from backend.contract.commands import Command
from backend.contract.jobs import JobSpec
from backend.jobs import identity
from backend.jobs.folder import JobFolder
from backend.jobs.log import Line, LogReader
from backend.paths import Home
from backend.platform import processes_with
from backend.supervisor.adopt import Observation
from backend.supervisor.launch import Supervisor
from tests.helpers.wait import until


class Jobs:
    """Starts self-tests and looks at them as the daemon would."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        for folder in self.home.folders():
            folder.mkdir(parents=True, exist_ok=True)
        self.supervisor = Supervisor(self.home)
        self.ids: list[str] = []

    def make(self, job_id: str = "r1", **settings: Any) -> JobFolder:
        """A job folder that was not launched yet."""
        job = JobFolder(self.home.job(job_id))
        spec = JobSpec(
            job_id=job_id,
            kind="train",
            main="backend.worker.selftest",
            name=job_id,
            recipe="selftest",
            settings={"steps": 100_000, "rate_hz": 200.0, **settings},
        )
        job.write_spec(spec)
        self.ids.append(job_id)
        return job

    def start(self, job_id: str = "r1", **settings: Any) -> JobFolder:
        """A launched job."""
        job = self.make(job_id, **settings)
        self.supervisor.launch(job_id, resume=False, attempt=1)
        return job

    def see(self, job_id: str = "r1") -> Observation:
        return self.supervisor.observe(job_id)

    def wait_end(self, job_id: str = "r1") -> Observation:
        """Wait until the attempt is over."""
        until(lambda: not self.see(job_id).alive, 30.0)
        return self.see(job_id)

    def wait_kind(self, kind: str, job_id: str = "r1", count: int = 1) -> list[Line]:
        """Wait until the job has said something of this kind `count` times."""
        return until(lambda: found if len(found := self.said(kind, job_id)) >= count else [])

    def said(self, kind: str, job_id: str = "r1") -> list[Line]:
        return [line for line in self.lines(job_id) if line.kind == kind]

    def lines(self, job_id: str = "r1") -> list[Line]:
        result = LogReader(self.home.job(job_id) / "events.ndjson").read(0, 1 << 30)
        assert result.damaged == []
        return result.lines

    def losses(self, job_id: str = "r1") -> dict[int, float]:
        """Step → train/loss; a step of a later attempt replaces an earlier one."""
        return {line.fields["step"]: line.fields["values"]["train/loss"] for line in self.said("metrics", job_id)}

    def tell(self, command: Command, job_id: str = "r1") -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self.supervisor.send(job_id, command)
        return until(
            lambda: next(
                (line.fields for line in self.said("command_done", job_id) if line.fields["command_id"] == command.id),
                None,
            )
        )

    def signal_worker(self, number: int, job_id: str = "r1") -> None:
        found = until(lambda: JobFolder(self.home.job(job_id)).identity())
        os.kill(found.worker_pid, number)

    def pids(self, job_id: str = "r1") -> list[int]:
        """Every process that carries the cookie of the newest attempt."""
        launch = JobFolder(self.home.job(job_id)).launch()
        return processes_with(identity.COOKIE, launch.cookie) if launch else []

    def close(self) -> None:
        """End everything that is left and collect the runners."""
        for job_id in self.ids:
            until(lambda job_id=job_id: not self._kill(job_id))
        self.supervisor.compute.reap()

    def _kill(self, job_id: str) -> list[int]:
        found = self.pids(job_id)
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return found
