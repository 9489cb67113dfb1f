"""Opening the store: whose the home is, whether the database is there, whole, ours and not newer; then schema and
marker.

home.json lies beside the database: {generation, created_at, schema, open_count, clean}. It tells an empty home from
one whose disk is
not there, an old copy from the present file, and whether the last process closed properly. The database never lags
behind it.
"""

import contextlib
import logging
import os
import secrets
import shutil
import sqlite3
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from backend.clock import Clock, SystemClock
from backend.contract.errors import Refused
from backend.paths import Home
from backend.platform import make_private_folder, open_private, read_json, sync_file, sync_folder, write_json_atomic
from backend.store.engine import Database
from backend.store.store import Store
from backend.store.upgrade import SCHEMA, back_up, backups, get_meta, migrate, refuse_newer, schema_of, set_meta

log = logging.getLogger(__name__)

FIXED_SQLITE = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
NETWORK_FILESYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs", "fuse.glusterfs"}
)


@dataclass(frozen=True)
class Marker:
    """home.json."""

    generation: str
    created_at: float
    schema: int
    open_count: int
    clean: bool


def open_store(home: Home, clock: Clock | None = None, *, read_only: bool = False) -> Store:
    """Open the store of a home folder, made and upgraded when needed; read_only for every process but the daemon.

    Refused: the folder belongs to somebody else, the database is newer, gone, or damaged with no backup to restore.
    """
    clock = clock or SystemClock()
    _check_owner(home.root)
    if read_only:
        return _open_read_only(home, clock)
    for folder in home.folders():
        make_private_folder(folder)
    marker = _read_marker(home)
    notices = [*_sqlite_notice(), *_network_notice(home.root)]
    notices += _make_sure_it_is_there(home, marker, clock)
    _make_private(home)
    if marker is not None and not marker.clean:
        notices += _recover(home, clock)
    number, written_by = _schema(home, clock, notices)
    refuse_newer(number, written_by)
    if marker is not None:
        # From here on the file changes; a crash must not look like a clean end whose write-ahead log is a stranger's.
        _write_marker(home, replace(marker, clean=False))
    database = Database(home.database, clock)
    try:
        return _finish(home, clock, database, number, marker, notices)
    except BaseException:
        database.close()
        raise


def _finish(
    home: Home, clock: Clock, database: Database, number: int, marker: Marker | None, notices: list[str]
) -> Store:
    if 0 < number < SCHEMA:
        saved = back_up(home, f"before-{SCHEMA}", clock.now())
        log.info("store: saved version %d of the database as %s", number, saved.name)
    if number < SCHEMA:
        migrate(database)
    present, problem = _sign(database, clock, marker)
    notices += problem
    _write_marker(home, present)
    for path in _database_files(home):
        path.chmod(0o600)
    store = Store(home, clock, database, tuple(notices))
    store.on_close(lambda clean: _write_marker(home, replace(present, clean=clean)))
    return store


def _sign(database: Database, clock: Clock, marker: Marker | None) -> tuple[Marker, list[str]]:
    """Count this opening in the database and compare it with the marker."""
    notices = []
    with database.writing() as connection:
        meta = get_meta(connection)
        generation = meta.get("generation") or (marker.generation if marker else secrets.token_hex(16))
        created_at = float(meta.get("created_at") or (marker.created_at if marker else clock.now()))
        count = int(meta.get("open_count", "0"))
        if marker is not None and marker.generation != generation:
            notices.append(
                "The database is not the one this home folder had before. What the job folders hold is read in again."
            )
        elif marker is not None and count < marker.open_count:
            notices.append(
                f"The database is an older copy (opening {count} of {marker.open_count}). What the job "
                "folders hold is read in again; "
                "names, notes and promotions made since that copy are missing."
            )
        count = max(count, marker.open_count if marker else 0) + 1
        for key, value in (("generation", generation), ("created_at", repr(created_at)), ("open_count", str(count))):
            set_meta(connection, key, value)
    return Marker(generation, created_at, SCHEMA, count, clean=False), notices


# ---- the folder ------------------------------------------------------------------------------------------------------


