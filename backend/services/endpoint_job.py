"""The job folder of an endpoint: its spec, and the key that only its owner may read."""

from typing import Any

from backend.contract.jobs import JobSpec
from backend.jobs.folder import JobFolder, write_json_atomic
from backend.paths import Home


def write_job(home: Home, job_id: str, key: str, settings: dict[str, Any], now: float) -> None:
    """Make the folder of a gateway that is to be started; `settings` are those of backend.worker.gateway."""
    job = JobFolder(home.job(job_id))
    job.write_spec(
        JobSpec(
            job_id=job_id,
            kind="serve",
            main="backend.worker.gateway",
            name=str(settings["endpoint"])[:200],
            settings=settings,
            created_at=now,
        )
    )
    write_json_atomic(job.secret, {"key": key})
