"""Listening: only commands of this attempt, each answered once, bad ones too; SIGTERM is a stop."""

import os
import signal
import threading
from pathlib import Path

import pytest

from backend.contract.commands import Checkpoint, Command, Pause, Stop
from backend.contract.jobs import JobLaunch, JobSpec
from backend.jobs.folder import JobFolder
from backend.jobs.log import LogReader, LogWriter
from backend.worker.parts.control import SIGTERM_ID, Control


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    job = JobFolder(tmp_path / "r1")
    job.write_spec(JobSpec(job_id="r1", kind="train", main="none", name="r1"))
    job.write_launch(JobLaunch(attempt=1, resume=False, cookie="c"))
    return job


def send(job: JobFolder, kind: str, command: Command | dict) -> None:
    writer = LogWriter(job.commands)
    writer.append(kind, command)
    writer.close()


def answers(job: JobFolder) -> list[tuple[str, bool]]:
    return [(line.fields["command_id"], line.fields["ok"]) for line in LogReader(job.events).read(0).lines]


def test_commands_come_in_order_and_once(job: JobFolder) -> None:
    control = Control(job, LogWriter(job.events))
    assert control.poll() == []
    send(job, "pause", Pause(id="1"))
    send(job, "stop", Stop(id="2", save=False))
    assert control.poll() == [Pause(id="1"), Stop(id="2", save=False)]
    assert control.poll() == []


def test_commands_of_an_earlier_attempt_do_not_count(job: JobFolder) -> None:
    send(job, "stop", Stop(id="1"))
    job.write_launch(JobLaunch(attempt=2, resume=True, cookie="d", commands_from=job.commands.stat().st_size))
    send(job, "checkpoint", Checkpoint(id="2"))
    assert Control(job, LogWriter(job.events)).poll() == [Checkpoint(id="2")]


def test_unknown_and_wrong_commands_are_answered(job: JobFolder) -> None:
    control = Control(job, LogWriter(job.events))
    send(job, "dance", {"id": "1"})
    send(job, "stop", {"id": "2", "save": [1]})
    send(job, "pause", Pause(id="3"))
    assert control.poll() == [Pause(id="3")]
    control.done(Pause(id="3"))
    assert answers(job) == [("1", False), ("2", False), ("3", True)]


def test_half_a_command_waits(job: JobFolder) -> None:
    control = Control(job, LogWriter(job.events))
    send(job, "pause", Pause(id="1"))
    whole = job.commands.read_bytes()
    job.commands.write_bytes(whole[:-5])
    assert control.poll() == []
    job.commands.write_bytes(whole)
    assert control.poll() == [Pause(id="1")]


def test_wait_returns_as_soon_as_something_comes(job: JobFolder) -> None:
    control = Control(job, LogWriter(job.events))
    thread = threading.Thread(target=send, args=(job, "pause", Pause(id="1")))
    thread.start()
    assert control.wait(10.0) == [Pause(id="1")]
    thread.join()
    assert control.wait(0.02) == []


def test_sigterm_is_one_stop_that_saves_and_needs_no_answer(job: JobFolder) -> None:
    control = Control(job, LogWriter(job.events))
    old = signal.getsignal(signal.SIGTERM)
    try:
        control.stop_on_sigterm()
        os.kill(os.getpid(), signal.SIGTERM)
        (stop,) = control.wait(5.0)
        assert stop == Stop(id=SIGTERM_ID, save=True)
        assert control.poll() == []
        control.done(stop)
    finally:
        signal.signal(signal.SIGTERM, old)
    assert answers(job) == []
