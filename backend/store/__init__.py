"""The only place for SQLAlchemy and SQLite: takes and returns contract records, never rows or connections.

opening.py     open_store(): the home folder, the marker, damage, old copies, foreign owners
upgrade.py     schema versions: migrations, backups, a newer file refused
migrations/    one short file per schema version
engine.py      one writer that alone checkpoints, pooled readers, transactions, failing and recovering
faults.py      what SQLite's errors mean, in words for a person
store.py       Store: all rooms behind one object
tables.py      the tables
tables_telemetry.py  those of telemetry
documents.py   records as JSON and back
feed.py        stored messages and their subscribers
runs.py        runs, their queue, events, checkpoints, evaluations, samples, log
series.py      metric series: blocks, thinned reading, export
series_reading.py  a window of many series, thinned, in a few statements
series_rows.py rows of series as points
blocks.py      packed points and thinning, without a database
offsets.py     how far each event log is in the store; damaged lines
datasets.py    dataset versions
versions.py    models, versions, aliases, history
endpoints.py   endpoints and request windows
alerts.py      alerts and drift reports
audit.py       the append-only hash chain
operations.py  intents and results of long work
telemetry.py   samples of the machine and their history
telemetry_values.py  a sample under its flat names
telemetry_runs.py    the machine's values kept with an ended run
slots.py       equal slots with extremes as packed bytes; the tiers
buckets.py     readings over time in so many steps
settings.py    settings, rules, idempotency keys, outbox of the mirror
check.py       the invariants doctor asks for
"""

from backend.store.faults import Health
from backend.store.opening import open_store
from backend.store.store import Store

__all__ = ["Health", "Store", "open_store"]
