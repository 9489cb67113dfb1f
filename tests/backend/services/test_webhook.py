"""The webhook with a real server on this machine: what may be told, to whom, how often, and what a kill changes."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from backend import failpoints
from backend.clock import ManualClock
from backend.contract.errors import Invalid
from backend.contract.resources import AlertRecord
from backend.services import webhook
from backend.services.causes import Cause, Causes
from backend.services.webhook import NotDelivered, WebhookService, address_of, post, resolve
from backend.store import Store
from tests.helpers.stores import make_store


class Listener:
    """A server that keeps what it was told and answers as the test wants."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, str], Any]] = []
        self.status, self.location, self.silent, self.drip = 204, "", False, False
        self.wake = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.told.append((self.path, dict(self.headers), json.loads(body)))
                if outer.silent:
                    outer.wake.wait(30)
                    return
                with contextlib.suppress(OSError):  # the other side has gone
                    while outer.drip and not outer.wake.wait(0.02):  # headers that never end
                        self.wfile.write(b"X")
                if outer.drip:
                    return
                self.send_response(outer.status)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Silent."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/alerts?key=1"

    def close(self) -> None:
        self.wake.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    opened = make_store(tmp_path, clock)
    yield opened
    opened.close()


def opened(store: Store, clock: ManualClock, severity: str = "bad", name: str = "a") -> None:
    causes = Causes(store, clock)
    causes.begin(reload=True)
    causes.hold(Cause(("gpu", None, name), "gpu", "GPU 1 stopped answering", "Xid 79", severity, feature=name))


# ---- to whom ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [
    "http://example.org/x", "ftp://example.org", "https://", "https://user:pw@example.org", "https://example.org/#x",
    "file:///etc/passwd", "https://exa mple.org", "https://example.org:99999", "http://127.0.0.1.example.org/",
    "http://2130706433/", "http://0x7f.1/", "http://10.0.0.5/", "https://example.org/\r\nX: y",
])  # fmt: skip
def test_an_address_that_is_not_allowed_is_refused(url: str) -> None:
    with pytest.raises(Invalid):
        address_of(url)


@pytest.mark.parametrize(
    "url", ["https://hooks.example.org/a?b=c", "http://127.0.0.1:5/", "http://[::1]/", "http://localhost:9/x"]
)
def test_an_address_that_is_allowed(url: str) -> None:
    assert address_of(url).host


@pytest.mark.parametrize("number", [
    "10.0.0.7", "192.168.1.4", "172.16.0.1", "169.254.169.254", "127.0.0.1", "::1", "fe80::1", "fd00::1",
    "::ffff:10.0.0.7", "::ffff:127.0.0.1", "0.0.0.0", "100.64.0.1", "224.0.0.1",
])  # fmt: skip
def test_a_name_that_leads_into_a_private_net_is_refused(monkeypatch: pytest.MonkeyPatch, number: str) -> None:
    public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))
    private = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (number, 443))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: [public, private])
    with pytest.raises(NotDelivered, match="not on the internet"):
        resolve(address_of("https://hooks.example.org/"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: [public])
    assert resolve(address_of("https://hooks.example.org/")) == "93.184.215.14"


def test_localhost_that_leads_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    away = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 80))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: [away])
    with pytest.raises(NotDelivered):
        resolve(address_of("http://localhost/"))


