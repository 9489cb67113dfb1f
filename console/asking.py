"""How a page asks the backend: busy button while it waits, and the words of a refusal when it is refused."""

from __future__ import annotations

from typing import Any

from shiboken6 import isValid

from backend.contract.errors import ErrorReply
from console.context import Context
from console.link.call import Call
from console.widgets.buttons import Button


class _Refusal:
    """Shows an error as a toast that stays until it is closed."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def show(self, error: ErrorReply) -> None:
        detail = error.fix or (f"Reference {error.reference}" if error.reference else "")
        self._context.toast(error.text, detail, kind="bad")


class _Busy:
    def __init__(self, button: Button) -> None:
        self._button = button

    def end(self, *_ignored: Any) -> None:
        if isValid(self._button):  # the state it belonged to may be over, and the button with it
            self._button.set_busy(False)


def ask(context: Context, call: Call, button: Button | None = None) -> Call:
    """Tell a refusal in a toast; keep `button` busy until there is an answer."""
    call.on_refused(_Refusal(context).show)
    if button is not None:
        button.set_busy(True)
        call.on_end(_Busy(button).end)
    return call
