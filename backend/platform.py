"""The one file with differences between Linux, macOS and Windows: durable files, locks, and what a process is.

Standard library only (psutil is asked only where /proc is missing), because the runner of every job imports it.
Linux is tested.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows has no flock; see try_lock()
    fcntl = None  # type: ignore[assignment]

LINUX = sys.platform.startswith("linux")
PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700

# ---- durable files -----------------------------------------------------------------------------------------


def make_private_folder(path: Path) -> None:
    """Make `path` and its missing parents, `path` itself 0700 whatever the umask is."""
    path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    path.chmod(PRIVATE_FOLDER)


def open_private(path: Path, flags: int) -> int:
    """os.open() with O_CLOEXEC whose new file is 0600 whatever the umask is."""
    fd = os.open(path, flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0), PRIVATE_FILE)
    if flags & os.O_CREAT and hasattr(os, "fchmod"):
        os.fchmod(fd, PRIVATE_FILE)
    return fd


def sync_file(path: Path) -> None:
    """Put a file's bytes on the disk; raises OSError, which must never be retried as success."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_folder(path: Path) -> None:
    """Put a folder's entries (new names, renames) on the disk; nothing to do where folders cannot be opened."""
    if os.name == "nt":
        return
    sync_file(path)


def write_all(fd: int, data: bytes) -> None:
    """os.write() until everything is written; raises OSError with part of it written."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def write_bytes_atomic(path: Path, data: bytes, mode: int = PRIVATE_FILE) -> None:
    """Replace `path` so that a reader, and the disk after a crash, has either the old or the new content entirely."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        fd = open_private(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            write_all(fd, data)
            if mode != PRIVATE_FILE:
                os.fchmod(fd, mode)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def write_json_atomic(path: Path, obj: Any, mode: int = PRIVATE_FILE) -> None:
    """Replace `path` with `obj` as JSON; temporary file, fsync, rename, fsync of the folder."""
    write_bytes_atomic(path, (json.dumps(obj, ensure_ascii=False, indent=1) + "\n").encode(), mode)


def read_json(path: Path) -> Any:
    """The JSON of a file, None when there is no such file; ValueError names the file when it is damaged."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return json.loads(data)
    except ValueError as error:
        raise ValueError(f"{path.name} is damaged: {error}") from error


# ---- locks -------------------------------------------------------------------------------------------------


def try_lock(path: Path) -> int | None:
    """An open, exclusively locked file, or None when somebody holds it. The kernel frees it when the last holder
    dies."""
    fd = open_private(path, os.O_RDWR | os.O_CREAT)
    if fcntl is None:
        return fd
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock of try_lock(); a missing file is not locked."""
    if not path.exists():
        return False
    fd = try_lock(path)
    if fd is not None:
        os.close(fd)
    return fd is None


# ---- processes ---------------------------------------------------------------------------------------------


def boot_id() -> str:
    """The same text until this machine starts again."""
    if LINUX:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    import psutil  # no /proc here

    return f"boot-{psutil.boot_time():.0f}"


def process_started(pid: int) -> float | None:
    """When the kernel started this process (Linux: clock ticks since boot); None for none, and for one that only waits
    to be collected (zombie)."""
    if not LINUX:
        return _started_elsewhere(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The name in brackets may hold spaces and brackets itself: what follows starts after the last one.
    fields = stat[stat.rfind(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X", b"x") else float(fields[19])


def _started_elsewhere(pid: int) -> float | None:
    import psutil  # no /proc here

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None


def processes_with(name: str, value: str) -> list[int]:
    """Living processes whose start environment holds NAME=value (only ours: others' cannot be read)."""
    wanted = f"{name}={value}".encode()
    return [pid for pid, environ in _environments() if wanted in environ.split(b"\0")]


def _environments() -> Iterator[tuple[int, bytes]]:
    if not LINUX:
        import psutil  # no /proc here

        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                yield process.pid, b"\0".join(f"{k}={v}".encode() for k, v in process.environ().items())
        return
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/environ", "rb") as file:
                yield int(entry), file.read()


def command_line(pid: int) -> list[bytes]:
    """The arguments of a process, [] when it is gone."""
    if not LINUX:
        import psutil  # no /proc here

        try:
            return [os.fsencode(part) for part in psutil.Process(pid).cmdline()]
        except psutil.Error:
            return []
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def signal_process(pid: int, started: float, number: int) -> bool:
    """Send a signal to exactly this process; False when it is gone. A pidfd closes the gap in which a pid is reused."""
    if not hasattr(os, "pidfd_open"):
        return _signal_by_pid(pid, started, number)
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if process_started(pid) != started:
            return False
        signal.pidfd_send_signal(fd, number)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def _signal_by_pid(pid: int, started: float, number: int) -> bool:
    if process_started(pid) != started:
        return False
    try:
        os.kill(pid, number)
    except OSError:
        return False
    return True


def wait_gone(pid: int, started: float, timeout_s: float) -> bool:
    """Wait until this very process is gone; False when the time is over."""
    end = time.monotonic() + timeout_s
    while process_started(pid) == started:
        if time.monotonic() >= end:
            return False
        time.sleep(0.01)
    return True


def memory_kills() -> int | None:
    """How often the kernel of this machine has killed a process for lack of memory; None when it does not tell."""
    try:
        for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except (OSError, ValueError):
        return None
    return None


CAP_SYS_ADMIN = 21


def is_administrator() -> bool | None:
    """Whether the kernel takes this process for an administrator (Linux: CAP_SYS_ADMIN, which root in a container may
    lack); None where that cannot be told."""
    if LINUX:
        try:
            status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return None
        line = next((line for line in status.splitlines() if line.startswith("CapEff:")), "")
        return bool(int(line.split()[1], 16) >> CAP_SYS_ADMIN & 1) if line else None
    return os.geteuid() == 0 if hasattr(os, "geteuid") else None


def give_back_memory() -> None:
    """Hand freed memory back to the system now: glibc keeps it, and a daemon lives for weeks. Elsewhere nothing."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if LINUX else None
    if trim is not None:
        trim(0)
