"""The Overview: what the machine does now, what runs, what serves, what wants a person."""

from __future__ import annotations

import datetime
from typing import Any

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QMenu, QScrollArea, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget
from shiboken6 import isValid

from backend.contract.resources import TelemetrySample
from console import words
from console.actions import Action
from console.context import Context
from console.i18n import mark, tr
from console.pages.overview.board import Board, Place
from console.pages.overview.checklist import Checklist
from console.pages.overview.endpoints import LiveEndpoints
from console.pages.overview.gpu_rows import GpuRows
from console.pages.overview.gpu_sheets import add_card_actions
from console.pages.overview.gpus import GpuCard
from console.pages.overview.host import HostCard, NoGpuCard
from console.pages.overview.lists import ChangedToday, OpenAlerts
from console.pages.overview.machine import Machine
from console.pages.overview.runs import ActiveRuns
from console.pages.overview.slices import ROW as SLICE_ROW
from console.pages.overview.system import MOST_HEIGHT, SystemPanel
from console.pages.overview.timebar import RANGES, TimeBar
from console.settings import FRAME_RATE, HIDDEN_PANELS
from console.state.changes import Changes
from console.theme import theme
from console.widgets.buttons import Button
from console.widgets.page import Page, PageHeader
from console.widgets.panel import Panel

CHARTS_AFTER_MS = 150
PAGE = "overview"
SKIPPED = "overview/checklist"
MOST_CARDS = 2
DAYS = (
    mark("Monday"),
    mark("Tuesday"),
    mark("Wednesday"),
    mark("Thursday"),
    mark("Friday"),
    mark("Saturday"),
    mark("Sunday"),
)
MONTHS = (
    mark("January"), mark("February"), mark("March"), mark("April"), mark("May"), mark("June"), mark("July"),
    mark("August"), mark("September"), mark("October"), mark("November"), mark("December"),
)  # fmt: skip


def day_words(unix: float) -> str:
    """Sunday 22 November; 11月22日 星期日."""
    at = datetime.datetime.fromtimestamp(unix).astimezone()
    return tr("{weekday} {day} {month}", weekday=tr(DAYS[at.weekday()]), day=at.day, month=tr(MONTHS[at.month - 1]))


class MachineArea(QWidget):
    """The place of the GPUs: cards, rows, or the processor with the reason why there is no GPU."""

    def __init__(self, context: Context, machine: Machine) -> None:
        super().__init__()
        self._context, self._machine = context, machine
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.layout_ = QHBoxLayout(self)
        self.layout_.setContentsMargins(0, 0, 0, 0)
        self.layout_.setSpacing(theme.size("overview-gap"))
        self.kind: tuple[Any, ...] = ()
        self.parts: list[Any] = []
        self.setMaximumHeight(MOST_HEIGHT)
        self._stale = False

    def show_sample(self, sample: TelemetrySample | None) -> bool:
        """Update in place; True when other parts were made."""
        hidden = set(self._context.settings.get(HIDDEN_PANELS))
        gpus = sample.gpus if sample else ()
        if sample is None:
            kind: tuple[Any, ...] = ("host",)
        elif not gpus:
            kind = ("none",)
        elif len(gpus) <= MOST_CARDS:
            shown = [gpu.index for gpu in gpus if f"{PAGE}/gpu{gpu.index}" not in hidden]
            kind = ("cards", *shown) if shown else ("host",)
        else:
            kind = ("rows",)
        made = kind != self.kind
        if made:
            self._make(kind)
        self._fill(sample)
        return made

    def _make(self, kind: tuple[Any, ...]) -> None:
        self.close_charts()
        for part in self.parts:
            self.layout_.removeWidget(part)
            part.hide()
            part.deleteLater()
        self.kind = kind
        if kind[0] == "cards":
            self.parts = [GpuCard(self._context, index) for index in kind[1:]]
        elif kind[0] == "rows":
            self.parts = [GpuRows(self._context, self._machine)]
        else:
            self.parts = [HostCard()] + ([NoGpuCard(self._context)] if kind[0] == "none" else [])
        self.setMaximumHeight(16_777_215 if kind[0] == "rows" else MOST_HEIGHT)
        vertical = QSizePolicy.Policy.Fixed if kind[0] == "rows" else QSizePolicy.Policy.Expanding
        self.setSizePolicy(QSizePolicy.Policy.Expanding, vertical)
        for index, part in enumerate(self.parts):
            self.layout_.addWidget(part, 2 if kind[0] == "none" and index else 3)
        self.open_charts()
        self.set_stale(self._stale)

    def _fill(self, sample: TelemetrySample | None) -> None:
        if sample is None:
            return
        by_index = {gpu.index: gpu for gpu in sample.gpus}
        if self.kind[0] == "cards":  # the cards stay of one height
            most = max(len(gpu.slices) for gpu in sample.gpus)
            self.setMaximumHeight(MOST_HEIGHT + SLICE_ROW * most)
        for part in self.parts:
            if isinstance(part, GpuCard) and part.index in by_index:
                part.show_reading(by_index[part.index])
            elif isinstance(part, GpuRows):
                part.show_readings(sample.gpus)
            elif isinstance(part, HostCard):
                part.show_host(sample.host)
            elif isinstance(part, NoGpuCard):
                part.show_problem(sample.gpu_problem or "")

    def open_charts(self) -> None:
        """Make the charts of the cards, once the group is there."""
        if self._machine.group is not None:
            for part in self.parts:
                if isinstance(part, (GpuCard, HostCard)):
                    part.open_chart(self._machine.group)
            self._machine.fill_group()

    def close_charts(self) -> None:
        for part in self.parts:
            if isinstance(part, (GpuCard, HostCard)):
                part.hole.close_chart()

    def set_stale(self, stale: bool) -> None:
        self._stale = stale
        for part in self.parts:
            if hasattr(part, "set_stale"):
                part.set_stale(stale)


