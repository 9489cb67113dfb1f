"""Versions: the timeline, what a version changed, where it came from, and the runs that used it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from backend.contract.resources import DatasetRecord, RunRecord
from console import words
from console.i18n import tr, tr_n
from console.pages.data import words as data_words
from console.tables import Column, TableModel, TableView
from console.tasks import task_name
from console.widgets.panel import Panel
from console.widgets.rows import KeyValue
from console.widgets.text import Text
from console.widgets.timeline import VersionEntry, VersionTimeline

TIMELINE = 318


class VersionsView(QWidget):
    """Signals: chosen(dataset id), run_wanted(run id)."""

    chosen = Signal(str)
    run_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.timeline = VersionTimeline(tr("Versions"))
        self.timeline.chosen.connect(self.chosen)
        panel = Panel(tr("Versions"), flush=True)
        panel.setFixedWidth(TIMELINE)
        panel.body.setContentsMargins(6, 2, 6, 6)
        panel.add(self.timeline)
        panel.body.addStretch(1)
        self.change = Panel(tr("What changed"))
        self.change.body.setSpacing(2)
        self.facts = Panel(tr("Where it came from"))
        self.facts.body.setSpacing(2)
        self.runs_model = TableModel(_columns())
        self.runs_table = TableView(self.runs_model, name=tr("Used by"))
        self.runs_table.set_empty_text(tr("No run was trained on this version yet."))
        self.runs_table.opened.connect(self._on_run)
        self.used = Panel(tr("Used by"), flush=True)
        self.used.body.setContentsMargins(8, 0, 8, 0)
        self.used.add(self.runs_table, 1)
        upper = QHBoxLayout()
        upper.setSpacing(10)
        upper.addWidget(self.change, 1)
        upper.addWidget(self.facts, 1)
        right = QVBoxLayout()
        right.setSpacing(10)
        right.addLayout(upper)
        right.addWidget(self.used, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(panel)
        layout.addLayout(right, 1)
        self._shown: tuple[object, ...] = ()

    def show_dataset(
        self, record: DatasetRecord, versions: Sequence[DatasetRecord], runs: Sequence[RunRecord], now: float
    ) -> None:
        """`versions` newest first; `runs` those that used the one in front."""
        self.timeline.set_entries(entries(versions, now))
        self.timeline.set_current(record.id)
        self.runs_model.set_rows(runs)
        self.used.set_title(tr("Used by"), tr_n(len(runs), "{n} run", "{n} runs"))
        shown = (record.id, tuple(version.id for version in versions))
        if shown != self._shown:
            self._shown = shown
            before = earlier(record, versions)
            _fill(self.change, _changes(record, before))
            title = tr("What v{n} changed against v{m}", n=record.version, m=before.version) if before \
                else tr("First version")  # fmt: skip
            self.change.set_title(title)
            _fill(self.facts, [KeyValue(name, value, mono=len(value) == 16) for name, value in origin(record, now)])

    def _on_run(self, run: RunRecord) -> None:
        self.run_wanted.emit(run.id)


def earlier(record: DatasetRecord, versions: Sequence[DatasetRecord]) -> DatasetRecord | None:
    """The version before this one that is still kept."""
    return next((one for one in versions if one.version < record.version), None)


def entries(versions: Sequence[DatasetRecord], now: float) -> list[VersionEntry]:
    """One a version, with the rows it added or lost."""
    found = []
    for record in versions:
        before = earlier(record, versions)
        rows = f"{words.signed(record.rows - before.rows, 0)}" if before else words.count(record.rows)
        when = words.day_and_time(record.created_at, now)
        gate = "warned" if data_words.to_fix(record) else "passed"
        found.append(
            VersionEntry(record.id, f"v{record.version}", f"{when} · {data_words.source_name(record)}", rows, (), gate,
                         served=True, link=f"dataset/{record.id}")
        )  # fmt: skip
    return found


def origin(record: DatasetRecord, now: float) -> list[tuple[str, str]]:
    """Source, format, size, fingerprint."""
    profile = record.profile
    found = [
        (tr("Source"), data_words.source_name(record)),
        (tr("Imported"), words.day_and_time(record.created_at, now)),
        (tr("Task"), task_name(record.task)),
        (tr("Format"), f"{str(profile.get('format', '')).upper()} · {profile.get('encoding', '')}".strip(" ·")),
        (tr("Size"), words.size(record.size_bytes)),
    ]
    if profile.get("rows_rejected"):
        found.append((tr("Rows left out"), words.count(profile["rows_rejected"])))
    return [*found, (tr("Fingerprint"), record.sha256[:16])]


def _changes(record: DatasetRecord, before: DatasetRecord | None) -> list[QWidget]:
    if before is None:
        rows: list[QWidget] = [KeyValue(tr("Rows"), words.count(record.rows))]
        if record.labels:
            rows.append(KeyValue(tr("Labels"), words.count(len(record.labels))))
        return [*rows, KeyValue(tr("Columns"), words.count(len(record.columns)))]
    rows = [KeyValue(tr("Rows"), _arrow(before.rows, record.rows))]
    for label, old, new in data_words.label_changes(record, before)[:6]:
        rows.append(KeyValue(label, _arrow(old, new)))
    added = [column for column in record.columns if column not in before.columns]
    gone = [column for column in before.columns if column not in record.columns]
    for name, columns in ((tr("New columns"), added), (tr("Columns gone"), gone)):
        if columns:
            rows.append(KeyValue(name, ", ".join(columns)))
    if len(rows) == 1 and before.rows == record.rows:
        rows.append(Text(tr("Same counts; other texts, columns or mapping."), "small", "text-tertiary", wrap=True))
    return rows


def _arrow(old: int, new: int) -> str:
    change = words.signed(new - old, 0)
    return f"{words.count(old)} → {words.count(new)}  ({change})" if new != old else words.count(new)


def _fill(panel: Panel, rows: Sequence[QWidget]) -> None:
    while (item := panel.body.takeAt(0)) is not None:
        if widget := item.widget():
            widget.hide()
            widget.deleteLater()
    for one in rows:
        panel.add(one)
    panel.body.addStretch(1)


def _columns() -> tuple[Column, ...]:
    return (
        Column("state", tr("State"), lambda r: r.state, kind="pill", width=112),
        Column("name", tr("Name"), lambda r: r.name, stretch=True, weight=500, hideable=False),
        Column("f1", "F1", partial(_metric, "f1"), text=lambda r: words.fixed(_metric("f1", r), 4), align="right",
               width=90, descending_first=True),
        Column("model", tr("Version"), lambda r: r.model_version, text=_version, width=150),
        Column("started", tr("Started"), lambda r: r.created_at, text=lambda r: words.moment(r.created_at), width=100,
               align="right", descending_first=True),
    )  # fmt: skip


def _metric(name: str, run: RunRecord) -> float | None:
    known = run.metrics.get(f"test/{name}")
    return known if known is not None else run.metrics.get(f"eval/{name}")


def _version(run: RunRecord) -> str:
    name, _, number = (run.model_version or "").rpartition(":")
    return f"{name} v{number}" if name else words.DASH
