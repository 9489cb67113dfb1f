"""HTTP/1.1 over asyncio with httptools: every part of a request is bounded in size and time, and a client that goes
cancels its work.

The application is two functions: `admit(head)` answers at once or lets the body come, `answer(request)` is awaited with
the whole body. Requests of one connection are answered in order. Nothing of a request is ever logged.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import httptools

HEAD_LIMIT = 32 * 1024
"""Bytes of request line and headers; beyond it 431."""

LINGER_S = 2.0
"""How long the rest of a refused body is thrown away before the connection is cut."""

PIPELINE_LIMIT = 16
"""Requests a client may send ahead of their answers."""

REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    421: "Misdirected Request",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


class Reply(NamedTuple):
    """What goes back; `headers` are ready pairs, lower case. `close` ends the connection after it."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"
    close: bool = False
    delay_s: float = 0.0  # wrong keys beyond a few a second are answered late


@dataclass
class Request:
    """One request: raw path without query, headers by lower-case name (every value seen), then the body."""

    method: str = ""
    path: str = ""
    headers: dict[str, list[str]] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    keep_alive: bool = True
    refusal: Reply | None = None

    def header(self, name: str) -> str | None:
        """The value of a header that was sent exactly once, else None."""
        values = self.headers.get(name, ())
        return values[0] if len(values) == 1 else None


class App(Protocol):
    """What a server serves."""

    def admit(self, request: Request) -> Reply | None: ...

    def answer(self, request: Request) -> Awaitable[Reply]: ...

    def plain(self, status: int, code: str, text: str) -> Reply: ...


class Bounds(Protocol):
    """The limits a connection needs."""

    body_bytes: int
    body_timeout_s: float
    idle_timeout_s: float
    connections: int


class Server:
    """The open connections of one listening socket."""

    def __init__(self, app: App, bounds: Bounds) -> None:
        self.app = app
        self.bounds = bounds
        self.open: set[Connection] = set()
        self.closing = False
        self.in_flight = 0

    def protocol(self) -> "Connection":
        """A protocol for one new connection."""
        return Connection(self)

    async def drain(self, timeout_s: float) -> None:
        """Close idle connections, let requests in flight finish, then close what is left."""
        self.closing = True
        for connection in list(self.open):
            connection.close_if_idle()
        end = asyncio.get_running_loop().time() + timeout_s
        while self.open and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.01)
        for connection in list(self.open):
            connection.abort()


