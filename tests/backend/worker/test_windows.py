"""Windows of requests: what happened is counted once, and silence is told too."""

import pytest

from backend.worker.serving import windows
from backend.worker.serving.batcher import Answered
from backend.worker.serving.windows import Windows

LIVE = ("movie", 1)


def test_a_window_counts_what_was_answered_and_starts_afresh() -> None:
    made = Windows()
    made.answered(LIVE, 5.0, [Answered(output={"label": "good", "score": 0.9}, tokens=7, unknown=0.0, truncated=False)])
    (window,) = made.take({}, LIVE)
    assert (window.requests, window.items, window.labels) == (1, 1, {"good": 1})
    assert made.take({}, LIVE) == []


def test_silence_is_told_so_that_rates_fall_to_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "IDLE_S", 0.0)
    (window,) = Windows().take({}, LIVE)
    assert (window.version, window.requests, window.latency_ms_p95) == (1, 0, None)


def test_nothing_live_has_nothing_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "IDLE_S", 0.0)
    assert Windows().take({}, None) == []
