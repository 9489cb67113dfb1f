"""Active and queued runs: progress, loss, speed, time left; pause and stop on hover, queued rows drag."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

from backend.contract.resources import RunRecord
from backend.contract.states import RunState
from console import operations, words
from console.asking import ask
from console.context import Context
from console.i18n import tr
from console.tables import Column, TableModel, TableView
from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import Button, IconButton
from console.widgets.panel import Panel, row
from console.widgets.sheet import Sheet
from console.widgets.text import Text

ROW = 57
MOST_ROWS = 6
HEAD = 30


def under_name(run: RunRecord) -> str:
    """The second line: base model and device, or what a queued run waits for."""
    first = words.base_model(run.base_model) or run.recipe.replace("_", " ")
    device = words.device(run.device)
    if run.state == RunState.QUEUED:
        return f"{first} · " + (tr("waits for {device}", device=device) if device else tr("waits for its turn"))
    return f"{first} · {device}" if device else first


def counts(runs: list[RunRecord]) -> str:
    """2 running · 1 paused · 1 queued."""
    queued, paused = (sum(run.state == state for run in runs) for state in (RunState.QUEUED, RunState.PAUSED))
    running = len(runs) - queued - paused
    said = ((running, tr("{n} running", n=running)), (paused, tr("{n} paused", n=paused)))
    return " · ".join(text for number, text in (*said, (queued, tr("{n} queued", n=queued))) if number)


def speed(run: RunRecord) -> str:
    """Tokens, examples or steps a second, whichever the run tells."""
    metrics = run.metrics
    for key, unit in (("train/tokens_per_s", "tok/s"), ("train/samples_per_s", "ex/s")):
        value = metrics.get(key)
        if value is not None:
            return f"{words.count(value) if value >= 10 else words.fixed(value, 1)} {unit}"
    step = metrics.get("train/step_s")
    rate = 1 / step if step else run.step / run.active_seconds if run.step and run.active_seconds else None
    return words.DASH if rate is None else f"{words.fixed(rate, 0 if rate >= 10 else 1)} {tr('steps/s')}"


def loss(run: RunRecord) -> float | None:
    return run.metrics.get("train/loss", run.metrics.get("loss"))


class _Cells:
    """What the painted cells need to know beside their row."""

    def __init__(self, starts: Callable[[RunRecord], str]) -> None:
        self.stale = False
        self.starts = starts

    def value_role(self, run: RunRecord) -> str:
        return "text-tertiary" if self.stale or run.state == RunState.QUEUED else "text"

    def grey(self, _run: RunRecord) -> str:
        return "text-tertiary" if self.stale else "text-secondary"

    def progress(self, painter: QPainter, rect: QRectF, run: RunRecord) -> None:
        """Percent in bold, steps in grey, the bar below."""
        small = theme.font("small")
        top = QRectF(rect.left(), rect.center().y() - 16, rect.width(), 18)
        track = QRectF(rect.left(), rect.center().y() + 8, rect.width(), 4)
        share = min(1.0, run.step / run.total_steps) if run.total_steps else None
        if run.state == RunState.QUEUED:
            paint.draw_text(painter, top, self.starts(run), small, "text-tertiary")
            paint.bar(painter, track, None, theme.role("accent"))
            return
        left = 0.0
        if share is not None:
            strong, text = theme.font("body", 600), f"{share:.0%}"
            paint.draw_text(painter, top, text, strong, self.value_role(run))
            left = paint.text_width(text, strong) + 7
        steps = (
            f"{words.count(run.step)} / {words.count(run.total_steps)}" if run.total_steps else words.count(run.step)
        )
        role = "text-tertiary" if self.stale else "text-secondary"
        paint.draw_text(painter, top.adjusted(left, 0, 0, 0), steps, small, role)
        moving = run.state in (RunState.RUNNING, RunState.PREPARING) and not self.stale
        paint.bar(painter, track, share, theme.role("accent" if moving else "line-strong"))


def _columns(cells: _Cells) -> tuple[Column, ...]:
    def quiet(run: RunRecord) -> bool:
        return run.state == RunState.QUEUED

    return (
        Column("lead", "", lambda _r: "", width=8, min_width=8, sortable=False, hideable=False),
        Column("name", tr("Name"), lambda r: r.name, kind="two_line", cell=lambda r: (r.name, under_name(r)),
               stretch=True, width=140, weight=600, hideable=False, sortable=False, tip=lambda r: r.note or r.name),
        Column("state", tr("State"), lambda r: r.state, kind="pill", width=96, sortable=False,
               cell=lambda r: r.hang if r.state == RunState.RUNNING and r.hang != "none" else r.state),
        Column("progress", tr("Progress"), lambda r: r.step, kind="custom", paint=cells.progress, width=164,
               text=lambda r: words.count(r.step), sortable=False),
        Column("spark", tr("Train loss"), loss, kind="sparkline", cell=lambda r: r.spark, width=102, sortable=False,
               role=lambda r: "settled" if cells.stale or r.state == RunState.PAUSED else "train"),
        Column("last", tr("Last"), loss, text=lambda r: words.DASH if quiet(r) else words.metric("loss", loss(r)),
               align="right", width=66, weight=500, role=cells.value_role, sortable=False),
        Column("speed", tr("Speed"), lambda _r: None, text=lambda r: words.DASH if quiet(r) else speed(r),
               align="right", width=92, role=cells.grey, sortable=False),
        Column("eta", tr("ETA"), lambda r: r.eta_seconds, text=lambda r: words.duration(r.eta_seconds),
               align="right", width=78, weight=500, role=cells.value_role, sortable=False),
        Column("trail", "", lambda _r: "", width=8, min_width=8, sortable=False, hideable=False),
    )  # fmt: skip


class _Steer(QWidget):
    """Pause (or resume) and Stop over the right end of the row under the pointer."""

    wanted = Signal(str, str)  # what, run id

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._run: RunRecord | None = None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 0, 0, 0)
        layout.setSpacing(6)
        self.pause = IconButton("pause", tr("Pause"), kind="default")
        self.stop = IconButton("square", tr("Stop…"), kind="danger")
        self.pause.clicked.connect(self._on_pause_clicked)
        self.stop.clicked.connect(self._on_stop_clicked)
        layout.addWidget(self.pause)
        layout.addWidget(self.stop)
        self.hide()

    def show_run(self, run: RunRecord, reason: str) -> None:
        """What a click would do to this run; `reason` says why nothing is possible."""
        self._run = run
        queued, paused = run.state == RunState.QUEUED, run.state in (RunState.PAUSED, RunState.PAUSING)
        self.pause.setVisible(not queued)
        self.pause.set_icon("play" if paused else "pause")
        word = tr("Resume") if paused else tr("Pause")
        self.pause.set_name(f"{word} {run.name}")
        self.stop.set_icon("x" if queued else "square")
        self.stop.set_name(f"{tr('Remove from queue')} {run.name}" if queued else f"{tr('Stop')} {run.name}")
        preparing = tr("The run is still preparing.") if run.state == RunState.PREPARING else ""
        stopping = tr("The run is stopping.") if run.state == RunState.STOPPING else ""
        pause_reason = reason or preparing or stopping
        self.pause.set_enabled(not pause_reason, pause_reason)
        self.stop.set_enabled(not (reason or stopping), reason or stopping)

    def follow(self, runs: dict[str, RunRecord], reason: str) -> None:
        """The run it stands on has changed, or is gone."""
        if self._run is None or self.isHidden():
            return
        run = runs.get(self._run.id)
        if run is None or run.ended_at is not None:
            self.hide()
        elif run is not self._run:
            self.show_run(run, reason)

    def _on_pause_clicked(self) -> None:
        if self._run is not None:
            paused = self._run.state in (RunState.PAUSED, RunState.PAUSING)
            self.wanted.emit("resume" if paused else "pause", self._run.id)

    def _on_stop_clicked(self) -> None:
        if self._run is not None:
            self.wanted.emit("cancel" if self._run.state == RunState.QUEUED else "stop", self._run.id)

    def paintEvent(self, event: Any) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.role("panel"))
        painter.fillRect(self.rect(), theme.role("raised", 0.6))
        painter.end()


class RunsView(TableView):
    """Signals: hovered(run or None, rect of its row), queue_moved(run id, id of the run whose place it takes)."""

    hovered = Signal(object, QRect)
    queue_moved = Signal(str, str)

    def __init__(self, model: TableModel, name: str) -> None:
        super().__init__(model, name=name, row_height=ROW, single_click=True)
        self._rows = model
        self._grabbed: tuple[RunRecord, QPoint] | None = None
        self._target: RunRecord | None = None
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.head.setSectionsMovable(False)
        self.head.setMinimumSectionSize(8)
        self.setColumnWidth(0, 8)
        self.setColumnWidth(model.columnCount() - 1, 8)

    def _set_hover(self, row: int) -> None:
        super()._set_hover(row)
        if 0 <= row < self._rows.rowCount():
            rect = self.visualRect(self._rows.index(row, 0))
            self.hovered.emit(self._rows.row_at(row), QRect(0, rect.top(), self.viewport().width(), rect.height()))
        else:
            self.hovered.emit(None, QRect())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = event.position().toPoint()
        index = self.indexAt(at)
        run = self._rows.row_at(index.row()) if index.isValid() else None
        left = event.button() == Qt.MouseButton.LeftButton
        self._grabbed = (run, at) if left and run is not None and run.state == RunState.QUEUED else None
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grabbed is not None and event.buttons() & Qt.MouseButton.LeftButton:
            run, start = self._grabbed
            at = event.position().toPoint()
            if self._target or (at - start).manhattanLength() >= QApplication.startDragDistance():
                index = self.indexAt(at)
                over = self._rows.row_at(index.row()) if index.isValid() else None
                self._target = over if over is not None and over.state == RunState.QUEUED else run
                self.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
                self.viewport().update()
                return
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        grabbed, target = self._grabbed, self._target
        self._grabbed = self._target = None
        self.viewport().unsetCursor()
        if grabbed is not None and target is not None:
            self.viewport().update()
            if target.id != grabbed[0].id:
                self.queue_moved.emit(grabbed[0].id, target.id)
            return
        super().mouseReleaseEvent(event)

    def paintEvent(self, event: Any) -> None:
        super().paintEvent(event)
        if self._grabbed is None or self._target is None:
            return
        place = self._rows.place_of(self._target.id)
        own = self._rows.place_of(self._grabbed[0].id)
        if place is None or own is None:
            return
        rect = self.visualRect(self._rows.index(place, 0))
        y = rect.bottom() - 1 if place > own else rect.top() - 1
        painter = QPainter(self.viewport())
        painter.fillRect(QRectF(8, y, self.viewport().width() - 16, 2), theme.role("accent"))
        painter.end()


class ActiveRuns(Panel):
    """Live runs first, then the queue in its order; without any, one line and the way to a new one."""

    def __init__(self, context: Context) -> None:
        super().__init__(tr("Active runs"), flush=True)
        self._context = context
        self._cells = _Cells(self._starts)
        self.model = TableModel(_columns(self._cells), row_id=lambda r: r.id)
        self.view = RunsView(self.model, tr("Active runs"))
        self.view.opened.connect(self._on_opened)
        self.view.hovered.connect(self._on_hovered)
        self.view.queue_moved.connect(self._on_queue_moved)
        self.steer = _Steer(self.view.viewport())
        self.steer.wanted.connect(self._on_wanted)
        link = Button(tr("All runs"), "link", "arrow-right", icon_right=True)
        link.clicked.connect(self._on_all_clicked)
        self.add_action(link)
        self.new = Button(tr("New run"), icon="plus", small=True)
        self.new.clicked.connect(self._on_new_clicked)
        text = Text(tr("No run is active."), "body", "text-tertiary")
        self._empty = row(text, None, self.new, margins=(13, 12, 13, 16))
        self.add(self.view)
        self.add(self._empty)
        self.body.addStretch(1)

    def refresh(self) -> None:
        """Bring the rows up to the state."""
        runs = [*self._context.state.live_runs(), *self._context.state.queued_runs()]
        self.subtitle.setText(counts(runs))
        self.model.set_rows(runs)
        self.view.setVisible(bool(runs))
        self._empty.setVisible(not runs)
        height = HEAD + ROW * min(len(runs), MOST_ROWS)
        if self.view.height() != height:
            self.view.setFixedHeight(height)
        reason = tr("Backend does not answer.") if self._context.offline() else ""
        self.new.set_enabled(not reason, reason)
        self.steer.follow(self._context.state.runs, reason)

    def set_stale(self, stale: bool) -> None:
        self._cells.stale = stale
        self.view.viewport().update()

    def _starts(self, run: RunRecord) -> str:
        """When a queued run starts: known only for the first one behind runs that know their end."""
        left = [r.eta_seconds for r in self._context.state.live_runs()]
        if (run.queue_position or 1) == 1 and left and all(seconds is not None for seconds in left):
            return tr("starts in about {time}", time=words.duration(min(s for s in left if s is not None)))
        return tr("place {n} in the queue", n=run.queue_position or 1)

    # -- slots -----------------------------------------------------------------------------------------------

    def _on_hovered(self, run: RunRecord | None, rect: QRect) -> None:
        if run is None:
            self.steer.hide()
            return
        self.steer.show_run(run, tr("Backend does not answer.") if self._context.offline() else "")
        self.steer.adjustSize()
        width = max(self.steer.sizeHint().width(), 88 if run.state != RunState.QUEUED else 44)
        self.steer.setGeometry(rect.right() - width - 13, rect.top(), width, rect.height() - 1)
        self.steer.show()

    def _on_wanted(self, what: str, run_id: str) -> None:
        run = self._context.state.runs.get(run_id)
        if run is None:
            return
        if what == "stop":
            self._context.open_sheet(stop_sheet(self._context, run))
            return
        call = {"pause": operations.pause_run, "resume": operations.resume_run, "cancel": operations.cancel_run}[what]
        ask(self._context, call(self._context.link, run_id), self.steer.stop if what == "cancel" else self.steer.pause)

    def _on_queue_moved(self, run_id: str, target_id: str) -> None:
        target = self._context.state.runs.get(target_id)
        if target is not None:
            ask(self._context, operations.move_run(self._context.link, run_id, target.queue_position or 1))

    def _on_opened(self, run: RunRecord) -> None:
        self._context.navigate(f"run/{run.id}")

    def _on_all_clicked(self) -> None:
        self._context.navigate("runs")

    def _on_new_clicked(self) -> None:
        self._context.start("run.new")


def stop_sheet(context: Context, run: RunRecord) -> Sheet:
    """Asks before a run is stopped; its checkpoint is saved first."""
    sheet = Sheet(tr("Stop {name}", name=run.name), icon="square", icon_role="bad",
                  primary=tr("Save checkpoint and stop"))  # fmt: skip
    done = tr("{n} of {all} steps", n=words.count(run.step), all=words.count(run.total_steps))
    sheet.add(Text(done, "body", "text-secondary"))
    sheet.set_note(tr("A stopped run can be resumed from its newest checkpoint."))

    def stop() -> None:
        call = operations.stop_run(context.link, run.id, save=True)
        ask(context, call, sheet.primary).on_reply(lambda _body: sheet.close_sheet())

    sheet.accepted.connect(stop)
    return sheet
