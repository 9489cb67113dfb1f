"""One entry of the audit log as a short sentence with an icon; entries that only repeat others are left out."""

from __future__ import annotations

from typing import Any

from backend.contract.resources import AuditRecord
from console.i18n import tr

Line = tuple[str, str, str]
"""Icon, colour role, text."""

NOISE = frozenset({"run.queue", "run.move", "run.change", "run.checkpoint", "change_note", "change_card"})


def _name(record: AuditRecord, state: Any) -> str:
    kind, _, name = record.object.partition("/")
    if kind == "run":
        run = state.runs.get(name)
        return run.name if run else name
    return name


def link_of(record: AuditRecord) -> str:
    """Where a click leads; empty when the page of its object would say nothing."""
    kind, _, name = record.object.partition("/")
    if kind == "model":
        return f"model/{name.partition(':')[0]}"
    return record.object if kind in ("run", "endpoint", "dataset", "alert") else "audit"


def _ended(record: AuditRecord, name: str) -> Line:
    ends: dict[str, Line] = {
        "completed": ("circle-check", "ok", tr("Run {name} finished", name=name)),
        "failed": ("circle-x", "bad", tr("Run {name} failed", name=name)),
        "interrupted": ("circle-alert", "warn", tr("Run {name} was interrupted", name=name)),
    }
    return ends.get(record.after, ("circle-stop", "text-tertiary", tr("Run {name} stopped", name=name)))


def _moved(record: AuditRecord) -> str:
    before, after = (text.replace("version ", "v") for text in (record.before, record.after))
    return f"{before} → {after}" if before and after else after


def sentence(record: AuditRecord, state: Any) -> Line | None:
    """The line of "Changed today", or None for what says nothing new."""
    if record.action in NOISE or record.result == "intent":
        return None
    name = _name(record, state)
    if record.action == "run.end":
        return _ended(record, name)
    if record.result == "aborted":
        return "circle-x", "bad", tr("{action} of {name} was given up", action=record.action, name=name)
    return _known(record, name) or (
        "pencil",
        "text-tertiary",
        f"{record.action.replace('_', ' ').replace('.', ' ')} {name}",
    )


def _known(record: AuditRecord, name: str) -> Line | None:
    after = record.after
    table: dict[str, Line] = {
        "import": ("database", "text-tertiary", tr("{name} imported", name=after.replace("version ", "v") or name)),
        "remove": ("trash-2", "text-tertiary", tr("{name} removed", name=record.before or name)),
        "register": (
            "package",
            "accent",
            tr("Registered {name} {version}", name=name, version=after.replace("version ", "v")),
        ),
        "promote": ("badge-check", "ok", tr("Promoted {name} {version}", name=name, version=_moved(record))),
        "rollback": ("rotate-ccw", "warn", tr("Rolled back {name} {version}", name=name, version=_moved(record))),
        "undo": ("undo-2", "text-tertiary", tr("Undone: {name} {version}", name=name, version=_moved(record))),
        "delete": ("trash-2", "bad", tr("{name} deleted", name=name)),
        "create_endpoint": ("rocket", "accent", tr("Endpoint {name} created", name=name)),
        "delete_endpoint": ("trash-2", "bad", tr("Endpoint {name} deleted", name=name)),
        "start_endpoint": ("play", "text-tertiary", tr("Endpoint {name} started", name=name)),
        "stop_endpoint": ("circle-stop", "text-tertiary", tr("Endpoint {name} stopped", name=name)),
        "restart_endpoint": ("refresh-cw", "text-tertiary", tr("Endpoint {name} restarted", name=name)),
        "run.start": ("play", "accent", tr("Run {name} started", name=name)),
        "run.resume": ("play", "accent", tr("Run {name} resumed", name=name)),
        "run.pause": ("circle-pause", "text-tertiary", tr("Run {name} paused", name=name)),
        "run.stop": ("circle-stop", "text-tertiary", tr("Stop of {name} asked for", name=name)),
        "run.cancel": ("circle-minus", "text-tertiary", tr("{name} taken out of the queue", name=name)),
        "run.requeue": ("clock", "text-tertiary", tr("{name} queued again", name=name)),
        "run.remove": ("trash-2", "text-tertiary", tr("{name} removed", name=record.before or name)),
        "change_settings": ("settings", "text-tertiary", tr("Settings changed")),
        "change_rule": ("bell", "text-tertiary", tr("Alert rule {name} changed", name=name)),
        "set_power_limit": ("zap", "text-tertiary", tr("Power limit of GPU {n}: {watts}", n=name, watts=after)),
        "alert_acknowledged": ("check-check", "text-tertiary", tr("Alert acknowledged")),
        "alert_snoozed": ("alarm-clock", "text-tertiary", tr("Alert snoozed")),
        "alert_resolved": ("check", "ok", tr("Alert resolved")),
        "alert_open": ("bell", "warn", tr("Alert reopened")),
    }
    return table.get(record.action)
