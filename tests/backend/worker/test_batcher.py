"""The queue of one version: what it counts as waiting is what waits, whatever becomes of a request."""

import asyncio
from typing import Any

import pytest

from backend.contract.errors import Unavailable
from backend.worker.serving.batcher import BatchFailed, EngineLost, Lane
from backend.worker.serving.limits import Limits

LIMITS = Limits(max_batch=4, queue=8, max_wait_ms=0)


def answered(texts: list[str]) -> dict[str, Any]:
    count = len(texts)
    return {
        "outputs": [{"label": "good"}] * count,
        "tokens": [1] * count,
        "unknown": [0.0] * count,
        "truncated": [False] * count,
        "tokenize_ms": 0.1,
        "model_ms": 0.1,
    }


@pytest.mark.parametrize("error", [BatchFailed("out of memory", "out_of_memory"), EngineLost("it died")])
def test_a_failed_batch_frees_the_places_of_its_whole_request(error: Exception) -> None:
    """A request of three batches whose first one fails: nothing of it waits any more, and the queue is not smaller."""
    broken = True

    async def ask(texts: list[str], _truncate: list[bool]) -> Any:
        if broken:
            raise error
        return answered(texts)

    async def story() -> None:
        nonlocal broken
        lane = Lane(LIMITS, ask)
        lane.open()
        ticket = lane.submit(["good"] * 12, False)
        with pytest.raises(type(error)):
            await ticket.done
        assert (lane.waiting, lane.busy) == (0, False)
        broken = False
        again = lane.submit(["good"] * 8, False)
        await again.done
        assert [answer is not None for answer in again.answers] == [True] * 8
        assert (lane.waiting, lane.busy) == (0, False)
        await lane.stop()

    asyncio.run(story())


def test_what_waits_at_the_end_is_refused() -> None:
    async def story() -> None:
        never = asyncio.Event()

        async def ask(_texts: list[str], _truncate: list[bool]) -> Any:
            await never.wait()

        lane = Lane(LIMITS, ask)
        lane.open()
        first, second = lane.submit(["a"] * 4, False), lane.submit(["b"] * 4, False)
        while lane.working == 0:
            await asyncio.sleep(0)
        await lane.stop()
        with pytest.raises(Unavailable):
            await second.done
        assert lane.waiting == 0
        lane.cancel(first)
        assert lane.waiting == 0

    asyncio.run(story())