class Connection(asyncio.Protocol):
    """One client. httptools calls the on_… methods while bytes are fed in."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._target = b""
        self._head_bytes = 0
        self._in_head = True
        self._reading = False  # between the first byte of a request and its last
        self._ready: deque[Request] = deque()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._taken = asyncio.Event()  # unset while the client leaves its answers lying
        self._taken.set()
        self._ended = False

    # ---- transport ---------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        if len(self._server.open) >= self._server.bounds.connections:
            self._refuse(
                503, "too_many_connections", f"{self._server.bounds.connections} connections are open; try again"
            )
            return
        self._server.open.add(self)
        self._arm(self._server.bounds.body_timeout_s)

    def pause_writing(self) -> None:
        """The client does not read what it asked for: nothing more is read from it, and no more answered."""
        self._taken.clear()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self._taken.set()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 asyncio's signature
        self._server.open.discard(self)
        self._ended = True
        self._disarm()
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        if not self._reading:
            self._reading = True
            self._arm(self._server.bounds.body_timeout_s)
        request, body_bytes = self._request, len(self._request.body)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400, "upgrade", "this server speaks plain HTTP/1.1 only")
        except (httptools.HttpParserError, httptools.HttpParserCallbackError):
            self._refuse(400, "not_http", "this is not a valid HTTP/1.1 request")
        grown = len(self._request.body) - body_bytes if self._request is request else len(data)
        self._count_head(len(data) if self._in_head else len(data) - grown)

    # ---- parser ------------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._request, self._target, self._head_bytes, self._in_head = Request(), b"", 0, True

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._request.headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        request = self._request
        self._in_head = False
        request.method = self._parser.get_method().decode("ascii")
        # Only what stands before "?" decides; a target that names a host of its own is never followed.
        request.path = self._target.split(b"?", 1)[0].decode("latin-1")
        request.keep_alive = self._parser.should_keep_alive()
        if request.refusal is None:
            request.refusal = self._server.app.admit(request) or self._check_length(request)
        if request.refusal is not None:
            if "transfer-encoding" in request.headers or request.headers.get("content-length", ["0"]) != ["0"]:
                self._finish_early(request)  # the body is not even read
            return
        if request.header("expect") == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        request = self._request
        if self._ended:
            return
        if len(request.body) + len(body) > self._server.bounds.body_bytes:
            request.refusal = self._too_large()
            self._finish_early(request)
        else:
            request.body += body

    def on_message_complete(self) -> None:
        if self._ended:
            return
        self._reading = False
        self._disarm()
        self._ready.append(self._request)
        if len(self._ready) > PIPELINE_LIMIT:
            self._refuse(429, "pipelined", f"at most {PIPELINE_LIMIT} requests may be sent ahead of their answers")
        elif self._task is None:
            self._task = self._loop.create_task(self._work())

    def _count_head(self, size: int) -> None:
        """The parser keeps an unfinished header or trailer to itself, so what was fed and is no body is counted; a body
        may come byte by byte, each with the five of its chunk."""
        self._head_bytes += size
        if self._head_bytes > HEAD_LIMIT + 8 * len(self._request.body) and not self._ended:
            self._refuse(431, "head_too_large", f"request line, headers and trailers are over {HEAD_LIMIT} bytes")

    def _check_length(self, request: Request) -> Reply | None:
        length = request.header("content-length")
        return (
            self._too_large() if length and length.isdigit() and int(length) > self._server.bounds.body_bytes else None
        )

    def _too_large(self) -> Reply:
        return self._server.app.plain(
            413, "too_large", f"the body is over the limit of {self._server.bounds.body_bytes} bytes"
        )

    # ---- answers -----------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        """Answer what is complete, in order, until nothing is left."""
        self._server.in_flight += 1
        try:
            while self._ready and not self._ended:
                request = self._ready[0]
                if request.refusal is not None and request.refusal.delay_s:
                    await asyncio.sleep(request.refusal.delay_s)
                reply = request.refusal or await self._server.app.answer(request)
                self._ready.popleft()
                self._write(reply, request)
                await self._until_taken()
        finally:
            self._server.in_flight -= 1
            self._task = None
        if not self._ended and not self._reading:
            self._arm(self._server.bounds.idle_timeout_s)

    async def _until_taken(self) -> None:
        """Answers that nobody reads must not pile up: they are waited for like a body, then the line is cut."""
        if not self._taken.is_set() and not self._ended:
            try:
                async with asyncio.timeout(self._server.bounds.body_timeout_s):
                    await self._taken.wait()
            except TimeoutError:
                self._ended = True
                self.abort()

    def _write(self, reply: Reply, request: Request | None, *, end: bool = True) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        close = reply.close or request is None or not request.keep_alive or self._server.closing
        body = b"" if request is not None and request.method == "HEAD" else reply.body
        lines = [
            f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Status')}",
            f"content-type: {reply.content_type}",
            f"content-length: {len(reply.body)}",
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            *(f"{name}: {value}" for name, value in reply.headers),
            f"connection: {'close' if close else 'keep-alive'}",
        ]
        self._transport.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        if close and end:
            self._end()

    def _finish_early(self, request: Request) -> None:
        """Answer before the body has come and end the connection; what still arrives is thrown away for a moment,
        because closing with unread bytes would reset the connection and take the answer with it."""
        reply = request.refusal
        self._ended = True
        self._disarm()
        if reply is None or self._ready:
            self._end()
        else:
            self._timer = self._loop.call_later(reply.delay_s, self._last_words, reply._replace(close=False), request)

    def _last_words(self, reply: Reply, request: Request) -> None:
        request.keep_alive = False
        self._write(reply, request, end=False)
        if self._transport is not None and not self._transport.is_closing():
            if self._transport.can_write_eof():
                self._transport.write_eof()
            self._timer = self._loop.call_later(LINGER_S, self.abort)

    def _refuse(self, status: int, code: str, text: str) -> None:
        if not self._ended:
            self._write(self._server.app.plain(status, code, text), None)
            self._end()

    def _end(self) -> None:
        self._ended = True
        self._disarm()
        if self._transport is not None:
            self._transport.close()
            # What is written still goes out first; a client that does not read it would hold its place for ever.
            self._timer = self._loop.call_later(self._server.bounds.body_timeout_s, self.abort)

    def close_if_idle(self) -> None:
        """End the connection when it is between requests."""
        if not self._reading and self._task is None:
            self._end()

    def abort(self) -> None:
        """End the connection whatever it does."""
        if self._transport is not None:
            self._transport.abort()

    # ---- time --------------------------------------------------------------------------------------------------------

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self._loop.call_later(seconds, self._on_late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_late(self) -> None:
        if self._task is not None:
            return
        if self._reading:
            self._refuse(408, "slow", f"the request did not arrive within {self._server.bounds.body_timeout_s:g} s")
        else:
            self._end()


async def listen(
    server: Server, port: int, start: Callable[..., Awaitable[asyncio.Server]] | None = None
) -> asyncio.Server:
    """Listen on 127.0.0.1:port; raises OSError when somebody else does."""
    start = start or asyncio.get_running_loop().create_server
    return await start(server.protocol, "127.0.0.1", port, backlog=1024, reuse_address=True)


async def close(listener: asyncio.Server) -> None:
    """Take no more connections."""
    listener.close()
    with contextlib.suppress(OSError):
        await asyncio.sleep(0)
