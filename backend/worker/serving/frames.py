"""How gateway and engine speak over their socket pair: four bytes of length, big-endian, then that many bytes of
JSON."""

import asyncio
import json
import socket
import struct
from typing import Any

LIMIT = 64 * 1024 * 1024
"""A longer frame means that the other side is not speaking this language."""

_HEADER = struct.Struct(">I")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Message = dict[str, Any]


class Hungup(ConnectionError):
    """The other side is gone, or speaks nonsense."""


def to_bytes(message: Message) -> bytes:
    """The JSON of a message, for a socket that keeps messages apart by itself."""
    return _encode(message).encode()


def from_bytes(body: bytes) -> Message:
    """The message again; raises Hungup for anything else."""
    try:
        found = json.loads(body)
    except ValueError as error:
        raise Hungup(f"a frame is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Hungup("a frame is not an object")
    return found


def pack(message: Message) -> bytes:
    """One frame."""
    body = to_bytes(message)
    return _HEADER.pack(len(body)) + body


def send(connection: socket.socket, message: Message) -> None:
    """Send one frame, blocking; raises OSError when nobody listens."""
    connection.sendall(pack(message))


def receive(connection: socket.socket) -> Message:
    """Wait for one frame; raises Hungup at the end of the stream."""
    return from_bytes(_exactly(connection, _size(_exactly(connection, _HEADER.size))))


async def read(reader: asyncio.StreamReader) -> Message:
    """The same without blocking the loop; raises Hungup at the end of the stream."""
    try:
        return from_bytes(await reader.readexactly(_size(await reader.readexactly(_HEADER.size))))
    except (asyncio.IncompleteReadError, OSError) as error:
        raise Hungup("the other side hung up") from error


def _size(header: bytes) -> int:
    (size,) = _HEADER.unpack(header)
    if size > LIMIT:
        raise Hungup(f"a frame of {size} bytes is over the limit of {LIMIT}")
    return int(size)


def _exactly(connection: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        try:
            part = connection.recv(min(count - len(parts), 1 << 20))
        except OSError as error:
            raise Hungup(f"the other side hung up: {error}") from error
        if not part:
            raise Hungup("the other side hung up")
        parts += part
    return bytes(parts)