def _check_owner(root: Path) -> None:
    if not hasattr(os, "getuid") or not root.exists():
        return
    owner = root.stat().st_uid
    if owner != os.getuid():
        raise Refused(
            f"The home folder {root} belongs to another user (uid {owner}, you are {os.getuid()}). "
            "Nothing was changed.",
            code="foreign_home",
            fix="Choose a folder of your own with --home or MODELDECK_HOME.",
        )


def _make_private(home: Home) -> None:
    """The database exists as 0600 before SQLite sees it: SQLite gives its -wal and -shm the same mode, whatever the
    umask is."""
    if not home.database.exists():
        os.close(open_private(home.database, os.O_RDWR | os.O_CREAT | os.O_EXCL))
        sync_folder(home.root)
    for path in _database_files(home):
        path.chmod(0o600)


def _database_files(home: Home) -> list[Path]:
    return [path for suffix in ("", "-wal", "-shm") if (path := Path(f"{home.database}{suffix}")).exists()]


def _marker_path(home: Home) -> Path:
    return home.root / "home.json"


def _read_marker(home: Home) -> Marker | None:
    try:
        found = read_json(_marker_path(home))
    except ValueError:
        log.warning("store: home.json is damaged and is written anew")
        found = None
        if home.database.exists():
            return None
        raise Refused(
            "home.json is damaged and the database is gone. Is its disk connected?", code="home_lost"
        ) from None
    if not isinstance(found, dict):
        return None
    return Marker(
        generation=str(found.get("generation", "")),
        created_at=float(found.get("created_at", 0.0)),
        schema=int(found.get("schema", 0)),
        open_count=int(found.get("open_count", 0)),
        clean=bool(found.get("clean", False)),
    )


def _write_marker(home: Home, marker: Marker) -> None:
    # A home that is gone must not come back as a folder with only a marker in it; write_json_atomic makes no folders.
    with contextlib.suppress(OSError):
        write_json_atomic(_marker_path(home), asdict(marker))


def _sqlite_notice() -> list[str]:
    version = sqlite3.sqlite_version_info
    fixed = version >= FIXED_SQLITE[0] or any(version[:2] == good[:2] and version >= good for good in FIXED_SQLITE[1:])
    if fixed:
        return []
    return [
        f"This Python brings SQLite {sqlite3.sqlite_version}, which can damage a database when two "
        "programs write it at once "
        "(fixed in 3.51.3). Modeldeck writes through one connection only; let no other program write modeldeck.db."
    ]


def _network_notice(root: Path) -> list[str]:
    kind = _filesystem(root)
    if kind not in NETWORK_FILESYSTEMS:
        return []
    return [
        f"The home folder lies on a network file system ({kind}), where SQLite cannot lock reliably. Use a local disk."
    ]


def _filesystem(path: Path, mounts: str | None = None) -> str:
    """The type of the file system a path lies on; empty where that cannot be told."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace") if mounts is None else mounts
    except OSError:
        return ""
    best, kind = "", ""
    for line in mounts.splitlines():
        _, where, found, *_ = [*line.split(" "), "", "", ""]
        where = where.replace("\\040", " ")
        if len(where) >= len(best) and path.absolute().is_relative_to(where or "/"):
            best, kind = where, found
    return kind


# ---- the file --------------------------------------------------------------------------------------------------------


def _make_sure_it_is_there(home: Home, marker: Marker | None, clock: Clock) -> list[str]:
    """Finish a restoration that was cut short; refuse to make an empty database where there was one."""
    restored = _restored_path(home)
    if not home.database.exists():
        if restored.exists():
            restored.rename(home.database)
            sync_folder(home.root)
            return ["The database was restored from a backup. What the job folders hold is read in again."]
        if marker is not None:
            raise Refused(
                f"The database {home.database.name} is missing from {home.root}, though it was there "
                "before. No empty one was made.",
                code="home_lost",
                fix="Connect its disk, put the file back (copies are in backups/), or delete home.json to begin anew.",
            )
        return []
    restored.unlink(missing_ok=True)
    wal = Path(f"{home.database}-wal")
    if marker is not None and marker.clean and wal.exists() and wal.stat().st_size:
        aside = home.backups / f"stray-{_stamp(clock)}.db-wal"
        wal.rename(aside)
        Path(f"{home.database}-shm").unlink(missing_ok=True)
        return [f"A write-ahead log that does not belong to the database was set aside as backups/{aside.name}."]
    if marker is not None and not marker.clean and not wal.exists():
        return [
            "The write-ahead log of the database is missing: the newest changes may be lost. What the "
            "job folders hold is read in again."
        ]
    return []


def _recover(home: Home, clock: Clock) -> list[str]:
    """The last process did not close the store: look at every page before anything is written."""
    problem = quick_check(home.database)
    return _restore(home, problem, clock) if problem else []


def quick_check(path: Path) -> str:
    """Empty when every page of a database is in order, else what is wrong. Changes nothing."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return ""
        return str(error)
    return "" if found == ["ok"] else "; ".join(found)


