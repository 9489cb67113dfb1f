"""Schema versions: alembic migrations run at opening inside one transaction, after a backup; a newer file is
refused."""

import contextlib
import os
import re
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, inspect

from backend.contract.errors import Refused
from backend.failpoints import failpoint
from backend.paths import Home
from backend.platform import make_private_folder, open_private, sync_file, sync_folder
from backend.store.engine import Database

if TYPE_CHECKING:
    from alembic.config import Config

SCHEMA = 4
"""The schema version this code reads and writes; the number of the newest migration."""

APP_VERSION = "0.1.0"

KEEP_BACKUPS = 5


def schema_of(path: Path) -> tuple[int, str]:
    """(schema version, app version that wrote it) of a database file, read-only; (0, "") of an empty one.

    Raises sqlite3.DatabaseError when it is no database.
    """
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        number = int(connection.execute("PRAGMA user_version").fetchone()[0])
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "alembic_version" in tables:
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            number = max(number, int(revision[0]) if revision and revision[0].isdigit() else number)
        writer = None
        if "meta" in tables:
            writer = connection.execute("SELECT value FROM meta WHERE key = 'written_by'").fetchone()
    return number, writer[0] if writer else ""


def refuse_newer(number: int, written_by: str) -> None:
    """Refused when the file has a newer schema than this code."""
    if number > SCHEMA:
        needed = f"Modeldeck {written_by}" if written_by and written_by != APP_VERSION else "a newer Modeldeck"
        raise Refused(
            f"This home folder was last used by {needed} (database version {number}); this is Modeldeck {APP_VERSION} "
            f"(database version {SCHEMA}) and would damage it. Nothing was changed.",
            code="newer_schema",
            fix=f"Install {needed}, or choose another home folder with --home.",
        )


def migrate(database: Database) -> None:
    """Bring an open database to SCHEMA in one transaction: killed anywhere, it is as it was."""
    # Late: alembic costs every start 0.2 s and 10 MB, and hardly any start has something to migrate.
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(_config())

    def steps(revision: Any, _context: Any) -> Any:
        return script._upgrade_revs("head", revision)

    with database.writing() as connection:
        with EnvironmentContext(_config(), script, fn=steps, as_sql=False, destination_rev="head") as environment:
            environment.configure(connection=connection, transactional_ddl=False, transaction_per_migration=False)
            environment.run_migrations()
        failpoint("store.migrated")
        connection.exec_driver_sql(f"PRAGMA user_version={SCHEMA}")
        set_meta(connection, "written_by", APP_VERSION)


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def get_meta(connection: Connection) -> dict[str, str]:
    """The table meta; empty before the first migration."""
    if not inspect(connection).has_table("meta"):
        return {}
    return {row[0]: row[1] for row in connection.exec_driver_sql("SELECT key, value FROM meta")}


def set_meta(connection: Connection, key: str, value: str) -> None:
    """Set one value of meta."""
    connection.exec_driver_sql("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))


# ---- backups ---------------------------------------------------------------------------------------------------------


def back_up(home: Home, why: str, now: float) -> Path:
    """A consistent copy in backups/, durable when this returns; the oldest beyond KEEP_BACKUPS of the same kind are
    removed.

    Read through a connection of its own that only reads: nobody has to wait for it.
    """
    make_private_folder(home.backups)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    target = home.backups / f"modeldeck-{stamp}-{why}.db"
    temporary = target.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    os.close(open_private(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL))
    try:
        source = sqlite3.connect(f"{home.database.as_uri()}?mode=ro", uri=True)
        with contextlib.closing(source), contextlib.closing(sqlite3.connect(temporary)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE").close()
        sync_file(temporary)
        temporary.replace(target)
        sync_folder(home.backups)
    finally:
        temporary.unlink(missing_ok=True)
    for old in backups(home, why)[KEEP_BACKUPS:]:
        old.unlink(missing_ok=True)
    return target


def backups(home: Home, why: str | None = None) -> list[Path]:
    """Backups, newest first."""
    pattern = re.compile(rf"modeldeck-\d{{8}}-\d{{6}}-{re.escape(why) if why else '.+'}\.db")
    if not home.backups.is_dir():
        return []
    return sorted((path for path in home.backups.iterdir() if pattern.fullmatch(path.name)), reverse=True)
