"""A fast run beside a daemon that dies again and again, and what must be true of both afterwards."""

import random
import time

from backend import launch
from backend.contract.jobs import JobIdentity
from backend.jobs.folder import JobFolder
from tests.helpers.home import RunningHome
from tests.helpers.log import exported_points, logged_points
from tests.helpers.wait import until

POINTS = 8


class FastRun:
    """A run that logs all the time; its daemon is dead when this is made."""

    def __init__(self, home: RunningHome, **settings: float) -> None:
        self.home = home
        home.ask("PATCH", "/settings", {"values": {"mirror": False}})
        wanted = {"steps": 10_000_000, "rate_hz": 400, "nan_at_step": 50, "checkpoint_every": 200, **settings}
        self.id = str(home.start_run(points_per_step=POINTS, **wanted)["id"])
        home.wait_run(self.id, ("running",))
        self.job = JobFolder(home.home.job(self.id))
        self.identity: JobIdentity | None = until(self.job.identity)
        home.kill()

    def step(self) -> int:
        return int(self.home.ask("GET", f"/runs/{self.id}")["step"])

    def kill_in_recovery(self, draw: random.Random, longest_s: float) -> None:
        """Start the daemon and end it before it has come far."""
        self.home.process, _ = launch.spawn(self.home.home)
        time.sleep(draw.uniform(0.0, longest_s))  # the moment of the kill is the test
        self.home.kill()

    def kill_at_random(self, draw: random.Random) -> None:
        """Start it, and end it somewhere: half the time before it answers, half the time while it stores points."""
        if draw.random() < 0.5:
            self.kill_in_recovery(draw, 0.8)
            return
        self.home.process, _ = launch.spawn(self.home.home)
        until(lambda: launch.find(self.home.home), 120)
        wanted = self.step() + draw.randrange(1, 150)
        until(lambda: self.step() >= wanted, 120)
        self.home.kill()

    def check(self) -> None:
        """Stop it; export equals the log bit for bit, one worker all the time, doctor is content."""
        self.home.start()
        self.home.ask("POST", f"/runs/{self.id}/commands", {"command": "stop"})
        ended = self.home.wait_run(self.id, timeout=300)
        assert (ended["state"], ended["attempt"]) == ("stopped", 1)
        assert self.job.identity() == self.identity, "the worker must never notice"
        logged = logged_points(self.home, self.id)
        assert [point[1] for point in logged[::POINTS]] == list(range(1, ended["step"] + 1))
        assert exported_points(self.home, self.id) == logged
        report = self.home.json("doctor")
        assert report["ok"], [check for check in report["checks"] if not check["ok"]]
