"""The endpoint's HTTP against a client that asks and does not read: nothing piles up, and its place becomes free."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable
from dataclasses import dataclass

import pytest

from backend.worker.serving import http
from backend.worker.serving.http import Reply, Request

ANSWER = b"x" * 1_000_000
ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass
class Bounds:
    body_bytes: int = 1024
    body_timeout_s: float = 60.0
    idle_timeout_s: float = 60.0
    connections: int = 8


class App:
    """Answers everything with a megabyte and counts it."""

    def __init__(self) -> None:
        self.answered = 0

    def admit(self, request: Request) -> Reply | None:
        return None if request.path == "/" else self.plain(403, "no", "x" * 9_000_000)

    def answer(self, request: Request) -> Awaitable[Reply]:
        return self._answer(request)

    async def _answer(self, _request: Request) -> Reply:
        self.answered += 1
        return Reply(200, ANSWER)

    def plain(self, status: int, code: str, text: str) -> Reply:
        return Reply(status, f"{code} {text}".encode())


async def settled(app: App) -> int:
    """How many were answered when nothing moves any more."""
    seen, same = -1, 0
    while same < 50:
        await asyncio.sleep(0.001)
        same = same + 1 if app.answered == seen > 0 else 0
        seen = app.answered
    return seen


def deaf_client(port: int) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", port))
    return client


def test_answers_that_nobody_reads_are_not_made() -> None:
    async def story() -> None:
        app = App()
        server = http.Server(app, Bounds())
        listener = await http.listen(server, 0)
        loop, client = asyncio.get_running_loop(), deaf_client(listener.sockets[0].getsockname()[1])
        await loop.sock_sendall(client, ASK * 15)
        assert await settled(app) < 15, "fifteen megabytes do not fit into the buffers of the system"
        # One that reads again gets everything, in order.
        wanted, got = 15 * len(ANSWER), 0
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        while got < wanted:
            got += len(await loop.sock_recv(client, 1 << 20))
        assert app.answered == 15
        client.close()
        await http.close(listener)
        await server.drain(1.0)

    asyncio.run(story())


@pytest.mark.parametrize("ask", [ASK * 15, b"GET /refused HTTP/1.1\r\nConnection: close\r\n\r\n"])
def test_a_client_that_never_reads_loses_its_place(ask: bytes) -> None:
    """Also when the connection was only waiting for its last answer to go out."""

    async def story() -> None:
        server = http.Server(App(), Bounds(body_timeout_s=0.05))
        listener = await http.listen(server, 0)
        loop = asyncio.get_running_loop()
        clients = [deaf_client(listener.sockets[0].getsockname()[1]) for _ in range(3)]
        for client in clients:
            await loop.sock_sendall(client, ask)
        async with asyncio.timeout(20):
            while not server.open:
                await asyncio.sleep(0.001)
            while server.open:
                await asyncio.sleep(0.005)
        for client in clients:
            client.close()
        await http.close(listener)

    asyncio.run(story())


CHUNKED = b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("endless", [b"0\r\nX: ", b"2;x="], ids=["trailer", "chunk extension"])
def test_what_is_neither_head_nor_body_is_bounded_too(endless: bytes) -> None:
    async def story() -> bytes:
        server = http.Server(App(), Bounds())
        listener = await http.listen(server, 0)
        reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
        writer.write(CHUNKED + endless)
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                writer.write(b"a" * 16_384)
                await writer.drain()
        found = await reader.read(64)
        writer.close()
        await http.close(listener)
        await server.drain(0.0)
        return found

    assert b" 431 " in asyncio.run(story())


def test_a_body_may_come_byte_by_byte_and_another_request_behind_it() -> None:
    async def story() -> None:
        app = App()
        server = http.Server(app, Bounds(body_bytes=100_000))
        listener = await http.listen(server, 0)
        reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
        writer.write(CHUNKED + b"1\r\na\r\n" * 90_000 + b"0\r\n\r\n" + ASK)
        got = 0
        while got < 2 * len(ANSWER):
            part = await reader.read(1 << 20)
            assert part, "it was cut off"
            got += len(part)
        writer.close()
        await http.close(listener)
        await server.drain(0.0)
        assert app.answered == 2

    asyncio.run(story())
