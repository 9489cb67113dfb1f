"""The door: who gets in, and in what shape; hand-written HTTP over TCP and the socket (RELIABILITY T1–T5, T19–T20,
T31).
"""

import ast
import asyncio
import hmac
import json
import threading
import time
from typing import Any

import pytest

from backend.paths import PROJECT
from backend.server.guard import Guard
from backend.worker.serving import guard as gateway_guard
from backend.worker.serving.http import Request
from tests.helpers.home import RunningHome
from tests.helpers.raw_http import JSON, connect, exchange, read_reply

ORIGINS = ("http://evil.example", "null", "http://127.0.0.1:1", "https://localhost", "file://", "")


def at_the_door(kind: str, *headers: tuple[bytes, bytes]) -> list[dict[str, Any]]:
    """What the guard says by itself, without a server that would refuse some of it before; {"type": "let in"} when it
    hands the request on."""
    told: list[dict[str, Any]] = []

    async def application(*_: object) -> None:
        told.append({"type": "let in"})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        told.append(message)

    door = Guard(application, token="right", hosts=frozenset({b"127.0.0.1:1"}))
    scope = {"type": kind, "method": "GET", "path": "/api/v1/feed", "query_string": b"", "headers": list(headers)}
    asyncio.run(door(scope, receive, send))
    return told


HOST, TOKEN = (b"host", b"127.0.0.1:1"), (b"authorization", b"Bearer right")


def every_route(home: RunningHome) -> list[tuple[str, str]]:
    """(method, path) of each operation that the interface says it has."""
    _, _, body = exchange(home.backend, "/openapi.json")
    found = []
    for path, operations in json.loads(body)["paths"].items():
        filled = path
        while "{" in filled:
            filled = filled[: filled.index("{")] + "1" + filled[filled.index("}") + 1 :]
        found += [(method.upper(), filled) for method in operations]
    return found


def test_every_route_but_healthz_needs_the_token(tcp: RunningHome) -> None:
    routes = every_route(tcp)
    assert len(routes) > 60
    for method, path in [*routes, ("GET", "/openapi.json"), ("GET", "/nowhere"), ("GET", "/api/v1/feed")]:
        body = b"" if method == "GET" else b"{}"
        status, _, _ = exchange(tcp.backend, path, method=method, token=False, headers=JSON, body=body)
        assert status == (200 if path == "/healthz" else 401) or status == 429, (method, path, status)
    assert exchange(tcp.backend, "/api/v1/system")[0] == 200


@pytest.mark.parametrize(
    "wrong", ["Bearer x", "Bearer", "Basic eDp4", "bearer {token}", "Bearer {token} ", "Bearer {token}x"]
)
def test_a_wrong_authorization_is_refused(tcp: RunningHome, wrong: str) -> None:
    sent = wrong.format(token=tcp.backend.token)
    status, _, _ = exchange(tcp.backend, "/api/v1/system", token=False, headers={"Authorization": sent})
    # A header's outer blanks are no part of it (RFC 9110 5.5), so the trailing one is the right token.
    assert status == (200 if sent.rstrip() == f"Bearer {tcp.backend.token}" else 401)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:1",
        "evil.example:{port}",
        "127.0.0.1.evil:{port}",
        "127.0.0.1:{port}@evil",
    ],
)
def test_a_foreign_host_is_refused_even_with_the_token(tcp: RunningHome, host: str) -> None:
    port = (tcp.backend.address or ("", 0))[1]
    assert exchange(tcp.backend, "/api/v1/system", host=host.format(port=port))[0] == 403
    for good in ("127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}"):
        assert exchange(tcp.backend, "/api/v1/system", host=good.format(port=port))[0] == 200


