"""The popover of the status bar's jobs: what runs, and the queue to reorder or thin out."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from backend.contract.resources import RunRecord
from console import operations, words
from console.asking import ask
from console.context import Context
from console.i18n import tr
from console.widgets.buttons import Button
from console.widgets.chips import Ring
from console.widgets.panel import column, line, row
from console.widgets.popover import Popover
from console.widgets.queuelist import QueueItem, QueueList
from console.widgets.text import Text

MOST_LIVE = 6


class JobsPopover(Popover):
    """Follows the state while it is open; what is asked for is shown at once and corrected by the backend's answer."""

    def __init__(self, context: Context) -> None:
        super().__init__(420, tr("Jobs"))
        self._context = context
        self._live: list[tuple[str, str, float | None]] = []
        self._anchor: QWidget | None = None
        everything = Button(tr("All runs"), "link", "arrow-right", icon_right=True)
        everything.clicked.connect(partial(self._go, "runs"))
        self.body.addWidget(row(Text(tr("Jobs"), "panel-title"), None, everything))
        self._live_area = QWidget()
        self._live_rows = QVBoxLayout(self._live_area)
        self._live_rows.setContentsMargins(0, 0, 0, 0)
        self._live_rows.setSpacing(6)
        self.body.addWidget(self._live_area)
        self.queue = QueueList(tr("Queue"))
        self.queue.moved.connect(self._on_moved)
        self.queue.removed.connect(self._on_removed)
        self.queue.opened.connect(lambda key: self._go(f"run/{key}"))
        hint = Text(tr("Drag to reorder, Delete takes it out of the queue."), "small", "text-tertiary")
        self._waiting = column(line(), Text(tr("Queue"), "small", "text-secondary"), self.queue, hint, gap=6)
        self.body.addWidget(self._waiting)
        self._nothing = Text(tr("Nothing runs and nothing waits."), "body", "text-tertiary")
        self.body.addWidget(self._nothing)
        self.refresh()

    def show_at(self, anchor: QWidget) -> None:
        """Above the status bar, with the keys on the queue."""
        self._anchor = anchor
        self.show_under(anchor, align_right=False)
        if self._waiting.isVisible():
            self.queue.setFocus(Qt.FocusReason.PopupFocusReason)

    def refresh(self) -> None:
        """Bring it up to the state."""
        state = self._context.state
        live, queued = state.live_runs(), state.queued_runs()
        self._show_live(live)
        self.queue.set_items([QueueItem(run.id, run.name, self._note(run, at)) for at, run in enumerate(queued)])
        self.queue.set_reason(tr("Backend does not answer.") if self._context.offline() else "")
        self._live_area.setVisible(bool(live))
        self._waiting.setVisible(bool(queued))
        self._nothing.setVisible(not live and not queued)
        if self.isVisible() and self._anchor is not None and self.sizeHint().height() != self.height():
            self.show_under(self._anchor, align_right=False)

    def _show_live(self, live: list[RunRecord]) -> None:
        wanted = [(run.id, self._progress(run), _fraction(run)) for run in live[:MOST_LIVE]]
        if wanted == self._live:
            return
        self._live = wanted
        while (taken := self._live_rows.takeAt(0)) is not None:
            widget = taken.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for run, (_, progress, fraction) in zip(live, wanted, strict=False):
            name = Button(run.name, "link")
            name.clicked.connect(partial(self._go, f"run/{run.id}"))
            self._live_rows.addWidget(row(Ring(fraction), name, None, Text(progress, "small", "text-secondary")))
        if len(live) > MOST_LIVE:
            self._live_rows.addWidget(Text(tr("{n} more", n=len(live) - MOST_LIVE), "small", "text-tertiary"))

    def _progress(self, run: RunRecord) -> str:
        share = _fraction(run)
        done = words.percent(share) if share is not None else tr(run.state.capitalize())
        if run.eta_seconds is None:
            return done
        return f"{done} · {tr('{time} left', time=words.duration(run.eta_seconds))}"

    def _note(self, run: RunRecord, at: int) -> str:
        left = [live.eta_seconds for live in self._context.state.live_runs()]
        if at == 0 and left and all(seconds is not None for seconds in left):
            soonest = min(seconds for seconds in left if seconds is not None)
            return tr("starts in about {time}", time=words.duration(soonest))
        return tr("starts next") if at == 0 else tr("place {n} in line", n=run.queue_position or at + 1)

    # -- slots -----------------------------------------------------------------------------------------------

    def _on_moved(self, run_id: str, place: int) -> None:
        ask(self._context, operations.move_run(self._context.link, run_id, place)).on_refused(self._on_refused)

    def _on_refused(self, _error: Any) -> None:
        self.queue.set_items([])  # the order shown was only hoped for
        self.refresh()

    def _on_removed(self, run_id: str) -> None:
        run = self._context.state.runs.get(run_id)
        if run is None:
            return
        place = next(i for i, item in enumerate(self.queue.items(), 1) if item.key == run_id)
        removal = Removal(self._context, run_id, place)
        ask(self._context, operations.cancel_run(self._context.link, run_id)).on_reply(partial(removal.tell, run.name))

    def _go(self, link: str) -> None:
        self.close()
        self._context.navigate(link)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self.close()


class Removal:
    """A run taken out of the queue; Undo queues it again at its place."""

    def __init__(self, context: Context, run_id: str, place: int) -> None:
        self._context, self._id, self._place = context, run_id, place

    def tell(self, name: str, _body: Any) -> None:
        """The backend did it."""
        self._context.toast(tr("Taken out of the queue"), name, undo=self._put_back, redo=self._take_out)

    def _put_back(self) -> None:
        call = operations.continue_run(self._context.link, self._id)
        ask(self._context, call).on_reply(self._on_back)

    def _on_back(self, _body: Any) -> None:
        ask(self._context, operations.move_run(self._context.link, self._id, self._place))

    def _take_out(self) -> None:
        ask(self._context, operations.cancel_run(self._context.link, self._id))


def _fraction(run: RunRecord) -> float | None:
    return run.step / run.total_steps if run.total_steps else None
