"""The small process that owns one worker and writes down how it ended: `python -m backend.jobs.runner JOBDIR
[--lock-fd N]`.

Standard library only: it stays a few MB and starts in milliseconds. It leads its own session, holds no pipe to
anybody, and outlives
the daemon. When it is killed itself the worker runs on and can be found by identity.json, by its cookie and by the
lock it holds.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend import platform
from backend.jobs import environment, identity, output

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

LOCK_HELD = 75
"""Exit code when the job already has a runner or a worker."""

_WATCH_S = 0.05  # a print flood of 1 GB/s grows the output by 50 MB between two looks
_PROTOCOL = 1
_TRAINING_NICENESS = 5  # a training must not make the desktop stutter
_MEMORY_VICTIM = "500"  # the kernel should end a worker before it ends the desktop or the daemon


@dataclass
class _Job:
    """What the runner reads and opens before it starts anything."""

    path: Path
    spec: dict[str, Any]
    launch: dict[str, Any]
    lock: int
    output: int


def main(argv: list[str]) -> int:
    """Run the job's newest attempt to its end; 0 when exit.json says how it ended, 75 when somebody else runs it."""
    path = Path(argv[0]).absolute()
    lock = int(argv[2]) if argv[1:2] == ["--lock-fd"] else platform.try_lock(path / "lock")
    if lock is None:
        print(f"job {path.name} already runs", file=sys.stderr)
        return LOCK_HELD
    _close_others(keep=lock)
    os.set_inheritable(lock, True)  # the worker keeps the lock when this process is killed
    spec = platform.read_json(path / "spec.json")
    launch = platform.read_json(path / "launch.json")
    if spec is None or launch is None:
        print(f"job {path.name} has no spec.json or no launch.json", file=sys.stderr)
        return 2
    os.chdir(path)
    platform.make_private_folder(path / "tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    job = _Job(path, spec, launch, lock, platform.open_private(path / "output.log", flags))
    _prepare(spec)
    return _own(job)


def _close_others(keep: int) -> None:
    """Let go of what the daemon itself inherited: a pipe of its terminal must not stay open as long as a training
    runs."""
    if Path("/proc/self/fd").is_dir():
        for fd in map(int, os.listdir("/proc/self/fd")):
            if fd > 2 and fd != keep:
                with contextlib.suppress(OSError):
                    os.close(fd)


def _prepare(spec: dict[str, Any]) -> None:
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if spec.get("kind") == "train" and hasattr(os, "nice"):
        os.nice(_TRAINING_NICENESS)


def _own(job: _Job) -> int:
    kills_before = platform.memory_kills()
    started_at = time.time()
    worker = _start(job)
    started = platform.process_started(worker.pid)

    def pass_on(number: int, _frame: object) -> None:
        # Log-out and power-off tell everybody to end: the worker saves and ends, and we stay to write down how.
        with contextlib.suppress(OSError):
            os.kill(worker.pid, number)

    signal.signal(signal.SIGTERM, pass_on)
    for number in (signal.SIGINT, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])):
        signal.signal(number, lambda _number, _frame: None)
    _write_identity(job, worker.pid, started)
    code = _wait(job, worker)
    kills_after = platform.memory_kills()
    kills = kills_after - kills_before if kills_after is not None and kills_before is not None else None
    _write_exit(job, code, started_at, kills)
    return 0


def _start(job: _Job) -> "subprocess.Popen[bytes]":
    settings = job.spec.get("settings") or {}
    threads = settings.get("threads") or 0
    online = (job.spec.get("base_model") or {}).get("kind") == "hub"
    command = [sys.executable, "-P", "-m", job.spec["main"], str(job.path)]
    with open(os.devnull, "rb") as nothing:
        worker = subprocess.Popen(
            command,
            stdin=nothing,
            stdout=job.output,
            stderr=job.output,
            cwd=job.path,
            env=environment.for_worker(job.path, job.launch["cookie"], online=online, threads=int(threads)),
            pass_fds=(job.lock,),
            process_group=0,
        )
    with contextlib.suppress(OSError):
        Path(f"/proc/{worker.pid}/oom_score_adj").write_text(_MEMORY_VICTIM, encoding="ascii")
    return worker


def _write_identity(job: _Job, pid: int, started: float | None) -> None:
    identity = {
        "boot_id": platform.boot_id(),
        "runner_pid": os.getpid(),
        "runner_started": platform.process_started(os.getpid()),
        "worker_pid": pid,
        "worker_started": started or 0.0,  # 0: it was dead before we could look
        "cookie": job.launch["cookie"],
        "attempt": job.launch["attempt"],
        "protocol": _PROTOCOL,
    }
    platform.write_json_atomic(job.path / "identity.json", identity)


def _wait(job: _Job, worker: "subprocess.Popen[bytes]") -> int:
    """Wait for the worker while keeping its output small; negative is a signal. Leaves nothing of its group behind."""
    log, old = job.path / "output.log", job.path / "output.log.1"
    pidfd = os.pidfd_open(worker.pid) if hasattr(os, "pidfd_open") else None
    while not _ended(worker, pidfd):
        with contextlib.suppress(OSError):  # a full disk must not end the owner; the next look tries again
            output.rotate(log, old)
    # Not collected yet, so its pid, and with it the number of its group, cannot belong to a stranger.
    with contextlib.suppress(OSError):
        os.killpg(worker.pid, signal.SIGKILL)
    for pid, started in identity.with_cookie(job.launch["cookie"]):
        if pid not in (os.getpid(), worker.pid):  # what has left the group
            platform.signal_process(pid, started, signal.SIGKILL)
    if pidfd is not None:
        os.close(pidfd)
    return worker.wait()


def _ended(worker: "subprocess.Popen[bytes]", pidfd: int | None) -> bool:
    if pidfd is not None:
        return bool(select.select([pidfd], [], [], _WATCH_S)[0])
    time.sleep(_WATCH_S)
    return os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _write_exit(job: _Job, code: int, started_at: float, memory_kills: int | None) -> None:
    with contextlib.suppress(OSError):
        output.rotate(job.path / "output.log", job.path / "output.log.1")
    record = {
        "attempt": job.launch["attempt"],
        "cookie": job.launch["cookie"],
        "exit_code": code if code >= 0 else None,
        "signal": -code if code < 0 else None,
        "started_at": started_at,
        "ended_at": time.time(),
        "peak_memory_bytes": _peak_memory_bytes(),
        "memory_kills": memory_kills,
        "tail": output.tail(job.path / "output.log", job.path / "output.log.1"),
    }
    _insist(job.path / "exit.json", record)


def _insist(path: Path, record: dict[str, Any]) -> None:
    """Write the record; on a full disk try for a minute, then without the output's end, which is its only long part."""
    for attempt in range(120):
        try:
            platform.write_json_atomic(path, record if attempt < 60 else {**record, "tail": []})
            return
        except OSError as error:
            if not path.parent.is_dir():
                return  # the job was taken away under us: nobody will ask how it ended
            if attempt == 0:
                print(json.dumps({"exit_record_not_written": str(error)}), file=sys.stderr)
            time.sleep(0.5)


def _peak_memory_bytes() -> int | None:
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
