"""Runs of other programs: looked at, then brought in through the one door.

Each becomes a job folder whose event log holds its points, as if a worker had said them: ingest, doctor, export and
recovery from the folder alone treat it like any other. The folder is written aside and renamed when it is whole; its id
comes from the bytes of its files, so that the same content is the same run.
"""

import contextlib
import logging
import os
import secrets
import shutil
import threading
import time as monotonic_time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from backend.clock import Clock
from backend.contract.errors import Broken, Conflict, ErrorReply, ModeldeckError, NotFound, Refused, Unavailable
from backend.contract.imports import ImportPreview, ImportRun, PreviewImport
from backend.contract.jobs import Imported, JobSpec
from backend.contract.resources import Operation
from backend.data.foreign.detect import Found, detect
from backend.data.foreign.found import Source
from backend.failpoints import failpoint
from backend.jobs.folder import JobFolder
from backend.paths import Home
from backend.services.import_course import CANCELLED, Course
from backend.services.import_log import ImportLog, id_of, key_of, look
from backend.services.ingest_jobs import imported_run

if TYPE_CHECKING:
    from backend.store import Store

log = logging.getLogger(__name__)

STAGES = ("read", "store")
KIND = "import_run"
PREVIEW_ROWS = 20_000
"""Rows looked at for a preview, of all sources together; of each at least LEAST_ROWS."""

LEAST_ROWS = 200
KNOWN_BYTES = 256 << 20
"""Larger sources are not hashed for a preview."""

DRAIN_S = 3600.0


class Door(Protocol):
    """The part of ingest that an import needs."""

    def wake(self) -> None:
        """Look at the job folders now."""
        ...

    def drained(self, job_id: str) -> bool:
        """Whether every line of the job's log is in the store."""
        ...

    def left(self, job_id: str) -> float:
        """How much of it is not, 0 … 1."""
        ...

    def apart(self, job_id: str) -> AbstractContextManager[None]:
        """Nothing of the job is read meanwhile."""
        ...


