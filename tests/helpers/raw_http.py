"""HTTP written by hand, so that a test can send what no library would."""

import socket

from backend.launch import Backend


def connect(backend: Backend, *, receive_buffer: int | None = None, timeout: float = 15.0) -> socket.socket:
    """A connected socket to the daemon."""
    path = backend.socket_path
    connection = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_STREAM)
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(timeout)
    connection.connect(path or backend.address or ("", 0))
    return connection


def exchange(
    backend: Backend,
    target: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    host: str | None = None,
    token: bool = True,
) -> tuple[int, dict[str, str], bytes]:
    """(status, headers in lower case, body) of one request; Host and token are right unless told otherwise."""
    address = backend.address
    lines = [f"{method} {target} HTTP/1.1"]
    lines.append(f"Host: {host if host is not None else f'{address[0]}:{address[1]}' if address else 'localhost'}")
    if token and backend.token:
        lines.append(f"Authorization: Bearer {backend.token}")
    if method not in ("GET", "HEAD"):
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    lines.append("Connection: close")
    with connect(backend) as connection:
        connection.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        return read_reply(connection)


def read_reply(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One reply, until the other side closes."""
    data = b""
    while part := connection.recv(65536):
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    return int(first.split()[1]), headers, body


JSON = {"Content-Type": "application/json"}
