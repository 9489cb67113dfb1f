"""A real gateway process on a job folder of its own, and a client of it that is not our own HTTP code."""

import contextlib
import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend.contract.commands import COMMANDS, Command
from backend.contract.events import CommandDone
from backend.contract.jobs import JobLaunch, JobSpec
from backend.jobs.folder import JobFolder, write_json_atomic
from backend.jobs.log import LogReader, LogWriter
from backend.paths import PROJECT

STARTED_S = 90.0
"""A gateway imports torch once; on a busy machine that takes long."""


class Answer:
    """A reply: status, headers, parsed body."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.raw = status, headers, body

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def code(self) -> str:
        return str(self.body["code"])


class Endpoint:
    """Starts `backend.worker.gateway`, tells it commands, reads its events, asks it over HTTP."""

    def __init__(self, folder: Path, version: tuple[int, Path] | None, *, model: str = "tiny", **settings: Any) -> None:
        self.job = JobFolder(folder)
        chosen = {"model": model, "version": version[0], "version_path": str(version[1])} if version else {}
        spec = {"endpoint": "front", **chosen, **settings}
        self.job.write_spec(
            JobSpec(job_id=folder.name, kind="serve", main="backend.worker.gateway", name="front", settings=spec)
        )
        self.key = secrets.token_urlsafe(32)
        write_json_atomic(self.job.secret, {"key": self.key})
        self.port = 0
        self.attempt = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._commands = 0

    # ---- process -----------------------------------------------------------------------------------------------------

    def start(self, *, ready: bool = True, **environment: str) -> "Endpoint":
        """Start (again); with ready, wait until the live version answers."""
        self.attempt += 1
        sizes = [path.stat().st_size if path.exists() else 0 for path in (self.job.commands, self.job.events)]
        self.job.write_launch(
            JobLaunch(attempt=self.attempt, resume=False, cookie="c", commands_from=sizes[0], events_from=sizes[1])
        )
        with open(self.job.output, "ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "backend.worker.gateway", str(self.job.path)],
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
            )
        wanted = {"serving"} if ready else {"starting", "serving", "failed"}
        served = self.wait("served", lambda fields: fields["state"] in wanted, after=sizes[1])
        self.port = int(served["port"])
        return self

    def stop(self) -> None:
        """End the process group, whatever state it is in."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(10)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    # ---- log ---------------------------------------------------------------------------------------------------------

    def events(self, kind: str | None = None, after: int = 0) -> list[dict[str, Any]]:
        """What it has said since a place in its log."""
        if not self.job.events.exists():
            return []
        lines = LogReader(self.job.events, seq=None).read(after).lines
        return [line.fields for line in lines if kind in (None, line.kind)]

    def mark(self) -> int:
        """The end of the log now, for `after`."""
        return self.job.events.stat().st_size

    def wait(
        self,
        kind: str,
        fits: Callable[[dict[str, Any]], bool] = lambda _: True,
        *,
        after: int = 0,
        timeout: float = STARTED_S,
    ) -> dict[str, Any]:
        """The first event of a kind that fits."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for fields in self.events(kind, after):
                if fits(fields):
                    return fields
            if self.process is not None and self.process.poll() is not None:
                break
            time.sleep(0.01)
        tail = self.job.output.read_text(errors="replace")[-2000:]
        raise AssertionError(f"no {kind} event that fits; events: {self.events(None, after)[-8:]}; output: {tail}")

    def tell(self, kind: str, *, wait: float = 60.0, **fields: Any) -> CommandDone:
        """Send a command and wait for its answer."""
        command_id = self.send(kind, **fields)
        return CommandDone.model_validate(
            self.wait("command_done", lambda found: found["command_id"] == command_id, timeout=wait)
        )

    def send(self, kind: str, **fields: Any) -> str:
        """Send a command; its id."""
        self._commands += 1
        command_id = f"{self.attempt}-{self._commands}"
        command: Command = COMMANDS[kind].model_validate({"id": command_id, **fields})
        writer = LogWriter(self.job.commands)
        writer.append(kind, command, sync=True)
        writer.close()
        return command_id

    def engine_pid(self, version: int) -> int:
        """The process of the newest ready engine of a version."""
        ready = [e for e in self.events("engine") if e["version"] == version and e["state"] == "ready"]
        return int(ready[-1]["pid"])

    # ---- HTTP --------------------------------------------------------------------------------------------------------

    def ask(
        self,
        path: str = "/predict",
        body: Any = None,
        *,
        method: str | None = None,
        raw: bytes | None = None,
        **headers: str,
    ) -> Answer:
        """One request on a new connection; headers by name with _ for -; an empty value leaves a default header out."""
        data = raw if raw is not None else (None if body is None else json.dumps(body).encode())
        named = {"Authorization": f"Bearer {self.key}"}
        if data is not None:
            named["Content-Type"] = "application/json"
        named |= {name.replace("_", "-").title(): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(
                method or ("GET" if data is None else "POST"), path, data, {k: v for k, v in named.items() if v}
            )
            reply = connection.getresponse()
            return Answer(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    def predict(self, *texts: str, **rest: Any) -> Answer:
        """POST /predict."""
        return self.ask(body={"inputs": list(texts), **rest})
