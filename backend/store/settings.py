"""What the daemon keeps of the user's choices: settings, alert rules, replies to requests made once, work for the
mirror."""

import json
from typing import Any, NamedTuple

from pydantic import ValidationError
from sqlalchemy import Table, delete, func, insert, select, update

from backend.contract.base import Record
from backend.contract.errors import Conflict, Invalid, NotFound
from backend.contract.resources import BackendSettings, Rule
from backend.store.documents import changed, from_body, to_body, to_data, to_text
from backend.store.engine import Database
from backend.store.tables import IDEMPOTENCY, OUTBOX, RULES, SETTINGS

RULE_DEFAULTS: tuple[Rule, ...] = (
    Rule(id="latency-p99", kind="latency", metric="serve/latency_ms_p99", limit=500.0, for_seconds=60.0),
    Rule(id="errors", kind="errors", metric="serve/errors_per_s", limit=0.1, for_seconds=30.0, severity="bad"),
    Rule(id="rejected", kind="errors", metric="serve/rejected_per_s", limit=1.0, for_seconds=30.0),
    Rule(id="gpu-temperature", kind="gpu", metric="gpu/*/temperature_c", limit=87.0, for_seconds=60.0),
    Rule(id="gpu-memory", kind="gpu", metric="gpu/*/memory_used_share", limit=0.97, for_seconds=120.0, severity="info"),
    Rule(id="disk-used", kind="disk", metric="disk/used_share", limit=0.95, for_seconds=10.0, severity="bad"),
    Rule(id="memory-used", kind="memory", metric="memory/used_share", limit=0.95, for_seconds=60.0),
    Rule(id="run-stalled", kind="rule", test="stalled", limit=10.0, for_seconds=300.0),
    Rule(id="gpu-idle", kind="rule", test="idle", limit=5.0, for_seconds=600.0),
    Rule(id="disk-forecast", kind="rule", test="forecast", metric="disk/used_bytes", for_seconds=120.0, severity="bad"),
)
"""Every rule with its limit as it comes; a changed one is stored and replaces its line."""

REPLY_KEPT_S = 86_400.0


class Settings:
    """Single keys of BackendSettings; what was never changed follows the defaults of the version that runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self) -> BackendSettings:
        """All settings. A stored value that this version does not take is left out."""
        with self._database.reading() as connection:
            rows = connection.execute(select(SETTINGS)).all()
        values = {row.key: json.loads(row.value) for row in rows if row.key in BackendSettings.model_fields}
        try:
            return BackendSettings.model_validate(values)
        except ValidationError as error:
            bad = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
            return BackendSettings.model_validate({key: value for key, value in values.items() if key not in bad})

    def change(self, values: dict[str, Any]) -> BackendSettings:
        """Set keys; Invalid names an unknown key or a value out of range, and then nothing changes."""
        for key in values:
            if key not in BackendSettings.model_fields:
                known = ", ".join(sorted(BackendSettings.model_fields))
                raise Invalid(f"There is no setting {key!r}. There are: {known}.", field=key)
        with self._database.writing() as connection:
            try:
                after = BackendSettings.model_validate({**self.get().model_dump(), **values}, strict=False)
            except ValidationError as error:
                problem = error.errors()[0]
                field = str(problem["loc"][0]) if problem["loc"] else ""
                raise Invalid(f"{field}: {problem['msg']}", field=field) from error
            for key in values:
                row = {"key": key, "value": to_text(getattr(after, key))}
                connection.execute(insert(SETTINGS).prefix_with("OR REPLACE"), row)
        return after


class Rules:
    """RULE_DEFAULTS with what a person changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Rule]:
        """Every rule in the order of the defaults, then added ones."""
        with self._database.reading() as connection:
            stored = {
                row.id: from_body(Rule, row.body) for row in connection.execute(select(RULES).order_by(RULES.c.id))
            }
        known = [stored.pop(rule.id, rule) for rule in RULE_DEFAULTS]
        return [*known, *stored.values()]

    def change(self, rule_id: str, **fields: Any) -> Rule:
        """Set fields of a rule; NotFound names the rules there are."""
        with self._database.writing() as connection:
            rules = {rule.id: rule for rule in self.all()}
            if rule_id not in rules:
                raise NotFound(f"There is no rule {rule_id!r}. There are: {', '.join(rules)}.")
            after = changed(rules[rule_id], fields)
            connection.execute(insert(RULES).prefix_with("OR REPLACE"), {"id": rule_id, "body": to_body(after)})
        return after

    def add(self, rule: Rule) -> Rule:
        """Store a rule of one's own; one with the same id is replaced."""
        with self._database.writing() as connection:
            connection.execute(insert(RULES).prefix_with("OR REPLACE"), {"id": rule.id, "body": to_body(rule)})
        return rule

    def remove(self, rule_id: str) -> Rule:
        """Delete a rule of one's own; NotFound for an unknown one, Conflict for one that comes with the program."""
        with self._database.writing() as connection:
            known = {rule.id: rule for rule in self.all()}
            if rule_id not in known:
                raise NotFound(f"There is no rule {rule_id!r}.")
            if not known[rule_id].own:
                raise Conflict(f"The rule {rule_id} comes with the program.", fix="Switch it off instead.")
            connection.execute(delete(RULES).where(RULES.c.id == rule_id))
        return known[rule_id]