class RunImporter:
    """One import at a time; each is an operation row, so that a killed daemon says what became of it.

    One that is cancelled leaves nothing behind: no folder, no row, and its content can be imported as if never seen.
    """

    def __init__(self, store: "Store", home: Home, clock: Clock, door: Door, check_room: Callable[[], None]) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._door = door
        self._check_room = check_room
        self._one = threading.Lock()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._courses: dict[str, Course] = {}

    # ---- looking -----------------------------------------------------------------------------------------------------

    def preview(self, request: PreviewImport) -> ImportPreview:
        """What an import would bring; a source that cannot be taken says why. Refused when nothing is known there."""
        found = detect(request.path, request.mapping)
        left, items = PREVIEW_ROWS, []
        for source in found.sources:
            item, rows = look(source, max(left, LEAST_ROWS))
            left -= rows
            known = self._known(source) if item.problem is None and item.size_bytes <= KNOWN_BYTES else None
            items.append(item.model_copy(update={"known_as": known}))
        return ImportPreview(path=request.path, items=tuple(items), passed_over=tuple(found.passed[:100]))

    def _known(self, source: Source) -> str | None:
        try:
            run_id = id_of(source, self._store.runs.was_removed)
        except (Refused, OSError):
            return None
        return run_id if self._store.runs.get(run_id) is not None else None

    # ---- taking ------------------------------------------------------------------------------------------------------

    def begin(self, request: ImportRun, actor: str) -> Operation:
        """Check what can be checked at once, then read in the background."""
        self._check_room()
        found = detect(request.path, request.mapping)
        if request.choose:
            there = {key_of(source): source for source in found.sources}
            unknown = next((key for key in request.choose if key not in there), None)
            if unknown is not None:
                raise NotFound(f"There is no {unknown[:200]!r} at this path.", fix="Look at the path again.")
            found.sources = [there[key] for key in dict.fromkeys(request.choose)]
        details = {"request": request.model_dump(mode="json"), "actor": actor}
        name = f"run/{Path(request.path).name[:200]}"
        operation = self._store.operations.start(KIND, name, STAGES, details, cancellable=True)
        course = Course(self._store, operation.id, len(found.sources), self._closing)
        self._courses[operation.id] = course
        thread = threading.Thread(target=self._work, args=(course, found, request, actor), name="import-run")
        thread.daemon = True
        self._threads = [other for other in self._threads if other.is_alive()] + [thread]
        thread.start()
        return operation

    def cancel(self, operation_id: str) -> Operation:
        """End an import before it is done; the operation fails when everything of it is gone again. Conflict when it is
        over already."""
        operation = self._store.operations.get(operation_id)
        if operation is None:
            raise NotFound(f"There is no operation {operation_id!r:.80}.")
        course = self._courses.get(operation_id)
        if course is None or operation.state != "running":
            raise Conflict("There is nothing to cancel: it has ended, or cannot be ended.", code="not_cancellable")
        course.cancel()
        return operation

    def recover(self) -> None:
        """At start: what a killed daemon left of imports goes; its operations have failed."""
        for folder in self._home.jobs.glob(".import-*.tmp"):
            shutil.rmtree(folder, ignore_errors=True)
        for operation in self._store.operations.unfinished():
            if operation.kind == KIND:
                undone = self._store.operations.details(operation.id).get("undo")
                self._remove(undone or [], "")
                text = "The backend ended in the middle. What was read whole is there; import the rest again."
                text = "The import was cancelled; nothing of it was kept." if undone is not None else text
                self._store.operations.fail(operation.id, ErrorReply(kind="refused", code="interrupted", text=text))

    def close(self, timeout_s: float = 10.0) -> None:
        """End what is under way at its next batch."""
        self._closing.set()
        for thread in self._threads:
            thread.join(timeout_s)

    def _work(self, course: Course, found: Found, request: ImportRun, actor: str) -> None:
        try:
            while not self._one.acquire(timeout=0.1):
                course.check()
            try:
                self._take_all(course, found, request, actor)
            except Unavailable as error:
                if error.code == CANCELLED:
                    self._undo(course, actor)
                raise
            finally:
                self._one.release()
        except Refused as error:
            reply = ErrorReply(kind="refused", code=error.code, text=error.text, fix=error.fix, details=error.details)
            self._fail(course.operation_id, reply)
        except Exception as error:
            reference = error.reference if isinstance(error, Broken) and error.reference else secrets.token_hex(4)
            log.exception("an import broke", extra={"reference": reference})
            text = f"The import broke. The log has the rest under {reference}."
            self._fail(course.operation_id, ErrorReply(kind="broken", code="broken", text=text, reference=reference))
        finally:
            self._courses.pop(course.operation_id, None)

    def _undo(self, course: Course, actor: str) -> None:
        """Take away what it had brought in; a death in between is made good by recover()."""
        self._store.operations.stage(course.operation_id, "undo", details={"undo": course.fresh})
        self._remove(course.fresh, actor)

    def _remove(self, run_ids: list[str], actor: str) -> None:
        """Rows and folders of runs that came in whole, as if they had never been."""
        for run_id in run_ids:
            gone = self._home.jobs / f".import-{run_id}-{secrets.token_hex(3)}.tmp"
            with self._door.apart(run_id):
                with contextlib.suppress(FileNotFoundError):
                    os.replace(self._home.job(run_id), gone)  # first: a folder without its row would bring it back
                failpoint("import.undone_folder")
                with self._store.transaction():
                    run = self._store.runs.get(run_id)
                    if run is not None:
                        self._store.series.forget(run_id)
                        self._store.runs.remove(run_id, remember=False)
                        self._store.audit.add(actor, "", "run.import_cancel", f"run/{run_id}", run.name, "", details={})
            shutil.rmtree(gone, ignore_errors=True)

    def _fail(self, operation_id: str, reply: ErrorReply) -> None:
        try:
            self._store.operations.fail(operation_id, reply)
        except ModeldeckError as error:  # the store is closed or full: recover() tells it at the next start
            log.warning("the end of import %s could not be stored: %s", operation_id, error)

    def _take_all(self, course: Course, found: Found, request: ImportRun, actor: str) -> None:
        """Every source; one that cannot be read does not keep the others out. Refused when none could."""
        runs: list[dict[str, Any]] = []
        refused: list[dict[str, Any]] = []
        several = len(found.sources) > 1
        for number, source in enumerate(found.sources, start=1):
            course.begin(number - 1, source)
            text = f"{source.facts.name[:80]} ({number} of {len(found.sources)})" if several else source.facts.name[:80]
            self._store.operations.stage(course.operation_id, "read", text)
            try:
                runs.append(self._take(source, request, several, actor, course))
            except Unavailable:
                raise
            except Refused as error:
                refused.append({"name": source.facts.name, "path": str(source.path), "text": error.text,
                                "fix": error.fix})  # fmt: skip
                if not several:
                    raise
        if refused and not runs:
            raise Refused(refused[0]["text"], code="data", fix=refused[0]["fix"], refused=refused)
        self._store.operations.stage(course.operation_id, "store")
        self._wait_stored(course)
        self._store.operations.finish(course.operation_id, {"runs": runs, "refused": refused})

    def _take(self, source: Source, request: ImportRun, several: bool, actor: str, course: Course) -> dict[str, Any]:
        run_id = id_of(source, self._store.runs.was_removed, course.check)
        known = self._store.runs.get(run_id)
        if known is not None:
            points = known.facts.get("imported_points", 0)
            return {"id": known.id, "name": known.name, "source": known.source, "points": points, "known": True,
                    "left_out": known.facts.get("left_out", [])}  # fmt: skip
        folder = self._home.jobs / f".import-{run_id}-{secrets.token_hex(3)}.tmp"
        try:
            spec, imported = self._write(folder, source, run_id, _name(source, request, several), course)
            course.check()
            self._keep(folder, spec, imported, actor)
            course.fresh.append(run_id)
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # renamed, unless it failed
        self._door.wake()
        return {"id": run_id, "name": spec.name, "source": source.kind, "points": imported.points, "known": False,
                "left_out": list(imported.left_out)}  # fmt: skip

    def _write(self, folder: Path, source: Source, run_id: str, name: str, course: Course) -> tuple[JobSpec, Imported]:
        """The job folder aside, its event log on the disk."""
        job = JobFolder(folder)
        job.create()
        writer = ImportLog(job.events, self._check_room, course.look)
        try:
            imported = writer.take(source, self._clock.now())
        finally:
            writer.close()
        spec = JobSpec(
            job_id=run_id,
            kind="train",
            main="",
            name=name or source.facts.name or source.path.stem,
            settings=source.facts.config,
            created_at=self._clock.now(),
            imported=imported,
        )
        job.write_spec(spec)
        return spec, imported

    def _keep(self, folder: Path, spec: JobSpec, imported: Imported, actor: str) -> None:
        """The row and the folder's name in one transaction: a death in between leaves a folder that ingest reads in."""
        with self._store.transaction():
            self._store.runs.add(imported_run(spec, imported))
            text = f"Imported {imported.points:,} points from {imported.path}"
            self._store.runs.add_event(spec.job_id, "state", text=text)
            details = {"source": imported.source, "path": imported.path, "points": imported.points}
            self._store.audit.add(actor, "", "run.import", f"run/{spec.job_id}", "", spec.name, details=details)
            os.replace(folder, self._home.job(spec.job_id))

    def _wait_stored(self, course: Course) -> None:
        """Until ingest has every line; a very long log goes on behind the operation."""
        end = monotonic_time.monotonic() + DRAIN_S
        for number, run_id in enumerate(course.fresh, start=1):
            while not self._door.drained(run_id) and monotonic_time.monotonic() < end:
                course.tell((number - self._door.left(run_id)) / len(course.fresh))
                if self._closing.wait(0.02):
                    return  # it is whole, and the rest is taken at the next start
                course.check()


def _name(source: Source, request: ImportRun, several: bool) -> str:
    """As asked; of several each keeps its own behind it."""
    given = (request.name or "").strip()
    return f"{given}/{source.facts.name}" if given and several else given
