"""The log of a training loop: order, a full disk, a dead disk, bounded memory."""

import errno
import threading
from pathlib import Path

import pytest

from backend import failpoints
from backend.contract.events import StateChanged
from backend.jobs.buffered import BufferedLog
from backend.jobs.log import LogReader, LogWriter
from tests.helpers.wait import until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.ndjson"


@pytest.fixture(autouse=True)
def _no_failpoints():
    yield
    failpoints.reset("")


def read(path: Path):
    return LogReader(path).read(0)


def test_a_buffered_log_keeps_order_and_writes_by_itself(path: Path) -> None:
    log = BufferedLog(path)
    for step in range(1, 11):
        log.add_metrics(step, None, {"train/loss": 1.0})
    log.append("checkpoint", {"step": 10}, sync=True)
    log.add_metrics(11, None, {"train/loss": 1.0})
    until(lambda: len(read(path).lines) == 12)  # nobody flushes
    kinds = [line.kind for line in read(path).lines]
    assert kinds == ["metrics"] * 10 + ["checkpoint", "metrics"]
    log.close()
    log.close()


def test_a_buffered_log_waits_out_a_full_disk_and_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = BufferedLog(path)
    full = threading.Event()
    full.set()
    real = LogWriter.append_many

    def append_many(self, lines, *, sync=False):
        if full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, lines, sync=sync)

    monkeypatch.setattr(LogWriter, "append_many", append_many)
    for step in range(1, 101):
        log.add_metrics(step, None, {"train/loss": 1.0})
    assert log.append("state", StateChanged(state="paused"), sync=True) == 0
    full.clear()
    until(lambda: len(read(path).lines) == 102)
    kinds = [line.kind for line in read(path).lines]
    assert kinds == ["metrics"] * 100 + ["state", "warning"]
    log.close()


def test_a_buffered_log_reports_a_failed_disk_to_the_loop(path: Path) -> None:
    log = BufferedLog(path)
    failpoints.reset("log.write:eio@1")
    log.add_metrics(1, None, {"train/loss": 1.0})

    def told() -> bool:
        try:
            log.add_metrics(2, None, {"train/loss": 1.0})
        except OSError as error:
            return error.errno == errno.EIO
        return False

    until(told)
    with pytest.raises(OSError, match="Input/output"):
        log.close()


def test_memory_is_bounded_when_the_loop_is_faster_than_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.jobs.buffered._MOST_VALUES", 1000)
    log = BufferedLog(path)
    longest = 0
    for step in range(1, 2001):
        log.add_metrics(step, None, {"train/loss": 1.0})
        longest = max(longest, len(log._queue))
    log.close()
    assert longest <= 101
    assert [line.seq for line in read(path).lines] == list(range(1, 2001))
