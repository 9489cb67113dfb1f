"""Rules without code: own ones and those about running runs, on the watch itself, and the preview of their past."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.clock import ManualClock
from backend.contract.errors import Conflict, NotFound
from backend.contract.resources import (
    AlertRecord,
    BackendSettings,
    GpuReading,
    HostReading,
    Rule,
    RunRecord,
    TelemetrySample,
)
from backend.services.causes import ACTIVE
from backend.services.quiet import is_quiet
from backend.services.rule_history import would_have_fired
from backend.services.watch import Watch
from backend.store import Store
from tests.helpers.stores import a_run, make_store

RUN = "r1"


@pytest.fixture
def clock() -> ManualClock:
    made = ManualClock()
    made.jump(1_700_000_100.0 - made.now())
    return made


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    opened = make_store(tmp_path, clock)
    for rule in opened.rules.all():
        opened.rules.change(rule.id, enabled=False)
    yield opened
    opened.close()


@pytest.fixture
def watch(store: Store, clock: ManualClock) -> Iterator[Watch]:
    watching = Watch(store, clock)
    yield watching
    watching.close()


def rule(store: Store, **fields: Any) -> Rule:
    return store.rules.add(Rule(**{"id": "mine", "kind": "rule", "own": True, "for_seconds": 10.0, **fields}))


def active(store: Store) -> list[AlertRecord]:
    return store.alerts.all(ACTIVE)


def seconds(store: Store, clock: ManualClock, watch: Watch, count: int, **host: Any) -> None:
    """So many seconds of samples and checks."""
    cards = host.pop("gpus", ())
    for _ in range(count):
        sample = TelemetrySample(taken_at=clock.now(), host=HostReading(**host), gpus=cards)
        store.telemetry.add(sample)
        watch.tick()
        clock.advance(1.0)


def running(store: Store, **fields: Any) -> RunRecord:
    known = {"state": "running", "started_at": store.clock.now(), "device": "cuda:0", "name": "movie"}
    return store.runs.add(a_run(RUN, **{**known, **fields}))


def test_above_and_below_for_a_time_open_and_resolve(store: Store, clock: ManualClock, watch: Watch) -> None:
    rule(store, id="hot", metric="cpu/utilization_percent", limit=90.0, name="Busy")
    rule(store, id="cold", metric="cpu/utilization_percent", limit=10.0, above=False)
    seconds(store, clock, watch, 9, cpu_percent=95.0)
    assert active(store) == []
    seconds(store, clock, watch, 4, cpu_percent=95.0)
    (alert,) = active(store)
    assert (alert.kind, alert.title, alert.feature) == ("rule", "Busy", "cpu/utilization_percent")
    assert alert.text == "CPU is 95.0%, above 90.0%."
    seconds(store, clock, watch, 12, cpu_percent=5.0)
    (alert,) = active(store)
    assert alert.title == "CPU below 10.0%"
    seconds(store, clock, watch, 12, cpu_percent=50.0)
    assert active(store) == []


def test_an_unknown_value_opens_and_resolves_nothing(store: Store, clock: ManualClock, watch: Watch) -> None:
    rule(store, metric="cpu/utilization_percent", limit=10.0, above=False)
    seconds(store, clock, watch, 15)
    assert active(store) == []
    seconds(store, clock, watch, 12, cpu_percent=5.0)
    seconds(store, clock, watch, 15)
    assert len(active(store)) == 1


def test_a_metric_of_any_run(store: Store, clock: ManualClock, watch: Watch) -> None:
    rule(store, metric="train/loss", limit=2.0, for_seconds=5.0)
    running(store, metrics={"train/loss": 2.5})
    seconds(store, clock, watch, 7)
    (alert,) = active(store)
    assert (alert.run_id, alert.text) == (RUN, "train/loss of movie is 2.5000, above 2.0000.")
    store.runs.change(RUN, metrics={"train/loss": float("nan")})
    seconds(store, clock, watch, 7)
    assert len(active(store)) == 1  # not a number is not "below"
    store.runs.change(RUN, state="completed")
    seconds(store, clock, watch, 1)
    assert active(store) == []


def test_two_rules_on_one_value_have_an_alert_each_and_a_restart_knows_them(
    store: Store, clock: ManualClock, watch: Watch
) -> None:
    rule(store, id="one", metric="cpu/utilization_percent", limit=80.0)
    rule(store, id="two", metric="cpu/utilization_percent", limit=90.0, severity="bad")
    seconds(store, clock, watch, 12, cpu_percent=95.0)
    assert sorted(alert.evidence["rule"] for alert in active(store)) == ["one", "two"]
    again = Watch(store, clock)
    seconds(store, clock, again, 12, cpu_percent=95.0)
    assert len(store.alerts.all()) == 2
    store.rules.remove("one")
    seconds(store, clock, again, 1, cpu_percent=95.0)
    assert [alert.evidence["rule"] for alert in active(store)] == ["two"]
    again.close()


def test_a_changed_rule_is_judged_anew(store: Store, clock: ManualClock, watch: Watch) -> None:
    """Another side, another metric: the alert of what it said before resolves, and the new one waits its time."""
    rule(store, metric="cpu/utilization_percent", limit=90.0)
    seconds(store, clock, watch, 12, cpu_percent=95.0)
    (before,) = active(store)
    store.rules.change("mine", above=False)
    seconds(store, clock, watch, 12, cpu_percent=95.0)
    assert active(store) == []
    store.rules.change("mine", metric="memory/used_share", limit=0.5, above=True)
    memory = {"memory_used_bytes": 9, "memory_total_bytes": 10}
    seconds(store, clock, watch, 9, cpu_percent=95.0, **memory)
    assert active(store) == []
    seconds(store, clock, watch, 4, cpu_percent=95.0, **memory)
    (after,) = active(store)
    assert after.id != before.id
    assert after.feature == "memory/used_share"


def log_steps(store: Store, clock: ManualClock, count: int, every: float) -> None:
    points = [("train/loss", step, clock.now() + step * every, None, 1.0) for step in range(count)]
    store.series.append(RUN, 1, points)
    clock.advance(count * every)
    store.runs.change(RUN, step=count, last_step_at=clock.now())


def test_no_step_for_so_many_times_the_median(store: Store, clock: ManualClock, watch: Watch) -> None:
    rule(store, test="stalled", limit=10.0, for_seconds=20.0)
    running(store)
    log_steps(store, clock, 50, 3.0)
    seconds(store, clock, watch, 29)
    assert active(store) == []
    seconds(store, clock, watch, 4)
    (alert,) = active(store)
    assert alert.title == "movie makes no step"
    assert "Usual are 3.00 s (limit 30 s)." in alert.text
    store.runs.change(RUN, step=51, last_step_at=clock.now())
    seconds(store, clock, watch, 1)
    assert active(store) == []


def test_a_paused_run_is_not_stalled(store: Store, clock: ManualClock, watch: Watch) -> None:
    rule(store, test="stalled", limit=2.0, for_seconds=1.0)
    running(store)
    log_steps(store, clock, 20, 1.0)
    store.runs.change(RUN, state="paused")
    seconds(store, clock, watch, 60)
    assert active(store) == []


def test_an_idle_card_counts_only_while_a_run_is_on_it(store: Store, clock: ManualClock, watch: Watch) -> None:
    rule(store, test="idle", limit=5.0)
    idle = (GpuReading(index=0, utilization_percent=1.0),)
    seconds(store, clock, watch, 15, gpus=idle)
    assert active(store) == []
    running(store)
    seconds(store, clock, watch, 12, gpus=idle)
    (alert,) = active(store)
    assert alert.text == "GPU 0 is 1% busy while movie is running."
    seconds(store, clock, watch, 12, gpus=(GpuReading(index=0, utilization_percent=80.0),))
    assert active(store) == []


def test_a_disk_that_fills_before_the_run_ends(store: Store, clock: ManualClock, watch: Watch) -> None:
    store.settings.change({"reserve_disk_bytes": 0})
    rule(store, test="forecast", for_seconds=5.0, severity="bad")
    running(store, eta_seconds=7200.0)
    total, used = 100_000_000_000, 90_000_000_000
    for _ in range(400):
        used += 5_000_000  # 5 MB a second: full in about half an hour
        seconds(store, clock, watch, 1, disk_used_bytes=used, disk_total_bytes=total)
    (alert,) = active(store)
    assert alert.severity == "bad"
    assert "at 300 MB a minute; movie needs 2.0 h more." in alert.text
    store.runs.change(RUN, eta_seconds=60.0)
    for _ in range(40):
        seconds(store, clock, watch, 1, disk_used_bytes=used, disk_total_bytes=total)
    assert active(store) == []


def test_only_ones_own_rules_can_be_removed(store: Store) -> None:
    with pytest.raises(Conflict):
        store.rules.remove("disk-used")
    with pytest.raises(NotFound):
        store.rules.remove("nothing")


# ---- the past --------------------------------------------------------------------------------------------------------


def past(store: Store, clock: ManualClock, loads: list[float]) -> None:
    with store.transaction():
        for load in loads:
            host = HostReading(cpu_percent=load, disk_used_bytes=int(load * 1e9), disk_total_bytes=int(1e11))
            card = GpuReading(index=0, utilization_percent=load)
            store.telemetry.add(TelemetrySample(taken_at=clock.now(), host=host, gpus=(card,)))
            clock.advance(1.0)
    store.telemetry.roll_up()


def test_the_preview_counts_what_the_watch_would_have_opened(store: Store, clock: ManualClock, watch: Watch) -> None:
    spells = [50.0] * 60 + [95.0] * 30 + [50.0] * 60 + [95.0] * 5 + [50.0] * 60 + [99.0] * 40 + [50.0] * 60
    mine = rule(store, metric="cpu/utilization_percent", limit=90.0)
    for load in spells:
        seconds(store, clock, watch, 1, cpu_percent=load, disk_used_bytes=int(load * 1e9), disk_total_bytes=int(1e11))
    opened = sorted(alert.opened_at for alert in store.alerts.all())
    store.telemetry.roll_up()
    preview = would_have_fired(store, mine)
    assert preview.count == len(opened) == 2  # the short one is none
    assert [round(time) for time in preview.times] == pytest.approx(opened, abs=1.5)
    assert preview.days == pytest.approx(len(spells) / 86_400, abs=0.01)
    share = would_have_fired(store, mine.model_copy(update={"metric": "disk/used_share", "limit": 0.9}))
    assert share.count == 2
    below = would_have_fired(store, mine.model_copy(update={"above": False, "limit": 60.0}))
    assert below.count == 3  # the short one closes nothing either


def test_the_preview_of_runs(store: Store, clock: ManualClock) -> None:
    begin = clock.now()
    past(store, clock, [1.0] * 120)
    store.runs.add(a_run(RUN, state="completed", started_at=begin, ended_at=begin + 100, device="cuda:0"))
    losses = [1.0] * 40 + [5.0] * 20 + [1.0] * 40
    points = [("train/loss", step, begin + step, None, loss) for step, loss in enumerate(losses)]
    points += [("train/loss", 100 + step, begin + 400 + step, None, 1.0) for step in range(10)]
    store.series.append(RUN, 1, points)
    base = {"id": "p", "kind": "rule", "for_seconds": 10.0}
    assert would_have_fired(store, Rule(**base, metric="train/loss", limit=2.0)).count == 1
    assert would_have_fired(store, Rule(**base, test="stalled", limit=100.0)).count == 1
    assert would_have_fired(store, Rule(**base, test="stalled", limit=1000.0)).count == 0
    assert would_have_fired(store, Rule(**base, test="idle", limit=5.0)).count == 1


def test_the_preview_says_when_it_cannot_tell(store: Store) -> None:
    nothing = would_have_fired(store, Rule(id="p", kind="rule", metric="cpu/utilization_percent", limit=1.0))
    assert (nothing.count, nothing.text) == (None, "Nothing is kept yet that this rule speaks of.")
    assert would_have_fired(store, Rule(id="p", kind="rule", test="forecast")).count is None


def test_the_preview_of_a_forecast_says_what_it_is_now(store: Store, clock: ManualClock) -> None:
    store.settings.change({"reserve_disk_bytes": 2_000_000_000})
    mine = Rule(id="p", kind="rule", test="forecast")
    nothing = would_have_fired(store, mine).forecast
    assert nothing is not None
    assert (nothing.free_bytes, nothing.growth_bytes_per_s, nothing.full_in_s) == (None, None, None)
    running(store, eta_seconds=7200.0)
    used, total = 90_000_000_000, 100_000_000_000
    with store.transaction():
        for _ in range(400):
            used += 5_000_000
            host = HostReading(disk_used_bytes=used, disk_total_bytes=total)
            store.telemetry.add(TelemetrySample(taken_at=clock.now(), host=host))
            clock.advance(1.0)
    store.telemetry.roll_up()
    now = would_have_fired(store, mine).forecast
    assert now is not None
    assert now.free_bytes == total - used - 2_000_000_000
    assert now.growth_bytes_per_s == pytest.approx(5_000_000, rel=0.05)
    assert now.full_in_s == pytest.approx(now.free_bytes / now.growth_bytes_per_s)
    assert (now.run_id, now.run_name, now.run_needs_s) == (RUN, "movie", 7200.0)


def test_a_disk_that_empties_is_never_full(store: Store, clock: ManualClock) -> None:
    past(store, clock, [60.0 - step / 20 for step in range(400)])
    now = would_have_fired(store, Rule(id="p", kind="rule", test="forecast")).forecast
    assert now is not None
    assert now.growth_bytes_per_s is not None
    assert now.growth_bytes_per_s < 0
    assert (now.full_in_s, now.run_id) == (None, None)


# ---- quiet hours -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "stop", "hour", "quiet"),
    [
        ("22:00", "07:00", 23, True), ("22:00", "07:00", 3, True), ("22:00", "07:00", 7, False),
        ("12:00", "14:00", 13, True), ("12:00", "14:00", 14, False), ("", "", 3, False), ("05:00", "05:00", 5, False),
    ],
)  # fmt: skip
def test_quiet_hours_may_pass_midnight(start: str, stop: str, hour: int, quiet: bool) -> None:

    now = time.mktime((2026, 11, 20, hour, 0, 0, 0, 0, -1))
    assert is_quiet(BackendSettings(quiet_from=start, quiet_to=stop), now) is quiet
