"""Server-sent events, byte by byte (the event stream format of the HTML standard, section 9.2.6)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SseMessage:
    """One dispatched message; id is None when the stream never gave one."""

    id: str | None
    event: str
    data: str


class SseParser:
    """Feed it bytes as they come; it hands out whole messages and keeps the rest."""

    def __init__(self) -> None:
        self._rest = b""
        self._id: str | None = None
        self._event = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[SseMessage]:
        """Every message that `chunk` completes, in order."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        messages = []
        for raw in lines:
            line = raw.removesuffix(b"\r").decode("utf-8", "replace")
            if line:
                self._take(line)
            elif message := self._dispatch():
                messages.append(message)
        return messages

    def _take(self, line: str) -> None:
        if line.startswith(":"):
            return
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._event = value
        elif field == "id" and "\0" not in value:
            self._id = value

    def _dispatch(self) -> SseMessage | None:
        data, event = "\n".join(self._data), self._event
        self._data, self._event = [], ""
        return SseMessage(self._id, event or "message", data) if data else None
