"""Fills the state when a connection begins, and keeps it true while it lasts.

The feed is open before the first table is asked for, and every message carries the whole record, so a message that is
older than the table is soon followed by the newer one: the end is always the truth, in whatever order replies come.
"""

from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from backend.contract.errors import ErrorReply
from console.link.call import OFFLINE
from console.link.link import Link
from console.state.changes import Changes
from console.state.store import AppState

TABLES: tuple[tuple[str, str], ...] = (
    ("system", "/system"),
    ("telemetry", "/telemetry"),
    ("runs", "/runs"),
    ("endpoints", "/endpoints"),
    ("alerts", "/alerts"),
    ("models", "/models"),
    ("datasets", "/datasets"),
    ("audit", "/audit?count=200"),
    ("settings", "/settings"),
    ("rules", "/rules"),
    ("drift", "/drift"),
    ("recipes", "/recipes"),
    ("base_models", "/base_models"),
)
"""Table of the state → where it is read, first what the first page shows."""

AGAIN_MS = 500


class Loader(QObject):
    """Joins link and state. Signals: changed(Changes), loaded()."""

    changed = Signal(object)
    loaded = Signal()

    def __init__(self, link: Link, state: AppState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._state = state
        self._missing: set[str] = set()
        self._unread: set[str] = set()
        self._again = QTimer(self, singleShot=True, interval=AGAIN_MS)
        self._again.timeout.connect(self._read_unread)
        self._refresh = QTimer(self, interval=5000)
        self._refresh.timeout.connect(self._on_refresh_due)
        link.connected.connect(self._on_connected)
        link.disconnected.connect(self._on_disconnected)
        link.received.connect(self._on_received)
        link.reset.connect(self._on_reset)
        link.mismatched.connect(self._on_mismatched)
        link.retrying.connect(self._on_retrying)

    def reload(self) -> None:
        """Read every table afresh."""
        self._missing = {table for table, _ in TABLES}
        for table, path in TABLES:
            self.load(table, path)

    def load(self, table: str, path: str) -> None:
        """Read one table; pages are told when it is there."""
        self._link.get(path).on_reply(_Filling(self, table).fill).on_refused(_Filling(self, table).skip)

    def fill(self, table: str, body: Any) -> None:
        """A table has come."""
        self._unread.discard(table)
        self.changed.emit(self._state.load(table, body))
        self._count_down(table)

    def _count_down(self, table: str) -> None:
        if table not in self._missing:
            return
        self._missing.discard(table)
        if not self._missing:
            self._state.loaded = True
            self.changed.emit(Changes(everything=True))
            self.loaded.emit()

    def skip(self, table: str, error: ErrorReply) -> None:
        """A table could not be read: the others still show, and it is asked for again.

        A reply that was lost with its connection says nothing of the table: until it is read, nothing is called empty.
        """
        self._unread.add(table)
        if error.code == OFFLINE.code:
            self._again.start()
        else:
            self._count_down(table)

    def _read_unread(self) -> None:
        if self._link.online:
            paths = dict(TABLES)
            for table in sorted(self._unread):
                self.load(table, paths[table])

    def _on_connected(self, resumed: bool) -> None:
        self.changed.emit(self._state.connected())
        self._refresh.start()
        if not resumed or not self._state.loaded:
            self.reload()
        else:
            self._read_unread()

    def _on_disconnected(self, _text: str) -> None:
        self._refresh.stop()
        self.changed.emit(self._state.lost())

    def _on_received(self, messages: list[dict[str, Any]]) -> None:
        changes = self._state.apply(messages)
        if changes.any():
            self.changed.emit(changes)
        if changes.rules:  # they have no topic: the audit log says that somebody changed one
            self.load("rules", "/rules")

    def _on_reset(self, _reason: str) -> None:
        self.reload()

    def _on_mismatched(self, version: str) -> None:
        self._state.mismatch = version
        self.changed.emit(self._state.lost())

    def _on_retrying(self, count: int, seconds: int) -> None:
        self._state.retry = (count, seconds)
        self.changed.emit(Changes(connection=True))

    def _on_refresh_due(self) -> None:
        """Free disk and the mirror's backlog change without an event; what could not be read may be readable now."""
        self.load("system", "/system")
        self._read_unread()


class _Filling:
    """Remembers which table a reply belongs to."""

    def __init__(self, loader: Loader, table: str) -> None:
        self._loader = loader
        self._table = table

    def fill(self, body: Any) -> None:
        self._loader.fill(self._table, body)

    def skip(self, error: ErrorReply) -> None:
        self._loader.skip(self._table, error)
