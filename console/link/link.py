"""The link: requests and the live feed over QNetworkAccessManager, without a thread.

Life: start() → greet (GET /system, versions compared) → feed open → `connected`. When the stream ends or falls silent:
`disconnected`, then tries again after 1, 2, 4 … 30 s. The feed resumes after the last message seen, so nothing is lost
or seen twice; a `reset` from the server asks for a fresh start.
"""

import json
import secrets
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from PySide6.QtCore import QByteArray, QObject, QTimer, QUrl, Signal
from PySide6.QtNetwork import QNetworkAccessManager, QNetworkReply, QNetworkRequest

from backend.contract.base import PROTOCOL
from backend.contract.errors import ErrorReply
from backend.contract.feed import TOPICS
from backend.paths import Home
from console.link.address import Address, find_address
from console.link.call import OFFLINE, Call, OnRefused, OnReply
from console.link.download import Download
from console.link.sse import SseParser

API = "/api/v1"
SILENCE_MS = 15_000
"""The server sends a heartbeat every 5 s; three missing ones mean the stream is dead."""

GREETING_MS = 15_000
"""A backend that accepts but does not answer is given up and greeted again; requests of people may take longer."""

STRANGER = ErrorReply(kind="refused", code="stranger", text="Another program answers on the backend's port.")

RETRY_S = (1, 2, 4, 8, 16, 30)

FeedBatch = list[dict[str, Any]]


