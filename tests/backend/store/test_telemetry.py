"""Telemetry over time: every extreme survives packing and thinning, tiers reach back, a kill loses and doubles nothing,
and a run keeps its machine."""

import math
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import failpoints
from backend.clock import ManualClock
from backend.contract.resources import GpuReading, HostReading, RunRecord, TelemetrySample
from backend.store import Store, slots, telemetry_runs
from backend.store.slots import TIERS
from tests.helpers.stores import a_run, make_store

START = 1_700_000_100.0  # the start of a window of five minutes
LOAD = "cpu/utilization_percent"


@pytest.fixture
def clock() -> ManualClock:
    made = ManualClock()
    made.jump(START - made.now())
    return made


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    opened = make_store(tmp_path, clock)
    yield opened
    failpoints.reset("")
    opened.close()


def load(second: float) -> float:
    """A load that is told apart at every second."""
    return round(50 + 40 * math.sin(second / 70.0) + second % 7, 1)


def sampled(store: Store, clock: ManualClock, seconds: int, *, every: float = 1.0) -> None:
    """Readings of so many seconds, from the clock on."""
    with store.transaction():
        for _ in range(round(seconds / every)):
            now = clock.now()
            card = GpuReading(index=0, temperature_c=60.0, memory_used_bytes=3 << 30, power_w=None)
            host = HostReading(cpu_percent=load(now - START))
            store.telemetry.add(TelemetrySample(taken_at=now, host=host, gpus=(card,)))
            clock.advance(every)


# ---- packing ---------------------------------------------------------------------------------------------------------


def test_packed_slots_come_back_at_their_resolution() -> None:
    numbers = random.Random(5)
    places = slots.np.array(sorted(numbers.sample(range(3600), 3000)))
    mean = slots.np.array([numbers.uniform(-300, 700) for _ in places])
    column = slots.Packed(places, mean - 2.5, mean, mean + numbers.random() * 100)
    back = slots.unpack("gpu/0/power_w", slots.pack("gpu/0/power_w", column, 3600))
    assert back.places.tolist() == places.tolist()
    for kept, given in zip(back[1:], column[1:], strict=True):
        assert float(abs(kept - given).max()) <= 0.051


def test_large_numbers_and_nothing_at_all_are_packed_too() -> None:
    huge = slots.Packed(slots.np.array([0, 9]), *(slots.np.array([0.0, 8e10]) for _ in range(3)))
    back = slots.unpack("memory/used_bytes", slots.pack("memory/used_bytes", huge, 10))
    assert float(abs(back.mean - huge.mean).max()) <= 1 << 19
    assert len(slots.unpack("x", slots.pack("x", slots.NOTHING, 10)).places) == 0


@pytest.mark.parametrize("data", [b"", b"no zlib", slots.pack("x", slots.NOTHING, 80)[:-3]])
def test_a_damaged_block_says_so(data: bytes) -> None:
    with pytest.raises(ValueError, match="a block of x is damaged"):
        slots.unpack("x", data)


