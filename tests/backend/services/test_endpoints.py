"""Promotion and rollback against real gateways: nobody fails, one at a time, undone when it does not work, settled
after a death."""

import dataclasses
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backend import failpoints
from backend.contract.errors import Conflict, Invalid, NotFound, Refused
from backend.contract.resources import (
    CreateEndpoint,
    EndpointRecord,
    Operation,
    Promote,
    RegisterVersion,
    RollBack,
    TryPredict,
)
from backend.services.endpoints import EndpointService
from tests.helpers import tiny_model
from tests.helpers.endpoint import STARTED_S
from tests.helpers.registry import ACTOR, Registry
from tests.helpers.wait import until

WHY = "because the test wants it"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    found = Registry(tmp_path_factory.mktemp("home") / "h")
    try:
        for seed in (1, 2, 3, 4):
            found.register("tiny", seed)
        found.serve("front", "tiny", version=1)
        yield found
    finally:
        found.close()


@pytest.fixture
def live(world: Registry) -> Iterator[Registry]:
    """Version 1 answers on `front`, version 2 stands by; nothing is on its way."""
    world.make_live("tiny", 2, "front")
    world.make_live("tiny", 1, "front")
    yield world
    failpoints.reset("")


def promote(world: Registry, version: int, *, service: EndpointService | None = None) -> Operation:
    service = service or world.endpoints
    operation = service.promote("tiny", Promote(version=version, endpoint="front", reason=WHY), ACTOR)
    return service.wait(operation.id, STARTED_S)


def roll_back(world: Registry, version: int | None = None) -> Operation:
    operation = world.endpoints.rollback("tiny", RollBack(version=version, reason=WHY), ACTOR)
    return world.endpoints.wait(operation.id, STARTED_S)


def aliases(world: Registry) -> tuple[int | None, int | None]:
    model = world.store.versions.model("tiny")
    assert model is not None
    return model.champion, model.previous


def routing(world: Registry) -> tuple[int | None, int | None]:
    endpoint = world.store.endpoints.get("front")
    assert endpoint is not None
    return endpoint.live_version, endpoint.standby_version


def loads(world: Registry) -> int:
    """How many engines the gateway has made ready."""
    endpoint = world.store.endpoints.get("front")
    assert endpoint is not None
    text = (world.home.job(endpoint.job_id) / "events.ndjson").read_text()
    return sum('"kind":"engine"' in line and '"state":"ready"' in line for line in text.splitlines())


class Asking(threading.Thread):
    """A client that asks about fifty times a second and remembers what it was told."""

    def __init__(self, world: Registry) -> None:
        super().__init__(name="asking")
        self.world = world
        self.seen: list[int] = []
        self.bad: list[str] = []
        self._stop_it = threading.Event()

    def __enter__(self) -> "Asking":
        self.start()
        until(lambda: len(self.seen) > 5)
        return self

    def __exit__(self, *_: object) -> None:
        count = len(self.seen)
        until(lambda: len(self.seen) > count + 5 or self.bad, timeout=20)
        self._stop_it.set()
        self.join(30)

    def run(self) -> None:
        while not self._stop_it.wait(0.015):
            try:
                self.seen.append(self.world.ask("front")["version"])
            except OSError as error:
                self.bad.append(repr(error))


def audit(world: Registry, count: int) -> list[tuple[str, str]]:
    return [(record.action, record.result) for record in world.store.audit.all(0, count)]


# ---- promotion -------------------------------------------------------------------------------------------------------


def test_row_59_promotion_under_load_fails_nobody(live: Registry) -> None:
    with Asking(live) as asking:
        done = promote(live, 3)
    assert (done.state, asking.bad) == ("done", [])
    assert {"from_version": 1, "to_version": 3}.items() <= done.result.items()
    assert done.result["seconds"] > 0
    # Once the new version has answered, the old one does not answer any more.
    assert asking.seen == sorted(asking.seen)
    assert set(asking.seen) == {1, 3}
    assert (aliases(live), routing(live)) == ((3, 1), (3, 1))
    entry = live.store.versions.history("tiny")[0]
    assert (entry.action, entry.from_version, entry.to_version, entry.reason) == ("promote", 1, 3, WHY)
    assert set(audit(live, 2)) == {("promote", "done"), ("promote", "intent")}
    version = live.store.versions.version("tiny", 1)
    assert version is not None
    assert version.served_seconds > 0


def test_rolling_back_to_the_standby_loads_nothing(live: Registry) -> None:
    before = loads(live)
    with Asking(live) as asking:
        done = roll_back(live)
    assert (done.state, asking.bad) == ("done", [])
    assert (routing(live), aliases(live)) == ((2, 1), (2, 1))
    assert loads(live) == before
    assert asking.seen == sorted(asking.seen)


