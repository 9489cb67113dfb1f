"""What a change of the live version shall do, and how its outcome is written down."""

from typing import Any

from backend.contract.base import Record
from backend.contract.resources import HistoryEntry
from backend.store import Store


class Intent(Record):
    """What shall be done, stored before it is begun; everything recovery needs."""

    kind: str
    model: str
    endpoint: str
    job_id: str
    from_version: int | None
    to_version: int
    standby_version: int | None
    champion: int | None  # aliases before
    previous: int | None
    champion_after: int | None
    previous_after: int | None
    reason: str
    actor: str
    client: str = ""
    undoes: str | None = None
    began_at: float = 0.0


def note_audit(store: Store, intent: Intent, result: str, details: dict[str, Any]) -> None:
    """A link of the audit chain: intent, done or aborted."""
    before = "" if intent.from_version is None else f"version {intent.from_version}"
    after = f"version {intent.to_version}" if result != "aborted" else before
    store.audit.add(
        intent.actor, intent.client, intent.kind, f"model/{intent.model}", before, after, intent.reason, result,
        {"endpoint": intent.endpoint, **details},
    )  # fmt: skip


def note_history(store: Store, intent: Intent, result: str, seconds: float | None, now: float) -> None:
    """A line of the model's history."""
    entry = HistoryEntry(
        time=now,
        actor=intent.actor,
        action=intent.kind,
        from_version=intent.from_version,
        to_version=intent.to_version,
        reason=intent.reason,
        result=result,
        seconds=seconds,
    )
    store.versions.add_history(intent.model, entry)
