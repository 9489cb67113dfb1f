"""What a run has logged and what the product exports of it, read independently of each other; who may read a home."""

import json
import stat
from pathlib import Path

from backend.contract.base import ODD_NUMBERS
from backend.jobs.folder import JobFolder
from backend.jobs.log import LogReader
from tests.helpers.home import RunningHome

Point = tuple[str, int, str, str]


def logged_points(home: RunningHome, run_id: str) -> list[Point]:
    """(key, step, time, value), both numbers as hex, of every point in the run's event log, in order."""
    reader, offset = LogReader(JobFolder(home.home.job(run_id)).events), 0
    found: list[Point] = []
    while (result := reader.read(offset)).offset != offset:
        if result.damaged:
            raise AssertionError(f"damaged lines: {result.damaged}")
        offset = result.offset
        for line in result.lines:
            if line.kind in ("metrics", "evaluation"):
                found += [_point(key, line.fields["step"], line.time, v) for key, v in line.fields["values"].items()]
    return found


def exported_points(home: RunningHome, run_id: str) -> list[Point]:
    """The same of `run export --format jsonl`."""
    text = home.cli("run", "export", run_id, "--format", "jsonl", timeout=180).stdout
    return [_point(p["key"], p["step"], p["time"], p["value"]) for p in map(json.loads, text.splitlines())]


def _point(key: str, step: int, time: float, value: float | str | None) -> Point:
    number = ODD_NUMBERS[value] if isinstance(value, str) else value
    return key, step, float(time).hex(), "unknown" if number is None else float(number).hex()


def open_to_others(home: RunningHome) -> list[Path]:
    """`find HOME RUNTIME -perm /077`: what anybody but the owner may touch."""
    found = []
    for root in (home.home.root, home.home.runtime):
        for path in [root, *root.rglob("*")]:
            status = path.lstat()
            if not stat.S_ISLNK(status.st_mode) and status.st_mode & 0o077:
                found.append(path)
    return found
