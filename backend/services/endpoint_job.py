"""The job folder of an endpoint: its spec with its limits, and the key that only its owner may read."""

from typing import Any

from backend.contract.jobs import JobSpec
from backend.contract.resources import BackendSettings, CreateEndpoint
from backend.jobs.folder import JobFolder, write_json_atomic
from backend.paths import Home

LIMITS = ("max_batch", "max_wait_ms", "queue", "slo_p99_ms", "load_timeout_s")
"""Those an endpoint is made with; each has a setting endpoint_NAME."""


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


def limits_of(request: CreateEndpoint, kept: BackendSettings) -> dict[str, Any]:
    """What is asked for, the rest as the settings say. A latency limit asked for as null is none, whatever they say."""
    asked = request.model_dump(include=set(LIMITS), exclude_none=True)
    limits: dict[str, Any] = {name: asked.get(name, getattr(kept, f"endpoint_{name}")) for name in LIMITS}
    if "slo_p99_ms" not in asked and "slo_p99_ms" in request.model_fields_set:
        limits["slo_p99_ms"] = None
    return {**limits, "slo_p99_ms": limits["slo_p99_ms"] or None}
