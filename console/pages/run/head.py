"""The head of the run page: crumb, name, state, pin, the buttons that fit the state, and the progress line."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from backend.contract.resources import RunRecord
from backend.contract.states import FINAL_RUN_STATES, RunState
from console import words
from console.i18n import mark, tr
from console.said import said
from console.sheets.imported import maker_of
from console.widgets.buttons import Button, Crumb, IconButton
from console.widgets.chips import Icon, StatePill, Tag
from console.widgets.meters import ProgressBar
from console.widgets.text import Text

# action id → (text, icon, kind)
BUTTONS: dict[str, tuple[str, str, str]] = {
    "pause": ("Pause", "pause", "default"),
    "resume": ("Resume", "play", "default"),
    "checkpoint": ("Checkpoint now", "bookmark", "default"),
    "stop": ("Stop", "square", "danger"),
    "cancel": ("Remove from queue", "circle-x", "default"),
    "continue": ("Resume from checkpoint", "play", "default"),
    "compare": ("Compare with champion", "chart-line", "default"),
    "clone": ("Clone…", "copy", "default"),
    "register": ("Register…", "package", "default"),
    "version": (mark("Open version"), "package", "default"),
}


def buttons_for(run: RunRecord) -> tuple[str, ...]:
    """Which buttons a run in this state has, left to right; an imported one can only be looked at and compared."""
    if run.source:
        return ("compare",)
    if run.state in (RunState.RUNNING, RunState.PREPARING):
        return ("pause", "checkpoint", "stop")
    if run.state in (RunState.PAUSED, RunState.PAUSING):
        return ("resume", "checkpoint", "stop")
    if run.state == RunState.STOPPING:
        return ("stop",)
    if run.state == RunState.QUEUED:
        return ("cancel",)
    if run.state == RunState.COMPLETED:
        after = ("register", "version") if run.model_version else ("register",)
        return ("clone", "compare", *after) if run.model_ready else ("clone", *after[1:])
    return ("clone", "continue") if run.resumable else ("clone",)


def head_buttons(run: RunRecord) -> tuple[str, ...]:
    """Those that stand in the head: what a failed run needs next stands in the bar below, with its cause."""
    if run.state in (RunState.FAILED, RunState.INTERRUPTED) and not run.source:
        return ("clone",) if run.resumable else ()
    return buttons_for(run)


def primary_of(names: tuple[str, ...]) -> str:
    """The one filled button: what comes next for a run; empty while it goes on."""
    return next((name for name in ("version", "register", "continue") if name in names), "")


class RunHead(QWidget):
    """Signals: wanted(action id), menu_wanted(global point), back_wanted(), pin_wanted()."""

    wanted = Signal(str)
    menu_wanted = Signal(QPoint)
    back_wanted = Signal()
    pin_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[str, ...] = ()
        self._buttons: dict[str, Button] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 15, 0, 0)
        layout.setSpacing(7)
        layout.addLayout(self._build_title())
        self.progress = ProgressLine()
        layout.addWidget(self.progress)

    def _build_title(self) -> QHBoxLayout:
        title = QHBoxLayout()
        title.setSpacing(8)
        self._crumb = Crumb(tr("Runs"))
        self._crumb.clicked.connect(self.back_wanted)
        self.name = Text("", "crumb-title", elide=True)
        self.pill = StatePill("unknown")
        self.pin = IconButton("pin", tr("Pin run"), action="run.pin")
        self.pin.clicked.connect(self.pin_wanted)
        title.addWidget(self._crumb)
        title.addWidget(Icon("chevron-right", "text-tertiary", 12))
        title.addWidget(self.name)
        title.addWidget(self.pill)
        title.addWidget(self.pin)
        title.addStretch(1)
        self._holder = QHBoxLayout()
        self._holder.setSpacing(8)
        title.addLayout(self._holder)
        self._more = IconButton("ellipsis", tr("More"))
        self._more.clicked.connect(self._on_more_clicked)
        title.addWidget(self._more)
        return title

    def show_run(self, run: RunRecord, *, pinned: bool, offline: bool) -> None:
        """Bring everything up to the record; widgets are only rebuilt when the set of buttons changes."""
        self.name.setText(run.name)
        self.name.setMaximumWidth(self.name.fontMetrics().horizontalAdvance(run.name) + 6)
        self.pill.set_state(run.state)
        self.pin.set_icon("pin-off" if pinned else "pin")
        wanted = head_buttons(run)
        if wanted != self._shown:
            self._rebuild(wanted)
        for name, button in self._buttons.items():
            reason = tr("Backend does not answer.") if offline else self._reason(name, run)
            button.set_enabled(not reason, reason)
        self.progress.show_run(run)

    @staticmethod
    def _reason(name: str, run: RunRecord) -> str:
        if run.state == RunState.PREPARING and name in ("pause", "checkpoint"):
            return tr("The run is still preparing.")
        if run.state == RunState.STOPPING:
            return tr("The run is stopping.")
        if run.state == RunState.PAUSING and name != "stop":
            return tr("The run pauses after this step.")
        return ""

    def button(self, name: str) -> Button | None:
        """The button of an action, when this state has it."""
        return self._buttons.get(name)

    def _rebuild(self, names: tuple[str, ...]) -> None:
        focused = any(button.holds_focus() for button in self._buttons.values())
        old = list(self._buttons.values())
        self._shown, self._buttons = names, {}
        first = primary_of(names)
        for name in names:
            text, icon, kind = BUTTONS[name]
            kind = "primary" if name == first else kind
            button = Button(tr(text), kind, icon, action=f"run.{'pause' if name == 'resume' else name}")
            button.setObjectName(name)
            button.clicked.connect(self._on_button_clicked)
            self._holder.addWidget(button)
            self._buttons[name] = button
        if focused and names:  # Pause was pressed: the focus goes to Resume, not to the next thing on the page
            self._buttons[names[0]].setFocus(Qt.FocusReason.OtherFocusReason)
        for button in old:
            self._holder.removeWidget(button)
            button.hide()
            button.deleteLater()

    def _on_button_clicked(self) -> None:
        self.wanted.emit(self.sender().objectName())

    def _on_more_clicked(self) -> None:
        self.menu_wanted.emit(self._more.mapToGlobal(self._more.rect().bottomRight()))


class ProgressLine(QWidget):
    """70% ▬▬▬── 8,420 of 12,000 steps · epoch 2.1 of 3 · 18 min left · 42 min elapsed · chips."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(28)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self._percent = Text("", "body", weight=600)
        self._bar = ProgressBar(tr("Progress"), "accent", 6)
        self._bar.setFixedWidth(190)
        self._steps = Text("", "small", "text-secondary")
        self._left = Text("", "small", "text", weight=600)
        self._elapsed = Text("", "small", "text-secondary")
        self._chips = QHBoxLayout()
        self._chips.setSpacing(6)
        self._dots = [Text("·", "small", "text-tertiary") for _ in range(3)]
        items = [self._percent, self._bar, self._steps, self._dots[0], self._left, self._dots[1], self._elapsed]
        for widget in [*items, self._dots[2]]:
            layout.addWidget(widget)
        layout.addLayout(self._chips)
        layout.addStretch(1)
        self._chip_texts: tuple[str, ...] = ()

    def show_run(self, run: RunRecord) -> None:
        """Show how far it is, or what came of it."""
        fraction = min(1.0, run.step / run.total_steps) if run.total_steps else 0.0
        final = run.state in FINAL_RUN_STATES
        failed = run.state in (RunState.FAILED, RunState.INTERRUPTED)
        for widget in (self._percent, self._bar):  # an ended run that never told how long it would be
            widget.setHidden(final and not run.total_steps)
        self._percent.setText(f"{100 * fraction:.0f}%" if run.total_steps else words.DASH)
        self._bar.set_fraction(fraction)
        self._steps.setText(_steps_text(run))
        self._left.set_role("bad" if failed else "text")
        self._left.setText(_left_text(run, final))
        self._elapsed.setText(_elapsed_text(run))
        for dot, text in zip(self._dots, (self._left, self._elapsed), strict=False):
            text.setVisible(bool(text.text()))
            dot.setVisible(bool(text.text()))
        self._show_chips(run)

    def _show_chips(self, run: RunRecord) -> None:
        method = str(run.settings.get("method", "")).replace("lora", "LoRA")
        texts = [maker_of(run), words.device(run.device), words.base_model(run.base_model), method]
        chips = tuple(text for text in (*texts, *run.tags) if text and text not in ("full",))
        if chips == self._chip_texts:
            return
        self._chip_texts = chips
        while (item := self._chips.takeAt(0)) is not None:
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        for text in chips[:5]:
            self._chips.addWidget(Tag(text if len(text) <= 28 else text[:27] + "…"))
        self._dots[2].setVisible(bool(chips))


