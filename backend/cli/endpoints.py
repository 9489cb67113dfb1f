"""endpoint create | list | show | start | stop | restart | delete."""

import argparse
import time
from typing import Any

from backend.cli.context import Context
from backend.cli.datasets import quoted
from backend.cli.output import facts, number, table
from backend.contract.answers import completed, completed_items
from backend.contract.errors import Unavailable
from backend.contract.resources import EndpointRecord

READY_TIMEOUT_S = 180.0
DONE_STATES = frozenset({"serving", "degraded", "failed", "stopped"})


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    """Its verbs."""
    verbs = nouns.add_parser("endpoint", help="live addresses").add_subparsers(dest="verb", required=True)
    create = verbs.add_parser("create", parents=[common], help="open a live address for a model")
    create.add_argument("name")
    create.add_argument("--model", required=True)
    create.add_argument("--version", type=int, default=None, help="champion, else the newest, when not given")
    create.add_argument("--port", type=int, default=None)
    create.add_argument("--no-wait", action="store_true", help="return before it answers")
    create.set_defaults(command=run_create)
    verbs.add_parser("list", parents=[common], help="all of them").set_defaults(command=run_list)
    for verb, text, command in (
        ("show", "one of them", run_show),
        ("start", "answer again on the same address", run_act),
        ("stop", "finish what is in flight, then stop answering", run_act),
        ("restart", "start it anew; address and key stay", run_act),
        ("delete", "close the address for good", run_delete),
    ):
        parser = verbs.add_parser(verb, parents=[common], help=text)
        parser.add_argument("name")
        parser.set_defaults(command=command)


def run_create(context: Context, given: argparse.Namespace) -> int:
    """Open it and wait until it answers."""
    body = {"name": given.name, "model": given.model, "version": given.version, "port": given.port}
    found = completed(EndpointRecord, context.ask("POST", "/endpoints", body))
    return _show(context, found if given.no_wait else _wait(context, given.name, found))


def _wait(context: Context, name: str, found: dict[str, Any]) -> dict[str, Any]:
    end, told = time.monotonic() + READY_TIMEOUT_S, ""
    while found["state"] not in DONE_STATES:
        if found["text"] != told:
            told = found["text"]
            context.tell(f"  {told}")
        if time.monotonic() > end:
            raise Unavailable(f"{name} does not answer after {READY_TIMEOUT_S:g} s: {found['text']}", code="timeout")
        time.sleep(0.1)
        found = completed(EndpointRecord, context.ask("GET", f"/endpoints/{quoted(name)}"))
    if found["state"] in ("failed", "stopped"):
        raise Unavailable(f"{name} is {found['state']}: {found['text']}", code="failed")
    return found


def run_list(context: Context, _given: argparse.Namespace) -> int:
    """All endpoints."""
    found = completed_items(EndpointRecord, context.ask("GET", "/endpoints"))
    rows = [
        (e["name"], e["state"], e["model"] or "–", number(e["live_version"]), number(e["standby_version"]), e["url"])
        for e in found
    ]
    headers = ("name", "state", "model", "live", "standby", "url")
    return context.show(found, lambda: table(headers, rows, "no endpoints yet"))


def run_show(context: Context, given: argparse.Namespace) -> int:
    """One endpoint."""
    return _show(context, context.ask("GET", f"/endpoints/{quoted(given.name)}"))


def run_act(context: Context, given: argparse.Namespace) -> int:
    """Start, stop, restart."""
    found = context.ask("POST", f"/endpoints/{quoted(given.name)}/{given.verb}")
    return _show(context, found)


def run_delete(context: Context, given: argparse.Namespace) -> int:
    """Close it."""
    context.ask("DELETE", f"/endpoints/{quoted(given.name)}")
    return context.show({"name": given.name, "deleted": True}, f"{given.name} is closed.")


def _show(context: Context, answer: Any) -> int:
    found = completed(EndpointRecord, answer)
    names = ("name", "url", "key", "state", "model", "live_version", "standby_version", "text")
    stats = [(name, number(value)) for name, value in sorted(found["stats"].items())]
    return context.show(found, lambda: facts([*((name, _cell(found[name])) for name in names), *stats]))


def _cell(value: Any) -> str:
    return str(value) if isinstance(value, int) else number(value)
