"""Checkpoints and samples of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QFileDialog, QMenu, QVBoxLayout, QWidget

from backend.contract.answers import items_of, readable_items
from backend.contract.resources import CheckpointRecord, RunRecord
from console import operations, words
from console.asking import ask
from console.context import Context
from console.i18n import tr
from console.tables import Column, TableModel, TableView
from console.widgets.empty import EmptyState
from console.widgets.panel import Panel, inset


def _metric(name: str) -> Any:
    return lambda row: row.metrics.get(name)


def _text(name: str) -> Any:
    return lambda row: words.metric(name, row.metrics.get(name))


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
        columns = (
            Column("step", tr("Step"), lambda r: r.step, text=lambda r: words.count(r.step), align="right", width=90,
                   weight=500, descending_first=True),
            Column("epoch", tr("Epoch"), lambda r: r.epoch, text=lambda r: words.fixed(r.epoch, 2), align="right",
                   width=80),
            Column("loss", tr("Eval loss"), _metric("eval/loss"), text=_text("eval/loss"), align="right", width=100),
            Column("accuracy", tr("Accuracy"), _metric("eval/accuracy"), text=_text("eval/accuracy"), align="right",
                   width=100),
            Column("f1", tr("Macro F1"), _metric("eval/f1"), text=_text("eval/f1"), align="right", width=100),
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
        self._empty = EmptyState(
            "bookmark",
            tr("No checkpoint yet"),
            tr("One is written at the end of each epoch, or when you press Checkpoint now."),
        )
        self._panel = Panel(flush=True)
        self._panel.add(inset(self.view), 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._panel, 1)
        layout.addWidget(self._empty, 1)
        self._panel.hide()

    def read(self) -> None:
        """Ask for the list."""
        self._context.link.get(f"/runs/{self._run.id}/checkpoints").on_reply(self._on_read)

    def _on_read(self, body: dict[str, Any]) -> None:
        rows = sorted(readable_items(CheckpointRecord, body), key=lambda r: -r.step)
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


class SamplesTab(QWidget):
    """Fixed inputs with what the model said of them at each evaluation; the newest answer first."""

    def __init__(self, context: Context, run: RunRecord) -> None:
        super().__init__()
        self._context, self._run = context, run
        columns = (
            Column("text", tr("Input"), lambda r: r["text"], stretch=True, tip=lambda r: r["text"]),
            Column("expected", tr("Expected"), lambda r: r["expected"], width=130),
            Column("predicted", tr("Now"), lambda r: r["predicted"], width=130, weight=500,
                   role=lambda r: "ok" if r["predicted"] == r["expected"] else "bad"),
            Column("score", tr("Score"), lambda r: r["score"], text=lambda r: words.fixed(r["score"], 3), align="right",
                   width=80),
            Column("history", tr("Score of the expected label"), lambda r: r["history"][-1] if r["history"] else None,
                   cell=lambda r: r["history"], kind="sparkline", width=220, sortable=False),
        )  # fmt: skip
        self.model = TableModel(columns, row_id=lambda r: r["text"])
        self.view = TableView(self.model, name=tr("Samples"))
        self._empty = EmptyState("list-checks", tr("No samples yet"), tr("They appear with the first evaluation."))
        self._panel = Panel(flush=True)
        self._panel.add(inset(self.view), 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._panel, 1)
        layout.addWidget(self._empty, 1)
        self._panel.hide()

    def read(self) -> None:
        """Ask for every sample of the run."""
        self._context.link.get(f"/runs/{self._run.id}/samples").on_reply(self._on_read)

    def _on_read(self, body: dict[str, Any]) -> None:
        rows = sample_rows(items_of(body))
        self.model.set_rows(rows)
        self._panel.setVisible(bool(rows))
        self._empty.setVisible(not rows)


def sample_rows(sampled: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row an input: its newest answer, and the score its expected label had at each evaluation."""
    rows: dict[str, dict[str, Any]] = {}
    for moment in sorted(sampled, key=lambda item: item["step"]):
        for item in moment["items"]:
            kept = rows.setdefault(str(item.get("text", "")), {"history": []})
            score = item.get("score")
            right = item.get("predicted") == item.get("expected")
            if score is not None:
                kept["history"].append(score if right else 1.0 - score)
            kept.update({name: item.get(name) for name in ("text", "expected", "predicted", "score")})
    return list(rows.values())
