"""What an endpoint says on a full disk is said when there is room, in order; and no trouble makes it deaf."""

import asyncio
import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.contract.commands import Switch, Unload
from backend.contract.events import Logged, RequestWindow
from backend.contract.jobs import JobLaunch, JobSpec
from backend.jobs.folder import JobFolder, write_json_atomic
from backend.jobs.log import LogFailed, LogReader, LogWriter
from backend.worker import gateway
from backend.worker.gateway import Gateway, Voice
from tests.helpers.wait import until


class Disk:
    """Stands before the log: full while `full`, broken while `broken`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full, self.broken, self.tries = False, False, 0
        append: Callable[..., int] = LogWriter.append

        def guarded(log: LogWriter, *args: Any, **rest: Any) -> int:
            self.tries += 1
            if self.broken:
                raise LogFailed(errno.EIO, "gone")
            if self.full:
                raise OSError(errno.ENOSPC, "full")
            return append(log, *args, **rest)

        monkeypatch.setattr(LogWriter, "append", guarded)
        monkeypatch.setattr(gateway, "FULL_S", 0.001)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    job = JobFolder(tmp_path)
    job.write_spec(
        JobSpec(job_id="j", kind="serve", main="backend.worker.gateway", name="front", settings={"endpoint": "front"})
    )
    write_json_atomic(job.secret, {"key": "k" * 40})
    job.write_launch(JobLaunch(attempt=1, resume=False, cookie="c", commands_from=0, events_from=0))
    return job


@pytest.fixture
def voice(job: JobFolder, disk: Disk) -> Iterator[Voice]:
    voice = Voice(job)
    yield voice
    disk.full = False
    voice.close()


def said(job: JobFolder) -> list[tuple[str, Any]]:
    lines = LogReader(job.events).read(0).lines
    return [(line.kind, line.fields.get("text", line.fields.get("command_id"))) for line in lines]


def test_on_a_full_disk_nothing_but_windows_is_let_go(job: JobFolder, disk: Disk, voice: Voice) -> None:
    disk.full = True
    voice.say("log", Logged(level="info", text="one"))
    until(lambda: disk.tries > 3)
    window = RequestWindow.model_construct()
    for _ in range(100):
        voice.say("request_window", window)
    voice.say("log", Logged(level="info", text="two"))
    assert said(job) == []
    disk.full = False
    until(lambda: said(job) == [("log", "one"), ("log", "two")])


def test_it_ends_although_the_disk_stays_full(job: JobFolder, disk: Disk, capfd: pytest.CaptureFixture[str]) -> None:
    voice = Voice(job)
    disk.full = True
    voice.say("log", Logged(level="info", text="one"))
    voice.close()
    assert "event log could not be written" in capfd.readouterr().err


def test_a_command_is_answered_when_there_is_room_and_the_next_one_is_heard(
    job: JobFolder, disk: Disk, voice: Voice
) -> None:
    """The answer waits for the disk; a log that is broken for good costs the answer and nothing else."""

    async def story() -> None:
        front = Gateway(job, voice)
        disk.full = True
        answering = asyncio.create_task(front._do(Unload(id="first", version=9)))
        tries = disk.tries
        while disk.tries < tries + 3:
            await asyncio.sleep(0.001)
        assert not answering.done()
        disk.full = False
        await answering
        disk.broken = True
        await front._do(Unload(id="second", version=9))
        disk.broken = False
        await front._do(Switch(id="third", version=9))
        await front.router.stop()

    asyncio.run(story())
    assert said(job) == [("command_done", ""), ("command_done", "version 9 is not ready here; deploy it first")]


def test_a_defect_in_one_command_does_not_make_it_deaf(
    job: JobFolder, voice: Voice, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def story() -> None:
        front = Gateway(job, voice)

        async def broken(_version: int) -> dict[str, Any]:
            raise KeyError("labels")

        monkeypatch.setattr(front.router, "switch", broken)
        monkeypatch.setattr(front._control, "poll", _trouble_then(front._control.poll))
        writer = LogWriter(job.commands)
        writer.append("switch", Switch(id="first", version=9))
        writer.append("unload", Unload(id="second", version=9))
        writer.close()
        hearing = asyncio.create_task(front._obey())
        while len(said(job)) < 2:
            await asyncio.sleep(0.001)
        hearing.cancel()
        await front.router.stop()

    asyncio.run(story())
    assert [text for _, text in said(job)] == ["KeyError; see output.log of this endpoint's job", ""]
    assert "KeyError" in capfd.readouterr().err


def _trouble_then(poll: Callable[[], Any]) -> Callable[[], Any]:
    calls = 0

    def look() -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError(errno.EMFILE, "no descriptor is free")
        return poll()

    return look
