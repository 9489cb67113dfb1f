"""Diagnosis, summary and events: what the run page says in words beside the charts."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from backend.contract.resources import BackendSettings, Diagnosis, RunEvent, RunRecord
from console import words
from console.charts.events import KINDS
from console.i18n import mark, tr, tr_n
from console.said import said, said_each
from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import Button
from console.widgets.chips import StatePill
from console.widgets.empty import EmptyState
from console.widgets.paint import StateLook
from console.widgets.panel import Panel, column, line, row
from console.widgets.rows import EventRow, KeyValue
from console.widgets.text import Text, set_tip

SHARES = (
    ("data", mark("Waiting for data"), "step-data"),
    ("copy", mark("Copy to the card"), "s5-yellow"),
    ("forward", mark("Forward pass"), "step-forward"),
    ("backward", mark("Backward pass"), "step-backward"),
    ("rest", mark("Optimizer and other"), "step-other"),
)
LEAST_SHARE = 0.005  # a smaller one reads 0%
EVENTS_SHOWN = 60
MOST_SCORES = 4


def clear(layout: Any) -> None:
    """Remove every widget of a layout."""
    while (item := layout.takeAt(0)) is not None:
        if widget := item.widget():
            widget.hide()
            widget.deleteLater()


class ShareBar(QWidget):
    """One bar, a step's time cut into its parts."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(8)
        self._parts: list[tuple[str, float]] = []

    def set_parts(self, parts: list[tuple[str, float]]) -> None:
        """Roles and shares; they may sum to less than one."""
        self._parts = parts
        self.setAccessibleName(", ".join(f"{role} {share:.0%}" for role, share in parts))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint.box(painter, QRectF(self.rect()), 4, theme.role("raised"), None)
        left, whole = 0.0, sum(share for _, share in self._parts) or 1.0
        for role, share in self._parts:
            width = self.width() * share / whole
            paint.box(painter, QRectF(left, 0, max(0.0, width - 1), 8), 2, theme.role(role), None)
            left += width
        painter.end()


class ShareRow(QWidget):
    """Dot, name, percent."""

    def __init__(self, role: str, name: str, share: float) -> None:
        super().__init__()
        self._role, self._name, self._share = role, name, share
        self.setFixedHeight(19)
        self.setAccessibleName(f"{name}: {share:.0%}")

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint.dot(painter, QRectF(0, 6, 8, 8).center(), self._role)
        area = QRectF(14, 0, self.width() - 14, 20)
        paint.draw_text(painter, area, self._name, theme.font("small"), "text-secondary")
        paint.draw_text(painter, area, f"{self._share:.0%}", theme.font("small", 600), "text", paint.CENTER_RIGHT)
        painter.end()


