"""Runs that other programs made: what was found at a path, and what an import is asked for."""

from typing import Any

from pydantic import Field

from backend.contract.base import Record, Request

SOURCES: dict[str, str] = {
    "tensorboard": "TensorBoard",
    "wandb": "W&B",
    "csv": "CSV",
    "trainer_state": "Hugging Face Trainer",
}
"""Source of a run → its name on the screen."""

RECIPE = "imported"
"""The recipe of a run that was not made here."""


class PreviewImport(Request):
    """POST /runs/import/preview: nothing is kept."""

    path: str = Field(min_length=1, max_length=4096)
    mapping: dict[str, str] = {}  # role (step, time, epoch, key, value) → column, for a CSV


class ImportRun(Request):
    """POST /runs/import: everything at a path, or only what was chosen of the preview."""

    path: str = Field(min_length=1, max_length=4096)
    name: str | None = Field(None, max_length=10_000)  # of several: the beginning of each name
    mapping: dict[str, str] = {}
    choose: tuple[str, ...] = Field((), max_length=1000)  # FoundRun.key


class FoundRun(Record):
    """One training at the path."""

    key: str  # to choose it by
    source: str
    name: str
    path: str
    files: int
    size_bytes: int
    points: int = 0
    complete: bool = True  # False: only the beginning was looked at, points is what it holds at least
    metrics: tuple[str, ...] = ()  # at most 100 names
    metric_count: int = 0
    first_step: int | None = None
    last_step: int | None = None
    started_at: float | None = None
    state: str = "completed"
    settings: int = 0
    mapping: dict[str, str] = {}
    columns: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    problem: str | None = None  # why it cannot be taken
    fix: str | None = None
    known_as: str | None = None  # id of the run that exactly this content became before


class ImportPreview(Record):
    """What an import of this path would bring."""

    path: str
    items: tuple[FoundRun, ...]
    passed_over: tuple[str, ...] = ()  # links and unreadable tables, in words


class ImportedRuns(Record):
    """The result of an import operation."""

    runs: tuple[dict[str, Any], ...] = ()  # {"id", "name", "source", "points", "known", "left_out"}
    refused: tuple[dict[str, Any], ...] = ()  # {"name", "path", "text", "fix"}
