"""The route class of the whole interface: every error becomes an ErrorReply, and a POST with Idempotency-Key happens
once."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from backend.contract.base import Record
from backend.contract.errors import Invalid, Unavailable
from backend.server.errors import reply_for
from backend.server.parts import Parts

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
T = TypeVar("T", bound=Record)

MAX_KEY = 200
PURE = ("/predict", "/estimate", "/preview")
"""Posts that change nothing: repeating them is harmless, and what a user typed is not kept."""


class Items(Record, Generic[T]):
    """What every list answers: {"items": […]}."""

    items: tuple[T, ...]


def items(found: Sequence[T]) -> Items[T]:
    """The records as a list reply; they were validated when they were made."""
    return Items.model_construct(items=tuple(found))


class _Keys:
    """One lock for each key that is being worked on, so that a double click waits for the first one's answer."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: dict[str, int] = {}

    def hold(self, key: str) -> asyncio.Lock:
        self._users[key] = self._users.get(key, 0) + 1
        return self._locks.setdefault(key, asyncio.Lock())

    def drop(self, key: str) -> None:
        self._users[key] -= 1
        if not self._users[key]:
            del self._users[key], self._locks[key]


_KEYS = _Keys()


class Route(APIRoute):
    """Used by every router of this package."""

    def get_route_handler(self) -> Handler:
        """The usual handler inside our error mapping and idempotency."""
        handle = super().get_route_handler()

        async def run(request: Request) -> Response:
            where = f"{request.method} {request.scope['path'][:200]}"
            try:
                key = request.headers.get("idempotency-key")
                if key is None or request.method != "POST" or request.scope["path"].endswith(PURE):
                    return await handle(request)
                return await _once(handle, request, key)
            except Exception as error:  # noqa: BLE001 the edge of the process: everything becomes a reply
                return reply_for(error, where=where)

        return run


async def _once(handle: Handler, request: Request, key: str) -> Response:
    """Answer from what was saved under the key, or do it and save a success; what was refused has not happened."""
    if not key or len(key) > MAX_KEY or not key.isascii() or not key.isprintable():
        raise Invalid(f"Idempotency-Key must be 1 to {MAX_KEY} printable ASCII characters.", field="Idempotency-Key")
    parts: Parts = request.app.state.parts
    digest = hashlib.sha256(await request.body()).hexdigest()
    route = f"{request.method} {request.scope['path']}"
    lock = _KEYS.hold(key)
    try:
        async with lock:
            saved = await asyncio.to_thread(_claim, parts, key, route, digest)
            if saved is not None:
                status, body = saved
                headers = {"idempotency-replayed": "true"}
                return Response(json.dumps(body), status, headers, media_type="application/json")
            request.state.idempotency_key = key
            try:
                response = await handle(request)
            except BaseException:
                await asyncio.to_thread(parts.store.idempotency.release, key)
                raise
            body = json.loads(bytes(response.body) or b"null")
            await asyncio.to_thread(parts.store.idempotency.save, key, response.status_code, body)
            return response
    finally:
        _KEYS.drop(key)


def _claim(parts: Parts, key: str, route: str, digest: str) -> tuple[int, Any] | None:
    """What was answered under this key before; on a full disk the refusal names the bytes that are needed."""
    try:
        return parts.store.idempotency.claim(key, route, digest)
    except Unavailable as error:
        if error.code == "store_full":
            parts.runs.check_room()
        raise


def key_of(request: Request) -> str | None:
    """The Idempotency-Key of the request being handled; lets a service make its effect itself repeatable."""
    return getattr(request.state, "idempotency_key", None)
