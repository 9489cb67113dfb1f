"""One engine process as the gateway sees it: load it, ask it, notice that it died or hangs, end it."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from backend import platform
from backend.worker.serving import frames
from backend.worker.serving.batcher import BatchFailed, EngineLost
from backend.worker.serving.frames import Hungup, Message
from backend.worker.serving.limits import Limits
from backend.worker.serving.spawn import Spawned, Spawner, SpawnFailed


class Version(NamedTuple):
    """Which version, and where its files lie."""

    model: str
    version: int
    path: str


class LoadFailed(Exception):
    """A version could not be made ready; `permanent` when trying again cannot help."""

    def __init__(self, text: str, *, permanent: bool = False) -> None:
        super().__init__(text)
        self.permanent = permanent


Told = Callable[[str, Message], None]
"""Hears the stages of a load: verifying, loading, warming."""


class Engine:
    """A loaded version. Make it with `load()`; `lost` is set when the process is gone or was given up."""

    def __init__(self, spawned: Spawned, limits: Limits) -> None:
        self.pid = spawned.pid
        self.facts: Message = {}
        self.lost = asyncio.Event()
        self._started = platform.process_started(spawned.pid)
        self._connection = spawned.connection
        self._limits = limits
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._asked: dict[int, asyncio.Future[Message]] = {}
        self._number = 0
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def load(cls, spawner: Spawner, version: Version, limits: Limits, told: Told) -> "Engine":
        """Start a process and make it ready: files verified, loaded, warm, golden inputs answered; raises LoadFailed
        with no process left behind."""
        try:
            engine = cls(await spawner.spawn(), limits)
        except SpawnFailed as error:
            raise LoadFailed(str(error)) from error
        try:
            async with asyncio.timeout(limits.load_timeout_s):
                await engine._make_ready(version, told)
        except TimeoutError as error:
            await engine.end()
            raise LoadFailed(f"it was not ready within {limits.load_timeout_s:g} s") from error
        except BaseException:
            await engine.end()
            raise
        return engine

    async def _make_ready(self, version: Version, told: Told) -> None:
        self._connection.setblocking(False)
        self._reader, self._writer = await asyncio.open_unix_connection(sock=self._connection, limit=frames.LIMIT)
        told("starting", {"pid": self.pid})
        order = {
            "op": "load",
            "path": str(Path(version.path)),
            "max_batch": self._limits.max_batch,
            "max_tokens": self._limits.max_tokens,
            "threads": self._limits.threads,
            "device": self._limits.device,
        }
        try:
            self._writer.write(frames.pack(order))
            while True:
                message = await frames.read(self._reader)
                if message["state"] == "ready":
                    self.facts = message
                    self._task = asyncio.get_running_loop().create_task(self._listen(self._reader))
                    return
                if message["state"] == "failed":
                    raise LoadFailed(str(message["text"]), permanent=message["code"] == "bad_model")
                told(str(message["state"]), {"pid": self.pid})
        except (Hungup, OSError) as error:
            raise LoadFailed("its process died while loading; see output.log of this endpoint's job") from error

    async def ask(self, op: str, *, patient: bool = False, **fields: object) -> Message:
        """One question, one answer; raises EngineLost (dead, or silent for too long and therefore ended) and
        BatchFailed.

        A `patient` question may wait behind others without the engine being ill: when its time is over, or nobody
        waits for it any more, it is taken back and the engine goes on; then TimeoutError is raised.
        """
        if self.lost.is_set() or self._writer is None:
            raise EngineLost("the engine died")
        self._number += 1
        number = self._number
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        seconds = self._limits.engine_timeout_s
        try:
            self._writer.write(frames.pack({"op": op, "id": number, **fields}))
            async with asyncio.timeout(seconds):
                reply = await answer
        except (TimeoutError, asyncio.CancelledError) as error:
            if patient and not self.lost.is_set():
                self._writer.write(frames.pack({"op": "forget", "id": number}))
            if patient or isinstance(error, asyncio.CancelledError):
                raise
            self.kill()
            raise EngineLost(f"the engine did not answer within {seconds:g} s and was ended") from error
        except OSError as error:
            raise EngineLost("the engine died") from error
        finally:
            self._asked.pop(number, None)
        if "error" in reply:
            raise BatchFailed(str(reply["error"]), str(reply.get("code", "error")))
        return reply

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                message = await frames.read(reader)
                answer = self._asked.get(int(message["id"]))
                if answer is not None and not answer.done():
                    answer.set_result(message)
        except Hungup:
            self._lose()

    def _lose(self) -> None:
        self.lost.set()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(EngineLost("the engine died"))

    def kill(self) -> None:
        """End the process at once, whatever it does; also one that is stopped."""
        self._lose()
        if self._started is not None:
            platform.signal_process(self.pid, self._started, signal.SIGKILL)

    async def end(self) -> None:
        """Kill and close; safe to call twice."""
        self.kill()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        else:
            self._connection.close()
