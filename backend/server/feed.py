"""The live feed: server-sent events over one shared ring of recent messages; every client is only a place in it.

A message is encoded once, whoever listens. A client that reads slowly falls behind, gets thinned series, and is
closed with a reason
when it falls out of reach; it can come back with Last-Event-ID, and nothing is lost or told twice.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from backend.contract.errors import Invalid
from backend.contract.feed import TOPICS, FeedMessage
from backend.server.thinning import thin

log = logging.getLogger("modeldeck.feed")

RING_MESSAGES = 4096
RING_BYTES = 16 * 1024 * 1024
PAGE = 500
THIN_BEHIND = 1000
"""A client this many messages behind gets thinned series."""

CLOSE_BEHIND = 50_000
"""A client this many messages behind is closed; reading afresh is cheaper for it."""

BEAT_S = 5.0
STUCK_S = 60.0
"""A client that takes nothing for this long is given up; a sleeping laptop comes back with Last-Event-ID."""

MOST_CLIENTS = 64


class Feed(Protocol):
    """What the store's feed can do."""

    def since(self, since: int, topics: Collection[str] | None, limit: int) -> list[FeedMessage]: ...

    def subscribe(self, callback: Callable[[list[FeedMessage]], None]) -> Callable[[], None]: ...

    def oldest(self) -> int: ...

    def newest(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Kept:
    message: FeedMessage
    frame: bytes


def frame(message: FeedMessage) -> bytes:
    """One server-sent event; JSON has no raw line ends, so `data` is one line. Id 0 is no place to resume from."""
    place = f"id: {message.id}\n" if message.id else ""
    return f"{place}event: {message.topic}\ndata: {message.model_dump_json()}\n\n".encode()


def notice(event: str, place: int, **facts: Any) -> bytes:
    """What is told to one reader and never stored, in the shape of a message of topic system: hello, reset, closed.

    `place` is where the reader then stands; 0 leaves it where it is.
    """
    message = FeedMessage(id=place, time=time.time(), topic="system", kind=event, data=facts)
    head = f"id: {place}\n" if place else ""
    return f"{head}event: {event}\ndata: {message.model_dump_json()}\n\n".encode()


class Hub:
    """Between the store's threads and the event loop: keeps the newest messages and wakes the clients."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.closing: str | None = None
        self.clients = 0
        self._lock = threading.Lock()
        self._ring: deque[_Kept] = deque()
        self._bytes = 0
        self._newest = 0
        self._loose: deque[tuple[int, _Kept]] = deque(maxlen=64)
        self._loose_count = 0
        self._wakers: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = False
        self._unsubscribe: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin to listen; called on the event loop before the first client."""
        self._loop = asyncio.get_running_loop()
        self._newest = self.feed.newest()
        self._unsubscribe = self.feed.subscribe(self._on_stored)

    def stop(self, reason: str) -> None:
        """Tell every client why and end its stream; safe to call from a signal handler."""
        self.closing = reason
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    @property
    def newest(self) -> int:
        """The id of the newest message that clients can have."""
        return self._newest

    def _on_stored(self, messages: list[FeedMessage]) -> None:
        """Called by the store after a commit, in whatever thread wrote."""
        with self._lock:
            for message in messages:
                if message.id == 0:  # broadcast: told to who listens now, stored nowhere
                    self._loose_count += 1
                    self._loose.append((self._loose_count, _Kept(message, frame(message))))
                    continue
                # Out of order or with a gap: clients take these from the store, which knows the order.
                if message.id != self._newest + 1:
                    self._ring.clear()
                    self._bytes = 0
                if message.id <= self._newest:
                    continue
                self._newest = message.id
                if self.clients:
                    self._keep(_Kept(message, frame(message)))
            wake = not self._woken and bool(self.clients)
            self._woken = self._woken or wake
        if wake and self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:  # the loop has ended: nobody listens any more
                return

    def _keep(self, kept: _Kept) -> None:
        self._ring.append(kept)
        self._bytes += len(kept.frame)
        while len(self._ring) > RING_MESSAGES or self._bytes > RING_BYTES:
            self._bytes -= len(self._ring.popleft().frame)

    def _wake(self) -> None:
        self._woken = False
        for event in self._wakers:
            event.set()

    def join(self, event: asyncio.Event) -> None:
        """Count a client in and wake it from now on."""
        with self._lock:
            if self.clients == 0:
                self._ring.clear()
                self._bytes = 0
            self.clients += 1
        self._wakers.add(event)

    def leave(self, event: asyncio.Event) -> None:
        """Forget a client; without any, nothing is encoded and nothing kept."""
        self._wakers.discard(event)
        with self._lock:
            self.clients -= 1
            if self.clients == 0:
                self._ring.clear()
                self._bytes = 0

    @property
    def loose_count(self) -> int:
        """How many messages without an id there were."""
        return self._loose_count

    def loose(self, since: int) -> list[_Kept]:
        """Messages without an id after the `since`-th one; only the newest few are kept."""
        with self._lock:
            return [kept for number, kept in self._loose if number > since]

    async def wait_beyond(self, place: int, timeout_s: float) -> None:
        """Return when a message after `place` is stored, or when the time is over."""
        event = asyncio.Event()
        self.join(event)
        try:
            if self._newest <= place and self.closing is None:
                async with asyncio.timeout(timeout_s):
                    await event.wait()
        except TimeoutError:
            return
        finally:
            self.leave(event)

    def recent(self, since: int) -> list[_Kept] | None:
        """What came after `since`; None when the ring does not reach back that far."""
        with self._lock:
            if since >= self._newest:
                return []
            if not self._ring or self._ring[0].message.id > since + 1:
                return None
            start = since + 1 - self._ring[0].message.id
            return list(islice(self._ring, start, None))


class FeedResponse(Response):
    """A stream for one client, until either side goes."""

    def __init__(self, hub: Hub, topics: frozenset[str], since: int | None) -> None:
        super().__init__(media_type="text/event-stream")
        self._hub = hub
        self._topics = topics
        self._since = since

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 as ASGI calls it
        """Send until the client leaves, is given up, or we stop."""
        woken = asyncio.Event()
        self._hub.join(woken)
        gone = asyncio.create_task(_wait_gone(receive, woken))
        try:
            headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async for part in self._parts(woken, gone):
                async with asyncio.timeout(STUCK_S):
                    await send({"type": "http.response.body", "body": part, "more_body": True})
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            log.warning("feed client took nothing for %g s and was closed", STUCK_S)
        except OSError:
            log.debug("feed client went away")
        finally:
            gone.cancel()
            self._hub.leave(woken)

    async def _parts(self, woken: asyncio.Event, gone: "asyncio.Task[None]") -> AsyncIterator[bytes]:
        loose = self._hub.loose_count
        at, first = await self._begin()
        yield first
        while not gone.done():
            woken.clear()
            if self._hub.newest - at > CLOSE_BEHIND:
                yield notice("closed", 0, reason=f"This reader is {self._hub.newest - at} messages behind.")
                log.warning("feed client closed: too far behind")
                return
            at, part = await self._next(at)
            if loose != self._hub.loose_count:
                part += b"".join(kept.frame for kept in self._hub.loose(loose) if kept.message.topic in self._topics)
                loose = self._hub.loose_count
            if part:
                yield part
            if self._hub.closing is not None:
                yield notice("closed", 0, reason=self._hub.closing)
                return
            if at < self._hub.newest:
                continue
            try:
                async with asyncio.timeout(BEAT_S):
                    await woken.wait()
            except TimeoutError:
                yield b": beat\n\n"

    async def _begin(self) -> tuple[int, bytes]:
        newest = max(self._hub.newest, await asyncio.to_thread(self._hub.feed.newest))
        opening = b"retry: 1000\n\n"
        if self._since is None:
            return newest, opening + notice("hello", newest, newest=newest)
        oldest = await asyncio.to_thread(self._hub.feed.oldest)
        if self._since > newest:
            why = (
                f"The place {self._since} lies ahead of the newest message {newest}: this is another or an older store."
            )
        elif self._since < oldest - 1:
            why = f"The place {self._since} is older than what is kept (from {oldest})."
        else:
            return self._since, opening + notice("hello", 0, newest=newest)
        return newest, opening + notice("reset", newest, reason=why, newest=newest)

    async def _next(self, at: int) -> tuple[int, bytes]:
        """(new place, frames to send): from the ring when it reaches, from the store otherwise."""
        recent = self._hub.recent(at)
        if recent is not None and len(recent) <= THIN_BEHIND:
            frames = [kept.frame for kept in recent if kept.message.topic in self._topics]
            return (recent[-1].message.id if recent else at), b"".join(frames)
        target = self._hub.newest
        if recent is not None:
            messages: Sequence[FeedMessage] = [kept.message for kept in recent if kept.message.topic in self._topics]
            return recent[-1].message.id, b"".join(map(frame, thin(messages)))
        messages = await asyncio.to_thread(self._hub.feed.since, at, self._topics, PAGE)
        place = messages[-1].id if len(messages) >= PAGE else max(target, messages[-1].id if messages else at)
        far = target - at > THIN_BEHIND
        return place, b"".join(map(frame, thin(messages) if far else messages))


async def _wait_gone(receive: Receive, woken: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    woken.set()


def open_feed(hub: Hub, request: Request) -> FeedResponse:
    """The reply to GET /feed?topics=a,b with Last-Event-ID (or ?since=); Invalid names what exists."""
    asked = request.query_params.get("topics")
    names = [name.strip() for name in asked.split(",") if name.strip()] if asked else list(TOPICS)
    unknown = sorted(set(names) - set(TOPICS))
    if unknown:
        raise Invalid(f"There is no topic {unknown[0]!r:.60}.", field="topics", fix=f"Topics: {', '.join(TOPICS)}.")
    if hub.clients >= MOST_CLIENTS:
        raise Invalid(f"{MOST_CLIENTS} readers listen already.", code="busy", fix="Close one of them.")
    since = request.headers.get("last-event-id") or request.query_params.get("since")
    if since is None:
        return FeedResponse(hub, frozenset(names), None)
    if not since.isascii() or not since.isdigit() or len(since) > 18:
        raise Invalid("Last-Event-ID must be the id of a message.", field="Last-Event-ID")
    return FeedResponse(hub, frozenset(names), int(since))
