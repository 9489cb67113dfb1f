"""First start: four steps with ticks in place of an empty Overview."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console import operations, words
from console.asking import ask
from console.context import Context
from console.i18n import tr
from console.pages.overview.host import install_sheet
from console.said import said_each
from console.widgets.buttons import Button
from console.widgets.chips import Icon
from console.widgets.panel import Panel, line
from console.widgets.text import Text

SAMPLE = "sentiment_en_movie"


class Step(QWidget):
    """A tick, what, how it stands, and the buttons that do it."""

    def __init__(self, title: str, *buttons: Button) -> None:
        super().__init__()
        self.done = False
        self.buttons = buttons
        layout = QHBoxLayout(self)
        layout.setContentsMargins(18, 14, 18, 14)
        layout.setSpacing(14)
        self._icon = Icon("circle", "text-tertiary", 20)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignVCenter)
        words_column = QVBoxLayout()
        words_column.setSpacing(3)
        self.title = Text(title, "body", weight=600)
        self.text = Text("", "small", "text-tertiary", wrap=True)
        words_column.addWidget(self.title)
        words_column.addWidget(self.text)
        layout.addLayout(words_column, 1)
        for button in buttons:
            layout.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)

    def show_state(self, done: bool, text: str, reason: str = "") -> None:
        """Tick or circle; a done step needs no buttons. `reason` disables them."""
        self.done = done
        self._icon.set_icon("circle-check" if done else "circle", "ok" if done else "text-tertiary")
        self.text.setText(text)
        self.setAccessibleName(f"{self.title.text()}: {text}")
        for button in self.buttons:
            button.setVisible(not done)
            button.set_enabled(not reason, reason)


class Checklist(QWidget):
    """Signals: skipped: show the Overview although nothing was done yet."""

    skipped = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        restart = Button(tr("Restart backend"), icon="refresh-cw")
        restart.clicked.connect(lambda: context.start("backend.restart"))
        self.backend = Step(tr("Backend"), restart)
        what = Button(tr("What to install"), "ghost")
        what.clicked.connect(self._on_what_clicked)
        self.processor = Step(tr("Processor"), what)
        own = Button(tr("Import your own…"), "ghost")
        own.clicked.connect(lambda: context.start("data.import"))
        self.sample = Button(tr("Import sample data"))
        self.sample.clicked.connect(self._on_sample_clicked)
        self.data = Step(tr("Data"), own, self.sample)
        new = Button(tr("New run"), "primary", "plus")
        new.clicked.connect(self._on_new_clicked)
        self.run = Step(tr("First run"), new)
        self.steps = (self.backend, self.processor, self.data, self.run)
        skip = Button(tr("Show the Overview"), "link")
        skip.clicked.connect(self.skipped)
        panel = Panel(flush=True)
        panel.body.setSpacing(0)
        for index, step in enumerate(self.steps):
            if index:
                panel.add(line())
            panel.add(step)
        column = QVBoxLayout()
        column.setSpacing(0)
        column.addStretch(2)
        column.addWidget(Text(tr("Four steps to a first result"), "page-title"))
        column.addSpacing(4)
        column.addWidget(
            Text(
                tr("Each one has its tick when it is done. The sample run takes a few minutes."),
                "body",
                "text-tertiary",
            )
        )
        column.addSpacing(16)
        column.addWidget(panel)
        column.addSpacing(12)
        column.addWidget(skip)
        column.addStretch(3)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addStretch(1)
        outer.addLayout(column, 6)
        outer.addStretch(1)
        panel.setMaximumWidth(820)
        panel.setMinimumWidth(640)

    def refresh(self) -> None:
        """Bring ticks and texts up to the state."""
        state: Any = self._context.state
        offline = self._context.offline()
        reason = tr("Backend does not answer.") if offline else ""
        version = state.system.version if state.system else ""
        self.backend.show_state(
            not offline, tr("Does not answer yet.") if offline else tr("Connected, version {version}.", version=version)
        )
        for button in self.backend.buttons:
            button.set_busy(state.restarting)
        self._show_processor(state.telemetry)
        data = list(state.datasets.values())
        self.data.show_state(
            bool(data),
            f"{data[0].name} · {tr('{n} rows', n=words.count(data[0].rows))}" if data
            else tr("Film reviews with 3,000 rows come with Modeldeck; CSV, JSONL and Parquet can be imported."),
            reason,
        )  # fmt: skip
        self.run.show_state(
            bool(state.runs), tr("Recipe and data are filled in for you."),
            reason or ("" if data else tr("Import data first.")),
        )  # fmt: skip

    def _show_processor(self, sample: Any) -> None:
        if sample is None:
            self.processor.show_state(False, tr("Looking for a GPU."))
        elif sample.gpus:
            self.processor.show_state(True, ", ".join(f"GPU {gpu.index} {gpu.name}" for gpu in sample.gpus))
        else:
            cores = sample.host.cpu_count
            text = tr("CPU with {n} cores. No NVIDIA GPU found; training works, but is slower.", n=cores or words.DASH)
            self.processor.show_state(True, text)
            for button in self.processor.buttons:
                button.show()

    def _on_what_clicked(self) -> None:
        sample = self._context.state.telemetry
        self._context.open_sheet(install_sheet(self._context, said_each(sample.gpu_problem or "") if sample else ""))

    def _on_sample_clicked(self) -> None:
        ask(self._context, operations.import_sample(self._context.link, SAMPLE), self.sample)

    def _on_new_clicked(self) -> None:
        data = next(iter(self._context.state.datasets.values()), None)
        self._context.start("run.new", dataset=data.id if data else "")
