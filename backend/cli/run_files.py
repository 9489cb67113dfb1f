"""run import | export | report: runs from files and into files."""

import argparse
import sys
from pathlib import Path
from typing import Any

from backend.cli.context import Context
from backend.cli.datasets import parse_mapping, quoted
from backend.cli.output import number, plain, size, table
from backend.contract.answers import completed
from backend.contract.errors import Invalid
from backend.contract.imports import SOURCES, ImportedRuns, ImportPreview

FORMATS = ("jsonl", "parquet", "csv", "csv-wide")
IMPORT_S = 24 * 3600.0


def add(verbs: Any, common: argparse.ArgumentParser) -> None:
    """The verbs of `run` that read or write files."""
    load = verbs.add_parser("import", parents=[common], help="bring in runs that other programs made, read-only")
    load.add_argument("path", help="TensorBoard event files, a W&B offline folder, CSV of metrics, trainer_state.json")
    load.add_argument("--name", help="of several runs: the beginning of each name")
    load.add_argument("--map", default="", metavar="step=COL,time=COL", help="of a CSV: step, time, epoch, key, value")
    load.add_argument("--preview", action="store_true", help="only say what is there")
    load.set_defaults(command=run_import)
    for verb, text, command in (
        ("export", "every metric point, lossless", run_export),
        ("report", "one HTML page that opens without a network", run_report),
    ):
        parser = verbs.add_parser(verb, parents=[common], help=text)
        parser.add_argument("id", help="id, or name when only one run has it")
        parser.add_argument("--out", type=Path, help="a file; standard output when not given")
        if verb == "export":
            parser.add_argument("--format", choices=FORMATS, default="jsonl")
        parser.set_defaults(command=command)


def run_import(context: Context, given: argparse.Namespace) -> int:
    """Bring in what lies at a path; what was left out is said on standard error."""
    path = str(Path(given.path).expanduser().absolute())
    mapping = parse_mapping(given.map)
    if given.preview:
        return _preview(context, path, mapping)
    body = {"path": path, "name": given.name, "mapping": mapping}
    operation = context.ask("POST", "/runs/import", body, timeout_s=300.0)
    result = completed(ImportedRuns, context.finish(operation, IMPORT_S))
    for refused in result["refused"]:
        context.tell(f"{plain(refused.get('name', '–'))} was not imported: {plain(refused.get('text', ''))}")
    for run in result["runs"]:
        for text in run.get("left_out", ()):
            context.tell(f"{plain(run.get('name', '–'))}: {plain(text)}")
    rows = [
        (r.get("id", "–"), r.get("name", "–"), SOURCES.get(r.get("source", ""), r.get("source", "")),
         number(r.get("points")), "was here already" if r.get("known") else "imported")
        for r in result["runs"]
    ]  # fmt: skip
    return context.show(result, lambda: table(("id", "name", "source", "points", ""), rows, "nothing"))


def _preview(context: Context, path: str, mapping: dict[str, str]) -> int:
    asked = {"path": path, "mapping": mapping}
    found = completed(ImportPreview, context.ask("POST", "/runs/import/preview", asked, timeout_s=300.0))
    for text in found["passed_over"]:
        context.tell(plain(text))
    for item in found["items"] or ():
        for text in (item["problem"], *item["left_out"]):
            if text:
                context.tell(f"{plain(item['name'])}: {plain(text)}")
    rows = [
        (i["name"], SOURCES.get(i["source"], i["source"]), f"{'' if i['complete'] else '≥ '}{number(i['points'])}",
         number(i["metric_count"]), f"{number(i['first_step'])} – {number(i['last_step'])}",
         (i["problem"] and "cannot be imported") or (i["known_as"] and f"is {i['known_as']}") or i["state"])
        for i in found["items"] or ()
    ]  # fmt: skip
    return context.show(found, lambda: table(("name", "source", "points", "metrics", "steps", ""), rows, "nothing"))


def run_export(context: Context, given: argparse.Namespace) -> int:
    """Stream it; the file appears only when it is whole."""
    return _fetch(context, f"/runs/{quoted(given.id)}/export", {"format": given.format}, given.out, given.format)


def run_report(context: Context, given: argparse.Namespace) -> int:
    """The same for the page."""
    return _fetch(context, f"/runs/{quoted(given.id)}/report", {}, given.out, "html")


def _fetch(context: Context, path: str, query: dict[str, str], out: Path | None, form: str) -> int:
    if out is None:
        with context.client.stream(path, query) as pieces:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return 0
    part = out.with_name(f".{out.name}.part")
    try:
        with context.client.stream(path, query) as pieces, part.open("wb") as file:
            for piece in pieces:
                file.write(piece)
        part.replace(out)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Invalid(f"{out} cannot be written: {error.strerror}.", fix="Choose another file with --out.") from error
    count = out.stat().st_size
    return context.show({"path": str(out), "format": form, "size_bytes": count}, f"{out} ({size(count)})")
