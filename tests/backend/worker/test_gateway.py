"""The gateway as a client meets it: who may ask, what is refused, batching, limits, switches under load, deaths and
restarts."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import tiny_model
from tests.helpers.endpoint import STARTED_S, Endpoint
from tests.helpers.wait import until

LIMITS = {
    "queue": 8,
    "max_batch": 4,
    "max_items": 16,
    "body_timeout_s": 1.5,
    "connections": 300,
}
SHORT_S = 6.0
"""What an engine may take where a test waits for a hanging one; elsewhere the usual minute, so that a busy machine is
never taken for a hang."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    root = tmp_path_factory.mktemp("versions")
    return {number: tiny_model.build(root / str(number), seed=number) for number in (1, 2, 3)}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, folders: dict[int, Path]) -> Iterator[Endpoint]:
    found = Endpoint(tmp_path_factory.mktemp("job"), (1, folders[1]), limits=LIMITS)
    try:
        yield found.start()
    finally:
        found.stop()


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory, folders: dict[int, Path]) -> Iterator[Endpoint]:
    """A gateway of its own that soon gives up an engine."""
    limits = {**LIMITS, "engine_timeout_s": SHORT_S}
    found = Endpoint(tmp_path_factory.mktemp("impatient"), (1, folders[1]), limits=limits)
    try:
        yield found.start()
    finally:
        found.stop()


@pytest.fixture
def front(running: Endpoint, folders: dict[int, Path]) -> Endpoint:
    """The shared gateway with version 1 live."""
    ready(running)
    if running.ask("/readyz").body["version"] != 1:
        assert running.tell("deploy", model="tiny", version=1, path=str(folders[1])).ok
        assert running.tell("switch", version=1).ok
    return running


def ready(endpoint: Endpoint) -> None:
    until(lambda: endpoint.ask("/readyz").status == 200, timeout=STARTED_S)


def gauge(endpoint: Endpoint, name: str) -> float:
    """The sum of a metric's samples."""
    text = endpoint.ask("/metrics").raw.decode()
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


def raw(endpoint: Endpoint, data: bytes, *, timeout: float = 10.0) -> bytes:
    """What comes back for these very bytes."""
    with socket.create_connection(("127.0.0.1", endpoint.port), timeout=timeout) as connection:
        connection.sendall(data)
        parts = []
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                parts.append(part)
    return b"".join(parts)


