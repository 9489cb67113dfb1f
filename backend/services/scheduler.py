"""Starts queued runs in order, notices deaths, and decides how each run ended. One thread; every step can be repeated.

Intent first: a run is `preparing` with its new attempt number in the store before anything is launched, and launch.json
carries the same number. So after a death of the daemon at any point the next tick sees what is missing and does that.
"""

import contextlib
import logging
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from backend.clock import Clock
from backend.contract.errors import Conflict, ModeldeckError, NotFound
from backend.contract.feed import FeedMessage
from backend.contract.jobs import JobLaunch
from backend.contract.recipes import RECIPES
from backend.contract.resources import Failure, RunRecord
from backend.contract.states import LIVE_RUN_STATES, FailureCode, RunState
from backend.failpoints import failpoint
from backend.jobs.failures import ADVICE, code_of_error
from backend.jobs.folder import JobFolder
from backend.jobs.log import last_line
from backend.jobs.manifest import newest_valid, verify
from backend.paths import Home
from backend.services.endpoint_keeper import EndpointKeeper
from backend.services.run_folders import GONE_ADVICE, gone_text
from backend.supervisor.adopt import Observation
from backend.supervisor.hang import HangRule, StepWatch
from backend.supervisor.launch import Supervisor
from backend.supervisor.verdict import verdict

if TYPE_CHECKING:
    from backend.store import Store

_LOG = logging.getLogger(__name__)
MOST_STARTS = 3
_TICK_S = 0.1  # while a run lives
_SLOW_TICK_S = 0.5  # while something waits in the queue or serves
_REST_S = 5.0  # an idle daemon costs nothing; what begins is told by the feed
_DEVICELESS = frozenset(recipe.name for recipe in RECIPES if not recipe.needs_base_model)


class Drains(Protocol):
    """The part of ingest that the scheduler asks."""

    def drained(self, job_id: str) -> bool:
        """Whether every whole line of the job's log is in the store."""
        ...


