"""An endpoint's process: HTTP in front, one engine process per loaded version behind, commands and events through its
job folder.

It outlives the daemon. Order of start: log, listening socket (so the port is known at once), engines. Order of end: no
new connections, requests in flight, engines, last word.
"""

import asyncio
import contextlib
import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from backend import platform
from backend.contract.base import Record
from backend.contract.commands import Command, Deploy, Restart, Shutdown, Stop, Switch, Unload
from backend.contract.events import Ended, EngineChanged, Logged, Served, Started, StateChanged, Warned
from backend.contract.states import EndpointState
from backend.failpoints import failpoint
from backend.jobs.folder import JobFolder
from backend.jobs.log import LogFailed, LogWriter
from backend.worker.parts.control import Control
from backend.worker.serving import http
from backend.worker.serving.app import EndpointApp
from backend.worker.serving.engines import LoadFailed, Version
from backend.worker.serving.guard import Guard
from backend.worker.serving.limits import Limits, read_limits
from backend.worker.serving.router import NotNow, Router
from backend.worker.serving.spawn import best_spawner
from backend.worker.serving.windows import Windows

POLL_S = 0.01
WINDOW_S = 1.0
FULL_S = 0.5
"""Pause between two tries to write to a full disk."""


class Voice:
    """The job's event log, written by a thread of its own so that no fsync ever stops a request.

    On a full disk what was said waits, in order, until there is room: what is live, and the answer to a command, must
    not be lost. Only windows of requests are let go of meanwhile, for they would pile up.
    """

    def __init__(self, job: JobFolder) -> None:
        self.log = LogWriter(job.events)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="log")
        self._closing = threading.Event()
        self._full = False

    def say(self, kind: str, record: Record, *, sync: bool = False) -> None:
        """Put an event into the log, in the order said."""
        if self._full and kind == "request_window":
            return
        self._thread.submit(self._write, kind, record, sync)

    async def said(self, kind: str, record: Record) -> None:
        """The same, returning when it is on the disk. Raises OSError when it cannot be put there."""
        await self.run(lambda: self._insist(lambda: self.log.append(kind, record, sync=True)))

    async def answer(self, done: Callable[[], None]) -> None:
        """Answer a command, returning when that is on the disk. Raises OSError when it cannot be put there."""
        await self.run(lambda: self._insist(done))

    async def run(self, work: Callable[[], Any]) -> Any:
        """Do something in the log's thread, after everything said before."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Write what was said and close; a full disk is not waited for any more."""
        self._closing.set()
        self._thread.shutdown(wait=True)
        self.log.close()

    def _write(self, kind: str, record: Record, sync: bool) -> None:
        try:
            self._insist(lambda: self.log.append(kind, record, sync=sync))
        except OSError as error:
            with contextlib.suppress(OSError):  # output.log may lie on the same disk
                print(f"event {kind} could not be written: {error}", file=sys.stderr, flush=True)

    def _insist(self, write: Callable[[], Any]) -> None:
        """Write, and on a full disk try again until there is room; any other error is final."""
        while True:
            try:
                write()
            except OSError as error:
                self._full = error.errno in (errno.ENOSPC, errno.EDQUOT) and not isinstance(error, LogFailed)
                if not self._full or self._closing.wait(FULL_S):
                    raise
            else:
                self._full = False
                return


