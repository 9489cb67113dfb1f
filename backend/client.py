"""Blocking client of the daemon's interface: ask(), follow(since). Used by the command line and the tests."""

import json
import os
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from backend import launch
from backend.contract.base import PROTOCOL
from backend.contract.errors import (
    Broken,
    Conflict,
    ErrorReply,
    Invalid,
    ModeldeckError,
    NotFound,
    Refused,
    TooLarge,
    Unavailable,
)
from backend.contract.feed import FeedMessage
from backend.launch import Backend
from backend.paths import Home

if TYPE_CHECKING:
    import httpx

API = "/api/v1"
TIMEOUT_S = 60.0
SILENCE_S = 15.0
"""The feed beats every 5 s; three missing beats mean that nobody is there."""

NOTICES = frozenset({"hello", "reset", "closed"})
_BY_STATUS: dict[int, type[Refused]] = {
    error.status: error for error in (Invalid, NotFound, Conflict, TooLarge, Unavailable)
}


class Unreachable(Unavailable):
    """No daemon answers."""


class Client:
    """Talks to one daemon, found and proven by launch.find(); use as a context manager or call close()."""

    def __init__(self, backend: Backend, *, name: str = "cli") -> None:
        import httpx  # 0.15 s that `--help` need not pay

        if backend.protocol != PROTOCOL:
            raise Conflict(
                f"The backend that runs (version {backend.version}) speaks protocol {backend.protocol}, "
                f"this program {PROTOCOL}.",
                code="version",
                fix="Run `python3 main.py backend stop`, then try again; runs and endpoints go on meanwhile.",
            )
        self.backend = backend
        headers = {"X-Modeldeck-Client": name}
        if backend.token:
            headers["Authorization"] = f"Bearer {backend.token}"
        base, transport = _route(backend)
        # trust_env=False: a proxy from the environment has no business between two processes of one machine.
        self._http = httpx.Client(
            base_url=base, transport=transport, headers=headers, timeout=TIMEOUT_S, trust_env=False
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, Any] | None = None,
        key: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Any:
        """The JSON of a reply; raises the Refused class of its status, or Broken. A POST carries an idempotency key,
        so that
        asking again after a lost reply does nothing twice; a lost connection is tried once more with the same key."""
        headers = {"Idempotency-Key": key or uuid.uuid4().hex} if method == "POST" else {}
        if method in ("POST", "PATCH", "PUT"):
            headers["Content-Type"] = "application/json"
        content = json.dumps({} if body is None else body).encode() if method in ("POST", "PATCH", "PUT") else None
        parameters = {name: value for name, value in (query or {}).items() if value is not None}
        reply = self._send(method, path, content, headers, parameters, timeout_s)
        return self._read(reply)

    def _send(
        self,
        method: str,
        path: str,
        content: bytes | None,
        headers: dict[str, str],
        query: dict[str, Any],
        timeout_s: float,
    ) -> "httpx.Response":
        import httpx

        for last in (False, True):
            try:
                return self._http.request(
                    method, API + path, content=content, headers=headers, params=query, timeout=timeout_s
                )
            except httpx.TimeoutException as error:
                raise Unreachable(f"The backend did not answer within {timeout_s:g} s.", code="timeout") from error
            except httpx.TransportError as error:
                if last:
                    raise Unreachable(f"The backend does not answer: {error}", code="offline") from error
                time.sleep(0.1)
        raise Unreachable("The backend does not answer.", code="offline")

    def _read(self, reply: "httpx.Response") -> Any:
        if 200 <= reply.status_code < 300:
            return reply.json() if reply.content else None
        raise error_from(reply.status_code, reply.content)

    @contextmanager
    def stream(self, path: str, query: dict[str, Any], accept: str = "*/*") -> Iterator[Iterator[bytes]]:
        """The pieces of a long reply, such as an export, or of one that is no JSON."""
        with self._http.stream("GET", API + path, params=query, headers={"Accept": accept}) as reply:
            if reply.status_code != 200:
                reply.read()
                raise error_from(reply.status_code, reply.content)
            yield reply.iter_bytes()

    def feed(self, since: int | None = None, topics: Collection[str] = ()) -> Iterator[FeedMessage]:
        """Messages of one stream as they come, its notices (hello, reset, closed; topic system) among them.

        Ends when the stream ends; raises Unreachable when nobody is there or it falls silent.
        """
        import httpx

        headers = {} if since is None else {"Last-Event-ID": str(since)}
        query = {"topics": ",".join(topics)} if topics else {}
        try:
            with self._http.stream("GET", API + "/feed", headers=headers, params=query, timeout=SILENCE_S) as reply:
                if reply.status_code != 200:
                    reply.read()
                    raise error_from(reply.status_code, reply.content)
                for line in reply.iter_lines():
                    if line.startswith("data:"):
                        yield FeedMessage.model_validate_json(line[5:])
        except httpx.TransportError as error:
            raise Unreachable(f"The feed was lost: {error}", code="offline") from error


def error_from(status: int, body: bytes) -> ModeldeckError:
    """The error that a reply carries, as the exception it was."""
    try:
        found = ErrorReply.model_validate_json(body)
    except ValueError:
        return Broken(f"The backend answered {status} with {body[:200]!r}.")
    if found.kind == "broken":
        return Broken(found.text, reference=found.reference or "")
    details = {name: value for name, value in found.details.items() if name not in ("text", "code", "fix")}
    refused = _BY_STATUS.get(status, Refused)(found.text, code=found.code, fix=found.fix, **details)
    refused.status = status
    return refused


def connect(home: Home, *, name: str = "cli") -> Client:
    """A client of the running daemon; Unreachable when none runs."""
    backend = launch.find(home)
    if backend is None:
        raise Unreachable(
            f"No backend runs for {home.root}.", code="offline", fix="Start it with `python3 main.py backend start`."
        )
    return Client(backend, name=name)


def follow(
    home: Home, since: int | None = None, topics: Collection[str] = (), *, patience_s: float | None = None
) -> Iterator[FeedMessage]:
    """Stored messages in order without gap or duplicate, over lost connections and restarts of the daemon.

    A `reset` notice (topic system, kind reset) is handed on: what was missed is gone, read afresh. Gives up with
    Unreachable when
    nobody answers for `patience_s` (None: never).
    """
    place, lost_at = since, None
    while True:
        try:
            with connect(home) as client:
                for message in client.feed(place, topics):
                    lost_at = None
                    if message.topic == "system" and message.kind in NOTICES:
                        place = _after_notice(place, message)
                        if message.kind == "reset":
                            yield message
                        continue
                    if message.id and place is not None and message.id <= place:
                        continue
                    place = message.id or place
                    yield message
        except Unreachable:
            lost_at = time.monotonic() if lost_at is None else lost_at
            if patience_s is not None and time.monotonic() - lost_at > patience_s:
                raise
        time.sleep(0.05)


def _after_notice(place: int | None, message: FeedMessage) -> int | None:
    if message.kind == "reset" or (message.kind == "hello" and place is None):
        return int(message.data["newest"])
    return place


def _route(backend: Backend) -> "tuple[str, httpx.HTTPTransport]":
    import httpx

    path = backend.socket_path
    if path is not None:
        facts = os.lstat(path)
        if hasattr(os, "getuid") and facts.st_uid != os.getuid():
            raise Unreachable(f"The socket {path} belongs to somebody else.", code="stranger")
        return "http://localhost", httpx.HTTPTransport(uds=path)
    host, port = backend.address or ("127.0.0.1", 0)
    return f"http://{host}:{port}", httpx.HTTPTransport()
