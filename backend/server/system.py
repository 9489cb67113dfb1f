"""/system: what runs here, whether all is well, and how to end it."""

import os
import platform
import shutil
import socket
from importlib import metadata
from typing import Annotated, Any

from fastapi import APIRouter, Query

from backend.contract.base import PROTOCOL
from backend.contract.resources import DoctorReport, SystemStatus
from backend.contract.states import LIVE_RUN_STATES, AlertState
from backend.launch import VERSION
from backend.server.logs import last_lines
from backend.server.parts import Parts, PartsIn
from backend.server.route import Route

router = APIRouter(tags=["system"], route_class=Route)

SHOWN_PACKAGES = (
    "torch",
    "transformers",
    "mlflow",
    "fastapi",
    "starlette",
    "sqlalchemy",
    "pydantic",
    "PySide6-Essentials",
)


def own_pid() -> int:
    """Of this process."""
    return os.getpid()


def package_versions() -> dict[str, str]:
    """Python, SQLite and what else decides how we behave; read from metadata, nothing is imported."""
    import sqlite3

    found = {"modeldeck": VERSION, "python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for name in SHOWN_PACKAGES:
        try:
            found[name.lower()] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


_VERSIONS: dict[str, str] = {}


def status_of(parts: Parts) -> SystemStatus:
    """The daemon's own state; counts come from the store, free space from the disk."""
    if not _VERSIONS:
        _VERSIONS.update(package_versions())
    disk = shutil.disk_usage(parts.home.root)
    state = "stopping" if parts.stopping.is_set() else "viewer" if parts.read_only_reason else "running"
    return SystemStatus(
        state=state,
        pid=own_pid(),
        home=str(parts.home.root),
        socket=parts.describe_listen(),
        started_at=parts.started_at,
        version=VERSION,
        protocol=PROTOCOL,
        read_only_reason=parts.read_only_reason,
        disk_free_bytes=disk.free,
        disk_total_bytes=disk.total,
        running=len(parts.store.runs.with_states(LIVE_RUN_STATES)),
        queued=len(parts.store.runs.queue()),
        open_alerts=len(parts.store.alerts.all([AlertState.OPEN])),
        mirror=parts.mirror(),
        notices=tuple(parts.notices()),
        versions=_VERSIONS,
        user=parts.user,
        hostname=socket.gethostname(),
    )


@router.get("/system")
def read_system(parts: PartsIn) -> SystemStatus:
    """State, process, versions, free disk, counts."""
    return status_of(parts)


@router.get("/system/doctor")
def examine(parts: PartsIn) -> DoctorReport:
    """Check every invariant of the home folder; takes seconds on a large one."""
    from backend.services.doctor import run_doctor  # late: rarely asked

    return run_doctor(parts.home, parts.store)


@router.get("/system/log")
def read_log(parts: PartsIn, count: Annotated[int, Query(ge=1, le=2000)] = 200) -> dict[str, Any]:
    """The newest lines of the daemon's log, oldest first."""
    return {"items": last_lines(parts.home.logs / "daemon.log", count)}


@router.post("/system/stop", status_code=202)
def stop(parts: PartsIn) -> SystemStatus:
    """End the daemon; runs and endpoints go on and are found again at the next start."""
    parts.stopping.set()
    found = status_of(parts)
    parts.stop()
    return found
