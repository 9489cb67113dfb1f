"""run start | list | show | watch | pause | resume | stop | checkpoint | apply | fork | cancel; files: run_files.py."""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backend.cli import recipes, run_files
from backend.cli.context import Context
from backend.cli.datasets import quoted
from backend.cli.output import facts, number, plain, size, table, when
from backend.client import Unreachable, connect
from backend.contract.answers import completed, completed_items
from backend.contract.errors import Invalid, NotFound
from backend.contract.imports import SOURCES
from backend.contract.resources import CheckpointRecord, RunRecord
from backend.contract.states import FINAL_RUN_STATES, RunState

COMMANDS = {
    "pause": "finish the step, keep memory, wait",
    "stop": "end it; a checkpoint is written first",
    "checkpoint": "write a checkpoint now",
    "cancel": "take it out of the queue",
}
NOT_COMPLETED = 1
PATIENCE_S = 60.0


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    """Its verbs."""
    verbs = nouns.add_parser("run", help="start, steer and watch trainings").add_subparsers(dest="verb", required=True)
    _add_start(verbs, common)
    listing = verbs.add_parser("list", parents=[common], help="all of them, newest first")
    listing.add_argument("--all", action="store_true", help="archived ones too")
    listing.set_defaults(command=run_list)
    for verb, text, command in (
        ("show", "one of them", run_show),
        ("watch", "follow it until it ends", run_watch),
        ("resume", "go on after a pause, or continue an ended one from its checkpoint", run_resume),
        ("checkpoints", "what it has saved", run_checkpoints),
    ):
        _with_id(verbs, verb, common, text).set_defaults(command=command)
    for verb, text in COMMANDS.items():
        parser = _with_id(verbs, verb, common, text)
        if verb == "stop":
            parser.add_argument("--no-save", action="store_true", help="without a last checkpoint")
            parser.add_argument("--force", action="store_true", help="for one that does not listen")
        parser.set_defaults(command=run_command)
    change = _with_id(verbs, "apply", common, "change settings from its next checkpoint on")
    change.add_argument("--set", action="append", required=True, metavar="key=value", dest="settings")
    change.set_defaults(command=run_apply)
    fork = _with_id(verbs, "fork", common, "a new run from one of its checkpoints")
    fork.add_argument("--checkpoint", help="its name; the best, else the newest one when not given")
    fork.add_argument("--set", action="append", default=[], metavar="key=value", dest="settings")
    fork.add_argument("--name")
    fork.set_defaults(command=run_fork)
    run_files.add(verbs, common)


