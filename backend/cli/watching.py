"""alert list | ack, drift show, audit list | export."""

import argparse
from pathlib import Path
from typing import Any

from backend.cli.context import Context
from backend.cli.datasets import quoted
from backend.cli.output import number, table, when
from backend.contract.answers import completed, completed_items
from backend.contract.resources import AlertRecord, AuditRecord, DriftReport


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    """Three small nouns."""
    alerts = nouns.add_parser("alert", help="what wants a person").add_subparsers(dest="verb", required=True)
    listing = alerts.add_parser("list", parents=[common], help="newest first")
    listing.add_argument("--state", choices=("open", "acknowledged", "snoozed", "resolved"))
    listing.set_defaults(command=run_alerts)
    ack = alerts.add_parser("ack", parents=[common], help="say that you look after it")
    ack.add_argument("id")
    ack.add_argument("--note", default="")
    ack.set_defaults(command=run_ack)
    drift = nouns.add_parser("drift", help="traffic against its reference").add_subparsers(dest="verb", required=True)
    show = drift.add_parser("show", parents=[common], help="the newest report of an endpoint")
    show.add_argument("endpoint")
    show.set_defaults(command=run_drift)
    audit = nouns.add_parser("audit", help="who did what").add_subparsers(dest="verb", required=True)
    entries = audit.add_parser("list", parents=[common], help="newest first")
    entries.add_argument("--count", type=int, default=50)
    entries.add_argument("--find", default="")
    entries.set_defaults(command=run_audit)
    export = audit.add_parser("export", parents=[common], help="all of it as CSV")
    export.add_argument("--out", type=Path, help="a file; standard output when not given")
    export.set_defaults(command=run_export)


def run_alerts(context: Context, given: argparse.Namespace) -> int:
    """All alerts, or those of one state."""
    found = completed_items(AlertRecord, context.ask("GET", "/alerts", query={"state": given.state}))
    rows = [
        (a["id"], a["state"], a["severity"], a["endpoint"] or "–", a["title"] or a["kind"], when(a["opened_at"]))
        for a in found
    ]
    headers = ("id", "state", "severity", "endpoint", "what", "opened")
    return context.show(found, lambda: table(headers, rows, "no alerts"))


def run_ack(context: Context, given: argparse.Namespace) -> int:
    """Acknowledge one."""
    found = completed(AlertRecord, context.ask("POST", f"/alerts/{quoted(given.id)}/acknowledge", {"note": given.note}))
    return context.show(found, f"{found['id']} is {found['state']}.")


def run_drift(context: Context, given: argparse.Namespace) -> int:
    """One endpoint's report."""
    found = completed(DriftReport, context.ask("GET", f"/drift/{quoted(given.endpoint)}"))
    rows = [
        (f["feature"], f["state"], number(f["psi"]), number(f["js"]), number(f["limit"])) for f in found["features"]
    ]
    seen = f"{found['window_items']} items in {number(found['window_seconds'])} s"
    head = f"{found['endpoint']}: {seen}. {found['text']}".strip()
    return context.show(
        found, lambda: f"{head}\n{table(('feature', 'state', 'PSI', 'JS', 'limit'), rows, 'no features yet')}"
    )


def run_audit(context: Context, given: argparse.Namespace) -> int:
    """The newest entries."""
    found = completed_items(AuditRecord, context.ask("GET", "/audit", query={"count": given.count, "find": given.find}))
    rows = [(a["seq"], when(a["time"]), a["actor"], a["action"], a["object"], a["result"], a["reason"]) for a in found]
    headers = ("seq", "time", "actor", "action", "object", "result", "reason")
    return context.show(found, lambda: table(headers, rows, "nothing yet"))


def run_export(context: Context, given: argparse.Namespace) -> int:
    """CSV to a file or to standard output."""
    with context.client.stream("/audit/export", {}) as pieces:
        data = b"".join(pieces)
    if given.out is None:
        print(data.decode(), end="")
        return 0
    given.out.write_bytes(data)
    return context.show({"path": str(given.out), "size_bytes": len(data)}, str(given.out))