class OverviewPage(Page):
    """Header, board of panels, or the checklist of a first start."""

    title = mark("Overview")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.content.setContentsMargins(theme.size("page-padding"), 0, 0, 0)
        self.content.setSpacing(0)
        self._paused_at: float | None = None
        self._stale_since: float | None = None
        self._problem = ""
        self.menu: QMenu | None = None  # of the card that was asked last
        self.machine = Machine(context, float(RANGES[0][0]), self._on_history)
        self._build_header()
        self.area = MachineArea(context, self.machine)
        self.system = SystemPanel()
        self.runs = ActiveRuns(context)
        self.endpoints = LiveEndpoints(context)
        self.alerts = OpenAlerts(context)
        self.changed = ChangedToday(context)
        self.board = Board(context, PAGE, (
            Place("machine", tr("GPUs"), self.area, "main"),
            Place("runs", tr("Active runs"), self.runs, "main"),
            Place("endpoints", tr("Live endpoints"), self.endpoints, "main"),
            Place("system", tr("System"), self.system, "side"),
            Place("alerts", tr("Open alerts"), self.alerts, "side"),
            Place("changed", tr("Changed today"), self.changed, "side"),
        ))  # fmt: skip
        self.board.changed.connect(context.actions_changed)
        for key, panel in (("system", self.system), ("runs", self.runs), ("endpoints", self.endpoints),
                           ("alerts", self.alerts), ("changed", self.changed)):  # fmt: skip
            self._add_grip(panel, key)
        self.checklist = Checklist(context)
        self.checklist.skipped.connect(self._on_skipped)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._scrolling(self.board))
        self._stack.addWidget(self.checklist)
        self.content.addWidget(self._stack, 1)
        self._charts_wanted = False

    def _build_header(self) -> None:
        self.header = PageHeader(tr("Overview"), day_words(self.context.clock()))
        self.header.setContentsMargins(0, 0, theme.size("page-padding"), 0)
        self.times = TimeBar()
        self.range = self.times.range
        self.times.span_changed.connect(self.machine.set_span)
        self.times.moved.connect(self._on_moved)
        self.pause = Button(tr("Pause updates"), icon="pause")
        self.pause.clicked.connect(self._on_pause_clicked)
        self.header.add_action(self.times)
        self.header.add_action(self.pause)
        self.content.addWidget(self.header)

    def _scrolling(self, widget: QWidget) -> QScrollArea:
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(0, 0, theme.size("page-padding"), 16)
        layout.addWidget(widget)
        area = QScrollArea()
        area.setAccessibleName(tr("Overview"))
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(holder)
        area.viewport().setAutoFillBackground(False)
        holder.setAutoFillBackground(False)
        return area

    def _add_grip(self, panel: Panel, key: str) -> None:
        grip = panel.title.parentWidget()
        if grip is not None:
            self.board.add_grip(grip, key)

    # -- life ------------------------------------------------------------------------------------------------

    def refresh(self, changes: Changes) -> None:
        if self._paused_at is not None and not changes.connection:
            return
        everything = changes.everything or changes.connection
        if everything or changes.runs or changes.datasets or changes.system:
            self._choose_view()
        if everything or changes.telemetry or changes.runs or changes.endpoints:
            self._refresh_machine()
        if everything or changes.runs:
            self.runs.refresh()
        if everything or changes.endpoints or changes.models or changes.rules:
            self.endpoints.refresh()
        if everything or changes.alerts or changes.telemetry:
            self.alerts.refresh()
        if everything or changes.audit or changes.runs:
            self.changed.refresh()
        if changes.everything and self.context.state.online:
            self.machine.read()
        self._tell_header()

    def _choose_view(self) -> None:
        state = self.context.state
        first = not (state.runs or state.endpoints or state.models)
        skipped = SKIPPED in self.context.settings.get(HIDDEN_PANELS)
        wanted = 1 if state.loaded and first and not skipped else 0
        if self._stack.currentIndex() != wanted:
            self._stack.setCurrentIndex(wanted)
        for widget in (self.times, self.pause):
            widget.setVisible(wanted == 0)
        if wanted:
            self.checklist.refresh()

    def _refresh_machine(self) -> None:
        sample = self.context.state.telemetry
        self.machine.take()
        if self.area.show_sample(sample):
            self._on_area_made()
        if self.system.maximumHeight() != self.area.maximumHeight():
            self.system.setMaximumHeight(self.area.maximumHeight())
        if sample is not None:
            self.system.show_host(sample.host, self.machine)
        system = self.context.state.system
        self.system.subtitle.setText(system.hostname if system else "")
        if self._stack.currentIndex() == 1:
            self.checklist.refresh()

    def _on_area_made(self) -> None:
        for part in self.area.parts:
            if isinstance(part, Panel) and part.title.text():
                self._add_grip(part, "machine")
            if isinstance(part, GpuCard):
                part.more.clicked.connect(lambda _=False, card=part: self._open_gpu_menu(card))

    def on_shown(self) -> None:
        if self.machine.group is None and not self._charts_wanted:
            self._charts_wanted = True
            QTimer.singleShot(CHARTS_AFTER_MS, self, self._make_charts)
        if self.machine.newest is None and self.context.state.online:
            self.machine.read()
        self.alerts.refresh()

    def _make_charts(self) -> None:
        """After the first paint: loading the plot library costs a noticeable part of a second."""
        from console.charts.group import ChartGroup

        group = ChartGroup(self, axis="time", labels="ago", follow_span=self.machine.span)
        group.clock.set_rate(min(4, self.context.settings.get(FRAME_RATE)), 1)
        self.machine.group = group
        self.area.open_charts()

    def set_stale(self, since: float | None) -> None:
        self._stale_since = since
        stale = since is not None
        for part in (self.area, self.system, self.runs, self.endpoints):
            part.set_stale(stale)
        self._tell_header()

    def _tell_header(self) -> None:
        if self._paused_at is not None:
            self.header.set_context(tr("paused at {time}", time=words.clock(self._paused_at)))
        else:
            self.times.tell(self.context.clock(), self.machine.oldest)
            self.header.set_context(self._problem or self.times.words() or day_words(self.context.clock()))
        self.header.set_stale(words.clock(self._stale_since) if self._stale_since else None)

    def _on_history(self, problem: str) -> None:
        """The history has come, or could not be read: the live values go on either way."""
        self._problem = tr("history could not be read: {why}", why=problem) if problem else ""
        sample = self.context.state.telemetry
        if sample is not None:
            self.system.show_host(sample.host, self.machine)
        self._tell_header()

    # -- what the user does ----------------------------------------------------------------------------------

    def _on_moved(self, end: float | None) -> None:
        self.machine.set_end(end)
        self._tell_header()

    def _on_pause_clicked(self) -> None:
        paused = self._paused_at is None
        self._paused_at = self.context.clock() if paused else None
        self.pause.setText(tr("Resume updates") if paused else tr("Pause updates"))
        self.pause.set_icon("play" if paused else "pause")
        self.context.actions_changed()
        if paused:
            self._tell_header()
        else:
            self.refresh(Changes(everything=True))

    def _on_skipped(self) -> None:
        hidden = self.context.settings.get(HIDDEN_PANELS)
        self.context.settings.set(HIDDEN_PANELS, [*hidden, SKIPPED])
        self._choose_view()
        self.context.actions_changed()

    def _show_checklist(self) -> None:
        hidden = self.context.settings.get(HIDDEN_PANELS)
        self.context.settings.set(HIDDEN_PANELS, [key for key in hidden if key != SKIPPED])
        self._choose_view()
        self.context.actions_changed()

    def _open_gpu_menu(self, card: GpuCard) -> None:
        menu = self.menu = QMenu(self)
        menu.addAction(theme.icon("copy"), tr("Copy"), lambda: self.context.copy(card.as_text()))
        if card.reading is not None:
            add_card_actions(self.context, menu, card.reading)
        menu.addAction(theme.icon("eye-off"), tr("Hide"), lambda: self._hide_gpu(card.index))
        menu.popup(card.more.mapToGlobal(QPoint(0, card.more.height())))

    def _hide_gpu(self, index: int) -> None:
        self._set_gpu_hidden(index, True)
        self.context.toast(
            tr("{panel} hidden", panel=f"GPU {index}"), tr("View brings it back."), kind="info",
            undo=lambda: self._set_gpu_hidden(index, False), redo=lambda: self._set_gpu_hidden(index, True),
        )  # fmt: skip

    def _set_gpu_hidden(self, index: int, hidden: bool) -> None:
        key = f"{PAGE}/gpu{index}"
        others = [known for known in self.context.settings.get(HIDDEN_PANELS) if known != key]
        self.context.settings.set(HIDDEN_PANELS, [*others, key] if hidden else others)
        if isValid(self):  # Undo may come after the page was made anew
            self._refresh_machine()
            self.context.actions_changed()

    def actions(self) -> list[Action]:  # type: ignore[override]
        found = [
            Action("overview.pause", tr("Pause updates") if self._paused_at is None else tr("Resume updates"),
                   self._on_pause_clicked, "pause" if self._paused_at is None else "play", "", "view"),
        ]  # fmt: skip
        for number, place in enumerate(self.board.places()):
            hidden = self.board.is_hidden(place.key)
            text = tr("Show panel {panel}", panel=place.name) if hidden else tr("Hide panel {panel}", panel=place.name)
            found.append(Action(
                f"overview.panel.{place.key}", text,
                lambda key=place.key, on=hidden: self.board.set_hidden(key, not on),
                "eye" if hidden else "eye-off", "", "view", separator=number == 0,
            ))  # fmt: skip
        for key in self.context.settings.get(HIDDEN_PANELS):
            index = str(key).removeprefix(f"{PAGE}/gpu")
            if str(key).startswith(f"{PAGE}/gpu") and index.isdigit():
                found.append(Action(
                    f"overview.gpu.{index}", tr("Show panel {panel}", panel=f"GPU {index}"),
                    lambda number=int(index): self._set_gpu_hidden(number, False), "eye", "", "view",
                ))  # fmt: skip
            elif key == SKIPPED:
                text = tr("Show the first steps")
                found.append(Action("overview.checklist", text, self._show_checklist, "list-checks", "", "view"))
        return found
