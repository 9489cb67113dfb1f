"""The rows of a foreign source as the event log of a job, and what a look at a source tells."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from backend.contract.errors import Invalid, Refused
from backend.contract.events import Ended, Logged, Started
from backend.contract.imports import FoundRun
from backend.contract.jobs import Imported
from backend.data.foreign.found import Row, Source
from backend.data.source import check_regular, check_unchanged, hash_file
from backend.jobs.lines import as_fields
from backend.jobs.log import LogWriter, Pending

BATCH = 1000
"""Rows written at once."""

CHECK_EVERY = 100
"""Batches between two looks at the disk and at the daemon's end."""

SHOWN_METRICS = 100
SPARK_KEYS = ("train/loss", "loss", "train_loss", "training_loss", "Loss/train", "loss/train", "train/epoch_loss",
              "epoch_loss")  # fmt: skip


def key_of(source: Source) -> str:
    """What a source of a path is chosen by."""
    run = getattr(source, "run", "")
    return f"{source.kind}:{_text(source.path)}{f'#{run}' if run else ''}"


def size_of(source: Source) -> int:
    """Bytes of its files; one that is gone counts nothing."""
    return sum(path.stat().st_size for path in source.files if path.exists())


def id_of(source: Source, taken: Callable[[str], bool], look: Callable[[], None] = lambda: None) -> str:
    """The id its content has: the same bytes read in the same way are the same run. One whose run a person deleted
    (`taken`) gets the next. `look` may raise to end it."""
    digest = hashlib.sha256(source.kind.encode())
    digest.update(getattr(source, "salt", "").encode("utf-8", "surrogatepass"))
    for path in source.files:
        digest.update(bytes.fromhex(hash_file(path, look)))
    for number in range(1000):
        found = f"i{hashlib.sha256(digest.digest() + bytes([number % 256, number // 256])).hexdigest()[:14]}"
        if not taken(found):
            return found
    raise Invalid("This content was imported and deleted a thousand times.")


def look(source: Source, rows: int) -> tuple[FoundRun, int]:
    """What the first `rows` rows tell, and how many there were."""
    seen = _Seen()
    problem, fix, complete = None, None, True
    reading = source.rows()
    try:
        for number, row in enumerate(reading, start=1):
            seen.take(row)
            if number >= rows:
                complete = next(reading, None) is None
                break
    except (Refused, OSError) as error:
        problem, fix = str(error), error.fix if isinstance(error, Refused) else None
    finally:
        getattr(reading, "close", lambda: None)()
    if problem is None and not seen.points:
        problem, fix = f"{source.path.name}: no numbers were found", "Give a file with scalars."
        problem = f"{problem}: {source.notes.texts()[0]}." if source.notes.texts() else f"{problem}."
    facts = source.facts
    return FoundRun(
        key=key_of(source),
        source=source.kind,
        name=facts.name,
        path=_text(source.path),
        files=len(source.files),
        size_bytes=size_of(source),
        points=seen.points,
        complete=complete,
        metrics=tuple(list(seen.keys)[:SHOWN_METRICS]),
        metric_count=len(seen.keys),
        first_step=seen.first_step,
        last_step=seen.last_step,
        started_at=seen.first_time,
        state=facts.state,
        settings=len(facts.config),
        mapping=facts.mapping,
        columns=facts.columns[:200],
        left_out=source.notes.texts(),
        problem=problem,
        fix=fix,
    ), seen.rows


class _Seen:
    """Counts over the rows of a source."""

    def __init__(self) -> None:
        self.rows = self.points = self.backwards = 0
        self.keys: dict[str, None] = {}
        self.first_step: int | None = None
        self.last_step: int | None = None
        self.first_time: float | None = None
        self.last_time: float | None = None
        self._before: int | None = None

    def take(self, row: Row) -> None:
        self.rows += 1
        self.points += len(row.values)
        self.keys.update(dict.fromkeys(row.values))
        if self.first_step is None:
            self.first_step = self.last_step = row.step
        if self._before is not None and row.step < self._before:
            self.backwards += 1
        self._before = row.step
        self.first_step = min(self.first_step, row.step)
        self.last_step = max(self.last_step or row.step, row.step)
        if row.time is not None:
            self.first_time = row.time if self.first_time is None else min(self.first_time, row.time)
            self.last_time = row.time if self.last_time is None else max(self.last_time, row.time)


