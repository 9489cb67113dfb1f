"""The connections: one writer that alone checkpoints, pooled readers that never write, and what happens when the disk
refuses.

SQLite up to 3.51.2 can damage a file when two connections write and checkpoint at once (the WAL-reset bug), so there
is one writer
connection a process, one daemon a home, and every other connection is opened read-only.
"""

import os
import sqlite3
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

from backend.clock import Clock
from backend.contract.errors import Broken, Unavailable
from backend.failpoints import failpoint
from backend.store.faults import Fault, Health, as_contract_error, fault, fault_of

BUSY_S = 5.0
"""How long a writer waits for a lock that another program holds."""

BUSY_WHILE_FAILING_S = 0.1
"""Once it is known to be locked nobody waits long: callers get a clear refusal and the logs keep everything."""

READER_POOL = 16
CHECKPOINT_PAGES = 1000


def _uri(path: Path, **query: str) -> str:
    return f"file:{urllib.parse.quote(str(path))}?{urllib.parse.urlencode(query)}"


def _connector(path: Path, timeout_s: float, **query: str) -> Callable[[], sqlite3.Connection]:
    def connect() -> sqlite3.Connection:
        # isolation_level None: the driver starts no transaction of its own, our begin event does.
        return sqlite3.connect(
            _uri(path, **query),
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=timeout_s,
            cached_statements=256,
        )

    return connect


def _set_up(engine: Engine, pragmas: tuple[str, ...], begin: str) -> Engine:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def writer_engine(path: Path) -> Engine:
    """The engine behind the only connection that writes. BEGIN IMMEDIATE: a deferred start may fail at its first
    write."""
    pragmas = (
        "journal_mode=WAL",
        "synchronous=FULL",  # NORMAL loses every commit since the last checkpoint at a power cut
        "foreign_keys=ON",
        f"wal_autocheckpoint={CHECKPOINT_PAGES}",
        "journal_size_limit=67108864",
        "cache_size=-32000",
        "temp_store=MEMORY",
    )
    engine = create_engine("sqlite+pysqlite://", creator=_connector(path, BUSY_S, mode="rw"), poolclass=NullPool)
    return _set_up(engine, pragmas, "BEGIN IMMEDIATE")


def reader_engine(path: Path, *, immutable: bool = False) -> Engine:
    """An engine whose connections cannot write, checkpoint or recover anything."""
    query = {"mode": "ro", "immutable": "1"} if immutable else {"mode": "ro"}
    pragmas = ("query_only=ON", "foreign_keys=ON", "wal_autocheckpoint=0", "cache_size=-8000", "temp_store=MEMORY")
    engine = create_engine(
        "sqlite+pysqlite://",
        creator=_connector(path, 2.0, **query),
        poolclass=QueuePool,
        pool_size=READER_POOL,
        max_overflow=READER_POOL,
        pool_timeout=10,
    )
    return _set_up(engine, pragmas, "BEGIN")