class Freeze:
    """Stops an engine while inside."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def __enter__(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)


# ---- answers ---------------------------------------------------------------------------------------------------------


def test_an_answer_names_its_version_and_where_the_time_went(front: Endpoint) -> None:
    reply = front.predict("the film is good", "awful")
    assert reply.status == 200
    assert (reply.body["model"], reply.body["version"]) == ("tiny", 1)
    first = reply.body["predictions"][0]
    assert set(first) == {"label", "score", "scores", "truncated"}
    assert first["score"] == max(first["scores"].values()) == first["scores"][first["label"]]
    assert set(reply.body["timing"]) == {"queue_ms", "tokenize_ms", "model_ms", "encode_ms"}
    assert reply.headers["cache-control"] == "no-store"
    assert not any(name.startswith("access-control") for name in reply.headers)


def test_one_connection_serves_many_requests_in_order(front: Endpoint) -> None:
    body = json.dumps({"inputs": ["good"]}).encode()
    head = (
        f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{front.port}\r\nAuthorization: Bearer {front.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    ).encode()
    found = raw(front, (head + b"\r\n" + body) * 2 + head + b"Connection: close\r\n\r\n" + body)
    assert found.count(b"HTTP/1.1 200 OK") == 3


def test_why_comes_with_the_same_key(front: Endpoint) -> None:
    reply = front.ask("/explain", {"input": "the film is good", "steps": 16})
    assert reply.status == 200
    assert reply.body["version"] == 1
    assert [token["token"] for token in reply.body["tokens"]][1:-1] == ["the", "film", "is", "good"]
    assert front.ask("/explain", {"input": "good"}, authorization="").status == 401
    assert front.ask("/explain", {"input": "good", "label": "no such"}).status == 422


def test_windows_count_what_was_asked_and_hold_no_text(front: Endpoint) -> None:
    mark = front.mark()
    marker = "jane.doe@example.org"
    front.predict(f"{marker} good film", "bad")
    front.ask(raw=f'{{"inputs": ["{marker}"'.encode())
    window = front.wait("request_window", lambda fields: fields["items"] >= 2, after=mark, timeout=10)
    assert sum(window["labels"].values()) == sum(window["score_histogram"]) == sum(window["length_histogram"])
    assert window["latency_ms_p50"] <= window["latency_ms_p99"]
    # T11: whatever is asked, its text is nowhere in the job's folder.
    for path in front.job.path.rglob("*"):
        if path.is_file():
            assert marker.encode() not in path.read_bytes(), path.name


# ---- who may ask (T1 to T5, T10) -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/predict", "/explain", "/metrics", "/docs", "/", "/healthz/../predict", "//healthz"])
def test_t1_everything_but_health_wants_the_key(front: Endpoint, path: str) -> None:
    for given in ("", "Bearer", "Bearer wrong", f"Basic {front.key}", f"Bearer {front.key}x"):
        assert front.ask(path, {"inputs": ["good"]}, authorization=given).status == 401


def test_t1_health_tells_nothing_but_yes(front: Endpoint) -> None:
    assert front.ask("/healthz", authorization="").body == {"ok": True}
    assert front.ask("/readyz", authorization="").status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil:80", "127.0.0.1/healthz?x="]
)
def test_t2_t4_another_host_is_refused_even_with_the_key(front: Endpoint, host: str) -> None:
    assert front.ask(body={"inputs": ["good"]}, host=host).status == 421


def test_t2_localhost_is_this_host_too(front: Endpoint) -> None:
    assert front.ask("/healthz", host=f"localhost:{front.port}").status == 200
    doubled = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{front.port}\r\nHost: evil\r\nConnection: close\r\n\r\n"
    assert b" 421 " in raw(front, doubled.encode())


@pytest.mark.parametrize("origin", ["null", "http://127.0.0.1", "https://evil.example", "file://", ""])
def test_t3_a_browser_is_refused(front: Endpoint, origin: str) -> None:
    for method, body in (("GET", None), ("POST", {"inputs": ["good"]})):
        path = "/metrics" if method == "GET" else "/predict"
        found = front.ask(path, body, method=method, origin=origin or " ")
        assert found.status == 403
        assert front.ask(path, body, method=method, sec_fetch_site="none").status == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_t5_only_json_is_taken(front: Endpoint, kind: str) -> None:
    assert front.ask(raw=b'{"inputs":["good"]}', content_type=kind).status == 415


def test_wrong_methods_and_addresses_are_named(front: Endpoint) -> None:
    assert front.ask("/predict").status == 405
    assert front.ask("/nowhere").status == 404


def test_t31_guessing_keys_does_not_slow_the_owner(front: Endpoint) -> None:
    with ThreadPoolExecutor(8) as pool:
        started = time.monotonic()
        guesses = [pool.submit(front.ask, "/metrics", authorization="Bearer wrong") for _ in range(24)]
        assert front.predict("good").status == 200
        assert {guess.result().status for guess in guesses} == {401}
        assert time.monotonic() - started > 0.9, "beyond ten a second the answers are held back"


# ---- what is refused (rows 65 to 67, T19, T20) -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "json"),
        (b"not json", 422, "json"),
        (b"[]", 422, "json"),
        (b'{"inputs":["a"],"inputs":["b"]}', 422, "json"),
        (b'{"inputs":["a"],"truncate":NaN}', 422, "json"),
        (b'{"inputs":["a"],"version":Infinity}', 422, "json"),
        (b'{"inputs":["a"],"version":1e999}', 422, "json"),
        (b'{"inputs":["a"],"version":' + b"9" * 10_000 + b"}", 422, "json"),
        (b"[" * 100_000, 422, "json"),
        (b'{"inputs":["\xff"]}', 422, "json"),
        (b'{"inputs":["\\ud800"]}', 422, "invalid"),
        (b"{}", 422, "invalid"),
        (b'{"inputs":"good"}', 422, "invalid"),
        (b'{"inputs":[]}', 422, "invalid"),
        (b'{"inputs":[1]}', 422, "invalid"),
        (b'{"inputs":[null]}', 422, "invalid"),
        (b'{"inputs":["good",["bad"]]}', 422, "invalid"),
        (b'{"inputs":["  "]}', 422, "invalid"),
        (b'{"inputs":["a"],"truncat":true}', 422, "invalid"),
        (b'{"inputs":["a"],"truncate":1}', 422, "invalid"),
        (b'{"inputs":["a"],"version":99}', 422, "invalid"),
        (b'{"inputs":["' + b"a" * 200_000 + b'"]}', 422, "too_long"),
        (b'{"inputs":[' + b",".join([b'"a"'] * 10_000) + b"]}", 413, "too_large"),
    ],
    ids=lambda value: value[:28].decode("latin-1") if isinstance(value, bytes) else "",
)
def test_t20_bad_bodies_are_refused_and_nothing_breaks(front: Endpoint, body: bytes, status: int, code: str) -> None:
    reply = front.ask(raw=body)
    assert (reply.status, reply.code) == (status, code)
    assert front.predict("good").status == 200


def test_t19_the_body_is_counted_as_it_comes(front: Endpoint) -> None:
    assert front.ask(raw=b'{"inputs":["' + b"a" * 1_100_000 + b'"]}').status == 413

    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b"a" * 65_536

    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=10)
    headers = {"Authorization": f"Bearer {front.key}", "Content-Type": "application/json"}
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request("POST", "/predict", chunks(), headers, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_too_long_names_the_limit_and_is_cut_only_on_request(front: Endpoint) -> None:
    reply = front.predict("good", "a " * 80)
    assert (reply.status, reply.code) == (422, "too_long")
    assert reply.body["details"] == {"field": "inputs[1]", "limit": 64, "unit": "tokens", "tokens": 82}
    cut = front.predict("good", "a " * 80, truncate=True)
    assert [p["truncated"] for p in cut.body["predictions"]] == [False, True]


def test_not_http_is_answered_and_closed(front: Endpoint) -> None:
    assert b" 400 " in raw(front, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10)
    assert b" 431 " in raw(front, b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 40_000)
    assert front.ask("/healthz").status == 200


def test_row_67_a_slow_sender_is_cut_off(front: Endpoint) -> None:
    head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{front.port}\r\nAuthorization: Bearer {front.key}\r\n"
    found = raw(front, (head + "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{").encode())
    assert b" 408 " in found
    assert b" 408 " in raw(front, b"GET /hea")


def test_row_67_a_client_that_goes_frees_its_places(front: Endpoint) -> None:
    body = json.dumps({"inputs": ["good"] * 4}).encode()
    head = (
        f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{front.port}\r\nAuthorization: Bearer {front.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    with Freeze(front.engine_pid(1)):
        clients = [socket.create_connection(("127.0.0.1", front.port)) for _ in range(3)]
        for client in clients:
            client.sendall(head + body)
        # One batch is with the engine, two requests of four wait: the queue of eight is full.
        until(lambda: gauge(front, "modeldeck_queue_items") == 8, timeout=30)
        for client in clients:
            client.close()
        until(lambda: gauge(front, "modeldeck_queue_items") == 0, timeout=30)
    until(lambda: gauge(front, "modeldeck_in_flight_requests") == 1)
    assert front.predict("good").status == 200


def test_row_65_a_flood_is_turned_away_at_once_and_the_admitted_are_answered(front: Endpoint) -> None:
    with ThreadPoolExecutor(40) as pool:
        with Freeze(front.engine_pid(1)):
            flood = [pool.submit(front.predict, *["good"] * 4) for _ in range(40)]
            until(lambda: sum(one.done() for one in flood) >= 37, timeout=30)
            refused = [one.result() for one in flood if one.done()]
            assert {reply.status for reply in refused} == {429}
            assert all(int(reply.headers["retry-after"]) >= 1 for reply in refused)
        replies = [one.result() for one in flood]
    assert sorted(reply.status for reply in replies).count(200) == 3
    assert front.predict("good").status == 200


def test_requests_at_once_share_batches(front: Endpoint) -> None:
    mark = front.mark()
    assert front.predict("good").status == 200
    front.wait("request_window", after=mark, timeout=10)  # what was asked before is told, so it is counted with nothing
    mark = front.mark()
    with ThreadPoolExecutor(16) as pool:
        with Freeze(front.engine_pid(1)):
            some = [pool.submit(front.predict, "good") for _ in range(9)]
            until(lambda: gauge(front, "modeldeck_queue_items") == 8, timeout=30)
        assert {one.result().status for one in some} == {200}

    def windows() -> list[dict[str, Any]]:
        return front.events("request_window", mark)

    until(lambda: sum(window["requests"] for window in windows()) >= 9, timeout=10)
    batches = sum(window["items"] / window["batch_size"] for window in windows())
    assert round(batches) == 3, "nine texts after one that was alone: 1 + 4 + 4"


def test_too_many_connections_are_refused_in_words(tmp_path: Path, front: Endpoint) -> None:
    opened: list[socket.socket] = []
    try:
        for _ in range(LIMITS["connections"] + 5):
            opened.append(socket.create_connection(("127.0.0.1", front.port)))
        opened[-1].settimeout(5)
        assert b" 503 " in opened[-1].recv(4096)
    finally:
        for connection in opened:
            connection.close()
    until(lambda: front.ask("/healthz").status == 200)


def test_explanations_that_wait_too_long_are_taken_back_and_the_engine_lives(impatient: Endpoint) -> None:
    """Behind many predictions an explanation has no time; that says nothing bad about the live engine."""
    ready(impatient)
    pid, mark = impatient.engine_pid(1), impatient.mark()
    with ThreadPoolExecutor(12) as pool:
        with Freeze(pid):
            asked = [pool.submit(impatient.ask, "/explain", {"input": "good"}) for _ in range(12)]
            # More than eight are turned away.
            assert sorted(one.result().status for one in asked) == [429] * 4 + [504] * 8
        reply = impatient.predict("good")
    assert (reply.status, impatient.engine_pid(1)) == (200, pid)
    assert "died" not in [event["state"] for event in impatient.events("engine", mark)]
    until(lambda: impatient.ask("/explain", {"input": "good"}).status == 200, timeout=STARTED_S)


# ---- versions --------------------------------------------------------------------------------------------------------


class Traffic:
    """Keeps asking from several threads; remembers every answer with its start and end."""

    def __init__(self, endpoint: Endpoint, per_second: float = 50.0, threads: int = 4) -> None:
        self.endpoint = endpoint
        self.seen: list[tuple[float, float, int, int]] = []
        self.bad: list[Any] = []
        self._pause = threads / per_second
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, name=f"traffic-{n}") for n in range(threads)]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        until(lambda: len(self.seen) > 10)
        return self

    def __exit__(self, *_: object) -> None:
        count = len(self.seen) + len(self.bad)
        until(lambda: len(self.seen) + len(self.bad) > count + 10, timeout=20)
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _ask(self) -> None:
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                reply = self.endpoint.predict("the film is good")
            except OSError as error:
                self.bad.append(repr(error))
                continue
            if reply.status == 200:
                label = reply.body["predictions"][0]["scores"]["positive"]
                self.seen.append((started, time.monotonic(), reply.body["version"], round(label, 3)))
            else:
                self.bad.append((reply.status, reply.raw))
            self._stop.wait(max(0.0, self._pause - (time.monotonic() - started)))

    def check(self, switches: list[tuple[float, float, int]], first: int) -> None:
        """I6: each answer's version was live at some moment between its start and end."""
        assert self.bad == []
        for start, end, version, _ in self.seen:
            possible = {first} if not switches or start <= switches[0][1] else set()
            for at, (_, done, to) in enumerate(switches):
                until_ = switches[at + 1][1] if at + 1 < len(switches) else float("inf")
                if switches[at][0] <= end and start <= until_:
                    possible.add(to)
                del done
            assert version in possible