class Idempotency:
    """Replies kept for a day, so that a double click or a lost reply never does a thing twice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, key: str, route: str, body_sha256: str) -> tuple[int, Any] | None:
        """None when this is the first time: do it and save() the reply. Else the saved (status, body).

        Conflict when the key was used for something else, or when the first request is not answered yet.
        """
        now = self._database.clock.now()
        with self._database.writing() as connection:
            connection.execute(delete(IDEMPOTENCY).where(IDEMPOTENCY.c.created_at < now - REPLY_KEPT_S))
            row = connection.execute(select(IDEMPOTENCY).where(IDEMPOTENCY.c.key == key)).one_or_none()
            if row is None:
                claim = {"key": key, "route": route, "body_sha256": body_sha256, "created_at": now}
                connection.execute(insert(IDEMPOTENCY), claim)
                return None
        if (row.route, row.body_sha256) != (route, body_sha256):
            raise Conflict("This Idempotency-Key was used for another request. Take a new one.", code="key_reused")
        if row.status is None:
            raise Conflict("The same request is still being worked on.", code="in_progress")
        return row.status, json.loads(row.reply)

    def save(self, key: str, status: int, body: Any) -> None:
        """Keep the reply to a claimed key."""
        values = {"status": status, "reply": to_text(to_data(body) if isinstance(body, Record) else body)}
        with self._database.writing() as connection:
            connection.execute(update(IDEMPOTENCY).where(IDEMPOTENCY.c.key == key), values)

    def release(self, key: str) -> None:
        """Give a claimed key back: the request failed in a way that a repetition may mend."""
        with self._database.writing() as connection:
            connection.execute(delete(IDEMPOTENCY).where(IDEMPOTENCY.c.key == key, IDEMPOTENCY.c.status.is_(None)))

    def release_unanswered(self) -> None:
        """Give back what was claimed by a daemon that is gone."""
        with self._database.writing() as connection:
            connection.execute(delete(IDEMPOTENCY).where(IDEMPOTENCY.c.status.is_(None)))


class OutboxItem(NamedTuple):
    """Something that has still to be done."""

    id: int
    kind: str
    key: str
    body: dict[str, Any]
    attempts: int
    created_at: float = 0.0


class Outbox:
    """Work for somebody outside (the MLflow neighbour, the webhook), stored in the transaction that makes it necessary,
    in order, until it is done."""

    def __init__(self, database: Database, table: Table = OUTBOX) -> None:
        self._database = database
        self._table = table

    def add(self, kind: str, key: str, body: dict[str, Any]) -> int:
        """Put something at the end; returns its id."""
        row = {"kind": kind, "key": key, "body": to_text(body), "created_at": self._database.clock.now()}
        with self._database.writing() as connection:
            return connection.execute(insert(self._table), row).lastrowid

    def take(self, limit: int = 100) -> list[OutboxItem]:
        """The oldest ones whose time has come; they stay until done() or failed()."""
        now = self._database.clock.now()
        # A clock set back must not hold work for long: nothing ever waits more than five minutes.
        due = (self._table.c.next_at <= now) | (self._table.c.next_at > now + 300)
        query = select(self._table).where(due).order_by(self._table.c.id).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [
            OutboxItem(row.id, row.kind, row.key, json.loads(row.body), row.attempts, row.created_at) for row in rows
        ]

    def done(self, item_id: int) -> None:
        """It has arrived; a second call does nothing."""
        with self._database.writing() as connection:
            connection.execute(delete(self._table).where(self._table.c.id == item_id))

    def failed(self, item_id: int, text: str) -> None:
        """It has to be tried again: after 1 s, 2 s, 4 s … five minutes at most."""
        self._again(item_id, error=text)

    def begin(self, item_id: int) -> int:
        """Note that a try begins, before anything of it leaves this machine; returns the number of the try, from 1.

        Whoever begins says how it went with done() or note_error(): the try is counted and the wait for the next one
        set already, so that a death in between neither hides a try nor repeats it at once.
        """
        return self._again(item_id)

    def note_error(self, item_id: int, text: str) -> None:
        """Why the try that began has failed."""
        with self._database.writing() as connection:
            connection.execute(update(self._table).where(self._table.c.id == item_id), {"error": text})

    def _again(self, item_id: int, **values: Any) -> int:
        """Count a try and set the time of the next; the number of the try, 0 when the thing is gone."""
        with self._database.writing() as connection:
            attempts = connection.scalar(select(self._table.c.attempts).where(self._table.c.id == item_id))
            if attempts is None:
                return 0
            next_at = self._database.clock.now() + min(2.0**attempts, 300.0)
            row = {"attempts": attempts + 1, "next_at": next_at, **values}
            connection.execute(update(self._table).where(self._table.c.id == item_id), row)
        return int(attempts) + 1

    def backlog(self) -> int:
        """How many things wait."""
        with self._database.reading() as connection:
            return connection.scalar(select(func.count()).select_from(self._table)) or 0

    def last_error(self) -> str | None:
        """What the oldest failed one said."""
        query = select(self._table.c.error).where(self._table.c.error.is_not(None)).order_by(self._table.c.id).limit(1)
        with self._database.reading() as connection:
            return connection.scalar(query)
