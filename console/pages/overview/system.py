"""CPU, RAM, disk and network: value and sparkline each."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from backend.contract.resources import HostReading
from console import words
from console.i18n import tr
from console.pages.overview.machine import Machine
from console.theme import theme
from console.widgets import paint
from console.widgets.panel import Panel
from console.widgets.text import set_tip

GIB = 2**30
LEFT_WIDTH = 122
MOST_HEIGHT = 340
"""Of the cards of the first row: charts grow with the window up to here."""


def amount(value: float | None, total: float | None) -> tuple[str, str]:
    """("61", "/ 128 GB"): memory in units of 2³⁰ bytes, as cards and drivers count it."""
    if value is None:
        return words.DASH, ""
    of_total = f"/ {total / GIB:.0f} GB" if total else "GB"
    return f"{value / GIB:.{0 if value >= 10 * GIB else 1}f}", of_total


def rate(value: float | None) -> tuple[str, str]:
    """("1.2", "GB/s"), never below KB/s."""
    if value is None:
        return words.DASH, ""
    for unit, name in ((1e9, "GB/s"), (1e6, "MB/s")):
        if value >= unit:
            return f"{value / unit:.{1 if value < 100 * unit else 0}f}", name
    return f"{value / 1e3:.0f}", "KB/s"


class SystemRow(QWidget):
    """Icon, name, value with its unit, and the sparkline of the range."""

    def __init__(self, icon: str, name: str) -> None:
        super().__init__()
        self._icon, self._name = icon, name
        self._value, self._unit = words.DASH, ""
        self._values: list[float | None] = []
        self._role, self._stale = "text", False
        self.setMinimumHeight(40)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMaximumHeight(72)

    def sizeHint(self) -> QSize:
        return QSize(300, 53)

    def show_value(
        self, value: str, unit: str, values: list[float | None], *, role: str = "text", tip: str = ""
    ) -> None:
        """Update in place."""
        self._value, self._unit, self._values, self._role = value, unit, values, role
        self.setAccessibleName(f"{self._name} {value} {unit}".strip())
        set_tip(self, self._name, line=tip or f"{value} {unit}".strip())
        self.update()

    def set_stale(self, stale: bool) -> None:
        self._stale = stale
        self.update()

    @property
    def value(self) -> str:
        return f"{self._value} {self._unit}".strip()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        middle = self.height() / 2
        small, strong = theme.font("small"), theme.font("body", 600)
        theme.paint_icon(painter, self._icon, QRectF(0, middle - 8, 15, 15), "text-tertiary")
        paint.draw_text(painter, QRectF(25, middle - 19, 98, 18), self._name, small, "text-secondary")
        role = "text-tertiary" if self._stale else self._role
        paint.draw_text(painter, QRectF(25, middle + 1, 60, 18), self._value, strong, role)
        used = paint.text_width(self._value, strong) + 5
        unit = QRectF(25 + used, middle + 1, LEFT_WIDTH - 23 - used, 18)
        paint.draw_text(painter, unit, self._unit, small, "text-tertiary")
        area = QRectF(LEFT_WIDTH + 6, middle - 17, self.width() - LEFT_WIDTH - 6, 34)
        colour = theme.role("settled" if self._stale else "single-neutral")
        paint.sparkline(painter, area, self._values, colour, zero=True)
        painter.end()


class SystemPanel(Panel):
    """Four rows; the subtitle is the name of the machine."""

    def __init__(self) -> None:
        super().__init__(tr("System"))
        self.cpu = SystemRow("cpu", tr("CPU"))
        self.ram = SystemRow("memory-stick", tr("RAM"))
        self.disk = SystemRow("hard-drive", tr("Disk"))
        self.network = SystemRow("network", tr("Network"))
        self.setMaximumHeight(MOST_HEIGHT)
        self.rows = (self.cpu, self.ram, self.disk, self.network)
        self.body.setSpacing(0)
        self.body.setContentsMargins(13, 2, 13, 10)
        for row in self.rows:
            self.add(row, 1)

    def show_host(self, host: HostReading | None, machine: Machine) -> None:
        """Update in place."""
        if host is None:
            return
        percent = words.DASH if host.cpu_percent is None else f"{host.cpu_percent:.0f}"
        cores = tr("% of {n}", n=host.cpu_count) if host.cpu_count else "%"
        self.cpu.show_value(percent, cores, machine.spark("cpu/utilization_percent"))
        used, total = host.memory_used_bytes, host.memory_total_bytes
        share = used / total if used is not None and total else 0.0
        role = "bad" if share > 0.95 else "warn" if share > 0.9 else "text"
        self.ram.show_value(*amount(used, total), machine.spark("memory/used_bytes"), role=role)
        self._show_rate(
            self.disk, machine, ("disk/read_bytes_per_s", host.disk_read_bytes_per_s, tr("read")),
            ("disk/write_bytes_per_s", host.disk_write_bytes_per_s, tr("write")),
        )  # fmt: skip
        self._show_rate(
            self.network, machine, ("net/in_bytes_per_s", host.net_in_bytes_per_s, tr("in")),
            ("net/out_bytes_per_s", host.net_out_bytes_per_s, tr("out")),
        )  # fmt: skip

    @staticmethod
    def _show_rate(
        row: SystemRow, machine: Machine, one: tuple[str, float | None, str], other: tuple[str, float | None, str]
    ) -> None:
        """The busier direction over the range, so that the word does not flicker; both in the tooltip."""
        key, value, word = one if machine.mean(one[0]) >= machine.mean(other[0]) else other
        shown, unit = rate(value)
        tip = " · ".join(f"{' '.join(rate(each))} {name}" for _, each, name in (one, other))
        row.show_value(shown, f"{unit} {word}".strip() if unit else "", machine.spark(key), tip=tip)

    def set_stale(self, stale: bool) -> None:
        for row in self.rows:
            row.set_stale(stale)
