"""How far each event log is in the store, and the damaged lines that were set aside."""

import json
from typing import Any, NamedTuple

from sqlalchemy import func, insert, select

from backend.store.documents import clean_text, to_text
from backend.store.engine import Database
from backend.store.tables import OFFSETS, QUARANTINE

KEEP_DAMAGED = 200
"""Damaged lines kept per job; later ones are only counted."""

KEEP_CHARACTERS = 500
"""Of a damaged line and of its reason."""


class Offset(NamedTuple):
    """Bytes and lines of a log that are in the store."""

    offset: int
    seq: int


class Offsets:
    """Rows of offsets. Ingest changes them in the transaction that stores what was read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, job_id: str) -> Offset:
        """(0, 0) for a job of which nothing was read yet."""
        with self._database.reading() as connection:
            row = connection.execute(
                select(OFFSETS.c.offset, OFFSETS.c.seq).where(OFFSETS.c.job_id == job_id)
            ).one_or_none()
        return Offset(row.offset, row.seq) if row else Offset(0, 0)

    def all(self) -> dict[str, Offset]:
        """Every job of which something was read."""
        with self._database.reading() as connection:
            rows = connection.execute(select(OFFSETS.c.job_id, OFFSETS.c.offset, OFFSETS.c.seq)).all()
        return {row.job_id: Offset(row.offset, row.seq) for row in rows}

    def state(self, job_id: str) -> dict[str, Any]:
        """What ingest wants to remember of this job between two lines."""
        with self._database.reading() as connection:
            text = connection.scalar(select(OFFSETS.c.state).where(OFFSETS.c.job_id == job_id))
        return dict(json.loads(text)) if text else {}

    def set(self, job_id: str, offset: int, seq: int, state: dict[str, Any] | None = None) -> None:
        """Everything before `offset`, up to line `seq`, is stored. Without `state` what was remembered stays."""
        row = {"job_id": job_id, "offset": offset, "seq": seq}
        if state is not None:
            row["state"] = to_text(state)
        with self._database.writing() as connection:
            done = connection.execute(OFFSETS.update().where(OFFSETS.c.job_id == job_id), row)
            if not done.rowcount:
                connection.execute(insert(OFFSETS), row)

    def quarantine(self, job_id: str, offset: int, reason: str, text: str) -> bool:
        """Set a damaged line aside; False when this very line was set aside before. Behind KEEP_DAMAGED lines nothing
        more is kept of it, yet it counts."""
        text, reason = clean_text(text)[:KEEP_CHARACTERS], clean_text(reason)[:KEEP_CHARACTERS]
        row = {"job_id": job_id, "offset": offset, "reason": reason, "text": text}
        with self._database.writing() as connection:
            known = select(QUARANTINE.c.id).where(QUARANTINE.c.job_id == job_id, QUARANTINE.c.offset == offset)
            if connection.scalar(known) is not None:
                return False
            if self.damaged(job_id) < KEEP_DAMAGED:
                connection.execute(insert(QUARANTINE), row)
        return True

    def damaged(self, job_id: str) -> int:
        """How many damaged lines of this job are kept; the run's `bad_lines` counts them all."""
        query = select(func.count()).select_from(QUARANTINE).where(QUARANTINE.c.job_id == job_id)
        with self._database.reading() as connection:
            return connection.scalar(query) or 0

    def damaged_lines(self, job_id: str) -> list[dict[str, Any]]:
        """The damaged lines: offset, reason, text."""
        query = select(QUARANTINE.c.offset, QUARANTINE.c.reason, QUARANTINE.c.text)
        query = query.where(QUARANTINE.c.job_id == job_id).order_by(QUARANTINE.c.offset)
        with self._database.reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]
