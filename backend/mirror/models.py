"""Versions and aliases in MLflow's model registry: found by our number in a tag, so that a message delivered twice
changes nothing."""

import re
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from backend.mirror import artifacts
from backend.mirror.runs import Runs

VERSION_TAG = "modeldeck.version"
ALIASES = ("champion", "previous")


class NotYet(Exception):
    """Something this needs is not mirrored yet; it is tried again later."""


class Models:
    """Writes the registry through one client."""

    def __init__(self, client: MlflowClient, runs: Runs, folder: Path) -> None:
        self._client = client
        self._runs = runs
        self._folder = folder

    def sync_version(self, body: dict[str, Any]) -> None:
        """Register the version with its files, or remove it."""
        name = safe_name(body["model"])
        known = self._find(name, body["version"])
        if body["removed"]:
            if known is not None:
                self._client.delete_model_version(name, known.version)
            return
        if known is None:
            known = self._register(name, body)
        for key, value in body["tags"].items():
            if value not in (None, "") and known.tags.get(f"modeldeck.{key}") != str(value):
                self._client.set_model_version_tag(name, known.version, f"modeldeck.{key}", str(value)[:5000])
        if (known.description or "") != body["note"]:
            self._client.update_model_version(name, known.version, body["note"])

    def sync_aliases(self, body: dict[str, Any]) -> None:
        """Point the aliases at our versions; an alias without a version is taken away."""
        name = safe_name(body["model"])
        try:
            have = self._client.get_registered_model(name).aliases
        except MlflowException as error:
            if any(body[alias] is not None for alias in ALIASES):
                raise NotYet(f"{name} is not mirrored yet") from error
            return
        for alias in ALIASES:
            number = body[alias]
            if number is None:
                if alias in have:
                    self._client.delete_registered_model_alias(name, alias)
                continue
            version = self._find(name, number)
            if version is None:
                raise NotYet(f"v{number} of {name} is not mirrored yet")
            if str(have.get(alias)) != str(version.version):
                self._client.set_registered_model_alias(name, alias, version.version)

    def _find(self, name: str, number: int) -> ModelVersion | None:
        """The MLflow version that carries our number; MLflow's own number is the same unless somebody else registers
        there."""
        try:
            guess = self._client.get_model_version(name, str(number))
            if guess.tags.get(VERSION_TAG) == str(number):
                return guess
        except MlflowException:
            pass  # there is no such number; perhaps under another one
        found = self._client.search_model_versions(f"name='{name}'", max_results=10_000)
        return next((version for version in found if version.tags.get(VERSION_TAG) == str(number)), None)

    def _register(self, name: str, body: dict[str, Any]) -> ModelVersion:
        run_id = self._runs.sync(body["run"]) if body["run"] is not None else None
        target = self._folder / "models" / name / str(body["version"])
        built = artifacts.build(Path(body["path"]), target, run_id=run_id, created_at=body["created_at"])
        try:
            self._client.create_registered_model(name, tags={"modeldeck.name": body["model"]})
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        tags = {VERSION_TAG: str(body["version"])}
        return self._client.create_model_version(name, str(built), run_id, tags=tags, description=body["note"])


def safe_name(name: str) -> str:
    """A name that MLflow, its addresses (`models:/NAME@alias`), its filters and a folder take."""
    return re.sub(r"[/:@'\"%\\\x00-\x1f]", "-", name).strip(" .") or "model"
