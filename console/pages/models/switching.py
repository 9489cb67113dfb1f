"""Follows a promotion, a rollback or an undo to its end and tells it, whether or not its sheet is still open."""

from __future__ import annotations

from typing import Any

from backend.contract.resources import Operation
from console import operations, words
from console.asking import ask
from console.context import Context
from console.following import Followed
from console.i18n import tr


class Switch(Followed):
    """A change of the live version, or its undoing."""

    def __init__(self, context: Context, operation: Operation) -> None:
        self.shown = True  # a sheet shows it: a failure is told there
        self.reversible = True  # its toast offers Undo
        super().__init__(context, operation)

    def tell(self, operation: Operation) -> None:
        """In a toast, with Undo."""
        if operation.state == "failed":
            if not self.shown:
                error = operation.error or {}
                self._context.toast(tr("The switch failed"), str(error.get("text", operation.text)), kind="bad")
            return
        result = operation.result
        text = _done_text(operation.kind, result)
        detail = tr("{endpoint} · took {time}", endpoint=result.get("endpoint", ""),
                    time=words.seconds_exact(result.get("seconds")))  # fmt: skip
        if not self.reversible or result.get("from_version") is None:
            self._context.toast(text, detail, kind="ok")
            return
        reversal = Reversal(self._context, operation.id)
        self._context.toast(text, detail, kind="ok", undo=reversal.run, redo=reversal.run)


class Reversal:
    """Takes the newest of a chain of operations back: first the switch, then its undoing, and so on."""

    def __init__(self, context: Context, operation_id: str) -> None:
        self._context, self._id = context, operation_id

    def run(self) -> None:
        """Asked by the toast, by Ctrl+Z and by Ctrl+Shift+Z."""
        ask(self._context, operations.undo(self._context.link, self._id)).on_reply(self._on_reply)

    def _on_reply(self, body: dict[str, Any]) -> None:
        operation = Operation.model_validate(body)
        self._id = operation.id  # undoing and redoing are told by the stack of the window, not by this toast
        switch = Switch(self._context, operation)
        switch.shown = switch.reversible = False


def _done_text(kind: str, result: dict[str, Any]) -> str:
    number = result.get("to_version")
    if kind == "rollback":
        return tr("Rolled back to v{n}", n=number)
    return tr("Undone, v{n} answers again", n=number) if kind == "undo" else tr("v{n} is live", n=number)