class ImportLog:
    """Writes one source; `look` is called with every batch, `check` now and then; both may raise to end it."""

    def __init__(self, path: Path, check: Callable[[], None], look: Callable[[], None] = lambda: None) -> None:
        self._writer = LogWriter(path)
        self._check = check
        self._look = look
        self._seen = _Seen()
        self._batches = 0

    def close(self) -> None:
        """Put it on the disk."""
        self._writer.close()

    def take(self, source: Source, now: float) -> Imported:
        """Every row, then what was left out, then its end. Refused when there is no number, or the files changed
        meanwhile."""
        before = {path: check_regular(path) for path in source.files}
        fallback = max((status.st_mtime for status in before.values()), default=now)
        waiting: list[Pending] = []
        for row in source.rows():
            if not self._seen.rows and row.time is not None:
                waiting.append(Pending(row.time, "started", as_fields(_started(source))))
            self._seen.take(row)
            waiting.append(_line(row, fallback if row.time is None else row.time))
            if len(waiting) >= BATCH:
                self._flush(waiting)
        self._flush(waiting)
        for path, status in before.items():
            check_unchanged(path, status)
        if not self._seen.points:
            why = f" {source.notes.texts()[0]}." if source.notes.texts() else ""
            raise Invalid(
                f"{source.path.name}: no numbers were found.{why}", code="data", field="path", file=str(source.path),
                fix="Give a file with scalars.",
            )  # fmt: skip
        return self._finish(source, fallback, now)

    def _flush(self, waiting: list[Pending]) -> None:
        if waiting:
            self._look()
            if self._batches % CHECK_EVERY == 0:
                self._check()
            self._batches += 1
            self._writer.append_many(waiting)
            waiting.clear()

    def _finish(self, source: Source, fallback: float, now: float) -> Imported:
        seen, facts = self._seen, source.facts
        if seen.backwards:
            text = f"The step goes back {seen.backwards:,} times; points are kept in the order written"
            source.notes.tell(source.path.name, text)
        time = fallback if seen.last_time is None else seen.last_time
        left_out = source.notes.texts()
        said = [Logged(level="warning", text=text) for text in left_out]
        said.insert(0, Logged(level="info", text=f"Imported {seen.points:,} points from {_text(source.path)}"))
        lines = [Pending(time, "log", as_fields(line)) for line in said]
        outcome = "completed" if facts.state == "completed" else "failed" if facts.state == "failed" else "stopped"
        ended = Ended(outcome=outcome, step=seen.last_step or 0, text=facts.cause or "")
        lines.append(Pending(time, "ended", as_fields(ended)))
        self._writer.append_many(lines, sync=True)
        return Imported(
            source=source.kind,
            path=_text(source.path),
            files=len(source.files),
            points=seen.points,
            state=facts.state,
            cause=facts.cause,
            ended_at=facts.ended_at or seen.last_time,
            imported_at=now,
            total_steps=facts.total_steps,
            tags=facts.tags,
            note=facts.note,
            left_out=left_out,
            spark_key=next((key for key in SPARK_KEYS if key in seen.keys), None),
        )


def _started(source: Source) -> Started:
    return Started(attempt=1, pid=0, environment=source.facts.environment)


def _line(row: Row, time: float) -> Pending:
    """One line a row: the names of a source are bounded (foreign/found.py) so that the widest fits the log's limit."""
    return Pending(time, "metrics", {"step": row.step, "epoch": row.epoch, "values": row.values})


def _text(path: Path) -> str:
    """A path as text that can be stored and sent; a byte that is no UTF-8 stays visible."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