def test_row_59_switches_under_load_fail_nobody_and_every_answer_is_true(
    front: Endpoint, folders: dict[int, Path]
) -> None:
    switches: list[tuple[float, float, int]] = []
    with Traffic(front) as traffic:
        assert front.tell("deploy", model="tiny", version=2, path=str(folders[2])).ok
        for to in (2, 1, 2, 1, 2):
            before = time.monotonic()
            assert front.tell("switch", version=to).ok
            switches.append((before, time.monotonic(), to))
            count = len(traffic.seen)
            until(lambda count=count: len(traffic.seen) > count + 4)
    traffic.check(switches, first=1)
    assert {version for _, _, version, _ in traffic.seen} == {1, 2}
    # The scores prove that the tag is the engine that computed.
    assert len({(version, score) for _, _, version, score in traffic.seen}) == 2


def test_row_59_what_was_asked_before_a_switch_is_answered_by_its_version(
    front: Endpoint, folders: dict[int, Path]
) -> None:
    """One is asked of the live version and one of the standby, and both are held up until the switch is over: the first
    stands by from then on, the second has to go."""
    assert front.tell("deploy", model="tiny", version=2, path=str(folders[2])).ok
    assert front.tell("switch", version=2).ok
    assert front.tell("deploy", model="tiny", version=3, path=str(folders[3])).ok
    asked = {"inputs": ["the film is good"]}
    before = {number: front.ask(body={**asked, "version": number}).body["predictions"] for number in (1, 2)}
    with ThreadPoolExecutor(2) as pool:
        with Freeze(front.engine_pid(1)), Freeze(front.engine_pid(2)):
            of_the_standby = pool.submit(front.ask, body={**asked, "version": 1})
            of_the_live = pool.submit(front.ask, body=asked)
            until(lambda: gauge(front, "modeldeck_in_flight_requests") == 3)
            assert front.tell("switch", version=3).ok
        replies = {1: of_the_standby.result(), 2: of_the_live.result()}
    for number, reply in replies.items():
        assert reply.status == 200, reply.raw
        assert (reply.body["version"], reply.body["predictions"]) == (number, before[number])
    assert front.predict("good").body["version"] == 3
    until(lambda: gauge(front, "modeldeck_engine_ready") == 2)  # the first one has gone


