"""The feed over a real socket: resume without gap or duplicate, reset, topics, slow readers."""

import asyncio
import json
import time
from typing import Any

import pytest

from backend.client import Client, follow
from backend.contract.feed import FeedMessage
from backend.server import feed as feed_module
from backend.server.feed import Hub, frame
from backend.server.thinning import POINTS_KEPT, thin
from tests.helpers.home import RunningHome
from tests.helpers.raw_http import connect


class Source:
    """A feed in memory that numbers what it is given."""

    def __init__(self) -> None:
        self.messages: list[FeedMessage] = []
        self.callbacks: list[Any] = []

    def publish(self, count: int = 1, topic: str = "runs", **data: Any) -> None:
        batch = []
        for _ in range(count):
            number = len(self.messages) + 1
            batch.append(
                FeedMessage(
                    id=number,
                    time=1.0,
                    topic=topic,
                    kind="points" if topic == "series" else "changed",
                    data={"id": str(number), **data},
                )
            )
            self.messages.append(batch[-1])
        for callback in self.callbacks:
            callback(batch)

    def since(self, since: int, topics: Any, limit: int) -> list[FeedMessage]:
        return [m for m in self.messages[since:] if topics is None or m.topic in topics][:limit]

    def subscribe(self, callback: Any) -> Any:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    def oldest(self) -> int:
        return 1 if self.messages else 0

    def newest(self) -> int:
        return len(self.messages)


class Reader:
    """A client without a socket: collects what send() is given, as slowly as told."""

    def __init__(
        self, hub: Hub, since: int | None = None, topics: frozenset[str] = frozenset({"runs", "series"})
    ) -> None:
        self.chunks: list[bytes] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.gone = asyncio.Event()
        self.task = asyncio.create_task(self._run(feed_module.FeedResponse(hub, topics, since)))

    async def _run(self, response: feed_module.FeedResponse) -> None:
        async def receive() -> dict[str, Any]:
            await self.gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            await self.gate.wait()
            self.chunks.append(message.get("body", b""))

        await response({"type": "http"}, receive, send)

    def events(self) -> list[dict[str, Any]]:
        lines = b"".join(self.chunks).decode().splitlines()
        return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]

    def ids(self) -> list[int]:
        return [event["id"] for event in self.events() if event["kind"] in ("changed", "points")]

    async def until(self, ready: Any) -> None:
        async with asyncio.timeout(10):
            while not ready():
                await asyncio.sleep(0.005)

    async def leave(self) -> None:
        self.gone.set()
        await self.task


def run(scenario: Any) -> None:
    async def main() -> None:
        source = Source()
        hub = Hub(source)
        hub.start()
        await scenario(source, hub)

    asyncio.run(main())


def test_a_reader_gets_everything_from_its_place_on_in_order() -> None:
    async def scenario(source: Source, hub: Hub) -> None:
        source.publish(1200)
        reader = Reader(hub, since=100)
        reader.gate.clear()
        await reader.until(lambda: hub.clients)
        await asyncio.to_thread(source.publish, 50)  # before it reads: only these are among the recent ones
        reader.gate.set()
        await reader.until(lambda: len(reader.ids()) >= 1150)
        await asyncio.to_thread(source.publish, 50)
        await reader.until(lambda: len(reader.ids()) >= 1200)
        assert reader.ids() == list(range(101, 1301))
        await reader.leave()
        assert hub.clients == 0

    run(scenario)


def test_without_a_place_it_starts_now_and_is_told_where() -> None:
    async def scenario(source: Source, hub: Hub) -> None:
        source.publish(10)
        reader = Reader(hub)
        await reader.until(lambda: reader.events())
        assert reader.events()[0]["kind"] == "hello"
        assert reader.events()[0]["id"] == 10
        await asyncio.to_thread(source.publish)
        await reader.until(lambda: reader.ids())
        assert reader.ids() == [11]
        await reader.leave()

    run(scenario)


@pytest.mark.parametrize("place", [999, 3])
def test_a_place_that_is_not_kept_is_reset(place: int) -> None:
    async def scenario(source: Source, hub: Hub) -> None:
        source.publish(20)
        source.oldest = lambda: 10  # type: ignore[method-assign]
        reader = Reader(hub, since=place)
        await reader.until(lambda: reader.events())
        assert reader.events()[0]["kind"] == "reset"
        assert str(place) in reader.events()[0]["data"]["reason"]
        await reader.leave()

    run(scenario)


def test_topics_are_kept_apart() -> None:
    async def scenario(source: Source, hub: Hub) -> None:
        reader = Reader(hub, since=0, topics=frozenset({"series"}))
        await asyncio.to_thread(source.publish, 5, "runs")
        await asyncio.to_thread(source.publish, 1, "series", run_id="r", points=[])
        await reader.until(lambda: reader.ids())
        assert reader.ids() == [6]
        await reader.leave()

    run(scenario)


