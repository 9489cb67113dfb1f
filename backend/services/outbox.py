"""What the MLflow neighbour has to learn: notes put into the outbox, and the message each note becomes when it is
delivered.

A note only names a thing; the message holds its state at delivery. So notes about the same thing may be merged,
repeated and lost
in part without the mirror ever becoming wrong.
"""

import math
from collections.abc import Mapping
from typing import Any

from backend.contract.base import number_to_json
from backend.contract.resources import RunRecord, VersionRecord
from backend.contract.states import FINAL_RUN_STATES
from backend.services.system_metrics import system_metrics
from backend.store import Store
from backend.store.settings import OutboxItem

POINTS_PER_KEY = 2000
"""MLflow takes a few thousand points a second; the full series stays ours."""


def run_changed(store: Store, run_id: str) -> None:
    """Call when a run was added, renamed, started, ended or deleted; in the same transaction, where there is one."""
    store.outbox.add("run", run_id, {})


def version_registered(store: Store, model: str, version: int) -> None:
    """Call when a version was registered, got another note or was deleted."""
    store.outbox.add("version", f"{model}:{version}", {"model": model, "version": version})


def aliases_changed(store: Store, model: str) -> None:
    """Call when champion or previous of a model moved."""
    store.outbox.add("aliases", model, {"model": model})


def everything(store: Store) -> None:
    """Note every run, version and alias again: for an MLflow store that was made anew."""
    with store.transaction():
        for run in store.runs.all(include_archived=True):
            run_changed(store, run.id)
        for model in store.versions.models():
            for version in sorted(model.versions, key=lambda version: version.version):
                version_registered(store, model.name, version.version)
            aliases_changed(store, model.name)


def message(store: Store, item: OutboxItem) -> dict[str, Any]:
    """The item with the present state of what it names, as the mirror takes it (backend/mirror/main.py)."""
    builders = {"run": _run, "version": _version, "aliases": _aliases}
    builder = builders.get(item.kind)
    body = builder(store, item) if builder is not None else {}
    return {"id": item.id, "kind": item.kind if builder is not None else "nothing", "body": body}


def _run(store: Store, item: OutboxItem) -> dict[str, Any]:
    run = store.runs.get(item.key)
    if run is None:
        return {"run_id": item.key, "removed": True}
    ended = run.state in FINAL_RUN_STATES
    return {**_about(store, run), "metrics": [*_points(store, run.id), *_system(store, run)] if ended else []}


def _about(store: Store, run: RunRecord) -> dict[str, Any]:
    data = store.datasets.get(run.dataset_id) if run.dataset_id else None
    return {
        "run_id": run.id,
        "removed": False,
        "name": run.name,
        "experiment": run.recipe,
        "state": run.state,
        "started_at": run.started_at or run.created_at,
        "ended_at": run.ended_at,
        "params": {**run.settings, "device": run.device, "base_model": run.base_model},
        "tags": {
            "state": run.state,
            "attempt": run.attempt,
            "cause": run.cause,
            "model_version": run.model_version,
            "tags": ", ".join(run.tags),
        },
        "note": run.note,
        "dataset": None
        if data is None
        else {"id": data.id, "name": data.name, "sha256": data.sha256, "rows": data.rows},
    }


def _points(store: Store, run_id: str) -> list[list[Any]]:
    """[key, step, unix time, value] of every series, thinned so that extremes stay."""
    rows: list[list[Any]] = []
    keys = store.series.keys(run_id)
    for key, data in (store.series.read(run_id, keys, points=POINTS_PER_KEY) if keys else {}).items():
        for step, time, value in zip(data.steps, data.times, data.values, strict=True):
            if value is not None:
                rows.append([key, step, time, number_to_json(value)])
    return rows


def _system(store: Store, run: RunRecord) -> list[list[Any]]:
    """The machine under MLflow's own names, once it is kept with the run: from then on it never changes, so that a
    message sent twice adds nothing."""
    if not store.telemetry.is_pinned(run.id):
        return []
    return system_metrics(store.telemetry.of_run(run, POINTS_PER_KEY))


def _version(store: Store, item: OutboxItem) -> dict[str, Any]:
    name, number = str(item.body["model"]), int(item.body["version"])
    record = store.versions.version(name, number)
    if record is None or record.deleted:
        return {"model": name, "version": number, "removed": True}
    run = store.runs.get(record.run_id)
    return {
        "model": name,
        "version": number,
        "removed": False,
        "path": str(store.home.root / record.path),
        "note": record.note,
        "tags": _version_tags(record),
        "created_at": record.created_at,
        "run": _about(store, run) if run is not None else None,
    }


def _version_tags(record: VersionRecord) -> dict[str, Any]:
    metrics: Mapping[str, float | None] = record.metrics
    measured = {
        f"metric.{key}": repr(value) for key, value in metrics.items() if value is not None and math.isfinite(value)
    }
    return {
        "run_id": record.run_id,
        "task": record.task,
        "recipe": record.recipe,
        "base_model": record.base_model,
        "dataset": record.dataset_name,
        "dataset_sha256": record.dataset_sha256,
        "manifest_sha256": record.manifest_sha256,
        "commit": record.commit,
        "labels": ", ".join(record.labels),
        **measured,
    }


def _aliases(store: Store, item: OutboxItem) -> dict[str, Any]:
    name = str(item.body["model"])
    model = store.versions.model(name)
    return {
        "model": name,
        "champion": model.champion if model is not None else None,
        "previous": model.previous if model is not None else None,
    }
