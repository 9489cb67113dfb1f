"""A real training told to end, killed, and resumed twice through the daemon ends with the bits of one left alone."""

import csv
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.contract.events import Ended
from backend.contract.jobs import JobLaunch
from backend.jobs.folder import JobFolder
from backend.jobs.manifest import sha256_of
from backend.supervisor.launch import Supervisor
from backend.worker import selftest, train
from tests.backend.worker import training
from tests.helpers import tiny_model
from tests.helpers.home import RunningHome
from tests.helpers.jobs import Jobs
from tests.helpers.log import exported_points, logged_points, open_to_others
from tests.helpers.wait import until

START_S = 150.0
"""A worker imports torch and transformers, on a busy machine."""

SETTINGS = {**training.QUICK, "epochs": 9, "checkpoint_every": 7, "eval_every": 50}


@pytest.fixture
def home() -> Iterator[RunningHome]:
    """Everything in it is made under umask 000 (T7)."""
    old = os.umask(0)
    try:
        with RunningHome() as home:
            yield home.start()
    finally:
        os.umask(old)


def start(home: RunningHome, name: str) -> str:
    body = {
        "recipe": "text_classification",
        "dataset": "tiny",
        "base_model": str(home.root / "base"),
        "settings": SETTINGS,
        "name": name,
        "device": "cpu",
    }
    return str(home.ask("POST", "/runs", body)["id"])


def prepare(home: RunningHome) -> None:
    """Data and a base model."""
    tiny_model.build(home.root / "base")
    with open(home.root / "tiny.csv", "w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *zip(*training.make_texts(), strict=True)])
    mapping = {"text": "text", "label": "label"}
    home.ask("POST", "/datasets", {"path": str(home.root / "tiny.csv"), "name": "tiny", "mapping": mapping})
    home.ask("PATCH", "/settings", {"values": {"mirror": False}})


def wait_step(job: JobFolder, step: int) -> None:
    """Until the worker has logged this step."""
    until(lambda: any(line["step"] >= step for line in training.events(job, "metrics")), START_S, every=0.005)


def last_step(job: JobFolder) -> int:
    return int(training.events(job, "metrics")[-1]["step"])


def resume(home: RunningHome, run: dict[str, Any]) -> None:
    assert run["resumable"], run
    home.ask("POST", f"/runs/{run['id']}/resume")


@pytest.mark.parametrize("main", [selftest.main, train.main], ids=["self-test", "training"])
def test_a_stop_that_comes_after_the_last_word_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, main: Callable[[list[str]], int]
) -> None:
    """RELIABILITY row 30: a saved result is not turned into a failure by a SIGTERM while the process goes."""
    job = Jobs(tmp_path / "home").make("r1", steps=3, rate_hz=0)
    job.write_launch(JobLaunch(attempt=1, resume=False, cookie="c"))
    monkeypatch.setattr(train, "_train", lambda *_: Ended(outcome="completed", step=3))
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert main([str(job.path)]) == 0
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.timeout(600)
def test_stopped_killed_and_resumed_it_ends_with_the_same_bits(home: RunningHome) -> None:
    """RELIABILITY rows 19, 49, T7: every point of both is exported, and nothing is open to others."""
    prepare(home)
    victim = start(home, "victim")
    job = JobFolder(home.home.job(victim))
    wait_step(job, 15)
    Supervisor(home.home).terminate(victim, START_S)
    stopped = home.wait_run(victim, timeout=START_S)
    at = last_step(job)
    assert stopped["state"] == "stopped", stopped["failure"]
    assert 15 <= at < stopped["total_steps"], "it must end between two steps, not run to its end"
    assert training.events(job, "checkpoint")[-1]["step"] == at, "SIGTERM saves where it stands"

    resume(home, stopped)
    wait_step(job, at + 15)
    identity = job.identity()
    assert identity is not None
    os.kill(identity.worker_pid, signal.SIGKILL)
    killed = home.wait_run(victim, timeout=START_S)
    assert killed["state"] == "failed"
    assert "9" in killed["cause"]
    assert killed["failure"]["advice"]
    begun = [line["resumed_from_step"] for line in training.events(job, "started")]
    assert begun == [None, at]

    resume(home, killed)
    ended = home.wait_run(victim, timeout=START_S)
    assert (ended["state"], ended["attempt"]) == ("completed", 3)
    whole = training.make_job(home.root / "whole", "whole", SETTINGS)
    assert training.run(whole) == 0, training.events(whole, "ended")
    assert training.losses(job) == training.losses(whole)
    assert sha256_of(job.model / "model.safetensors") == sha256_of(whole.model / "model.safetensors")
    assert exported_points(home, victim) == logged_points(home, victim)
    report = home.json("doctor")
    assert report["ok"], [check for check in report["checks"] if not check["ok"]]
    assert not open_to_others(home)