class Gateway:
    """One endpoint from start to end."""

    def __init__(self, job: JobFolder, voice: Voice) -> None:
        self._job = job
        self._voice = voice
        self._spec = job.spec()
        self._limits: Limits = read_limits(self._spec.settings)
        self._control = Control(job, voice.log)
        self._windows = Windows()
        self._end = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.router = Router(job.path, self._limits, best_spawner(), self._say_engine, self._say_served)
        self._guard = Guard(read_key(job), 0)
        self._app = EndpointApp(
            str(self._spec.settings["endpoint"]), self._guard, self.router, self._limits, self._windows
        )
        self._server = http.Server(self._app, self._limits)

    async def run(self) -> None:
        """Serve until a Shutdown, a Stop or SIGTERM."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end.set)
        launch = self._job.launch()
        self._voice.say("started", Started(attempt=launch.attempt if launch else 1, pid=os.getpid()), sync=True)
        before = self._remembered()
        listener = await self._listen(before)
        self._voice.say("state", StateChanged(state="running"))
        live, standby = self._first_versions(before)
        await self.router.begin(live, standby)
        helpers = [loop.create_task(self._obey()), loop.create_task(self._report())]
        try:
            await self._end.wait()
        finally:
            await self._close(listener, helpers)

    # ---- start -------------------------------------------------------------------------------------------------------

    def _remembered(self) -> dict[str, Any]:
        try:
            return self.router.remembered()
        except ValueError as error:
            self._warn("routing", f"{error}; starting with the version this endpoint was made with")
            return {}

    async def _listen(self, before: dict[str, Any]) -> asyncio.Server:
        """On the port we had, else the one asked for, else any; a port taken by a stranger is said."""
        wanted = before.get("port") or self._spec.settings.get("port") or 0
        try:
            listener = await http.listen(self._server, wanted)
        except OSError as error:
            if not wanted or error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            listener = await http.listen(self._server, 0)
            self._warn("port", f"port {wanted} is used by another program; this endpoint now has another address")
        port = int(listener.sockets[0].getsockname()[1])
        self.router.port = self._guard.port = port
        return listener

    def _first_versions(self, before: dict[str, Any]) -> tuple[Version | None, Version | None]:
        if before.get("live"):
            return Version(**before["live"]), Version(**before["standby"]) if before.get("standby") else None
        asked = self._spec.settings
        if asked.get("version") is None:
            return None, None
        return Version(str(asked["model"]), int(asked["version"]), str(asked["version_path"])), None

    # ---- commands ----------------------------------------------------------------------------------------------------

    async def _obey(self) -> None:
        """Switch and unload run in the order they came; a load, which takes long, runs beside them."""
        while True:
            for command in self._heard():
                if isinstance(command, Deploy | Restart):
                    self._spawn(self._do(command))
                else:
                    await self._do(command)
            await asyncio.sleep(POLL_S)

    def _heard(self) -> list[Command]:
        try:
            return self._control.poll()
        except OSError:  # no descriptor is free, the disk is away for a moment: the next look reads on where this began
            return []

    async def _do(self, command: Command) -> None:
        """Do it and answer; whatever goes wrong, the next command is heard."""
        try:
            result = await self._act(command)
        except (NotNow, LoadFailed) as error:
            await self._done(command, False, str(error), {})
        except OSError as error:
            await self._done(command, False, f"{type(error).__name__}: {error.strerror}", {})
        except Exception as error:  # noqa: BLE001 the edge of a command: a defect in one must not make the endpoint deaf
            traceback.print_exc()
            await self._done(command, False, f"{type(error).__name__}; see output.log of this endpoint's job", {})
        else:
            await self._done(command, True, "", result)
            if isinstance(command, Shutdown | Stop):
                self._end.set()

    async def _act(self, command: Command) -> dict[str, Any]:
        if isinstance(command, Deploy):
            return await self.router.deploy(Version(command.model, command.version, command.path))
        if isinstance(command, Switch):
            return await self.router.switch(command.version)
        if isinstance(command, Unload):
            await self.router.unload(command.version)
        elif isinstance(command, Restart):
            await self.router.restart(command.version)
        elif not isinstance(command, Shutdown | Stop):
            raise NotNow(f"an endpoint cannot {type(command).__name__.lower()}")
        return {}

    async def _done(self, command: Command, ok: bool, text: str, result: dict[str, Any]) -> None:
        failpoint("gateway.before_done")
        try:
            await self._voice.answer(lambda: self._control.done(command, ok=ok, text=text, result=result))
        except OSError as error:  # the log is broken for good: whoever asked hears nothing, but those who predict do
            with contextlib.suppress(OSError):
                print(f"the answer to {command.id} could not be written: {error}", file=sys.stderr, flush=True)

    # ---- events ------------------------------------------------------------------------------------------------------

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(WINDOW_S)
            self._say_windows()

    def _say_windows(self) -> None:
        loads = {}
        for keeper in self.router.keepers:
            loads[keeper.version.model, keeper.version.version] = keeper.lane.take_load()
        live = self.router.live
        for window in self._windows.take(loads, (live.version.model, live.version.version) if live else None):
            self._voice.say("request_window", window)

    def _say_engine(self, changed: EngineChanged) -> None:
        self._voice.say("engine", changed)

    async def _say_served(self, served: Served) -> None:
        await self._voice.said("served", served)

    def _warn(self, code: str, text: str) -> None:
        self._voice.say("warning", Warned(code=code, text=text))

    # ---- end ---------------------------------------------------------------------------------------------------------

    async def _close(self, listener: asyncio.Server, helpers: list[asyncio.Task[None]]) -> None:
        self._app.draining = True
        listener.close()
        await self._server.drain(self._limits.drain_timeout_s)
        for task in (*helpers, *self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._say_windows()
        live, standby = self.router.live, self.router.standby
        await self.router.stop()
        stopped = Served(
            model=live.version.model if live else None,
            live_version=live.version.version if live else None,
            standby_version=standby.version.version if standby else None,
            port=self.router.port,
            state=EndpointState.STOPPED.value,
        )
        self._voice.say("served", stopped)
        self._voice.say("ended", Ended(outcome="stopped", step=0, text="shut down"), sync=True)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def read_key(job: JobFolder) -> str:
    """The key from secret.json. Refuses a file that others may read, because then it is no secret."""
    if os.name == "posix" and job.secret.stat().st_mode & 0o077:
        raise PermissionError(f"{job.secret.name} may be read by others; make it 0600")
    key = (platform.read_json(job.secret) or {}).get("key")
    if not isinstance(key, str) or len(key) < 32:
        raise ValueError(f"{job.secret.name} has no key")
    return key


async def _serve(job: JobFolder, voice: Voice) -> None:
    await Gateway(job, voice).run()


def main(argv: list[str]) -> int:
    """Run the endpoint of a job folder; 0 after a clean end."""
    job = JobFolder(Path(argv[0]))
    voice = Voice(job)
    try:
        _run(_serve(job, voice))
    except Exception as error:  # noqa: BLE001 the edge of a process: the reason goes into the log before it ends
        text = f"{type(error).__name__}: {error}"
        voice.say("log", Logged(level="error", text=text))
        voice.say(
            "ended",
            Ended(outcome="failed", step=0, text=text, code="error", traceback=traceback.format_exc()),
            sync=True,
        )
        return 1
    finally:
        voice.close()
    return 0


def _run(work: Any) -> None:
    try:
        import uvloop
    except ImportError:  # Windows, or a small installation: asyncio's own loop is slower and right
        asyncio.run(work)
        return
    uvloop.run(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
