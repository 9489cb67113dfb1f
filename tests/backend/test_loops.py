"""Background loops: a defect is logged, told and survived."""

import logging
import threading

import pytest

from backend import loops
from backend.loops import Loop, every
from tests.helpers.wait import until


def test_a_loop_that_fails_is_told_and_started_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loops, "FIRST_WAIT_S", 0.001)
    tries: list[int] = []

    def work(stop: threading.Event) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("a defect")
        stop.wait()

    with caplog.at_level(logging.CRITICAL):
        loop = Loop("part", work).start()
        until(lambda: len(tries) == 3)
        told = loop.trouble()
        loop.close()
    assert told is not None
    assert "part failed" in told
    assert loop.reference in told


def test_a_healthy_loop_says_nothing_and_is_nudged_awake() -> None:
    ended = threading.Event()
    wake = threading.Event()

    def work(_stop: threading.Event) -> None:
        wake.wait()
        ended.set()

    loop = Loop("part", work, nudge=wake.set).start()
    assert loop.trouble() is None
    loop.close()
    assert ended.is_set()


def test_every_acts_again_until_it_is_stopped() -> None:
    acted: list[int] = []
    loop = Loop("part", every(0.001, lambda: acted.append(1))).start()
    until(lambda: len(acted) > 3)
    loop.close()
    assert loop.restarts == 0