def _schema(home: Home, clock: Clock, notices: list[str]) -> tuple[int, str]:
    try:
        return schema_of(home.database)
    except sqlite3.DatabaseError as error:
        notices += _restore(home, str(error), clock)
        return schema_of(home.database)


def _restored_path(home: Home) -> Path:
    return home.root / "modeldeck.restored"


def _restore(home: Home, problem: str, clock: Clock) -> list[str]:
    """Set the damaged files aside as they are and take the newest whole backup; Refused when there is none."""
    source = next((path for path in backups(home) if not quick_check(path) and schema_of(path)[0] <= SCHEMA), None)
    if source is None:
        raise Refused(
            f"The database is damaged ({problem}) and there is no whole backup in {home.backups}. It "
            "was left as it is.",
            code="store_damaged",
            fix="Put a good copy in its place; or move modeldeck.db and home.json away: then runs are read in again "
            "from their folders.",
        )
    restored = _restored_path(home)
    temporary = restored.with_suffix(".tmp")
    shutil.copyfile(source, temporary)
    temporary.chmod(0o600)
    sync_file(temporary)
    temporary.rename(restored)
    aside = home.backups / f"damaged-{_stamp(clock)}"
    make_private_folder(aside)
    for path in reversed(_database_files(home)):
        path.rename(aside / path.name)
    restored.rename(home.database)
    sync_folder(home.root)
    return [
        f"The database was damaged ({problem[:200]}). It lies untouched in backups/{aside.name}; "
        f"the copy {source.name} was restored "
        "and what the job folders hold is read in again. Names, notes and promotions made since then are missing."
    ]


def _stamp(clock: Clock) -> str:
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime(clock.now()))


# ---- reading only ----------------------------------------------------------------------------------------------------


def _open_read_only(home: Home, clock: Clock) -> Store:
    if not home.database.exists():
        raise Refused(
            f"There is no database in {home.root} yet.",
            code="no_home",
            fix="Start Modeldeck once with this home folder.",
        )
    immutable = not _readable_with_log(home.database)
    number, written_by = _schema_read_only(home.database, immutable=immutable)
    refuse_newer(number, written_by)
    if number < SCHEMA:
        raise Refused(
            f"The database has version {number}, this is version {SCHEMA}.",
            code="older_schema",
            fix="Start the backend once: it upgrades it.",
        )
    return Store(home, clock, Database(home.database, clock, read_only=True, immutable=immutable))


def _readable_with_log(path: Path) -> bool:
    """A read-only folder has no room for the shared index of the write-ahead log; then the file is read as it lies."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            return False
        raise Refused(f"The database cannot be read: {error}.", code="store_unreadable") from error
    except sqlite3.DatabaseError as error:
        raise Refused(f"The database is damaged: {error}.", code="store_damaged") from error
    return True


def _schema_read_only(path: Path, *, immutable: bool) -> tuple[int, str]:
    if not immutable:
        return schema_of(path)
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        number = int(connection.execute("PRAGMA user_version").fetchone()[0])
        writer: Any = connection.execute("SELECT value FROM meta WHERE key = 'written_by'").fetchone()
    return number, writer[0] if writer else ""
