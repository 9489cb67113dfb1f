"""MIG slices of a card, one row each: profile, memory, and who uses it."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from backend.contract.resources import GpuProcess, MigSlice
from console import words
from console.context import Context
from console.i18n import tr
from console.theme import theme
from console.widgets import paint
from console.widgets.text import set_tip

ROW = 24
GIB = 2**30


def owner_names(context: Context, processes: tuple[GpuProcess, ...]) -> str:
    """Runs and endpoints by name, foreign processes by theirs; idle when there is none."""
    names = []
    for process in processes:
        kind, _, name = (process.owner or "").partition("/")
        run = context.state.runs.get(name) if kind == "run" else None
        names.append(run.name if run else name or process.name or str(process.pid))
    return ", ".join(names) or tr("idle")


def memory_words(used: int | None, total: int | None) -> str:
    """3.2 / 20 GB; a dash when it is not known."""
    if used is None:
        return words.DASH
    return f"{used / GIB:.1f} / {total / GIB:.0f} GB" if total else f"{used / GIB:.1f} GB"


class SliceRows(QWidget):
    """The slices of one card, painted; nothing when the card is whole."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._slices: tuple[MigSlice, ...] = ()
        self._stale = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.hide()

    def sizeHint(self) -> QSize:
        return QSize(200, ROW * len(self._slices))

    def lines(self) -> list[str]:
        """Each row as text, for screen readers and tests."""
        return [
            f"{part.name or part.index} · {memory_words(part.memory_used_bytes, part.memory_total_bytes)} · "
            f"{owner_names(self._context, part.processes)}"
            for part in self._slices
        ]

    def show_slices(self, slices: tuple[MigSlice, ...]) -> None:
        """Update in place."""
        other = len(slices) != len(self._slices)
        self._slices = slices
        self.setVisible(bool(slices))
        if other:
            self.setFixedHeight(ROW * len(slices))
            self.updateGeometry()
        text = "\n".join(self.lines())
        self.setAccessibleName(tr("MIG slices"))
        self.setAccessibleDescription(text)
        set_tip(self, tr("MIG slices"), line=text.replace("\n", " — "))
        self.update()

    def set_stale(self, stale: bool) -> None:
        self._stale = stale
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        for index, part in enumerate(self._slices):
            self._paint(painter, QRectF(0, index * ROW, self.width(), ROW), part)
        painter.end()

    def _paint(self, painter: QPainter, rect: QRectF, part: MigSlice) -> None:
        small = theme.font("small")
        role = "text-tertiary" if self._stale else "text-secondary"
        theme.paint_icon(painter, "chevron-right", QRectF(2, rect.center().y() - 6, 12, 12), "text-tertiary")
        name = part.name or tr("slice {n}", n=part.index)
        paint.draw_text(painter, QRectF(20, rect.top(), 84, ROW), name, small, role)
        used, total = part.memory_used_bytes, part.memory_total_bytes
        share = used / total if used is not None and total else None
        colour = theme.role("line-strong" if self._stale else "memory")
        paint.bar(painter, QRectF(108, rect.center().y() - 2, 56, 4), share, colour)
        text = memory_words(used, total)
        paint.draw_text(painter, QRectF(172, rect.top(), 92, ROW), text, small, role)
        left = QRectF(268, rect.top(), max(0.0, rect.width() - 268), ROW)
        owners = owner_names(self._context, part.processes)
        paint.draw_text(painter, left, owners, small, "text-tertiary")
