"""The request a form stands for: from a clone, a draft or a file, and as a command line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend.contract.resources import RunRecord, StartRun
from backend.paths import default_home
from console.i18n import tr
from console.state.store import AppState
from console.yaml import read_request

Request = dict[str, Any]
KNOWN = tuple(StartRun.model_fields)


def defaults_of(state: AppState, recipe: str) -> dict[str, Any]:
    """The recommended settings of a recipe."""
    return next((dict(r.get("defaults") or {}) for r in state.recipes if r["name"] == recipe), {})


def from_run(state: AppState, run: RunRecord, settings: Mapping[str, Any] | None) -> Request:
    """The same request again, with some settings changed; under the next free name."""
    defaults = defaults_of(state, run.recipe)
    wanted = {**run.settings, **(settings or {})}
    return {
        "recipe": run.recipe,
        "dataset": run.dataset_id or run.dataset_name,
        "base_model": run.base_model,
        "settings": {k: v for k, v in wanted.items() if k not in defaults or defaults[k] != v},
        "name": next_name(run.name, {other.name for other in state.runs.values()}),
        "tags": list(run.tags),
        "note": tr("Same as {name}", name=run.name),
        "device": run.device if run.device in ("auto", "cpu") else "auto",
    }


def next_name(name: str, taken: set[str]) -> str:
    """`movie-s42` → `movie-s42-2`, `movie-s42-2` → `movie-s42-3`."""
    found = re.fullmatch(r"(.+)-([0-9]{1,4})", name)
    stem, number = (found[1], int(found[2])) if found else (name, 1)
    while True:
        number += 1
        if f"{stem}-{number}" not in taken:
            return f"{stem}-{number}"


def from_file(path: Path) -> Request:
    """Read YAML or JSON. Raises ValueError that names the line or the key."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
    body = read_request(text)
    unknown = [key for key in body if key not in KNOWN]
    if unknown:
        raise ValueError(tr("{key} is no part of a run. Parts: {known}.", key=unknown[0], known=", ".join(KNOWN)))
    if not isinstance(body.get("settings", {}), dict):
        raise ValueError(tr("settings must be names and values."))
    return body


def as_command(body: Request, home: Path | None, usual_base: str = "starter") -> str:
    """The command line that starts the same run; what the recipe does by itself is not written."""
    parts = ["python3", "main.py", "run", "start", str(body["recipe"])]
    for key, option in (("dataset", "--dataset"), ("base_model", "--base-model"), ("name", "--name"),
                        ("device", "--device"), ("note", "--note"), ("register_as", "--register-as")):  # fmt: skip
        value = body.get(key)
        if value and (key, value) not in (("base_model", usual_base), ("device", "auto")):
            parts += [option, str(value)]
    for name, value in body.get("settings", {}).items():
        text = {True: "true", False: "false", None: "null"}.get(value, value) if not isinstance(value, str) else value
        parts += ["--set", f"{name}={text}"]
    for tag in body.get("tags", ()):
        parts += ["--tag", str(tag)]
    if home is not None and home != default_home():
        parts += ["--home", str(home)]
    return shlex.join(parts)
