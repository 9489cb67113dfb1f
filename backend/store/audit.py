"""The audit chain: append-only, each row hashed together with the hash of the row before it."""

import hashlib
import json
from typing import Any

from sqlalchemy import Connection, insert, or_, select

from backend.contract.resources import AuditRecord
from backend.store.documents import clean_text, plain, to_canonical
from backend.store.engine import Database
from backend.store.feed import Feed
from backend.store.tables import AUDIT

GENESIS = "0" * 64
"""The previous hash of the first row."""


def chain_hash(record: AuditRecord) -> str:
    """SHA-256 over the canonical JSON of every field but `hash`, previous_hash included."""
    return hashlib.sha256(to_canonical(record.model_dump(mode="json", exclude={"hash"})).encode()).hexdigest()


class Audit:
    """Rows of the audit chain. The table's triggers refuse every change and deletion; verify() finds what was done
    around them."""

    def __init__(self, database: Database, feed: Feed) -> None:
        self._database = database
        self._feed = feed

    def add(
        self,
        actor: str,
        client: str,
        action: str,
        object: str,
        before: str = "",
        after: str = "",
        reason: str = "",
        result: str = "done",
        details: dict[str, Any] | None = None,
    ) -> AuditRecord:
        """Append a link; published under audit."""
        with self._database.writing() as connection:
            last = connection.execute(
                select(AUDIT.c.seq, AUDIT.c.hash).order_by(AUDIT.c.seq.desc()).limit(1)
            ).one_or_none()
            record = AuditRecord(
                seq=last.seq + 1 if last else 1,
                time=self._database.clock.now(),
                actor=clean_text(actor),
                client=clean_text(client),
                action=action,
                object=clean_text(object),
                before=clean_text(str(before)),
                after=clean_text(str(after)),
                reason=clean_text(reason),
                result=result,
                details=json.loads(to_canonical(details or {})),
                previous_hash=last.hash if last else GENESIS,
            )
            record = record.model_copy(update={"hash": chain_hash(record)})
            row = {**record.model_dump(), "details": to_canonical(plain(record.details))}
            connection.execute(insert(AUDIT), row)
            self._feed.publish("audit", "added", record)
        return record

    def all(
        self, start: int = 0, count: int = 100, find: str | None = None, object: str | None = None
    ) -> list[AuditRecord]:
        """`count` links behind the first `start`, newest first; `find` in any text, `object` exactly."""
        query = select(AUDIT).order_by(AUDIT.c.seq.desc()).offset(start).limit(count)
        if find:
            texts = (
                AUDIT.c.actor,
                AUDIT.c.action,
                AUDIT.c.object,
                AUDIT.c.before,
                AUDIT.c.after,
                AUDIT.c.reason,
                AUDIT.c.result,
            )
            query = query.where(or_(*(text.icontains(find, autoescape=True) for text in texts)))
        if object:
            query = query.where(AUDIT.c.object == object)
        with self._database.reading() as connection:
            return [_record(row) for row in connection.execute(query).mappings()]

    def verify(self) -> tuple[bool, int | None, int]:
        """(whole, seq of the first bad link, number of links). A missing link is bad at the place where the next one
        should be."""
        with self._database.reading() as connection:
            return _verify(connection)


def _verify(connection: Connection) -> tuple[bool, int | None, int]:
    previous, expected, count, first_bad = GENESIS, 1, 0, None
    for row in connection.execute(select(AUDIT).order_by(AUDIT.c.seq)).mappings():
        count += 1
        if first_bad is not None:
            continue
        if row["seq"] != expected:
            first_bad = expected
        elif not _holds(row, previous):
            first_bad = row["seq"]
        previous, expected = row["hash"], expected + 1
    return first_bad is None, first_bad, count


def _holds(row: Any, previous: str) -> bool:
    try:
        record = _record(row)
    except ValueError:  # details that are no JSON, a text that is no number
        return False
    return record.previous_hash == previous and record.hash == chain_hash(record)


def _record(row: Any) -> AuditRecord:
    return AuditRecord.model_validate({**row, "details": json.loads(row["details"])})
