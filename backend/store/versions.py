"""Models, their numbered versions, aliases and history."""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from backend.contract.errors import NotFound
from backend.contract.resources import HistoryEntry, ModelRecord, VersionRecord
from backend.store.documents import changed, from_body, to_body, to_text
from backend.store.engine import Database
from backend.store.feed import Feed
from backend.store.tables import ALIASES, ENDPOINTS, HISTORY, MODELS, VERSIONS


class Versions:
    """Rows of models. Every change publishes the whole model; reading any number of models takes four statements."""

    def __init__(self, database: Database, feed: Feed) -> None:
        self._database = database
        self._feed = feed

    def add_model(self, name: str, task: str, labels: Iterable[str] = ()) -> ModelRecord:
        """The model of this name, made when there is none."""
        row = {"name": name, "task": task, "labels": to_text(list(labels)), "created_at": self._database.clock.now()}
        with self._database.writing() as connection:
            if connection.scalar(select(MODELS.c.name).where(MODELS.c.name == name)) is None:
                connection.execute(insert(MODELS), row)
                self._publish(name)
            return self._required(name)

    def add(self, version: VersionRecord) -> VersionRecord:
        """Store the next version of its model; the number is assigned here and never used twice. NotFound without
        such a model."""
        with self._database.writing() as connection:
            self._required(version.model)
            last = connection.scalar(select(func.max(VERSIONS.c.version)).where(VERSIONS.c.model == version.model)) or 0
            version = changed(version, {"version": last + 1, "aliases": ()})
            row = {
                "model": version.model,
                "version": version.version,
                "run_id": version.run_id,
                "deleted": version.deleted,
            }
            connection.execute(insert(VERSIONS), {**row, "created_at": version.created_at, "body": to_body(version)})
            self._publish(version.model)
        return version

    # ---- reading -----------------------------------------------------------------------------------------------------

    def model(self, name: str) -> ModelRecord | None:
        """The model with its versions (newest first, deleted ones marked), aliases and endpoints; or None."""
        found = self._models(name)
        return found[0] if found else None

    def models(self) -> list[ModelRecord]:
        """Every model by name."""
        return self._models(None)

    def version(self, name: str, number: int) -> VersionRecord | None:
        """One version with its aliases, or None."""
        query = select(VERSIONS.c.body).where(VERSIONS.c.model == name, VERSIONS.c.version == number)
        with self._database.reading() as connection:
            body = connection.scalar(query)
            return _with_aliases(body, _aliases(connection, name).get(name, {}), number) if body else None

    def _models(self, name: str | None) -> list[ModelRecord]:
        models = select(MODELS).order_by(MODELS.c.name)
        versions = select(VERSIONS.c.model, VERSIONS.c.version, VERSIONS.c.body).order_by(VERSIONS.c.version.desc())
        endpoints = select(ENDPOINTS.c.name, ENDPOINTS.c.model).order_by(ENDPOINTS.c.name)
        if name is not None:
            models, versions = models.where(MODELS.c.name == name), versions.where(VERSIONS.c.model == name)
            endpoints = endpoints.where(ENDPOINTS.c.model == name)
        with self._database.reading() as connection:
            aliases = _aliases(connection, name)
            rows = connection.execute(models).all()
            of_model, served = defaultdict(list), defaultdict(list)
            for row in connection.execute(versions):
                of_model[row.model].append(_with_aliases(row.body, aliases.get(row.model, {}), row.version))
            for endpoint in connection.execute(endpoints):
                served[endpoint.model].append(endpoint.name)
        return [_model(row, of_model[row.name], aliases.get(row.name, {}), served[row.name]) for row in rows]

    def _required(self, name: str) -> ModelRecord:
        found = self.model(name)
        if found is None:
            raise NotFound(f"There is no model {name!r}.")
        return found

    # ---- changing ----------------------------------------------------------------------------------------------------

    def set_alias(self, name: str, alias: str, number: int | None) -> ModelRecord:
        """Point an alias (champion, previous) at a version; None takes it away. NotFound for an unknown or deleted
        version."""
        with self._database.writing() as connection:
            if number is not None:
                found = self.version(name, number)
                if found is None or found.deleted:
                    raise NotFound(f"Model {name} has no version {number}.")
            connection.execute(delete(ALIASES).where(ALIASES.c.model == name, ALIASES.c.alias == alias))
            if number is not None:
                connection.execute(insert(ALIASES), {"model": name, "alias": alias, "version": number})
            self._publish(name)
            return self._required(name)

    def change(self, name: str, number: int, **fields: Any) -> VersionRecord:
        """Set fields of a version (note, card, deleted); aliases are set by set_alias(). NotFound for an unknown
        one."""
        with self._database.writing() as connection:
            before = self.version(name, number)
            if before is None:
                raise NotFound(f"Model {name} has no version {number}.")
            after = changed(before, fields)
            values = {"body": to_body(changed(after, {"aliases": ()})), "deleted": after.deleted}
            where = (VERSIONS.c.model == name, VERSIONS.c.version == number)
            connection.execute(update(VERSIONS).where(*where), values)
            if after.deleted:
                connection.execute(delete(ALIASES).where(ALIASES.c.model == name, ALIASES.c.version == number))
            self._publish(name)
        return after

    def served(self, name: str, number: int, start: float, stop: float) -> VersionRecord:
        """This version was live from start to stop (unix seconds)."""
        with self._database.writing():
            before = self.version(name, number)
            if before is None:
                raise NotFound(f"Model {name} has no version {number}.")
            first = start if before.first_served_at is None else min(before.first_served_at, start)
            last = stop if before.last_served_at is None else max(before.last_served_at, stop)
            seconds = before.served_seconds + max(stop - start, 0.0)
            return self.change(name, number, first_served_at=first, last_served_at=last, served_seconds=seconds)

    def add_history(self, name: str, entry: HistoryEntry) -> None:
        """One line of the model's history."""
        with self._database.writing() as connection:
            connection.execute(insert(HISTORY), {"model": name, "time": entry.time, "body": to_body(entry)})
            if self.model(name) is not None:
                self._publish(name)

    def history(self, name: str) -> list[HistoryEntry]:
        """All lines, newest first."""
        query = select(HISTORY.c.body).where(HISTORY.c.model == name).order_by(HISTORY.c.id.desc())
        with self._database.reading() as connection:
            return [from_body(HistoryEntry, body) for body in connection.scalars(query)]

    def _publish(self, name: str) -> None:
        self._feed.publish("models", "changed", self._required(name))


def _aliases(connection: Connection, name: str | None) -> dict[str, dict[str, int]]:
    """Model → alias → version."""
    query = select(ALIASES)
    if name is not None:
        query = query.where(ALIASES.c.model == name)
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in connection.execute(query):
        found[row.model][row.alias] = row.version
    return found


def _with_aliases(body: str, aliases: dict[str, int], number: int) -> VersionRecord:
    version = from_body(VersionRecord, body)
    names = tuple(sorted(alias for alias, target in aliases.items() if target == number))
    return version.model_copy(update={"aliases": names})


def _model(row: Any, versions: list[VersionRecord], aliases: dict[str, int], endpoints: list[str]) -> ModelRecord:
    return ModelRecord(
        name=row.name,
        task=row.task,
        labels=tuple(json.loads(row.labels)),
        versions=tuple(versions),
        champion=aliases.get("champion"),
        previous=aliases.get("previous"),
        endpoints=tuple(endpoints),
        created_at=row.created_at,
    )
