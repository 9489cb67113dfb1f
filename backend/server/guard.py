"""The door: every request passes here before routing, by its raw ASGI path; closed unless it is on the open list.

Order: Origin and Sec-Fetch (a browser has no business here), Host, token, content type, size, strict JSON.
"""

import asyncio
import hashlib
import hmac
import logging
import time
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.contract.errors import Invalid, Refused, TooLarge, Unavailable
from backend.server.errors import broken, refusal
from backend.server.strict import read_json

log = logging.getLogger("modeldeck.access")

MAX_BODY = 1024 * 1024
BODY_SECONDS = 20.0
OPEN = frozenset({"/healthz"})
"""Addresses that need no token. They tell nothing but that somebody lives here."""

READS = frozenset({"GET", "HEAD"})
VIEWER_MAY = ("/predict", "/estimate", "/preview", "/system/stop")
"""What may be posted to a read-only home: nothing that writes."""

LOCAL_NAMES = frozenset({b"localhost", b"127.0.0.1", b"[::1]", b"modeldeck"})
CHALLENGE = b"x-modeldeck-challenge"


def proof(token: str, challenge: str, listen: str) -> str:
    """What only the holder of the token can answer to a challenge; `listen` ties it to this very address."""
    return hmac.new(token.encode(), f"{listen}|{challenge}".encode(), hashlib.sha256).hexdigest()


@dataclass
class BadTokens:
    """Slows guessing down: ten wrong tokens a second are answered at once, the next ones late, a crowd not at all."""

    per_second: float = 10.0
    delay_s: float = 1.0
    most_waiting: int = 32
    waiting: int = 0
    _left: float = field(default=10.0)
    _at: float = field(default_factory=time.monotonic)

    async def pay(self) -> bool:
        """Wait as long as this wrong token costs; False when too many wait already."""
        now = time.monotonic()
        self._left = min(self.per_second, self._left + (now - self._at) * self.per_second)
        self._at = now
        if self._left >= 1:
            self._left -= 1
            return True
        if self.waiting >= self.most_waiting:
            return False
        self.waiting += 1
        try:
            await asyncio.sleep(self.delay_s)
        finally:
            self.waiting -= 1
        return True


class Refusal(Exception):
    """Carries a Refused and the headers that go with it out of the checks."""

    def __init__(self, refused: Refused, headers: dict[str, str] | None = None) -> None:
        super().__init__(refused.text)
        self.refused = refused
        self.headers = headers or {}


def _refuse(status: int, code: str, text: str, fix: str | None = None, **headers: str) -> Refusal:
    refused = Refused(text, code=code, fix=fix)
    refused.status = status
    return Refusal(refused, {name.replace("_", "-"): value for name, value in headers.items()})