class Database:
    """Transactions on one file. Thread-safe; every method blocks.

    `writing()` is re-entrant in one thread: what is inside another belongs to it. When a write is refused nothing of
    the
    transaction is kept, `health` says why, and the next write tries again; after an I/O error the file is checked
    first.
    """

    def __init__(self, path: Path, clock: Clock, *, read_only: bool = False, immutable: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self.clock = clock
        self.health = Health()
        self.on_health: list[Callable[[Health], None]] = []
        self.before_commit: list[Callable[[Connection], None]] = []
        self.after_commit: list[Callable[[], None]] = []  # with the lock held
        self.after_rollback: list[Callable[[], None]] = []  # with the lock held
        self.after_release: list[Callable[[], None]] = []  # without the lock
        self._lock = threading.RLock()
        self._owner: int | None = None
        self._depth = 0
        self._doomed: BaseException | None = None
        self._suspect = False
        self._closed = False
        self._readers = reader_engine(path, immutable=immutable)
        self._writer_engine = None if read_only else writer_engine(path)
        if self._writer_engine is not None:
            event.listen(self._writer_engine, "handle_error", self._on_error)
        self._writer: Connection | None = None
        self._inode: tuple[int, int] | None = None

    # ---- reading ---------------------------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection with one consistent view; inside writing() of the same thread it is the writer and sees its
        changes."""
        if self._owner == threading.get_ident() and self._writer is not None:
            yield self._writer
            return
        try:
            with self._readers.connect() as connection, connection.begin():
                yield connection
        except Exception as error:
            mapped = as_contract_error(error)
            if mapped is None:
                raise
            raise mapped from error

    # ---- writing ---------------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """The writer inside a transaction; commits at the end of the outermost one, or keeps nothing.

        Raises Unavailable when the storage refuses (full, locked, read-only, failing).
        """
        with self._lock:
            if self._depth:
                self._depth += 1
                try:
                    yield self._held()
                finally:
                    self._depth -= 1
                return
            yield from self._outermost()
        for hook in self.after_release:
            hook()

    def _outermost(self) -> Iterator[Connection]:
        try:
            connection = self._begin()
        except Exception as error:
            raise self._refused(error) from error
        self._depth, self._owner, self._doomed = 1, threading.get_ident(), None
        try:
            yield connection
            for before in self.before_commit:
                before(connection)
            failpoint("store.before_commit")
            self._commit(connection)
        except BaseException as error:
            self._roll_back(connection)
            mapped = self._refused(error)
            if mapped is error:
                raise
            raise mapped from error
        finally:
            self._depth, self._owner = 0, None
        self._recovered()
        for hook in self.after_commit:
            hook()

    def _held(self) -> Connection:
        if self._writer is None:
            raise Broken("a transaction is open but its connection is gone")
        return self._writer

    def _begin(self) -> Connection:
        if self._closed:
            raise Unavailable("The store is closed.", code="store_closed")
        if self._writer_engine is None:
            raise Unavailable("The store is open for reading only.", code="store_read_only")
        self._check_file()
        if self._writer is None:
            self._writer = self._connect_writer()
        self._writer.begin()
        return self._writer

    def _connect_writer(self) -> Connection:
        if self._writer_engine is None:
            raise Broken("no writer in a read-only store")
        connection = self._writer_engine.connect()
        stat = os.stat(self.path)
        self._inode = (stat.st_dev, stat.st_ino)
        if self._suspect:
            self._verify(connection)
        return connection

    def _verify(self, connection: Connection) -> None:
        """After an I/O error: read everything once before trusting the file again."""
        try:
            found = connection.exec_driver_sql("PRAGMA quick_check(3)").scalars().all()
        finally:
            connection.rollback()
        if found != ["ok"]:
            connection.close()
            raise sqlite3.DatabaseError(f"database disk image is malformed: {'; '.join(map(str, found))}")
        self._suspect = False

    def _check_file(self) -> None:
        """SQLite would go on writing into a file that was deleted or replaced under it; look before every
        transaction."""
        if self._inode is None:
            return
        try:
            stat = os.stat(self.path)
        except OSError as error:
            raise _Gone from error
        if (stat.st_dev, stat.st_ino) != self._inode:
            raise _Gone

    def _on_error(self, context: Any) -> None:
        # SQLite may have rolled back by itself; a caller that swallows the error must not commit what is left.
        if fault_of(context.original_exception) is not None:
            self._doomed = context.original_exception

    def _commit(self, connection: Connection) -> None:
        if self._doomed is not None:
            raise self._doomed
        raw: Any = connection.connection.dbapi_connection
        if not raw.in_transaction:
            raise Broken("SQLite ended the transaction by itself; nothing of it was kept")
        connection.commit()

    def _roll_back(self, connection: Connection) -> None:
        # The driver asks SQLite whether a transaction is still open: a blind ROLLBACK would be a second error.
        with suppress(Exception):
            connection.rollback()
        for hook in self.after_rollback:
            hook()

    # ---- failing and recovering --------------------------------------------------------------------------------------

    def _refused(self, error: BaseException) -> BaseException:
        found = fault("gone") if isinstance(error, _Gone) else fault_of(error)
        if found is None:
            return as_contract_error(error) or error
        self._fail(found)
        return Unavailable(found.text, code=f"store_{found.kind}")

    def _fail(self, found: Fault) -> None:
        if found.suspect:
            self._suspect = True
            self._drop_writer()
        if self.health.kind != found.kind:
            self._tell(Health("failing", found.kind, found.text, self.clock.now()))
        self._wait_for_locks(BUSY_WHILE_FAILING_S)

    def _drop_writer(self) -> None:
        connection, self._writer = self._writer, None
        if connection is not None:
            with suppress(Exception):
                connection.close()

    def _recovered(self) -> None:
        if self.health.state != "ok":
            self._wait_for_locks(BUSY_S)
            self._tell(Health())

    def _wait_for_locks(self, seconds: float) -> None:
        if self._writer is not None:
            with suppress(Exception):
                raw: Any = self._writer.connection.dbapi_connection
                raw.execute(f"PRAGMA busy_timeout={int(seconds * 1000)}").close()

    def _tell(self, health: Health) -> None:
        self.health = health
        for callback in self.on_health:
            callback(health)

    # ---- care --------------------------------------------------------------------------------------------------------

    @contextmanager
    def bare(self) -> Iterator[sqlite3.Connection]:
        """The writer's driver connection outside any transaction: for checkpoints, backups and pragmas."""
        with self._lock:
            if self._depth:
                raise Broken("bare() inside a transaction")
            if self._writer is None:
                self._writer = self._connect_writer()
            raw: Any = self._writer.connection.dbapi_connection
            self._writer.rollback()
            yield raw

    def checkpoint(self) -> bool:
        """Move the write-ahead log into the file and empty it; False when a reader kept it from finishing."""
        with self.bare() as raw:
            busy, _, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy

    def close(self) -> bool:
        """Checkpoint and close everything; True when nothing is left in the write-ahead log. A second call does
        nothing."""
        with self._lock:
            if self._closed:
                return True
            clean = False
            self._readers.dispose()
            if self._writer_engine is not None and not self._suspect:
                with suppress(Exception):
                    clean = self.checkpoint()
            self._closed = True
            self._drop_writer()
            if self._writer_engine is not None:
                self._writer_engine.dispose()
            return clean


class _Gone(OSError):
    """The file at the path is not the one that was opened."""