def test_the_standby_stays_warm_and_older_ones_go(front: Endpoint, folders: dict[int, Path]) -> None:
    for number in (2, 3):
        assert front.tell("deploy", model="tiny", version=number, path=str(folders[number])).ok
        assert front.tell("switch", version=number).ok
    mark = front.mark()
    back = front.tell("switch", version=2)
    assert back.ok
    assert {event["state"] for event in front.events("engine", mark)} <= {"stopped"}, "nothing is loaded"
    until(lambda: gauge(front, "modeldeck_engine_ready") == 2)
    assert not front.tell("switch", version=1).ok
    assert front.ask(body={"inputs": ["good"], "version": 3}).body["version"] == 3, "the playground may ask the standby"
    assert not front.tell("unload", version=2).ok, "not the live one"
    assert front.tell("unload", version=3).ok
    assert front.events("served")[-1]["standby_version"] is None


def test_row_61_a_version_that_fails_its_golden_check_never_answers(front: Endpoint, tmp_path: Path) -> None:
    bad = tiny_model.build(tmp_path / "bad", seed=9)
    tiny_model.spoil_golden(bad)
    with Traffic(front) as traffic:
        done = front.tell("deploy", model="tiny", version=9, path=str(bad))
        assert not done.ok
        assert "golden input 1" in done.text
        assert not front.tell("switch", version=9).ok
    traffic.check([], first=1)
    until(lambda: "9" not in re.findall(r'ready{.*version="(\d+)"', front.ask("/metrics").raw.decode()))


