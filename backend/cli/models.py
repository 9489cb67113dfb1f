"""model list | show | register | promote | rollback | history."""

import argparse
from typing import Any

from backend.cli.context import Context
from backend.cli.datasets import quoted
from backend.cli.output import facts, number, size, table, when
from backend.contract.answers import completed, completed_items
from backend.contract.resources import HistoryEntry, ModelRecord


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    """Its verbs."""
    verbs = nouns.add_parser("model", help="versions, promotion, rollback").add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", parents=[common], help="all of them").set_defaults(command=run_list)
    for verb, text, command in (
        ("show", "its versions", run_show),
        ("history", "who made what live, when, why", run_history),
    ):
        parser = verbs.add_parser(verb, parents=[common], help=text)
        parser.add_argument("name")
        parser.set_defaults(command=command)
    register = verbs.add_parser("register", parents=[common], help="make a version of a completed run")
    register.add_argument("run")
    register.add_argument("--name", required=True)
    register.add_argument("--note", default="")
    register.set_defaults(command=run_register)
    promote = verbs.add_parser("promote", parents=[common], help="make a version the one that answers")
    promote.add_argument("name")
    promote.add_argument("version", type=int)
    rollback = verbs.add_parser("rollback", parents=[common], help="make the previous one answer again")
    rollback.add_argument("name")
    rollback.add_argument("--version", type=int, default=None, help="not the previous one but this")
    for parser, command in ((promote, run_promote), (rollback, run_rollback)):
        parser.add_argument("--endpoint")
        parser.add_argument("--reason", required=True)
        parser.set_defaults(command=command)


def run_list(context: Context, _given: argparse.Namespace) -> int:
    """All models."""
    found = completed_items(ModelRecord, context.ask("GET", "/models"))
    rows = [
        (
            m["name"],
            m["task"],
            len(m["versions"]),
            number(m["champion"]),
            number(m["previous"]),
            ", ".join(m["endpoints"]),
        )
        for m in found
    ]
    headers = ("name", "task", "versions", "champion", "previous", "endpoints")
    return context.show(found, lambda: table(headers, rows, "no models yet"))


def run_show(context: Context, given: argparse.Namespace) -> int:
    """One model."""
    found = completed(ModelRecord, context.ask("GET", f"/models/{quoted(given.name)}"))
    rows = [
        (
            v["version"],
            " ".join(v["aliases"]),
            v["run_name"] or v["run_id"],
            number(_score(v)),
            size(v["size_bytes"]),
            when(v["created_at"]),
        )
        for v in found["versions"]
    ]
    headers = ("version", "alias", "run", "score", "size", "registered")
    return context.show(found, lambda: table(headers, rows, "no versions"))


def _score(version: dict[str, Any]) -> Any:
    names = ("test/f1", "eval/f1", "test/accuracy", "eval/accuracy")
    return next((version["metrics"][name] for name in names if version["metrics"].get(name) is not None), None)


def run_register(context: Context, given: argparse.Namespace) -> int:
    """Wait until it is registered; the version."""
    run = context.ask("GET", f"/runs/{quoted(given.run)}")
    operation = context.ask("POST", "/models", {"run_id": run["id"], "name": given.name, "note": given.note})
    result = context.finish(operation)
    return context.show(result, f"{result.get('model', given.name)}:{result.get('version', '–')} registered")


def run_promote(context: Context, given: argparse.Namespace) -> int:
    """Wait until it answers."""
    body = {"version": given.version, "endpoint": given.endpoint, "reason": given.reason}
    return _switch(context, f"/models/{quoted(given.name)}/promote", body)


def run_rollback(context: Context, given: argparse.Namespace) -> int:
    """Wait until it answers."""
    body = {"version": given.version, "endpoint": given.endpoint, "reason": given.reason}
    return _switch(context, f"/models/{quoted(given.name)}/rollback", body)


def _switch(context: Context, path: str, body: dict[str, Any]) -> int:
    result = context.finish(context.ask("POST", path, body))
    names = ("from_version", "to_version", "seconds")
    return context.show(result, lambda: facts([(name, number(result.get(name))) for name in names]))


def run_history(context: Context, given: argparse.Namespace) -> int:
    """Newest first."""
    found = completed_items(HistoryEntry, context.ask("GET", f"/models/{quoted(given.name)}/history"))
    rows = [
        (when(h["time"]), h["actor"], h["action"], number(h["from_version"]), number(h["to_version"]), h["reason"])
        for h in found
    ]
    return context.show(found, lambda: table(("time", "actor", "action", "from", "to", "reason"), rows, "nothing yet"))
