"""Which process belongs to which run or endpoint; tells whose memory that is on a card."""

from typing import TYPE_CHECKING

from backend.contract.errors import NotFound
from backend.contract.states import LIVE_RUN_STATES, EndpointState

if TYPE_CHECKING:
    from backend.store import Store
    from backend.supervisor.launch import Supervisor

_UP = frozenset({EndpointState.STARTING, EndpointState.SERVING, EndpointState.DEGRADED})


def owners_of(store: "Store", supervisor: "Supervisor") -> dict[int, str]:
    """Worker pid (the leader of its process group) → "run/<id>" or "endpoint/<name>"."""
    jobs = {run.id: f"run/{run.id}" for run in store.runs.with_states(LIVE_RUN_STATES)}
    jobs |= {one.job_id: f"endpoint/{one.name}" for one in store.endpoints.all() if one.state in _UP and one.job_id}
    found = {}
    for job_id, owner in jobs.items():
        try:
            seen = supervisor.observe(job_id)
        except NotFound:
            continue
        if seen.identity is not None and seen.worker_alive:
            found[seen.identity.worker_pid] = owner
    return found
