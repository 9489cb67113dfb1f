"""A wire between a client and a daemon that is cut again and again, in the middle of whatever it carries."""

import contextlib
import random
import socket
import threading
from pathlib import Path


class CuttingRelay:
    """Stands on the daemon's socket and passes everything on; a feed is cut after some bytes, `cuts` times in all."""

    def __init__(self, path: Path, *, cuts: int, seed: int = 0) -> None:
        self.left = cuts
        self.cut = 0
        self._numbers = random.Random(seed)
        self._path = path
        self._behind = path.with_name("behind.sock")
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        path.rename(self._behind)
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(path))
        path.chmod(0o600)
        self._server.listen(16)
        self._begin(self._accept)

    def close(self) -> None:
        """Let go of every connection and put the daemon's socket back."""
        self._path.unlink()
        for one in (self._server, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._server.close()
        self._behind.rename(self._path)

    def _begin(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name="relay")  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            daemon = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            daemon.connect(str(self._behind))
            self._open |= {client, daemon}
            feed = threading.Event()
            self._begin(self._up, client, daemon, feed)
            self._begin(self._down, client, daemon, feed)

    def _up(self, client: socket.socket, daemon: socket.socket, feed: threading.Event) -> None:
        while data := _read(client):
            if b"/feed" in data:
                feed.set()
            with contextlib.suppress(OSError):
                daemon.sendall(data)
        self._end(client, daemon)

    def _down(self, client: socket.socket, daemon: socket.socket, feed: threading.Event) -> None:
        room: int | None = None
        while data := _read(daemon):
            if feed.is_set() and room is None and self.left:
                room = self._numbers.choice((50, 400, 1500, 4000, 8000)) + self._numbers.randrange(400)
            with contextlib.suppress(OSError):
                client.sendall(data if room is None else data[:room])
            if room is not None:
                room -= len(data)
                if room <= 0:
                    self.left -= 1
                    self.cut += 1
                    break
        self._end(client, daemon)

    def _end(self, client: socket.socket, daemon: socket.socket) -> None:
        for one in (client, daemon):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
            self._open.discard(one)


def _read(side: socket.socket) -> bytes:
    try:
        return side.recv(4096)
    except OSError:
        return b""
