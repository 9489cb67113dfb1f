"""Which version answers. A switch is one assignment between two requests; what is queued on the old version finishes
there.

What should be live, what stands by and on which port is kept in routing.json, written before it becomes true, so that a
gateway that dies at any moment comes back with exactly that.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from backend import platform
from backend.contract.events import EngineChanged, Served
from backend.contract.states import EndpointState
from backend.failpoints import failpoint
from backend.worker.serving.engines import LoadFailed, Version
from backend.worker.serving.keeper import Keeper
from backend.worker.serving.limits import Limits
from backend.worker.serving.spawn import Spawner

ROUTING = "routing.json"


class NotNow(Exception):
    """A command that does not fit the present state; the text says what would."""


SayServed = Callable[[Served], Awaitable[None]]


class Router:
    """The versions of one endpoint. All methods run on the event loop."""

    def __init__(
        self,
        folder: Path,
        limits: Limits,
        spawner: Spawner,
        say_engine: Callable[[EngineChanged], None],
        say_served: SayServed,
    ) -> None:
        self._file = folder / ROUTING
        self._limits = limits
        self._spawner = spawner
        self._say_engine = say_engine
        self._say_served = say_served
        self._keepers: dict[int, Keeper] = {}
        self._writing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._said: Served | None = None
        self.port = 0
        self.live: Keeper | None = None
        self.standby: Keeper | None = None

    # ---- what is -----------------------------------------------------------------------------------------------------

    @property
    def keepers(self) -> tuple[Keeper, ...]:
        """Every version that is loaded or being loaded."""
        return tuple(self._keepers.values())

    def keeper(self, version: int | None) -> Keeper | None:
        """The keeper of a version; without a version, the live one."""
        return self.live if version is None else self._keepers.get(version)

    @property
    def state(self) -> EndpointState:
        """What a client experiences now."""
        if self.live is None:
            return EndpointState.STARTING
        states = {
            "loading": EndpointState.STARTING,
            "ready": EndpointState.SERVING,
            "restarting": EndpointState.DEGRADED,
            "failed": EndpointState.FAILED,
        }
        return states.get(self.live.state, EndpointState.STOPPED)

    def remembered(self) -> dict[str, Any]:
        """routing.json of an earlier attempt, or nothing. Raises ValueError when it is damaged."""
        found = platform.read_json(self._file)
        return found if isinstance(found, dict) else {}

    # ---- start -------------------------------------------------------------------------------------------------------

    async def begin(self, live: Version | None, standby: Version | None) -> None:
        """Load what should be live, and keep trying; then the standby. Returns at once."""
        if live is not None:
            self.live = self._add(live, persist=True)
        await self.remember()
        await self.say()
        if standby is not None:
            self._spawn(self._begin_standby(standby))

    async def _begin_standby(self, version: Version) -> None:
        live = self.live
        if live is not None:
            try:
                await live.wait_ready()
            except LoadFailed:
                return
        if self.standby is None and version.version not in self._keepers:
            self.standby = self._add(version, persist=True)
            await self.say()

    # ---- commands ----------------------------------------------------------------------------------------------------

    async def deploy(self, version: Version) -> dict[str, Any]:
        """Make a version ready beside the live one; a version that is ready already is left as it is. Raises
        LoadFailed."""
        keeper = self._keepers.get(version.version)
        if keeper is not None and keeper.state == "failed":
            if keeper is self.live:
                await keeper.restart()
                return _deployed(keeper, loads=keeper.loads)
            await self._remove(keeper)
            keeper = None
        before = keeper.loads if keeper is not None else 0
        keeper = keeper or self._add(version, persist=False)
        try:
            await keeper.wait_ready()
            if keeper.state != "ready":
                raise LoadFailed(f"version {version.version} is {keeper.state}: {keeper.text}")
        except LoadFailed:
            if keeper not in (self.live, self.standby) and self._keepers.get(version.version) is keeper:
                await self._remove(keeper)
            raise
        return _deployed(keeper, loads=keeper.loads - before)

    async def switch(self, version: int) -> dict[str, Any]:
        """From the next request on `version` answers, and what was live stands by; others are unloaded when they are
        idle."""
        keeper, old = self._keepers.get(version), self.live
        if keeper is not None and keeper is old:
            return {"from_version": version, "to_version": version, "paused_ms": 0.0}
        if keeper is None or keeper.state != "ready":
            raise NotNow(f"version {version} is not ready here; deploy it first")
        await self._write(keeper, old)
        failpoint("gateway.mid_switch")
        if keeper.state != "ready":  # it died while the file was written
            await self._write(old, self.standby)
            raise NotNow(f"version {version} died before it could be switched to")
        started = time.perf_counter()
        self.live, self.standby = keeper, old
        paused_ms = round((time.perf_counter() - started) * 1e3, 4)
        await self.say(paused_ms)
        for other in self.keepers:
            if other not in (self.live, self.standby):
                self._spawn(self._retire(other))
        return {"from_version": old.version.version if old else None, "to_version": version, "paused_ms": paused_ms}

    async def unload(self, version: int) -> None:
        """End the engine of a version that is not live; raises NotNow for the live one."""
        keeper = self._keepers.get(version)
        if keeper is None:
            return
        if keeper is self.live:
            raise NotNow(f"version {version} is live; switch to another one first")
        if keeper is self.standby:
            await self._write(self.live, None)
            self.standby = None
            await self.say()
        await self._retire(keeper)

    async def restart(self, version: int) -> None:
        """Start the engine of a version anew; raises NotNow or LoadFailed."""
        keeper = self._keepers.get(version)
        if keeper is None:
            raise NotNow(f"version {version} is not loaded here")
        await keeper.restart()

    async def stop(self) -> None:
        """End every engine."""
        for task in list(self._tasks):
            task.cancel()
        for keeper in self.keepers:
            await keeper.stop()
        await self._spawner.close()

    # ---- telling and remembering -------------------------------------------------------------------------------------

    async def say(self, paused_ms: float | None = None) -> None:
        """A `served` event, when something changed since the last one."""
        live, standby = self.live, self.standby
        now = Served(
            model=live.version.model if live else None,
            live_version=live.version.version if live else None,
            standby_version=standby.version.version if standby else None,
            port=self.port,
            state=self.state.value,
        )
        if now != self._said:
            self._said = now
            await self._say_served(now.model_copy(update={"paused_ms": paused_ms}))

    async def remember(self) -> None:
        """Write routing.json as things are."""
        await self._write(self.live, self.standby)

    async def _write(self, live: Keeper | None, standby: Keeper | None) -> None:
        content = {
            "port": self.port,
            "live": live.version._asdict() if live else None,
            "standby": standby.version._asdict() if standby else None,
        }
        async with self._writing:
            await asyncio.to_thread(platform.write_json_atomic, self._file, content)

    # ---- keepers -----------------------------------------------------------------------------------------------------

    def _add(self, version: Version, *, persist: bool) -> Keeper:
        keeper = Keeper(version, self._limits, self._spawner, self._say_engine, self._on_keeper_changed)
        self._keepers[version.version] = keeper
        keeper.start(persist=persist)
        return keeper

    def _on_keeper_changed(self, keeper: Keeper) -> None:
        if keeper is self.live:
            self._spawn(self.say())

    async def _retire(self, keeper: Keeper) -> None:
        try:
            async with asyncio.timeout(self._limits.drain_timeout_s):
                await keeper.drain()
        except TimeoutError:
            pass  # its last requests are refused; they have waited long enough
        if keeper not in (self.live, self.standby):
            await self._remove(keeper)

    async def _remove(self, keeper: Keeper) -> None:
        if self._keepers.get(keeper.version.version) is keeper:
            del self._keepers[keeper.version.version]
        await keeper.stop()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _deployed(keeper: Keeper, *, loads: int) -> dict[str, Any]:
    return {
        "version": keeper.version.version,
        "loads": loads,
        **{k: v for k, v in keeper.facts.items() if k != "state"},
    }
