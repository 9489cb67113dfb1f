"""Checkpoints of a run, with what was measured at each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QFileDialog, QMenu, QVBoxLayout, QWidget

from backend.contract.answers import readable_items
from backend.contract.resources import CheckpointRecord, RunRecord
from console import operations, words
from console.asking import ask
from console.context import Context
from console.i18n import tr
from console.tables import Column, TableModel, TableView
from console.widgets.empty import EmptyState
from console.widgets.panel import Panel, inset

MOST_METRICS = 4


def _metric(name: str) -> Any:
    return lambda row: row.metrics.get(name)


def _text(name: str) -> Any:
    return lambda row: words.metric(name, row.metrics.get(name))


def _title(key: str) -> str:
    """Eval F1."""
    name = words.metric_name(key)
    return tr("Eval loss") if key == "eval/loss" else name[:1].upper() + name[1:]


def measured(rows: Sequence[CheckpointRecord], best: str) -> tuple[str, ...]:
    """The metrics worth a column: the loss, what decides which is the best, then others of the validation part."""
    keys = dict.fromkeys(key for row in rows for key in row.metrics)
    held_out = [key for key in keys if key.startswith("eval/")] or list(keys)
    first = [key for key in ("eval/loss", best) if key in keys]
    return tuple(dict.fromkeys([*first, *held_out]))[:MOST_METRICS] or ("eval/loss",)


def _marks(row: CheckpointRecord) -> list[str]:
    marks = [tr("best")] if row.best else []
    marks += [tr("kept")] if row.kept else []
    return marks if row.present else [*marks, tr("pruned")]


class CheckpointsTab(QWidget):
    """Step, metrics, size; keep, resume from here, export. Signals: counted(int), fork_wanted(name)."""

    counted = Signal(int)
    fork_wanted = Signal(str)

    def __init__(self, context: Context, run: RunRecord) -> None:
        super().__init__()
        self._context, self._run = context, run
        self._keys: tuple[str, ...] = ("eval/loss",)
        self._holder: QWidget | None = None
        self._empty = EmptyState(
            "bookmark",
            tr("No checkpoint yet"),
            tr("One is written at the end of each epoch, or when you press Checkpoint now."),
        )
        self._panel = Panel(flush=True)
        self._build_table()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._panel, 1)
        layout.addWidget(self._empty, 1)
        self._panel.hide()

    def _build_table(self) -> None:
        """Columns of what the checkpoints were measured by."""
        metrics = [
            Column(key, _title(key), _metric(key), text=_text(key), align="right", width=110) for key in self._keys
        ]
        columns = (
            Column("step", tr("Step"), lambda r: r.step, text=lambda r: words.count(r.step), align="right", width=90,
                   weight=500, descending_first=True),
            Column("epoch", tr("Epoch"), lambda r: r.epoch, text=lambda r: words.fixed(r.epoch, 2), align="right",
                   width=80),
            *metrics,
            Column("size", tr("Size"), lambda r: r.size_bytes, text=lambda r: words.size(r.size_bytes), align="right",
                   width=90),
            Column("saved", tr("Saved"), lambda r: r.saved_at, text=lambda r: words.day_and_time(r.saved_at),
                   align="right", width=130, tip=lambda r: words.full_time(r.saved_at)),
            Column("marks", "", lambda r: len(_marks(r)), cell=_marks, kind="tags", width=150),
            Column("name", tr("Folder"), lambda r: r.name, stretch=True, mono=True, role=lambda _r: "text-tertiary"),
        )  # fmt: skip
        self.model = TableModel(columns, row_id=lambda r: r.name)
        self.view = TableView(self.model, name=tr("Checkpoints"))
        self.view.menu_asked.connect(self._on_menu)
        old, self._holder = self._holder, inset(self.view)
        if old is not None:
            old.hide()
            old.deleteLater()
        self._panel.add(self._holder, 1)

    def read(self) -> None:
        """Ask for the list."""
        self._context.link.get(f"/runs/{self._run.id}/checkpoints").on_reply(self._on_read)

    def _on_read(self, body: dict[str, Any]) -> None:
        rows = sorted(readable_items(CheckpointRecord, body), key=lambda r: -r.step)
        keys = measured(rows, str((self._run.best or {}).get("metric", "")))
        if keys != self._keys:
            self._keys = keys
            self._build_table()
        self.model.set_rows(rows)
        self._panel.setVisible(bool(rows))
        self._empty.setVisible(not rows)
        self.counted.emit(sum(row.present for row in rows))

    def _on_menu(self, record: CheckpointRecord, at: QPoint) -> None:
        menu = QMenu(self)
        keep = menu.addAction(tr("Do not keep") if record.kept else tr("Keep"))
        fork = menu.addAction(tr("Resume from here as new run…"))
        export = menu.addAction(tr("Export"))
        copy = menu.addAction(tr("Copy folder name"))
        for action in (keep, fork, export):
            action.setEnabled(record.present and not self._context.offline())
        chosen = menu.exec(at)
        if chosen is keep:
            call = operations.keep_checkpoint(self._context.link, self._run.id, record.name, not record.kept)
            ask(self._context, call).on_end(self.read)
        elif chosen is fork:
            self.fork_wanted.emit(record.name)
        elif chosen is export:
            self._export(record)
        elif chosen is copy:
            self._context.copy(record.name)

    def _export(self, record: CheckpointRecord) -> None:
        folder = QFileDialog.getExistingDirectory(self, tr("Export checkpoint into"))
        if folder:
            target = str(Path(folder) / f"{self._run.name}-{record.name}".replace("/", "-"))
            call = operations.export_checkpoint(self._context.link, self._run.id, record.name, target)
            ask(self._context, call).on_reply(self._on_exported)

    def _on_exported(self, body: dict[str, Any]) -> None:
        self._context.toast(tr("Checkpoint exported"), str((body or {}).get("path", "")))
