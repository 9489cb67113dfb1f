"""Runs as text for a file: the table as CSV, the records as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from backend.contract.base import number_to_json
from backend.contract.resources import RunRecord
from console.pages.runs.columns import duration_of
from console.tables.columns import tsv_cell

PLAIN = ("id", "name", "state", "recipe", "dataset_name", "base_model", "device", "step", "total_steps", "note")


def as_csv(runs: Sequence[RunRecord]) -> str:
    """One line a run: facts, metrics, settings; texts that a spreadsheet would take for a formula are defused."""
    metrics = sorted({key for run in runs for key in run.metrics})
    settings = sorted({key for run in runs for key in run.settings})
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow([*PLAIN, "started_at", "seconds", "tags", *metrics, *settings])
    for run in runs:
        facts = [_cell(getattr(run, name)) for name in PLAIN]
        numbers = [_cell(run.metrics.get(key)) for key in metrics]
        table.writerow(
            [*facts, _cell(run.started_at), _cell(duration_of(run)), _cell(" ".join(run.tags)), *numbers,
             *(_cell(run.settings.get(key)) for key in settings)]
        )  # fmt: skip
    return out.getvalue()


def as_json(runs: Sequence[RunRecord]) -> str:
    """The records with settings and newest metrics; NaN and infinities by name, as on the wire."""
    found = []
    for run in runs:
        body = run.model_dump(mode="json", include={*PLAIN, "settings", "tags", "started_at", "ended_at", "best"})
        body["metrics"] = {key: number_to_json(value) for key, value in run.metrics.items()}
        found.append(body)
    return json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    return tsv_cell(str(value), number=False)
