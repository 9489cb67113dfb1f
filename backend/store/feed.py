"""The feed: every published message is stored in the transaction it speaks of and handed to subscribers after its
commit."""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from math import isfinite
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from backend.contract.base import Record, number_to_json
from backend.contract.feed import TOPICS, FeedMessage
from backend.store.documents import encode, plain, to_data, to_text
from backend.store.engine import Database
from backend.store.tables import FEED

KEEP_MESSAGES = 100_000
KEEP_BYTES = 64 * 1024 * 1024
_PRUNE_EVERY = 500
_PLACE = "points@"
"""The stored kind of a message whose points are in the series."""

_POINT_BYTES = 60
"""About what a point is in JSON, so that the limit of bytes holds for what readers get."""

Point = tuple[str, int, float, float | None, float | None]

Callback = Callable[[list[FeedMessage]], None]


class Feed:
    """Messages with ids that grow by one and are never given twice, also over restarts. Keeps the newest 100,000 or
    64 MiB.

    Subscribers get lists in the order of commits, on the thread that committed, outside the store's lock. They must
    be quick and
    must not raise; one that raises is dropped from the delivery of that list only.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[str, str, dict[str, Any], str]] = []
        self._stored: list[FeedMessage] = []
        self._ready: deque[list[FeedMessage]] = deque()
        self._delivering = threading.Lock()
        self._subscribers: tuple[Callback, ...] = ()
        self._changing = threading.Lock()
        self._since_prune = _PRUNE_EVERY
        self.points_between: Callable[[Connection, str, int, int], list[Point]] = lambda *_: []
        database.before_commit.append(self._store)
        database.after_commit.append(self._make_ready)
        database.after_rollback.append(self._forget)
        database.after_release.append(self._deliver)

    # ---- publishing ------------------------------------------------------------------------------------------------

    def publish(self, topic: str, kind: str, what: Record | dict[str, Any]) -> None:
        """Store a message with the present transaction, or in one of its own; ValueError for an unknown topic."""
        if topic not in TOPICS:
            raise ValueError(f"no topic {topic!r}; there are {', '.join(TOPICS)}")
        data = to_data(what) if isinstance(what, Record) else what
        with self._database.writing():
            self._waiting.append((topic, kind, data, ""))

    def publish_points(self, run_id: str, points: Sequence[Point], first_ordinal: int) -> None:
        """Publish points of a run under series, in log order, `first_ordinal` as Series.append() returned it.

        Only the place of the points is stored: the series has them already, and writing them twice would cost more than
        everything else.
        """
        safe = points if all(map(_is_plain, points)) else [(*point[:4], number_to_json(point[4])) for point in points]
        text = encode({"run_id": run_id, "ordinal": first_ordinal, "count": len(points)})
        with self._database.writing():
            self._waiting.append(("series", _PLACE, {"run_id": run_id, "points": safe}, text))

    def broadcast(self, topic: str, kind: str, what: Record | dict[str, Any]) -> None:
        """Tell who listens now and store nothing (id 0): for notices about a store that cannot write."""
        message = FeedMessage(id=0, time=self._database.clock.now(), topic=topic, kind=kind, data=to_data(what))
        self._hand_over([message])

    def _store(self, connection: Connection) -> None:
        if not self._waiting:
            return
        now = self._database.clock.now()
        for topic, kind, data, encoded in self._waiting:
            text = encoded or to_text(data)
            size = len(data["points"]) * _POINT_BYTES if kind == _PLACE else len(text)
            row = {"time": now, "topic": topic, "kind": kind, "size": size, "data": text}
            number = connection.execute(insert(FEED), row).lastrowid
            safe = data if encoded else plain(data)
            # model_construct: the parts are ours, and a message of points may hold thousands of them.
            told = "points" if kind == _PLACE else kind
            self._stored.append(FeedMessage.model_construct(id=number, time=now, topic=topic, kind=told, data=safe))
        self._since_prune += len(self._waiting)
        self._waiting.clear()
        if self._since_prune >= _PRUNE_EVERY:
            self._prune(connection)
            self._since_prune = 0

    def _prune(self, connection: Connection) -> None:
        newest = self._stored[-1].id
        behind = func.sum(FEED.c.size).over(order_by=FEED.c.id.desc())
        sums = select(FEED.c.id, behind.label("behind")).subquery()
        too_far = connection.scalar(select(func.max(sums.c.id)).where(sums.c.behind > KEEP_BYTES))
        limit = max(newest - KEEP_MESSAGES, too_far or 0)
        # The newest stays, whatever its size: without it the next id could not be told after a restart.
        connection.execute(delete(FEED).where(FEED.c.id <= min(limit, newest - 1)))

    def _forget(self) -> None:
        self._waiting.clear()
        self._stored.clear()

    def _make_ready(self) -> None:
        if self._stored:
            self._ready.append(self._stored)
            self._stored = []

    def _deliver(self) -> None:
        # Whoever holds the delivery lock hands over everything in order; a subscriber that publishes only
        # adds to the queue.
        while self._ready:
            if not self._delivering.acquire(blocking=False):
                return
            try:
                with suppress(IndexError):
                    self._hand_over(self._ready.popleft())
            finally:
                self._delivering.release()

    def _hand_over(self, messages: list[FeedMessage]) -> None:
        for callback in self._subscribers:
            # A subscriber's defect must not reach the writer, whose transaction is committed already.
            with suppress(Exception):
                callback(messages)

    # ---- reading ---------------------------------------------------------------------------------------------------

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Hand every later message to `callback`; the returned function ends that."""
        with self._changing:
            self._subscribers = (*self._subscribers, callback)

        def unsubscribe() -> None:
            with self._changing:
                self._subscribers = tuple(other for other in self._subscribers if other is not callback)

        return unsubscribe

    def since(self, number: int, topics: Iterable[str] | None = None, limit: int = 1000) -> list[FeedMessage]:
        """Messages with a larger id, oldest first. Older than oldest() - 1 means that some are gone: read afresh."""
        query = select(FEED).where(FEED.c.id > number).order_by(FEED.c.id).limit(limit)
        if topics is not None:
            query = query.where(FEED.c.topic.in_(tuple(topics)))
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            return _messages(rows, self._points_at(connection, rows))

    def _points_at(self, connection: Connection, rows: Sequence[Any]) -> dict[str, tuple[int, list[Point]]]:
        """Run → (first ordinal, points) of everything the rows speak of; each run is read once."""
        ranges: dict[str, tuple[int, int]] = {}
        for place in (json.loads(row.data) for row in rows if row.kind == _PLACE):
            first, stop = ranges.get(place["run_id"], (place["ordinal"], 0))
            ranges[place["run_id"]] = (min(first, place["ordinal"]), max(stop, place["ordinal"] + place["count"]))
        return {
            run_id: (first, self.points_between(connection, run_id, first, stop))
            for run_id, (first, stop) in ranges.items()
        }

    def oldest(self) -> int:
        """The smallest id kept; 0 when nothing was ever published."""
        with self._database.reading() as connection:
            return connection.scalar(select(func.min(FEED.c.id))) or 0

    def newest(self) -> int:
        """The largest id given; 0 when nothing was ever published."""
        with self._database.reading() as connection:
            return connection.scalar(select(func.max(FEED.c.id))) or 0


def _messages(rows: Sequence[Any], known: dict[str, tuple[int, list[Point]]]) -> list[FeedMessage]:
    messages = []
    for row in rows:
        kind, data = row.kind, json.loads(row.data)
        if kind == _PLACE:
            first, points = known[data["run_id"]]
            start = data["ordinal"] - first
            part = points[start : start + data["count"]]  # empty when the run was removed meanwhile
            kind = "points"
            data = {"run_id": data["run_id"], "points": [(*point[:4], number_to_json(point[4])) for point in part]}
        messages.append(FeedMessage.model_construct(id=row.id, time=row.time, topic=row.topic, kind=kind, data=data))
    return messages


def _is_plain(point: Point) -> bool:
    return point[4] is None or isfinite(point[4])
