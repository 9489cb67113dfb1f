"""The folder MLflow loads a version from: MLmodel, the version's own files, and a loader. No pickle, no second copy
of the weights.

Files are hard links to the version where the file system allows, since both lie in the home folder; else copies.
"""

import json
import os
import platform
import shutil
from datetime import UTC, datetime
from pathlib import Path

LOADER = Path(__file__).with_name("shipped") / "modeldeck_model.py"

LEFT_OUT = frozenset({"MLmodel"})
"""A version's own MLmodel speaks of its own folder."""

REQUIREMENTS = ("mlflow", "torch", "transformers", "tokenizers", "safetensors", "pandas")
"""Written without versions: the user's script runs in an environment of the user's choice."""


class FilesMissing(Exception):
    """The folder of a version is not there."""


def build(source: Path, target: Path, *, run_id: str | None, created_at: float) -> Path:
    """Make `target` complete or not at all; an existing one stays as it is. FileNotFoundError when the version is
    gone."""
    if target.is_dir():
        return target
    if not source.is_dir():
        raise FilesMissing(f"The files of the version are missing: {source.name}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    passing = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(passing, ignore_errors=True)
    (passing / "code").mkdir(parents=True)
    shutil.copyfile(LOADER, passing / "code" / LOADER.name)
    _link_tree(source, passing / "data")
    (passing / "requirements.txt").write_text("".join(f"{name}\n" for name in REQUIREMENTS))
    (passing / "MLmodel").write_text(_mlmodel(run_id, created_at))
    passing.rename(target)
    return target


def _link_tree(source: Path, target: Path) -> None:
    target.mkdir()
    for path in sorted(source.iterdir()):
        if path.is_dir() and not path.is_symlink():
            _link_tree(path, target / path.name)
        elif path.is_file() and path.name not in LEFT_OUT:
            _link(path, target / path.name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=True)
    except OSError:
        shutil.copyfile(source, target)


def _mlmodel(run_id: str | None, created_at: float) -> str:
    """The file MLflow reads first (docs: "MLflow Model format"); `loader_module` is imported from `code`."""
    flavor = {
        "loader_module": LOADER.stem,
        "code": "code",
        "data": "data",
        "env": {"virtualenv": "requirements.txt"},
        "python_version": platform.python_version(),
    }
    described = {
        "flavors": {"python_function": flavor},
        "run_id": run_id,
        "utc_time_created": _utc(created_at),
        "model_uuid": None,
    }
    return json.dumps(described, indent=1)  # MLmodel is YAML, and JSON is YAML


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
