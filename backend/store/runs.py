"""Runs with everything that hangs on them: events, checkpoints, evaluations, samples, log lines."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from backend.contract.errors import Conflict, NotFound
from backend.contract.events import Evaluation, Sampled
from backend.contract.resources import CheckpointRecord, LogLine, LogPage, RunEvent, RunRecord
from backend.contract.states import RunState
from backend.store.documents import changed, clean_text, from_body, to_body, to_data, to_text
from backend.store.engine import Database
from backend.store.feed import Feed
from backend.store.tables import CHECKPOINTS, EVALUATIONS, LOG_LINES, OFFSETS, REMOVED_JOBS, RUN_EVENTS, RUNS, SAMPLES

KEEP_LOG_LINES = 20_000
"""Per run: the first 2,000 and the newest; output.log in the job folder has more."""

KEEP_FIRST_LOG_LINES = 2_000
_TRIM_AT = 1_000
_LIVE_LOG_LINES = 50
"""A commit with more lines than this puts only its last ones into the feed; the log page reads the rest from the
store."""


class Runs:
    """Rows of runs. Every change is published under topic runs in the same transaction."""

    def __init__(self, database: Database, feed: Feed) -> None:
        self._database = database
        self._feed = feed

    # ---- the row -----------------------------------------------------------------------------------------------------

    def add(self, run: RunRecord) -> RunRecord:
        """Store a new run; a queued one without a place goes to the end of the queue. Conflict when the id is taken."""
        with self._database.writing() as connection:
            if connection.scalar(select(RUNS.c.id).where(RUNS.c.id == run.id)):
                raise Conflict(f"There is a run {run.id} already.")
            if run.state == RunState.QUEUED and run.queue_position is None:
                last = (
                    connection.scalar(select(func.max(RUNS.c.queue_position)).where(RUNS.c.state == RunState.QUEUED))
                    or 0
                )
                run = changed(run, {"queue_position": last + 1})
            connection.execute(insert(RUNS), _row(run))
            self._feed.publish("runs", "changed", run)
        return run

    def get(self, run_id: str) -> RunRecord | None:
        """The run, or None."""
        with self._database.reading() as connection:
            body = connection.scalar(select(RUNS.c.body).where(RUNS.c.id == run_id))
        return from_body(RunRecord, body) if body else None

    def all(self, include_archived: bool = False) -> list[RunRecord]:
        """Every run, newest first, in one statement."""
        query = select(RUNS.c.body).order_by(RUNS.c.created_at.desc(), RUNS.c.id.desc())
        if not include_archived:
            query = query.where(RUNS.c.archived.is_(False))
        with self._database.reading() as connection:
            bodies = connection.scalars(query).all()
        return [from_body(RunRecord, body) for body in bodies]

    def ids(self) -> list[str]:
        """The ids of every run, archived ones too."""
        with self._database.reading() as connection:
            return list(connection.scalars(select(RUNS.c.id)))

    def without_folder(self) -> set[str]:
        """The ids of the runs whose folder was found gone."""
        gone = func.json_extract(RUNS.c.body, "$.folder_gone") == 1
        with self._database.reading() as connection:
            return set(connection.scalars(select(RUNS.c.id).where(gone)))

    def with_states(self, states: Iterable[str]) -> list[RunRecord]:
        """Runs in one of these states, oldest first."""
        query = select(RUNS.c.body).where(RUNS.c.state.in_(tuple(states))).order_by(RUNS.c.created_at)
        with self._database.reading() as connection:
            return [from_body(RunRecord, body) for body in connection.scalars(query)]

    def change(self, run_id: str, *, publish: bool = True, **fields: Any) -> RunRecord:
        """Set fields and publish the row. A run that leaves the queue loses its place and the others move up.

        NotFound for an unknown run, ValueError for an unknown field.
        """
        with self._database.writing() as connection:
            before = self._required(connection, run_id)
            after = changed(before, fields)
            if after.state != RunState.QUEUED and after.queue_position is not None:
                after = changed(after, {"queue_position": None})
            elif after.state == RunState.QUEUED and after.queue_position is None:
                after = changed(after, {"queue_position": len(_queue_ids(connection)) + 1})
            self.put(after)
            if publish:
                self._feed.publish("runs", "changed", after)
            if before.queue_position is not None and after.queue_position is None:
                self._renumber(connection, _queue_ids(connection))
        return after

    def put(self, run: RunRecord) -> None:
        """Write the whole row of a known run and publish nothing; for ingest, which publishes less often than it
        writes."""
        with self._database.writing() as connection:
            connection.execute(update(RUNS).where(RUNS.c.id == run.id), _row(run))

    def remove(self, run_id: str, *, remember: bool = True) -> None:
        """Delete a run with everything that hangs on it and remember that it was removed; without remembering, its
        folder alone would bring it back."""
        with self._database.writing() as connection:
            before = self._required(connection, run_id)
            connection.execute(delete(RUNS).where(RUNS.c.id == run_id))
            connection.execute(delete(OFFSETS).where(OFFSETS.c.job_id == run_id))
            if remember:
                tombstone = {"id": run_id, "removed_at": self._database.clock.now()}
                connection.execute(insert(REMOVED_JOBS).prefix_with("OR REPLACE"), tombstone)
            if before.queue_position is not None:
                self._renumber(connection, _queue_ids(connection))
            self._feed.publish("runs", "removed", {"id": run_id})

    def was_removed(self, job_id: str) -> bool:
        """Whether a person deleted this job."""
        with self._database.reading() as connection:
            return connection.scalar(select(REMOVED_JOBS.c.id).where(REMOVED_JOBS.c.id == job_id)) is not None

    # ---- the queue ---------------------------------------------------------------------------------------------------

    def queue(self) -> list[RunRecord]:
        """Queued runs in the order they will start; queue_position counts from 1."""
        query = (
            select(RUNS.c.body)
            .where(RUNS.c.state == RunState.QUEUED)
            .order_by(RUNS.c.queue_position, RUNS.c.created_at)
        )
        with self._database.reading() as connection:
            return [from_body(RunRecord, body) for body in connection.scalars(query)]

    def move(self, run_id: str, position: int) -> RunRecord:
        """Put a queued run at this place, counted from 1; a place behind the end is the end. Conflict when it is not
        queued."""
        with self._database.writing() as connection:
            run = self._required(connection, run_id)
            ids = _queue_ids(connection)
            if run_id not in ids:
                raise Conflict(f"{run.name} is {run.state}; only a queued run can be moved.")
            ids.remove(run_id)
            ids.insert(max(position, 1) - 1, run_id)
            self._renumber(connection, ids)
            return self._required(connection, run_id)

    def _renumber(self, connection: Connection, ids: Sequence[str]) -> None:
        for position, run_id in enumerate(ids, start=1):
            run = self._required(connection, run_id)
            if run.queue_position != position:
                run = changed(run, {"queue_position": position})
                self.put(run)
                self._feed.publish("runs", "changed", run)

    def _required(self, connection: Connection, run_id: str) -> RunRecord:
        body = connection.scalar(select(RUNS.c.body).where(RUNS.c.id == run_id))
        if body is None:
            raise NotFound(f"There is no run {run_id}.")
        return from_body(RunRecord, body)

    # ---- events ------------------------------------------------------------------------------------------------------

    def add_event(
        self,
        run_id: str,
        kind: str,
        time: float | None = None,
        step: int | None = None,
        epoch: float | None = None,
        text: str = "",
        data: dict[str, Any] | None = None,
    ) -> RunEvent:
        """A marker on the chart; published under run_events."""
        row = {
            "run_id": run_id,
            "kind": kind,
            "time": self._database.clock.now() if time is None else time,
            "step": step,
            "epoch": epoch,
            "text": clean_text(text),
            "data": to_text(data or {}),
        }
        with self._database.writing() as connection:
            number = connection.execute(insert(RUN_EVENTS), row).lastrowid
            event = RunEvent(**{**row, "id": number, "data": json.loads(row["data"])})  # type: ignore[arg-type]
            self._feed.publish("run_events", "added", event)
        return event

    def events(self, run_id: str) -> list[RunEvent]:
        """All events of a run, oldest first."""
        query = select(RUN_EVENTS).where(RUN_EVENTS.c.run_id == run_id).order_by(RUN_EVENTS.c.id)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [RunEvent.model_validate({**row, "data": json.loads(row["data"])}) for row in rows]

    # ---- checkpoints, evaluations, samples ---------------------------------------------------------------------------

    def add_checkpoint(self, run_id: str, checkpoint: CheckpointRecord) -> CheckpointRecord:
        """Store a checkpoint; one of the same name is replaced (a resumed run wrote it anew). A best one takes the
        mark from others."""
        with self._database.writing() as connection:
            if checkpoint.best:
                for other in self._checkpoints(connection, run_id):
                    if other.best and other.name != checkpoint.name:
                        self._put_checkpoint(connection, run_id, changed(other, {"best": False}))
            self._put_checkpoint(connection, run_id, checkpoint)
        return checkpoint

    def change_checkpoint(self, run_id: str, name: str, **fields: Any) -> CheckpointRecord:
        """Set fields of a checkpoint; NotFound for an unknown one."""
        query = select(CHECKPOINTS.c.body).where(CHECKPOINTS.c.run_id == run_id, CHECKPOINTS.c.name == name)
        with self._database.writing() as connection:
            body = connection.scalar(query)
            if body is None:
                raise NotFound(f"Run {run_id} has no checkpoint {name}.")
            after = changed(from_body(CheckpointRecord, body), fields)
            self._put_checkpoint(connection, run_id, after)
        return after

    def checkpoints(self, run_id: str) -> list[CheckpointRecord]:
        """All checkpoints of a run by step, also those that were pruned (present is false)."""
        with self._database.reading() as connection:
            return self._checkpoints(connection, run_id)

    def checkpoint(self, run_id: str, name: str) -> CheckpointRecord | None:
        """One checkpoint by its folder's name."""
        query = select(CHECKPOINTS.c.body).where(CHECKPOINTS.c.run_id == run_id, CHECKPOINTS.c.name == name)
        with self._database.reading() as connection:
            body = connection.scalar(query)
        return None if body is None else from_body(CheckpointRecord, body)

    def _checkpoints(self, connection: Connection, run_id: str) -> list[CheckpointRecord]:
        query = select(CHECKPOINTS.c.body).where(CHECKPOINTS.c.run_id == run_id).order_by(CHECKPOINTS.c.step)
        return [from_body(CheckpointRecord, body) for body in connection.scalars(query)]

    def _put_checkpoint(self, connection: Connection, run_id: str, checkpoint: CheckpointRecord) -> None:
        row = {"run_id": run_id, "name": checkpoint.name, "step": checkpoint.step, "body": to_body(checkpoint)}
        connection.execute(insert(CHECKPOINTS).prefix_with("OR REPLACE"), row)

    def add_evaluation(self, run_id: str, evaluation: Evaluation) -> None:
        """Store a pass over a held-out part."""
        with self._database.writing() as connection:
            connection.execute(insert(EVALUATIONS), {"run_id": run_id, "body": to_body(evaluation)})

    def evaluations(self, run_id: str) -> list[Evaluation]:
        """All evaluations of a run in the order they were made."""
        return self._bodies(EVALUATIONS, run_id, Evaluation)

    def add_samples(self, run_id: str, samples: Sampled) -> None:
        """Store what the model said of the fixed inputs at a step."""
        with self._database.writing() as connection:
            connection.execute(insert(SAMPLES), {"run_id": run_id, "body": to_body(samples)})

    def samples(self, run_id: str) -> list[Sampled]:
        """All samples of a run in the order they were taken."""
        return self._bodies(SAMPLES, run_id, Sampled)

    def _bodies(self, table: Any, run_id: str, model: type[Any]) -> list[Any]:
        query = select(table.c.body).where(table.c.run_id == run_id).order_by(table.c.id)
        with self._database.reading() as connection:
            return [from_body(model, body) for body in connection.scalars(query)]

    # ---- log ---------------------------------------------------------------------------------------------------------

    def add_log(self, run_id: str, lines: Sequence[tuple[float | None, str, str]]) -> None:
        """Append (time, level, text) lines, numbered from 1; the middle of a very long log is dropped."""
        if not lines:
            return
        with self._database.writing() as connection:
            last = connection.scalar(select(func.max(LOG_LINES.c.number)).where(LOG_LINES.c.run_id == run_id)) or 0
            rows = [
                {"run_id": run_id, "number": number, "time": time, "level": level, "text": clean_text(text)}
                for number, (time, level, text) in enumerate(lines, start=last + 1)
            ]
            connection.execute(insert(LOG_LINES), rows)
            self._trim_log(connection, run_id, last, last + len(rows))
            shown = [to_data(_log_line(row)) for row in rows[-_LIVE_LOG_LINES:]]
            self._feed.publish("log", "lines", {"run_id": run_id, "lines": shown, "total": last + len(rows)})

    def _trim_log(self, connection: Connection, run_id: str, before: int, after: int) -> None:
        if before // _TRIM_AT == after // _TRIM_AT or after <= KEEP_LOG_LINES:
            return
        middle = (LOG_LINES.c.number > KEEP_FIRST_LOG_LINES) & (
            LOG_LINES.c.number <= after - KEEP_LOG_LINES + KEEP_FIRST_LOG_LINES
        )
        connection.execute(delete(LOG_LINES).where(LOG_LINES.c.run_id == run_id, middle))

    def log(
        self, run_id: str, start: int = 0, count: int = 500, level: str | None = None, find: str | None = None
    ) -> LogPage:
        """A page of the log: `count` of the matching lines behind the first `start`; a negative start counts from the
        end.

        `level` keeps that level and worse, `find` lines that contain the text (case does not matter).
        """
        matching = [LOG_LINES.c.run_id == run_id]
        if level:
            matching.append(LOG_LINES.c.level.in_(_at_least(level)))
        if find:
            matching.append(LOG_LINES.c.text.icontains(find, autoescape=True))
        errors = LOG_LINES.c.level.in_(_at_least("error"))
        with self._database.reading() as connection:
            total = connection.scalar(select(func.count()).select_from(LOG_LINES).where(*matching)) or 0
            first_error = connection.scalar(
                select(func.min(LOG_LINES.c.number)).where(LOG_LINES.c.run_id == run_id, errors)
            )
            start = max(total + start, 0) if start < 0 else start
            query = select(LOG_LINES).where(*matching).order_by(LOG_LINES.c.number).offset(start).limit(count)
            rows = connection.execute(query).mappings().all()
        return LogPage(lines=tuple(_log_line(row) for row in rows), total=total, first_error=first_error)


LEVELS = ("debug", "info", "warning", "error", "critical")


def _at_least(level: str) -> tuple[str, ...]:
    return LEVELS[LEVELS.index(level) :] if level in LEVELS else (level,)


def _log_line(row: Any) -> LogLine:
    return LogLine(number=row["number"], time=row["time"], level=row["level"], text=row["text"])


def _queue_ids(connection: Connection) -> list[str]:
    query = select(RUNS.c.id).where(RUNS.c.state == RunState.QUEUED).order_by(RUNS.c.queue_position, RUNS.c.created_at)
    return list(connection.scalars(query))


def _row(run: RunRecord) -> dict[str, Any]:
    return {
        "id": run.id,
        "state": str(run.state),
        "archived": run.archived,
        "queue_position": run.queue_position,
        "created_at": run.created_at,
        "body": to_body(run),
    }
