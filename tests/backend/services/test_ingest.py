"""Ingest: exactly once, in order, whatever kills it; damaged lines counted once; rows as the events say."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend import failpoints
from backend.clock import ManualClock
from backend.contract.errors import Unavailable
from backend.contract.feed import FeedMessage
from backend.contract.resources import EndpointRecord
from backend.jobs.log import LogWriter
from backend.services.doctor import run_doctor
from backend.services.ingest import Ingest
from backend.store import Store
from backend.store.offsets import KEEP_CHARACTERS, KEEP_DAMAGED
from tests.helpers.stores import a_job, a_run, exported_points, logged_points, make_store, odd_values
from tests.helpers.wait import until


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = make_store(tmp_path)
    yield store
    failpoints.reset("")
    store.close()


@pytest.fixture
def ingest(store: Store) -> Ingest:
    return Ingest(store, store.home, ManualClock())


def _say(log: LogWriter, steps: int, *, start: int = 1) -> None:
    values = odd_values(start)
    for step in range(start, start + steps):
        log.append(
            "metrics", {"step": step, "epoch": step / 10, "values": {"train/loss": next(values), "b": next(values)}}
        )


def test_export_equals_the_log_bit_for_bit(store: Store, ingest: Ingest) -> None:
    store.runs.add(a_run())
    log = a_job(store.home)
    log.append("started", {"attempt": 1, "pid": 5})
    for start in range(1, 400, 100):
        _say(log, 100, start=start)
        ingest.poll()
    assert len(logged_points(store.home)) == 800
    assert exported_points(store) == logged_points(store.home)
    assert ingest.drained("r1")
    log.close()


def test_feed_carries_every_point_once_and_in_order_live_and_resumed(store: Store, ingest: Ingest) -> None:
    store.runs.add(a_run())
    live: list[FeedMessage] = []
    store.feed.subscribe(live.extend)
    log = a_job(store.home)
    for start in range(1, 31, 10):
        _say(log, 10, start=start)
        ingest.poll()
    log.close()
    told = [tuple(point) for message in live if message.topic == "series" for point in message.data["points"]]
    again = [tuple(p) for message in store.feed.since(0, ["series"]) for p in message.data["points"]]
    assert told == again
    logged = [(key, step, time, value) for key, step, time, value in logged_points(store.home)]
    assert [(p[0], p[1], p[2], repr(float(p[4]) if p[4] is not None else None)) for p in told] == logged
    assert all(message.kind == "points" for message in live if message.topic == "series")
    json.dumps([message.data for message in live], allow_nan=False)


@pytest.mark.parametrize(
    "point", ["ingest.after_read", "ingest.after_write", "ingest.after_commit", "store.before_commit"]
)
def test_killed_at_a_failpoint_nothing_is_lost_or_doubled(tmp_path: Path, point: str) -> None:
    store = make_store(tmp_path)
    store.runs.add(a_run())
    log = a_job(store.home)
    log.append("started", {"attempt": 1, "pid": 5})
    _say(log, 300)
    log.close()
    store.close()
    opening = 2 if point.startswith("store") else 0  # opening commits as well
    for at in (1, 2, 3):
        died = subprocess.run(
            [sys.executable, "-c", _VICTIM, str(tmp_path)],
            env={**os.environ, "MODELDECK_FAILPOINT": f"{point}:kill@{at + opening}"},
            check=False,
        )
        assert died.returncode == -signal.SIGKILL
    store = make_store(tmp_path)
    ingest = Ingest(store, store.home, ManualClock())
    while not ingest.drained("r1"):
        ingest.poll()
    assert exported_points(store) == logged_points(store.home)
    assert all(check.ok for check in store.check())
    published = [tuple(p)[:2] for message in store.feed.since(0, ["series"]) for p in message.data["points"]]
    assert published == [point[:2] for point in logged_points(store.home)]
    store.close()


_VICTIM = """
import sys, pathlib
import backend.services.ingest as module
from tests.helpers.stores import make_store
from backend.clock import ManualClock
module.READ_BYTES = 4096
import backend.jobs.log as log
log.MAX_LINE_BYTES = 2048
store = make_store(pathlib.Path(sys.argv[1]))
ingest = module.Ingest(store, store.home, ManualClock())
while not ingest.drained("r1"):
    ingest.poll()
