"""Operations: the intent is stored before anything is done, so that a killed daemon can finish or undo it."""

import json
import secrets
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from backend.contract.errors import ErrorReply, NotFound
from backend.contract.resources import Operation
from backend.store.documents import changed, from_body, to_body, to_data, to_text
from backend.store.engine import Database
from backend.store.feed import Feed
from backend.store.tables import OPERATIONS

KEEP = 5_000


class Operations:
    """Rows of operations. Every change is published under topic operations."""

    def __init__(self, database: Database, feed: Feed) -> None:
        self._database = database
        self._feed = feed

    def start(
        self,
        kind: str,
        object: str,
        stages: Iterable[str] = (),
        details: dict[str, Any] | None = None,
        *,
        cancellable: bool = False,
    ) -> Operation:
        """The intent row: what is about to be done. `details` is what recovery needs; it is not part of the record."""
        stages = tuple(stages)
        operation = Operation(
            id=f"op-{secrets.token_hex(6)}",
            kind=kind,
            object=object,
            state="running",
            stage=stages[0] if stages else "",
            stages=stages,
            cancellable=cancellable,
            started_at=self._database.clock.now(),
        )
        row = {"id": operation.id, "kind": kind, "object": object, "started_at": operation.started_at}
        with self._database.writing() as connection:
            row |= {"state": "running", "body": to_body(operation), "details": to_text(details or {})}
            connection.execute(insert(OPERATIONS), row)
            self._prune(connection)
            self._feed.publish("operations", "changed", operation)
        return operation

    def stage(self, operation_id: str, stage: str, text: str = "", details: dict[str, Any] | None = None) -> Operation:
        """It has reached this stage; `details` are added to what recovery knows."""
        return self._change(operation_id, details, stage=stage, text=text, progress=None)

    def advance(self, operation_id: str, progress: float) -> Operation:
        """So much of the stage is done, 0 … 1."""
        return self._change(operation_id, None, progress=min(1.0, max(0.0, progress)))

    def finish(self, operation_id: str, result: dict[str, Any] | None = None, text: str = "") -> Operation:
        """It is done."""
        fields = {"state": "done", "result": result or {}, "ended_at": self._database.clock.now(), "cancellable": False}
        return self._change(operation_id, None, **fields, **({"text": text} if text else {}))

    def fail(self, operation_id: str, error: ErrorReply | dict[str, Any] | str) -> Operation:
        """It could not be done; the stage stays where it failed."""
        if isinstance(error, str):
            error = ErrorReply(kind="refused", code="failed", text=error)
        data = to_data(error)
        ended = self._database.clock.now()
        return self._change(
            operation_id,
            None,
            state="failed",
            error=data,
            text=str(data.get("text", "")),
            ended_at=ended,
            cancellable=False,
        )

    def get(self, operation_id: str) -> Operation | None:
        """The operation, or None."""
        with self._database.reading() as connection:
            body = connection.scalar(select(OPERATIONS.c.body).where(OPERATIONS.c.id == operation_id))
        return from_body(Operation, body) if body else None

    def details(self, operation_id: str) -> dict[str, Any]:
        """What start() and stage() were given for recovery."""
        with self._database.reading() as connection:
            text = connection.scalar(select(OPERATIONS.c.details).where(OPERATIONS.c.id == operation_id))
        return dict(json.loads(text)) if text else {}

    def unfinished(self) -> list[Operation]:
        """What was running when the daemon ended, oldest first."""
        query = select(OPERATIONS.c.body).where(OPERATIONS.c.state == "running").order_by(OPERATIONS.c.started_at)
        with self._database.reading() as connection:
            return [from_body(Operation, body) for body in connection.scalars(query)]

    def all(self, kind: str | None = None, object: str | None = None, count: int = 200) -> list[Operation]:
        """The newest first."""
        query = select(OPERATIONS.c.body).order_by(OPERATIONS.c.started_at.desc()).limit(count)
        if kind:
            query = query.where(OPERATIONS.c.kind == kind)
        if object:
            query = query.where(OPERATIONS.c.object == object)
        with self._database.reading() as connection:
            return [from_body(Operation, body) for body in connection.scalars(query)]

    def _change(self, operation_id: str, details: dict[str, Any] | None, **fields: Any) -> Operation:
        with self._database.writing() as connection:
            before = self.get(operation_id)
            if before is None:
                raise NotFound(f"There is no operation {operation_id}.")
            after = changed(before, fields)
            values = {"state": after.state, "body": to_body(after)}
            if details:
                values["details"] = to_text({**self.details(operation_id), **details})
            connection.execute(update(OPERATIONS).where(OPERATIONS.c.id == operation_id), values)
            self._feed.publish("operations", "changed", after)
        return after

    def _prune(self, connection: Connection) -> None:
        newest = select(OPERATIONS.c.id).order_by(OPERATIONS.c.started_at.desc()).limit(KEEP)
        old = OPERATIONS.c.id.not_in(newest.scalar_subquery()) & (OPERATIONS.c.state != "running")
        connection.execute(delete(OPERATIONS).where(old))
