"""One short function per user action, named as a person would say it; each returns the call under way.

The reply is only yes or no: what happened arrives as a message of the feed.
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from console.i18n import translator
from console.link.call import Call
from console.link.link import Link

# ---- data --------------------------------------------------------------------------------------------------


def preview_dataset(link: Link, path: str) -> Call:
    """See what an import of this file would read."""
    return link.post("/datasets/preview", {"path": path})


def import_dataset(
    link: Link, path: str, *, name: str, task: str, mapping: dict[str, str], skip_bad_rows: bool
) -> Call:
    """Make an immutable dataset version of a file."""
    body = {"path": path, "name": name, "task": task, "mapping": mapping, "skip_bad_rows": skip_bad_rows}
    return link.post("/datasets", body)


def import_sample(link: Link, sample: str) -> Call:
    """Import one of the built-in datasets by its name."""
    return link.post("/datasets", {"path": f"sample://{sample}"})


def list_samples(link: Link) -> Call:
    """The built-in datasets, whether imported or not."""
    return link.get("/datasets/samples")


def read_rows(link: Link, dataset_id: str, start: int, count: int, find: str = "") -> Call:
    """A window of the rows of a dataset version; with `find`, of those that hold it."""
    query = {"start": start, "count": count}
    return link.get(f"/datasets/{_id(dataset_id)}/rows", {**query, "find": find} if find else query)


def read_split(link: Link, dataset_id: str) -> Call:
    """What a run with the recipe's settings would train, validate and test on."""
    return link.get(f"/datasets/{_id(dataset_id)}/split")


def remove_dataset(link: Link, dataset_id: str) -> Call:
    """Remove a dataset version that no run needs."""
    return link.delete(f"/datasets/{_id(dataset_id)}")


# ---- runs --------------------------------------------------------------------------------------------------


def start_run(link: Link, body: dict[str, Any]) -> Call:
    """Start or queue a run; body is a StartRun."""
    return link.post("/runs", body)


def estimate_run(link: Link, body: dict[str, Any]) -> Call:
    """Ask what a run would need; nothing starts."""
    return link.post("/runs/estimate", body)


def pause_run(link: Link, run_id: str) -> Call:
    """Finish the step, keep memory, wait."""
    return _command(link, run_id, "pause")


def resume_run(link: Link, run_id: str) -> Call:
    """Go on after a pause."""
    return _command(link, run_id, "resume")


def checkpoint_run(link: Link, run_id: str) -> Call:
    """Write a checkpoint after the present step."""
    return _command(link, run_id, "checkpoint")


def stop_run(link: Link, run_id: str, *, save: bool) -> Call:
    """End a run, with or without a last checkpoint."""
    return _command(link, run_id, "stop", save=save)


def cancel_run(link: Link, run_id: str) -> Call:
    """Take a run out of the queue."""
    return _command(link, run_id, "cancel")


def continue_run(link: Link, run_id: str) -> Call:
    """Start a stopped, failed or interrupted run again from its newest good checkpoint."""
    return link.post(f"/runs/{_id(run_id)}/resume")


def apply_settings(link: Link, run_id: str, settings: dict[str, Any]) -> Call:
    """Other settings from the next checkpoint of a run under way on."""
    return link.post(f"/runs/{_id(run_id)}/settings", {"settings": settings})


def fork_run(link: Link, run_id: str, checkpoint: str, settings: dict[str, Any], *, name: str | None = None) -> Call:
    """A new run that begins at a checkpoint of this one."""
    body = {"checkpoint": checkpoint, "settings": settings, "name": name}
    return link.post(f"/runs/{_id(run_id)}/fork", body)


def move_run(link: Link, run_id: str, position: int) -> Call:
    """Put a queued run at this place of the queue, counted from 1."""
    return link.post(f"/runs/{_id(run_id)}/move", {"position": position})


def change_run(link: Link, run_id: str, **fields: Any) -> Call:
    """Rename, tag, pin, note or archive."""
    return link.patch(f"/runs/{_id(run_id)}", fields)


def add_note(link: Link, run_id: str, text: str, step: int | None) -> Call:
    """Write a note on the chart."""
    return link.post(f"/runs/{_id(run_id)}/notes", {"text": text, "step": step})


def preview_import(link: Link, path: str, mapping: dict[str, str]) -> Call:
    """See what other programs wrote at this path."""
    return link.post("/runs/import/preview", {"path": path, "mapping": mapping})