class Link(QObject):
    """Requests go out at once; the feed comes in batches.

    Signals:
        connected(resumed): the feed is open; resumed says that nothing was missed.
        disconnected(text), retrying(count, seconds), mismatched(version of the backend)
        received(list of feed messages), reset(reason): what was missed is no longer kept.
    """

    connected = Signal(bool)
    disconnected = Signal(str)
    mismatched = Signal(str)
    received = Signal(list)
    reset = Signal(str)
    retrying = Signal(int, int)

    def __init__(self, home: Home, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.home = home
        self.online = False
        self.latency_ms: float | None = None
        self.last_id = 0
        self.tries = 0
        self._address: Address = find_address(home)
        self._network = QNetworkAccessManager(self)
        self._feed: QNetworkReply | None = None
        self._parser = SseParser()
        self._retry = QTimer(self, singleShot=True)
        self._retry.timeout.connect(self._greet)
        self._silence = QTimer(self, singleShot=True, interval=SILENCE_MS)
        self._silence.timeout.connect(self._on_silence)
        self._waiting: dict[QNetworkReply, Call] = {}
        self._downloads: dict[QNetworkReply, Download] = {}
        self._closing = False
        self._asked = ""
        self._greeting = False

    # ---- requests ------------------------------------------------------------------------------------------

    def get(self, path: str, query: dict[str, Any] | None = None, accept: str = "") -> Call:
        """Ask for `path` below /api/v1. `accept` names a form that is preferred to JSON: the reply is bytes of that
        form, or parsed JSON where the backend does not have it."""
        return self._send("GET", path, None, query, accept=accept)

    def post(self, path: str, body: Any = None) -> Call:
        """Ask for a change; a fresh idempotency key goes with it, so a lost reply never does it twice."""
        return self._send("POST", path, {} if body is None else body)

    def patch(self, path: str, body: Any) -> Call:
        """Change single fields."""
        return self._send("PATCH", path, body)

    def delete(self, path: str) -> Call:
        """Remove something."""
        return self._send("DELETE", path, None)

    def download(self, path: str, query: dict[str, Any], file: Path) -> Call:
        """Read `path` into a file, which appears only when it is whole; the reply is {"path", "size_bytes"}."""
        call = Call(f"GET {path}")
        reply = self._network.get(self._request(API + quote(path, safe="/%") + f"?{urlencode(query)}"))
        self._waiting[reply] = call
        self._downloads[reply] = Download(reply, file, call)
        reply.finished.connect(self._on_reply_finished)
        return call

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        on_reply: OnReply | None = None,
        on_refused: OnRefused | None = None,
    ) -> Call:
        """The same with a method as text."""
        return self._send(method, path, body).on_reply(on_reply).on_refused(on_refused)

    def _send(
        self,
        method: str,
        path: str,
        body: Any,
        query: dict[str, Any] | None = None,
        *,
        patience_ms: int = 0,
        accept: str = "",
    ) -> Call:
        call = Call(f"{method} {path}", accept)
        target = API + quote(path, safe="/%?=&:") + (f"?{urlencode(query, doseq=True)}" if query else "")
        request = self._request(target)
        request.setTransferTimeout(patience_ms)  # 0: none
        if accept:
            request.setRawHeader(b"Accept", f"{accept}, application/json;q=0.5".encode())
        payload = QByteArray()
        if body is not None:
            request.setHeader(QNetworkRequest.KnownHeaders.ContentTypeHeader, "application/json")
            payload = QByteArray(json.dumps(body, allow_nan=False).encode())
        if method == "POST":
            request.setRawHeader(b"Idempotency-Key", uuid.uuid4().hex.encode())
        reply = self._network.sendCustomRequest(request, method.encode(), payload)
        self._waiting[reply] = call
        reply.finished.connect(self._on_reply_finished)
        return call

    def _request(self, target: str) -> QNetworkRequest:
        request = QNetworkRequest(QUrl.fromEncoded(self._address.url(target).encode()))
        if self._address.socket:
            request.setAttribute(QNetworkRequest.Attribute.FullLocalServerNameAttribute, self._address.socket)
        if self._address.token:
            request.setRawHeader(b"Authorization", f"Bearer {self._address.token}".encode())
        request.setAttribute(QNetworkRequest.Attribute.Http2AllowedAttribute, False)
        request.setAttribute(
            QNetworkRequest.Attribute.RedirectPolicyAttribute, QNetworkRequest.RedirectPolicy.ManualRedirectPolicy
        )
        return request

    def _on_reply_finished(self) -> None:
        reply = self.sender()
        if not isinstance(reply, QNetworkReply):
            return
        call = self._waiting.pop(reply, None)
        download = self._downloads.pop(reply, None)
        reply.deleteLater()
        if call is None or (download is not None and download.finish()):
            return
        # one that was given up is closed, and reading it would be a warning
        raw = bytes(reply.readAll().data()) if reply.isOpen() else b""
        _settle(call, reply, download.refusal if download is not None else raw)

    # ---- life of the connection ----------------------------------------------------------------------------

    def start(self) -> None:
        """Begin; every later loss is handled here as well."""
        self._closing = False
        self._greet()

    def retry_now(self) -> None:
        """Do not wait for the next try; a connection that stands is left alone."""
        if self.online:
            return
        self._retry.stop()
        self._greet()

    def close(self) -> None:
        """End the stream and every request; no signal follows."""
        self._closing, self._greeting = True, False
        self._retry.stop()
        self._silence.stop()
        self._drop_feed()
        for reply in list(self._waiting):
            self._waiting.pop(reply, None)
            self._downloads.pop(reply, None)
            reply.abort()
            reply.deleteLater()

    def _greet(self) -> None:
        if self._closing or self.online or self._greeting:
            return
        self._greeting = True
        self._address = find_address(self.home)
        if not self._waiting:  # Qt ends the thread of its connections then, whoever still uses one
            self._network.clearConnectionCache()
        if self._address.token:
            self._challenge()
        else:
            self._ask_system()

    def _challenge(self) -> None:
        """Over TCP a stranger may sit on the port: the token is sent only to who proves that he knows it."""
        request = QNetworkRequest(QUrl(self._address.url("/healthz")))
        request.setTransferTimeout(GREETING_MS)
        self._asked = secrets.token_hex(16)
        request.setRawHeader(b"X-Modeldeck-Challenge", self._asked.encode())
        call = Call("GET /healthz").on_reply(self._on_proof).on_refused(self._on_greeting_failed)
        reply = self._network.get(request)
        self._waiting[reply] = call
        reply.finished.connect(self._on_reply_finished)

    def _on_proof(self, body: Any) -> None:
        proof = body.get("proof") if isinstance(body, dict) else None
        if self._address.proves(self._asked, proof):
            self._ask_system()
        else:
            self._on_greeting_failed(STRANGER)

    def _ask_system(self) -> None:
        self._send("GET", "/system", None, patience_ms=GREETING_MS).on_reply(self._on_greeted).on_refused(
            self._on_greeting_failed
        )

    def _on_greeted(self, body: Any) -> None:
        self._greeting = False
        if self._feed is not None:
            return  # two greetings were under way: the feed of the first one stands
        if not isinstance(body, dict):  # the backend ended within its answer
            self._later()
            return
        if body.get("protocol") != PROTOCOL:
            self.mismatched.emit(str(body.get("version", "?")))
            self._later()
            return
        self._open_feed()

    def _on_greeting_failed(self, error: ErrorReply) -> None:
        self._greeting = False
        if self.online:
            return
        if self.tries == 0:
            self._lost(error.text)
        self._later()

    def _later(self) -> None:
        seconds = RETRY_S[min(self.tries, len(RETRY_S) - 1)]
        self.tries += 1
        self.retrying.emit(self.tries, seconds)
        self._retry.start(seconds * 1000)

    def _lost(self, text: str) -> None:
        self.online = False
        self._silence.stop()
        self._drop_feed()
        if not self._closing:
            self.disconnected.emit(text)

    # ---- feed ----------------------------------------------------------------------------------------------

    def _open_feed(self) -> None:
        self._drop_feed()
        request = self._request(f"{API}/feed?topics={','.join(TOPICS)}")
        request.setRawHeader(b"Accept", b"text/event-stream")
        request.setRawHeader(b"Accept-Encoding", b"identity")
        if self.last_id:
            request.setRawHeader(b"Last-Event-ID", str(self.last_id).encode())
        self._parser = SseParser()
        self._feed = self._network.get(request)
        self._feed.readyRead.connect(self._on_feed_ready)
        self._feed.finished.connect(self._on_feed_finished)
        self._silence.start()

    def _drop_feed(self) -> None:
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.readyRead.disconnect(self._on_feed_ready)
            feed.finished.disconnect(self._on_feed_finished)
            feed.abort()
            feed.deleteLater()

    def _on_feed_ready(self) -> None:
        if self._feed is None or _status(self._feed) != 200:
            return
        self._silence.start()
        if not self.online:
            self.online, self.tries = True, 0
            self._retry.stop()  # a greeting that failed meanwhile must not disturb this connection
            self.connected.emit(self.last_id > 0)
        batch: FeedBatch = []
        for message in self._parser.feed(bytes(self._feed.readAll().data())):
            if message.event == "reset":
                self._forget_place(message.data)
            else:
                batch.append(json.loads(message.data))
        if batch:
            self.last_id = max([self.last_id, *(one.get("id", 0) for one in batch)])
            self.received.emit(batch)

    def _forget_place(self, data: str) -> None:
        """The server no longer keeps what we missed: forget the place and read everything afresh."""
        self.last_id = 0
        self.reset.emit(data)

    def _on_feed_finished(self) -> None:
        if self._feed is None:
            return
        self._lost("Backend does not answer.")
        self._retry.start(50)

    def _on_silence(self) -> None:
        self._lost("Backend has been silent for 15 s.")
        self._later()


def _status(reply: QNetworkReply) -> int:
    return int(reply.attribute(QNetworkRequest.Attribute.HttpStatusCodeAttribute) or 0)


def _settle(call: Call, reply: QNetworkReply, raw: bytes) -> None:
    status = _status(reply)
    if not status:
        call.fail(OFFLINE)
        return
    kind = str(reply.header(QNetworkRequest.KnownHeaders.ContentTypeHeader) or "").partition(";")[0].strip()
    if call.accept and kind == call.accept and 200 <= status < 300:
        call.succeed(raw)
        return
    try:
        body = json.loads(raw) if raw else None
    except ValueError:
        body = None
    if 200 <= status < 300:
        call.succeed(body)
        return
    try:
        call.fail(ErrorReply.model_validate(body))
    except ValueError:
        call.fail(
            ErrorReply(
                kind="broken", code=f"http_{status}", text=f"The backend answered {status} to {call.description}."
            )
        )