class DiagnosisPanel(Panel):
    """The most useful finding with its evidence; the others are one click away.

    Signals: apply_wanted(settings) at the next checkpoint; fork_wanted(checkpoint, settings); clone_wanted(settings);
    why_wanted(finding).
    """

    apply_wanted = Signal(dict)
    fork_wanted = Signal(str, dict)
    clone_wanted = Signal(dict)
    why_wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__(tr("Diagnosis"))
        self._pill = StatePill("unknown")
        self._pill.hide()
        self.add_action(self._pill)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(6)
        self.body.addLayout(self._rows)
        self.body.addStretch(1)
        self._index = 0
        self._diagnosis: Diagnosis | None = None
        self._pending: dict[str, Any] = {}
        self._rows.addWidget(Text(tr("Measuring the first steps."), "small", "text-tertiary", wrap=True))

    def show_diagnosis(self, diagnosis: Diagnosis) -> None:
        """Rebuild only when the words change, so that nothing flickers."""
        if diagnosis == self._diagnosis:
            return
        self._diagnosis, self._index = diagnosis, 0
        self._show()

    def show_pending(self, settings: dict[str, Any]) -> None:
        """What was asked for and waits for the next checkpoint: its button says so."""
        if settings != self._pending:
            self._pending = dict(settings)
            self._show()

    def _show(self) -> None:
        clear(self._rows)
        diagnosis = self._diagnosis
        if diagnosis is None:
            return
        findings = diagnosis.findings
        finding = findings[self._index % len(findings)] if findings else None
        self._pill.setVisible(finding is not None)
        if finding is None:
            self._rows.addWidget(Text(said(diagnosis.text), "body", wrap=True))
            self._add_shares(diagnosis.shares)
            return
        self._pill.set_look(_look(finding.severity), _word(finding.severity))
        self._rows.addWidget(Text(said(finding.text or finding.title), "body", wrap=True))
        self._add_shares(finding.shares or diagnosis.shares)
        self._add_fix(finding)
        if len(findings) > 1:
            rest = len(findings) - 1
            more = Button(tr_n(rest, "{n} more finding", "{n} more findings"), "link")
            more.clicked.connect(self._on_next)
            self._rows.addWidget(more)

    def _add_shares(self, shares: dict[str, float]) -> None:
        rest = shares.get("optimizer", 0.0) + shares.get("other", 0.0)
        known = {**shares, "rest": rest}
        parts = [(text, role, known[name]) for name, text, role in SHARES if known.get(name, 0.0) >= LEAST_SHARE]
        if not parts:
            return
        bar = ShareBar()
        bar.set_parts([(role, share) for _, role, share in parts])
        self._rows.addWidget(bar)
        self._rows.addWidget(column(*(ShareRow(role, tr(text), share) for text, role, share in parts), gap=0))

    def _add_fix(self, finding: Any) -> None:
        if finding.fix:
            self._rows.addWidget(line())
            self._rows.addWidget(Text(said(finding.fix), "small", weight=600, wrap=True))
        if finding.gain:
            self._rows.addWidget(Text(said(finding.gain), "small", "text-secondary", wrap=True))
        why = Button(tr("Why?"), "ghost")
        why.clicked.connect(self._on_why)
        act = self._button(finding)
        self._rows.addWidget(row(*([act] if act is not None else []), why, None))

    def _button(self, finding: Any) -> Button | None:
        """The one thing to do about it, as far as the run's state allows."""
        if not finding.settings:
            return None
        if finding.apply == "fork":
            button = Button(tr("Resume from step {n}", n=words.count(finding.checkpoint_step)), "primary", "git-fork")
            button.setAccessibleName(said(finding.fix or ""))
        elif finding.apply == "live":
            button = Button(tr("Apply at next checkpoint"), "primary")
            if finding.settings.items() <= self._pending.items():
                button.setText(tr("Waits for checkpoint"))
                button.set_enabled(False, tr("Asked for; the next checkpoint holds it. Checkpoint now makes one."))
        else:
            button = Button(tr("Clone with this"), "primary")
        button.clicked.connect(self._on_apply)
        return button

    def _finding(self) -> Any:
        findings = self._diagnosis.findings if self._diagnosis else ()
        return findings[self._index % len(findings)] if findings else None

    def _on_next(self) -> None:
        self._index += 1
        self._show()

    def _on_why(self) -> None:
        if finding := self._finding():
            self.why_wanted.emit(finding)

    def _on_apply(self) -> None:
        finding = self._finding()
        if finding is None:
            return
        settings = dict(finding.settings)
        if finding.apply == "fork":
            self.fork_wanted.emit(finding.checkpoint, settings)
        else:
            (self.apply_wanted if finding.apply == "live" else self.clone_wanted).emit(settings)


def _look(severity: str) -> StateLook:
    role = {"bad": "bad", "warn": "warn"}.get(severity, "idle")
    return StateLook("", "triangle-alert" if role != "idle" else "info", role, True)


def _word(severity: str) -> str:
    return {"bad": tr("High impact"), "warn": tr("Worth a look")}.get(severity, tr("Note"))


class SummaryPanel(Panel):
    """Facts in a few lines; unknown ones are left out."""

    def __init__(self) -> None:
        super().__init__(tr("Summary"))
        self._rows = QVBoxLayout()
        self._rows.setSpacing(0)
        self.body.addLayout(self._rows)
        self.body.addStretch(1)
        self._facts: list[tuple[str, str, bool]] = []
        self._values: list[KeyValue] = []

    def show_run(self, run: RunRecord, settings: BackendSettings | None = None) -> None:
        """Update in place; the layout changes only when a fact appears."""
        facts = [fact for fact in (*_facts(run), energy_fact(run, settings)) if fact[1]]
        if [fact[0] for fact in facts] != [fact[0] for fact in self._facts]:
            clear(self._rows)
            self._values = [KeyValue(label, value, mono=mono) for label, value, mono in facts]
            for item in self._values:
                self._rows.addWidget(item)
        elif facts != self._facts:
            for item, (_, value, _) in zip(self._values, facts, strict=True):
                item.set_value(value)
        self._facts = facts


def _scores(run: RunRecord, best: str) -> list[tuple[str, str, bool]]:
    """What it is judged by now and on the test part, before whatever else was measured on held-out rows."""
    judged = best.rpartition("/")[2]
    rest = [key for key in run.metrics if key.startswith("eval/")]
    keys = dict.fromkeys([f"eval/{judged}", f"test/{judged}", *rest])
    known = [key for key in keys if run.metrics.get(key) is not None and key != "eval/loss"]
    return [(_title(key), words.metric(key, run.metrics[key]), False) for key in known[:MOST_SCORES]]


def _title(key: str) -> str:
    """Eval F1."""
    name = words.metric_name(key)
    return name[:1].upper() + name[1:]


