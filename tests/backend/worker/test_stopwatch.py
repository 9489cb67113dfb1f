"""A step's time is cut without rest or overlap, by the wall clock or by the events of a GPU's stream."""

from typing import Any

import pytest
import torch

from backend.worker.parts import trainer
from backend.worker.parts.trainer import PARTS, Stopwatch, _pieces


class Stream:
    """A card that does one thing after the other: a moment is when it reaches what was recorded."""

    def __init__(self) -> None:
        self.time_ms = 0.0
        self.waited = 0


class Event:
    """torch.cuda.Event over the stream of the test."""

    stream = Stream()

    def __init__(self, *, enable_timing: bool) -> None:
        assert enable_timing
        self.at_ms: float | None = None

    def record(self) -> None:
        self.at_ms = self.stream.time_ms

    def elapsed_time(self, later: "Event") -> float:
        assert self.at_ms is not None
        assert later.at_ms is not None
        return later.at_ms - self.at_ms

    def synchronize(self) -> None:
        self.stream.waited += 1


def test_wall_clock_parts_add_up_to_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter((10.0, 10.5, 11.0, 11.25, 12.0, 14.0, 15.0, 15.125))
    monkeypatch.setattr(trainer.time, "perf_counter", lambda: next(moments))
    watch = Stopwatch(torch.device("cpu"))
    for part in ("other", "data", "copy", "forward", "backward", "optimizer"):
        watch.mark(part)
    seconds = watch.finish().seconds()
    assert seconds == {
        "data": 0.5, "copy": 0.25, "forward": 0.75, "backward": 2.0, "optimizer": 1.0, "other": 0.625,
    }  # fmt: skip
    assert sum(seconds.values()) == 5.125
    assert tuple(seconds) == PARTS


def test_a_card_is_measured_in_its_stream_and_waited_for_only_when_read(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Event.stream = Stream()
    monkeypatch.setattr(torch.cuda, "Event", Event)
    watch = Stopwatch(torch.device("cuda", 0))
    for part, took_ms in (("data", 2.0), ("copy", 1.0), ("forward", 10.0), ("backward", 20.0), ("optimizer", 5.0)):
        stream.time_ms += took_ms
        watch.mark(part)
    record = watch.finish()
    assert stream.waited == 0
    seconds = record.seconds()
    assert stream.waited == 1
    assert seconds["copy"] == pytest.approx(0.001)
    assert seconds["backward"] == pytest.approx(0.020)
    assert sum(seconds.values()) == pytest.approx(0.038)


def test_two_batches_of_a_step_share_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(float(moment) for moment in range(20))
    monkeypatch.setattr(trainer.time, "perf_counter", lambda: next(moments))
    watch = Stopwatch(torch.device("cpu"))
    for _ in range(2):
        for part in ("copy", "forward", "backward"):
            watch.mark(part)
    seconds = watch.finish().seconds()
    assert (seconds["copy"], seconds["forward"], seconds["backward"], seconds["other"]) == (2.0, 2.0, 2.0, 1.0)


@pytest.mark.parametrize(("rows", "sizes"), [(0, [5]), (5, [5]), (8, [5]), (2, [2, 2, 1])])
def test_a_batch_is_cut_into_pieces_of_so_many_rows(rows: int, sizes: list[int]) -> None:
    inputs: dict[str, Any] = {"input_ids": torch.arange(10).view(5, 2), "labels": torch.arange(5)}
    pieces = _pieces(inputs, rows)
    assert [len(piece["labels"]) for piece in pieces] == sizes
    assert torch.cat([piece["input_ids"] for piece in pieces]).equal(inputs["input_ids"])
