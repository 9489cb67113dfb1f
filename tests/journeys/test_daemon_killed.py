"""The daemon is killed twenty times, at its start, in its recovery and in full work, while a fast run goes on."""

import contextlib
import random
import sqlite3
from collections.abc import Iterator

import pytest

from backend.contract.errors import ModeldeckError
from tests.helpers.home import RunningHome
from tests.journeys.killing import FastRun

KILLS = 20


@pytest.fixture
def home() -> Iterator[RunningHome]:
    with RunningHome() as home:
        yield home.start()


@pytest.mark.timeout(900)
def test_killed_twenty_times_nothing_is_lost(home: RunningHome) -> None:
    """RELIABILITY rows 8, 10: export equals the log bit for bit, one worker all the time, doctor is content."""
    run, draw = FastRun(home), random.Random()
    for _ in range(KILLS - 1):
        run.kill_at_random(draw)
    run.check()


def forget_the_answer(home: RunningHome, key: str) -> None:
    """As if the daemon had died between the run and the answer to who asked for it."""
    with contextlib.closing(sqlite3.connect(home.home.database)) as store, store:
        done = store.execute("UPDATE idempotency SET status = NULL, reply = NULL WHERE key = ?", (key,))
        assert done.rowcount == 1


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # httpcore's, of a socket that nobody answers
def test_asked_while_it_dies_a_client_is_told_and_a_run_is_started_once(home: RunningHome) -> None:
    """RELIABILITY rows 8, 60: the same key after a lost answer is the same run."""
    home.ask("PATCH", "/settings", {"values": {"mirror": False}})
    body = {"recipe": "selftest", "settings": {"steps": 5, "rate_hz": 0}}
    with home.client as client:
        home.kill()
        with pytest.raises((ModeldeckError, OSError)):
            client.ask("POST", "/runs", body, key="press-1")
    home.start()
    found = {home.ask("POST", "/runs", body, key="press-1")["id"] for _ in range(2)}
    home.kill()
    forget_the_answer(home, "press-1")
    home.start()
    found.add(home.ask("POST", "/runs", body, key="press-1")["id"])
    assert len(found) == 1
    assert len(home.ask("GET", "/runs")["items"]) == 1
    assert home.wait_run(found.pop())["state"] == "completed"
