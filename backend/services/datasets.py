"""Datasets: preview, import, look into, remove."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend import platform
from backend.clock import Clock
from backend.contract.errors import Conflict, Invalid, NotFound
from backend.contract.resources import DatasetPreview, DatasetRecord, ImportDataset
from backend.contract.tasks import roles_by_name
from backend.data import samples, versions
from backend.data.mapping import TASKS, check_mapping, suggest
from backend.data.readers import open_table
from backend.data.samples import Sample
from backend.data.source import data_error
from backend.data.table import Reader
from backend.paths import Home
from backend.services.dataset_facts import draft_of

if TYPE_CHECKING:
    from backend.store import Store

PREVIEW_ROWS = 50
PREVIEW_BAD = 50
PREVIEW_COUNTED = 200_000
"""Rows read to count and check in a preview; a longer source has row_count None."""


class DatasetService:
    """Everything about datasets. Raises Refused classes whose texts name file, line and cause; blocking, thread-
    safe like its store.
    """

    def __init__(self, store: "Store", home: Home, clock: Clock) -> None:
        self._store = store
        self._home = home
        self._clock = clock

    # ---- reading ---------------------------------------------------------------------------------------------

    def samples(self) -> tuple[Sample, ...]:
        """The built-in data sets in the order they are offered."""
        return samples.SAMPLES

    def get(self, id_or_name: str) -> DatasetRecord:
        """A version by its id, or the newest one of a name. NotFound names what exists."""
        found: DatasetRecord | None = self._store.datasets.get(id_or_name) or self._store.datasets.find(id_or_name)
        if found is None:
            names = sorted({record.name for record in self._store.datasets.all()})
            known = f"Imported are {', '.join(names)}." if names else "Nothing is imported yet."
            raise NotFound(f"There is no dataset {id_or_name!r}.", fix=f"{known} Built-in ones are imported by name.")
        return found

    def resolve(self, id_or_name: str, actor: str) -> DatasetRecord:
        """Like get(), but a built-in data set that nobody imported yet is imported now."""
        try:
            return self.get(id_or_name)
        except NotFound:
            sample = samples.find_sample(id_or_name)
            if sample is None:
                raise
            return self.import_(ImportDataset(path=samples.SCHEME + sample.name), actor)

    def rows(self, id_or_name: str, start: int = 0, count: int = 100, find: str = "") -> dict[str, Any]:
        """{"items": [{"row", column: text}], "total", "start", "columns"} of one version."""
        record = self.get(id_or_name)
        items, total = versions.read_rows(Path(record.path), max(0, start), min(max(0, count), 1000), find)
        return {"items": items, "total": total, "start": start, "columns": list(record.columns)}

    def preview(self, path: str, encoding: str | None = None) -> DatasetPreview:
        """What an import of `path` (or of a built-in name) would read; nothing is stored."""
        source, sample = _locate(path)
        table = open_table(source, encoding)
        try:
            rows, count, bad = _look(table)
        finally:
            table.close()
        mapping, task = suggest(table.columns, rows)
        if sample is not None:
            mapping, task = sample.roles(table.columns), sample.task
        return DatasetPreview(
            path=path,
            format=table.format,
            encoding=table.encoding,
            columns=table.columns,
            rows=tuple(tuple(row) for row in rows),
            row_count=count,
            suggested_mapping=mapping,
            suggested_task=task,
            suggested_name=sample.name if sample else source.stem,
            sample=sample is not None,
            bad_rows=tuple({"line": line, "text": text} for line, text in bad),
        )

    # ---- changing ----------------------------------------------------------------------------------------------

    def import_(self, request: ImportDataset, actor: str) -> DatasetRecord:
        """Read, check, profile and keep a source as an immutable version.

        The same name, content, task and mapping return the version that exists; new content under a known name is
        the next
        version. Bad rows end the import unless request.skip_bad_rows.
        """
        try:
            return self._import(request, actor)
        finally:
            platform.give_back_memory()

    def _import(self, request: ImportDataset, actor: str) -> DatasetRecord:
        source, sample = _locate(request.path)
        task, mapping = _task_and_mapping(source, sample, request)
        data = versions.read_source(source, request.encoding, mapping, skip_bad_rows=request.skip_bad_rows, task=task)
        if task == "text-classification":
            _check_classes(source, data, mapping)
        name = (request.name or (sample.name if sample else source.stem)).strip()
        if not name or len(name) > 200 or any(ord(char) < 32 for char in name):
            raise Invalid(
                f"{name[:40]!r} is not a name for a dataset.", field="name", fix="1 to 200 characters, no line breaks."
            )
        sha256 = data.content_sha256(task, mapping)
        identity = versions.version_id(name, sha256)
        known: DatasetRecord | None = self._store.datasets.get(identity)
        if known is not None and versions.verify_content(Path(known.path), known.columns, task, mapping, sha256):
            return known
        return self._keep(identity, draft_of(data, task, mapping, name, sha256, sample), data, actor)

    def _keep(self, identity: str, draft: dict[str, Any], data: versions.Imported, actor: str) -> DatasetRecord:
        folder = self._home.datasets / identity
        if folder.exists():  # known but damaged, or left by a crash before its row: write it anew
            _discard(folder)
        facts = {key: draft[key] for key in ("name", "task", "mapping", "columns", "labels", "sha256", "source_sha256")}
        size = versions.write_version(folder, data, {**draft["profile"], **facts})
        with self._store.transaction():
            same = [record.version for record in self._store.datasets.all() if record.name == draft["name"]]
            known: DatasetRecord | None = self._store.datasets.get(identity)
            if known is not None:
                return known  # mended, or imported twice at once
            record = DatasetRecord(
                id=identity,
                version=max(same, default=0) + 1,
                size_bytes=size,
                path=str(folder),
                created_at=self._clock.now(),
                **draft,
            )
            self._store.datasets.add(record)
            self._store.audit.add(
                actor=actor,
                client="",
                action="import",
                object=f"dataset/{identity}",
                before="",
                after=f"{record.name} version {record.version}",
                reason="",
                result="done",
                details={"rows": record.rows, "source": record.source, "sha256": record.sha256},
            )
        return record

    def remove(self, dataset_id: str, actor: str) -> None:
        """Forget a version and delete its files. A version that runs were trained on is a Conflict naming them."""
        record = self.get(dataset_id)
        users = [run.id for run in self._store.runs.all(include_archived=True) if run.dataset_id == record.id]
        if users:
            text = f"{record.name} version {record.version} was used by {len(users)} runs ({', '.join(users[:3])})."
            raise Conflict(text, code="in_use", fix="Remove those runs first.", runs=users)
        with self._store.transaction():
            self._store.datasets.remove(record.id)
            self._store.audit.add(
                actor=actor,
                client="",
                action="remove",
                object=f"dataset/{record.id}",
                before=f"{record.name} version {record.version}",
                after="",
                reason="",
                result="done",
                details={},
            )
        _discard(Path(record.path))


def _locate(path: str) -> tuple[Path, Sample | None]:
    source = Path(path).expanduser()
    if "\0" in path or len(path) > 4096:
        raise Invalid("That is not a path.", field="path")
    if path.startswith(samples.SCHEME) or not os.path.exists(source):  # not Path: that one raises for a name too long
        sample = samples.find_sample(path)
        if sample is not None:
            return sample.path, sample
        raise NotFound(
            f"There is no file {path}.",
            code="missing_file",
            file=path,
            fix=f"Give a path on this machine, or a built-in name such as {samples.SAMPLES[0].name}.",
        )
    return source.absolute(), None


def _look(table: Reader) -> tuple[list[list[Any]], int | None, list[tuple[int, str]]]:
    rows: list[list[Any]] = []
    bad: list[tuple[int, str]] = []
    count = 0

    def note(line: int, text: str) -> None:
        if len(bad) < PREVIEW_BAD:
            bad.append((line, text))

    for _, values in table.rows(note):
        count += 1
        if len(rows) < PREVIEW_ROWS:
            rows.append([_shown(value) for value in values])
        if count >= PREVIEW_COUNTED:
            return rows, None, bad
    return rows, count, bad


def _shown(value: Any) -> Any:
    return (
        value[:500]
        if isinstance(value, str)
        else value
        if isinstance(value, (int, float, bool))
        else versions.as_text(value)[:500]
    )


def _task_and_mapping(source: Path, sample: Sample | None, request: ImportDataset) -> tuple[str, dict[str, str]]:
    if request.task is not None and request.task not in TASKS:
        raise Invalid(f"There is no task {request.task!r}.", field="task", fix=f"Tasks are {', '.join(TASKS)}.")
    table = open_table(source, request.encoding)
    try:
        mapping, task = suggest(table.columns, _first_rows(table))
    finally:
        table.close()
    if sample is not None:
        mapping, task = sample.roles(table.columns), sample.task
    if request.mapping.keys() >= {"text", "label"} and request.task is None:
        task = "text-classification"
    known, task = task, request.task or task
    if task == "table" and not request.mapping:
        return task, {}
    if task != known:
        mapping = roles_by_name(task, list(table.columns))
    return task, check_mapping(source, table.columns, {**mapping, **request.mapping}, task)


def _first_rows(table: Reader) -> Sequence[Sequence[Any]]:
    rows: list[Sequence[Any]] = []
    for _, values in table.rows(lambda _line, _text: None):
        rows.append(values)
        if len(rows) >= PREVIEW_ROWS:
            break
    return rows


def _check_classes(source: Path, data: versions.Imported, mapping: dict[str, str]) -> None:
    labels = data.values[mapping["label"]]
    counts = Counter(labels)
    if len(counts) < 2:
        raise data_error(
            source,
            f"all {data.rows:,} rows have the label {labels[0][:60]!r} in column {mapping['label']!r}; "
            "two classes are needed.",
            line=data.lines[0],
            fix="Choose another label column, or add rows of another class.",
        )
    if len(counts) > min(1000, max(2, data.rows // 2)) and data.rows > 4:
        raise data_error(
            source,
            f"column {mapping['label']!r} has {len(counts):,} different values on {data.rows:,} rows: "
            "these are no classes.",
            line=data.lines[0],
            fix="Choose another label column.",
        )
    if "split" not in mapping:
        return
    parts = data.values[mapping["split"]]
    trained = {label for label, part in zip(labels, parts, strict=True) if part == "train"}
    if not trained:
        raise data_error(source, f"no row has the split train in column {mapping['split']!r}.", line=data.lines[0])
    for line, label, part in zip(data.lines, labels, parts, strict=True):
        if part != "train" and label not in trained:
            raise data_error(
                source, f"the {part} part has the label {label[:60]!r}, which training never sees.", line=line
            )


def _discard(folder: Path) -> None:
    import shutil

    gone = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(gone, ignore_errors=True)
    if folder.exists():
        folder.rename(gone)  # half a deleted version is never taken for one
        shutil.rmtree(gone, ignore_errors=True)
