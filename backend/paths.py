"""Where everything lies: the home folder, the runtime folder with the socket, and the project's own files."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
"""The folder with main.py, backend, console and resources."""

SOCKET_LIMIT = 100
"""Longest socket path in bytes: the kernel allows 107, and a temporary name beside it needs room."""


def default_home() -> Path:
    """MODELDECK_HOME, or the platform's folder for user data."""
    named = os.environ.get("MODELDECK_HOME")
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs  # only here: main.py must start without it

    return Path(platformdirs.user_data_dir("modeldeck", appauthor=False))


def runtime_folder(home: Path) -> Path:
    """A short 0700 folder of this user for the sockets of `home`; its path always leaves room for a socket name."""
    digest = hashlib.sha256(str(home.absolute()).encode()).hexdigest()[:12]
    base = os.environ.get("XDG_RUNTIME_DIR")
    short = Path(base) / f"modeldeck-{digest}" if base and os.path.isdir(base) else None
    if short is None or len(os.fsencode(short / "backend.sock")) > SOCKET_LIMIT:
        user = os.getuid() if hasattr(os, "getuid") else 0
        short = Path(tempfile.gettempdir()) / f"modeldeck-{user}-{digest}"
        if len(os.fsencode(short / "backend.sock")) > SOCKET_LIMIT:
            short = Path("/tmp") / f"modeldeck-{user}-{digest}"  # noqa: S108 made 0700 and checked for its owner
    return short


@dataclass(frozen=True, slots=True)
class Home:
    """The home folder by name; nothing is created by looking at it."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "modeldeck.db"

    @property
    def datasets(self) -> Path:
        return self.root / "datasets"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def mlflow(self) -> Path:
        return self.root / "mlflow"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def lock(self) -> Path:
        return self.root / "daemon.lock"

    @property
    def runtime(self) -> Path:
        return runtime_folder(self.root)

    @property
    def socket(self) -> Path:
        return self.runtime / "backend.sock"

    @property
    def endpoint_file(self) -> Path:
        """How to reach the daemon: {"listen", "pid", "started_at", "version", "protocol", "token"?}, 0600."""
        return self.runtime / "backend.json"

    def job(self, job_id: str) -> Path:
        return self.jobs / job_id

    def folders(self) -> tuple[Path, ...]:
        """Every folder that a home has, in the order they are made."""
        return (
            self.root,
            self.datasets,
            self.jobs,
            self.models,
            self.mlflow,
            self.logs,
            self.backups,
            self.cache,
        )
