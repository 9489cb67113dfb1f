"""A link that asks nobody: it keeps every call and lets the test answer it."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from backend.contract.errors import ErrorReply
from console.link.call import Call, OnRefused, OnReply


@dataclass
class Asked:
    """One call: answer it with succeed() or refuse()."""

    method: str
    path: str
    body: Any
    query: dict[str, Any]
    accept: str = ""
    call: Call = field(default_factory=lambda: Call("fake"))

    def succeed(self, body: Any = None) -> None:
        self.call.succeed(body)

    def refuse(self, text: str, fix: str | None = None, code: str = "invalid") -> None:
        self.call.fail(ErrorReply(kind="refused", code=code, text=text, fix=fix))


class FakeLink(QObject):
    """The surface of console.link.link.Link that pages use. `answers` maps "METHOD /path" to a body given at once."""

    connected = Signal(bool)
    disconnected = Signal(str)
    mismatched = Signal(str)
    received = Signal(list)
    reset = Signal(str)
    retrying = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.online = True
        self.last_id = 0
        self.latency_ms: float | None = 2.0
        self.asked: list[Asked] = []
        self.answers: dict[str, Any] = {}

    def get(self, path: str, query: dict[str, Any] | None = None, accept: str = "") -> Call:
        return self._keep("GET", path, None, query, accept)

    def post(self, path: str, body: Any = None) -> Call:
        return self._keep("POST", path, {} if body is None else body)

    def patch(self, path: str, body: Any) -> Call:
        return self._keep("PATCH", path, body)

    def delete(self, path: str) -> Call:
        return self._keep("DELETE", path, None)

    def download(self, path: str, query: dict[str, Any], file: Any) -> Call:
        return self._keep("DOWNLOAD", path, file, query)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        on_reply: OnReply | None = None,
        on_refused: OnRefused | None = None,
    ) -> Call:
        return self._keep(method, path, body).on_reply(on_reply).on_refused(on_refused)

    def last(self, method: str, path: str) -> Asked:
        """The newest call of this method and path; a missing one lists what was asked instead."""
        for asked in reversed(self.asked):
            if (asked.method, asked.path) == (method, path):
                return asked
        raise LookupError(f"{method} {path} was not asked; asked: {[f'{a.method} {a.path}' for a in self.asked]}")

    def _keep(self, method: str, path: str, body: Any, query: dict[str, Any] | None = None, accept: str = "") -> Call:
        asked = Asked(method, path, body, query or {}, accept)
        self.asked.append(asked)
        answer = self.answers.get(f"{method} {path}")
        if answer is not None:
            # Answered on the next turn of the loop, as a real link would, so that callbacks are attached first.
            QTimer.singleShot(0, partial(asked.succeed, answer))
        return asked.call
