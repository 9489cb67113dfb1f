"""Runs in MLflow: found by our id in a tag, so that a message delivered twice changes nothing."""

import json
import re
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunStatus, RunTag

from backend.contract.base import number_from_json

RUN_TAG = "modeldeck.run_id"

STATUS: dict[str, str] = {
    "queued": "SCHEDULED",
    "completed": "FINISHED",
    "stopped": "KILLED",
    "failed": "FAILED",
    "interrupted": "FAILED",
}
"""Our states in MLflow's words; everything else is RUNNING."""

METRICS_PER_CALL = 900
"""MLflow takes 1,000 things a call."""

LONGEST_VALUE = 6000
LONGEST_TAG = 8000


class Runs:
    """Writes runs through one client."""

    def __init__(self, client: MlflowClient, artifacts: str) -> None:
        self._client = client
        self._artifacts = artifacts
        self._experiments: dict[str, str] = {}

    def sync(self, body: dict[str, Any]) -> str | None:
        """Make MLflow's run equal to the message; returns MLflow's run id, None for a run that is deleted."""
        if body["removed"]:
            known = self._find(body["run_id"])
            if known is not None:
                self._client.delete_run(known.info.run_id)
            return None
        run = self._find(body["run_id"]) or self._create(body)
        run_id = str(run.info.run_id)
        self._describe(run, body)
        self._log_points(run_id, body.get("metrics") or [])
        status = STATUS.get(body["state"], "RUNNING")
        if RunStatus.is_terminated(RunStatus.from_string(status)):
            self._client.set_terminated(run_id, status, _milliseconds(body["ended_at"]))
        else:
            self._client.update_run(run_id, status=status)
        return run_id

    def _find(self, our_id: str) -> Run | None:
        experiments = [experiment.experiment_id for experiment in self._client.search_experiments()]
        wanted = f"tags.`{RUN_TAG}` = '{our_id}'"
        found = self._client.search_runs(experiments, wanted, max_results=1) if our_id.isascii() else []
        return found[0] if found else None

    def _create(self, body: dict[str, Any]) -> Run:
        """Run and tag are one transaction of MLflow's: there is never a run without our id."""
        return self._client.create_run(
            self._experiment(body["experiment"] or "modeldeck"),
            start_time=_milliseconds(body["started_at"]),
            run_name=body["name"],
            tags={RUN_TAG: body["run_id"], "mlflow.source.name": "modeldeck", "mlflow.source.type": "LOCAL"},
        )

    def _experiment(self, name: str) -> str:
        if name not in self._experiments:
            known = self._client.get_experiment_by_name(name)
            self._experiments[name] = (
                known.experiment_id
                if known is not None
                else self._client.create_experiment(name, artifact_location=f"{self._artifacts}/runs")
            )
        return self._experiments[name]

    def _describe(self, run: Run, body: dict[str, Any]) -> None:
        run_id = run.info.run_id
        if run.info.run_name != body["name"]:
            self._client.update_run(run_id, name=body["name"])
        have = run.data.params
        params = {_key(key): _text(value) for key, value in body["params"].items() if value is not None}
        news = [
            Param(key, value) for key, value in params.items() if key not in have
        ]  # MLflow's parameters never change
        tags = [
            RunTag(f"modeldeck.{_key(key)}", _text(value)[:LONGEST_TAG])
            for key, value in body["tags"].items()
            if value not in (None, "")
        ]
        if body.get("note"):
            tags.append(RunTag("mlflow.note.content", body["note"][:LONGEST_TAG]))
        self._client.log_batch(run_id, params=news, tags=tags)
        data = body.get("dataset")
        if data is not None:
            source = json.dumps({"id": data["id"], "sha256": data["sha256"], "rows": data["rows"]})
            described = Dataset(data["name"][:500], data["sha256"][:32], "modeldeck", source)
            self._client.log_inputs(run_id, [DatasetInput(described, [InputTag("mlflow.data.context", "training")])])

    def _log_points(self, run_id: str, points: list[list[Any]]) -> None:
        """A point that is there already is left out by MLflow: key, step, time and value are its primary key."""
        for start in range(0, len(points), METRICS_PER_CALL):
            part = points[start : start + METRICS_PER_CALL]
            metrics = [
                Metric(_key(key), number_from_json(value), _milliseconds(time), step) for key, step, time, value in part
            ]
            self._client.log_batch(run_id, metrics=metrics)


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _text(value: Any) -> str:
    return (value if isinstance(value, str) else json.dumps(value))[:LONGEST_VALUE]


def _key(name: str) -> str:
    """A name MLflow takes: other characters become an underscore, and it ends after 250."""
    return re.sub(r"[^\w./ :-]", "_", name, flags=re.ASCII)[:250].strip() or "_"
