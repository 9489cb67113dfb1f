"""Which process is which: boot id + pid + start time + cookie, never a pid alone. Standard library only."""

import secrets

from backend.platform import boot_id, process_started, processes_with

__all__ = ["COOKIE", "boot_id", "is_alive", "new_cookie", "process_started", "with_cookie", "with_temporary_folder"]

COOKIE = "MODELDECK_COOKIE"
"""Name of the cookie in the environment of runner, worker and everything they start."""


def new_cookie() -> str:
    """128 random bits in hex; one for each attempt of a job."""
    return secrets.token_hex(16)


def is_alive(pid: int, started: float, boot: str) -> bool:
    """Whether exactly this process still runs; a reused pid, another boot and a zombie are not it."""
    return pid > 0 and boot == boot_id() and process_started(pid) == started


def with_cookie(cookie: str) -> list[tuple[int, float]]:
    """Living processes (pid, start time) that carry this cookie in their environment."""
    return _living(processes_with(COOKIE, cookie))


def with_temporary_folder(folder: str) -> list[tuple[int, float]]:
    """Living processes (pid, start time) that were given this folder for temporary files, as only a job's worker is."""
    return _living(processes_with("TMPDIR", folder))


def _living(pids: list[int]) -> list[tuple[int, float]]:
    found = ((pid, process_started(pid)) for pid in pids)
    return [(pid, started) for pid, started in found if started is not None]
