"""Plain questions about several runs: how they are called in short, what is best, what differs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Sequence
from typing import Any

from backend.contract.resources import RunRecord
from console import words
from console.i18n import mark
from console.tables.columns import tsv_cell

MOST = 12
FEWEST = 2
METRICS: tuple[tuple[str, str, bool], ...] = (
    ("eval/f1", mark("F1"), True),
    ("eval/accuracy", mark("Accuracy"), True),
    ("eval/loss", mark("Eval loss"), False),
    ("train/loss", mark("Train loss"), False),
    ("test/f1", mark("Test F1"), True),
)
"""key, title, higher is better: shown when some run has it, the first four of them."""
MOST_METRICS = 3
FACTS = (("recipe", "recipe"), ("dataset", "dataset_name"), ("base_model", "base_model"), ("device", "device"))
Row = tuple[str, tuple[str, ...]]
TIME, MEMORY = "time", "memory"


def short_names(names: Sequence[str]) -> list[str]:
    """`intent-lora-r16-s42`, `intent-lora-r8-s42` → `r16`, `r8`: without the parts all of them share."""
    parts = [name.split("-") for name in names]
    if len(parts) < FEWEST:
        return list(names)
    while all(len(p) > 1 for p in parts) and len({p[0] for p in parts}) == 1:
        parts = [p[1:] for p in parts]
    while all(len(p) > 1 for p in parts) and len({p[-1] for p in parts}) == 1:
        parts = [p[:-1] for p in parts]
    found = ["-".join(p) for p in parts]
    return found if len(set(found)) == len(set(names)) else list(names)


def metrics_of(runs: Sequence[RunRecord]) -> list[tuple[str, str, bool]]:
    """The columns of the metrics table."""
    known = [m for m in METRICS if any(run.metrics.get(m[0]) is not None for run in runs)]
    return [*_judged(runs, {m[0] for m in known}), *known][:MOST_METRICS]


def _judged(runs: Sequence[RunRecord], known: Collection[str]) -> list[tuple[str, str, bool]]:
    """What these runs were judged by, where it is none of the usual ones."""
    keys = dict.fromkeys(str((run.best or {}).get("metric") or "") for run in runs)
    return [(key, words.metric_name(key), words.higher_is_better(key)) for key in keys if key and key not in known]


def value_of(run: RunRecord, key: str) -> float | None:
    """A metric, the seconds it worked, or the bytes it needed."""
    if key == TIME:
        if run.active_seconds is not None:
            return run.active_seconds
        end = run.ended_at or run.last_step_at
        return end - run.started_at if end is not None and run.started_at is not None else None
    value = run.metrics.get("train/memory_bytes" if key == MEMORY else key)
    return float(value) if value is not None and math.isfinite(value) else None


def shown_value(run: RunRecord, key: str) -> str:
    """A value as the table shows it."""
    value = value_of(run, key)
    if key == TIME:
        return words.duration(value)
    return words.size(value) if key == MEMORY else words.metric(key, value)


def best_value(runs: Sequence[RunRecord], key: str, higher: bool) -> float | None:
    """The best of a column; None when fewer than two runs have one, for then nothing is better."""
    known = [value for run in runs if (value := value_of(run, key)) is not None]
    return (max if higher else min)(known) if len(known) > 1 else None


def config_rows(runs: Sequence[RunRecord], only_differences: bool) -> tuple[list[Row], int, int]:
    """(rows of (name, value of each run), how many differ, how many there are)."""
    table: dict[str, tuple[str, ...]] = {}
    for name, attribute in FACTS:
        table[name] = tuple(_shown(getattr(run, attribute)) for run in runs)
    for key in dict.fromkeys(key for run in runs for key in run.settings):
        table[key] = tuple(_shown(run.settings.get(key)) for run in runs)
    table["commit"] = tuple(_shown((run.environment or {}).get("commit"))[:8] for run in runs)
    table = {key: row for key, row in table.items() if any(cell != words.DASH for cell in row)}
    differing = {key: row for key, row in table.items() if len(set(row)) > 1}
    return list((differing if only_differences else table).items()), len(differing), len(table)


def _shown(value: Any) -> str:
    if value is None or value == "":
        return words.DASH
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value != 0 and abs(value) < 1e-3:
        mantissa, _, power = f"{value:e}".partition("e")
        return f"{float(mantissa):g}e{int(power)}"
    return f"{value:.10g}" if isinstance(value, int | float) else str(value)


def as_csv(runs: Sequence[RunRecord]) -> str:
    """Metrics and settings, one column a run."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["", *(tsv_cell(run.name, number=False) for run in runs)])
    for key in sorted({key for run in runs for key in run.metrics}):
        table.writerow([key, *("" if run.metrics.get(key) is None else repr(run.metrics[key]) for run in runs)])
    for name, row in config_rows(runs, only_differences=False)[0]:
        table.writerow([name, *(tsv_cell(cell, number=False) for cell in row)])
    return out.getvalue()
