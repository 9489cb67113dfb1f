"""A machine without a GPU: the processor's card with the chart, and why there is no GPU."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout

from backend.contract.resources import HostReading, TelemetrySample
from console import operations, words
from console.context import Context
from console.i18n import tr
from console.pages.overview.gpus import ChartHole, Legend, percent, two_curves
from console.pages.overview.system import GIB, MOST_HEIGHT, amount
from console.said import said_each
from console.theme import theme
from console.widgets.buttons import Button
from console.widgets.chips import Icon
from console.widgets.meters import Meter
from console.widgets.panel import Panel, row
from console.widgets.sheet import Sheet
from console.widgets.text import Text

CHECK_MS = 6_000
"""A sensor that was told to look again has answered by then."""


class HostCard(Panel):
    """CPU utilization as an area and memory as a line, with their meters."""

    def __init__(self) -> None:
        super().__init__(tr("Processor"))
        self.setMinimumHeight(250)
        self.setMaximumHeight(MOST_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.hole = ChartHole()
        self._total: float | None = None
        self.cpu = Meter(tr("CPU"), "utilization")
        self.memory = Meter(tr("Memory"), "memory")
        self.disk = Meter(tr("Disk"), "s7-slate")
        self.meters = (self.cpu, self.memory, self.disk)
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(Legend((tr("CPU"), "utilization"), (tr("Memory"), "memory")))
        left.addWidget(self.hole, 1)
        right = QVBoxLayout()
        right.setContentsMargins(0, 3, 0, 0)
        right.setSpacing(8)
        for meter in self.meters:
            meter.setFixedWidth(122)
            right.addWidget(meter)
            right.addStretch(1)
        right.addStretch(1)
        middle = QHBoxLayout()
        middle.setSpacing(10)
        middle.addLayout(left, 1)
        middle.addLayout(right)
        self.body.setContentsMargins(13, 2, 13, 8)
        self.add(middle, 1)

    def open_chart(self, group: Any) -> None:
        """Make the chart, or tell it the size of memory."""
        self.hole.open(group, two_curves(
            "host", tr("Processor"), ("cpu/utilization_percent", tr("CPU")), ("memory/used_bytes", tr("Memory")),
            self._total,
        ))  # fmt: skip

    def show_host(self, host: HostReading) -> None:
        """Bring the meters up to this reading."""
        self.subtitle.setText(tr("{n} cores", n=host.cpu_count) if host.cpu_count else "")
        load = host.cpu_percent
        self.cpu.set_value(percent(load), "%", None if load is None else load / 100)
        used, total = host.memory_used_bytes, host.memory_total_bytes
        shown, unit = amount(used, total)
        self.memory.set_value(shown, unit.replace("/ ", "/"), used / total if used and total else None, limited=True)
        full, size = host.disk_used_bytes, host.disk_total_bytes
        self.disk.set_value(
            words.DASH if full is None else f"{full / GIB:.0f}", f"/{size / GIB:.0f} GB" if size else "",
            full / size if full is not None and size else None, limited=True,
        )  # fmt: skip
        if total != self._total:
            self._total = total
            if self.hole.chart is not None:
                self.open_chart(None)

    def set_stale(self, stale: bool) -> None:
        for meter in self.meters:
            meter.set_stale(stale)


class _Wrapped(Text):
    """Wrapped text that takes the height its width needs, and no more."""

    def sizeHint(self) -> QSize:
        return QSize(200, self.heightForWidth(max(160, self.width())))

    def minimumSizeHint(self) -> QSize:
        return QSize(60, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()


class NoGpuCard(Panel):
    """Says that there is no NVIDIA GPU, why, and what to do."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._problem = ""
        self.setAccessibleName(tr("No NVIDIA GPU found"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMaximumHeight(MOST_HEIGHT)
        self.setMinimumWidth(250)
        centre = Qt.AlignmentFlag.AlignHCenter
        title = Text(tr("No NVIDIA GPU found"), "body", weight=600)
        font = theme.font("body", 600)
        font.setPixelSize(15)
        title.setFont(font)
        self.text = _Wrapped("", "body", "text-secondary", wrap=True)
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.text.setAlignment(centre | Qt.AlignmentFlag.AlignTop)
        self.check = Button(tr("Check again"), icon="refresh-cw")
        self.check.clicked.connect(self._on_check_clicked)
        self.what = Button(tr("What to install"), "ghost")
        self.what.clicked.connect(self._on_what_clicked)
        self.body.setSpacing(0)
        self.body.addStretch(1)
        self.body.addWidget(Icon("cpu", "text-tertiary", theme.size("icon-empty")), 0, centre)
        self.body.addSpacing(10)
        self.body.addWidget(title, 0, centre)
        self.body.addSpacing(8)
        self.body.addWidget(self.text)
        self.body.addSpacing(12)
        self.body.addWidget(row(self.check, self.what), 0, centre)
        self.body.addStretch(1)
        self._timer = QTimer(self, singleShot=True, interval=CHECK_MS)
        self._timer.timeout.connect(self._on_checked)
        self.show_problem("")

    def show_problem(self, problem: str) -> None:
        """The cause as detected; empty while it is not known."""
        self._problem = problem
        self.text.setText(
            "\n".join(part for part in (tr("Training uses the CPU, which is much slower."), said_each(problem)) if part)
        )

    def _on_check_clicked(self) -> None:
        if self._context.offline():
            self._context.toast(tr("Backend does not answer."), kind="info")
            return
        self.check.set_busy(True)
        operations.check_cards(self._context.link)
        self._timer.start()

    def _on_checked(self) -> None:
        self.check.set_busy(False)
        sample: TelemetrySample | None = self._context.state.telemetry
        if sample is None or not sample.gpus:
            self._context.toast(tr("Still no NVIDIA GPU"), self._problem, kind="info")

    def _on_what_clicked(self) -> None:
        self._context.open_sheet(install_sheet(self._context, self._problem))


def install_sheet(context: Context, problem: str) -> Sheet:
    """What is needed for a GPU to be used, with the command that shows whether it is there."""
    sheet = Sheet(tr("What a GPU needs"), icon="cpu", icon_role="text-secondary")
    if problem:
        sheet.add(Text(problem, "body", "text-secondary", wrap=True))
    steps = (
        tr("An NVIDIA card with 4 GB of memory or more."),
        tr("The NVIDIA driver: on Linux from the packages of the distribution, on Windows from nvidia.com."),
        tr("A restart of the machine after the driver was installed or updated."),
        tr("In a container: start it with access to the GPU, such as docker run --gpus all."),
        tr("PyTorch built for CUDA. A build for the CPU alone cannot use the card."),
    )
    for number, text in enumerate(steps, start=1):
        sheet.add(row(Text(f"{number}", "body", "text-tertiary"), Text(text, "body", wrap=True), gap=12, top=True))
    sheet.add(Text(tr("This command lists the card when driver and card work:"), "body", "text-secondary"))
    copy = Button(tr("Copy"), icon="copy", small=True)
    copy.clicked.connect(lambda: context.copy("nvidia-smi"))
    sheet.add(row(Text("nvidia-smi", "small", mono=True), copy, None, gap=12))
    close = Button(tr("Close"))
    close.clicked.connect(sheet.close_sheet)
    sheet.add_button(close)
    return sheet