def test_the_socket_takes_only_local_names(home: RunningHome) -> None:
    assert exchange(home.backend, "/api/v1/system", host="localhost:1234")[0] == 200
    for host in ("evil.example", "localhost.evil.example", "", "localhost:80x"):
        assert exchange(home.backend, "/api/v1/system", host=host)[0] in (400, 403), host


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison that ends at the first wrong byte tells how many were right."""
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: (compared.append((a, b)), real(a, b))[1])
    assert at_the_door("http", HOST, (b"authorization", b"Bearer wrong"))[0]["status"] == 401
    assert compared.pop() == (b"Bearer wrong", b"Bearer right")
    request = Request("GET", "/metrics", {"host": ["127.0.0.1:1"], "authorization": ["Bearer wrong"]})
    with pytest.raises(gateway_guard.Refusal):
        gateway_guard.Guard("right", 1).check(request)
    assert compared.pop() == (b"wrong", b"right")


def test_two_hosts_are_refused(tcp: RunningHome) -> None:
    assert at_the_door("http", HOST, TOKEN) == [{"type": "let in"}]
    assert at_the_door("http", HOST, HOST, TOKEN)[0].get("status") == 400
    assert at_the_door("http", HOST, (b"host", b"evil.example"), TOKEN)[0].get("status") == 400
    address = tcp.backend.address
    assert address
    status, _, _ = exchange(tcp.backend, "/api/v1/system", headers={"Host": f"{address[0]}:{address[1]}"})
    assert status == 400


@pytest.mark.parametrize("origin", ORIGINS)
def test_any_origin_is_refused_and_nothing_is_shared(tcp: RunningHome, home: RunningHome, origin: str) -> None:
    for one in (tcp, home):
        for method in ("GET", "POST", "OPTIONS"):
            status, headers, _ = exchange(
                one.backend, "/api/v1/runs", method=method, headers={**JSON, "Origin": origin}
            )
            assert status == 403
            assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize("name", ["Sec-Fetch-Site", "Sec-Fetch-Mode"])
def test_a_browser_is_known_by_its_fetch_headers(tcp: RunningHome, name: str) -> None:
    assert exchange(tcp.backend, "/api/v1/system", headers={name: "none"})[0] == 403
    assert exchange(tcp.backend, "/healthz", headers={name: "cross-site"})[0] == 403


@pytest.mark.parametrize("host", ["{host}/healthz?x=", "{host}/healthz", "{host}#/healthz"])
def test_a_bent_host_does_not_open_a_path(tcp: RunningHome, host: str) -> None:
    address = tcp.backend.address or ("", 0)
    sent = host.format(host=f"{address[0]}:{address[1]}")
    assert exchange(tcp.backend, "/api/v1/system", host=sent, token=False)[0] in (400, 401, 403)


def test_nothing_is_decided_by_an_address_built_from_the_host() -> None:
    """Libraries have built `request.url` from the Host header as sent; only scope["path"] is what was asked for."""
    wrong = [
        f"{path.name}:{node.lineno}"
        for path in sorted((PROJECT / "backend" / "server").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("url", "base_url", "url_for")
    ]
    assert not wrong


@pytest.mark.parametrize(
    "target",
    [
        "/healthz/../api/v1/system",
        "/healthz%2f..%2fapi/v1/system",
        "//healthz",
        "/healthz/",
        "/HEALTHZ",
        "/healthz;x",
        "/api/v1/system?/healthz",
    ],
)
def test_only_the_exact_path_is_open(tcp: RunningHome, target: str) -> None:
    assert exchange(tcp.backend, target, token=False)[0] == 401


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "",
        "application/json; charset=utf-16",
    ],
)
def test_changes_must_be_json(home: RunningHome, kind: str) -> None:
    status, _, body = exchange(home.backend, "/api/v1/runs", method="POST", headers={"Content-Type": kind}, body=b"{}")
    assert status == 415
    assert json.loads(body)["code"] == "content_type"


def test_a_compressed_body_is_refused(home: RunningHome) -> None:
    headers = {**JSON, "Content-Encoding": "gzip"}
    assert exchange(home.backend, "/api/v1/runs", method="POST", headers=headers, body=b"{}")[0] == 415


@pytest.mark.parametrize(
    "body",
    [
        b'{"recipe": 1, "recipe": 2}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"a": -1e999}',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 10_000 + b"}",
        b'{"a": "\\ud800"}',
        b'{"a": "\\u0000"}',
        b'{"a": "\xff"}',
        b"{",
        b'{"a": 1}x',
        b"\xff\xfe{\x00}\x00",
    ],
)
def test_hostile_json_is_refused(home: RunningHome, body: bytes) -> None:
    status, _, reply = exchange(home.backend, "/api/v1/runs", method="POST", headers=JSON, body=body)
    assert status == 422, reply
    found = json.loads(reply)
    assert (found["kind"], found["code"]) == ("refused", "json"), "refused as JSON, not for what else is wrong with it"


def test_a_body_is_counted_as_it_comes(home: RunningHome) -> None:
    """Chunks carry no length to lie about."""
    with connect(home.backend) as connection:
        head = "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode())
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        try:
            for _ in range(32):
                connection.sendall(chunk)
            connection.sendall(b"0\r\n\r\n")
        except OSError:
            pass  # it hung up on us, as it should
        status, _, body = read_reply(connection)
    assert status == 413
    assert json.loads(body)["details"]["limit"] == 1024 * 1024


def test_a_crowd_of_wrong_tokens_does_not_slow_the_right_one(tcp: RunningHome) -> None:
    statuses: list[int] = []
    lock = threading.Lock()

    def guess() -> None:
        for _ in range(6):
            status, _, _ = exchange(tcp.backend, "/api/v1/system", token=False, headers={"Authorization": "Bearer no"})
            with lock:
                statuses.append(status)

    guessers = [threading.Thread(target=guess) for _ in range(8)]
    for guesser in guessers:
        guesser.start()
    slowest = 0.0
    while any(guesser.is_alive() for guesser in guessers):
        began = time.perf_counter()
        assert exchange(tcp.backend, "/api/v1/settings")[0] == 200
        slowest = max(slowest, time.perf_counter() - began)
    for guesser in guessers:
        guesser.join()
    assert set(statuses) <= {401, 429}
    assert slowest < 3.0  # far below what waiting in the guessers' line would take (5 s)


def test_errors_are_replies_of_one_shape(home: RunningHome) -> None:
    for target, method, status in (
        ("/api/v1/nowhere", "GET", 404),
        ("/api/v1/runs/none", "GET", 404),
        ("/healthz", "DELETE", 405),
    ):
        found, _, body = exchange(home.backend, target, method=method, headers=JSON)
        assert found == status
        assert json.loads(body)["kind"] == "refused"
        assert json.loads(body)["text"]


def test_a_web_socket_is_closed(tcp: RunningHome) -> None:
    headers = {"Upgrade": "websocket", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version": "13"}
    web_page = {**headers, "Origin": "http://evil.example"}
    assert exchange(tcp.backend, "/api/v1/system", headers=web_page)[0] in (400, 403)
    assert exchange(tcp.backend, "/api/v1/system", headers=headers, token=False)[0] == 401


def test_a_web_socket_never_reaches_the_application() -> None:
    """Also when the server in front would speak it."""
    assert at_the_door("websocket", HOST, TOKEN) == [{"type": "websocket.close", "code": 1008}]
