"""Which process is which: boot id + pid + start time + cookie, never a pid alone. Standard library only."""

import secrets
from pathlib import Path

from backend.platform import boot_id, process_started, processes_with

__all__ = ["COOKIE", "boot_id", "is_alive", "new_cookie", "of_folder", "process_started", "with_cookie"]

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
    found = ((pid, process_started(pid)) for pid in processes_with(COOKIE, cookie))
    return [(pid, started) for pid, started in found if started is not None]


def of_folder(job: Path) -> list[tuple[int, float]]:
    """Living processes (pid, start time) of a job's worker, known by their temporary folder: the way to find them when
    the folder, and with it their cookie, is gone."""
    found = ((pid, process_started(pid)) for pid in processes_with("TMPDIR", str(job / "tmp")))
    return [(pid, started) for pid, started in found if started is not None]
