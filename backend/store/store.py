"""The store: all rooms of the database behind one object."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from backend.clock import Clock
from backend.contract.base import Record
from backend.contract.resources import Check
from backend.paths import Home
from backend.store.alerts import Alerts, Drift
from backend.store.audit import Audit
from backend.store.datasets import Datasets
from backend.store.endpoints import Endpoints
from backend.store.engine import Database
from backend.store.faults import Health
from backend.store.feed import Feed
from backend.store.offsets import Offsets
from backend.store.operations import Operations
from backend.store.runs import Runs
from backend.store.series import Series
from backend.store.settings import Idempotency, Outbox, Rules, Settings
from backend.store.tables import WEBHOOKS
from backend.store.telemetry import Telemetry
from backend.store.upgrade import back_up, backups
from backend.store.versions import Versions

log = logging.getLogger(__name__)

BACKUP_EVERY_S = 86_400.0


class Store:
    """Made by open_store(). Thread-safe; every method blocks until what it says is on the disk.

    Refused writes raise Unavailable (full, locked, read-only disk …), change `health` and keep nothing; the next
    write tries again.
    `notices` are things a person should know about this opening (restored from a backup, an SQLite with a known
    defect).
    """

    def __init__(self, home: Home, clock: Clock, database: Database, notices: tuple[str, ...] = ()) -> None:
        self.home = home
        self.clock = clock
        self.database = database
        self.notices = notices
        self.feed = Feed(database)
        self.runs = Runs(database, self.feed)
        self.series = Series(database)
        self.feed.points_between = self.series.between
        self.offsets = Offsets(database)
        self.datasets = Datasets(database, self.feed)
        self.versions = Versions(database, self.feed)
        self.endpoints = Endpoints(database, self.feed)
        self.alerts = Alerts(database, self.feed)
        self.drift = Drift(database, self.feed)
        self.audit = Audit(database, self.feed)
        self.operations = Operations(database, self.feed)
        self.telemetry = Telemetry(database, self.feed)
        self.idempotency = Idempotency(database)
        self.settings = Settings(database)
        self.rules = Rules(database)
        self.outbox = Outbox(database)
        self.webhooks = Outbox(database, WEBHOOKS)
        self._closers: list[Callable[[bool], None]] = []
        database.on_health.append(self._on_health)

    @property
    def read_only(self) -> bool:
        """Whether this store was opened for reading only (a second process, a viewer)."""
        return self.database.read_only

    @property
    def health(self) -> Health:
        """Whether writing works; when not, the words for it."""
        return self.database.health

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything this thread writes inside belongs together: all of it is kept, or nothing. Re-entrant."""
        with self.database.writing():
            yield

    def publish(self, topic: str, kind: str, what: Record | dict[str, Any]) -> None:
        """Put a message into the feed with the present transaction; subscribers get it after the commit."""
        self.feed.publish(topic, kind, what)

    def check(self) -> list[Check]:
        """The invariants of the database itself: integrity, foreign keys, audit chain, schema, live versions,
        series."""
        from backend.store.check import checks  # late: only doctor needs it

        return checks(self)

    def backup(self, why: str = "daily") -> str:
        """Copy the database into backups/ while everything goes on; returns the name of the file."""
        return back_up(self.home, why, self.clock.now()).name

    def maintain(self) -> None:
        """Care that can wait: telemetry is packed and kept with ended runs, once a day a backup. The daemon calls it
        every minute; changes nothing in a store that only reads."""
        if self.read_only or self.health.state != "ok":
            return
        self.care_for_telemetry()
        newest = next(iter(backups(self.home, "daily")), None)
        age_s = self.clock.now() - newest.stat().st_mtime if newest else BACKUP_EVERY_S
        if not 0 <= age_s < BACKUP_EVERY_S:
            self.backup()

    def care_for_telemetry(self) -> None:
        """Pack what is over; a run whose machine is kept now is noted for the mirror in the same transaction."""
        self.telemetry.roll_up()
        with self.transaction():
            for run_id in self.telemetry.pin_ended():
                self.outbox.add("run", run_id, {})

    def on_close(self, callback: Callable[[bool], None]) -> None:
        """Call this after closing with whether the write-ahead log was emptied."""
        self._closers.append(callback)

    def close(self) -> None:
        """Empty the write-ahead log and close. A second call does nothing."""
        clean = self.database.close()
        for callback in self._closers:
            callback(clean)
        self._closers.clear()

    def _on_health(self, health: Health) -> None:
        text = health.text if health.state == "failing" else "Saving works again; nothing was lost."
        log.warning("store: %s", text)
        self.feed.broadcast(
            "system", "notice", {"text": text, "severity": "bad" if health.state == "failing" else "info"}
        )
