"""The one door: what jobs say in their event logs → rows and read offset in one transaction → feed.

poll() may be killed at any byte: a line is in the store exactly once, because the offset behind it is committed with
its rows.
"""

import contextlib
import logging
import os
import threading
import time as monotonic_time
from collections.abc import Callable, Iterator
from pathlib import Path

from backend.clock import Clock
from backend.contract.errors import ModeldeckError, Unavailable
from backend.contract.events import CommandDone
from backend.contract.feed import FeedMessage
from backend.contract.states import FINAL_RUN_STATES, EndpointState, RunState
from backend.failpoints import failpoint
from backend.jobs.folder import JobFolder
from backend.jobs.log import Line, LogReader, ReadResult
from backend.paths import Home
from backend.services.ingest_answers import Answers
from backend.services.ingest_jobs import Job, Trouble, lines_for
from backend.store import Store

log = logging.getLogger(__name__)

READ_BYTES = 2 * 1024 * 1024
LIVE_S = 0.033
"""Pause after lines were taken: at most 30 messages of points a second and run. Also between looks at endpoints."""

LOOK_S = 0.015
"""Pause after a look at a live run that found nothing; a look costs a stat()."""

IDLE_S = 1.0
"""Nothing lives: what begins to is told by the feed, which ends this pause at once."""

SCAN_S = 10.0
"""How often all job folders are looked at; what begins to live is told by the feed."""

REST_S = 1.0
"""How often a quiet job's row is asked whether it has ended."""

PUBLISH_RUN_S = 0.25


