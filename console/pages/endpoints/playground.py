"""The playground: ask the endpoint as its clients do, see scores, where the time went, and why."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QPlainTextEdit,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from console import operations, words
from console.context import Context
from console.i18n import mark, tr, tr_n
from console.theme import theme
from console.widgets import paint
from console.widgets.attribution import TokenAttribution
from console.widgets.buttons import Button, IconButton
from console.widgets.chips import Kbd
from console.widgets.controls import Segmented
from console.widgets.panel import Panel, line, row
from console.widgets.rows import BarRow
from console.widgets.text import Text

MOST_TRIES = 50
MOST_INPUTS = 64
MOST_FILE = 1_000_000
SHOWN_LABELS = 4
SIDE = "side"
STAGES: tuple[tuple[str, str, str], ...] = (
    ("queue_ms", mark("queue"), "s7-slate"),
    ("tokenize_ms", mark("tokenize"), "s3-teal"),
    ("model_ms", mark("model"), "s1-blue"),
    ("encode_ms", mark("encode"), "s6-violet"),
)


class InputError(ValueError):
    """What was typed cannot be sent; the text is for the user."""


@dataclass
class Try:
    """One question and what came back: version → answer of /predict."""

    text: str
    mode: str
    inputs: list[str]
    versions: list[int | None]
    answers: dict[int | None, dict[str, Any]] = field(default_factory=dict)
    errors: dict[int | None, str] = field(default_factory=dict)
    explanations: dict[int, dict[str, Any]] = field(default_factory=dict)  # input → answer of /explain
    shown: int = 0


def read_inputs(mode: str, text: str) -> list[str]:
    """Texts to send. Raises InputError: empty, no JSON, not texts, too many."""
    if mode == "text":
        found: list[Any] = [text] if text.strip() else []
    elif mode == "file":
        found = [entry for entry in text.splitlines() if entry.strip()]
    else:
        found = _from_json(text)
    if not found:
        raise InputError(tr("Write something first."))
    wrong = next((i for i, entry in enumerate(found) if not isinstance(entry, str) or not entry.strip()), None)
    if wrong is not None:
        raise InputError(tr("Entry {n} is not a text.", n=wrong + 1))
    if len(found) > MOST_INPUTS:
        raise InputError(tr("{n} inputs are more than the {most} the playground sends at once.",
                            n=len(found), most=MOST_INPUTS))  # fmt: skip
    return found


def _from_json(text: str) -> list[Any]:
    """A text, a list of texts, or {"inputs": […]} as /predict takes it."""
    if not text.strip():
        return []
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" ({error.lineno}:{error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(tr("This is not JSON{where}.", where=where)) from error
    value = value.get("inputs") if isinstance(value, dict) else value
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise InputError(tr('JSON must be a text, a list of texts, or {"inputs": […]}.'))
    return value


class _Editor(QPlainTextEdit):
    """Ctrl+Enter runs; a file may be dropped.

    Signals: run_wanted(), dropped(path).
    """

    run_wanted = Signal()
    dropped = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setTabChangesFocus(True)
        self.setAcceptDrops(True)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.run_wanted.emit()
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()
        else:
            super().dragEnterEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        urls = event.mimeData().urls()
        if urls and urls[0].isLocalFile():
            self.dropped.emit(urls[0].toLocalFile())
            event.acceptProposedAction()
        else:
            super().dropEvent(event)


class LatencySplit(QWidget):
    """queue · tokenize · model · encode, and the total at the right."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(22)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._timing: dict[str, float] = {}

    def sizeHint(self) -> QSize:
        return QSize(300, 22)

    def show_timing(self, timing: dict[str, float]) -> None:
        self._timing = timing
        self.setAccessibleName(", ".join(f"{tr(name)} {timing.get(key, 0):.1f} ms" for key, name, _ in STAGES))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        if not self._timing:
            return
        painter = QPainter(self)
        small, strong, left = theme.font("small"), theme.font("small", 600), 0.0
        for key, name, role in STAGES:
            paint.dot(painter, QPointF(left + 3.5, 11), role, 7)
            left += 13
            for text, font, text_role in ((tr(name), small, "text-secondary"),
                                          (words.fixed(self._timing.get(key), 1), strong, "text")):  # fmt: skip
                width = paint.text_width(text, font)
                paint.draw_text(painter, QRectF(left, 0, width + 1, 22), text, font, text_role)
                left += width + 6
            left += 8
        total = tr("{n} ms total", n=words.fixed(sum(self._timing.values()), 1))
        paint.draw_text(painter, QRectF(0, 0, self.width(), 22), total, strong, "text", paint.CENTER_RIGHT)
        painter.end()


