"""Small sheets of the Models page: register a run, write the card, delete a version's files."""

from __future__ import annotations

import re
from typing import Any

from PySide6.QtWidgets import QComboBox, QLineEdit, QPlainTextEdit

from backend.contract.resources import RunRecord, VersionRecord
from backend.contract.states import RunState
from console import operations, words
from console.asking import ask
from console.context import Context
from console.i18n import mark, tr
from console.pages.models.evidence import sections
from console.sheets.register import next_version, tell_registering
from console.widgets.form import FormField
from console.widgets.sheet import Sheet
from console.widgets.text import Text

CARD: tuple[tuple[str, str, bool], ...] = (
    (mark("Intended use"), mark("Whose text it reads, and what its answer decides"), True),
    (mark("Known limits"), mark("Where it fails, and what it must not be used for"), True),
    (mark("More"), mark("Anything else a colleague should know"), False),
)
MOST_CARD = 30_000
MOST_NOTE = 4_000


def registrable(context: Context) -> list[RunRecord]:
    """Completed runs with a verified result that are no version yet, newest first."""
    runs = [r for r in context.state.runs.values() if r.state == RunState.COMPLETED and r.model_ready]
    return sorted((r for r in runs if not r.model_version), key=lambda run: -(run.ended_at or 0))


class RegisterRunSheet(Sheet):
    """Make the next version out of a completed run."""

    def __init__(self, context: Context, model: str = "") -> None:
        super().__init__(tr("Register a run"), icon="package", primary=tr("Register"))
        self._context = context
        self._runs = registrable(context)
        self._choice = QComboBox()
        for run in self._runs:
            self._choice.addItem(f"{run.name} · {words.day_and_time(run.ended_at)}", run.id)
        self._name = QLineEdit(model)
        self._field = FormField(tr("Model"), self._name)
        self._note = QLineEdit()
        self._note.setMaxLength(MOST_NOTE)
        self._note.setPlaceholderText(tr("What is new in this version"))
        self._result = Text("", "small", "text-secondary", wrap=True)
        self.add(FormField(tr("Run"), self._choice))
        self.add(self._result)
        self.add(self._field)
        self.add(FormField(tr("Note"), self._note))
        self._choice.currentIndexChanged.connect(self._on_changed)
        self._name.textChanged.connect(self._on_changed)
        self.first_focus = self._choice if model else self._name
        self.accepted.connect(self._on_accepted)
        if not model and self._runs:
            self._name.setText(_suggested(self._runs[0]))
        self._on_changed()

    def _on_changed(self, *_ignored: Any) -> None:
        name = self._name.text().strip()
        number = next_version(self._context, name)
        self._field.set_hint(tr("Becomes {name} v{n}", name=name or "…", n=number))
        run = self._run()
        shown = [(k, v) for k, v in run.metrics.items() if k.startswith("test/")] if run else []
        result = " · ".join(f"{words.metric_name(key)} {words.metric(key, value)}" for key, value in shown[:5])
        self._result.setText(result or tr("No completed run is waiting to be registered."))
        reason = tr("No completed run is waiting to be registered.") if run is None else ""
        reason = reason or ("" if name else tr("Give the model a name."))
        if self.primary is not None:
            self.primary.set_enabled(not reason, reason)

    def _run(self) -> RunRecord | None:
        index = self._choice.currentIndex()
        return self._runs[index] if 0 <= index < len(self._runs) else None

    def _on_accepted(self) -> None:
        run = self._run()
        if run is not None:
            name, note = self._name.text().strip(), self._note.text().strip()
            call = operations.register_run(self._context.link, run.id, name, note)
            ask(self._context, call, self.primary).on_reply(self._on_reply)

    def _on_reply(self, body: Any) -> None:
        self.close_sheet()
        tell_registering(self._context, self._name.text().strip(), body)


def _suggested(run: RunRecord) -> str:
    return re.sub(r"[^a-z0-9]+", "-", (run.dataset_name or run.name).lower()).strip("-") or "model"


class CardSheet(Sheet):
    """Note and card of a version; the first two parts of a card are required once one is written."""

    def __init__(self, context: Context, version: VersionRecord) -> None:
        title = tr("Card of {model} v{n}", model=version.model, n=version.version)
        super().__init__(title, icon="file-text", primary=tr("Save"))
        self._context, self._version = context, version
        self._note = QLineEdit(version.note)
        self._note.setMaxLength(MOST_NOTE)
        self.add(FormField(tr("Note"), self._note, hint=tr("One line, shown in the history")))
        written = dict(sections(version.card))
        self._parts: list[tuple[str, QPlainTextEdit, FormField, bool]] = []
        known = {name for name, _, _ in CARD}
        rest = "\n".join(f"{k}\n{v}" if k else v for k, v in written.items() if k not in known)
        for name, hint, required in CARD:
            text = written.get(name, "")
            if name == "More":
                text = "\n".join(part for part in (text, rest) if part)
            edit = QPlainTextEdit(text)
            edit.setFixedHeight(68)
            edit.setTabChangesFocus(True)
            edit.textChanged.connect(self._on_changed)
            field = FormField(tr(name), edit, hint=tr(hint), note=tr("required") if required else "")
            self._parts.append((name, edit, field, required))
            self.add(field)
        self.first_focus = self._note
        self.accepted.connect(self._on_accepted)
        self._on_changed()

    def card(self) -> str:
        """What would be kept: titled parts, or nothing."""
        filled = [(name, edit.toPlainText().strip()) for name, edit, _, _ in self._parts]
        return "\n\n".join(f"## {name}\n{text}" for name, text in filled if text)

    def _on_changed(self) -> None:
        started = bool(self.card())
        missing = [tr(name) for name, edit, _, required in self._parts if required and not edit.toPlainText().strip()]
        reason = tr("{field} is required.", field=missing[0]) if started and missing else ""
        if len(self.card()) > MOST_CARD:
            reason = tr("The card is longer than {n} characters.", n=words.count(MOST_CARD))
        if self.primary is not None:
            self.primary.set_enabled(not reason, reason)
        self.set_note(reason)

    def _on_accepted(self) -> None:
        fields = {"note": self._note.text().strip(), "card": self.card()}
        before = {"note": self._version.note, "card": self._version.card}
        changed = {name: value for name, value in fields.items() if value != before[name]}
        if not changed:
            self.close_sheet()
            return
        call = operations.change_version(self._context.link, self._version.model, self._version.version, **changed)
        ask(self._context, call, self.primary).on_reply(self._on_reply)

    def _on_reply(self, _body: Any) -> None:
        self.close_sheet()


class DeleteVersionSheet(Sheet):
    """Remove the files; the row with its figures stays."""

    def __init__(self, context: Context, version: VersionRecord) -> None:
        title = tr("Delete the files of {model} v{n}", model=version.model, n=version.version)
        super().__init__(title, icon="trash-2", icon_role="bad", primary=tr("Delete files"))
        self._context, self._version = context, version
        said = tr("{size} are freed. Figures, history and audit stay; the version cannot be served again.",
                  size=words.size(version.size_bytes))  # fmt: skip
        self.add(Text(said, "body", "text-secondary", wrap=True))
        if self.primary is not None:
            self.primary.set_kind("danger-fill")
        self.accepted.connect(self._on_accepted)

    def _on_accepted(self) -> None:
        call = operations.delete_version(self._context.link, self._version.model, self._version.version)
        ask(self._context, call, self.primary).on_reply(self._on_reply)

    def _on_reply(self, _body: Any) -> None:
        self.close_sheet()
        self._context.toast(tr("Files of v{n} deleted", n=self._version.version), self._version.model)