def cancel_import(link: Link, operation_id: str) -> Call:
    """End an import before it is done; nothing of it stays."""
    return link.post(f"/operations/{_id(operation_id)}/cancel")


def import_runs(link: Link, path: str, *, name: str, mapping: dict[str, str], choose: list[str]) -> Call:
    """Bring in runs that other programs made; the reply is the operation that reads them."""
    return link.post("/runs/import", {"path": path, "name": name or None, "mapping": mapping, "choose": choose})


def export_run(link: Link, run_id: str, kind: str, file: Path) -> Call:
    """Every point of a run, or its report, into a file."""
    if kind == "report":
        return link.download(f"/runs/{_id(run_id)}/report", {"language": translator.language}, file)
    return link.download(f"/runs/{_id(run_id)}/export", {"format": kind}, file)


def keep_checkpoint(link: Link, run_id: str, checkpoint: str, keep: bool) -> Call:
    """Protect a checkpoint from pruning, or no longer."""
    return link.post(f"/runs/{_id(run_id)}/checkpoints/{_id(checkpoint)}/keep", {"keep": keep})


def export_checkpoint(link: Link, run_id: str, checkpoint: str, path: str) -> Call:
    """Copy a checkpoint into this folder; the reply names what was made."""
    return link.post(f"/runs/{_id(run_id)}/checkpoints/{_id(checkpoint)}/export", {"path": path})


def read_last_good(link: Link, run_id: str) -> Call:
    """The last good run of the same kind, and what differs from it."""
    return link.get(f"/runs/{_id(run_id)}/last_good")


def kill_run(link: Link, run_id: str) -> Call:
    """End a run's worker at once; nothing is saved."""
    return _command(link, run_id, "kill")


def _command(link: Link, run_id: str, command: str, **rest: Any) -> Call:
    return link.post(f"/runs/{_id(run_id)}/commands", {"command": command, **rest})


# ---- models ------------------------------------------------------------------------------------------------


def register_run(link: Link, run_id: str, name: str, note: str = "") -> Call:
    """Make the next version of a model out of a completed run."""
    return link.post("/models", {"run_id": run_id, "name": name, "note": note})


def promote(link: Link, model: str, version: int, *, endpoint: str | None, reason: str) -> Call:
    """Make a version the one that answers; the switch arrives as an event."""
    return link.post(f"/models/{_id(model)}/promote", {"version": version, "endpoint": endpoint, "reason": reason})


def roll_back(link: Link, model: str, *, version: int | None, endpoint: str | None, reason: str) -> Call:
    """Make the previous version, or the one named, answer again."""
    return link.post(f"/models/{_id(model)}/rollback", {"version": version, "endpoint": endpoint, "reason": reason})


def plan_promotion(link: Link, model: str, version: int | None, *, kind: str, endpoint: str | None) -> Call:
    """Ask exactly what a promotion or rollback would change."""
    query = {"kind": kind, "version": version, "endpoint": endpoint}
    return link.get(f"/models/{_id(model)}/plan", {key: value for key, value in query.items() if value is not None})


def undo(link: Link, operation_id: str) -> Call:
    """Take back a promotion or rollback of the last ten minutes."""
    return link.post(f"/operations/{_id(operation_id)}/undo")


def change_version(link: Link, model: str, version: int, **fields: Any) -> Call:
    """Write the note or the card of a version."""
    return link.patch(f"/models/{_id(model)}/versions/{version}", fields)


def delete_version(link: Link, model: str, version: int) -> Call:
    """Remove the files of a version that serves nowhere; its figures stay."""
    return link.delete(f"/models/{_id(model)}/versions/{version}")


def read_model_history(link: Link, model: str) -> Call:
    """Who made which version live when, and why; newest first."""
    return link.get(f"/models/{_id(model)}/history")


# ---- endpoints ---------------------------------------------------------------------------------------------


def create_endpoint(link: Link, name: str, model: str, version: int | None, **limits: Any) -> Call:
    """Open a live address for a model; limits as in CreateEndpoint."""
    return link.post("/endpoints", {"name": name, "model": model, "version": version, **limits})


def read_endpoint_history(link: Link, name: str, seconds: float, points: int) -> Call:
    """serve/… figures over the last seconds."""
    return link.get(f"/endpoints/{_id(name)}/history", {"seconds": seconds, "points": points})