def _with_id(verbs: Any, verb: str, common: argparse.ArgumentParser, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(verb, parents=[common], help=text)
    parser.add_argument("id", help="id, or name when only one run has it")
    return parser


def _add_start(verbs: Any, common: argparse.ArgumentParser) -> None:
    start = verbs.add_parser(
        "start", parents=[common], help="start or queue a run",
        epilog=f"recipes (`recipe show NAME` has the settings of one):\n{recipes.known()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    start.add_argument("recipe", help="one of those below")
    start.add_argument("--dataset", help="id or name")
    start.add_argument(
        "--base-model", help="starter, a folder, NAME:VERSION, a hub id, or scratch; else what the recipe begins with"
    )
    start.add_argument("--set", action="append", default=[], metavar="key=value", dest="settings")
    start.add_argument("--name")
    start.add_argument("--device", default="auto")
    start.add_argument("--tag", action="append", default=[])
    start.add_argument("--note", default="")
    start.add_argument("--register-as", metavar="MODEL", help="register the result when it completes")
    start.add_argument("--wait", action="store_true", help="return when it has ended; exit 0 only when completed")
    start.set_defaults(command=run_start)


def parse_setting(text: str) -> tuple[str, Any]:
    """ "key=value" with the value as JSON where it is JSON, else as text; Invalid when there is no equals sign."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise Invalid(f"--set {text!r:.80} is not key=value.", fix="Example: --set epochs=2")
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = {"True": True, "False": False, "None": None}.get(value, value)
    return name.strip(), parsed


def run_start(context: Context, given: argparse.Namespace) -> int:
    """Start; with --wait follow it to its end."""
    base = given.base_model
    if base and (base.startswith((".", "~")) or (Path(base).is_dir() and base != "starter")):
        base = str(Path(base).expanduser().absolute())
    body = {
        "recipe": given.recipe,
        "dataset": given.dataset,
        "base_model": base,
        "settings": dict(parse_setting(text) for text in given.settings),
        "name": given.name,
        "device": given.device,
        "tags": given.tag,
        "note": given.note,
        "register_as": given.register_as,
    }
    run = completed(RunRecord, context.ask("POST", "/runs", body, timeout_s=300.0))
    if given.wait:
        return _follow_to_end(context, run)
    return _show(context, run)


def run_list(context: Context, given: argparse.Namespace) -> int:
    """Newest first."""
    found = completed_items(RunRecord, context.ask("GET", "/runs", query={"archived": str(given.all).lower()}))
    rows = [
        (r["id"], r["name"], r["recipe"], r["state"], _progress(r), _main_metric(r), when(r["created_at"]))
        for r in found
    ]
    headers = ("id", "name", "recipe", "state", "step", "metric", "created")
    return context.show(found, lambda: table(headers, rows, "no runs yet"))


def run_show(context: Context, given: argparse.Namespace) -> int:
    """One run."""
    return _show(context, context.ask("GET", f"/runs/{quoted(given.id)}"))


def run_watch(context: Context, given: argparse.Namespace) -> int:
    """Until it ends; exit 0 only when completed."""
    return _follow_to_end(context, _ask_for(context, given.id))


def run_resume(context: Context, given: argparse.Namespace) -> int:
    """A paused one goes on; an ended one is queued to continue."""
    run = _ask_for(context, given.id)
    if run["state"] in FINAL_RUN_STATES:
        return _show(context, context.ask("POST", f"/runs/{run['id']}/resume"))
    return _show(context, context.ask("POST", f"/runs/{run['id']}/commands", {"command": "resume"}))


def run_command(context: Context, given: argparse.Namespace) -> int:
    """Pause, stop, checkpoint, cancel: accepted or refused; what happens is seen with `run watch`."""
    body: dict[str, Any] = {"command": given.verb}
    if given.verb == "stop":
        body = {"command": "kill"} if given.force else {"command": "stop", "save": not given.no_save}
    return _show(context, context.ask("POST", f"/runs/{quoted(given.id)}/commands", body))


def run_apply(context: Context, given: argparse.Namespace) -> int:
    """Accepted or refused; `run show` lists what waits, an event tells when it is in force."""
    body = {"settings": dict(parse_setting(text) for text in given.settings)}
    return _show(context, context.ask("POST", f"/runs/{quoted(given.id)}/settings", body))


def run_fork(context: Context, given: argparse.Namespace) -> int:
    """A new run with the same data and base, from a checkpoint, with some settings changed."""
    settings = dict(parse_setting(text) for text in given.settings)
    body = {"checkpoint": given.checkpoint, "settings": settings, "name": given.name}
    return _show(context, context.ask("POST", f"/runs/{quoted(given.id)}/fork", body))


def run_checkpoints(context: Context, given: argparse.Namespace) -> int:
    """What it has saved, newest last."""
    found = completed_items(CheckpointRecord, context.ask("GET", f"/runs/{quoted(given.id)}/checkpoints"))
    rows = [
        (c["name"], number(c["step"]), size(c["size_bytes"]), when(c["saved_at"]),
         " ".join(word for word in ("best", "kept", "present") if c[word]))
        for c in found
    ]  # fmt: skip
    return context.show(found, lambda: table(("name", "step", "size", "saved", ""), rows, "no checkpoints"))


# ---- following -------------------------------------------------------------------------------------------------------


def _follow_to_end(context: Context, run: dict[str, Any]) -> int:
    """Progress on standard error, the ended run on standard output; 0 only when it completed."""
    shown, first = "", run
    for run in _states(context, first):
        line = _line(run)
        if line != shown:
            shown = line
            context.tell(line)
        if run["state"] in FINAL_RUN_STATES:
            break
    if context.as_json:
        context.show(run, "")
    if run["state"] == RunState.COMPLETED:
        return 0
    if run["cause"]:
        failure = run.get("failure") or {}
        context.tell(f"{run['cause']}. {failure.get('advice', '')}".strip())
    return NOT_COMPLETED


def _states(context: Context, run: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The run now and after every change; goes on over a restart of the daemon, gives up when it stays away."""
    yield run
    lost_at = None
    while True:
        try:
            with connect(context.home) as client:
                # The feed is open before the run is read (hello comes first): no change can fall in between.
                for message in client.feed(None, ("runs",)):
                    lost_at = None
                    if message.kind == "hello":
                        yield completed(RunRecord, client.ask("GET", f"/runs/{run['id']}"))
                    elif message.topic == "runs" and message.data.get("id") == run["id"]:
                        if message.kind == "removed":
                            raise NotFound(f"The run {run['id']} was removed.")
                        yield completed(RunRecord, message.data)
        except Unreachable:
            if lost_at is None:
                context.tell("The backend is away; the run goes on.")
                lost_at = time.monotonic()
            if time.monotonic() - lost_at > PATIENCE_S:
                raise
        time.sleep(0.1)


def _ask_for(context: Context, run_id: str) -> dict[str, Any]:
    return completed(RunRecord, context.ask("GET", f"/runs/{quoted(run_id)}"))


def _line(run: dict[str, Any]) -> str:
    where = f" (place {run['queue_position']})" if run["state"] == RunState.QUEUED and run["queue_position"] else ""
    return f"{plain(run['name'])}: {run['state']}{where}  step {_progress(run)}  {_main_metric(run)}".rstrip()


def _progress(run: dict[str, Any]) -> str:
    return f"{number(run['step'])}/{number(run['total_steps'])}" if run["total_steps"] else number(run["step"])


def _main_metric(run: dict[str, Any]) -> str:
    for name in ("eval/f1", "eval/accuracy", "eval/loss", "train/loss"):
        if run["metrics"].get(name) is not None:
            return f"{name} {number(run['metrics'][name])}"
    return ""


def _show(context: Context, answer: Any) -> int:
    run = completed(RunRecord, answer)
    waits = run["pending_settings"]
    metrics = [
        (name, number(value)) for name, value in sorted(run["metrics"].items()) if not name.startswith("system/")
    ]
    pairs = [
        ("id", run["id"]),
        ("name", run["name"]),
        ("recipe", run["recipe"]),
        *([("source", SOURCES.get(run["source"], run["source"]))] if run["source"] else []),
        ("state", run["state"]),
        ("step", _progress(run)),
        ("dataset", run["dataset_name"] or "–"),
        ("base model", run["base_model"] or "–"),
        *([("forked from", f"{run['fork_of']} at step {number(run['fork_step'])}")] if run["fork_of"] else []),
        *([("at next checkpoint", ", ".join(f"{k}={v}" for k, v in waits.items()))] if waits else []),
        *([("energy", f"{run['energy_kwh']:.4g} kWh")] if run["energy_kwh"] is not None else []),
        ("started", when(run["started_at"])),
        *([("ended", when(run["ended_at"]))] if run["ended_at"] else []),
        *([("cause", run["cause"])] if run["cause"] else []),
        *([("model", run["model_version"])] if run["model_version"] else []),
        *metrics,
    ]
    return context.show(run, lambda: facts(pairs))
