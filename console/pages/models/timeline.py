"""Versions on their rail, and below them the quality by version."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from backend.contract.resources import EndpointRecord, ModelRecord
from console import words
from console.i18n import tr
from console.pages.models import words as model_words
from console.pages.models.figures import key_metric, key_name
from console.widgets.buttons import Button
from console.widgets.panel import Panel, line
from console.widgets.timeline import VersionEntry, VersionTimeline

FIRST = 10
LEAST_FOR_CHART = 2
MOST_IN_CHART = 30


class VersionsPanel(Panel):
    """Signals: chosen(number), compared(number, number), menu_asked(number, global point)."""

    chosen = Signal(int)
    compared = Signal(int, int)
    menu_asked = Signal(int, QPoint)

    def __init__(self) -> None:
        super().__init__(tr("Versions"), "", flush=True)
        self.timeline = VersionTimeline(tr("Versions"))
        self.timeline.chosen.connect(self._on_chosen)
        self.timeline.compared.connect(self._on_compared)
        self.timeline.menu_asked.connect(self._on_menu)
        self.older = Button("", "link")
        self.older.clicked.connect(self._on_older)
        holder = QWidget()
        inner = QVBoxLayout(holder)
        inner.setContentsMargins(7, 4, 7, 4)
        inner.setSpacing(6)
        inner.addWidget(self.timeline)
        below = QVBoxLayout()
        below.setContentsMargins(8, 0, 0, 0)
        below.addWidget(self.older)
        inner.addLayout(below)
        inner.addStretch(1)
        self._area = QScrollArea()
        self._area.setAccessibleName(tr("Versions"))
        self._area.setWidgetResizable(True)
        self._area.setWidget(holder)
        self._area.viewport().setAutoFillBackground(False)
        holder.setAutoFillBackground(False)
        self.add(self._area, 1)
        self._chart_box = QWidget()
        box = QVBoxLayout(self._chart_box)
        box.setContentsMargins(14, 0, 8, 4)
        box.setSpacing(6)
        box.addWidget(line())
        self._chart: Any = None
        self._chart_layout = box
        self._chart_box.setFixedHeight(186)
        self._chart_box.hide()
        self.add(self._chart_box)
        self._all = False
        self._drawn: tuple[Any, ...] = ()
        self._given: tuple[ModelRecord, list[EndpointRecord], dict[int, str], float] | None = None

    def show_model(
        self, model: ModelRecord, endpoints: list[EndpointRecord], gates: dict[int, str], now: float
    ) -> None:
        """Bring the rail up to the record. `gates`: version → passed, warned, failed."""
        self._given = (model, endpoints, gates, now)
        shown = model.versions if self._all else model.versions[:FIRST]
        left = len(model.versions) - len(shown)
        self.older.setText(tr("Show {n} older", n=left))
        self.older.setVisible(left > 0)
        name = next((name for version in model.versions if (name := key_name(version))), "")
        self.set_title(tr("Versions"), words.metric_name(name, part=False) if name else "")
        self.timeline.set_entries([
            VersionEntry(
                key=str(version.version),
                title=f"v{version.version}",
                subtitle=model_words.version_subtitle(version, endpoints, now),
                metric=model_words.version_metric(version),
                aliases=version.aliases,
                gate=gates.get(version.version, ""),
                served=version.first_served_at is not None,
                link=f"model/{model.name}/{version.version}",
            )
            for version in shown
        ])  # fmt: skip
        self._show_chart(model)

    def forget_model(self) -> None:
        """Another model comes: its older versions are folded again."""
        self._all = False

    def select(self, number: int) -> None:
        self.timeline.set_current(str(number))

    def _show_chart(self, model: ModelRecord) -> None:
        known = [version for version in reversed(model.versions) if key_metric(version) is not None][-MOST_IN_CHART:]
        self._chart_box.setVisible(len(known) >= LEAST_FOR_CHART)
        facts = (model.champion, tuple((v.version, key_metric(v)) for v in known))
        if len(known) < LEAST_FOR_CHART or facts == self._drawn:
            return
        self._drawn = facts
        from console.charts.plain import PlainChart, PlainCurve  # pyqtgraph loads here, not when the window opens

        if self._chart is None:
            self._chart = PlainChart(tr("Quality by version"), framed=False)
            self._chart_layout.addWidget(self._chart, 1)
        numbers = [version.version for version in known]
        values = [value if (value := key_metric(version)) is not None else math.nan for version in known]
        marker = numbers.index(model.champion) if model.champion in numbers else None
        curve = PlainCurve(tr("held-out part"), "reference", values, points=True, style=".4f")
        self._chart.set_points([f"v{n}" for n in numbers], [curve], marker=marker)

    def _on_older(self) -> None:
        self._all = True
        if self._given is not None:
            self.show_model(*self._given)

    def _on_chosen(self, key: str) -> None:
        row = [entry.key for entry in self.timeline._entries].index(key)
        self._area.ensureVisible(10, row * 58 + 30, 10, 40)
        self.chosen.emit(int(key))

    def _on_compared(self, one: str, two: str) -> None:
        self.compared.emit(int(one), int(two))

    def _on_menu(self, key: str, at: QPoint) -> None:
        self.menu_asked.emit(int(key), at)
