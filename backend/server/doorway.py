"""How the daemon is reached: the lock of the home, the private runtime folder, the socket, and the file that names
them."""

import contextlib
import json
import os
import secrets
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from backend.contract.base import PROTOCOL
from backend.contract.errors import Conflict, Invalid, Refused, Unavailable
from backend.launch import VERSION
from backend.paths import SOCKET_LIMIT, Home
from backend.platform import make_private_folder, try_lock, write_json_atomic

BACKLOG = 256


class Occupied(Conflict):
    """Another daemon has this home; details["pid"] is its process."""


def own_folder(path: Path, *, writable: bool = True) -> None:
    """Make sure that `path` is a real folder of this user and 0700; Refused names what is wrong with it.

    A link or another owner's folder could hand our socket, token and data to somebody else.
    """
    try:
        if writable:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = path.lstat()
    except OSError as error:
        raise Unavailable(f"The folder {path} cannot be used: {error.strerror}.") from error
    if stat.S_ISLNK(facts.st_mode) or not stat.S_ISDIR(facts.st_mode):
        raise Refused(f"{path} must be a folder, not a link or a file.", code="unsafe_folder", fix="Remove it.")
    if hasattr(os, "getuid") and facts.st_uid != os.getuid():
        raise Refused(
            f"{path} belongs to user {facts.st_uid}, not to you ({os.getuid()}).",
            code="unsafe_folder",
            fix="Choose another home folder (--home DIR), or start as its owner.",
        )
    if writable and stat.S_IMODE(facts.st_mode) != 0o700:
        make_private_folder(path)


def prepare_home(home: Home) -> str | None:
    """Make the folders of a home, each 0700; the reason when it can only be read. Refused when it is not ours."""
    real = Home(home.root.resolve())
    try:
        for folder in real.folders():
            own_folder(folder)
        probe = real.root / f".write-{os.getpid()}"
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        probe.unlink()
    except (Unavailable, OSError) as error:
        if not real.database.exists():
            raise Unavailable(f"The home folder {home.root} cannot be used: {error}", code="home") from error
        return str(error)
    return None


class HomeLock:
    """One daemon per home, by flock: the kernel frees it with the process, a stale file means nothing."""

    def __init__(self, home: Home) -> None:
        self._path = home.lock
        self._fd: int | None = None

    def take(self, *, read_only: bool = False) -> None:
        """Take the lock or raise Occupied naming the holder; a viewer of a read-only home has none to take."""
        if read_only:
            return
        self._fd = try_lock(self._path)
        if self._fd is None:
            pid = self.holder(self._path)
            who = f"process {pid}" if pid else "another process"
            raise Occupied(f"The home folder is in use by {who}.", code="occupied", pid=pid)
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, json.dumps({"pid": os.getpid()}).encode(), 0)

    @staticmethod
    def holder(path: Path) -> int | None:
        """The pid that the holder wrote; None when it has not yet."""
        try:
            return int(json.loads(path.read_bytes())["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def free(self) -> None:
        """Give the lock back."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


@dataclass(frozen=True, slots=True)
class Listening:
    """An open door: `listen` is "unix:/path" or "tcp:127.0.0.1:PORT"; TCP has a token and exact Host names."""

    socket: socket.socket
    listen: str
    token: str | None
    hosts: frozenset[bytes] | None


def parse_listen(text: str) -> int | None:
    """None for "unix", the port for "tcp:PORT" (0: any free one); Invalid otherwise."""
    kind, _, port = text.partition(":")
    if kind == "unix" and not port:
        return None
    if kind == "tcp" and port.isascii() and port.isdigit() and int(port) < 65536:
        return int(port)
    raise Invalid(f"--listen {text!r:.60} is neither unix nor tcp:PORT.", field="listen", fix="Example: tcp:0")


def open_door(home: Home, listen: str) -> Listening:
    """Bind; only the holder of the home's lock may call this, for a stale socket is removed."""
    port = parse_listen(listen)
    own_folder(home.runtime)
    return _open_unix(home.socket) if port is None else _open_tcp(port)


def _open_unix(path: Path) -> Listening:
    if len(os.fsencode(path)) > SOCKET_LIMIT:
        raise Unavailable(f"The socket path is too long for this system: {path}")
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o177)  # from the first moment on nobody else may connect
    try:
        bound.bind(str(path))
    finally:
        os.umask(old)
    bound.listen(BACKLOG)
    return Listening(bound, f"unix:{path}", None, None)


def _open_tcp(port: int) -> Listening:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name != "nt":
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
    except OSError as error:
        bound.close()
        raise Unavailable(
            f"Port {port} on 127.0.0.1 cannot be used: {error.strerror}.", fix="Use tcp:0 for any free port."
        ) from error
    bound.listen(BACKLOG)
    port = bound.getsockname()[1]
    hosts = frozenset(f"{name}:{port}".encode() for name in ("127.0.0.1", "[::1]", "localhost"))
    return Listening(bound, f"tcp:127.0.0.1:{port}", secrets.token_hex(32), hosts)


def announce(home: Home, door: Listening, started_at: float) -> None:
    """Write backend.json, 0600, at once or not at all: clients that see it can connect."""
    facts = {
        "listen": door.listen,
        "pid": os.getpid(),
        "started_at": started_at,
        "version": VERSION,
        "protocol": PROTOCOL,
        "home": str(home.root),
    }
    if door.token:
        facts["token"] = door.token
    write_json_atomic(home.endpoint_file, facts)


def withdraw(home: Home) -> None:
    """Remove what announce() and open_door() left, while the lock is still held."""
    for path in (home.endpoint_file, home.socket):
        with contextlib.suppress(OSError):
            path.unlink()