def _steps_text(run: RunRecord) -> str:
    if not run.total_steps:
        return tr("{n} steps", n=words.count(run.step)) if run.step else tr("no step yet")
    text = tr("{n} of {all} steps", n=words.count(run.step), all=words.count(run.total_steps))
    if run.epoch is not None:
        text += f" · {_epoch_text(run.epoch, run.epochs)}"
    return text


def _epoch_text(epoch: float, epochs: float | None) -> str:
    if epochs:
        return tr("epoch {n} of {all}", n=f"{epoch:.1f}", all=f"{epochs:.3g}")
    return tr("epoch {n}", n=f"{epoch:.1f}")


def _left_text(run: RunRecord, final: bool) -> str:
    if run.state in (RunState.FAILED, RunState.INTERRUPTED):
        return said(run.cause or "")
    if final and run.best:
        metric = words.metric_name(str(run.best.get("metric", "")), part=False)
        value = words.metric(str(run.best.get("metric", "")), run.best.get("value"))
        return tr(
            "best {metric} {value} at step {step}", metric=metric, value=value, step=words.count(run.best.get("step"))
        )
    if run.state == RunState.QUEUED:
        return tr("place {n} in the queue", n=run.queue_position or 1)
    if run.hang != "none":
        return tr("no step for {time}", time=words.age(run.last_step_at))
    return tr("{time} left", time=words.duration(run.eta_seconds)) if run.eta_seconds is not None and not final else ""


def _elapsed_text(run: RunRecord) -> str:
    if run.active_seconds is None:
        return ""
    return tr("{time} elapsed", time=words.duration(run.active_seconds))
