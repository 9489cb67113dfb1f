"""Quality: label balance, lengths, languages, and what a person should know before training."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from backend.contract.resources import DatasetProblem, DatasetRecord
from console import words
from console.charts.binned import BinnedChart
from console.context import Context
from console.i18n import tr, tr_n
from console.pages.data import words as data_words
from console.pages.data.rows import RowsView
from console.widgets.buttons import Button
from console.widgets.chips import Icon, Tag
from console.widgets.panel import Panel, line
from console.widgets.rows import BarRow, KeyValue
from console.widgets.text import Text, set_tip

TOP_HEIGHT = 252
MOST_BARS = 200
MOST_SAMPLES = 3


class BarsPanel(Panel):
    """Bars in a scroll area, with a word at the right of the header."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.note = Text("", "small", "warn", weight=600)
        self.add_action(self.note)
        holder = QWidget()
        self._column = QVBoxLayout(holder)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        area = QScrollArea()
        area.setAccessibleName(tr("Quality"))
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(holder)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.viewport().setAutoFillBackground(False)
        holder.setAutoFillBackground(False)
        self.add(area, 1)

    def show_rows(self, rows: Sequence[QWidget]) -> None:
        """Replace all rows."""
        while (item := self._column.takeAt(0)) is not None:
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        for row in rows:
            self._column.addWidget(row)
        self._column.addStretch(1)


class ProblemRow(QWidget):
    """One problem: icon, title, detail, masked samples, and "Show" where rows can be found. Signals: wanted(text)."""

    wanted = Signal(str)

    def __init__(self, problem: DatasetProblem, record: DatasetRecord) -> None:
        super().__init__()
        self.setFixedHeight(42)
        role = data_words.ROLES.get(problem.severity, "warn")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 0, 14, 0)
        layout.setSpacing(8)
        layout.addWidget(Icon(data_words.ICONS.get(problem.code, "triangle-alert"), role, 16))
        title = Text(data_words.problem_title(problem), "body", weight=500, elide=True)
        title.setMaximumWidth(title.fontMetrics().horizontalAdvance(title.text()) + 6)
        layout.addWidget(title)
        layout.addWidget(Text(data_words.problem_detail(problem, record), "small", "text-tertiary", elide=True), 1)
        label = problem.sample[0] if problem.code in ("imbalance", "rare_label") and problem.sample else ""
        if not label:
            self._add_samples(layout, problem.sample)
        else:
            show = Button(tr("Show"))
            show.clicked.connect(partial(self.wanted.emit, label))
            layout.addWidget(show)

    @staticmethod
    def _add_samples(layout: QHBoxLayout, samples: Sequence[str]) -> None:
        for sample in samples[:MOST_SAMPLES]:
            tag = Tag(sample if len(sample) <= 26 else sample[:25] + "…")
            set_tip(tag, sample)
            layout.addWidget(tag)
        if len(samples) > MOST_SAMPLES:
            layout.addWidget(Text(f"+{len(samples) - MOST_SAMPLES}", "small", "text-tertiary"))


