"""The keeper of endpoints with real processes that stand for gateways, and everybody who may get in its way."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backend import failpoints
from backend.clock import ManualClock
from backend.contract.jobs import JobSpec
from backend.contract.resources import CreateEndpoint, EndpointRecord
from backend.failpoints import FailpointReached
from backend.jobs.folder import JobFolder
from backend.services.endpoints import EndpointService
from backend.services.intent import Intent
from tests.helpers.jobs import Jobs
from tests.helpers.registry import ACTOR, Registry
from tests.helpers.wait import until
from tests.helpers.walked import Daemon


def serve(daemon: Daemon, **settings: Any) -> JobFolder:
    """A job that stands for a gateway: the keeper only looks at folders, processes and last words."""
    job = JobFolder(daemon.jobs.home.job("e1"))
    spec = {"job_id": "e1", "kind": "serve", "main": "backend.worker.selftest", "name": "e", "settings": settings}
    job.write_spec(JobSpec(**spec))
    daemon.jobs.ids.append("e1")
    daemon.jobs.supervisor.launch("e1", resume=False, attempt=1)
    daemon.store.endpoints.add(EndpointRecord(name="e", job_id="e1", state="starting"))
    return job


def test_an_endpoint_that_always_dies_is_started_five_times_and_given_up(jobs: Jobs) -> None:
    clock = ManualClock()
    daemon = Daemon(jobs, clock)
    serve(daemon, steps=5, rate_hz=0, crash_at_step=1, crash_kind="kill")

    def given_up() -> bool:
        clock.advance(0.05)
        return daemon.store.endpoints.get("e").state == "failed"

    daemon.until(given_up, 30.0)
    endpoint = daemon.store.endpoints.get("e")
    assert "Killed by signal 9 (SIGKILL)" in endpoint.text
    assert "5 times" in endpoint.text
    assert endpoint.restarts == 4
    assert [line.fields["attempt"] for line in jobs.said("started", "e1")] == [1, 2, 3, 4, 5]
    for _ in range(5):
        clock.advance(60)
        daemon.step()
    assert len(jobs.said("started", "e1")) == 5
    daemon.store.close()


def test_an_endpoint_that_was_stopped_stays_stopped(daemon: Daemon) -> None:
    serve(daemon, steps=100_000, rate_hz=50)
    jobs = daemon.jobs
    jobs.wait_kind("metrics", "e1")
    jobs.signal_worker(signal.SIGTERM, "e1")
    daemon.until(lambda: daemon.store.endpoints.get("e").state == "stopped")
    assert len(jobs.said("started", "e1")) == 1


def test_a_killed_endpoint_comes_back_with_a_new_attempt(daemon: Daemon) -> None:
    job = serve(daemon, steps=100_000, rate_hz=50)
    daemon.jobs.wait_kind("metrics", "e1")
    daemon.jobs.signal_worker(signal.SIGKILL, "e1")
    daemon.until(lambda: job.launch().attempt == 2 and daemon.jobs.see("e1").worker_alive)
    assert daemon.store.endpoints.get("e").restarts == 1
    assert job.launch().resume


# ---- others who move an endpoint -------------------------------------------------------------------------------------


@contextmanager
def people(daemon: Daemon) -> Iterator[EndpointService]:
    """What people ask of endpoints, with the ingest of the same daemon running beside it."""
    service = EndpointService(
        daemon.store,
        daemon.jobs.supervisor,
        daemon.ingest,
        None,  # type: ignore[arg-type]  # no version is looked at
        daemon.jobs.home,
        daemon.clock,
    )
    stop = threading.Event()
    thread = threading.Thread(target=daemon.ingest.run, args=(stop,), name="ingest")
    thread.start()
    try:
        yield service
    finally:
        stop.set()
        daemon.ingest.wake()
        thread.join()


def beside(action: Callable[[], Any]) -> None:
    """Do something on another thread, now."""
    thread = threading.Thread(target=action, name="beside")
    thread.start()
    thread.join(20)
    assert not thread.is_alive()


def state(daemon: Daemon, name: str = "e") -> str:
    found = daemon.store.endpoints.get(name)
    return str(found.state) if found else "removed"


@pytest.mark.parametrize("way", ["start", "restart"])
def test_a_look_in_the_middle_of_a_start_changes_nothing(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    job = serve(daemon, steps=100_000, rate_hz=50)
    daemon.store.endpoints.change("e", port=1)
    daemon.jobs.wait_kind("metrics", "e1")
    supervisor, seen = daemon.jobs.supervisor, []
    launch = supervisor.launch

    def look_first(job_id: str, **how: Any) -> None:
        # The row says `starting`; what the folder holds is still the attempt that was told to stop.
        beside(daemon.scheduler.tick)
        seen.append(state(daemon))
        launch(job_id, **how)

    monkeypatch.setattr(supervisor, "launch", look_first)
    with people(daemon) as service:
        if way == "start":
            service.stop("e", ACTOR)
            assert state(daemon) == "stopped"
        getattr(service, way)("e", ACTOR)
    assert seen == ["starting"]
    daemon.step()
    assert state(daemon) == "starting"
    assert (job.launch().attempt, daemon.jobs.see("e1").alive) == (2, True)


@pytest.mark.parametrize(("way", "left"), [("stop", "stopped"), ("delete", "removed")])
def test_an_endpoint_that_is_stopped_while_the_keeper_looks_is_not_started_again(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, way: str, left: str
) -> None:
    clock = ManualClock()
    daemon = Daemon(jobs, clock)
    job = serve(daemon, steps=100_000, rate_hz=50)
    jobs.wait_kind("metrics", "e1")
    jobs.signal_worker(signal.SIGKILL, "e1")
    daemon.until(lambda: "starts again" in daemon.store.endpoints.get("e").text)
    clock.advance(60)
    snapshot = daemon.store.endpoints.all
    with people(daemon) as service, caplog.at_level(logging.WARNING):

        def all_then_moved() -> list[EndpointRecord]:
            found = snapshot()
            monkeypatch.undo()
            beside(lambda: getattr(service, way)("e", ACTOR))
            return found

        monkeypatch.setattr(daemon.store.endpoints, "all", all_then_moved)
        daemon.scheduler.tick()
    assert (state(daemon), job.launch().attempt, jobs.see("e1").alive) == (left, 1, False)
    assert caplog.messages == []
    daemon.store.close()


def test_only_one_hand_at_a_time_is_on_a_job(jobs: Jobs) -> None:
    tried = []

    def try_it() -> None:
        with jobs.supervisor.hold("e1", wait=False) as held:
            tried.append(held)

    with jobs.supervisor.hold("e1"), jobs.supervisor.hold("e1", wait=False) as again:
        beside(try_it)
    beside(try_it)
    assert (again, tried) == (True, [False, True])


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    found = Registry(tmp_path / "h", serve=False)
    found.register("tiny", 1)
    yield found
    found.close()
    failpoints.reset("")


def launches(world: Registry, monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, int]]:
    """Nothing is started; what would have been is remembered."""
    seen: list[tuple[bool, int]] = []

    def launch(_job_id: str, *, resume: bool, attempt: int) -> None:
        seen.append((resume, attempt))

    monkeypatch.setattr(world.supervisor, "launch", launch)
    return seen


def test_an_endpoint_that_is_just_being_made_is_left_to_its_maker(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = launches(registry, monkeypatch)
    monkeypatch.setattr(
        "backend.services.endpoints.failpoint", lambda _name: beside(registry.scheduler.tick), raising=True
    )
    monkeypatch.setattr(registry.endpoints, "_with_address", registry.store.endpoints.get)
    registry.endpoints.create(CreateEndpoint(name="front", model="tiny"), ACTOR)
    assert seen == [(False, 1)]


def test_an_endpoint_whose_maker_died_is_started(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = launches(registry, monkeypatch)
    failpoints.reset("endpoint.before_launch:raise")
    with pytest.raises(FailpointReached):
        registry.endpoints.create(CreateEndpoint(name="front", model="tiny"), ACTOR)
    assert seen == []
    registry.scheduler.tick()
    assert seen == [(False, 1)]
    assert registry.store.audit.all(0, 1)[0].action == "endpoint.begun"


def test_recovery_waits_for_whoever_has_the_endpoint(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    promoter, tried, settled = registry.endpoints.promoter, [], threading.Event()
    unknown = dict.fromkeys(name for name, field in Intent.model_fields.items() if field.is_required())
    names = {"kind": "promote", "model": "tiny", "endpoint": "front", "job_id": "e-1", "to_version": 1}
    intent = Intent.model_validate({**unknown, **names, "reason": "x", "actor": ACTOR})
    registry.store.operations.start("promote", "model/tiny", ("load",), intent.model_dump(mode="json"))
    claim = promoter._claim
    monkeypatch.setattr(promoter, "_claim", lambda *what: (tried.append(what), claim(*what)))
    monkeypatch.setattr(promoter, "_settle", lambda *_: settled.set())
    thread = threading.Thread(target=promoter.recover, name="recovery")
    with promoter.alone("front"):
        thread.start()
        until(lambda: len(tried) > 2)  # the first one is ours
        assert not settled.is_set()
    thread.join(20)
    assert settled.wait(20)
