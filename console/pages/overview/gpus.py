"""Cards of one or two GPUs: the curve of the range, four meters, and who uses the card."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QVBoxLayout, QWidget

from backend.contract.resources import GpuProcess, GpuReading
from console import words
from console.context import Context
from console.i18n import mark, tr, tr_n
from console.pages.overview.gpu_sheets import process_menu
from console.pages.overview.slices import SliceRows
from console.pages.overview.system import GIB
from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import IconButton
from console.widgets.chips import Icon, Tag
from console.widgets.meters import Meter
from console.widgets.panel import Panel
from console.widgets.text import Text, set_tip

MOST_CHIPS = 3
METER_WIDTH = 132
SLOWED = {
    "power_cap": mark("power limit"),
    "hardware_slowdown": mark("hardware"),
    "thermal_software": mark("heat"),
    "thermal_hardware": mark("heat"),
    "power_brake": mark("power supply"),
    "sync_boost": mark("another card"),
}


class Legend(QWidget):
    """Short lines with names, above a chart without a header of its own."""

    def __init__(self, *entries: tuple[str, str]) -> None:
        super().__init__()
        self._entries = entries
        self.setFixedHeight(18)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        left, font = 1.0, theme.font("small")
        for text, role in self._entries:
            painter.fillRect(QRectF(left, 8, 12, 2), theme.role(role))
            width = paint.text_width(text, font)
            paint.draw_text(painter, QRectF(left + 17, 0, width + 2, 18), text, font, "text-secondary")
            left += 17 + width + 13
        painter.end()


class ChartHole(QWidget):
    """Where a chart goes as soon as the page has painted once; keeps the place until then."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.chart: Any = None
        self.setMinimumHeight(120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        return QSize(240, 158)

    def open(self, group: Any, spec: Any) -> None:
        """Make the chart; a second call gives the one there is another spec."""
        if self.chart is None:
            from console.charts.chart import TimeSeriesChart

            self.chart = TimeSeriesChart(group, spec, framed=False)
            self._layout.addWidget(self.chart)
        elif self.chart.spec != spec:
            self.chart.set_spec(spec)

    def close_chart(self) -> None:
        """Leave the group before the widget goes."""
        if self.chart is not None:
            self.chart.closing()


def two_curves(chart_id: str, title: str, load: tuple[str, str], memory: tuple[str, str], total: float | None) -> Any:
    """Percent of load as an area, percent of memory as a line."""
    from console.charts.catalogue import ChartSpec, SeriesSpec

    series = [SeriesSpec(load[0], "utilization", load[1], style=".0f", fill=True)]
    if total:
        series.append(SeriesSpec(memory[0], "memory", memory[1], scale=100 / total, style=".0f"))
    return ChartSpec(chart_id, title, tuple(series), "%", zero=True, capacity=100, robust=False)


def percent(value: float | None) -> str:
    return words.DASH if value is None else f"{value:.0f}"


class ProcessChip(Tag):
    """One process: its menu comes by right-click, the menu key and Shift+F10. Signals: menu_asked(global point)."""

    menu_asked = Signal(QPoint)

    def __init__(self, text: str, dot: str | None, *, clickable: bool) -> None:
        super().__init__(text, dot, clickable=clickable)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a foreign one leads nowhere, but it has a menu

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        keyboard = event.reason() == QContextMenuEvent.Reason.Keyboard
        self.menu_asked.emit(self.mapToGlobal(self.rect().bottomLeft()) if keyboard else event.globalPos())


class ProcessRow(QWidget):
    """Chips of the processes on a card: ours link to run or endpoint, foreign ones are grey."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._shown: tuple[Any, ...] | None = None
        self.menu: QMenu | None = None
        self.setFixedHeight(22)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(6)
        self._made: list[ProcessChip] = []
        self._chips = QHBoxLayout()
        self._chips.setSpacing(6)
        outer.addLayout(self._chips)
        outer.addStretch(1)
        self._lost_icon = Icon("circle-x", "bad", 14)
        self._count = Text("", "small", "text-tertiary")
        outer.addWidget(self._lost_icon)
        outer.addWidget(self._count)
        self._lost_icon.hide()

    def chips(self) -> list[ProcessChip]:
        """The chips of now, left to right."""
        return list(self._made)

    def show_processes(self, processes: tuple[GpuProcess, ...]) -> None:
        """Rebuilt only when other processes work on the card."""
        entries = tuple(self._entry(process) for process in processes)
        if entries == self._shown:
            return
        self._shown = entries
        while (item := self._chips.takeAt(0)) is not None:
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        shown = list(zip(processes, entries, strict=True))[:MOST_CHIPS]
        self._made = [self._chip(process, *entry) for process, entry in shown]
        for chip in self._made:
            self._chips.addWidget(chip)
        self._count.setText(tr_n(len(entries), "{n} process", "{n} processes") if entries else tr("idle"))

    def _entry(self, process: GpuProcess) -> tuple[str, str | None, str, str]:
        kind, _, name = (process.owner or "").partition("/")
        memory = words.size(process.memory_bytes)
        state = self._context.state
        if kind == "run":
            run = state.runs.get(name)
            return (run.name if run else name), "accent", f"run/{name}", f"pid {process.pid} · {memory}"
        if kind == "endpoint":
            endpoint = state.endpoints.get(name)
            dot = "ok" if endpoint is None or endpoint.state == "serving" else "warn"
            return name, dot, f"endpoint/{name}", f"pid {process.pid} · {memory}"
        shown = f"{process.name or tr('process')} {process.pid}"
        known = f" · {memory}" if process.memory_bytes is not None else ""
        return shown + known, None, "", tr("not started by Modeldeck")

    def _chip(self, process: GpuProcess, text: str, dot: str | None, link: str, tip: str) -> ProcessChip:
        chip = ProcessChip(text, dot, clickable=bool(link))
        chip.setMaximumWidth(170)
        set_tip(chip, text, line=tip)
        if link:
            chip.clicked.connect(lambda: self._context.navigate(link))
        chip.menu_asked.connect(lambda at: self._open_menu(at, process, text, link))
        return chip

    def _open_menu(self, at: QPoint, process: GpuProcess, text: str, link: str) -> None:
        self.menu = process_menu(self._context, self, process, text, link, at)

    def show_lost(self, text: str) -> None:
        """The card stopped answering; an empty text brings the chips back."""
        for chip in self.chips():
            chip.setVisible(not text)
        self._lost_icon.setVisible(bool(text))
        self._count.set_role("bad" if text else "text-tertiary")
        if text:
            self._count.setText(text)
            self._shown = None


class GpuCard(Panel):
    """One card. Values change in place; a lost card keeps its last ones and says so."""

    def __init__(self, context: Context, index: int) -> None:
        super().__init__(f"GPU {index}")
        self._context, self.index = context, index
        self._reading: GpuReading | None = None
        self._was_lost = self._stale = False
        self.setMinimumHeight(250)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.more = IconButton("ellipsis", tr("More about {name}", name=f"GPU {index}"), small=True)
        self.add_action(self.more)
        self.hole = ChartHole()
        self.utilization = Meter(tr("Utilization"), "utilization", subject=f"GPU {index}")
        self.memory = Meter(tr("Memory"), "memory", subject=f"GPU {index}")
        self.temperature = Meter(tr("Temp"), "s7-slate", subject=f"GPU {index}")
        self.power = Meter(tr("Power"), "s7-slate", subject=f"GPU {index}")
        self.meters = (self.utilization, self.memory, self.temperature, self.power)
        self.processes = ProcessRow(context)
        self.slices = SliceRows(context)
        self.body.setContentsMargins(13, 2, 13, 10)
        self.body.setSpacing(4)
        self.add(self._build_middle(), 1)
        self.add(self.slices)
        self.add(self.processes)

    def _build_middle(self) -> QHBoxLayout:
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(Legend((tr("Utilization"), "utilization"), (tr("Memory"), "memory")))
        inset = QHBoxLayout()
        inset.setContentsMargins(0, 0, 0, 0)
        inset.addWidget(self.hole)
        left.addLayout(inset, 1)
        right = QVBoxLayout()
        right.setContentsMargins(0, 3, 0, 0)
        right.setSpacing(8)
        for meter in self.meters:
            meter.setFixedWidth(METER_WIDTH)
            right.addWidget(meter)
            right.addStretch(1)
        right.addStretch(1)
        middle = QHBoxLayout()
        middle.setSpacing(10)
        middle.addLayout(left, 1)
        middle.addLayout(right)
        return middle

    def open_chart(self, group: Any) -> None:
        """Make the chart, or tell it a size of memory it did not know."""
        total = self._reading.memory_total_bytes if self._reading else None
        base = f"gpu/{self.index}"
        self.hole.open(group, two_curves(
            f"gpu_{self.index}", f"GPU {self.index}", (f"{base}/utilization_percent", tr("Utilization")),
            (f"{base}/memory_used_bytes", tr("Memory")), total,
        ))  # fmt: skip

    def show_reading(self, gpu: GpuReading) -> None:
        """Bring everything up to this reading."""
        self._reading = gpu
        self._show_title(gpu)
        load = gpu.utilization_percent
        self.utilization.set_value(percent(load), "%", None if load is None else load / 100)
        used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
        share = used / total if used is not None and total else None
        shown = words.DASH if used is None else f"{used / GIB:.1f}"
        self.memory.set_value(shown, f"/{total / GIB:.0f} GB" if total else "GB", share, limited=True)
        heat = gpu.temperature_c
        self.temperature.set_value(percent(heat), "°C", None if heat is None else heat / 100, limited=True)
        watts, limit = gpu.power_w, gpu.power_limit_w
        self.power.set_value(
            percent(watts), f"/{limit:.0f} W" if limit else "W", watts / limit if watts is not None and limit else None
        )
        self.processes.show_processes(gpu.processes)
        self.slices.show_slices(gpu.slices)
        self._show_lost(gpu)
        if self.hole.chart is not None:
            self.open_chart(None)

    def _show_title(self, gpu: GpuReading) -> None:
        reasons = dict.fromkeys(tr(SLOWED[r]) for r in gpu.throttle_reasons or () if r in SLOWED)
        name = gpu.name.removeprefix("NVIDIA ").removesuffix(" Generation")
        text = f"{name} · {tr('slowed by {why}', why=', '.join(reasons))}" if reasons else name
        self.subtitle.setText(text)
        self.subtitle.set_role("warn" if reasons else "text-tertiary")

    def _show_lost(self, gpu: GpuReading) -> None:
        """The backend says since when; a window opened later cannot know it."""
        if gpu.lost is not None:
            why = gpu.lost.rstrip(".")
            self.processes.show_lost(tr("GPU {n} stopped answering: {why}", n=self.index, why=why))
        elif self._was_lost:
            self.processes.show_lost("")
            self.processes.show_processes(gpu.processes)
        self._was_lost = gpu.lost is not None
        self._tell_meters()

    def _tell_meters(self) -> None:
        for meter in self.meters:
            meter.set_stale(self._stale or self._was_lost)
        self.slices.set_stale(self._stale or self._was_lost)

    def set_stale(self, stale: bool) -> None:
        self._stale = stale
        self._tell_meters()

    @property
    def reading(self) -> GpuReading | None:
        """The newest reading."""
        return self._reading

    def as_text(self) -> str:
        """What Copy puts on the clipboard."""
        gpu = self._reading
        if gpu is None:
            return f"GPU {self.index}"
        lines = [f"GPU {gpu.index}\t{gpu.name}\t{gpu.uuid or ''}"]
        lines += [f"{tr('Utilization')}\t{percent(gpu.utilization_percent)}%"]
        lines += [f"{tr('Memory')}\t{words.size(gpu.memory_used_bytes)} / {words.size(gpu.memory_total_bytes)}"]
        lines += [f"{tr('Temp')}\t{percent(gpu.temperature_c)} °C"]
        lines += [f"{tr('Power')}\t{percent(gpu.power_w)} / {percent(gpu.power_limit_w)} W"]
        lines += [f"MIG {part}" for part in self.slices.lines()]
        lines += [f"{p.pid}\t{p.name}\t{words.size(p.memory_bytes)}\t{p.owner or ''}" for p in gpu.processes]
        return "\n".join(lines)
