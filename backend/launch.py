"""Find the daemon of a home, start it, stop it. Standard library only: the console and the command line import this
first.

Nothing is believed from a file alone: a daemon runs when it answers, and over TCP it must prove that it knows the
token before it
gets to see it.
"""

import hashlib
import hmac
import http.client
import json
import os
import secrets
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.paths import PROJECT, Home
from backend.platform import process_started

VERSION = "0.1.0"
"""Of the product; pyproject.toml says the same."""

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0
ANSWER_TIMEOUT_S = 5.0


class LaunchFailed(RuntimeError):
    """The daemon could not be started or reached; the text says why and where to look."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A running daemon and how to reach it."""

    listen: str  # "unix:/path" or "tcp:127.0.0.1:PORT"
    pid: int
    started_at: float
    version: str
    protocol: int
    token: str | None = None

    @property
    def socket_path(self) -> str | None:
        """The Unix socket; None over TCP."""
        return self.listen.removeprefix("unix:") if self.listen.startswith("unix:") else None

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port; None over a Unix socket."""
        if self.listen.startswith("unix:"):
            return None
        host, _, port = self.listen.removeprefix("tcp:").rpartition(":")
        return host, int(port)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def read_endpoint_file(home: Home) -> Backend | None:
    """What backend.json says; None when there is none, or when it is not our own private file."""
    try:
        facts = home.endpoint_file.lstat()
        if not stat.S_ISREG(facts.st_mode) or (hasattr(os, "getuid") and facts.st_uid != os.getuid()):
            return None
        body = json.loads(home.endpoint_file.read_bytes())
        return Backend(
            listen=str(body["listen"]),
            pid=int(body["pid"]),
            started_at=float(body["started_at"]),
            version=str(body["version"]),
            protocol=int(body["protocol"]),
            token=body.get("token"),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def answers(backend: Backend, timeout_s: float = ANSWER_TIMEOUT_S) -> bool:
    """Whether this very daemon is there. Over TCP a fresh challenge must be answered with the token's HMAC; a stranger
    who took the port learns nothing."""
    challenge = secrets.token_hex(16)
    try:
        status, body = request(backend, "GET", "/healthz", challenge=challenge, with_token=False, timeout_s=timeout_s)
    except (OSError, http.client.HTTPException, ValueError):
        return False
    if status != 200 or not isinstance(body, dict):
        return False
    if backend.token is None:
        return body.get("pid") == backend.pid
    expected = hmac.new(backend.token.encode(), f"{backend.listen}|{challenge}".encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(str(body.get("proof", "")), expected)


def request(
    backend: Backend,
    method: str,
    path: str,
    body: Any = None,
    *,
    challenge: str | None = None,
    with_token: bool = True,
    timeout_s: float = ANSWER_TIMEOUT_S,
) -> tuple[int, Any]:
    """One small request without any library; (status, parsed JSON). Raises OSError when nobody is there."""
    connection = _connect(backend, timeout_s)
    headers = {"Content-Type": "application/json"} if method != "GET" else {}
    if challenge:
        headers["X-Modeldeck-Challenge"] = challenge
    if with_token and backend.token:
        headers["Authorization"] = f"Bearer {backend.token}"
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        reply = connection.getresponse()
        text = reply.read(1024 * 1024)
        return reply.status, json.loads(text) if text else None
    finally:
        connection.close()


def _connect(backend: Backend, timeout_s: float) -> http.client.HTTPConnection:
    path = backend.socket_path
    if path is not None:
        return _UnixConnection(path, timeout_s)
    host, port = backend.address or ("127.0.0.1", 0)
    return http.client.HTTPConnection(host, port, timeout=timeout_s)


def find(home: Home, timeout_s: float = ANSWER_TIMEOUT_S) -> Backend | None:
    """The running daemon of a home, seen to answer; None when none does."""
    backend = read_endpoint_file(home)
    return backend if backend is not None and answers(backend, timeout_s) else None


def start(
    home: Home,
    *,
    listen: str = "unix",
    timeout_s: float = START_TIMEOUT_S,
    say: Callable[[str], None] | None = None,
) -> Backend:
    """The running daemon of a home, started when none runs; returns when it answers. Two callers at once get the same
    one.

    Raises LaunchFailed with the daemon's last words.
    """
    running = find(home)
    if running is not None:
        return running
    if say is not None:
        say("Starting the backend …")
    process, output = spawn(home, listen)
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        found = find(home, timeout_s=2.0)
        if found is not None:
            return found
        code = process.poll()
        if code == OCCUPIED:  # another one starts or ends just now: wait for its answer, or for the home to be free
            time.sleep(0.2)
            process, output = spawn(home, listen)
        elif code is not None:
            raise LaunchFailed(f"The backend ended at once (exit {code}). {_last_words(output)}")
        time.sleep(0.02)
    raise LaunchFailed(f"The backend did not answer within {timeout_s:g} s. {_last_words(output)}")


OCCUPIED = 4
"""Exit status of a daemon that found the home taken by another one."""


_STARTED: "list[subprocess.Popen[bytes]]" = []
"""Daemons this process has started, kept so that none is a zombie or a warning when it ends before us."""


def spawn(home: Home, listen: str = "unix") -> "tuple[subprocess.Popen[bytes], Path]":
    """Start a daemon of its own session and return at once: its process and the file with what it printed."""
    command = [sys.executable, "-m", "backend.daemon", "--home", str(home.root), "--listen", listen]
    output = _output_file(home)
    fd = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        # Two pools of memory are enough for its threads; with one a thread, each keeps what its largest request took.
        environment = {
            **os.environ,
            "PYTHONPATH": str(PROJECT),
            "PYTHONUNBUFFERED": "1",
            "MALLOC_ARENA_MAX": "2",
        }
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=fd,
            stderr=fd,
            start_new_session=True,  # closing the terminal or the console must not end it
            close_fds=True,
        )
    finally:
        os.close(fd)
    _STARTED.append(process)
    return process, output


def _output_file(home: Home) -> Path:
    """logs/daemon.log is the daemon's own, rotated; what it prints before or beside that goes here. Emptied when
    large."""
    try:
        home.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = home.logs / "daemon-output.log"
        if path.exists() and path.stat().st_size > 1024 * 1024:
            path.unlink()
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    except OSError:  # a home that can only be read: viewer mode
        return Path(os.devnull)
    return path


def _last_words(output: Path) -> str:
    try:
        lines = output.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
    except OSError:
        lines = []
    return f"It said: {' / '.join(lines)}" if lines else f"It said nothing; look into {output.parent / 'daemon.log'}."


def stop(home: Home, timeout_s: float = STOP_TIMEOUT_S) -> bool:
    """Ask the daemon to end and wait until it has; False when none ran. Runs and endpoints go on."""
    backend = find(home)
    if backend is None:
        return False
    request(backend, "POST", "/api/v1/system/stop", {})
    end = time.monotonic() + timeout_s
    while process_started(backend.pid) is not None:  # the lock of the home goes with the process
        if time.monotonic() > end:
            raise LaunchFailed(f"The backend (process {backend.pid}) did not end within {timeout_s:g} s.")
        time.sleep(0.02)
    return True