def test_every_part_of_a_thinned_picture_has_its_true_extremes() -> None:
    numbers = random.Random(1)
    readings = [(float(i), {"a": numbers.gauss(0, 1), "b": None if i % 3 else 1.0}) for i in range(5000)]
    rows = slots.from_readings(readings)
    thin = slots.thinned(slots.slotted(rows, 10), 0.0, 5000.0, 37)
    width, at = 5000.0 / 37, thin.names.index("a")
    groups: dict[int, list[float]] = {}
    for time, values in readings:
        groups.setdefault(int((time // 10 * 10) / width), []).append(float(values["a"]))  # type: ignore[arg-type]
    assert len(thin) == len(groups) == 37
    for row, values in zip(range(len(thin)), groups.values(), strict=True):
        assert thin.low[row, at] == min(values)
        assert thin.high[row, at] == max(values)


# ---- tiers -----------------------------------------------------------------------------------------------------------


def test_packed_windows_read_like_the_readings_they_were(store: Store, clock: ManualClock) -> None:
    sampled(store, clock, 700)
    before = store.telemetry.between(START, START + 700, 10_000)
    assert store.telemetry.roll_up() == 2
    after = store.telemetry.between(START, START + 700, 10_000)
    assert [time - 0.5 for time in after.times[:600]] == list(before.times[:600])
    assert after.times[600:] == before.times[600:]  # the last window is not over
    assert after.values[LOAD] == pytest.approx(before.values[LOAD], abs=0.051)
    assert set(after.values["gpu/0/memory_used_bytes"]) == {3 << 30}
    assert "gpu/0/power_w" not in after.values or set(after.values["gpu/0/power_w"]) == {None}
    assert store.telemetry.roll_up() == 0


def test_a_spike_between_two_seconds_is_in_every_tier(store: Store, clock: ManualClock) -> None:
    sampled(store, clock, 300, every=0.25)
    spike = TelemetrySample(taken_at=START + 100.1, host=HostReading(cpu_percent=99.9))
    store.telemetry.add(spike)
    sampled(store, clock, 1)
    store.telemetry.roll_up()
    for tier in TIERS:
        history = store.telemetry.between(START, START + 300, 300 // tier.step)
        assert max(value for value in history.highs[LOAD] if value is not None) == pytest.approx(99.9)


def test_each_tier_keeps_its_blocks_and_the_coarser_ones_reach_back(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tuple(tier._replace(slots=slots_, blocks=blocks) for tier, slots_, blocks in
                  zip(TIERS, (300, 60, 4), (2, 4, 50), strict=True))  # fmt: skip
    for place in ("backend.store.slots.TIERS", "backend.store.telemetry.TIERS"):
        monkeypatch.setattr(place, small)
    sampled(store, clock, 6 * 900)
    store.telemetry.roll_up()
    with store.database.reading() as connection:
        count = "SELECT tier, count(DISTINCT start) FROM telemetry_blocks GROUP BY tier"
        assert dict(connection.exec_driver_sql(count).all()) == {1: 2, 10: 4, 300: 5}
    now = clock.now()
    assert store.telemetry.between(now - 500, now, 500).step_seconds == 1.0
    assert store.telemetry.between(now - 2000, now, 2000).step_seconds == 10.0
    whole = store.telemetry.between(START, now, 2000)
    assert whole.step_seconds == 300.0
    assert whole.times[0] == START + 150
    assert whole.oldest == START // 1200 * 1200


def test_a_clock_that_jumps_deletes_nothing(store: Store, clock: ManualClock) -> None:
    sampled(store, clock, 600)
    store.telemetry.roll_up()
    clock.jump(3 * 365 * 86_400.0)
    sampled(store, clock, 600)
    store.telemetry.roll_up()
    clock.jump(-4 * 365 * 86_400.0)
    sampled(store, clock, 600)
    store.telemetry.roll_up()
    assert len(store.telemetry.between(START, START + 600, 1000).times) == 600


def test_names_are_chosen_by_pattern(store: Store, clock: ManualClock) -> None:
    sampled(store, clock, 400)
    store.telemetry.roll_up()
    found = store.telemetry.between(START, START + 400, 100, ["gpu/*/temperature_c", LOAD])
    assert set(found.values) == {"gpu/0/temperature_c", LOAD}


@pytest.mark.parametrize("place", ["telemetry.packed", "telemetry.rolled_up", "store.before_commit"])
def test_a_roll_up_that_dies_loses_and_doubles_nothing(store: Store, clock: ManualClock, place: str) -> None:
    sampled(store, clock, 650)
    failpoints.reset(f"{place}:raise")
    with pytest.raises(failpoints.FailpointReached):
        store.telemetry.roll_up()
    failpoints.reset("")
    with store.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM telemetry WHERE level = 0").scalar() == 650
        assert connection.exec_driver_sql("SELECT count(*) FROM telemetry_blocks").scalar() == 0
    store.telemetry.roll_up()
    whole = store.telemetry.between(START, clock.now(), 10_000)
    assert len(whole.times) == 650
    assert whole.values[LOAD] == pytest.approx([load(i) for i in range(650)], abs=0.051)


KILLED = """
import sys
from pathlib import Path
from backend.clock import SystemClock
from tests.helpers.stores import make_store
store = make_store(Path(sys.argv[1]), SystemClock())
store.care_for_telemetry()
"""


@pytest.mark.parametrize("place", ["telemetry.packed", "telemetry.rolled_up", "store.before_commit"])
def test_a_killed_process_loses_and_doubles_nothing(tmp_path: Path, clock: ManualClock, place: str) -> None:
    store = make_store(tmp_path, clock)
    sampled(store, clock, 650)
    ended(store, START + 10, START + 200)
    store.close()
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    times = "@2" if place == "store.before_commit" else ""  # the first commit is that of the opening
    env = {**os.environ, "MODELDECK_FAILPOINT": f"{place}:kill{times}"}
    assert subprocess.run(command, env=env, check=False, timeout=60).returncode == -signal.SIGKILL
    again = {name: value for name, value in os.environ.items() if name != "MODELDECK_FAILPOINT"}
    for _ in range(2):
        assert subprocess.run(command, env=again, check=False, timeout=60).returncode == 0
    store = make_store(tmp_path, clock)
    whole = store.telemetry.between(START, clock.now(), 10_000)
    assert whole.values[LOAD] == pytest.approx([load(i) for i in range(650)], abs=0.051)
    assert [item.key for item in store.outbox.take()] == ["r1"]
    store.close()


# ---- with a run ------------------------------------------------------------------------------------------------------


def ended(store: Store, start: float, stop: float, run_id: str = "r1") -> RunRecord:
    run = a_run(run_id, state="completed", started_at=start, ended_at=stop)
    return store.runs.add(run)


def test_a_run_keeps_its_machine_when_the_history_is_gone(store: Store, clock: ManualClock) -> None:
    sampled(store, clock, 700)
    run = ended(store, START + 100, START + 400)
    live = store.telemetry.of_run(run, 5000)
    store.care_for_telemetry()
    assert store.telemetry.is_pinned("r1")
    with store.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM telemetry_blocks")
    kept = store.telemetry.of_run(run, 5000)
    assert kept.step_seconds == 1.0
    assert kept.values[LOAD][1:300] == pytest.approx(live.values[LOAD][0:299], abs=0.051)
    assert [item.key for item in store.outbox.take()] == ["r1"]
    store.care_for_telemetry()
    assert store.outbox.backlog() == 1  # kept once, noted once
    store.runs.remove("r1")
    with store.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM telemetry_runs").scalar() == 0


def test_a_run_is_kept_only_when_its_last_minutes_are_packed(store: Store, clock: ManualClock) -> None:
    sampled(store, clock, 250)
    ended(store, START + 100, START + 240)
    store.care_for_telemetry()
    assert not store.telemetry.is_pinned("r1")
    sampled(store, clock, 100)
    store.care_for_telemetry()
    assert store.telemetry.is_pinned("r1")


def test_a_run_that_goes_on_is_kept_whole_when_it_ends_again(store: Store, clock: ManualClock) -> None:
    sampled(store, clock, 650)
    run = ended(store, START + 10, START + 500)
    store.care_for_telemetry()
    with store.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM telemetry_blocks")  # what the first part had is gone meanwhile
    sampled(store, clock, 650)
    run = store.runs.change(run.id, ended_at=START + 1000)
    store.care_for_telemetry()
    kept = store.telemetry.of_run(run, 5000)
    assert kept.times[0] <= START + 11
    assert kept.times[-1] >= START + 999
    assert len(kept.times) == len(set(kept.times))


def test_a_run_without_any_reading_is_settled_once(store: Store) -> None:
    run = ended(store, 10.0, 20.0)
    store.care_for_telemetry()
    assert store.telemetry.of_run(run).times == ()
    with store.database.reading() as connection:
        assert telemetry_runs.waiting(connection) == []


def test_long_runs_are_kept_more_coarsely() -> None:
    hour = 3600.0
    assert [telemetry_runs.tier_for(length).step for length in (60.0, 6 * hour, 7 * hour, 61 * hour)] == [1, 1, 10, 300]


def test_a_window_of_a_run_is_as_fine_as_it_is_kept(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry_runs, "MOST_SLOTS", 100)  # kept with the run at ten seconds
    sampled(store, clock, 1000)
    run = ended(store, START, START + 600)
    store.care_for_telemetry()
    whole = store.telemetry.of_run(run, 50)
    assert whole.step_seconds == 10.0
    window = store.telemetry.of_run(run, 100, (LOAD,), START + 100, START + 160)
    assert window.step_seconds == 1.0
    assert window.values[LOAD][:60] == pytest.approx([load(second) for second in range(100, 160)], abs=0.051)
    # where the second is no longer kept, what was kept with the run answers, within the run
    with store.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM telemetry_blocks")
    kept = store.telemetry.of_run(run, 100, (LOAD,), START + 100, START + 160)
    assert kept.step_seconds == 10.0
    assert 6 <= len(kept.times) <= 7
    for start, stop in ((START - 500, START - 100), (START + 700, START + 900), (START + 20, START + 10)):
        assert store.telemetry.of_run(run, 100, (), start, stop).times == ()
