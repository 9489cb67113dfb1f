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
from backend.contract.tasks import ROLES


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    """Its verbs."""
    verbs = nouns.add_parser("dataset", help="import and look at data").add_subparsers(dest="verb", required=True)
    load = verbs.add_parser("import", parents=[common], help="make an immutable version of a file or built-in data")
    load.add_argument("path", help="a CSV, TSV, JSONL or Parquet file, or the name of built-in data")
    load.add_argument("--name", help="its name (default: the file's)")
    load.add_argument("--task", help="what it is for (default: as the columns say)")
    load.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="ROLE=COL[,ROLE=COL]",
        help="which column has which role; may repeat",
    )
    load.add_argument("--encoding", help="of a text file (default: found out)")
    load.add_argument("--skip-bad-rows", action="store_true", help="leave out rows that cannot be read, and count them")
    load.set_defaults(command=run_import)
    load.epilog, load.formatter_class = _roles(), argparse.RawDescriptionHelpFormatter
    verbs.add_parser("list", parents=[common], help="all of them").set_defaults(command=run_list)
    show = verbs.add_parser("show", parents=[common], help="one of them")
    show.add_argument("id", help="id, or name for its newest version")
    show.set_defaults(command=run_show)


def _roles() -> str:
    """The roles of every task, for the help."""
    width = max(map(len, ROLES))
    lines = (f"  {task.ljust(width)}  {' '.join(r.name if r.needed else f'[{r.name}]' for r in roles)}"
             for task, roles in ROLES.items())  # fmt: skip
    return "\n".join(("tasks and their roles, [optional]:", *lines)).rstrip()


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
        "mapping": {role: column for text in given.map for role, column in parse_mapping(text).items()},
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
    return context.show(found, lambda: facts([(name, value) for name, value in pairs if value]))
