"""Follows a promotion, a rollback or an undo to its end and tells it, whether or not its sheet is still open."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from backend.contract.resources import Operation
from console import operations, words
from console.asking import ask
from console.context import Context
from console.i18n import tr

LOOK_EVERY_MS = 100
ASK_AGAIN_MS = 2_000
WAIT_S = 20


class Switch(QObject):
    """One operation of the backend. It belongs to the link, so it outlives the sheet that began it.

    The feed tells the stages; the end is also asked for, so that a feed that was away hides nothing.

    Signals:
        staged(Operation): it has come further. ended(Operation): done or failed; after the toast.
    """

    staged = Signal(object)
    ended = Signal(object)

    def __init__(self, context: Context, operation: Operation) -> None:
        super().__init__(context.link)
        self._context = context
        self.operation = operation
        self.told = False
        self.shown = True  # a sheet shows it: a failure is told there
        self.reversible = True  # its toast offers Undo
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_EVERY_MS)
        self._timer.timeout.connect(self._on_look)
        self._timer.start()
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(ASK_AGAIN_MS)
        self._again.timeout.connect(self._ask)
        self._ask()

    def _ask(self) -> None:
        if not self.told:
            call = self._context.link.get(f"/operations/{self.operation.id}", {"wait": WAIT_S})
            call.on_reply(self._on_reply).on_refused(self._on_refused)

    def _on_reply(self, body: dict[str, Any]) -> None:
        self.take(Operation.model_validate(body))
        if not self.told:
            self._again.start()

    def _on_refused(self, _error: Any) -> None:
        self._again.start()

    def _on_look(self) -> None:
        known = self._context.state.operations.get(self.operation.id)
        if known is not None and known != self.operation:
            self.take(known)

    def take(self, operation: Operation) -> None:
        """What is known of it now; an older word after the end is ignored."""
        if self.told:
            return
        self.operation = operation
        self.staged.emit(operation)
        if operation.state != "running":
            self.told = True
            self._timer.stop()
            self._again.stop()
            self._tell(operation)
            self.ended.emit(operation)
            self.deleteLater()

    def _tell(self, operation: Operation) -> None:
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