def test_rolling_back_to_an_older_version_is_a_promotion_of_it(live: Registry) -> None:
    before = loads(live)
    assert roll_back(live, 4).state == "done"
    assert routing(live) == (4, 1)
    assert loads(live) == before + 1


def test_undo_restores_traffic_and_aliases_and_is_audited_itself(live: Registry) -> None:
    before = aliases(live)
    done = promote(live, 3)
    undone = live.endpoints.wait(live.endpoints.undo(done.id, ACTOR).id, STARTED_S)
    assert undone.state == "done"
    assert (routing(live)[0], aliases(live)) == (1, before)
    assert audit(live, 1)[0][0] == "undo"
    assert live.store.versions.history("tiny")[0].reason.endswith(WHY)
    with pytest.raises(Conflict, match="not live any more"):
        live.endpoints.undo(done.id, ACTOR)


def test_undo_ends_after_ten_minutes(live: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    done = promote(live, 3)
    now = live.clock.now()
    monkeypatch.setattr(live.clock, "now", lambda: now + 700)
    with pytest.raises(Conflict, match="ten minutes") as caught:
        live.endpoints.undo(done.id, ACTOR)
    assert "version 1" in (caught.value.fix or "")


def test_what_makes_no_sense_is_refused_at_once(live: Registry) -> None:
    with pytest.raises(Conflict, match="live on front already"):
        promote(live, 1)
    with pytest.raises(NotFound, match="it has: "):
        promote(live, 99)
    with pytest.raises(NotFound, match="no model 'other'"):
        live.endpoints.promote("other", Promote(version=1, reason=WHY), ACTOR)
    with pytest.raises(NotFound, match="no endpoint 'x'"):
        live.endpoints.promote("tiny", Promote(version=2, endpoint="x", reason=WHY), ACTOR)
    with pytest.raises(Conflict, match="an endpoint front already"):
        live.endpoints.create(CreateEndpoint.model_validate({"name": "front", "model": "tiny"}), ACTOR)
    with pytest.raises(NotFound, match="no operation"):
        live.endpoints.undo("op-none", ACTOR)


# ---- what does not work leaves things as they are --------------------------------------------------------------------


def test_row_61_a_version_that_answers_wrongly_is_never_live(live: Registry) -> None:
    live.run("r-bad", seed=70)
    tiny_model.spoil_golden(live.home.job("r-bad") / "model")
    bad = live.versions.register(RegisterVersion(run_id="r-bad", name="tiny"), ACTOR)
    before = aliases(live)
    with Asking(live) as asking:
        done = promote(live, bad.version)
    assert done.state == "failed"
    assert done.error is not None
    assert "golden input 1" in done.error["text"]
    assert "version 1 stays live" in done.error["text"]
    assert (set(asking.seen), asking.bad) == ({1}, [])
    assert (aliases(live), routing(live)[0]) == (before, 1)
    assert audit(live, 1) == [("promote", "aborted")]
    assert live.store.versions.history("tiny")[0].result == "aborted"


def test_row_63_corrupt_files_are_refused_before_live_is_touched(live: Registry) -> None:
    weights = Path(live.versions.get("tiny", 2).path) / "model.safetensors"
    good = weights.read_bytes()
    weights.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    try:
        with pytest.raises(Refused, match=r"model\.safetensors differs"):
            roll_back(live)
        plan = live.endpoints.plan("tiny", None, "rollback", "front")
        assert "model.safetensors differs" in (plan.blocked or "")
    finally:
        weights.write_bytes(good)
    assert routing(live) == (1, 2)
    assert live.ask("front")["version"] == 1


def test_a_version_that_answers_falsely_after_the_switch_is_switched_back(
    live: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def false(*_: object) -> None:
        raise Refused("it answered nonsense")

    monkeypatch.setattr("backend.services.promotion.prove", false)
    before = aliases(live)
    with Asking(live) as asking:
        done = promote(live, 3)
    assert (done.state, asking.bad) == ("failed", [])
    assert "nonsense" in (done.error or {})["text"]
    assert (routing(live)[0], aliases(live)) == (1, before)
    assert live.ask("front")["version"] == 1


def test_row_60_many_at_once_load_once_and_the_rest_are_told(live: Registry) -> None:
    before = loads(live)
    started: list[Operation] = []
    refused: list[str] = []
    gate = threading.Barrier(20)

    def click() -> None:
        gate.wait()
        try:
            request = Promote(version=3, endpoint="front", reason=WHY)
            started.append(live.endpoints.promote("tiny", request, ACTOR))
        except Conflict as error:
            refused.append(error.code)

    threads = [threading.Thread(target=click, name=f"click-{n}") for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(started), len(refused), set(refused)) == (1, 19, {"busy"})
    with pytest.raises(Conflict):
        live.endpoints.stop("front", ACTOR)
    assert live.endpoints.wait(started[0].id, STARTED_S).state == "done"
    assert loads(live) == before + 1
    assert routing(live) == (3, 1)


# ---- a daemon that dies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "outcome"),
    [
        ("promote.after_intent", "failed"),
        ("promote.after_deploy", "failed"),
        ("promote.after_switch", "done"),
        ("promote.before_result", "done"),
    ],
)
def test_row_64_a_death_anywhere_is_settled_at_the_next_start(live: Registry, place: str, outcome: str) -> None:
    before = aliases(live)
    failpoints.reset(f"{place}:raise")
    service = live.new_service()
    operation = promote(live, 3, service=service)
    assert operation.state == "running", "the thread died here"
    failpoints.reset("promote.in_recovery:raise")
    again = live.new_service()
    assert again.recover() == [operation.id]
    assert again.wait(operation.id, STARTED_S).state == "running", "killed in recovery too"
    failpoints.reset("")
    last = live.new_service()
    with pytest.raises(Conflict, match="being recovered"):
        promote(live, 4, service=last)
    with Asking(live) as asking:
        assert last.recover() == [operation.id]
        settled = last.wait(operation.id, STARTED_S)
    assert (settled.state, asking.bad) == (outcome, [])
    expected = ((3, 1), 3) if outcome == "done" else (before, 1)
    assert (aliases(live), routing(live)[0]) == expected
    assert live.ask("front")["version"] == expected[1]
    results = [result for action, result in audit(live, 2) if action == "promote"]
    assert results == ["done" if outcome == "done" else "aborted", "intent"]
    assert last.recover() == []
    assert live.store.audit.verify()[0]


@pytest.mark.timeout(400)
def test_a_gateway_that_dies_in_the_switch_is_told_again(live: Registry) -> None:
    endpoint = live.store.endpoints.get("front")
    assert endpoint is not None
    killed = threading.Event()
    send = live.supervisor.send

    def send_and_kill(job_id: str, command: object) -> None:
        send(job_id, command)  # type: ignore[arg-type]
        if type(command).__name__ == "Switch" and not killed.is_set():
            killed.set()
            until(lambda: routing_file(live)["live"]["version"] == 3)
            live.supervisor.kill(job_id)

    service = live.new_service()
    service.promoter._supervisor = _Replaced(live.supervisor, send_and_kill)  # type: ignore[assignment]
    operation = promote(live, 3, service=service)
    settled = service.wait(operation.id, STARTED_S)
    # The gateway had remembered the new version before it died, so it comes back with it; it is told to go back.
    assert settled.state == "failed"
    assert live.ask("front")["version"] == 1
    assert aliases(live)[0] == 1


def test_a_gateway_that_is_just_dying_is_waited_for_before_it_is_told_to_go_back(live: Registry) -> None:
    """While its runner writes down how it ended it looks alive: what it is told then, nobody hears."""
    dead: list[bool] = []
    send, observe = live.supervisor.send, live.supervisor.observe

    def send_and_kill(job_id: str, command: object) -> None:
        send(job_id, command)  # type: ignore[arg-type]
        if type(command).__name__ == "Switch" and not dead:
            dead.append(False)
            until(lambda: routing_file(live)["live"]["version"] == 3)
            live.supervisor.kill(job_id)

    def observe_late(job_id: str) -> Any:
        seen = observe(job_id)
        if dead and not seen.alive:
            dead.append(True)
            return dataclasses.replace(seen, alive=True) if dead.count(True) == 2 else seen
        return seen

    service = live.new_service()
    service.promoter._supervisor = _Replaced(live.supervisor, send_and_kill, observe_late)  # type: ignore[assignment]
    assert promote(live, 3, service=service).state == "failed"
    assert dead.count(True) > 2
    assert (live.ask("front")["version"], aliases(live)[0]) == (1, 1)


class _Replaced:
    """The supervisor with another send() and observe()."""

    def __init__(self, real: Any, send: object, observe: object = None) -> None:
        self._real = real
        self.send = send
        self.observe = observe or real.observe

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


def routing_file(world: Registry) -> dict[str, dict[str, int]]:
    endpoint = world.store.endpoints.get("front")
    assert endpoint is not None
    found: dict[str, dict[str, int]] = json.loads((world.home.job(endpoint.job_id) / "routing.json").read_text())
    return found


# ---- an endpoint's life ----------------------------------------------------------------------------------------------


def test_the_plan_says_what_changes_and_what_gets_worse(live: Registry) -> None:
    plan = live.endpoints.plan("tiny", 3, "promote", "front")
    rows = {change.what: (change.before, change.after) for change in plan.changes}
    assert rows["champion"] == ("v1", "v3")
    assert rows["traffic on front"] == ("v1 100%", "v3 100%")
    assert rows["in memory"] == ("v1, v2", "v3, v1")
    assert plan.blocked is None
    assert plan.evidence[0]["ok"] is True
    assert [e["change"] for e in plan.evidence if e.get("metric") == "eval/f1"] == [pytest.approx(0.02)]
    live.make_live("tiny", 3, "front")
    worse = live.endpoints.plan("tiny", None, "rollback", "front")
    assert (worse.version, worse.seconds) == (1, 1.0)
    assert "eval/f1 gets worse by 0.0200" in worse.warnings[0]["text"]
    assert live.endpoints.plan("tiny", 3, "promote", "front").blocked


def test_the_playground_asks_with_the_key_and_passes_refusals_on(live: Registry) -> None:
    answer = live.endpoints.predict("front", TryPredict(inputs=("the film is good",), explain=True))
    assert answer["version"] == 1
    assert answer["explanations"][0]["tokens"]
    assert live.endpoints.predict("front", TryPredict(inputs=("good",), version=2))["version"] == 2
    with pytest.raises(Refused, match="over the limit of 64") as caught:
        live.endpoints.predict("front", TryPredict(inputs=("a " * 80,)))
    assert (caught.value.status, caught.value.code) == (422, "too_long")


def test_stop_start_and_restart_keep_address_key_and_version(live: Registry) -> None:
    before = live.store.endpoints.get("front")
    assert before is not None
    live.endpoints.stop("front", ACTOR)
    assert live.store.endpoints.get("front").state == "stopped"  # type: ignore[union-attr]
    with pytest.raises(Conflict, match="is stopped"):
        promote(live, 3)
    live.endpoints.start("front", ACTOR)
    after = live.endpoints.ready("front", STARTED_S)
    assert (after.url, after.key, after.live_version) == (before.url, before.key, 1)
    assert live.ask("front")["version"] == 1
    with pytest.raises(Conflict, match="runs already"):
        live.endpoints.start("front", ACTOR)


def test_a_model_without_an_endpoint_gets_one_and_may_have_several(live: Registry) -> None:
    live.register("second", 21)
    operation = live.endpoints.promote("second", Promote(version=1, reason=WHY), ACTOR)
    done = live.endpoints.wait(operation.id, STARTED_S)
    assert done.state == "done", done
    assert done.result["from_version"] is None
    assert live.ask("second")["version"] == 1
    assert live.store.versions.model("second").champion == 1  # type: ignore[union-attr]
    with pytest.raises(Conflict, match="serves second, not tiny"):
        live.endpoints.promote("tiny", Promote(version=3, endpoint="second", reason=WHY), ACTOR)
    key_file = live.home.job(live.store.endpoints.get("second").job_id) / "secret.json"  # type: ignore[union-attr]
    assert key_file.stat().st_mode & 0o077 == 0
    port = live.store.endpoints.get("second").port  # type: ignore[union-attr]
    live.endpoints.delete("second", ACTOR)
    assert live.store.endpoints.get("second") is None
    assert not key_file.exists()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=2)


def test_several_endpoints_must_be_told_apart(live: Registry) -> None:
    live.store.endpoints.add(EndpointRecord(name="other", model="tiny", state="stopped", job_id=""))
    try:
        with pytest.raises(Invalid, match="front, other"):
            live.endpoints.promote("tiny", Promote(version=3, reason=WHY), ACTOR)
    finally:
        live.store.endpoints.remove("other")


def test_a_change_waits_for_as_long_as_the_endpoint_may_take(live: Registry) -> None:
    endpoint = live.store.endpoints.get("front")
    assert endpoint is not None
    intent: Any = SimpleNamespace(endpoint="front")
    promoter = live.endpoints.promoter
    assert promoter._load_s(intent) == 330.0
    live.store.endpoints.change("front", limits={**endpoint.limits, "load_timeout_s": 600.0})
    try:
        assert promoter._load_s(intent) == 630.0  # the gateway gives up first, and says why
    finally:
        live.store.endpoints.change("front", limits=endpoint.limits)