def _facts(run: RunRecord) -> list[tuple[str, str, bool]]:
    best = run.best or {}
    metric = str(best.get("metric", ""))
    evaluated = {key.removeprefix("eval/"): value for key, value in run.metrics.items() if key.startswith("eval/")}
    commit = str(run.environment.get("commit") or "")
    rows = run.facts.get("train_rows")
    train = run.metrics.get("train/loss")
    value = words.metric(metric, best.get("value"))
    best_text = tr("{value} at {step}", value=value, step=words.count(best.get("step")))
    known = bool(metric) and best.get("value") is not None
    return [
        (
            tr("Best {metric}", metric=words.metric_name(metric)),
            best_text if known else "",
            False,
        ),
        (tr("Eval loss"), words.metric("loss", evaluated["loss"]) if "loss" in evaluated else "", False),
        (tr("Train loss"), words.metric("loss", train) if train is not None and not evaluated else "", False),
        *_scores(run, metric),
        (tr("Trainable"), _of(run.trainable_parameters, run.all_parameters), False),
        (tr("Data"), (run.dataset_name or "") + (f" · {words.count(rows)}" if rows else ""), False),
        (tr("Model version"), run.model_version or "", False),
        (tr("Attempt"), str(run.attempt) if run.attempt > 1 else "", False),
        (tr("Damaged lines"), str(run.bad_lines) if run.bad_lines else "", False),
        (tr("Commit"), commit[:7], True),
    ]


def energy_fact(run: RunRecord, settings: BackendSettings | None) -> tuple[str, str, bool]:
    """What the run has spent; nothing where no card told its power, as on a machine without one."""
    return tr("Energy"), "" if run.energy_kwh is None else energy_text(run.energy_kwh, settings), False


def energy_text(kwh: float, settings: BackendSettings | None) -> str:
    """An amount and, where a price is known, its cost."""
    return words.energy(kwh, settings.energy_price, settings.currency) if settings else words.energy(kwh)


def _of(part: int | None, whole: int | None) -> str:
    if not part or not whole:
        return ""
    some, every = (f"{n / 1e6:.1f} M" if whole >= 1e6 else f"{n:,}" for n in (part, whole))
    return tr("{part} of {whole}", part=some, whole=every)


class EventsPanel(Panel):
    """Newest first. Signals: chosen(RunEvent)."""

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__(tr("Events"))
        holder = QWidget()
        self._rows = QVBoxLayout(holder)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(0)
        area = QScrollArea()
        area.setAccessibleName(tr("Events"))
        area.setWidgetResizable(True)
        area.setWidget(holder)
        holder.setAutoFillBackground(False)
        area.viewport().setAutoFillBackground(False)
        self.add(area, 1)
        side = self.body.contentsMargins()
        self._rows.setContentsMargins(0, 0, side.right() - 4, 0)  # the bar stands in the panel's margin, not on numbers
        self.body.setContentsMargins(side.left(), side.top(), 4, side.bottom())
        self._events: list[RunEvent] = []
        self._shown: list[int] = []
        self._items: list[EventRow] = []
        self.settings: BackendSettings | None = None  # for the cost of an evaluation's energy
        self.show_events([])

    def show_events(self, events: list[RunEvent]) -> None:
        """Rebuild when there are new ones."""
        newest = [event for event in reversed(events) if event.kind != "log"][:EVENTS_SHOWN]
        if newest and [event.id for event in newest] == self._shown:
            return
        self._events, self._shown = newest, [event.id for event in newest]
        clear(self._rows)
        self._items = []
        if not newest:
            self._rows.addWidget(Text(tr("Nothing has happened yet."), "small", "text-tertiary"))
        for event in newest:
            icon, role, _ = KINDS.get(event.kind, ("circle-dot", "text-tertiary", False))
            right = words.count(event.step) if event.step is not None else words.moment(event.time)
            item = EventRow(icon, role, self._text(event), right, clickable=True)
            set_tip(item, said(event.text))
            item.setProperty("event", event.id)
            item.clicked.connect(self._on_clicked)
            self._rows.addWidget(item)
            self._items.append(item)
        self._rows.addStretch(1)

    def _text(self, event: RunEvent) -> str:
        spent = event.data.get("energy_kwh")
        if event.kind == "evaluation" and isinstance(spent, int | float):  # short: the row has room for few words
            return f"{tr('Evaluated')} · {energy_text(spent, self.settings)}"
        return said(event.text or event.kind)

    def select(self, event_id: str) -> None:
        """Bring the row of an event into view and mark it for a moment through the focus."""
        for item in self._items:
            if str(item.property("event")) == event_id:
                item.setFocus()

    def _on_clicked(self) -> None:
        wanted = self.sender().property("event")
        for event in self._events:
            if event.id == wanted:
                self.chosen.emit(event)


def failure_view(run: RunRecord, buttons: tuple[Button, ...]) -> EmptyState:
    """What stands where the charts would, when a run failed before it drew anything."""
    failure = run.failure
    text = said_each(f"{failure.text.rstrip('.')}. {failure.advice}") if failure else ""
    cause = said(run.cause) if run.cause else tr("The run failed")
    return EmptyState("circle-x", cause, text, buttons, role="bad")
