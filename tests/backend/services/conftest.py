"""A daemon walked by hand, and its jobs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import failpoints
from backend.clock import SystemClock
from tests.helpers.jobs import Jobs
from tests.helpers.walked import Daemon


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    jobs = Jobs(tmp_path / "home")
    jobs.home.root.chmod(0o700)
    yield jobs
    jobs.close()
    failpoints.reset("")


@pytest.fixture
def daemon(jobs: Jobs) -> Iterator[Daemon]:
    daemon = Daemon(jobs, SystemClock())
    yield daemon
    daemon.store.close()