class Output(QWidget):
    """The scores of one answer, the best first."""

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self.title = Text(tr("Output"), "small", "text-secondary")
        self.note = Text("", "small", "text-tertiary")
        layout.addWidget(row(self.title, None, self.note))
        self._rows = QVBoxLayout()
        self._rows.setSpacing(1)
        layout.addLayout(self._rows)
        layout.addStretch(1)

    def show_hint(self, title: str, text: str, role: str = "text-tertiary") -> None:
        """Nothing to show, or why."""
        self.title.setText(title)
        self.note.setText("")
        self._clear()
        self._rows.addWidget(Text(text, "small", role, wrap=True))

    def show_answer(self, title: str, prediction: dict[str, Any]) -> None:
        self.title.setText(title)
        self.note.setText(tr("cut to fit") if prediction.get("truncated") else "")
        self._clear()
        scores = sorted(prediction["scores"].items(), key=lambda pair: -pair[1])
        for index, (label, score) in enumerate(scores[:SHOWN_LABELS]):
            best = index == 0
            role = "accent" if best else "line-strong"
            self._rows.addWidget(BarRow(label, score, words.percent(score, 1), role, strong=best))
        if len(scores) > SHOWN_LABELS:
            rest = sum(score for _, score in scores[SHOWN_LABELS:])
            left = len(scores) - SHOWN_LABELS
            more = tr_n(left, "{n} more label", "{n} more labels")
            self._rows.addWidget(Text(f"{more}: {words.percent(rest, 1)}", "small", "text-tertiary"))

    def _clear(self) -> None:
        while (item := self._rows.takeAt(0)) is not None:
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()


class Why(QWidget):
    """Token attributions of the answer shown, asked for by a button. Signals: wanted()."""

    wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        self.title = Text(tr("Why?"), "small", "text-secondary")
        self._legend = _Legend()
        layout.addWidget(row(self.title, None, self._legend))
        self.tokens = TokenAttribution(tr("Why?"))
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(self.tokens)
        self._area.viewport().setAutoFillBackground(False)
        self.tokens.setAutoFillBackground(False)
        layout.addWidget(self._area, 1)
        self.ask = Button(tr("Explain this answer"), icon="lightbulb", small=True)
        self.ask.clicked.connect(self.wanted)
        self._ask_row = row(self.ask, None)
        layout.addWidget(self._ask_row)
        self.note = Text("", "small", "text-tertiary", wrap=True)
        layout.addWidget(self.note)
        self._rest = QWidget()
        layout.addWidget(self._rest, 1)
        self.show_none(False)

    def show_none(self, can_ask: bool) -> None:
        """No explanation yet."""
        self.title.setText(tr("Why?"))
        self._area.hide()
        self._rest.show()
        self._legend.hide()
        self._ask_row.setVisible(can_ask)
        self.note.setText("" if can_ask else tr("Run it to see which words speak for the answer."))

    def show_problem(self, text: str) -> None:
        self.ask.set_busy(False)
        self.note.setText(text)

    def show_explanation(self, found: dict[str, Any]) -> None:
        self.ask.set_busy(False)
        self._ask_row.hide()
        self._rest.hide()
        self.title.setText(tr("Why “{label}”?", label=found.get("label", "")))
        self.tokens.set_tokens([(str(t["token"]), float(t["weight"])) for t in found.get("tokens", ())])
        self._area.show()
        self._legend.show()
        score, base = found.get("score"), found.get("baseline_score")
        delta = found.get("convergence_delta")
        said = tr("Integrated gradients, {n} steps.", n=found.get("steps", 0))
        if score is not None and base is not None and delta is not None:
            total = score - base + delta
            said += " " + tr("The weights sum to {sum} of the {gap} between an empty text and this one.",
                             sum=words.signed(total, 3), gap=words.signed(score - base, 3))  # fmt: skip
        self.note.setText(said)