class Ingest:
    """One per daemon; poll() and run() on one thread, everything else from any.

    `verify_model(folder)` is asked after a job said its model is saved, on a thread of its own; True makes the run
    model_ready.
    """

    def __init__(
        self, store: Store, home: Home, clock: Clock, verify_model: Callable[[Path], bool] | None = None
    ) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._verify_model = verify_model
        self._jobs: dict[str, Job] = {}
        self._live: set[str] = set()
        self._changing_live = threading.Lock()
        self._troubles: dict[str, Trouble] = {}
        self._callbacks: list[Callable[[str, CommandDone], None]] = []
        self._answers = Answers()
        self._wake = threading.Event()
        self._polling = threading.Lock()
        self._next_scan = 0.0
        self._unsubscribe = store.feed.subscribe(self._on_messages)

    # ---- the loop ----------------------------------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Poll until `stop` is set; once more after it, so that what was said before is stored."""
        while not stop.is_set():
            started = monotonic_time.monotonic()
            pause = self._pause(self._poll_guarded())
            left = pause - (monotonic_time.monotonic() - started)
            if left > 0 and (self._wait(stop, left) if pause == IDLE_S else stop.wait(left)):
                break
        self._poll_guarded()
        self._unsubscribe()

    def _pause(self, taken: int) -> float:
        if taken or not self._live:
            return LIVE_S if taken else IDLE_S
        return LOOK_S if any(job.spec.kind == "train" for job in self._jobs.values()) else LIVE_S

    def _wait(self, stop: threading.Event, seconds: float) -> bool:
        self._wake.wait(seconds)
        self._wake.clear()
        return stop.is_set()

    def _poll_guarded(self) -> int:
        try:
            return self.poll()
        except Unavailable as error:
            log.warning("ingest waits: %s", error)
            self._wake.wait(0.5)
        except Exception:
            log.exception("ingest: a pass failed")
            self._wake.wait(0.5)
        return 0

    def wake(self) -> None:
        """A job was launched: look now."""
        self._next_scan = 0.0
        self._wake.set()

    # ---- one pass ----------------------------------------------------------------------------------------------------

    def poll(self) -> int:
        """One pass over every job that may have said something; the number of lines stored.

        Raises Unavailable when the store cannot write: nothing is lost, the next pass begins where this one stopped.
        """
        with self._polling:
            now = monotonic_time.monotonic()
            if now >= self._next_scan:
                self._next_scan = now + SCAN_S
                self._scan()
            with self._changing_live:
                live = sorted(self._live)
            return sum(self._poll_job(job_id, now) for job_id in live)

    def _scan(self) -> None:
        """Look at every job folder: whose log is longer than what is stored is live, whatever the store believes."""
        known, found = self._store.offsets.all(), set()
        try:
            entries = [
                entry.name
                for entry in os.scandir(self._home.jobs)
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
            ]
        except FileNotFoundError:
            entries = []
        for job_id in entries:
            size = _size(self._home.job(job_id) / "events.ndjson")
            if size > (known[job_id].offset if job_id in known else 0):
                found.add(job_id)
        found.update(run.id for run in self._store.runs.with_states(frozenset(RunState) - FINAL_RUN_STATES))
        found.update(endpoint.job_id for endpoint in self._store.endpoints.all() if endpoint.job_id)
        with self._changing_live:
            self._live |= found

    def _poll_job(self, job_id: str, now: float) -> int:
        trouble = self._troubles.get(job_id)
        if trouble is not None and now < trouble.again_at:
            return 0
        try:
            count = self._read(job_id, now)
        except Unavailable:
            self._jobs.pop(job_id, None)
            raise
        except Exception as error:  # noqa: BLE001 one job's lines must not hold up the others
            self._jobs.pop(job_id, None)
            self._remember(job_id, error, now)
            return 0
        if trouble is not None:
            del self._troubles[job_id]
        return count

    def _remember(self, job_id: str, error: Exception, now: float) -> None:
        before = self._troubles.get(job_id)
        wait_s = min(before.wait_s * 2, 30.0) if before else 0.5
        self._troubles[job_id] = Trouble(str(error), now + wait_s, wait_s)
        if before is None or before.text != str(error):
            log.error("ingest: the log of job %s cannot be taken: %s", job_id, error, exc_info=error)

    def _read(self, job_id: str, now: float) -> int:
        job = self._jobs.get(job_id) or self._open(job_id)
        if job is None:
            return 0
        size = _size(job.folder.events)
        if size == job.size and not job.more:
            self._publish_late(job, now)
            self._rest(job_id, job, now)
            return 0
        result = job.reader.read(job.offset, READ_BYTES)
        job.size, job.more = size, result.offset > job.offset and result.offset < size
        if not result.lines and not result.damaged:
            job.offset = result.offset
            return 0
        failpoint("ingest.after_read")
        lines = self._store_lines(job, result, now)
        job.offset, job.seq = result.offset, result.seq
        failpoint("ingest.after_commit")
        self._answer(job_id, lines)
        return len(result.lines)

    def _store_lines(self, job: Job, result: ReadResult, now: float) -> list[Line]:
        """Rows and offset in one transaction. Returns the lines whose effects come after it (commands, saved
        models)."""
        job_id, late, state = job.spec.job_id, [], dict(job.state)
        with self._store.transaction():
            handler = lines_for(self._store, job, state)
            for line in result.lines:
                try:
                    handler.take(line)
                except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
                    # The line is whole but does not say what its kind promises: a damaged one like any other.
                    what = f"{line.kind} seq {line.seq}".encode()
                    result.set_aside(line.end - 1, what, f"not a {line.kind}: {error}")
                    continue
                if line.kind in ("command_done", "model_saved"):
                    late.append(line)
            fresh = result.more_damaged + sum(
                self._store.offsets.quarantine(job_id, damage.offset, damage.reason, damage.text)
                for damage in result.damaged
            )
            urgent = handler.finish(fresh)
            job.unpublished = True
            if urgent or now >= job.publish_at:
                handler.publish()
                job.publish_at, job.unpublished = now + PUBLISH_RUN_S, False
            self._store.offsets.set(job_id, result.offset, result.seq, state)
            failpoint("ingest.after_write")
        job.state = state
        return late

    def _publish_late(self, job: Job, now: float) -> None:
        """The last change of a burst, which was held back to publish no more than four times a second."""
        if job.unpublished and now >= job.publish_at:
            with self._store.transaction():
                lines_for(self._store, job, dict(job.state)).publish()
            job.publish_at, job.unpublished = now + PUBLISH_RUN_S, False

    def _rest(self, job_id: str, job: Job, now: float) -> None:
        """Forget an ended job whose log is stored; the scan finds it again should it say something more."""
        if job.unpublished or job.spec.kind != "train" or now < job.rest_at:
            return
        job.rest_at = now + REST_S
        run = self._store.runs.get(job_id)
        if run is None or run.state in FINAL_RUN_STATES:
            self._leave(job_id)

    def _leave(self, job_id: str) -> None:
        with self._changing_live:
            self._live.discard(job_id)
        self._jobs.pop(job_id, None)

    # ---- jobs --------------------------------------------------------------------------------------------------------

    def _open(self, job_id: str) -> Job | None:
        folder = JobFolder(self._home.job(job_id))
        if not folder.events.exists() or self._store.runs.was_removed(job_id):
            if not folder.path.exists() or self._store.runs.was_removed(job_id):
                self._leave(job_id)
            return None
        spec = folder.spec()
        offset, seq = self._store.offsets.get(job_id)
        reader = LogReader(folder.events, seq=seq)
        job = Job(folder, spec, reader, offset, seq, self._store.offsets.state(job_id))
        self._jobs[job_id] = job
        return job

    @contextlib.contextmanager
    def apart(self, job_id: str) -> Iterator[None]:
        """Nothing of the job is read meanwhile, and what is remembered of it is forgotten: to take it away."""
        with self._polling:
            self._leave(job_id)
            yield

    def left(self, job_id: str) -> float:
        """How much of the job's log is not in the store yet, 0 … 1."""
        size = _size(self._home.job(job_id) / "events.ndjson")
        return max(0.0, 1.0 - self._store.offsets.get(job_id).offset / size) if size else 0.0

    def drained(self, job_id: str) -> bool:
        """Whether every whole line of the job's log is in the store; a torn last line does not count."""
        path = self._home.job(job_id) / "events.ndjson"
        size, offset = _size(path), self._store.offsets.get(job_id).offset
        if size <= offset:
            return True
        self._expect(job_id)
        with contextlib.suppress(OSError), path.open("rb") as file:
            file.seek(offset)
            while chunk := file.read(1 << 20):
                if b"\n" in chunk:
                    return False
        return True

    def _on_messages(self, messages: list[FeedMessage]) -> None:
        """Runs and endpoints that begin to live are looked at from the next pass on."""
        for message in messages:
            data = message.data
            if message.topic == "runs" and message.kind == "changed" and data["state"] not in FINAL_RUN_STATES:
                self._expect(data["id"])
            elif message.topic == "endpoints" and message.kind == "changed" and data["state"] != EndpointState.STOPPED:
                self._expect(data["job_id"])

    def _expect(self, job_id: str) -> None:
        if job_id and job_id not in self._live:
            with self._changing_live:
                self._live.add(job_id)
            self._wake.set()

    # ---- after the commit --------------------------------------------------------------------------------------------

    def _answer(self, job_id: str, lines: list[Line]) -> None:
        for line in lines:
            if line.kind == "model_saved":
                self._verify(job_id)
                continue
            self._answers.add(job_id, CommandDone.model_validate(line.fields))

    def on_command_done(self, callback: Callable[[str, CommandDone], None]) -> Callable[[], None]:
        """Call callback(job_id, answer) for every answer, on the ingest thread; the returned function ends that."""
        return self._answers.listen(callback)

    def wait_command(self, command_id: str, timeout: float) -> CommandDone:
        """The answer to a command, also one that has come already; TimeoutError when none comes in time."""
        return self._answers.wait(command_id, timeout)

    def _verify(self, job_id: str) -> None:
        if self._verify_model is None:
            return
        threading.Thread(target=self._verify_now, args=(job_id,), name=f"verify-{job_id}", daemon=True).start()

    def _verify_now(self, job_id: str) -> None:
        try:
            if self._verify_model is not None and self._verify_model(JobFolder(self._home.job(job_id)).model):
                self._store.runs.change(job_id, model_ready=True)
        except (ModeldeckError, OSError, ValueError) as error:
            log.warning("ingest: the model of %s was not verified: %s", job_id, error)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
