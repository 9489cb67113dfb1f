"""Register: a completed run becomes the next version of a model."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from PySide6.QtWidgets import QLineEdit

from backend.contract.answers import readable
from backend.contract.resources import Operation, RunRecord
from console import operations, words
from console.asking import ask
from console.context import Context
from console.following import Followed
from console.i18n import tr
from console.said import said
from console.widgets.form import FormField
from console.widgets.sheet import Sheet
from console.widgets.text import Text
from console.widgets.toast import ToastAction


class RegisterSheet(Sheet):
    """Make the next version of a model out of the run."""

    def __init__(self, context: Context, run: RunRecord) -> None:
        super().__init__(tr("Register {name}", name=run.name), icon="package", primary=tr("Register"))
        self._context, self._run = context, run
        self._name = QLineEdit(suggested_name(run, list(context.state.models)))
        self._field = FormField(tr("Model"), self._name, hint=self._hint(self._name.text()))
        self._note = QLineEdit()
        self._note.setPlaceholderText(tr("What is new in this version"))
        self._name.textChanged.connect(self._on_name)
        self.add(self._field)
        self.add(FormField(tr("Note"), self._note))
        self.add(Text(_result(run), "small", "text-secondary", wrap=True))
        self.first_focus = self._name
        self.accepted.connect(self._on_accepted)
        self._on_name(self._name.text())

    def _hint(self, name: str) -> str:
        return tr("Becomes {name} v{n}", name=name.strip() or "…", n=next_version(self._context, name.strip()))

    def _on_name(self, name: str) -> None:
        self._field.set_hint(self._hint(name))
        if self.primary is not None:
            self.primary.set_enabled(bool(name.strip()), tr("Give the model a name."))

    def _on_accepted(self) -> None:
        call = operations.register_run(self._context.link, self._run.id, self._name.text().strip(), self._note.text())
        ask(self._context, call, self.primary).on_reply(self._on_reply)

    def _on_reply(self, body: Any) -> None:
        self.close_sheet()
        tell_registering(self._context, self._name.text().strip(), body, self._run.name)


class Registration(Followed):
    """Tells how a registration ended, wherever the window is by then."""

    def tell(self, operation: Operation) -> None:
        """The version it became, with the way there; or why there is none."""
        if operation.state == "done":
            name, number = operation.result.get("model", ""), operation.result.get("version")
            link = partial(self._context.navigate, f"model/{name}/{number}")
            self._context.toast(tr("Registered {name} v{n}", name=name, n=number),
                                actions=(ToastAction(tr("Open"), link, "arrow-right"),))  # fmt: skip
            return
        error = operation.error or {}
        self._context.toast(tr("It was not registered"), said(str(error.get("text") or "")), kind="bad")


def tell_registering(context: Context, name: str, body: Any, detail: str = "") -> None:
    """Say that it began, follow it to its end, and go where the version will be."""
    number = next_version(context, name)
    context.toast(tr("Registering {name} v{n}", name=name, n=number), detail, kind="info")
    operation = readable(Operation, body)
    if operation is not None:
        Registration(context, operation)
    context.navigate(f"model/{name}/{number}")


def next_version(context: Context, name: str) -> int:
    """The number the next version of a model will have."""
    model = context.state.models.get(name)
    return max((version.version for version in model.versions), default=0) + 1 if model else 1


def suggested_name(run: RunRecord, models: list[str]) -> str:
    """The only model there is, else the dataset's name in a form that fits an address."""
    if len(models) == 1:
        return models[0]
    return re.sub(r"[^a-z0-9]+", "-", (run.dataset_name or run.name).lower()).strip("-") or "model"


def _result(run: RunRecord) -> str:
    known = [
        (key, value) for key, value in run.metrics.items() if key.startswith(("test/", "eval/")) and value is not None
    ]
    known = [pair for pair in known if pair[0].startswith("test/")] or known
    return " · ".join(f"{words.metric_name(key)} {words.metric(key, value)}" for key, value in known[:5])