def test_the_number_that_was_checked_is_the_one_spoken_to(monkeypatch: pytest.MonkeyPatch, listener: Listener) -> None:
    """A name that is looked up a second time would be a way around the check."""
    looked = []
    real = socket.getaddrinfo

    def once(host: Any, *arguments: Any, **named: Any) -> Any:
        looked.append(host)
        return real(host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", once)
    post(listener.url.replace("127.0.0.1", "localhost"), {}, "k")
    assert looked.count("localhost") == 1
    assert listener.told[0][1]["Host"].startswith("localhost:")


def test_a_redirect_is_not_followed(listener: Listener) -> None:
    other = Listener()
    listener.status, listener.location = 302, other.url
    try:
        with pytest.raises(NotDelivered, match="redirects are not followed") as caught:
            post(listener.url, {}, "k")
        assert caught.value.final
        assert other.told == []
    finally:
        other.close()


@pytest.mark.parametrize("how", ["silent", "drip"])
def test_a_server_that_never_finishes_is_left(listener: Listener, how: str) -> None:
    setattr(listener, how, True)
    with pytest.raises(NotDelivered, match="no answer within"):
        post(listener.url, {}, "k", deadline_s=0.2)


# ---- what and when ---------------------------------------------------------------------------------------------------


def test_off_by_default_nothing_is_even_noted(store: Store, clock: ManualClock) -> None:
    opened(store, clock)
    assert store.webhooks.backlog() == 0


def test_an_alert_is_told_once_with_what_the_inbox_shows(store: Store, clock: ManualClock, listener: Listener) -> None:
    store.settings.change({"webhook_url": listener.url})
    opened(store, clock)
    opened(store, clock, "warn", "b")  # below the severity that is told
    service = WebhookService(store, clock)
    assert service.deliver() == 1
    assert service.deliver() == 0
    ((path, headers, body),) = listener.told
    assert path == "/alerts?key=1"
    assert headers["Idempotency-Key"] == body["id"]
    assert (body["title"], body["severity"], body["text"]) == ("GPU 1 stopped answering", "bad", "Xid 79")
    assert set(body) == {"source", "id", "severity", "kind", "title", "text", "opened_at", "endpoint", "run_id"}


def test_a_server_in_trouble_is_tried_again_later_each_time_and_given_up_after_a_day(
    store: Store, clock: ManualClock, listener: Listener
) -> None:
    store.settings.change({"webhook_url": listener.url, "webhook_severity": "info"})
    opened(store, clock, "info")
    service = WebhookService(store, clock)
    listener.status = 503
    waits = []
    while store.webhooks.backlog():
        before = len(listener.told)
        waited = 0.0
        while len(listener.told) == before and waited < 600:
            service.deliver()
            clock.advance(1.0)
            waited += 1
        waits.append(waited)
        if len(waits) == 12:
            clock.advance(webhook.GIVE_UP_S)
    assert waits[:5] == [1, 1, 2, 4, 8]
    assert max(waits[:12]) <= 302
    assert len({headers["Idempotency-Key"] for _, headers, _ in listener.told}) == 1


@pytest.mark.parametrize(("status", "left"), [(400, 0), (404, 0), (302, 0), (429, 1), (500, 1)])
def test_what_cannot_get_better_is_not_tried_again(
    store: Store, clock: ManualClock, listener: Listener, status: int, left: int
) -> None:
    store.settings.change({"webhook_url": listener.url})
    opened(store, clock)
    listener.status = status
    WebhookService(store, clock).deliver()
    assert store.webhooks.backlog() == left


def test_switched_off_meanwhile_nothing_leaves(store: Store, clock: ManualClock, listener: Listener) -> None:
    store.settings.change({"webhook_url": listener.url})
    opened(store, clock)
    store.settings.change({"webhook_url": ""})
    WebhookService(store, clock).deliver()
    assert (listener.told, store.webhooks.backlog()) == ([], 0)


def test_an_alert_and_its_note_are_kept_together(
    store: Store, clock: ManualClock, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.settings.change({"webhook_url": listener.url})
    with monkeypatch.context() as patched:
        patched.setattr(webhook, "note_alert", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            opened(store, clock)
    assert store.alerts.all() == []
    failpoints.reset("store.before_commit:raise")
    with pytest.raises(failpoints.FailpointReached):
        opened(store, clock)
    failpoints.reset("")
    assert store.webhooks.backlog() == 0
    assert store.alerts.all() == []


KILLED = """
import sys
from pathlib import Path
from backend.clock import ManualClock
from backend.services.webhook import WebhookService
from tests.helpers.stores import make_store
clock = ManualClock(float(sys.argv[2]))
WebhookService(make_store(Path(sys.argv[1]), clock), clock).deliver()
"""


def deliver_in_a_process(folder: Path, now: float, failpoint: str = "") -> int:
    """One pass of a daemon that may be killed at a failpoint; its exit code."""
    env = {name: value for name, value in os.environ.items() if name != "MODELDECK_FAILPOINT"}
    env |= {"MODELDECK_FAILPOINT": failpoint} if failpoint else {}
    return subprocess.run([sys.executable, "-c", KILLED, str(folder), str(now)], env=env, timeout=60).returncode


@pytest.mark.parametrize(
    ("place", "tries"), [("webhook.before_send", [2]), ("webhook.answered", [1, 2]), ("webhook.sent", [1])]
)
def test_a_kill_loses_none_and_what_is_told_again_is_known_by_its_id(
    tmp_path: Path, listener: Listener, place: str, tries: list[int]
) -> None:
    """At least once, with the same id: only a death between the answer and the note of it tells an alert again."""
    store = make_store(tmp_path, ManualClock())
    store.settings.change({"webhook_url": listener.url})
    alert = AlertRecord(id="alert-1", kind="gpu", severity="bad", title="t", opened_at=1.0)
    with store.transaction():
        store.alerts.open(alert)
        webhook.note_alert(store, alert)
    now = store.clock.now()
    store.close()
    assert deliver_in_a_process(tmp_path, now, f"{place}:kill") == -signal.SIGKILL
    for later in (10, 20):
        assert deliver_in_a_process(tmp_path, now + later) == 0
    assert [int(headers["X-Modeldeck-Attempt"]) for _, headers, _ in listener.told] == tries
    assert {headers["Idempotency-Key"] for _, headers, _ in listener.told} == {"alert-1"}
    assert {json.dumps(body, sort_keys=True) for _, _, body in listener.told} == {
        json.dumps(webhook.message(alert), sort_keys=True)
    }


def test_a_daemon_that_dies_at_every_try_does_not_hammer_the_address(tmp_path: Path, listener: Listener) -> None:
    store = make_store(tmp_path, ManualClock())
    store.settings.change({"webhook_url": listener.url})
    opened(store, ManualClock())
    now = store.clock.now()
    store.close()
    assert deliver_in_a_process(tmp_path, now, "webhook.answered:kill") == -signal.SIGKILL
    assert deliver_in_a_process(tmp_path, now + 0.5) == 0  # started again at once: its wait is not over
    assert len(listener.told) == 1