def test_two_deploys_of_one_version_load_it_once(front: Endpoint, folders: dict[int, Path]) -> None:
    front.tell("unload", version=2)
    mark = front.mark()
    ids = [front.send("deploy", model="tiny", version=2, path=str(folders[2])) for _ in range(3)]
    answers = [front.wait("command_done", lambda f, i=i: f["command_id"] == i, timeout=30) for i in ids]
    assert all(answer["ok"] for answer in answers)
    assert [e["state"] for e in front.events("engine", mark)].count("ready") == 1


# ---- deaths ----------------------------------------------------------------------------------------------------------


def test_row_68_a_killed_engine_is_refused_fast_and_comes_back(front: Endpoint) -> None:
    mark = front.mark()
    os.kill(front.engine_pid(1), signal.SIGKILL)
    until(lambda: front.ask("/readyz").status == 503, timeout=5, every=0.001)
    reply = front.predict("good")
    assert reply.status in (200, 503)
    if reply.status == 503:
        assert (reply.code, reply.headers["retry-after"]) == ("engine_restarting", "1")
    ready(front)
    assert front.predict("good").status == 200
    states = [event["state"] for event in front.events("engine", mark)]
    assert states == ["died", "starting", "verifying", "loading", "warming", "ready"]
    assert [event["state"] for event in front.events("served", mark)] == ["degraded", "serving"]


