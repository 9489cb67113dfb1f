"""The link against a small server: greeting, feed, loss, return, refusals."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtNetwork import QHostAddress, QTcpServer, QTcpSocket
from pytestqt.qtbot import QtBot

from backend.contract.base import PROTOCOL
from backend.paths import Home
from console.link.link import Link
from console.link.loader import TABLES, Loader
from console.state.changes import Changes
from console.state.store import AppState
from tests.console.link.fake_server import FakeServer

SYSTEM = {
    "state": "running",
    "pid": 1,
    "home": "h",
    "socket": "s",
    "started_at": 0.0,
    "version": "1",
    "protocol": PROTOCOL,
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    home = Home(tmp_path / "home")
    home.runtime.mkdir(parents=True)
    return home


@pytest.fixture
def server(home: Home, qapp: object) -> Iterator[FakeServer]:
    server = FakeServer(home.socket)
    server.replies["GET /system"] = (200, SYSTEM)
    server.listen()
    yield server
    server.die()


@pytest.fixture
def link(home: Home, qtbot: QtBot) -> Iterator[Link]:
    link = Link(home)
    yield link
    link.close()


def test_connects_and_hands_out_messages_in_order(qtbot: QtBot, server: FakeServer, link: Link) -> None:
    with qtbot.waitSignal(link.connected) as connected:
        link.start()
    assert connected.args == [False]
    with qtbot.waitSignal(link.received) as received:
        server.push({"id": 3, "topic": "runs"}, {"id": 4, "topic": "runs"})
    assert [m["id"] for m in received.args[0]] == [3, 4]
    assert link.last_id == 4


def test_returns_after_a_death_and_resumes_behind_the_last_message(
    qtbot: QtBot, server: FakeServer, link: Link
) -> None:
    with qtbot.waitSignal(link.connected):
        link.start()
    with qtbot.waitSignal(link.received):
        server.push({"id": 41, "topic": "runs"})
    with qtbot.waitSignal(link.disconnected):
        server.die()
    assert not link.online
    server.listen()
    with qtbot.waitSignal(link.connected, timeout=10_000) as connected:
        link.retry_now()
    assert connected.args == [True]
    feed = [headers for what, headers, _ in server.asked if what.startswith("GET /api/v1/feed")][-1]
    assert feed["last-event-id"] == "41"


def test_tries_again_by_itself_with_growing_pauses(qtbot: QtBot, home: Home, link: Link) -> None:
    with qtbot.waitSignal(link.retrying) as first:
        link.start()
    assert first.args == [1, 1]
    with qtbot.waitSignal(link.retrying, timeout=5000) as second:
        link.retry_now()
    assert second.args == [2, 2]


def test_refusal_carries_the_words_of_the_backend(qtbot: QtBot, server: FakeServer, link: Link) -> None:
    refusal = {"kind": "refused", "code": "invalid", "text": "epochs must be above 0", "fix": "Use 3"}
    server.replies["POST /runs"] = (422, refusal)
    errors: list = []
    call = link.post("/runs", {"recipe": "x"}).on_refused(errors.append)
    qtbot.waitUntil(lambda: call.ended)
    assert (errors[0].text, errors[0].fix) == ("epochs must be above 0", "Use 3")
    what, headers, body = server.asked[-1]
    assert what == "POST /api/v1/runs"
    assert body == b'{"recipe": "x"}'
    assert headers["idempotency-key"]


def test_a_form_other_than_json_is_bytes_where_the_backend_has_it(qtbot: QtBot, server: FakeServer, link: Link) -> None:
    """An older backend answers JSON, and a refusal is JSON in either case."""
    server.replies |= {"GET /new": (200, None), "GET /old": (200, {"a": 1})}
    server.replies["GET /no"] = (409, {"kind": "refused", "code": "conflict", "text": "No."})
    server.packed["/new"] = b"\x01{"
    found: list[object] = []
    refused: list[str] = []
    for path in ("/new", "/old", "/no"):
        call = link.get(path, None, "application/x-packed").on_reply(found.append)
        call.on_refused(lambda error: refused.append(error.text))
        qtbot.waitUntil(lambda call=call: call.ended)  # type: ignore[misc]
    assert found == [b"\x01{", {"a": 1}]
    assert refused == ["No."]
    assert server.asked[-1][1]["accept"] == "application/x-packed, application/json;q=0.5"
    unasked = link.get("/new").on_reply(found.append)
    qtbot.waitUntil(lambda: unasked.ended)
    assert found[2:] == [None]


def test_no_backend_is_said_and_ends_the_busy_button(qtbot: QtBot, home: Home, link: Link) -> None:
    errors: list = []
    ended: list = []
    link.get("/runs").on_refused(errors.append).on_end(lambda: ended.append(True))
    qtbot.waitUntil(lambda: bool(ended))
    assert errors[0].code == "offline"


def test_rubbish_reply_is_broken_not_a_crash(qtbot: QtBot, server: FakeServer, link: Link) -> None:
    server.replies["GET /runs"] = (500, ["?"])
    errors: list = []
    link.get("/runs").on_refused(errors.append)
    qtbot.waitUntil(lambda: bool(errors))
    assert errors[0].kind == "broken"
    assert "500" in errors[0].text


def test_another_protocol_is_not_talked_to(qtbot: QtBot, server: FakeServer, link: Link) -> None:
    server.replies["GET /system"] = (200, {**SYSTEM, "protocol": PROTOCOL + 1, "version": "9.9"})
    with qtbot.waitSignal(link.mismatched) as mismatched:
        link.start()
    assert mismatched.args == ["9.9"]
    assert not server.feeds


def test_reset_forgets_the_place_and_goes_on(qtbot: QtBot, server: FakeServer, link: Link) -> None:
    with qtbot.waitSignal(link.connected):
        link.start()
    link.last_id = 5
    with qtbot.waitSignal(link.reset):
        server.push({"id": 0, "reason": "older than what is kept"}, event="reset")
    assert link.last_id == 0
    with qtbot.waitSignal(link.received):
        server.push({"id": 900, "topic": "runs"})
    assert link.last_id == 900


def test_the_token_is_never_sent_to_a_stranger_on_the_port(qtbot: QtBot, home: Home, link: Link) -> None:
    heard: list[bytes] = []
    stranger = QTcpServer()
    assert stranger.listen(QHostAddress(QHostAddress.SpecialAddress.LocalHost), 0)

    def on_connection() -> None:
        socket = stranger.nextPendingConnection()
        socket.readyRead.connect(lambda: on_ready(socket))

    def on_ready(socket: QTcpSocket) -> None:
        heard.append(bytes(socket.readAll().data()))
        socket.write(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"proof":"lie"}')

    stranger.newConnection.connect(on_connection)
    said = {"listen": f"tcp:{stranger.serverPort()}", "token": "very-secret", "pid": 1}
    home.endpoint_file.write_text(json.dumps(said))
    with qtbot.waitSignal(link.disconnected) as lost:
        link.start()
    assert "Another program" in lost.args[0]
    assert heard
    assert not any(b"very-secret" in one for one in heard)
    stranger.close()


def test_a_connection_that_stands_survives_an_impatient_retry(qtbot: QtBot, server: FakeServer, link: Link) -> None:
    with qtbot.waitSignal(link.connected):
        link.start()
    server.replies["GET /runs"] = (200, {"items": []})
    answers: list = []
    call = link.get("/runs").on_reply(answers.append)
    link.retry_now()
    qtbot.waitUntil(lambda: call.ended)
    assert answers == [{"items": []}]
    assert len(server.feeds) == 1


@pytest.fixture
def loader(server: FakeServer, link: Link) -> Loader:
    for _, path in TABLES:
        server.replies.setdefault(f"GET {path.split('?')[0]}", (200, {"items": []}))
    server.replies["GET /telemetry"] = server.replies["GET /settings"] = (404, None)
    return Loader(link, AppState(), link)


def test_a_table_whose_connection_broke_is_read_again(
    qtbot: QtBot, server: FakeServer, link: Link, loader: Loader
) -> None:
    """Else the models page would say "No model yet" for as long as the window is open."""
    server.torn["/models"] = 3  # Qt itself asks again on a connection that was open before
    loaded: list[bool] = []
    loader.loaded.connect(lambda: loaded.append(server.torn["/models"] == 0))
    with qtbot.waitSignal(loader.loaded, timeout=10_000):
        link.start()
    assert loaded == [True]


def test_rules_that_somebody_changed_are_read_again(
    qtbot: QtBot, server: FakeServer, link: Link, loader: Loader
) -> None:
    """They have no topic of their own."""
    with qtbot.waitSignal(loader.loaded, timeout=10_000):
        link.start()
    rule = {"id": "latency-p99", "kind": "latency", "limit": 250.0}
    server.replies["GET /rules"] = (200, {"items": [rule]})
    audit = {"seq": 1, "time": 1.0, "actor": "ada", "action": "change_rule", "object": "rule/latency-p99"}
    server.push({"id": 1, "topic": "audit", "kind": "added", "data": audit}, event="audit")
    qtbot.waitUntil(lambda: [each.limit for each in loader._state.rules.values()] == [250.0])


def test_the_version_of_a_backend_that_is_not_talked_to_is_known(
    qtbot: QtBot, server: FakeServer, link: Link, loader: Loader
) -> None:
    server.replies["GET /system"] = (200, {**SYSTEM, "protocol": PROTOCOL + 1, "version": "9.9"})
    told: list[Changes] = []
    loader.changed.connect(told.append)
    with qtbot.waitSignal(link.mismatched):
        link.start()
    assert loader._state.mismatch == "9.9"
    assert told[0].connection
    assert not loader._state.online


def test_two_greetings_open_one_feed(qtbot: QtBot, server: FakeServer, link: Link) -> None:
    link.start()
    with qtbot.waitSignal(link.connected):
        link.retry_now()
    call = link.get("/system")
    qtbot.waitUntil(lambda: call.ended)
    assert len([asked for asked, _, _ in server.asked if "/feed" in asked]) == 1


def greetings(server: FakeServer) -> int:
    return len([asked for asked, _, _ in server.asked if asked.endswith("/system")])


def test_one_greeting_is_under_way_at_a_time(qtbot: QtBot, server: FakeServer, link: Link) -> None:
    with qtbot.waitSignal(link.connected):
        link.start()
        link.retry_now()
        link.retry_now()
    assert greetings(server) == 1


def test_a_backend_that_accepts_but_stays_silent_is_given_up_and_greeted_again(
    qtbot: QtBot, server: FakeServer, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.link.link.GREETING_MS", 50)
    server.mute.add("/system")
    with qtbot.waitSignal(link.retrying):
        link.start()
    server.mute.clear()
    with qtbot.waitSignal(link.connected):
        link.retry_now()


@pytest.mark.parametrize("waits", [False, True])
def test_no_connection_is_taken_from_under_a_request(
    qtbot: QtBot, server: FakeServer, link: Link, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    cleared: list[bool] = []
    monkeypatch.setattr(link._network, "clearConnectionCache", lambda: cleared.append(True))
    if waits:
        server.mute.add("/slow")
        link.get("/slow")
    with qtbot.waitSignal(link.connected):
        link.start()
    assert cleared == ([] if waits else [True])


def test_a_download_is_a_file_only_when_it_is_whole(
    server: FakeServer, link: Link, qtbot: QtBot, tmp_path: Path
) -> None:
    server.replies["GET /runs/r1/export"] = (200, {"a": 1})
    ended: list[object] = []
    link.download("/runs/r1/export", {"format": "csv"}, tmp_path / "x.csv").on_reply(ended.append)
    qtbot.waitUntil(lambda: bool(ended))
    assert json.loads((tmp_path / "x.csv").read_text()) == {"a": 1}
    assert ended == [{"path": str(tmp_path / "x.csv"), "size_bytes": (tmp_path / "x.csv").stat().st_size}]
    assert server.asked[-1][0] == "GET /api/v1/runs/r1/export?format=csv"


def test_a_refused_or_torn_download_leaves_no_file(
    server: FakeServer, link: Link, qtbot: QtBot, tmp_path: Path
) -> None:
    server.replies["GET /runs/gone/export"] = (
        404,
        {"kind": "refused", "code": "not_found", "text": "There is no run."},
    )
    server.replies["GET /runs/r1/export"] = (200, {"a": 1})
    server.replies["GET /runs/r3/export"] = (200, {"a": 1})
    server.torn["/runs/r2/export"] = 9
    server.cut.add("/runs/r3/export")
    told: list[str] = []
    for name in ("gone", "r2", "r3"):
        call = link.download(f"/runs/{name}/export", {}, tmp_path / "x.csv")
        call.on_refused(lambda error: told.append(error.text))
        qtbot.waitUntil(lambda call=call: call.ended)
    nowhere = link.download("/runs/r1/export", {}, tmp_path / "missing" / "x.csv")
    nowhere.on_refused(lambda error: told.append(error.text))
    qtbot.waitUntil(lambda: nowhere.ended)
    assert told[0] == "There is no run."
    assert told[1] == "Backend does not answer."
    assert told[2] == "The backend ended in the middle."
    assert told[3].startswith("x.csv could not be written")
    assert list(tmp_path.rglob("*.csv*")) == []
