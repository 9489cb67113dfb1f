"""A store of one's own, and jobs whose logs are written by the test."""

import random
from pathlib import Path
from typing import Any

from backend.clock import Clock, ManualClock
from backend.contract.jobs import JobLaunch, JobSpec
from backend.contract.resources import RunRecord
from backend.jobs.folder import JobFolder
from backend.jobs.log import LogReader, LogWriter
from backend.paths import Home
from backend.store import Store, open_store


def make_store(folder: Path, clock: Clock | None = None) -> Store:
    """A store in `folder`/home; the same folder again opens it again."""
    return open_store(Home(folder / "home"), clock or ManualClock())


def a_run(run_id: str = "r1", **fields: Any) -> RunRecord:
    """A run as services/runs makes one."""
    return RunRecord(
        **{"id": run_id, "name": run_id, "recipe": "selftest", "state": "running", "created_at": 1.0, **fields}
    )


def a_job(home: Home, job_id: str = "r1", kind: Any = "train", **fields: Any) -> LogWriter:
    """A job folder with its spec; the writer of its event log."""
    job = JobFolder(home.job(job_id))
    recipe = "selftest" if kind == "train" else None
    job.write_spec(JobSpec(job_id=job_id, kind=kind, main="x", name=job_id, recipe=recipe, created_at=5.0, **fields))
    job.write_launch(JobLaunch(attempt=1, resume=False, cookie="c"))
    return LogWriter(job.events, clock=ManualClock())


def logged_points(home: Home, job_id: str = "r1") -> list[tuple[str, int, float, str]]:
    """(key, step, time, repr of value) of every point a job ever logged, read by hand from its file."""
    found = []
    for line in LogReader(JobFolder(home.job(job_id)).events).read(0, 1 << 30).lines:
        if line.kind in ("metrics", "evaluation"):
            for key, value in line.fields["values"].items():
                number = float(value) if value is not None else None
                found.append((key, line.fields["step"], line.time, repr(number)))
    return found


def exported_points(store: Store, run_id: str = "r1") -> list[tuple[str, int, float, str]]:
    """The same of the store's export."""
    return [(point.key, point.step, point.time, repr(point.value)) for point in store.series.export(run_id)]


def odd_values(seed: int = 0) -> Any:
    """A generator of values a training may log: numbers, NaN, infinities, unknown."""
    numbers = random.Random(seed)
    while True:
        yield numbers.choice(
            [numbers.gauss(0, 1), numbers.random() * 1e-300, -0.0, float("nan"), float("inf"), None, 3]
        )