class Scheduler:
    """One for a daemon. tick() is idempotent; wake() makes the next one come at once.

    `on_completed` is called, outside any lock, with each run that just became completed.
    """

    def __init__(
        self,
        store: "Store",
        supervisor: Supervisor,
        ingest: Drains,
        home: Home,
        clock: Clock,
        *,
        on_completed: Callable[[RunRecord], None] | None = None,
        hang_rule: HangRule | None = None,
    ) -> None:
        self.on_completed = on_completed
        self._store = store
        self._supervisor = supervisor
        self._ingest = ingest
        self._home = home
        self._clock = clock
        self._rule = hang_rule or HangRule()
        self._keeper = EndpointKeeper(store, supervisor, ingest, clock)
        self._watches: dict[str, StepWatch] = {}
        self._starts: Counter[tuple[str, int]] = Counter()
        self._told: set[tuple[str, str]] = set()
        self._slots: dict[str, str] = {}
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._waiting = False  # a run is queued, or lives but cannot be looked at yet
        self._resting = False
        self._changed = True
        self._unsubscribe = store.feed.subscribe(self._on_messages)

    # ---- the loop ----------------------------------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Adopt what runs, then tick until `stop` is set (a wake() shortens the wait)."""
        self._guarded(self.adopt)
        while not stop.is_set():
            self._changed = False
            self._guarded(self.tick)
            self._wake.wait(self._pause())
            self._wake.clear()
            self._resting = False
        self._unsubscribe()

    def _pause(self) -> float:
        if self._watches:
            return _TICK_S
        self._resting = True  # before the question: a change in between either sees it, or is seen
        waiting = self._changed or self._waiting or self._keeper.watching
        return _SLOW_TICK_S if waiting else _REST_S

    def _on_messages(self, messages: list[FeedMessage]) -> None:
        if any(message.topic in ("runs", "endpoints") for message in messages):
            self._changed = True
            if self._resting:
                self._wake.set()

    def wake(self) -> None:
        """Something was queued or has ended: look now."""
        self._wake.set()

    def tick(self) -> None:
        """One look at every live run, every endpoint and the queue."""
        completed = []
        with self._lock:
            live = self._store.runs.with_states(LIVE_RUN_STATES)
            self._waiting = bool(live)
            for run in live:
                ended = self._one(self._look, run)
                if ended is not None and ended.state == RunState.COMPLETED:
                    completed.append(ended)
            self._forget({run.id for run in live})
            self._one(self._start_queued)
            self._one(self._keeper.tick)
        for run in completed:
            if self.on_completed is not None:
                self._one(self.on_completed, run)

    def _one(self, action: Callable[..., Any], *arguments: Any) -> Any:
        """One run's trouble must not keep the others waiting; what failed is tried again by the next tick."""
        try:
            return action(*arguments)
        except ModeldeckError as error:
            self._tell_once(str(arguments[0].id if arguments else ""), f"scheduler: {error}")
        except Exception:  # noqa: BLE001 the edge of the scheduler: a defect in one step must not stop every run
            _LOG.exception("scheduler step failed")
        return None

    def _guarded(self, action: Callable[[], Any]) -> None:
        self._one(action)

    def _tell_once(self, subject: str, text: str) -> None:
        if (subject, text) not in self._told:
            self._told.add((subject, text))
            _LOG.warning("%s %s", subject, text)

    def _forget(self, live: set[str]) -> None:
        for run_id in self._watches.keys() - live:
            del self._watches[run_id]
            self._slots.pop(run_id, None)

    # ---- what people ask ---------------------------------------------------------------------------------------------

    def cancel(self, run_id: str, actor: str = "system") -> RunRecord:
        """Take a queued run out of the queue. Conflict when it has started."""
        with self._lock:
            run = self._run(run_id)
            if run.state != RunState.QUEUED:
                raise Conflict(f"{run.name} is {run.state}, not queued.", fix="Stop it instead.")
            with self._store.transaction():
                changed = self._store.runs.change(run_id, state=RunState.STOPPED, ended_at=self._clock.now())
                self._store.runs.add_event(run_id, "state", self._clock.now(), run.step, run.epoch, "Cancelled", {})
                self._audit(actor, "run.cancel", run, RunState.STOPPED)
            return changed

    def force_stop(self, run_id: str, grace_s: float = 5.0, actor: str = "system") -> None:
        """End a run that does not stop by itself: SIGTERM to its group, after the grace SIGKILL. Returns at once;
        the tick does the rest."""
        with self._lock:
            run = self._run(run_id)
            if run.state not in LIVE_RUN_STATES:
                raise Conflict(f"{run.name} is {run.state}: there is nothing to end.")
            with self._store.transaction():
                self._store.runs.change(run_id, state=RunState.STOPPING)
                self._store.runs.add_event(run_id, "stop", self._clock.now(), run.step, run.epoch, "Ended by force", {})
                self._audit(actor, "run.kill", run, RunState.STOPPING)
        threading.Thread(
            target=self._guarded,
            args=(lambda: self._supervisor.terminate(run_id, grace_s),),
            name="force-stop",
            daemon=True,
        ).start()

    # ---- adopt -------------------------------------------------------------------------------------------------------

    def adopt(self) -> list[str]:
        """What runs although this daemon did not start it: live runs go on, a removed run's job is ended. Their ids."""
        living = self._supervisor.adopt()
        for job_id in living:
            run = self._store.runs.get(job_id)
            if run is None and self._store.runs.was_removed(job_id):
                self._supervisor.kill(job_id)
            elif run is not None and run.state in (RunState.STOPPED, RunState.FAILED, RunState.INTERRUPTED):
                # The store is older than the job folder (a restored copy): the process is the truth.
                self._store.runs.change(job_id, state=RunState.RUNNING, ended_at=None, cause=None, failure=None)
        return living

    # ---- live runs ---------------------------------------------------------------------------------------------------

    def _look(self, run: RunRecord) -> RunRecord | None:
        """Do what one live run needs; the run when it just ended."""
        job = JobFolder(self._home.job(run.id))
        launch = _launch_of(job)
        if launch is None and not job.spec_file.exists() and self._home.jobs.is_dir():
            # Not when the whole home is away (a disk was unplugged): then everything waits for it.
            return self._end_without_folder(run)
        seen = self._supervisor.observe(run.id)
        if seen.alive:
            self._care(run, seen)
            return None
        if launch is None or launch.attempt < run.attempt or self._never_began(run, job):
            return self._launch(run)
        if not self._ingest.drained(run.id):
            return None
        # Read again: what was drained since the look at all runs is part of how it ended.
        return self._end(self._run(run.id), job, launch, seen)

    def _never_began(self, run: RunRecord, job: JobFolder) -> bool:
        """No trace was left: it may safely be launched again, though not for ever."""
        if job.was_begun() or self._starts[run.id, run.attempt] >= MOST_STARTS:
            return False
        self._starts[run.id, run.attempt] += 1
        return True

    def _care(self, run: RunRecord, seen: Observation) -> None:
        if seen.worker_alive and not seen.runner_alive:
            self._mark_once(run, "runner_lost", "Its runner has died; the worker runs on and is watched")
        if not seen.protocol_ok:
            self._mark_once(run, "protocol", "It was started by a newer Modeldeck; it may finish, not obey")
        watch = self._watches.setdefault(run.id, StepWatch(self._rule))
        if run.state != RunState.RUNNING:
            watch.restart()
        counts = run.state == RunState.RUNNING and self._ingest.drained(run.id)
        found = watch.look(run.step, self._clock.monotonic(), came_on_at=run.last_step_at, counts=counts)
        if found != run.hang:
            self._tell_hang(run, found, watch.age_s)

    def _tell_hang(self, run: RunRecord, found: str, age_s: float) -> None:
        texts = {
            "slow": f"No progress for {age_s:.0f} s",
            "hung": f"It hangs: no step for {age_s:.0f} s. You may stop it; nothing is stopped by itself",
            "none": "It goes on",
        }
        with self._store.transaction():
            self._store.runs.change(run.id, hang=found)
            data = {"code": f"hang_{found}", "age_s": age_s}
            self._store.runs.add_event(run.id, "warning", self._clock.now(), run.step, run.epoch, texts[found], data)

    def _mark_once(self, run: RunRecord, code: str, text: str) -> None:
        if (run.id, code) in self._told:
            return
        self._told.add((run.id, code))
        known = {event.data.get("code") for event in self._store.runs.events(run.id)}
        if f"{code}@{run.attempt}" not in known:  # an earlier daemon may have told it
            data = {"code": f"{code}@{run.attempt}"}
            self._store.runs.add_event(run.id, "warning", self._clock.now(), run.step, run.epoch, text, data)

    # ---- beginning ---------------------------------------------------------------------------------------------------

    def _start_queued(self) -> None:
        queue = self._store.runs.queue()
        self._waiting = self._waiting or bool(queue)
        if not queue or not self._has_room():
            return
        at_once = self._store.settings.get().runs_at_once
        busy = Counter(self._slot(run) for run in self._store.runs.with_states(LIVE_RUN_STATES))
        for run in queue:
            slot = self._slot(run)
            if busy[slot] < at_once:
                busy[slot] += 1
                self._one(self._begin, run)

    def _slot(self, run: RunRecord) -> str:
        if run.id not in self._slots:
            device = "cpu" if run.recipe in _DEVICELESS else "auto"
            with contextlib.suppress(OSError, ValueError):
                device = device if device == "cpu" else JobFolder(self._home.job(run.id)).spec().device
            self._slots[run.id] = self._supervisor.compute.slot(device)
        return self._slots[run.id]

    def _has_room(self) -> bool:
        reserve = self._store.settings.get().reserve_disk_bytes
        free = shutil.disk_usage(self._home.root).free
        if free >= reserve:
            self._told.discard(("disk", "reserve"))
            return True
        if ("disk", "reserve") not in self._told:
            self._told.add(("disk", "reserve"))
            text = f"Queued runs wait: {free / 1e9:.1f} GB are free, {reserve / 1e9:.1f} GB are kept in reserve"
            self._store.publish("system", "notice", {"text": text, "severity": "warn"})
        return False

    def _begin(self, run: RunRecord) -> None:
        launch = _launch_of(JobFolder(self._home.job(run.id)))
        attempt = launch.attempt + 1 if launch else 1
        with self._store.transaction():
            changed = self._store.runs.change(
                run.id,
                state=RunState.PREPARING,
                attempt=attempt,
                started_at=run.started_at or self._clock.now(),
                ended_at=None,
                cause=None,
                failure=None,
                hang="none",
                resumable=False,
            )
            text = "Started" if attempt == 1 else f"Resumed (attempt {attempt})"
            self._store.runs.add_event(
                run.id, "attempt", self._clock.now(), run.step, run.epoch, text, {"attempt": attempt}
            )
            self._audit("system", "run.start" if attempt == 1 else "run.resume", run, RunState.PREPARING)
        failpoint("scheduler.before_launch")
        self._launch(changed)

    def _launch(self, run: RunRecord) -> RunRecord | None:
        try:
            self._supervisor.launch(run.id, resume=run.attempt > 1, attempt=run.attempt)
        except Conflict:
            # Not alive, yet locked: something of an earlier attempt is left over. End it; the next tick launches.
            self._supervisor.kill(run.id)
            self._tell_once(run.id, "something of an earlier attempt still held its lock")
        except (OSError, ValueError, NotFound) as error:
            code = FailureCode.MISSING_FILE if isinstance(error, NotFound) else code_of_error(error)
            failure = Failure(code=code, text=f"It could not be started: {error}", advice=ADVICE[code])
            return self._finish(run, RunState.FAILED, failure, self._clock.now(), resumable=run.attempt > 1)
        return None

    # ---- ending ------------------------------------------------------------------------------------------------------

    def _end(self, run: RunRecord, job: JobFolder, launch: JobLaunch, seen: Observation) -> RunRecord:
        if seen.exit is None:
            self._supervisor.kill(run.id)  # without a runner nobody has cleared away what the worker started
        ended = last_line(job.events, "ended", start=launch.events_from)
        completed = ended is not None and ended.get("outcome") == "completed"
        verified = (run.model_ready or verify(job.model) is None) if completed else None
        resumable = newest_valid(job.checkpoints)[0] is not None
        state, failure = verdict("train", run.state, ended, seen.exit, verified, seen.same_boot, resumable)
        ended_at = seen.exit.ended_at if seen.exit else (run.last_step_at or self._clock.now())
        if failure is not None and failure.code == FailureCode.NO_RESULT and completed:
            failure = failure.model_copy(update={"text": f"{failure.text}: {verify(job.model)}"})
        return self._finish(run, state, failure, ended_at, resumable=resumable and state != RunState.COMPLETED)

    def _end_without_folder(self, run: RunRecord) -> RunRecord:
        """Nothing it does can be kept, so its worker is ended. The spec tells: a worker may make the folder again."""
        self._supervisor.kill_stray(run.id)
        failure = Failure(code=FailureCode.MISSING_FILE, text=gone_text(self._home, run.id), advice=GONE_ADVICE)
        return self._finish(run, RunState.FAILED, failure, self._clock.now(), resumable=False)

    def _finish(
        self, run: RunRecord, state: RunState, failure: Failure | None, ended_at: float, *, resumable: bool
    ) -> RunRecord:
        cause = failure.text if failure else None
        text = f"{cause} (after step {run.step})" if cause else str(state).capitalize()
        with self._store.transaction():
            changed = self._store.runs.change(
                run.id, state=state, failure=failure, cause=cause, ended_at=ended_at, resumable=resumable, hang="none",
                eta_seconds=None,
            )  # fmt: skip
            data = {"state": state, "code": failure.code if failure else None}
            self._store.runs.add_event(run.id, "state", self._clock.now(), run.step, run.epoch, text, data)
            self._audit("system", "run.end", run, state, reason=cause or "")
        failpoint("scheduler.after_finish")
        return changed

    def _run(self, run_id: str) -> RunRecord:
        run = self._store.runs.get(run_id)
        if run is None:
            raise NotFound(f"There is no run {run_id}.")
        return run

    def _audit(self, actor: str, action: str, run: RunRecord, after: str, reason: str = "") -> None:
        self._store.audit.add(
            actor=actor,
            client="scheduler",
            action=action,
            object=f"run/{run.id}",
            before=str(run.state),
            after=str(after),
            reason=reason,
            result="done",
            details={"attempt": run.attempt, "step": run.step},
        )


def _launch_of(job: JobFolder) -> JobLaunch | None:
    try:
        return job.launch()
    except (ValueError, OSError):
        return None
