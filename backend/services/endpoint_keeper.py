"""Keeps endpoints alive: a gateway that died is started again after a growing wait, until the restart rule gives up."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backend.clock import Clock
from backend.contract.errors import Conflict, NotFound
from backend.contract.resources import EndpointRecord
from backend.contract.states import EndpointState
from backend.jobs.folder import JobFolder
from backend.jobs.log import last_line
from backend.supervisor.adopt import Observation
from backend.supervisor.launch import Supervisor
from backend.supervisor.restarts import GiveUp, after_death
from backend.supervisor.verdict import verdict

if TYPE_CHECKING:
    from backend.store import Store

_AT_REST = frozenset((EndpointState.STOPPED, EndpointState.FAILED))


@dataclass
class _Life:
    """What is remembered of one endpoint's deaths; monotonic seconds."""

    deaths_s: list[float] = field(default_factory=list)
    counted_attempt: int = 0
    start_at_s: float | None = None


class EndpointKeeper:
    """Part of the scheduler's tick. A person's stop (state stopped) and a failed endpoint are left alone, and so is one
    that somebody is just starting or ending: state and process only fit together again when that is over."""

    def __init__(self, store: "Store", supervisor: Supervisor, ingest: Any, clock: Clock) -> None:
        self._store = store
        self._supervisor = supervisor
        self._ingest = ingest
        self._clock = clock
        self._lives: dict[str, _Life] = {}

    @property
    def watching(self) -> bool:
        """Whether an endpoint was alive, or to be started again, at the last look."""
        return bool(self._lives)

    def tick(self) -> None:
        """Look at every endpoint once."""
        endpoints = self._store.endpoints.all()
        self._lives = {one.name: self._lives[one.name] for one in endpoints if one.name in self._lives}
        for endpoint in endpoints:
            with self._supervisor.hold(endpoint.job_id, wait=False) as held:
                if held:
                    self._look(endpoint.name, endpoint.job_id)

    def _look(self, name: str, job_id: str) -> None:
        endpoint = self._store.endpoints.get(name)
        if endpoint is None or endpoint.job_id != job_id or endpoint.state in _AT_REST or not job_id:
            self._lives.pop(name, None)
            return
        life = self._lives.setdefault(name, _Life())
        try:
            job = self._supervisor.job(job_id)
            seen = self._supervisor.observe(job_id)
        except NotFound:
            return
        launch = job.launch()
        if seen.alive:
            return
        if launch is None:
            self._begin(endpoint)
        elif launch.attempt > life.counted_attempt:
            if self._ingest.drained(job_id):
                life.counted_attempt = launch.attempt
                self._died(endpoint, job, seen, life)
        elif life.start_at_s is not None and self._clock.monotonic() >= life.start_at_s:
            life.start_at_s = None
            self._start(endpoint, launch.attempt + 1)

    def _begin(self, endpoint: EndpointRecord) -> None:
        """The daemon that made it ended before it could start it."""
        self._supervisor.launch(endpoint.job_id, resume=False, attempt=1)
        self._audit(endpoint, "endpoint.begun", "It was made, but not started yet")

    def _died(self, endpoint: EndpointRecord, job: JobFolder, seen: Observation, life: _Life) -> None:
        launch = job.launch()
        ended = last_line(job.events, "ended", start=launch.events_from if launch else 0)
        if ended is not None and ended.get("outcome") == "stopped":
            self._store.endpoints.change(endpoint.name, state=EndpointState.STOPPED, pid=None, text="Stopped")
            return
        if seen.exit is None:
            self._supervisor.kill(endpoint.job_id)
        _, failure = verdict("serve", endpoint.state, ended, seen.exit, None, seen.same_boot, False)
        cause = failure.text if failure else "Ended"
        now = self._clock.monotonic()
        life.deaths_s = [*life.deaths_s, now][-20:]
        decision = after_death(life.deaths_s, now)
        if isinstance(decision, GiveUp):
            text = f"{cause}. It died {decision.deaths} times within a minute and is not started again by itself"
            self._store.endpoints.change(endpoint.name, state=EndpointState.FAILED, pid=None, text=text)
            self._audit(endpoint, "endpoint.give_up", text)
            return
        # After a restart of the machine nothing is wrong with the endpoint: no need to wait.
        wait_s = decision.in_s if seen.same_boot else 0.0
        life.start_at_s = now + wait_s
        text = f"{cause}. It starts again in {wait_s:.1f} s"
        self._store.endpoints.change(endpoint.name, state=EndpointState.STARTING, pid=None, text=text)
        self._audit(endpoint, "endpoint.died", cause)

    def _start(self, endpoint: EndpointRecord, attempt: int) -> None:
        try:
            self._supervisor.launch(endpoint.job_id, resume=True, attempt=attempt)
        except Conflict:
            self._supervisor.kill(endpoint.job_id)
            self._lives[endpoint.name].start_at_s = self._clock.monotonic() + 1.0
            return
        self._store.endpoints.change(
            endpoint.name, state=EndpointState.STARTING, restarts=endpoint.restarts + 1, text="Starting again"
        )

    def _audit(self, endpoint: EndpointRecord, action: str, reason: str) -> None:
        self._store.audit.add(
            actor="system",
            client="scheduler",
            action=action,
            object=f"endpoint/{endpoint.name}",
            before=endpoint.state,
            after="",
            reason=reason,
            result="done",
            details={},
        )
