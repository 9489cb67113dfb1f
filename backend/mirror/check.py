"""May the MLflow database be touched? Asked before mlflow is imported, because mlflow would wait minutes on a locked
file."""

import contextlib
import sqlite3
from pathlib import Path

WAIT_S = 2.0
"""How long another program may hold the file before that is called locked."""


class Unusable(Exception):
    """The database cannot be written now; the text says why and what helps."""


def check_database(path: Path) -> bool:
    """Whether the database has to be made; raises Unusable when it is locked, damaged or no database of MLflow's."""
    if not path.exists() or path.stat().st_size == 0:
        return True
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise Unusable("Another program holds mlflow.db locked. Close it, or wait.") from error
        raise Unusable(f"mlflow.db cannot be opened: {error}.") from error
    except sqlite3.DatabaseError as error:
        raise Unusable(f"mlflow.db is damaged ({error}). Move it away; it is filled again from here.") from error
    if damage != "ok":
        raise Unusable(f"mlflow.db is damaged ({damage}). Move it away; it is filled again from here.")
    if tables and "alembic_version" not in tables:
        raise Unusable("mlflow.db is a database of another program. Move it away; it is filled again from here.")
    return False
