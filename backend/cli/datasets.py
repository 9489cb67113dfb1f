"""dataset import | list | show."""

import argparse
import os
from pathlib import Path
from typing import Any

from backend.cli.context import Context
from backend.cli.output import facts, number, table, when
from backend.contract.answers import completed, completed_items
from backend.contract.errors import Invalid
from backend.contract.resources import DatasetRecord


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    """Its verbs."""
    verbs = nouns.add_parser("dataset", help="import and look at data").add_subparsers(dest="verb", required=True)
    load = verbs.add_parser("import", parents=[common], help="make an immutable version of a file or built-in data")
    load.add_argument("path", help="a CSV, TSV, JSONL or Parquet file, or the name of built-in data")
    load.add_argument("--name")
    load.add_argument("--task")
    load.add_argument("--map", default="", metavar="text=COL,label=COL", help="which column has which role")
    load.add_argument("--encoding")
    load.add_argument("--skip-bad-rows", action="store_true")
    load.set_defaults(command=run_import)
    verbs.add_parser("list", parents=[common], help="all of them").set_defaults(command=run_list)
    show = verbs.add_parser("show", parents=[common], help="one of them")
    show.add_argument("id", help="id, or name for its newest version")
    show.set_defaults(command=run_show)


def parse_mapping(text: str) -> dict[str, str]:
    """ "text=COL,label=COL" as a dict; Invalid names the part that is no pair."""
    found = {}
    for part in filter(None, text.split(",")):
        role, equals, column = part.partition("=")
        if not equals or not role.strip() or not column.strip():
            raise Invalid(f"--map: {part!r} is not ROLE=COLUMN.", fix="Example: --map text=review,label=stars")
        found[role.strip()] = column.strip()
    return found


def run_import(context: Context, given: argparse.Namespace) -> int:
    """Import; the daemon's working folder is another one, so a path is made absolute here."""
    path = given.path
    if not path.startswith("sample://") and (Path(path).exists() or os.sep in path):
        path = str(Path(path).expanduser().absolute())
    body = {
        "path": path,
        "name": given.name,
        "task": given.task,
        "mapping": parse_mapping(given.map),
        "encoding": given.encoding,
        "skip_bad_rows": given.skip_bad_rows,
    }
    return _show(context, context.ask("POST", "/datasets", body, timeout_s=600.0))


def run_list(context: Context, _given: argparse.Namespace) -> int:
    """All versions."""
    found = completed_items(DatasetRecord, context.ask("GET", "/datasets"))
    rows = [(d["id"], d["name"], d["version"], number(d["rows"]), d["task"], when(d["created_at"])) for d in found]
    return context.show(
        found, lambda: table(("id", "name", "version", "rows", "task", "imported"), rows, "no datasets yet")
    )


def run_show(context: Context, given: argparse.Namespace) -> int:
    """One version."""
    return _show(context, context.ask("GET", f"/datasets/{quoted(given.id)}"))


def quoted(name: str) -> str:
    """A name as one part of an address."""
    from urllib.parse import quote

    return quote(name, safe="")


def _show(context: Context, answer: Any) -> int:
    found = completed(DatasetRecord, answer)
    labels = ", ".join(f"{label} {count:,}" for label, count in list(found["labels"].items())[:12])
    problems = [("problem", problem["text"]) for problem in found["problems"]]
    pairs = [
        ("id", found["id"]),
        ("name", f"{found['name']} (version {found['version']})"),
        ("task", found["task"]),
        ("rows", number(found["rows"])),
        ("mapping", ", ".join(f"{role}={column}" for role, column in found["mapping"].items())),
        ("labels", labels),
        *problems,
    ]
    return context.show(found, lambda: facts(pairs))
