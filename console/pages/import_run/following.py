"""An import under way: told when it has ended, whether or not its sheet is still open."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from backend.contract.resources import Operation
from console import words
from console.context import Context
from console.i18n import tr, tr_n

LOOK_EVERY_MS = 100
ASK_AGAIN_MS = 2_000
WAIT_S = 20


class Following(QObject):
    """Belongs to the link, so it outlives the sheet. The feed tells the stages; the end is also asked for.

    Signals:
        staged(Operation): it has come further. ended(Operation): done or failed, after the toast.
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
            self._tell(operation)
            self.ended.emit(operation)
            self.deleteLater()

    def _tell(self, operation: Operation) -> None:
        if operation.state == "failed":
            error = operation.error or {}
            text = f"{error.get('text', operation.text)} {error.get('fix') or ''}".strip()
            self._context.toast(tr("Nothing was imported"), text, kind="bad")
            return
        runs = operation.result.get("runs", [])
        fresh = [run for run in runs if not run["known"]]
        refused = operation.result.get("refused", [])
        detail = self._detail(fresh, len(runs) - len(fresh), refused)
        if not fresh:
            self._context.toast(tr("This content is here already"), detail, kind="info")
        else:
            kind = "warn" if refused else "ok"
            self._context.toast(tr_n(len(fresh), "Imported {n} run", "Imported {n} runs"), detail, kind=kind)
        if len(runs) == 1:
            self._context.navigate(f"run/{runs[0]['id']}")

    def _detail(self, fresh: list[dict[str, Any]], known: int, refused: list[dict[str, Any]]) -> str:
        points = sum(run["points"] for run in fresh)
        parts = [tr("{n} points", n=words.count(points))] if fresh else []
        if known:
            parts.append(tr_n(known, "{n} was here already", "{n} were here already"))
        if refused:
            parts.append(tr("{name} could not be read: {why}", name=refused[0]["name"], why=refused[0]["text"]))
        return " · ".join(parts)
