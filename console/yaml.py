"""A run's request as flat YAML and back: one level of keys and `settings:`; JSON scalars are YAML scalars."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from backend.contract.resources import RunRecord


def run_to_yaml(run: RunRecord) -> str:
    """What it took to start this run; `read_request` reads it again."""
    body = {"recipe": run.recipe, "dataset": run.dataset_name, "base_model": run.base_model}
    return to_yaml({key: value for key, value in body.items() if value}, run.settings)


def to_yaml(body: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Top keys, then the settings; JSON scalars, so quoting is never guessed."""
    lines = [f"{name}: {_json(value)}" for name, value in body.items()]
    lines.append("settings:" if settings else "settings: {}")
    lines += [f"  {name}: {_json(value)}" for name, value in settings.items()]
    return "\n".join(lines) + "\n"


def read_request(text: str) -> dict[str, Any]:
    """Read JSON or flat YAML. Raises ValueError naming the line that cannot be read."""
    if text.lstrip().startswith("{"):
        try:
            body = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"line {error.lineno}: {error.msg}") from None
        if not isinstance(body, dict):
            raise ValueError("line 1: not an object")
        return body
    return _read_yaml(text)


def _read_yaml(text: str) -> dict[str, Any]:
    body: dict[str, Any] = {}
    inner: dict[str, Any] | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.rstrip()
        if not line.strip() or line.lstrip().startswith("#") or line == "---":
            continue
        name, colon, value = line.strip().partition(":")
        if not colon or not name or (value and not value.startswith(" ")):
            raise ValueError(f"line {number}: expected `name: value`, found {line.strip()[:60]!r}")
        if line[0] in " \t":
            if inner is None:
                raise ValueError(f"line {number}: {name!r} is indented, but nothing above it opens a block")
            inner[_scalar(name)] = _scalar(value.strip())
        elif value.strip():
            body[_scalar(name)], inner = _scalar(value.strip()), None
        else:
            inner = body[_scalar(name)] = {}
    return body


def _scalar(text: str) -> Any:
    """A JSON value, `~` and the empty text for nothing, a plain text for everything else."""
    if text in ("~", ""):
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        pass
    try:
        return float(text)  # 5e-05 is JSON too; .5 is not
    except ValueError:
        return text.strip("'")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