class QualityView(QWidget):
    """Signals: label_wanted(text) shows rows with it, all_wanted() shows all rows."""

    label_wanted = Signal(str)
    all_wanted = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._shown = ""
        self.labels = BarsPanel(tr("Label balance"))
        self.lengths = BinnedChart(tr("Length"), tr("characters"))
        self.languages = BarsPanel(tr("Language"))
        top = QHBoxLayout()
        top.setSpacing(10)
        for widget in (self.labels, self.lengths, self.languages):
            widget.setFixedHeight(TOP_HEIGHT)
            top.addWidget(widget, 1)
        self.problems = Panel(tr("To fix"), flush=True)
        self._problems = QVBoxLayout()
        self._problems.setContentsMargins(0, 0, 0, 0)
        self._problems.setSpacing(0)
        self.problems.add(self._problems)
        self.rows = RowsView(context, compact=True)
        self.rows.all_wanted.connect(self.all_wanted)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addLayout(top)
        layout.addWidget(self.problems)
        layout.addWidget(self.rows, 1)

    def retry(self) -> None:
        """The backend answers again."""
        self.rows.retry()

    def show_dataset(self, record: DatasetRecord) -> None:
        """Versions never change, so the same one is not drawn again."""
        self.rows.show_dataset(record)
        if record.id == self._shown:
            return
        self._shown = record.id
        self._show_labels(record)
        self._show_lengths(record.profile)
        self._show_languages(record.profile.get("languages") or {})
        self._show_problems(record)

    def _show_labels(self, record: DatasetRecord) -> None:
        if not record.labels:
            self.labels.set_title(tr("Columns"), words.count(len(record.columns)))
            roles = {column: role for role, column in record.mapping.items()}
            names = {"text": tr("Text"), "label": tr("Label"), "split": tr("Split")}
            said = [(column, names.get(roles.get(column, ""), "")) for column in record.columns]
            self.labels.show_rows([KeyValue(column, role) for column, role in said])
            self.labels.note.setText("")
            return
        counts = sorted(record.labels.items(), key=lambda item: -item[1])
        most = counts[0][1]
        even = sum(record.labels.values()) / len(counts)
        rows: list[QWidget] = []
        for name, count in counts[:MOST_BARS]:
            rare = len(counts) > 1 and count < 0.2 * even
            rows.append(BarRow(name, count / most, words.count(count), "warn" if rare else "s1-blue",
                               text_role="warn" if rare else "text"))  # fmt: skip
        self.labels.set_title(tr("Label balance"), tr_n(len(counts), "{n} label", "{n} labels"))
        self.labels.note.setText(data_words.balance_note(record.labels))
        self.labels.show_rows(rows)

    def _show_lengths(self, profile: dict[str, Any]) -> None:
        edges, counts = profile.get("length_edges") or [], profile.get("length_histogram") or []
        known = len(edges) == len(counts) and sum(counts) > 0
        used = max((at + 1 for at, count in enumerate(counts) if count), default=0) if known else 0
        first = next((at for at, count in enumerate(counts) if count), 0) if known else 0
        self.lengths.setVisible(known)
        if not known:
            return
        stop = min(used + 1, len(edges))
        median = (profile.get("length_characters") or {}).get("p50")
        title = tr("characters, half under {n}", n=words.count(median)) if median is not None else tr("characters")
        self.lengths.header.set_texts(tr("Length"), title)
        self.lengths.set_bins(edges[first:stop], None, counts[first:stop], ("", tr("share of rows")), role="s1-blue")

    def _show_languages(self, languages: dict[str, int]) -> None:
        total = sum(languages.values())
        self.languages.set_title(tr("Language"), tr("detected, a guess"))
        counts = sorted(languages.items(), key=lambda item: -item[1])
        rows = [
            BarRow(
                data_words.language_name(code),
                count / max(1, total),
                _percent(count / max(1, total)),
                "s3-teal",
                label_width=128,
            )
            for code, count in counts
        ]
        self.languages.show_rows(rows)
        self.languages.setVisible(bool(rows))

    def _show_problems(self, record: DatasetRecord) -> None:
        while (item := self._problems.takeAt(0)) is not None:
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        said = tr("found at import; v{n} itself never changes", n=record.version) if record.problems else ""
        self.problems.set_title(tr("To fix"), said)
        for problem in record.problems:
            row = ProblemRow(problem, record)
            row.wanted.connect(self.label_wanted)
            self._problems.addWidget(line())
            self._problems.addWidget(row)
        if not record.problems:
            self._problems.addWidget(_all_well())


def _percent(share: float) -> str:
    return words.percent(share) if share >= 0.01 else "<1%"


def _all_well() -> QWidget:
    holder = QWidget()
    holder.setFixedHeight(38)
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(14, 0, 14, 6)
    layout.setSpacing(8)
    layout.addWidget(Icon("circle-check", "ok", 16))
    text = tr("No duplicates, no texts with several labels, no rare labels, no personal data found.")
    layout.addWidget(Text(text, "body", "text-secondary", elide=True), 1)
    return holder
