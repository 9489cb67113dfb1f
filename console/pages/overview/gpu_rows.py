"""Machines with three GPUs and more: one row a card, sortable."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QMenu, QSizePolicy

from backend.contract.resources import GpuProcess, GpuReading, MigSlice
from console import words
from console.context import Context
from console.i18n import tr
from console.pages.overview.gpu_sheets import add_card_actions, process_menu
from console.pages.overview.gpus import percent
from console.pages.overview.machine import Machine
from console.pages.overview.slices import memory_words, owner_names
from console.tables import Column, TableModel, TableView
from console.theme import theme
from console.widgets import paint
from console.widgets.panel import Panel

ROW = 44
MOST_ROWS = 8


@dataclass(frozen=True)
class GpuRow:
    """A card, or one of its slices; slices have what the driver tells of them."""

    gpu: GpuReading
    part: MigSlice | None = None

    @property
    def id(self) -> tuple[int, int]:
        return self.gpu.index, -1 if self.part is None else self.part.index

    @property
    def of(self) -> GpuReading | MigSlice:
        return self.gpu if self.part is None else self.part


def rows_of(gpus: tuple[GpuReading, ...]) -> list[GpuRow]:
    """Every card with its slices under it."""
    return [row for gpu in gpus for row in (GpuRow(gpu), *(GpuRow(gpu, part) for part in gpu.slices))]


def under_their_cards(rows: list[GpuRow]) -> list[GpuRow]:
    """Sorted cards, each followed by its slices whatever they were sorted by."""
    slices: dict[int, list[GpuRow]] = {}
    for row in sorted((row for row in rows if row.part is not None), key=lambda row: row.id):
        slices.setdefault(row.gpu.index, []).append(row)
    cards = [row for row in rows if row.part is None]
    return [row for card in cards for row in (card, *slices.get(card.gpu.index, ()))]


def _share(used: float | None, total: float | None) -> float | None:
    return used / total if used is not None and total else None


class GpuRows(Panel):
    """Name, load with its curve, memory, temperature, power, processes."""

    def __init__(self, context: Context, machine: Machine) -> None:
        super().__init__(tr("GPUs"), flush=True)
        self._context, self._machine, self._stale = context, machine, False
        self.menu: QMenu | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.model = TableModel(self._columns())
        self.model.set_layout(under_their_cards)
        self.view = TableView(self.model, name=tr("GPUs"), row_height=ROW)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.head.setMinimumSectionSize(8)
        self.view.setColumnWidth(0, 8)
        self.view.setColumnWidth(self.model.columnCount() - 1, 8)
        self.view.opened.connect(self._on_opened)
        self.view.menu_asked.connect(self._on_menu_asked)
        self.add(self.view)

    def _columns(self) -> tuple[Column, ...]:
        return (
            Column("lead", "", lambda _r: "", width=8, min_width=8, sortable=False, hideable=False),
            Column("gpu", tr("GPU"), lambda r: r.gpu.index, kind="two_line", width=150, weight=600, hideable=False,
                   stretch=True, cell=self._names),
            Column("spark", tr("Utilization"), lambda _r: None, kind="sparkline", zero=True, width=102, sortable=False,
                   cell=self._spark, role=lambda _r: "settled" if self._stale else "utilization"),
            Column("load", "%", lambda r: r.of.utilization_percent, kind="custom", width=92, descending_first=True,
                   text=lambda r: percent(r.of.utilization_percent), paint=self._paint_load),
            Column("memory", tr("Memory"), lambda r: _share(r.of.memory_used_bytes, r.of.memory_total_bytes),
                   kind="custom", width=150, text=self._memory_text, paint=self._paint_memory, descending_first=True),
            Column("heat", "°C", self._heat, text=lambda r: percent(self._heat(r)), align="right", width=48,
                   descending_first=True, role=self._heat_role),
            Column("power", "W", self._power, text=lambda r: percent(self._power(r)), align="right", width=54,
                   descending_first=True, role=self._role),
            Column("processes", tr("Processes"), lambda r: len(r.of.processes), width=140,
                   text=lambda r: owner_names(self._context, r.of.processes), role=lambda _r: "text-secondary"),
            Column("trail", "", lambda _r: "", width=8, min_width=8, sortable=False, hideable=False),
        )  # fmt: skip

    @staticmethod
    def _names(row: GpuRow) -> tuple[str, str]:
        if row.part is not None:
            return f"    MIG {row.part.index}", f"    {row.part.name}"
        return f"GPU {row.gpu.index}", row.gpu.lost or row.gpu.name.removeprefix("NVIDIA ")

    def _spark(self, row: GpuRow) -> list[float | None]:
        return [] if row.part is not None else self._machine.spark(f"gpu/{row.gpu.index}/utilization_percent", 40)

    @staticmethod
    def _heat(row: GpuRow) -> float | None:
        return row.gpu.temperature_c if row.part is None else None  # a slice has no sensor of its own

    @staticmethod
    def _power(row: GpuRow) -> float | None:
        return row.gpu.power_w if row.part is None else None

    def _role(self, row: GpuRow) -> str:
        return "text-tertiary" if self._stale or row.gpu.lost else "text"

    def _heat_role(self, row: GpuRow) -> str:
        heat = self._heat(row)
        hot = heat is not None and heat > 80 and not row.gpu.lost
        return "warn" if hot and not self._stale else self._role(row)

    @staticmethod
    def _memory_text(row: GpuRow) -> str:
        return memory_words(row.of.memory_used_bytes, row.of.memory_total_bytes)

    def _paint_bar(
        self, painter: QPainter, rect: QRectF, row: GpuRow, text: str, share: float | None, role: str
    ) -> None:
        font = theme.font("body", 500)
        width = 36.0 if role == "utilization" else 92.0
        paint.draw_text(painter, rect, text, font, self._role(row), paint.CENTER_RIGHT)
        track = QRectF(rect.left(), rect.center().y() - 2, max(16.0, rect.width() - width), 4)
        paint.bar(painter, track, share, theme.role("line-strong" if self._stale or row.gpu.lost else role))

    def _paint_load(self, painter: QPainter, rect: QRectF, row: GpuRow) -> None:
        load = row.of.utilization_percent
        share = None if load is None else load / 100
        self._paint_bar(painter, rect, row, percent(load), share, "utilization")

    def _paint_memory(self, painter: QPainter, rect: QRectF, row: GpuRow) -> None:
        share = _share(row.of.memory_used_bytes, row.of.memory_total_bytes)
        self._paint_bar(painter, rect, row, self._memory_text(row), share, "memory")

    def show_readings(self, gpus: tuple[GpuReading, ...]) -> None:
        """Bring the rows up to these readings."""
        self.subtitle.setText(words.count(len(gpus)))
        rows = rows_of(gpus)
        self.model.set_rows(rows)
        height = 30 + ROW * min(len(rows), MOST_ROWS)
        if self.view.height() != height:
            self.view.setFixedHeight(height)

    def set_stale(self, stale: bool) -> None:
        self._stale = stale
        self.view.viewport().update()

    def _on_opened(self, row: Any) -> None:
        owner = next((p.owner for p in row.of.processes if p.owner), None)
        if owner:
            self._context.navigate(owner)

    def _on_menu_asked(self, row: Any, at: QPoint) -> None:
        """The processes of the card, each with what can be done with it."""
        if row is None:
            return
        self.menu = QMenu(self)
        name = self._names(row)[0].strip()
        self.menu.addAction(theme.icon("copy"), tr("Copy"), lambda: self._context.copy(f"{name}\t{row.of.uuid or ''}"))
        add_card_actions(self._context, self.menu, row.gpu)
        self.menu.addSeparator()
        for process in row.of.processes:
            text = f"{owner_names(self._context, (process,))} · {process.pid}"
            self.menu.addAction(text, partial(self._open_process, process, at))
        self.menu.popup(at)

    def _open_process(self, process: GpuProcess, at: QPoint) -> None:
        name = owner_names(self._context, (process,))
        self.menu = process_menu(self._context, self, process, name, process.owner or "", at)
