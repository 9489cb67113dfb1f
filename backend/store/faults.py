"""What SQLite's errors mean: which the user can mend, which make the file suspect, and the words for each."""

import sqlite3
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.exc import DBAPIError, IntegrityError

from backend.contract.errors import Broken, Conflict, ModeldeckError, Unavailable

FaultKind = Literal["full", "io", "locked", "read_only", "corrupt", "gone", "other"]


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the store can write: `ok`, or `failing` with words for a person and since when (unix seconds)."""

    state: Literal["ok", "failing"] = "ok"
    kind: FaultKind | None = None
    text: str = ""
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Fault:
    """A refused write. After `suspect` ones the file must be looked at before anybody trusts it again."""

    kind: FaultKind
    text: str

    @property
    def suspect(self) -> bool:
        return self.kind in ("io", "corrupt", "gone")


_TEXTS: dict[FaultKind, str] = {
    "full": "The disk is full: nothing can be saved until some space is free. Trainings go on and keep their logs.",
    "io": "The disk refused a write to the database. It is checked before anything else is saved.",
    "locked": "Another program holds the database locked: nothing can be saved until it lets go. Nothing "
    "is lost meanwhile.",
    "read_only": "The database cannot be written: the folder or the file is read-only.",
    "corrupt": "The database is damaged: {error}",
    "gone": "The database file has vanished or was replaced while it was in use. Is its disk still connected?",
    "other": "The database refused: {error}",
}

_CODES: dict[int, FaultKind] = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR: "io",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_READONLY: "read_only",
    sqlite3.SQLITE_PERM: "read_only",
    sqlite3.SQLITE_CORRUPT: "corrupt",
    sqlite3.SQLITE_NOTADB: "corrupt",
    sqlite3.SQLITE_CANTOPEN: "gone",
}

_ERRNO_KINDS: dict[int, FaultKind] = {28: "full", 122: "full", 30: "read_only"}  # ENOSPC, EDQUOT, EROFS


def fault(kind: FaultKind, error: object = "") -> Fault:
    """A fault of this kind with its words."""
    return Fault(kind, _TEXTS[kind].format(error=error))


def fault_of(error: BaseException) -> Fault | None:
    """What a driver or system error means; None when it says nothing about the storage (a constraint, a defect of
    ours)."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(origin, sqlite3.Error):
        code = getattr(origin, "sqlite_errorcode", 0) & 0xFF
        kind = _CODES.get(code)
        return fault(kind, origin) if kind else None
    if isinstance(origin, OSError):
        return fault(_ERRNO_KINDS.get(origin.errno or 0, "io"), origin)
    return None


def as_contract_error(error: BaseException) -> ModeldeckError | None:
    """The contract's error for a driver error; None leaves the error as it is."""
    if isinstance(error, ModeldeckError):
        return None
    if isinstance(error, IntegrityError):
        return Conflict(f"This contradicts what is stored already: {error.orig}")
    found = fault_of(error)
    if found is not None:
        return Unavailable(found.text, code=f"store_{found.kind}")
    if isinstance(error, DBAPIError):
        return Broken(f"The database refused a statement: {error.orig}")
    return None