class _Legend(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self._parts = (("attribution-for", tr("for")), ("attribution-against", tr("against")))
        self.setFixedSize(self.sizeHint())

    def sizeHint(self) -> QSize:
        width = sum(paint.text_width(text, theme.font("small")) + 18 for _, text in self._parts) + 8
        return QSize(round(width), 18)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, left = QPainter(self), 0.0
        for role, text in self._parts:
            painter.fillRect(QRectF(left, 8, 11, 2), theme.role(role))
            width = paint.text_width(text, theme.font("small"))
            paint.draw_text(painter, QRectF(left + 16, 0, width + 1, 18), text, theme.font("small"), "text-secondary")
            left += width + 26
        painter.end()


class Playground(Panel):
    """Asks the endpoint shown. What was typed and the last tries stay when the endpoint changes its state."""

    def __init__(self, context: Context) -> None:
        super().__init__(tr("Playground"))
        self._context = context
        self._name = ""
        self._loaded: list[int] = []
        self.tries: deque[Try] = deque(maxlen=MOST_TRIES)
        self._current: Try | None = None
        self._reason = ""
        self._file = ""
        self.which = Segmented([("live", tr("Live"))], "live", name=tr("Version"))
        self.which.changed.connect(self._on_which)
        self.past = IconButton("history", tr("The last tries"), small=True)
        self.past.clicked.connect(self._on_past)
        self.add_action(self.which)
        self.add_action(self.past)
        columns = QHBoxLayout()
        columns.setSpacing(16)
        columns.setContentsMargins(0, 5, 0, 0)
        columns.addLayout(self._build_input(), 37)
        columns.addWidget(line(True))
        self.output, self.other, self.why = Output(), Output(), Why()
        self.why.wanted.connect(self._on_why)
        columns.addLayout(self._build_output(), 34)
        columns.addWidget(line(True))
        columns.addWidget(self.why, 44)
        columns.addWidget(self.other, 44)
        self.other.hide()
        self.add(columns, 1)
        self.split = LatencySplit()
        self.add(self.split)
        self._show_current()

    def _build_input(self) -> QVBoxLayout:
        self.editor = _Editor()
        self.editor.setAccessibleName(tr("Input"))
        self.editor.setPlaceholderText(tr("Write a text as a client would send it"))
        self.editor.setMinimumHeight(48)
        self.editor.run_wanted.connect(self.run)
        self.editor.dropped.connect(self.read_file)
        self.editor.textChanged.connect(self._on_typed)
        self.mode = Segmented([("text", tr("Text")), ("json", "JSON"), ("file", tr("File"))], "text", name=tr("Input"))
        self.mode.changed.connect(self._on_mode)
        self.run_button = Button(tr("Run"), "primary", "play", tip=tr("Run"), shortcut="Ctrl+Enter")
        self.run_button.clicked.connect(self.run)
        self.count = Text("", "small", "text-tertiary")
        left = QVBoxLayout()
        left.setSpacing(6)
        left.addWidget(row(Text(tr("Input"), "small", "text-secondary"), None, self.count))
        left.addWidget(self.editor, 1)
        left.addWidget(row(self.mode, None, Kbd("Ctrl ↵"), self.run_button))
        return left

    def _build_output(self) -> QVBoxLayout:
        self._before, self._after = (
            IconButton("chevron-left", tr("Input before"), small=True),
            IconButton("chevron-right", tr("Next input"), small=True),
        )
        self._before.clicked.connect(partial(self._step, -1))
        self._after.clicked.connect(partial(self._step, 1))
        self._place = Text("", "small", "text-tertiary")
        self._pager = row(self._before, self._place, self._after, None, gap=4)
        self._pager.hide()
        middle = QVBoxLayout()
        middle.setSpacing(4)
        middle.addWidget(self.output, 1)
        middle.addWidget(self._pager)
        return middle

    # ---- which endpoint ------------------------------------------------------------------------------------

    def show_endpoint(self, name: str, loaded: list[int], why_not: str) -> None:
        """`loaded`: versions that can be asked, live first; `why_not`: why none can be."""
        if name != self._name:
            self._name, self._current = name, None
            self.tries.clear()
            self._show_current()
        if loaded != self._loaded:
            self._loaded = list(loaded)
            choices = [(str(number), f"v{number}") for number in loaded]
            if len(loaded) > 1:
                choices.append((SIDE, tr("Side by side")))
            keep = self.which.value if self.which.value == SIDE and len(loaded) > 1 else None
            self.which.set_choices(choices or [("live", tr("Live"))], keep or (choices[0][0] if choices else "live"))
        self.which.setVisible(len(loaded) > 1)
        self._reason = why_not
        self._allow()

    def _allow(self) -> None:
        self.run_button.set_enabled(not self._reason, self._reason)

    def _asked_versions(self) -> list[int | None]:
        """None is the live one, whichever that is when the request arrives."""
        value = self.which.value
        if value == SIDE and len(self._loaded) > 1:
            return list(self._loaded[:2])
        if value.isdigit() and self._loaded and int(value) != self._loaded[0]:
            return [int(value)]
        return [None]

    # ---- input ---------------------------------------------------------------------------------------------

    def _on_typed(self) -> None:
        text = self.editor.toPlainText()
        if self.mode.value == "file" and self._file:
            lines = sum(1 for entry in text.splitlines() if entry.strip())
            self.count.setText(f"{Path(self._file).name} · {tr_n(lines, '{n} line', '{n} lines')}")
        else:
            self.count.setText(tr_n(len(text), "{n} character", "{n} characters") if text else "")
        self.count.set_role("text-tertiary")

    def _on_mode(self, mode: str) -> None:
        if mode == "file":
            path, _ = QFileDialog.getOpenFileName(
                self, tr("Texts, one a line"), "", tr("Text files (*.txt *.csv *.jsonl *)")
            )
            if path:
                self.read_file(path)
            elif not self._file:
                self.mode.set_value("text")
        self.editor.setPlaceholderText('["…", "…"]' if mode == "json" else tr("Write a text as a client would send it"))
        self._on_typed()

    def read_file(self, path: str) -> None:
        """One text a line, at most 64 of them; a wrong file is told."""
        try:
            file = Path(path)
            if file.stat().st_size > MOST_FILE:
                raise InputError(tr("{name} is larger than 1 MB.", name=file.name))
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError, InputError) as error:
            said = (
                str(error)
                if isinstance(error, InputError)
                else tr("{name} could not be read as UTF-8 text.", name=path)
            )
            self._context.toast(tr("The file was not taken"), said, kind="bad")
            return
        self._file = path
        self.mode.set_value("file")
        self.editor.setPlainText(text)

    # ---- run -----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Send what is typed."""
        if self._reason or self.run_button.busy:
            return
        text = self.editor.toPlainText()
        try:
            inputs = read_inputs(self.mode.value, text)
        except InputError as error:
            self.count.setText(str(error))
            self.count.set_role("bad")
            self.editor.setFocus()
            return
        attempt = Try(text, self.mode.value, inputs, self._asked_versions())
        self.run_button.set_busy(True)
        for version in attempt.versions:
            call = operations.try_endpoint(self._context.link, self._name, list(inputs), explain=False, version=version)
            call.on_reply(partial(self._on_answer, attempt, version))
            call.on_refused(partial(self._on_refused, attempt, version))

    def _on_answer(self, attempt: Try, version: int | None, body: dict[str, Any]) -> None:
        attempt.answers[version] = body
        self._ended(attempt)

    def _on_refused(self, attempt: Try, version: int | None, error: Any) -> None:
        attempt.errors[version] = f"{error.text} {error.fix or ''}".strip()
        self._ended(attempt)

    def _ended(self, attempt: Try) -> None:
        if len(attempt.answers) + len(attempt.errors) < len(attempt.versions):
            return
        self.run_button.set_busy(False)
        self.tries.appendleft(attempt)
        self._current = attempt
        self._show_current()

    # ---- output --------------------------------------------------------------------------------------------

    def _show_current(self) -> None:
        attempt = self._current
        side = attempt is not None and len(attempt.versions) > 1
        self.other.setVisible(side)
        self.why.setVisible(not side)
        self._pager.setVisible(attempt is not None and len(attempt.inputs) > 1)
        if attempt is None:
            self.output.show_hint(tr("Output"), tr("The scores of the answer appear here."))
            self.why.show_none(False)
            self.split.show_timing({})
            return
        self._place.setText(tr("{n} of {all}", n=attempt.shown + 1, all=len(attempt.inputs)))
        self._fill(self.output, attempt, attempt.versions[0])
        if side:
            self._fill(self.other, attempt, attempt.versions[1])
        answer = attempt.answers.get(attempt.versions[0]) or next(iter(attempt.answers.values()), {})
        self.split.show_timing(dict(answer.get("timing", {})))
        self._show_why(attempt)

    def _fill(self, output: Output, attempt: Try, version: int | None) -> None:
        answer = attempt.answers.get(version)
        if answer is None:
            output.show_hint(tr("No answer"), attempt.errors.get(version, ""), "bad")
            return
        title = tr("Output of v{n}", n=answer.get("version", version))
        output.show_answer(title, answer["predictions"][attempt.shown])

    def _show_why(self, attempt: Try) -> None:
        found = attempt.explanations.get(attempt.shown)
        if found is not None:
            self.why.show_explanation(found)
        else:
            self.why.show_none(attempt.versions[0] in attempt.answers)

    def _on_why(self) -> None:
        attempt = self._current
        if attempt is None or self._reason:
            return
        shown, version = attempt.shown, attempt.versions[0]
        answered = attempt.answers.get(version, {}).get("version", version)
        self.why.ask.set_busy(True)
        call = operations.try_endpoint(
            self._context.link, self._name, [attempt.inputs[shown]], explain=True, version=answered
        )
        call.on_reply(partial(self._on_explained, attempt, shown)).on_refused(self._on_why_refused)

    def _on_explained(self, attempt: Try, shown: int, body: dict[str, Any]) -> None:
        self.why.ask.set_busy(False)
        attempt.explanations[shown] = body["explanations"][0]
        if attempt is self._current and shown == attempt.shown:
            self._show_why(attempt)

    def _on_why_refused(self, error: Any) -> None:
        self.why.show_problem(f"{error.text} {error.fix or ''}".strip())

    def _step(self, step: int) -> None:
        attempt = self._current
        if attempt is not None:
            attempt.shown = (attempt.shown + step) % len(attempt.inputs)
            self._show_current()

    def _on_which(self, _value: str) -> None:
        if self._current is not None and self.editor.toPlainText().strip():
            self.run()

    def _on_past(self) -> None:
        menu = QMenu(self)
        for attempt in self.tries:
            answer = next(iter(attempt.answers.values()), None)
            label = answer["predictions"][0]["label"] if answer else tr("no answer")
            text = " ".join(attempt.inputs[0].split())
            short = text if len(text) <= 60 else text[:59] + "…"
            menu.addAction(f"{label}  ·  {short}".replace("&", "&&"), partial(self.restore, attempt))
        if not self.tries:
            menu.addAction(tr("Nothing was tried yet")).setEnabled(False)
        menu.exec(self.past.mapToGlobal(self.past.rect().bottomLeft()))

    def restore(self, attempt: Try) -> None:
        """An earlier try again: its input and its answer."""
        self._current = attempt
        self.mode.set_value(attempt.mode if attempt.mode != "file" or self._file else "text")
        self.editor.setPlainText(attempt.text)
        self._show_current()