def read_windows(link: Link, name: str, since: float) -> Call:
    """Request windows since a unix time, each with its version."""
    return link.get(f"/endpoints/{_id(name)}/windows", {"since": since})


def restart_endpoint(link: Link, name: str) -> Call:
    """Start the engines anew; address and key stay."""
    return link.post(f"/endpoints/{_id(name)}/restart")


def stop_endpoint(link: Link, name: str) -> Call:
    """Finish what is in flight, then stop answering."""
    return link.post(f"/endpoints/{_id(name)}/stop")


def start_endpoint(link: Link, name: str) -> Call:
    """Answer again on the same address."""
    return link.post(f"/endpoints/{_id(name)}/start")


def delete_endpoint(link: Link, name: str) -> Call:
    """Close the address for good."""
    return link.delete(f"/endpoints/{_id(name)}")


def try_endpoint(link: Link, name: str, inputs: list[Any], *, explain: bool, version: int | None = None) -> Call:
    """Ask an endpoint from the playground."""
    body = {"inputs": inputs, "explain": explain, "version": version}
    return link.post(f"/endpoints/{_id(name)}/predict", body)


# ---- alerts ------------------------------------------------------------------------------------------------


def acknowledge(link: Link, alert_id: str, note: str = "") -> Call:
    """Say that somebody looks after it."""
    return link.post(f"/alerts/{_id(alert_id)}/acknowledge", {"note": note})


def snooze(link: Link, alert_id: str, until: float) -> Call:
    """Ask again at this unix time."""
    return link.post(f"/alerts/{_id(alert_id)}/snooze", {"until": until})


def resolve(link: Link, alert_id: str, note: str) -> Call:
    """Close an alert by hand, with a reason."""
    return link.post(f"/alerts/{_id(alert_id)}/resolve", {"note": note})


def read_drift(link: Link, endpoint: str) -> Call:
    """The newest drift report of an endpoint, each feature with its history."""
    return link.get(f"/drift/{_id(endpoint)}")


def reopen(link: Link, alert_id: str) -> Call:
    """Take back an acknowledgement, a snooze or a resolution."""
    return link.post(f"/alerts/{_id(alert_id)}/reopen", {})


# ---- settings ----------------------------------------------------------------------------------------------


def change_settings(link: Link, **values: Any) -> Call:
    """Change what the backend keeps."""
    return link.patch("/settings", {"values": values})


def add_rule(link: Link, rule: dict[str, Any]) -> Call:
    """A rule of one's own."""
    return link.post("/rules", rule)


def remove_rule(link: Link, rule_id: str) -> Call:
    """Remove a rule of one's own; its alerts resolve."""
    return link.delete(f"/rules/{_id(rule_id)}")


def preview_rule(link: Link, rule: dict[str, Any]) -> Call:
    """Ask how often such a rule would have opened an alert in thirty days."""
    return link.post("/rules/preview", rule)


def test_webhook(link: Link) -> Call:
    """Tell the webhook something now."""
    return link.post("/webhook/test", {})


def change_rule(link: Link, rule_id: str, **fields: Any) -> Call:
    """Change a limit that opens alerts."""
    return link.patch(f"/rules/{_id(rule_id)}", fields)


# ---- machine -----------------------------------------------------------------------------------------------


def read_telemetry_history(link: Link, seconds: float, points: int) -> Call:
    """Readings of the machine over the last seconds."""
    return link.get("/telemetry/history", {"seconds": seconds, "points": points})


def check_cards(link: Link) -> Call:
    """Try every graphics driver again now."""
    return link.post("/telemetry/check", {})


def read_smi_text(link: Link, vendor: str) -> Call:
    """What the vendor's own program prints about its cards."""
    return link.get("/telemetry/text", {"vendor": vendor})


def read_power_limit(link: Link, card: int) -> Call:
    """The power limit of a card and what it takes."""
    return link.get(f"/telemetry/cards/{card}/power_limit")


def set_power_limit(link: Link, card: int, watts: float) -> Call:
    """Another power limit, until the driver is loaded again."""
    return link.post(f"/telemetry/cards/{card}/power_limit", {"watts": watts})


# ---- audit ---------------------------------------------------------------------------------------------------


def read_audit(link: Link, count: int) -> Call:
    """The newest entries."""
    return link.get("/audit", {"count": count})


def verify_audit(link: Link) -> Call:
    """Ask whether the hash chain holds."""
    return link.get("/audit/verify")


def _id(text: str) -> str:
    return quote(text, safe="")
