"""Samples of a run: fixed inputs with what the model said of them at each evaluation, read in full beside the table."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPlainTextEdit, QSplitter, QVBoxLayout, QWidget

from backend.contract.answers import items_of
from backend.contract.resources import RunRecord
from console import words
from console.context import Context
from console.i18n import tr
from console.tables import Column, TableModel, TableView
from console.widgets.empty import EmptyState
from console.widgets.panel import Panel, inset
from console.widgets.text import Text

SHORT = 24
"""Longer answers are texts, not labels: they get the room of a text, and "equal" says little about them."""


class SamplesTab(QWidget):
    """The newest answer of every sample first; the chosen one in full below."""

    def __init__(self, context: Context, run: RunRecord) -> None:
        super().__init__()
        self._context, self._run = context, run
        self._shape: tuple[bool, ...] = ()
        self._holder: QWidget | None = None
        self._panel = Panel(flush=True)
        self._detail = SampleDetail()
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self._panel)
        self._split.addWidget(self._detail)
        self._split.setStretchFactor(0, 3)
        self._split.setStretchFactor(1, 2)
        self._split.setSizes([3000, 2000])
        self._empty = EmptyState("list-checks", tr("No samples yet"), tr("They appear with the first evaluation."))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._split, 1)
        layout.addWidget(self._empty, 1)
        self._split.hide()
        self._build_table(True, True, True)

    def _build_table(self, short: bool, scored: bool, expected: bool) -> None:
        """Narrow columns for labels, wide ones for texts; none for what is never said."""
        if (short, scored, expected) == self._shape:
            return
        self._shape = (short, scored, expected)
        width, role = (130, _role_of_label) if short else (240, _role_of_text)
        columns = [Column("text", tr("Input"), lambda r: r["text"], stretch=True, width=260, tip=lambda r: r["text"])]
        if expected:
            columns.append(Column("expected", tr("Expected"), lambda r: r["expected"], width=width, stretch=not short,
                                  tip=lambda r: r["expected"]))  # fmt: skip
        columns.append(Column("predicted", tr("Now"), lambda r: r["predicted"], width=width, stretch=not short,
                              weight=500, role=role, tip=lambda r: r["predicted"]))  # fmt: skip
        if scored:
            history = tr("Score of the expected label") if short else tr("Score over time")
            columns += [
                Column("score", tr("Score"), lambda r: r["score"], text=lambda r: words.fixed(r["score"], 3),
                       align="right", width=80),
                Column("history", history, lambda r: r["history"][-1] if r["history"] else None,
                       cell=lambda r: r["history"], kind="sparkline", width=220 if short else 130, sortable=False),
            ]  # fmt: skip
        self.model = TableModel(tuple(columns), row_id=lambda r: r["id"])
        self.view = TableView(self.model, name=tr("Samples"))
        self.view.current_changed.connect(self._on_chosen)
        old, self._holder = self._holder, inset(self.view)
        if old is not None:
            old.hide()
            old.deleteLater()
        self._panel.add(self._holder, 1)

    def read(self) -> None:
        """Ask for every sample of the run."""
        self._context.link.get(f"/runs/{self._run.id}/samples").on_reply(self._on_read)

    def _on_read(self, body: dict[str, Any]) -> None:
        rows = sample_rows(items_of(body), self._run.labels)
        answers = [row[name] for row in rows for name in ("expected", "predicted")]
        self._build_table(
            all(len(answer) <= SHORT and "\n" not in answer for answer in answers),
            any(row["score"] is not None for row in rows),
            any(row["expected"] for row in rows),
        )
        kept = self._detail.shown
        self.model.set_rows(rows)
        self._split.setVisible(bool(rows))
        self._empty.setVisible(not rows)
        self._detail.show_sample(next((row for row in rows if row["id"] == kept), rows[0] if rows else None))

    def _on_chosen(self, row: dict[str, Any] | None) -> None:
        if row is not None:
            self._detail.show_sample(row)


class SampleDetail(Panel):
    """One sample in full: input, what was expected, what is answered now."""

    def __init__(self) -> None:
        super().__init__(tr("Sample"))
        self.shown = ""
        self.texts: dict[str, QPlainTextEdit] = {}
        self.places: dict[str, QWidget] = {}
        columns = QSplitter(Qt.Orientation.Horizontal)
        columns.setChildrenCollapsible(False)
        for name, title in (("text", tr("Input")), ("expected", tr("Expected")), ("predicted", tr("Now"))):
            box = QPlainTextEdit()
            box.setReadOnly(True)
            box.setAccessibleName(title)
            self.texts[name] = box
            holder = QWidget()
            column = QVBoxLayout(holder)
            column.setContentsMargins(0, 2, 0, 0)
            column.setSpacing(4)
            column.addWidget(Text(title, "small", "text-secondary"))
            column.addWidget(box, 1)
            columns.addWidget(holder)
            self.places[name] = holder
        self.add(columns, 1)
        self.setMinimumHeight(110)

    def show_sample(self, row: dict[str, Any] | None) -> None:
        """Texts as they are; None shows nothing."""
        self.shown = str(row["id"]) if row else ""
        for name, box in self.texts.items():
            text = str(row[name]) if row else ""
            if box.toPlainText() != text:
                box.setPlainText(text)
        self.places["expected"].setVisible(bool(row and row["expected"]))
        score = row.get("score") if row else None
        self.set_title(tr("Sample"), tr("score {score}", score=words.fixed(score, 3)) if score is not None else "")


def _role_of_label(row: dict[str, Any]) -> str:
    return "ok" if row["predicted"] == row["expected"] else "bad"


def _role_of_text(row: dict[str, Any]) -> str:
    return "ok" if row["expected"] and row["predicted"] == row["expected"] else "text"


def sample_rows(sampled: list[dict[str, Any]], labels: Collection[str] = ()) -> list[dict[str, Any]]:
    """One row an input: its newest answer, and its scores. The score of an answer that is one of the `labels` is turned
    into that of the expected one; any other already says how good the answer is."""
    rows: dict[str, dict[str, Any]] = {}
    for moment in sorted(sampled, key=lambda item: item["step"]):
        for place, item in enumerate(moment["items"]):
            texts = {name: _text_of(item.get(name)) for name in ("text", "expected", "predicted")}
            key = f"{place} {texts['text']}"
            kept = rows.setdefault(key, {"id": key, "history": []})
            score = item.get("score")
            if score is not None:
                wrong = texts["expected"] in labels and texts["predicted"] != texts["expected"]
                kept["history"].append(1.0 - score if wrong else score)
            kept.update(texts, score=score)
    return list(rows.values())


def _text_of(value: Any) -> str:
    """What a recipe calls an input or an answer may be a number."""
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