def test_row_68_a_hung_engine_is_ended_and_replaced(impatient: Endpoint) -> None:
    ready(impatient)
    pid = impatient.engine_pid(1)
    os.kill(pid, signal.SIGSTOP)
    reply = impatient.predict("good")
    assert (reply.status, reply.code) == (503, "engine_restarting")
    assert f"{SHORT_S:g} s" in reply.body["text"]
    until(lambda: impatient.engine_pid(1) != pid, timeout=STARTED_S)  # its log follows a moment after the door opens
    ready(impatient)
    assert impatient.predict("good").status == 200


def test_a_restarted_gateway_has_the_same_address_key_and_routing(front: Endpoint, folders: dict[int, Path]) -> None:
    assert front.tell("deploy", model="tiny", version=2, path=str(folders[2])).ok
    assert front.tell("switch", version=2).ok
    port = front.port
    assert front.process is not None
    front.process.kill()
    front.process.wait()
    mark = front.mark()
    front.start()
    assert (front.port, front.predict("good").body["version"]) == (port, 2)
    front.wait("served", lambda fields: fields["standby_version"] == 1, after=mark)
    until(lambda: front.tell("switch", version=1).ok, timeout=20)


def test_a_clean_end_answers_what_is_in_flight_and_leaves_nobody(front: Endpoint) -> None:
    pids = [front.engine_pid(1)]
    port = front.port
    mark = front.mark()
    assert front.process is not None
    with ThreadPoolExecutor(1) as pool:
        with Freeze(pids[0]):
            waiting = pool.submit(front.predict, "good")
            until(lambda: gauge(front, "modeldeck_in_flight_requests") == 2)
            front.process.send_signal(signal.SIGTERM)
            until(lambda: _refused(port))
        assert waiting.result().status == 200
    assert front.process.wait(15) == 0
    assert front.wait("ended", after=mark)["outcome"] == "stopped"
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))
    # A stranger takes the port meanwhile: another one is chosen, said and kept.
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        front.start(ready=False)
        assert front.port != port
        assert str(port) in front.wait("warning", lambda f: f["code"] == "port")["text"]
    ready(front)


def _refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False
