"""Where engines come from: forked from a host process that has torch loaded (Linux), or started anew (elsewhere)."""

import asyncio
import socket
import subprocess
import sys
from typing import Any, NamedTuple, Protocol

from backend.worker.serving import frames
from backend.worker.serving.frames import Message

HOST_START_S = 120.0
"""Importing torch and transformers takes five seconds on an idle machine; a cold, busy one may need minutes."""


class SpawnFailed(Exception):
    """No engine process could be started; the text says why."""


class Spawned(NamedTuple):
    """A new engine process: its socket and its pid."""

    connection: socket.socket
    pid: int


class Spawner(Protocol):
    """Makes engine processes."""

    async def spawn(self) -> Spawned: ...

    async def close(self) -> None: ...


def best_spawner() -> Spawner:
    """Forking is safe where we can test it; macOS frameworks do not survive a fork and Windows has none."""
    return ForkHost() if sys.platform.startswith("linux") else Anew()


def _command(option: str, descriptor: int) -> list[str]:
    return [sys.executable, "-m", "backend.worker.engine", option, str(descriptor)]


class Anew:
    """Starts a Python process for every engine."""

    def __init__(self) -> None:
        self._children: list[subprocess.Popen[bytes]] = []

    async def spawn(self) -> Spawned:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                child = subprocess.Popen(_command("--serve", theirs.fileno()), pass_fds=[theirs.fileno()])
            except OSError as error:
                ours.close()
                raise SpawnFailed(f"no process could be started: {error.strerror}") from error
        self._children = [old for old in self._children if old.poll() is None] + [child]
        return Spawned(ours, child.pid)

    async def close(self) -> None:
        for child in self._children:
            child.kill()
            child.wait()


class ForkHost:
    """Talks to one `engine --host`, which is started at the first engine and again when it died; engines do not need it
    to live."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._up: asyncio.Future[None] | None = None
        self._forks: dict[int, asyncio.Future[int]] = {}
        self._number = 0

    async def spawn(self) -> Spawned:
        """Fork an engine; raises SpawnFailed."""
        await self._be_up()
        ours, theirs = socket.socketpair()
        self._number += 1
        number = self._number  # others may be forked while this one waits
        forked: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._forks[number] = forked
        try:
            with theirs:
                self._send({"op": "fork", "number": number}, theirs.fileno())
            async with asyncio.timeout(HOST_START_S):
                pid = await forked
        except (OSError, TimeoutError) as error:
            ours.close()
            raise SpawnFailed("the process that forks engines does not answer") from error
        finally:
            self._forks.pop(number, None)
        return Spawned(ours, pid)

    async def close(self) -> None:
        """End the host; engines end when their own sockets do."""
        self._drop()
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await asyncio.to_thread(process.wait)

    async def _be_up(self) -> None:
        if self._up is None:
            self._start()
        up = self._up
        try:
            async with asyncio.timeout(HOST_START_S):
                await asyncio.shield(up) if up is not None else None
        except TimeoutError as error:
            raise SpawnFailed(f"torch could not be imported within {HOST_START_S:g} s") from error

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._up = loop.create_future()
        with theirs:
            try:
                self._process = subprocess.Popen(_command("--host", theirs.fileno()), pass_fds=[theirs.fileno()])
            except OSError as error:
                ours.close()
                self._up = None
                raise SpawnFailed(f"no process could be started: {error.strerror}") from error
        self._control = ours
        loop.add_reader(ours.fileno(), self._on_readable)

    def _on_readable(self) -> None:
        if self._control is None:
            return
        try:
            data = self._control.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop()
            return
        self._hear(frames.from_bytes(data))

    def _hear(self, message: Message) -> None:
        if message["state"] == "up" and self._up is not None and not self._up.done():
            self._up.set_result(None)
        elif message["state"] == "forked":
            forked = self._forks.get(int(message["number"]))
            if forked is not None and not forked.done():
                forked.set_result(int(message["pid"]))

    def _drop(self) -> None:
        """The host is gone (or shall go): whoever waits for it is told, the next spawn() starts another."""
        control, self._control = self._control, None
        if control is not None:
            asyncio.get_running_loop().remove_reader(control.fileno())
            control.close()
        gone = SpawnFailed("the process that forks engines died; see output.log of this job")
        waiting: list[asyncio.Future[Any]] = [*self._forks.values(), *([self._up] if self._up else [])]
        self._up = None
        for future in waiting:
            if not future.done():
                future.set_exception(gone)
                future.exception()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    def _send(self, message: Message, descriptor: int) -> None:
        if self._control is None:
            raise BrokenPipeError("no host")
        socket.send_fds(self._control, [frames.to_bytes(message)], [descriptor])


def resident_bytes(pid: int) -> int | None:
    """Memory that would be free without this process: what forks share is not in it; None where the kernel does not
    tell."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            lines = [line.split() for line in file if line.startswith("Private_")]
    except OSError:
        return None
    return sum(int(words[1]) for words in lines) * 1024
