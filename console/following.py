"""An operation of the backend, followed to its end and told, whether or not the sheet that began it is still open."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from backend.contract.resources import Operation
from console.context import Context

LOOK_EVERY_MS = 100
ASK_AGAIN_MS = 2_000
WAIT_S = 20


class Followed(QObject):
    """Belongs to the link, so it outlives the sheet. A subclass says in tell() how it ended.

    The feed tells the stages; the end is also asked for, so that a feed that was away hides nothing.

    Signals:
        staged(Operation): it has come further. ended(Operation): done or failed; after tell().
    """

    staged = Signal(object)
    ended = Signal(object)

    def __init__(self, context: Context, operation: Operation) -> None:
        super().__init__(context.link)
        self._context = context
        self.operation = operation
        self.told = False
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
            self.tell(operation)
            self.ended.emit(operation)
            self.deleteLater()

    def tell(self, operation: Operation) -> None:
        """Say how it ended; called once."""
        raise NotImplementedError
