"""A home folder of its own with a real daemon process; everything that was started there has ended with the test."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from backend import launch, platform
from backend.client import Client
from backend.launch import Backend
from backend.paths import PROJECT, Home
from backend.supervisor.launch import Supervisor
from tests.helpers.wait import until

FINAL = ("completed", "failed", "stopped", "interrupted")


class RunningHome:
    """A short temporary home (socket paths must be short) and its daemon; use as a context manager."""

    def __init__(self, *, listen: str = "unix", **environment: str) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="md-", dir="/tmp"))
        self.home = Home(self.root / "h")
        self.listen = listen
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self._clients: list[Client] = []

    def __enter__(self) -> "RunningHome":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> "RunningHome":
        """Start the daemon, as launch does it, and wait until it answers."""
        before = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        try:
            self.process, output = launch.spawn(self.home, self.listen)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
        process = self.process

        def answers() -> Backend | None:
            if process.poll() is not None:
                raise AssertionError(f"the daemon ended with {process.returncode}: {output.read_text()[-3000:]}")
            return launch.find(self.home)

        until(answers, 90)
        return self

    @property
    def backend(self) -> Backend:
        found = launch.read_endpoint_file(self.home)
        if found is None:
            raise AssertionError("no daemon has announced itself")
        return found

    @property
    def client(self) -> Client:
        """A fresh client, closed with the home."""
        self._clients.append(Client(self.backend, name="test"))
        return self._clients[-1]

    def ask(self, method: str, path: str, body: Any = None, **rest: Any) -> Any:
        """One request."""
        with Client(self.backend, name="test") as client:
            return client.ask(method, path, body, **rest)

    def cli(self, *arguments: str, check: bool = True, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """The command line as a user calls it (without the set-up check in front)."""
        command = [sys.executable, "-m", "backend.cli", *arguments]
        environment = {**os.environ, "MODELDECK_HOME": str(self.home.root), **self.environment}
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=timeout)
        if check and done.returncode:
            raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stderr}")
        return done

    def json(self, *arguments: str) -> Any:
        """What the command line answers with --json."""
        return json.loads(self.cli(*arguments, "--json").stdout)

    def start_run(self, **settings: Any) -> dict[str, Any]:
        """A self-test run."""
        body = {"recipe": "selftest", "settings": settings}
        run: dict[str, Any] = self.ask("POST", "/runs", body)
        return run

    def wait_run(self, run_id: str, states: tuple[str, ...] = FINAL, timeout: float = 60) -> dict[str, Any]:
        """The run when it is in one of the states."""

        def there() -> dict[str, Any] | None:
            run: dict[str, Any] = self.ask("GET", f"/runs/{run_id}")
            return run if run["state"] in states else None

        found = until(there, timeout, every=0.03)
        return found or {}

    def kill(self) -> None:
        """End the daemon as a power cut would; its workers go on."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def stop(self) -> int:
        """End the daemon as `backend stop` does; its exit status."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(60)

    def log(self) -> str:
        """Everything the daemon wrote down."""
        files = (self.home.logs / "daemon.log", self.home.logs / "daemon-output.log")
        return "".join(file.read_text() for file in files if file.exists())

    def close(self) -> None:
        """End the daemon and every job of this home."""
        for client in self._clients:
            client.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop()
        if self.process is not None and self.process.poll() is None:
            self.kill()
        supervisor = Supervisor(self.home)
        for job_id in supervisor.adopt():
            supervisor.kill(job_id)
            seen = supervisor.observe(job_id).identity
            if seen is not None:
                platform.wait_gone(seen.runner_pid, seen.runner_started, 10)
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.rmtree(self.home.runtime, ignore_errors=True)


def running_home(**options: Any) -> Iterator[RunningHome]:
    """For fixtures: a started one that is closed afterwards."""
    with RunningHome(**options) as home:
        yield home.start()