class Guard:
    """ASGI middleware around everything. `token` and `hosts` are set when we listen on TCP."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None = None,
        hosts: frozenset[bytes] | None = None,
        read_only: str | None = None,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._app = app
        self._token = token.encode() if token else None
        self._hosts = hosts
        self._read_only = read_only
        self._body_seconds = body_seconds
        self._bad_tokens = BadTokens()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:  # there are no web sockets here
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        watched = _Watched(send)
        started = time.perf_counter()
        try:
            body = await self._admit(scope, receive)
            await self._app(scope, _replay(body, receive), watched)
        except Refusal as error:
            await refusal(error.refused, {"connection": "close", **error.headers})(scope, receive, watched)
        except Exception as error:  # noqa: BLE001 the edge of the process: a client never sees a traceback
            await self._break(error, scope, receive, watched)
        finally:
            _log_access(scope, watched.status, time.perf_counter() - started)

    async def _break(self, error: Exception, scope: Scope, receive: Receive, send: "_Watched") -> None:
        reply = broken(error, where=f"{scope['method']} {scope['path'][:200]}")
        if not send.status:
            await reply(scope, receive, send)

    async def _admit(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body of a request that may go on; Refusal otherwise."""
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value)
        self._check_origin(headers)
        self._check_host(headers)
        await self._check_token(scope, headers)
        self._check_writing(scope)
        return await self._read_body(scope, headers, receive)

    def _check_origin(self, headers: dict[bytes, list[bytes]]) -> None:
        for name in (b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest"):
            if name in headers:
                raise _refuse(403, "origin", "Requests from a web page are refused; this interface is for programs.")

    def _check_host(self, headers: dict[bytes, list[bytes]]) -> None:
        given = headers.get(b"host", [])
        if len(given) != 1:
            raise _refuse(400, "host", "Exactly one Host header is needed.")
        host = given[0].lower()
        # A forwarded Unix socket (ssh -L) may be reached by a browser, so the name is checked there too; its port is
        # free.
        known = host in self._hosts if self._hosts is not None else _name_of(host) in LOCAL_NAMES
        if not known:
            raise _refuse(403, "host", "This Host is not ours.", "Use 127.0.0.1, [::1] or localhost with our port.")

    async def _check_token(self, scope: Scope, headers: dict[bytes, list[bytes]]) -> None:
        # scope["path"], never a URL built from the Host header: that one can be bent (CVE-2026-48710).
        if self._token is None or (scope["path"] in OPEN and scope["method"] in READS):
            return
        given = headers.get(b"authorization", [])
        expected = b"Bearer " + self._token
        if len(given) == 1 and hmac.compare_digest(given[0], expected):
            return
        if not await self._bad_tokens.pay():
            raise _refuse(429, "token", "Too many wrong tokens.", retry_after="1")
        fix = "Send `Authorization: Bearer TOKEN`; the token stands in backend.json of the runtime folder."
        raise _refuse(401, "token", "The token is missing or wrong.", fix, www_authenticate="Bearer")

    def _check_writing(self, scope: Scope) -> None:
        if self._read_only is None or scope["method"] in READS or scope["path"].endswith(VIEWER_MAY):
            return
        raise Refusal(
            Unavailable(
                f"This home folder can only be read: {self._read_only}",
                code="read_only",
                fix="Make the folder writable, or start with another one (--home DIR).",
            )
        )

    async def _read_body(self, scope: Scope, headers: dict[bytes, list[bytes]], receive: Receive) -> bytes:
        method = scope["method"]
        if method in ("POST", "PUT", "PATCH"):
            _check_type(headers)
        try:
            async with asyncio.timeout(self._body_seconds):
                body = await _collect(receive)
        except TimeoutError as error:
            raise _refuse(408, "slow", f"The body did not arrive within {self._body_seconds:g} s.") from error
        if body:
            if method not in ("POST", "PUT", "PATCH"):
                _check_type(headers)
            try:
                read_json(body)
            except Invalid as error:
                raise Refusal(error) from error
        return body


def _name_of(host: bytes) -> bytes:
    if host.startswith(b"["):
        return host[: host.find(b"]") + 1]
    name, _, port = host.partition(b":")
    return name if not port or port.isdigit() else b""


def _check_type(headers: dict[bytes, list[bytes]]) -> None:
    kind, _, parameters = b",".join(headers.get(b"content-type", [])).lower().partition(b";")
    if kind.strip() != b"application/json" or parameters.strip() not in (b"", b"charset=utf-8", b'charset="utf-8"'):
        raise _refuse(415, "content_type", "The body must be JSON.", "Send `Content-Type: application/json`.")
    if headers.get(b"content-encoding", [b"identity"]) != [b"identity"]:
        raise _refuse(415, "content_encoding", "A compressed body is not taken.", "Send the body as it is.")


async def _collect(receive: Receive) -> bytes:
    """The body, counted as it comes: Content-Length may lie."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _refuse(400, "disconnected", "The client went away.")
        part = message.get("body", b"")
        size += len(part)
        more = message.get("more_body", False)
        if size <= MAX_BODY:
            parts.append(part)
        else:
            parts.clear()
            # Read on a little and throw it away: hanging up in the middle would cost the client our answer.
            if not more or size > 8 * MAX_BODY:
                raise Refusal(TooLarge(f"The body is over the limit of {MAX_BODY} bytes.", limit=MAX_BODY))
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A receive() that gives the body once, then whatever the server says (the client going away)."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


class _Watched:
    """send() that remembers the status and adds what every reply carries."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            extra = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await self._send(message)


def _log_access(scope: Scope, status: int, seconds: float) -> None:
    """Method, path, status, time. Never the query, a header or the body: they may hold secrets."""
    level = logging.DEBUG if scope["method"] in READS and status < 400 else logging.INFO
    if log.isEnabledFor(level):
        facts = {
            "method": scope["method"],
            "path": scope["path"][:200],
            "status": status,
            "ms": round(seconds * 1e3, 1),
        }
        log.log(level, "request", extra=facts)
