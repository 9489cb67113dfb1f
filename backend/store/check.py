"""What must always hold inside the database; each invariant one line of doctor."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, select

from backend.contract.errors import ModeldeckError
from backend.contract.resources import Check
from backend.store.tables import ENDPOINTS, SERIES_BLOCKS, SERIES_DATA, VERSIONS
from backend.store.upgrade import SCHEMA

if TYPE_CHECKING:
    from backend.store.store import Store


def checks(store: "Store") -> list[Check]:
    """Every check in order; one that cannot be made has failed."""
    return [_made(name, check, store) for name, check in CHECKS.items()]


def _made(name: str, check: "Callable[[Store, Connection], str]", store: "Store") -> Check:
    try:
        with store.database.reading() as connection:
            problem = check(store, connection)
    except ModeldeckError as error:
        problem = str(error)
    return Check(name=name, ok=not problem, detail=problem)


def _integrity(_store: "Store", connection: Connection) -> str:
    found = connection.exec_driver_sql("PRAGMA integrity_check(10)").scalars().all()
    return "" if found == ["ok"] else "; ".join(map(str, found))


def _foreign_keys(_store: "Store", connection: Connection) -> str:
    rows = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    return "; ".join(f"row {row[1]} of {row[0]} points at a missing row of {row[2]}" for row in rows[:10])


def _schema(_store: "Store", connection: Connection) -> str:
    number = connection.exec_driver_sql("PRAGMA user_version").scalar()
    revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if number == SCHEMA and revision == f"{SCHEMA:04d}":
        return ""
    return f"version {number}, revision {revision}; expected {SCHEMA}, {SCHEMA:04d}"


def _audit(store: "Store", _connection: Connection) -> str:
    whole, bad, count = store.audit.verify()
    return "" if whole else f"row {bad} of {count} was changed, removed or added by hand"


def _live_versions(_store: "Store", connection: Connection) -> str:
    """Each endpoint has exactly one live version or explicitly none, and that version exists and is not deleted."""
    body = func.json_extract(ENDPOINTS.c.body, "$.live_version").label("live")
    known = {
        (row.model, row.version): row.deleted
        for row in connection.execute(select(VERSIONS.c.model, VERSIONS.c.version, VERSIONS.c.deleted))
    }
    problems = []
    for row in connection.execute(select(ENDPOINTS.c.name, ENDPOINTS.c.model, body)):
        if row.live is None:
            continue
        deleted = known.get((row.model, row.live))
        if deleted is None:
            problems.append(f"{row.name} serves {row.model}:{row.live}, which is not registered")
        elif deleted:
            problems.append(f"{row.name} serves {row.model}:{row.live}, which was deleted")
    return "; ".join(problems)


def _blocks(_store: "Store", connection: Connection) -> str:
    missing = connection.scalar(
        select(func.count()).select_from(SERIES_BLOCKS.outerjoin(SERIES_DATA)).where(SERIES_DATA.c.block_id.is_(None))
    )
    return f"{missing} blocks of series have no points" if missing else ""


CHECKS: "dict[str, Callable[[Store, Connection], str]]" = {
    "database integrity": _integrity,
    "foreign keys": _foreign_keys,
    "schema version": _schema,
    "audit chain": _audit,
    "live versions": _live_versions,
    "series blocks": _blocks,
}