"""


def test_damaged_lines_are_counted_with_exactly_one_event_and_notice(store: Store, ingest: Ingest) -> None:
    store.runs.add(a_run())
    log = a_job(store.home)
    _say(log, 20)
    log.append("metrics", {"step": "seven", "epoch": None, "values": {"a": 1.0}})
    log.append("evaluation", {"step": 3})
    _say(log, 5, start=21)
    path = store.home.job("r1") / "events.ndjson"
    data = path.read_bytes().split(b"\n")
    data[4] = data[4][:20] + b"#" + data[4][21:]
    path.write_bytes(b"\n".join(data))
    ingest.poll()
    _say(log, 5, start=26)
    log.append("metrics", {"step": 31, "epoch": None, "values": {"a": "much"}})
    log.close()
    ingest.poll()
    run = store.runs.get("r1")
    assert run is not None
    assert run.bad_lines == store.offsets.damaged("r1") == 4
    assert len([event for event in store.runs.events("r1") if event.data.get("code") == "bad_lines"]) == 1
    assert len([m for m in store.feed.since(0, ["system"]) if m.kind == "notice"]) == 1
    assert store.series.count("r1") == 2 * 29


def test_rubbish_is_counted_to_the_end_but_little_of_it_is_kept(store: Store, ingest: Ingest) -> None:
    store.runs.add(a_run())
    log = a_job(store.home)
    _say(log, 3)
    log.close()
    path = store.home.job("r1") / "events.ndjson"
    for rubbish in (b"\n", b"x\n"):  # two reads
        with path.open("ab") as file:
            file.write(rubbish * 100_000)
        ingest.poll()
    log = LogWriter(path)
    for _ in range(KEEP_DAMAGED + 5):
        log.append("y" * 10_000, {"step": "seven"})  # whole, of no kind that anybody knows
        log.append("metrics", {"step": "seven", "epoch": None, "values": {"a": 1.0}})
    _say(log, 3, start=4)
    log.close()
    while ingest.poll() or not ingest.drained("r1"):
        pass
    run = store.runs.get("r1")
    assert run is not None
    assert run.bad_lines == 200_000 + KEEP_DAMAGED + 5
    assert run.step == 6
    kept = store.offsets.damaged_lines("r1")
    assert len(kept) == store.offsets.damaged("r1") == KEEP_DAMAGED
    assert max(len(line["text"]) + len(line["reason"]) for line in kept) <= 2 * KEEP_CHARACTERS
    assert len([m for m in store.feed.since(0, ["system"]) if m.kind == "notice"]) == 1
    report = {check.name: check for check in run_doctor(store.home, store).checks}
    assert report["logs are stored"].ok, report["logs are stored"].detail


def test_a_long_word_of_a_damaged_line_is_cut(store: Store) -> None:
    assert store.offsets.quarantine("r1", 7, "r" * 10_000, "é" * 10_000)
    assert not store.offsets.quarantine("r1", 7, "again", "again")
    (line,) = store.offsets.damaged_lines("r1")
    assert (len(line["reason"]), len(line["text"])) == (KEEP_CHARACTERS, KEEP_CHARACTERS)


def test_each_damaged_line_is_news_and_only_so_many_are_kept(store: Store) -> None:
    assert all(store.offsets.quarantine("r1", offset, "why", "text") for offset in range(KEEP_DAMAGED + 5))
    assert store.offsets.damaged("r1") == KEEP_DAMAGED
    assert store.offsets.quarantine("r2", 1, "why", "text"), "each job has its own share"
    assert store.offsets.damaged("r2") == 1


def test_a_torn_last_line_waits(store: Store, ingest: Ingest) -> None:
    store.runs.add(a_run())
    log = a_job(store.home)
    _say(log, 3)
    path = store.home.job("r1") / "events.ndjson"
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    ingest.poll()
    assert store.series.count("r1") == 4
    assert ingest.drained("r1")
    path.write_bytes(whole)
    assert not ingest.drained("r1")
    ingest.poll()
    assert store.series.count("r1") == 6
    assert store.offsets.damaged("r1") == 0
    log.close()


def test_the_life_of_a_run(store: Store, ingest: Ingest) -> None:
    store.runs.add(a_run(state="preparing", recipe="text_classification"))
    clock = ManualClock(1000.0)
    a_job(store.home).close()
    log = LogWriter(store.home.job("r1") / "events.ndjson", clock=clock)
    log.append("started", {"attempt": 1, "pid": 5, "device": "cpu", "environment": {"python": "3"}})
    log.append("planned", {"total_steps": 200, "epochs": 2.0, "labels": ["neg", "pos"], "facts": {"precision": "fp32"}})
    log.append("state", {"state": "running"})
    for step in range(1, 101):
        clock.advance(0.5)
        log.append("metrics", {"step": step, "epoch": step / 100, "values": {"train/loss": 1 / step}})
    ingest.poll()
    run = store.runs.get("r1")
    assert run is not None
    assert (run.state, run.step, run.total_steps, run.labels) == ("running", 100, 200, ("neg", "pos"))
    assert run.metrics == {"train/loss": 0.01}
    assert run.eta_seconds == pytest.approx(50.0)
    assert run.active_seconds == pytest.approx(50.0)
    assert 30 <= len(run.spark) <= 60
    assert run.spark[0] == 1.0

    log.append("state", {"state": "paused", "step": 100})
    clock.advance(1000)
    log.append("state", {"state": "running"})
    clock.advance(0.5)
    log.append("metrics", {"step": 101, "epoch": 1.01, "values": {"train/loss": float("nan"), "x": None}})
    evaluation = {"step": 101, "split": "validation", "rows": 10, "values": {"eval/loss": 0.5, "eval/f1": 0.75}}
    log.append("evaluation", evaluation)
    for name in ("checkpoint-50", "checkpoint-101"):
        step = int(name.split("-")[1])
        pruned = ["checkpoint-50"] if step == 101 else []
        log.append("checkpoint", {"step": step, "name": name, "size_bytes": 9, "best": True, "pruned": pruned})
    log.append("sample", {"step": 101, "items": [{"text": "t", "expected": "a", "predicted": "b", "score": 0.5}]})
    log.append("log", {"level": "info", "text": "hello"})
    log.append("warning", {"code": "c", "text": "look"})
    log.append("ended", {"outcome": "completed", "step": 101, "text": "done"})
    log.close()
    ingest.poll()
    run = store.runs.get("r1")
    assert run is not None
    assert run.nan_steps == 1
    assert repr(run.metrics["train/loss"]) == "nan"
    assert run.best == {"metric": "eval/f1", "value": 0.75, "step": 101}
    assert run.active_seconds == pytest.approx(50.5)
    assert run.eta_seconds is None
    kinds = [event.kind for event in store.runs.events("r1")]
    assert kinds == ["pause", "resume", "evaluation", "checkpoint", "checkpoint", "warning", "warning"]
    old, new = store.runs.checkpoints("r1")
    assert (old.present, old.best, new.present, new.best) == (False, False, True, True)
    assert [line.text for line in store.runs.log("r1").lines] == ["hello", "look", "done"]
    assert len(store.runs.samples("r1")) == len(store.runs.evaluations("r1")) == 1
    assert set(store.series.keys("r1")) == {"train/loss", "x", "eval/loss", "eval/f1"}


def test_no_event_changes_a_run_that_has_ended(store: Store, ingest: Ingest) -> None:
    store.runs.add(a_run(state="failed"))
    log = a_job(store.home)
    log.append("state", {"state": "running"})
    log.close()
    ingest.poll()
    run = store.runs.get("r1")
    assert run is not None
    assert run.state == "failed"


def test_a_full_disk_loses_nothing_and_it_goes_on_by_itself(store: Store, ingest: Ingest) -> None:
    store.runs.add(a_run())
    log = a_job(store.home)
    _say(log, 50)
    failpoints.reset("store.before_commit:enospc@1")
    with pytest.raises(Unavailable, match="full"):
        ingest.poll()
    assert store.health.state == "failing"
    assert store.series.count("r1") == 0
    ingest.poll()
    assert store.health.state == "ok"
    assert exported_points(store) == logged_points(store.home)
    log.close()


def test_a_run_known_only_by_its_folder_is_read_in_again(store: Store, ingest: Ingest) -> None:
    log = a_job(store.home)
    log.append("started", {"attempt": 1, "pid": 5})
    _say(log, 5)
    log.close()
    ingest.poll()
    run = store.runs.get("r1")
    assert run is not None
    assert (run.state, run.step) == ("preparing", 5)
    assert exported_points(store) == logged_points(store.home)
    store.runs.remove("r1")
    Ingest(store, store.home, ManualClock()).poll()
    assert store.runs.get("r1") is None


def test_a_later_attempt_supersedes_on_the_chart_but_not_in_the_export(store: Store, ingest: Ingest) -> None:
    store.runs.add(a_run())
    log = a_job(store.home)
    log.append("started", {"attempt": 1, "pid": 5})
    for step in range(1, 11):
        log.append("metrics", {"step": step, "epoch": None, "values": {"train/loss": 1.0}})
    log.append("started", {"attempt": 2, "pid": 6, "resumed_from_step": 5})
    for step in range(6, 9):
        log.append("metrics", {"step": step, "epoch": None, "values": {"train/loss": 2.0}})
    log.close()
    ingest.poll()
    data = store.series.read("r1", ["train/loss"])["train/loss"]
    assert data.steps == tuple(range(1, 9))
    assert data.values == (1.0,) * 5 + (2.0,) * 3
    assert len(exported_points(store)) == 13
    run = store.runs.get("r1")
    assert run is not None
    assert (run.step, run.attempt) == (8, 2)


def test_a_gateway_moves_its_endpoint(store: Store, ingest: Ingest) -> None:
    store.endpoints.add(EndpointRecord(name="e", job_id="s1", model="m", created_at=1.0))
    log = a_job(store.home, "s1", kind="serve")
    log.append("started", {"attempt": 1, "pid": 77})
    log.append("engine", {"model": "m", "version": 3, "state": "ready", "pid": 78})
    log.append("served", {"model": "m", "live_version": 3, "standby_version": None, "port": 4000, "state": "serving"})
    window = {"model": "m", "version": 3, "seconds": 1.0, "requests": 4, "items": 4, "errors": 0, "rejected": 0}
    log.append("request_window", {**window, "latency_ms_p50": 1.0, "latency_ms_p95": 2.0, "latency_ms_p99": 3.0})
    log.append("command_done", {"command_id": "c1", "command": "deploy", "ok": True})
    answers: list[Any] = []
    ingest.on_command_done(lambda job_id, done: answers.append((job_id, done.command_id)))
    ingest.poll()
    endpoint = store.endpoints.get("e")
    assert endpoint is not None
    assert (endpoint.state, endpoint.live_version, endpoint.port, endpoint.pid) == ("serving", 3, 4000, 77)
    assert [engine["state"] for engine in endpoint.engines] == ["ready"]
    assert endpoint.stats["serve/requests_per_s"] == 4.0
    assert endpoint.spark == (2.0,)
    assert [found.requests for found in store.endpoints.windows("e", 0.0)] == [4]
    assert answers == [("s1", "c1")]
    assert ingest.wait_command("c1", 0.0).ok
    with pytest.raises(TimeoutError):
        ingest.wait_command("c2", 0.0)
    log.close()


def test_the_loop_sees_a_new_job_and_ends_when_told(store: Store, ingest: Ingest) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=ingest.run, args=(stop,))
    thread.start()
    try:
        store.runs.add(a_run())
        log = a_job(store.home)
        _say(log, 3)
        until(lambda: store.series.count("r1") == 6)
        log.append("command_done", {"command_id": "c9", "command": "pause", "ok": True})
        assert ingest.wait_command("c9", 5.0).command == "pause"
        _say(log, 1, start=4)
    finally:
        stop.set()
        thread.join()
    assert store.series.count("r1") == 8  # what was said before the stop is stored
    log.close()


def test_a_saved_model_is_verified_on_its_own_thread(store: Store) -> None:
    asked: list[Path] = []
    ingest = Ingest(store, store.home, ManualClock(), verify_model=lambda folder: bool(asked.append(folder)) or True)
    store.runs.add(a_run())
    log = a_job(store.home)
    log.append("model_saved", {"step": 5, "path": "model", "size_bytes": 10})
    log.close()
    ingest.poll()
    until(lambda: store.runs.get("r1").model_ready)  # type: ignore[union-attr]
    assert asked == [store.home.job("r1") / "model"]
    until(lambda: threading.active_count() == 1 or not any(t.name.startswith("verify") for t in threading.enumerate()))


def test_one_broken_job_does_not_hold_up_the_others(store: Store, ingest: Ingest) -> None:
    bad = a_job(store.home, "bad")
    (store.home.job("bad") / "spec.json").write_text("{")
    bad.append("log", {"level": "info", "text": "x"})
    bad.close()
    store.runs.add(a_run())
    log = a_job(store.home)
    _say(log, 2)
    log.close()
    ingest.poll()
    assert store.series.count("r1") == 4


def test_rows_are_published_at_most_four_times_a_second_and_the_last_one_comes(store: Store, ingest: Ingest) -> None:
    store.runs.add(a_run())
    log = a_job(store.home)
    ingest.poll()
    before = store.feed.newest()
    for step in range(1, 11):
        _say(log, 1, start=step)
        ingest.poll()
    log.close()
    published = [m for m in store.feed.since(before, ["runs"]) if m.kind == "changed"]
    assert len(published) < 5
    until(lambda: ingest.poll() == 0 and store.feed.since(before, ["runs"])[-1].data["step"] == 10)
