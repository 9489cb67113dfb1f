"""Where jobs run: the Compute seam and this machine."""

import os
import re
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Protocol

from backend import platform
from backend.jobs import environment
from backend.jobs.folder import JobFolder


class Compute(Protocol):
    """A place where runners can be started. Called by the supervisor only."""

    def slot(self, device: str) -> str:
        """The name of the device that `device` (auto, cpu, cuda:1 …) stands for here; trainings of one slot queue."""
        ...

    def start(self, job: JobFolder, cookie: str, lock: int) -> int:
        """Start the runner of a job, handing it the open lock file; its pid. Raises OSError."""
        ...

    def reap(self) -> None:
        """Collect runners of ours that have ended, so that none stays a zombie."""
        ...


class Local:
    """This machine. Runners are our children for as long as we live, in sessions of their own, without any pipe to
    us."""

    def __init__(self) -> None:
        self._children: set[int] = set()
        self._lock = threading.Lock()

    def slot(self, device: str) -> str:
        if device == "cuda":
            return "cuda:0"
        if device != "auto":
            return device
        cards = [name for name in _device_files() if re.fullmatch(r"nvidia\d+", name)]
        if cards and os.environ.get("CUDA_VISIBLE_DEVICES", "0") not in ("", "-1"):
            return "cuda:0"
        return "mps" if sys.platform == "darwin" else "cpu"

    def start(self, job: JobFolder, cookie: str, lock: int) -> int:
        # posix_spawn: no fork of a process with threads, and no Popen object that wants to be waited for when we end.
        # Descriptors of ours are not inherited (PEP 446) but for the three named here and the lock.
        command = [sys.executable, "-P", "-m", "backend.jobs.runner", str(job.path), "--lock-fd", "3"]
        output = platform.open_private(job.runner_output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            pid = os.posix_spawn(
                sys.executable,
                command,
                environment.for_runner(cookie),
                file_actions=_descriptors(output, lock),
                setsid=True,
                setsigmask=[],
                setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGHUP],
            )
        finally:
            os.close(output)
        with self._lock:
            self._children.add(pid)
        return pid

    def reap(self) -> None:
        with self._lock:
            for pid in list(self._children):
                try:
                    done, _status = os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    done = pid
                if done:
                    self._children.discard(pid)


def _descriptors(output: int, lock: int) -> list[Any]:
    """What the runner finds at 0 to 3: nothing, its own log twice, the lock. Copies first, so that no number is
    overwritten."""
    nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    high = 100  # above every number used here
    return [
        (os.POSIX_SPAWN_DUP2, lock, high),
        (os.POSIX_SPAWN_DUP2, output, high + 1),
        nothing,
        (os.POSIX_SPAWN_DUP2, high + 1, 1),
        (os.POSIX_SPAWN_DUP2, high + 1, 2),
        (os.POSIX_SPAWN_DUP2, high, 3),
        (os.POSIX_SPAWN_CLOSE, high),
        (os.POSIX_SPAWN_CLOSE, high + 1),
    ]


def _device_files() -> list[str]:
    folder = Path("/dev")
    return os.listdir(folder) if folder.is_dir() else []
