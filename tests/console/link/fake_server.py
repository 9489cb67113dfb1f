"""A backend of a few lines inside the test's own event loop: it answers what it is told and keeps what it was asked."""

import json
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QLocalServer, QLocalSocket


class FakeServer(QObject):
    """`replies` maps "METHOD /path" to (status, body); the feed stays open and is written with push().

    `torn` says how often the connection of a path breaks before its answer; a path in `cut` breaks in the middle of it;
    one in `mute` is never answered.
    """

    def __init__(self, socket: Path) -> None:
        super().__init__()
        self.socket = socket
        self.replies: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.feeds: list[QLocalSocket] = []
        self.torn: dict[str, int] = {}
        self.cut: set[str] = set()
        self.mute: set[str] = set()
        self.packed: dict[str, bytes] = {}  # paths whose answer is no JSON
        self._server: QLocalServer | None = None
        self._buffers: dict[QLocalSocket, bytes] = {}

    def listen(self) -> None:
        """Open the socket, replacing a stale one."""
        QLocalServer.removeServer(str(self.socket))
        self._server = QLocalServer(self)
        self._server.newConnection.connect(self._on_connection)
        if not self._server.listen(str(self.socket)):
            raise OSError(self._server.errorString())

    def die(self) -> None:
        """End like a killed process: every connection breaks."""
        for socket in list(self._buffers):
            socket.abort()
        self.feeds.clear()
        self._buffers.clear()
        if self._server:
            self._server.close()

    def push(self, *messages: dict[str, Any], event: str = "runs") -> None:
        """Send feed messages to every open stream, in one write."""
        text = "".join(f"id: {m.get('id', 0)}\nevent: {event}\ndata: {json.dumps(m)}\n\n" for m in messages)
        for feed in self.feeds:
            feed.write(text.encode())
            feed.flush()

    def _on_connection(self) -> None:
        while self._server and self._server.hasPendingConnections():
            socket = self._server.nextPendingConnection()
            self._buffers[socket] = b""
            socket.readyRead.connect(self._on_ready)

    def _on_ready(self) -> None:
        socket = self.sender()
        if not isinstance(socket, QLocalSocket) or socket not in self._buffers:
            return
        self._buffers[socket] += bytes(socket.readAll().data())
        head, found, rest = self._buffers[socket].partition(b"\r\n\r\n")
        if not found:
            return
        first, *lines = head.decode().split("\r\n")
        headers = {key.lower(): value for key, value in (line.split(": ", 1) for line in lines)}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        self._buffers[socket] = rest[length:]
        method, target, _ = first.split(" ")
        self.asked.append((f"{method} {target}", headers, rest[:length]))
        self._answer(socket, method, target)

    def _answer(self, socket: QLocalSocket, method: str, target: str) -> None:
        path = target.removeprefix("/api/v1").split("?")[0]
        if path in self.mute:
            return
        if self.torn.get(path, 0) > 0:
            self.torn[path] -= 1
            self._buffers.pop(socket, None)
            socket.abort()
            return
        if path == "/feed":
            socket.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n")
            socket.flush()
            self.feeds.append(socket)
            return
        status, body = self.replies.get(f"{method} {path}", (404, None))
        raw, kind = b"" if body is None else json.dumps(body).encode(), "application/json"
        if path in self.packed:
            raw, kind = self.packed[path], "application/x-packed; charset=binary"
        more = 9 if path in self.cut else 0
        socket.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(raw) + more}\r\n\r\n".encode() + raw
        )
        socket.flush()
        if more:
            self._buffers.pop(socket, None)
            socket.disconnectFromServer()
