"""The daemon is killed twenty times, at its start, in its recovery and in full work, while a fast run goes on."""

import random
import time
from collections.abc import Iterator

import pytest

from backend import launch
from backend.contract.errors import ModeldeckError
from backend.jobs.folder import JobFolder
from tests.helpers.home import RunningHome
from tests.helpers.log import exported_points, logged_points
from tests.helpers.wait import until

KILLS = 20
POINTS = 8


@pytest.fixture
def home() -> Iterator[RunningHome]:
    with RunningHome() as home:
        yield home.start()


def step_of(home: RunningHome, run_id: str) -> int:
    return int(home.ask("GET", f"/runs/{run_id}")["step"])


def kill_at_random(home: RunningHome, run_id: str, draw: random.Random) -> None:
    """Start it, and end it somewhere: half the time before it answers, half the time while it stores points."""
    home.process, _ = launch.spawn(home.home)
    if draw.random() < 0.5:
        time.sleep(draw.uniform(0.0, 0.8))  # the moment of the kill is the test
    else:
        until(lambda: launch.find(home.home), 120)
        wanted = step_of(home, run_id) + draw.randrange(1, 150)
        until(lambda: step_of(home, run_id) >= wanted, 120)
    home.kill()


@pytest.mark.timeout(900)
def test_killed_twenty_times_nothing_is_lost(home: RunningHome) -> None:
    """RELIABILITY rows 8, 10: export equals the log bit for bit, one worker all the time, doctor is content."""
    home.ask("PATCH", "/settings", {"values": {"mirror": False}})
    run = home.start_run(steps=10_000_000, rate_hz=400, points_per_step=POINTS, nan_at_step=50, checkpoint_every=200)
    home.wait_run(run["id"], ("running",))
    job = JobFolder(home.home.job(run["id"]))
    identity = until(job.identity)
    home.kill()
    draw = random.Random()
    for _ in range(KILLS - 1):
        kill_at_random(home, run["id"], draw)
    home.start()
    home.ask("POST", f"/runs/{run['id']}/commands", {"command": "stop"})
    ended = home.wait_run(run["id"], timeout=120)
    assert (ended["state"], ended["attempt"]) == ("stopped", 1)
    assert job.identity() == identity, "the worker must never notice"
    logged = logged_points(home, run["id"])
    assert [point[1] for point in logged[::POINTS]] == list(range(1, ended["step"] + 1))
    assert exported_points(home, run["id"]) == logged
    report = home.json("doctor")
    assert report["ok"], [check for check in report["checks"] if not check["ok"]]


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
    home.start()
    found.add(home.ask("POST", "/runs", body, key="press-1")["id"])
    assert len(found) == 1
    assert len(home.ask("GET", "/runs")["items"]) == 1
    assert home.wait_run(found.pop())["state"] == "completed"
