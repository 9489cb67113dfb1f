"""Machines with three GPUs and more: one row a card, sortable."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QSizePolicy

from backend.contract.resources import GpuReading
from console import words
from console.context import Context
from console.i18n import tr
from console.pages.overview.gpus import percent
from console.pages.overview.machine import Machine
from console.pages.overview.system import GIB
from console.tables import Column, TableModel, TableView
from console.theme import theme
from console.widgets import paint
from console.widgets.panel import Panel

ROW = 44
MOST_ROWS = 8


def _share(used: float | None, total: float | None) -> float | None:
    return used / total if used is not None and total else None


class GpuRows(Panel):
    """Name, load with its curve, memory, temperature, power, processes."""

    def __init__(self, context: Context, machine: Machine) -> None:
        super().__init__(tr("GPUs"), flush=True)
        self._context, self._machine, self._stale = context, machine, False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.model = TableModel(self._columns(), row_id=lambda g: g.index)
        self.view = TableView(self.model, name=tr("GPUs"), row_height=ROW)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.head.setMinimumSectionSize(8)
        self.view.setColumnWidth(0, 8)
        self.view.setColumnWidth(self.model.columnCount() - 1, 8)
        self.view.opened.connect(self._on_opened)
        self.add(self.view)

    def _columns(self) -> tuple[Column, ...]:
        return (
            Column("lead", "", lambda _g: "", width=8, min_width=8, sortable=False, hideable=False),
            Column("gpu", tr("GPU"), lambda g: g.index, kind="two_line", width=150, weight=600, hideable=False,
                   stretch=True, cell=lambda g: (f"GPU {g.index}", g.lost or g.name.removeprefix("NVIDIA "))),
            Column("spark", tr("Utilization"), lambda _g: None, kind="sparkline", zero=True, width=102, sortable=False,
                   cell=lambda g: self._machine.spark(f"gpu/{g.index}/utilization_percent", 40),
                   role=lambda _g: "settled" if self._stale else "utilization"),
            Column("load", "%", lambda g: g.utilization_percent, kind="custom", width=92, descending_first=True,
                   text=lambda g: percent(g.utilization_percent), paint=self._paint_load),
            Column("memory", tr("Memory"), lambda g: _share(g.memory_used_bytes, g.memory_total_bytes), kind="custom",
                   width=150, text=self._memory_text, paint=self._paint_memory, descending_first=True),
            Column("heat", "°C", lambda g: g.temperature_c, text=lambda g: percent(g.temperature_c), align="right",
                   width=48, descending_first=True, role=self._heat_role),
            Column("power", "W", lambda g: g.power_w, text=lambda g: percent(g.power_w), align="right", width=54,
                   descending_first=True, role=self._role),
            Column("processes", tr("Processes"), lambda g: len(g.processes), text=self._owners, width=140,
                   role=lambda _g: "text-secondary"),
            Column("trail", "", lambda _g: "", width=8, min_width=8, sortable=False, hideable=False),
        )  # fmt: skip

    def _role(self, gpu: GpuReading) -> str:
        return "text-tertiary" if self._stale or gpu.lost else "text"

    def _heat_role(self, gpu: GpuReading) -> str:
        hot = gpu.temperature_c is not None and gpu.temperature_c > 80 and not gpu.lost
        return "warn" if hot and not self._stale else self._role(gpu)

    @staticmethod
    def _memory_text(gpu: GpuReading) -> str:
        if gpu.memory_used_bytes is None:
            return words.DASH
        total = f" / {gpu.memory_total_bytes / GIB:.0f}" if gpu.memory_total_bytes else ""
        return f"{gpu.memory_used_bytes / GIB:.1f}{total} GB"

    def _owners(self, gpu: GpuReading) -> str:
        names = []
        for process in gpu.processes:
            kind, _, name = (process.owner or "").partition("/")
            run = self._context.state.runs.get(name) if kind == "run" else None
            names.append(run.name if run else name or process.name or str(process.pid))
        return ", ".join(names) or tr("idle")

    def _paint_bar(
        self, painter: QPainter, rect: QRectF, gpu: GpuReading, text: str, share: float | None, role: str
    ) -> None:
        font = theme.font("body", 500)
        width = 36.0 if role == "utilization" else 92.0
        paint.draw_text(painter, rect, text, font, self._role(gpu), paint.CENTER_RIGHT)
        track = QRectF(rect.left(), rect.center().y() - 2, max(16.0, rect.width() - width), 4)
        paint.bar(painter, track, share, theme.role("line-strong" if self._stale or gpu.lost else role))

    def _paint_load(self, painter: QPainter, rect: QRectF, gpu: GpuReading) -> None:
        load = gpu.utilization_percent
        share = None if load is None else load / 100
        self._paint_bar(painter, rect, gpu, percent(load), share, "utilization")

    def _paint_memory(self, painter: QPainter, rect: QRectF, gpu: GpuReading) -> None:
        share = _share(gpu.memory_used_bytes, gpu.memory_total_bytes)
        self._paint_bar(painter, rect, gpu, self._memory_text(gpu), share, "memory")

    def show_readings(self, gpus: tuple[GpuReading, ...]) -> None:
        """Bring the rows up to these readings."""
        self.subtitle.setText(words.count(len(gpus)))
        self.model.set_rows(list(gpus))
        height = 30 + ROW * min(len(gpus), MOST_ROWS)
        if self.view.height() != height:
            self.view.setFixedHeight(height)

    def set_stale(self, stale: bool) -> None:
        self._stale = stale
        self.view.viewport().update()

    def _on_opened(self, gpu: Any) -> None:
        owner = next((p.owner for p in gpu.processes if p.owner), None)
        if owner:
            self._context.navigate(owner)