def test_a_reader_that_fell_behind_is_thinned_then_closed_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "CLOSE_BEHIND", 3000)

    async def scenario(source: Source, hub: Hub) -> None:
        slow, quick = Reader(hub, since=0), Reader(hub, since=0)
        await slow.until(lambda: slow.events() and quick.events())
        slow.gate.clear()
        await asyncio.to_thread(source.publish, 1)
        await asyncio.to_thread(source.publish, 2000, "series", run_id="r", points=[["k", 1, 1.0, None, 1.0]] * 20)
        await quick.until(lambda: source.newest() == 2001 and quick.ids() and quick.ids()[-1] == 2001)
        slow.gate.set()
        await slow.until(lambda: slow.ids() and slow.ids()[-1] == 2001)
        assert len(slow.ids()) < 200
        assert slow.events()[-1]["data"]["thinned"] is True
        slow.gate.clear()
        await asyncio.to_thread(source.publish, 1)
        await asyncio.to_thread(source.publish, 5000)
        slow.gate.set()
        async with asyncio.timeout(10):
            await slow.task
        assert slow.events()[-1]["kind"] == "closed"
        assert "behind" in slow.events()[-1]["data"]["reason"]
        await quick.leave()

    run(scenario)


def test_a_reader_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "STUCK_S", 0.05)

    async def scenario(source: Source, hub: Hub) -> None:
        reader = Reader(hub, since=0)
        await reader.until(lambda: reader.events())
        reader.gate.clear()
        await asyncio.to_thread(source.publish)
        async with asyncio.timeout(10):
            await reader.task
        assert hub.clients == 0

    run(scenario)


def test_memory_is_bounded_and_nothing_is_kept_without_readers() -> None:
    async def scenario(source: Source, hub: Hub) -> None:
        source.publish(100)
        assert not hub._ring
        reader = Reader(hub)
        await reader.until(lambda: reader.events())
        reader.gate.clear()
        await asyncio.to_thread(source.publish, 10_000)
        assert len(hub._ring) == feed_module.RING_MESSAGES
        reader.gate.set()
        await reader.leave()
        assert not hub._ring

    run(scenario)


def test_stopping_ends_every_stream_with_a_reason() -> None:
    async def scenario(source: Source, hub: Hub) -> None:
        reader = Reader(hub)
        await reader.until(lambda: reader.events())
        hub.stop("bye")
        async with asyncio.timeout(10):
            await reader.task
        assert reader.events()[-1]["data"] == {"reason": "bye"}

    run(scenario)


def test_thinning_keeps_ends_and_extremes_and_the_newest_state() -> None:
    values = [float(i % 7) for i in range(1000)]
    values[333], values[777] = 99.0, -99.0
    points = [["loss", i, float(i), None, value] for i, value in enumerate(values)]
    messages = [
        FeedMessage(
            id=i + 1,
            time=0,
            topic="series",
            kind="points",
            data={"run_id": "r", "points": points[i * 10 : i * 10 + 10]},
        )
        for i in range(100)
    ]
    states = [
        FeedMessage(id=101 + i, time=0, topic="runs", kind="changed", data={"id": "r", "step": i}) for i in range(5)
    ]
    kept = thin([*messages, *states])
    assert [m.id for m in kept] == [100, 105]
    thinned = kept[0].data["points"]
    assert len(thinned) <= POINTS_KEPT
    assert thinned[0] == points[0]
    assert thinned[-1] == points[-1]
    assert {99.0, -99.0} <= {point[4] for point in thinned}


def test_a_frame_is_one_event_whatever_the_text() -> None:
    message = FeedMessage(id=5, time=0, topic="runs", kind="changed", data={"name": "a\nid: 9\n\ndata: x\r\u2028"})
    text = frame(message).decode()
    assert text.count("\n") == 4
    assert text.startswith("id: 5\nevent: runs\ndata: {")


def test_follow_over_restarts_tells_each_message_once(home: RunningHome) -> None:
    """RELIABILITY row 5, over deaths of the daemon: what was stored is told exactly once, in order."""
    start = home.ask("GET", "/runs")  # the daemon is up
    assert start["items"] == []
    run = home.start_run(steps=150, rate_hz=150, points_per_step=2)
    got: list[FeedMessage] = []
    stream = follow(home.home, 0, ("series", "runs"), patience_s=60)
    for message in stream:
        got.append(message)
        if len(got) in (5, 25):
            home.kill()
            home.start()
        if message.topic == "runs" and message.data.get("state") == "completed":
            break
    stream.close()
    ids = [message.id for message in got]
    assert ids == sorted(set(ids))
    told = [
        (p[0], p[1], p[4])
        for m in got
        if m.topic == "series" and m.data["run_id"] == run["id"]
        for p in m.data["points"]
    ]
    exported = home.cli("run", "export", run["id"]).stdout.splitlines()
    assert told == [(p["key"], p["step"], p["value"]) for p in map(json.loads, exported)]
    assert len(told) == 300


def test_a_silent_socket_does_not_disturb_others(home: RunningHome) -> None:
    """RELIABILITY row 6: a reader with a tiny buffer that never reads."""
    with connect(home.backend, receive_buffer=1024) as silent, Client(home.backend) as good:
        silent.sendall(b"GET /api/v1/feed HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 0\r\n\r\n")
        run = home.start_run(steps=300, rate_hz=0, points_per_step=20)
        home.wait_run(run["id"])
        began = time.perf_counter()
        assert good.ask("GET", "/system")["state"] == "running"
        assert time.perf_counter() - began < 2.0  # it does not wait for the silent one


def test_unknown_topics_and_places_are_refused(home: RunningHome) -> None:
    with pytest.raises(Exception, match="There is no topic"):
        next(iter(home.client.feed(topics=["nonsense"])))
    assert "must be the id" in home.client._http.get("/api/v1/feed", params={"since": "x"}).json()["text"]
