"""The queue of one version: bounded, batched while the engine works, and a client that goes takes its texts out
again."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from backend.contract.errors import Unavailable
from backend.worker.serving.frames import Message
from backend.worker.serving.limits import Limits

Ask = Callable[[list[str], list[bool]], Awaitable[Message]]
"""Gives one batch to the engine; raises EngineLost or BatchFailed."""


class QueueFull(Exception):
    """Too much waits already; try again after this many seconds."""

    def __init__(self, waiting: int, limit: int, retry_after_s: int) -> None:
        super().__init__(f"{waiting} texts wait already, the limit is {limit}")
        self.retry_after_s = retry_after_s


class EngineLost(Exception):
    """The engine died or hung with this batch in its hands."""


class BatchFailed(Exception):
    """The engine lives but could not answer this batch."""

    def __init__(self, text: str, code: str = "error") -> None:
        super().__init__(text)
        self.code = code


class Answered(NamedTuple):
    """What the engine said of one input; None when it is over the token limit."""

    output: dict[str, Any] | None
    tokens: int
    unknown: float
    truncated: bool


@dataclass(eq=False)
class Ticket:
    """One request in the queue."""

    texts: list[str]
    truncate: bool
    done: asyncio.Future[None]
    answers: list[Answered | None]
    asked_at: float
    left: int  # texts without an answer
    untaken: int  # texts that still wait
    taken_at: float | None = None
    tokenize_ms: float = 0.0
    model_ms: float = 0.0

    @property
    def queue_ms(self) -> float:
        """How long the first text waited."""
        return ((self.taken_at or self.asked_at) - self.asked_at) * 1e3


@dataclass
class Load:
    """Numbers of a lane for the window and /metrics."""

    depths: list[int] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    waits_ms: list[float] = field(default_factory=list)


class Lane:
    """Requests of one version, in order. Accepts while it is open; open() and fail() follow the engine's life."""

    def __init__(self, limits: Limits, ask: Ask) -> None:
        self._limits = limits
        self._ask = ask
        self._queue: deque[tuple[Ticket, int]] = deque()
        self._some = asyncio.Event()
        self._full = asyncio.Event()
        self._closed_because = "The engine is being loaded."
        self._open = False
        self._gap_s = 1.0  # running mean of the time between two requests
        self._last_at = 0.0
        self._seconds_per_text = 0.02
        self.waiting = 0
        self.working = 0
        self.load = Load()
        self._task = asyncio.get_running_loop().create_task(self._run())

    # ---- the engine's life -------------------------------------------------------------------------------------------

    def open(self) -> None:
        """The engine is ready."""
        self._open = True

    def fail(self, why: str) -> None:
        """The engine is gone: what waits is refused now, what comes is refused at once."""
        self._open, self._closed_because = False, why
        tickets = {id(ticket): ticket for ticket, _ in self._queue}
        self._queue.clear()
        self.waiting = 0
        for ticket in tickets.values():
            _refuse(ticket, Unavailable(why, code="engine_restarting", fix="Try again in a moment."))

    @property
    def busy(self) -> bool:
        """Whether anything waits or is being answered."""
        return bool(self.waiting or self.working)

    def take_load(self) -> Load:
        """What was counted since the last call."""
        taken, self.load = self.load, Load()
        return taken

    async def stop(self) -> None:
        """End the loop; what waits is refused."""
        self.fail("This version is being unloaded.")
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    # ---- requests ----------------------------------------------------------------------------------------------------

    def submit(self, texts: list[str], truncate: bool) -> Ticket:
        """Put a request into the queue; its `done` raises Unavailable, EngineLost or BatchFailed. Raises QueueFull,
        Unavailable.

        A request of more texts than the queue holds is taken when nothing waits, or it could never be.
        """
        if not self._open:
            raise Unavailable(self._closed_because, code="engine_restarting", fix="Try again in a moment.")
        if self.waiting and self.waiting + len(texts) > self._limits.queue:
            raise QueueFull(self.waiting, self._limits.queue, max(1, round(self.waiting * self._seconds_per_text)))
        now = time.perf_counter()
        self._gap_s += 0.2 * (min(now - self._last_at, 1.0) - self._gap_s)
        self._last_at = now
        ticket = Ticket(
            texts,
            truncate,
            asyncio.get_running_loop().create_future(),
            [None] * len(texts),
            now,
            len(texts),
            len(texts),
        )
        self._queue.extend((ticket, index) for index in range(len(texts)))
        self.waiting += len(texts)
        self._some.set()
        if self.waiting >= self._limits.max_batch:
            self._full.set()
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """Nobody waits for this one any more: its place is free at once; what the engine already has is dropped when it
        comes."""
        self.waiting -= ticket.untaken
        ticket.untaken = 0
        if not ticket.done.done():
            ticket.done.cancel()

    # ---- the loop ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            await self._wait_for_company()
            batch = self._take()
            if not self._queue:
                self._some.clear()
            self._full.clear()
            if batch:
                self.working = len(batch)
                try:
                    await self._work(batch)
                finally:
                    self.working = 0

    async def _wait_for_company(self) -> None:
        """Only when requests come so fast that another is likely within the wait: a lone client never pays for
        batching."""
        wait = self._limits.max_wait_ms / 1e3
        if 0 < self.waiting < self._limits.max_batch and self._gap_s < wait:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._full.wait()

    def _take(self) -> list[tuple[Ticket, int]]:
        now = time.perf_counter()
        self.load.depths.append(self.waiting)
        batch: list[tuple[Ticket, int]] = []
        while self._queue and len(batch) < self._limits.max_batch:
            ticket, index = self._queue.popleft()
            if ticket.done.done():
                continue
            ticket.untaken -= 1
            self.waiting -= 1
            if ticket.taken_at is None:
                ticket.taken_at = now
                self.load.waits_ms.append(ticket.queue_ms)
            batch.append((ticket, index))
        return batch

    async def _work(self, batch: list[tuple[Ticket, int]]) -> None:
        self.load.batches.append(len(batch))
        started = time.perf_counter()
        try:
            reply = await self._ask([t.texts[i] for t, i in batch], [t.truncate for t, _ in batch])
        except (EngineLost, BatchFailed) as error:
            for ticket in {id(ticket): ticket for ticket, _ in batch}.values():
                self.waiting -= ticket.untaken  # the rest of a request of several batches does not wait any more
                _refuse(ticket, error)
            return
        taken = (time.perf_counter() - started) / len(batch)
        self._seconds_per_text += 0.2 * (taken - self._seconds_per_text)
        _hand_out(batch, reply)


def _hand_out(batch: list[tuple[Ticket, int]], reply: dict[str, Any]) -> None:
    rows = zip(reply["outputs"], reply["tokens"], reply["unknown"], reply["truncated"], strict=True)
    timed: set[int] = set()
    for (ticket, index), row in zip(batch, rows, strict=True):
        ticket.answers[index] = Answered(*row)
        ticket.left -= 1
        if id(ticket) not in timed:
            timed.add(id(ticket))
            ticket.tokenize_ms += reply["tokenize_ms"]
            ticket.model_ms += reply["model_ms"]
        if ticket.left == 0 and not ticket.done.done():
            ticket.done.set_result(None)


def _refuse(ticket: Ticket, error: Exception) -> None:
    ticket.untaken = 0
    if not ticket.done.done():
        ticket.done.set_exception(error)
        # The client may be gone already; then nobody asks and nothing is to be said about it.
        ticket.done.exception()
