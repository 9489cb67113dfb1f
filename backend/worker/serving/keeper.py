"""Keeps one version answering: loads its engine, notices its death, loads it again after a growing pause, gives up in
time."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from backend.contract.events import EngineChanged
from backend.worker.serving.batcher import EngineLost, Lane
from backend.worker.serving.engines import Engine, LoadFailed, Version
from backend.worker.serving.frames import Message
from backend.worker.serving.limits import Limits
from backend.worker.serving.spawn import Spawner, resident_bytes

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
DEATHS = 5
WITHIN_S = 60.0

Say = Callable[[EngineChanged], None]


class Retry(NamedTuple):
    """Start again after this pause."""

    in_s: float


class GiveUp(NamedTuple):
    """It died this often in a short time; a person must look."""

    deaths: int


def after_death(deaths_s: Sequence[float], now_s: float, jitter: float = 0.0) -> Retry | GiveUp:
    """The rule: 0.5 s doubling to 30 s (plus up to 20 % jitter, given as 0..1), and no more after five deaths in a
    minute."""
    recent = [death for death in deaths_s if now_s - death < WITHIN_S]
    if len(recent) >= DEATHS:
        return GiveUp(len(recent))
    pause = min(FIRST_PAUSE_S * 2 ** max(len(recent) - 1, 0), LONGEST_PAUSE_S)
    return Retry(pause * (1 + 0.2 * jitter))


class Keeper:
    """One version of an endpoint with its lane and its engine, over as many processes as it takes.

    state: loading, ready, restarting, failed, stopped. `on_change` is called after every change of it.
    """

    def __init__(
        self, version: Version, limits: Limits, spawner: Spawner, say: Say, on_change: Callable[["Keeper"], None]
    ) -> None:
        self.version = version
        self.state = "loading"
        self.text = ""
        self.loads = 0
        self.explaining = 0  # explanations that the engine has in its hands
        self.engine: Engine | None = None
        self.facts: Message = {}  # what the newest engine said of itself: labels, limit, device, parameters
        self.lane = Lane(limits, self._ask)
        self._limits = limits
        self._spawner = spawner
        self._say = say
        self._on_change = on_change
        self._deaths: list[float] = []
        self._task: asyncio.Task[None] | None = None
        self._first = asyncio.get_running_loop().create_future()

    def start(self, *, persist: bool) -> None:
        """Load in the background. Without `persist` a first load that fails is final (a deploy); with it, it is tried
        again."""
        self._task = asyncio.get_running_loop().create_task(self._keep(persist))

    async def wait_ready(self) -> None:
        """Return when the first load is done; raises LoadFailed when it failed."""
        await asyncio.shield(self._first)

    async def restart(self) -> None:
        """End the engine and load it anew at once; also after it was given up. Raises LoadFailed."""
        await self._stop_keeping()
        self._deaths.clear()
        self._end_first("restarted")
        self._first = asyncio.get_running_loop().create_future()
        self._change("restarting", "restarted on request")
        self.start(persist=False)
        await self.wait_ready()

    async def stop(self) -> None:
        """End the engine; requests that still wait are refused."""
        await self._stop_keeping()
        self._end_first("unloaded")
        await self.lane.stop()
        self._change("stopped", "")
        self._tell("stopped")

    def _end_first(self, why: str) -> None:
        if not self._first.done():
            self._first.set_exception(LoadFailed(f"it was {why} while loading"))
        self._first.exception()

    async def drain(self) -> None:
        """Wait until nothing of this version waits or is being answered."""
        while self.lane.busy:
            await asyncio.sleep(0.005)

    # ---- inside ------------------------------------------------------------------------------------------------------

    async def _ask(self, texts: list[str], truncate: list[bool]) -> Message:
        if self.engine is None:
            raise EngineLost("the engine died")
        return await self.engine.ask("predict", inputs=texts, truncate=truncate)

    async def _keep(self, persist: bool) -> None:
        while True:
            try:
                await self._load()
            except LoadFailed as error:
                self._tell("failed", str(error))
                if not self._first.done() and not persist:
                    self._change("failed", str(error))
                    self._first.set_exception(error)
                    self._first.exception()
                    return
                if error.permanent or not await self._pause(str(error)):
                    self._fail_for_good(str(error))
                    return
                continue
            await self._until_lost()
            if not await self._pause(self.text):
                self._fail_for_good(self.text)
                return

    async def _load(self) -> None:
        self.loads += 1
        started = time.perf_counter()
        engine = await Engine.load(
            self._spawner, self.version, self._limits, lambda state, fields: self._tell(state, **fields)
        )
        # Ours before anything is awaited again: a load that is cancelled in between would leave its process behind.
        self.engine, self.facts = engine, engine.facts
        memory = await asyncio.to_thread(resident_bytes, engine.pid)
        self.lane.open()
        self._tell("ready", seconds=round(time.perf_counter() - started, 3), memory_bytes=memory)
        self._change("ready", "")
        if not self._first.done():
            self._first.set_result(None)

    async def _until_lost(self) -> None:
        engine = self.engine
        if engine is None:
            return
        await engine.lost.wait()
        self.lane.fail(f"The engine of version {self.version.version} died and is being restarted.")
        self._change("restarting", f"the engine of version {self.version.version} died")
        self._tell("died", "its process ended or did not answer in time")
        self.engine = None
        await engine.end()

    async def _pause(self, why: str) -> bool:
        """Wait as the rule says; False when it says to stop trying."""
        now = time.monotonic()
        self._deaths.append(now)
        verdict = after_death(self._deaths, now, random.random())
        if isinstance(verdict, GiveUp):
            return False
        self._change("restarting", why)
        await asyncio.sleep(verdict.in_s)
        return True

    def _fail_for_good(self, why: str) -> None:
        text = f"given up: {why}"
        self.lane.fail(f"Version {self.version.version} cannot be served; {text}.")
        self._change("failed", text)
        self._tell("failed", text)
        self._end_first("given up")

    async def _stop_keeping(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self.engine is not None:
            engine, self.engine = self.engine, None
            self.lane.fail(f"Version {self.version.version} is being restarted.")
            await engine.end()

    def _change(self, state: str, text: str) -> None:
        self.state, self.text = state, text
        self._on_change(self)

    def _tell(self, state: str, text: str = "", **fields: Any) -> None:
        pid = fields.pop("pid", self.engine.pid if self.engine else None)
        model, number, _ = self.version
        self._say(EngineChanged(model=model, version=number, state=state, text=text, pid=pid, **fields))
