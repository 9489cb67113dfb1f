"""Store, ingest and scheduler of a daemon, walked step by step by the test instead of by threads."""

from collections.abc import Callable
from typing import Any

from backend.clock import SystemClock
from backend.contract.resources import RunRecord
from backend.services.ingest import Ingest
from backend.services.scheduler import Scheduler
from backend.store import open_store
from backend.supervisor.hang import HangRule
from backend.supervisor.launch import Supervisor
from tests.helpers.jobs import Jobs
from tests.helpers.wait import until


class Daemon:
    """What the daemon would run, walked by hand; restart() forgets everything that only lives in memory."""

    def __init__(self, jobs: Jobs, clock: Any, rule: HangRule | None = None) -> None:
        self.jobs, self.clock, self.rule = jobs, clock, rule
        self.store = open_store(jobs.home, SystemClock())
        self.store.settings.change({"reserve_disk_bytes": 0})
        self.completed: list[str] = []
        self.restart()

    def restart(self) -> None:
        home = self.jobs.home
        self.jobs.supervisor = Supervisor(home)
        self.ingest = Ingest(self.store, home, SystemClock())
        self.scheduler = Scheduler(
            self.store,
            self.jobs.supervisor,
            self.ingest,
            home,
            self.clock,
            hang_rule=self.rule,
            on_completed=lambda run: self.completed.append(run.id),
        )
        self.scheduler.adopt()

    def queue(self, run_id: str = "r1", **settings: Any) -> RunRecord:
        job = self.jobs.make(run_id, **settings)
        return self.store.runs.add(
            RunRecord(
                id=run_id, name=run_id, recipe="selftest", state="queued", settings=job.spec().settings, created_at=1.0
            )
        )

    def run(self, run_id: str = "r1") -> RunRecord:
        return self.store.runs.get(run_id)

    def step(self) -> None:
        self.ingest.poll()
        self.scheduler.tick()

    def until(self, predicate: Callable[[], Any], timeout: float = 20.0) -> Any:
        return until(lambda: (self.step(), predicate())[1], timeout)

    def until_state(self, state: str, run_id: str = "r1") -> RunRecord:
        self.until(lambda: self.run(run_id).state == state)
        return self.run(run_id)

    def texts(self, kind: str, run_id: str = "r1") -> list[str]:
        return [event.text for event in self.store.runs.events(run_id) if event.kind == kind]
