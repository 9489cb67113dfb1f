"""A steady stream of real HTTP requests to an endpoint, sent from the event loop; it counts what came back."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QByteArray, QObject, Qt, QTimer, QUrl
from PySide6.QtNetwork import QNetworkAccessManager, QNetworkReply, QNetworkRequest

MOST_OPEN = 12
"""Twice what one host is asked at once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: when it was sent, how long it took, who answered; version None when it failed."""

    sent_at: float
    milliseconds: float
    version: int | None
    status: int


class Traffic(QObject):
    """`start()` sends `rate_hz` requests a second, each with the next of `texts`, until `stop()`.

    On a machine too slow for that it sends fewer: a request that had to wait for MOST_OPEN others would carry old texts
    for minutes.
    """

    def __init__(self, url: str, key: str, texts: Sequence[str], *, rate_hz: float = 20.0, items: int = 1) -> None:
        super().__init__()
        self.answers: list[Answer] = []
        self._texts = itertools.cycle(texts)
        self._items = items
        self._network = QNetworkAccessManager(self)
        self._request = QNetworkRequest(QUrl(url.rstrip("/") + "/predict"))
        self._request.setHeader(QNetworkRequest.KnownHeaders.ContentTypeHeader, "application/json")
        self._request.setRawHeader(b"Authorization", f"Bearer {key}".encode())
        self._sent: dict[QNetworkReply, float] = {}
        self._timer = QTimer(self, interval=max(1, round(1000 / rate_hz)))
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_due)

    def set_texts(self, texts: Sequence[str]) -> None:
        """From now on send these."""
        self._texts = itertools.cycle(texts)

    def start(self) -> None:
        self._timer.start()

    def stop(self) -> None:
        """Send no more; answers under way still count."""
        self._timer.stop()

    @property
    def open(self) -> int:
        """Requests without an answer yet."""
        return len(self._sent)

    def failed(self, since: float = 0.0) -> int:
        """Requests sent after `since` that got no prediction."""
        return sum(answer.version is None for answer in self.answers if answer.sent_at >= since)

    def percentile(self, share: float, since: float = 0.0, until: float = float("inf")) -> float | None:
        """Latency in ms below which `share` of the answers of a window lie; None without answers."""
        taken = sorted(a.milliseconds for a in self.answers if since <= a.sent_at < until and a.version is not None)
        return taken[min(len(taken) - 1, int(share * len(taken)))] if taken else None

    def _on_due(self) -> None:
        if self.open >= MOST_OPEN:
            return
        inputs = [next(self._texts) for _ in range(self._items)]
        reply = self._network.post(self._request, QByteArray(json.dumps({"inputs": inputs, "truncate": True}).encode()))
        self._sent[reply] = time.monotonic()
        reply.finished.connect(self._on_answer)

    def _on_answer(self) -> None:
        reply = self.sender()
        if not isinstance(reply, QNetworkReply):
            return
        sent = self._sent.pop(reply)
        status = int(reply.attribute(QNetworkRequest.Attribute.HttpStatusCodeAttribute) or 0)
        version = None
        if status == 200:
            version = json.loads(bytes(reply.readAll().data())).get("version")
        self.answers.append(Answer(sent, 1000 * (time.monotonic() - sent), version, status))
        reply.deleteLater()
