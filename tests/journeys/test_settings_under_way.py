"""Settings changed under way through the command line: in force from a checkpoint on, kept over a kill, forked with
half the rate."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from backend.supervisor.launch import Supervisor
from tests.backend.worker import training
from tests.helpers.home import RunningHome
from tests.helpers.wait import until
from tests.journeys.test_worker_killed import prepare

START_S = 150.0
"""A worker imports torch and transformers, on a busy machine."""

SETTINGS = {
    **training.QUICK, "epochs": 1000, "checkpoint_every": 20, "eval_every": 500, "schedule": "constant",
    "warmup_fraction": 0,
}  # fmt: skip


@pytest.fixture
def home() -> Iterator[RunningHome]:
    with RunningHome() as home:
        home.start()
        prepare(home)
        yield home


def start(home: RunningHome) -> str:
    body = {
        "recipe": "text_classification", "dataset": "tiny", "base_model": str(home.root / "base"),
        "settings": SETTINGS, "name": "steady", "device": "cpu",
    }  # fmt: skip
    return str(home.ask("POST", "/runs", body)["id"])


def events(home: RunningHome, run_id: str, kind: str) -> list[dict[str, Any]]:
    return [event for event in home.ask("GET", f"/runs/{run_id}/events")["items"] if event["kind"] == kind]


def rates(home: RunningHome, run_id: str) -> dict[int, float]:
    query = {"keys": "train/learning_rate", "points": 100_000}
    found = home.ask("GET", f"/runs/{run_id}/series", query=query)["series"]["train/learning_rate"]
    return dict(zip(found["steps"], found["values"], strict=True))


def reached(home: RunningHome, run_id: str, step: int) -> None:
    until(lambda: home.ask("GET", f"/runs/{run_id}")["step"] >= step, START_S, every=0.1)


def test_a_change_is_applied_kept_over_a_kill_and_forked(home: RunningHome) -> None:
    run_id = start(home)
    reached(home, run_id, 5)
    asked = home.json("run", "apply", run_id, "--set", "learning_rate=0.0005", "--set", "checkpoint_every=30")
    assert asked["pending_settings"] == {"learning_rate": 0.0005, "checkpoint_every": 30}
    (mark,) = until(lambda: events(home, run_id, "settings"), START_S, every=0.05)
    assert mark["text"].startswith("Changed: ")
    run = until(lambda: _settled(home.ask("GET", f"/runs/{run_id}")), START_S, every=0.05)
    assert (run["settings"]["learning_rate"], run["settings"]["checkpoint_every"]) == (0.0005, 30)
    assert {"learning_rate", "checkpoint_every"} <= set(run["changed_settings"])

    # refused before it is sent, naming what can
    refused = home.cli("run", "apply", run_id, "--set", "max_length=12", check=False)
    assert refused.returncode == 3
    assert "max_length cannot change under way" in refused.stderr

    # killed after the change, it goes on with it
    reached(home, run_id, mark["step"] + 35)
    worker = Supervisor(home.home).observe(run_id).identity
    assert worker is not None
    os.kill(worker.worker_pid, signal.SIGKILL)
    home.wait_run(run_id, ("failed",))
    home.ask("POST", f"/runs/{run_id}/resume")
    until(lambda: home.ask("GET", f"/runs/{run_id}")["attempt"] == 2, START_S, every=0.1)
    at = home.ask("GET", f"/runs/{run_id}")["step"]
    reached(home, run_id, at + 20)
    found = rates(home, run_id)
    assert {rate for step, rate in found.items() if step <= mark["step"]} == {1e-3}
    assert {rate for step, rate in found.items() if step > mark["step"]} == {5e-4}
    assert len(events(home, run_id, "settings")) == 1
    home.ask("POST", f"/runs/{run_id}/commands", {"command": "stop", "save": True})
    home.wait_run(run_id, timeout=START_S)

    # past a spike: from a checkpoint, with half the rate in force
    kept = [one for one in home.ask("GET", f"/runs/{run_id}/checkpoints")["items"] if one["present"]]
    fork = home.json(
        "run", "fork", run_id, "--checkpoint", kept[0]["name"], "--set", "learning_rate=0.00025", "--name", "calmer"
    )
    assert (fork["fork_of"], fork["fork_step"], fork["name"]) == (run_id, kept[0]["step"], "calmer")
    assert fork["settings"]["checkpoint_every"] == 30
    reached(home, fork["id"], kept[0]["step"] + 5)
    found = rates(home, fork["id"])
    assert min(found) == kept[0]["step"] + 1
    assert set(found.values()) == {2.5e-4}
    assert [event["step"] for event in events(home, run_id, "fork")] == [kept[0]["step"]]


def _settled(run: dict[str, Any]) -> dict[str, Any] | None:
    return run if not run["pending_settings"] else None
