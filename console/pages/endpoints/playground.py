"""The playground: ask the endpoint as its clients do, see scores, where the time went, and why."""

from __future__ import annotations

import json
from collections import deque
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QVBoxLayout,
)

from console import operations
from console.context import Context
from console.i18n import tr, tr_n
from console.pages.endpoints.answer import Editor, LatencySplit, Output, Why
from console.pages.endpoints.asking import InputError, Try, read_inputs
from console.pages.endpoints.fields import FieldForm
from console.pages.endpoints.shape import InputShape, example_of, headline, line_of
from console.widgets.buttons import Button, IconButton
from console.widgets.chips import Kbd
from console.widgets.controls import Segmented
from console.widgets.panel import Panel, line, row
from console.widgets.text import Text

MOST_TRIES = 50
MOST_FILE = 1_000_000
SIDE = "side"


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
        self.shape = InputShape()
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
        for output in (self.output, self.other):
            output.copy_wanted.connect(self._on_copy)
        columns.addLayout(self._build_output(), 34)
        self._rule = line(True)
        columns.addWidget(self._rule)
        columns.addWidget(self.why, 44)
        columns.addWidget(self.other, 44)
        self.other.hide()
        self.add(columns, 1)
        self.split = LatencySplit()
        self.add(self.split)
        self._show_current()

    def _build_input(self) -> QVBoxLayout:
        self.editor = Editor()
        self.editor.setAccessibleName(tr("Input"))
        self.editor.setPlaceholderText(tr("Write a text as a client would send it"))
        self.editor.setMinimumHeight(48)
        self.editor.run_wanted.connect(self.run)
        self.editor.dropped.connect(self.read_file)
        self.editor.textChanged.connect(self._on_typed)
        self.form = FieldForm()
        self.form.run_wanted.connect(self.run)
        self.form.hide()
        self.mode = Segmented([("text", tr("Text")), ("json", "JSON"), ("file", tr("File"))], "text", name=tr("Input"))
        self.mode.changed.connect(self._on_mode)
        self.run_button = Button(tr("Run##playground"), "primary", "play", action="endpoint.try")
        self.run_button.clicked.connect(self.run)
        self.count = Text("", "small", "text-tertiary")
        left = QVBoxLayout()
        left.setSpacing(6)
        left.addWidget(row(Text(tr("Input"), "small", "text-secondary"), None, self.count))
        left.addWidget(self.editor, 1)
        left.addWidget(self.form, 1)
        left.addWidget(row(self.mode, None, Kbd(action="endpoint.try"), self.run_button))
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

    def show_endpoint(self, name: str, loaded: list[int], why_not: str, shape: InputShape | None = None) -> None:
        """`loaded`: versions that can be asked, live first; `why_not`: why none can be; `shape`: what they take."""
        another = name != self._name
        if another:
            self._name, self._current = name, None
            self.tries.clear()
        if shape is not None and shape != self.shape:
            self._take_shape(shape)
        elif another:
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

    def _take_shape(self, shape: InputShape) -> None:
        """A version of another kind: its inputs are written otherwise."""
        was, self.shape = self.shape, shape
        self.form.show_shape(shape)
        if bool(was.fields) != bool(shape.fields):
            first = ("form", tr("Form")) if shape.fields else ("text", tr("Text"))
            self.mode.set_choices([first, ("json", "JSON"), ("file", tr("File"))], first[0])
            self.editor.clear()
        if was.task != shape.task:
            self._current = None
        self._on_mode_shown()
        self._on_typed()
        self._show_current()

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
            title = tr("Objects as JSON, one a line") if self.shape.fields else tr("Texts, one a line")
            path, _ = QFileDialog.getOpenFileName(self, title, "", tr("Text files (*.txt *.csv *.jsonl *)"))
            if path:
                self.read_file(path)
                return
            if not self._file:
                mode = "form" if self.shape.fields else "text"
                self.mode.set_value(mode)
        self._on_mode_shown()
        self._on_typed()

    def _placeholder(self, mode: str) -> str:
        if mode == "json":
            return json.dumps([example_of(self.shape)], ensure_ascii=False) if self.shape.fields else '["…", "…"]'
        if self.shape.mark:
            return tr("Write a text with {mark} where a word is missing", mark=self.shape.mark)
        return tr("Write a text as a client would send it")

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
        self._on_mode_shown()
        self.editor.setPlainText(text)

    # ---- run -----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Send what is typed."""
        if self._reason or self.run_button.busy:
            return
        text = self.editor.toPlainText()
        try:
            if self.mode.value == "form":
                inputs: list[Any] = [self.form.value()]
            else:
                inputs = read_inputs(self.mode.value, text, objects=bool(self.shape.fields))
        except InputError as error:
            self.count.setText(str(error))
            self.count.set_role("bad")
            if self.mode.value != "form":
                self.editor.setFocus()
            return
        self._on_typed()
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
        self.why.setVisible(not side and self.shape.explained)
        self._rule.setVisible(side or self.shape.explained)
        self._pager.setVisible(attempt is not None and len(attempt.inputs) > 1)
        if attempt is None:
            self.output.show_hint(tr("Output"), tr("The answer appears here."))
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
        output.show_answer(title, _prediction(answer, attempt.shown), attempt.inputs[attempt.shown])

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
        found = body.get("explanations")
        if not found:
            self.why.show_problem(tr("No explanation came."))
            return
        attempt.explanations[shown] = found[0]
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
        if self._current is not None and (self.mode.value == "form" or self.editor.toPlainText().strip()):
            self.run()

    def _on_copy(self, text: str) -> None:
        self._context.copy(text)

    def _on_past(self) -> None:
        menu = QMenu(self)
        for attempt in self.tries:
            answer = next(iter(attempt.answers.values()), None)
            label = headline(_prediction(answer, 0)) if answer else tr("no answer")
            text = line_of(attempt.inputs[0])
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
        if attempt.mode == "form":
            self.form.fill(attempt.inputs[0])
        self._on_mode_shown()
        self._show_current()

    def _on_mode_shown(self) -> None:
        """The form or the editor, whichever the mode writes into."""
        self.form.setVisible(self.mode.value == "form")
        self.editor.setVisible(self.mode.value != "form")
        self.editor.setPlaceholderText(self._placeholder(self.mode.value))


def _prediction(answer: dict[str, Any], at: int) -> dict[str, Any]:
    """What was answered to one input; empty when the answer does not hold it."""
    found = answer.get("predictions") or []
    return found[at] if at < len(found) else {}
