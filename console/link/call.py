"""One request under way, and what to do with its reply."""

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QObject
from shiboken6 import isValid

from backend.contract.errors import ErrorReply

OnReply = Callable[[Any], None]
OnRefused = Callable[[ErrorReply], None]

OFFLINE = ErrorReply(
    kind="refused",
    code="offline",
    text="Backend does not answer.",
    fix="Training and serving may still run. Try again.",
)

OWNERS = ("self", "sheet")
"""What a function inside a method calls the widget it works for."""


class Call:
    """Attach what should happen, in any order; each callback runs at most once, on the GUI thread."""

    def __init__(self, description: str, accept: str = "") -> None:
        self.description = description
        self.accept = accept  # a form of the answer other than JSON that the callbacks can read
        self.ended = False
        self._reply: list[OnReply] = []
        self._refused: list[OnRefused] = []
        self._always: list[Callable[[], None]] = []

    def on_reply(self, callback: OnReply | None) -> "Call":
        """`callback(body)` when the backend has accepted; body is parsed JSON, None, or bytes of the form asked for."""
        if callback:
            self._reply.append(callback)
        return self

    def on_refused(self, callback: OnRefused | None) -> "Call":
        """`callback(error)` when it was refused, broke, or could not be asked."""
        if callback:
            self._refused.append(callback)
        return self

    def on_end(self, callback: Callable[[], None] | None) -> "Call":
        """`callback()` in either case, after the others: to end a busy button."""
        if callback:
            self._always.append(callback)
        return self

    def succeed(self, body: Any) -> None:
        """The link calls this once when a 2xx reply is complete."""
        self._end(self._reply, body)

    def fail(self, error: ErrorReply) -> None:
        """The link calls this once for every other end."""
        self._end(self._refused, error)

    def _end(self, callbacks: list[Any], value: Any) -> None:
        if self.ended:
            return
        self.ended = True
        for callback in filter(_alive, callbacks):
            callback(value)
        for always in filter(_alive, self._always):
            always()


def _alive(callback: Callable[..., object]) -> bool:
    """False when the widget whose method this is, or in whose method this function was written, was deleted while the
    request was under way: nobody waits any more."""
    while isinstance(callback, partial):
        callback = callback.func
    owners = [getattr(callback, "__self__", None)]
    code, cells = getattr(callback, "__code__", None), getattr(callback, "__closure__", None)
    if code is not None and cells:
        named = dict(zip(code.co_freevars, cells, strict=True))
        owners += [named[name].cell_contents for name in OWNERS if name in named]
    return all(not isinstance(owner, QObject) or isValid(owner) for owner in owners)
