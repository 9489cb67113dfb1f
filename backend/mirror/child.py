"""The handle of the mirror process: start it, hand over a message and wait for its answer with a deadline, end it. No
mlflow here."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from backend.paths import PROJECT

START_S = 180.0
"""Importing mlflow and making its tables takes seconds; on a slow disk many."""

ANSWER_S = 300.0
"""One message may carry a hundred thousand points; and mlflow waits 20 s a statement on a locked file."""

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "SYSTEMROOT", "MODELDECK_FAILPOINT", "MODELDECK_CLOCK_OFFSET_S")
"""All the mirror inherits: no token or address of the user's own MLflow may leak into ours."""


class MirrorGone(Exception):
    """The process ended, said it cannot work, or did not answer in time; the text is for the user."""


class MirrorChild:
    """One mirror process. Starting it raises MirrorGone with the reason when MLflow cannot be written."""

    def __init__(self, home: Path, log: Path | None = None, *, give_up: threading.Event | None = None) -> None:
        """`give_up`, when set by another thread, ends the process and every wait for it at once."""
        self._give_up = give_up or threading.Event()
        folder = home / "mlflow"
        private = folder / "tmp"  # MLflow puts a lock with a predictable name into the temporary folder
        private.mkdir(mode=0o700, parents=True, exist_ok=True)
        errors: Any = subprocess.DEVNULL if log is None else open(log, "wb")  # noqa: SIM115 closed below
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "backend.mirror.main", str(home)],
                cwd=PROJECT,
                env=environment(private),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
            )
        finally:
            if log is not None:
                errors.close()
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), name="mirror-reader", daemon=True
        )
        self._reader.start()
        hello = self._next(START_S)
        if not hello.get("ready"):
            self.close()
            raise MirrorGone(str(hello.get("text")))
        self.created = bool(hello.get("created"))

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, message: Mapping[str, Any], timeout: float = ANSWER_S) -> str | None:
        """Hand over a message; None when MLflow has it, else why not. MirrorGone when nothing can be handed over
        now."""
        try:
            _pipe(self._process.stdin).write(json.dumps(message) + "\n")
            _pipe(self._process.stdin).flush()
        except OSError as error:
            self.close()
            raise MirrorGone("The mirror process ended.") from error
        answer = self._next(timeout)
        if answer.get("database"):
            self.close()
            raise MirrorGone(str(answer.get("text")))
        return None if answer.get("ok") else str(answer.get("text"))

    def close(self) -> None:
        """End it now; what it has not acknowledged is delivered again, which changes nothing twice."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # an unsent rest of a message
                    pipe.close()

    def _next(self, timeout: float) -> dict[str, Any]:
        until = time.monotonic() + timeout
        while not self._give_up.is_set() and time.monotonic() < until:
            try:
                answer = self._answers.get(timeout=0.2)
            except queue.Empty:
                continue
            if answer is not None:
                return answer
            code = self._process.wait()
            self.close()
            raise MirrorGone(f"The mirror process ended with {'signal' if code < 0 else 'exit code'} {abs(code)}.")
        self.close()
        raise MirrorGone("Stopped." if self._give_up.is_set() else f"MLflow did not answer within {timeout:.0f} s.")

    def _read(self, output: IO[str]) -> None:
        for line in output:
            try:
                self._answers.put(json.loads(line))
            except ValueError:
                continue  # a torn line of a dying process; its end follows
        self._answers.put(None)


def environment(private: Path) -> dict[str, str]:
    """What the mirror's environment is: few inherited names, a temporary folder of its own, MLflow's own telemetry
    off."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    quiet = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false",
    }
    return {**kept, **quiet, "TMPDIR": str(private), "PYTHONPATH": str(PROJECT), "GIT_PYTHON_REFRESH": "quiet"}


def _pipe(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise MirrorGone("The mirror process has no input.")
    return stream
