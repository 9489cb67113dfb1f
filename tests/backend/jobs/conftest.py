"""Jobs that end with the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.jobs import Jobs


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    """A home with a supervisor; every process it started is gone afterwards."""
    jobs = Jobs(tmp_path / "home")
    yield jobs
    jobs.close()
