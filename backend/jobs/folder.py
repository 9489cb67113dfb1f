"""The files of a job folder by name, read and written safely."""

import time
from pathlib import Path
from typing import TypeVar

from backend import platform
from backend.contract.base import Record
from backend.contract.jobs import ExitRecord, JobIdentity, JobLaunch, JobSpec
from backend.platform import read_json, write_json_atomic

__all__ = ["JobFolder", "read_json", "write_json_atomic"]

R = TypeVar("R", bound=Record)


class JobFolder:
    """One job's folder. Looking at it creates nothing; create() makes it 0700.

    Readers return None for a file that is not there and raise ValueError, naming the file, for one that is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spec_file = path / "spec.json"
        self.launch_file = path / "launch.json"
        self.identity_file = path / "identity.json"
        self.exit_file = path / "exit.json"
        self.lock = path / "lock"  # held by runner and worker as long as one of them lives
        self.secret = path / "secret.json"
        self.events = path / "events.ndjson"
        self.commands = path / "commands.ndjson"
        self.output = path / "output.log"
        self.old_output = path / "output.log.1"
        self.runner_output = path / "runner.log"
        self.temporary = path / "tmp"
        self.checkpoints = path / "checkpoints"
        self.model = path / "model"

    @property
    def job_id(self) -> str:
        return self.path.name

    def create(self) -> None:
        """Make the folder and its temporary folder, private whatever the umask is."""
        platform.make_private_folder(self.path)
        platform.make_private_folder(self.temporary)

    def spec(self) -> JobSpec:
        """What was asked; FileNotFoundError when there is no such job."""
        found = self._read(self.spec_file, JobSpec)
        if found is None:
            raise FileNotFoundError(f"{self.spec_file.name} is missing in job {self.job_id}")
        return found

    def write_spec(self, spec: JobSpec) -> None:
        """Make the folder and put the spec into it; a spec is written once."""
        self.create()
        write_json_atomic(self.spec_file, spec.model_dump(mode="json"))

    def launch(self) -> JobLaunch | None:
        """The newest attempt."""
        return self._read(self.launch_file, JobLaunch)

    def write_launch(self, launch: JobLaunch) -> None:
        write_json_atomic(self.launch_file, launch.model_dump(mode="json"))

    def was_begun(self) -> bool:
        """Whether a trace of the newest attempt was left: who runs it, how it ended, or a line in its log. None is
        there when a daemon died between the launch record and the start."""
        launch = self.launch()
        if launch is None:
            return False
        if self.events.exists() and self.events.stat().st_size > launch.events_from:
            return True
        try:
            return self.identity() is not None or self.exit_record() is not None
        except ValueError:
            return True  # a damaged file is a trace, too

    def identity(self) -> JobIdentity | None:
        """Who runs, or ran, the newest attempt; None also while its runner has not written it yet."""
        return self._of_this_attempt(self._read(self.identity_file, JobIdentity))

    def exit_record(self) -> ExitRecord | None:
        """How the newest attempt ended; a record of an earlier attempt does not count."""
        return self._of_this_attempt(self._read(self.exit_file, ExitRecord))

    def _of_this_attempt(self, record: R | None) -> R | None:
        launch = self.launch()
        if record is None or launch is None or getattr(record, "cookie", None) != launch.cookie:
            return None
        return record

    def _read(self, path: Path, model: type[R]) -> R | None:
        found = read_json(path)
        return None if found is None else model.model_validate(found)


def new_job_id(prefix: str = "r") -> str:
    """A short id that sorts by time and is safe as a folder name everywhere."""
    import secrets

    return f"{prefix}{int(time.time()):x}{secrets.token_hex(3)}"
