"""Energy is what was measured: recorded samples with a hole, two cards, a card that does not tell."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.contract.resources import GpuProcess, GpuReading, RunRecord, TelemetrySample
from backend.services.energy import GAP_S, EnergyMeter, Spent, cards_used, spent
from backend.store import Store
from tests.helpers.stores import a_run, make_store

KWH = 3.6e6


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = make_store(tmp_path)
    yield store
    store.close()


def sample(at: float, *powers: float | None, run: str = "r1", lost: tuple[int, ...] = ()) -> TelemetrySample:
    """One card per power, each with a process of the run."""
    cards = [
        GpuReading(
            index=index, power_w=power, lost="gone" if index in lost else None,
            processes=(GpuProcess(pid=index + 1, owner=f"run/{run}"),),
        )
        for index, power in enumerate(powers)
    ]  # fmt: skip
    return TelemetrySample(taken_at=at, gpus=tuple(cards))


def measured(store: Store, *samples: TelemetrySample) -> RunRecord:
    meter = EnergyMeter(store)
    for each in samples:
        meter.take(each)
    meter.flush()
    run = store.runs.get("r1")
    assert run is not None
    return run


def test_an_hour_at_three_hundred_watts(store: Store) -> None:
    store.runs.add(a_run())
    run = measured(store, *(sample(float(second), 300.0) for second in range(3601)))
    assert run.energy_kwh == pytest.approx(0.3)
    assert run.energy_seconds == 3600.0


def test_the_trapezoid_between_two_powers(store: Store) -> None:
    store.runs.add(a_run())
    run = measured(store, sample(0.0, 100.0), sample(2.0, 300.0), sample(3.0, 300.0))
    assert run.energy_kwh == pytest.approx((400 + 300) / KWH)


def test_a_hole_is_not_integrated(store: Store) -> None:
    store.runs.add(a_run())
    run = measured(store, sample(0.0, 200.0), sample(1.0, 200.0), sample(601.0, 200.0), sample(602.0, 200.0))
    assert run.energy_kwh == pytest.approx(400 / KWH)
    assert run.energy_seconds == 2.0


@pytest.mark.parametrize(("apart", "counted"), [(GAP_S, GAP_S), (GAP_S + 0.01, None), (0.0, None), (-3.0, None)])
def test_how_far_apart_samples_may_be(apart: float, counted: float | None) -> None:
    found = spent(sample(10.0, 100.0), sample(10.0 + apart, 100.0), {"r1": frozenset({0})})
    assert (found["r1"].seconds if found else None) == counted


def test_two_cards_add_up(store: Store) -> None:
    store.runs.add(a_run())
    run = measured(store, sample(0.0, 100.0, 250.0), sample(1.0, 100.0, 250.0))
    assert run.energy_kwh == pytest.approx(350 / KWH)
    assert run.energy_seconds == 1.0


def test_a_card_that_does_not_tell_adds_nothing_and_the_other_one_counts(store: Store) -> None:
    store.runs.add(a_run())
    run = measured(store, sample(0.0, 100.0, None), sample(1.0, 100.0, 90.0), sample(2.0, None, 90.0))
    assert run.energy_kwh == pytest.approx((100 + 90) / KWH)
    assert run.energy_seconds == 2.0


def test_nothing_measured_is_unknown_and_not_zero(store: Store) -> None:
    store.runs.add(a_run())
    assert measured(store, sample(0.0, None), sample(1.0, None)).energy_kwh is None
    assert measured(store, sample(0.0), sample(1.0)).energy_kwh is None  # a machine without cards


def test_the_last_values_of_a_lost_card_are_no_readings(store: Store) -> None:
    store.runs.add(a_run())
    assert measured(store, sample(0.0, 100.0), sample(1.0, 100.0, lost=(0,))).energy_kwh is None


def test_which_cards_a_run_uses() -> None:
    two = sample(0.0, 1.0, 1.0)
    assert cards_used(two, {"r1": "cuda:0"}) == {"r1": frozenset({0, 1})}  # its processes tell, not its device
    other = sample(0.0, 1.0, 1.0, run="somebody")
    assert cards_used(other, {"r1": "cuda:1", "r2": "cpu", "r3": None, "r4": "auto"}) == {"r1": frozenset({1})}


def test_runs_on_one_card_share_it() -> None:
    used = {"r1": frozenset({0}), "r2": frozenset({0, 1})}
    found = spent(sample(0.0, 100.0, 50.0), sample(1.0, 100.0, 50.0), used)
    assert found == {"r1": Spent(50.0, 1.0), "r2": Spent(100.0, 1.0)}


def test_it_goes_on_where_an_earlier_daemon_left_off_and_keeps_while_running(store: Store) -> None:
    store.runs.add(a_run(energy_kwh=1.0, energy_seconds=100.0))
    meter = EnergyMeter(store)
    for second in range(8):
        meter.take(sample(float(second), 360.0))
    run = store.runs.get("r1")
    assert run is not None
    assert 1.0 < (run.energy_kwh or 0) < 1.0 + 7 * 360 / KWH  # kept every few seconds, not at each
    meter.flush()
    run = store.runs.get("r1")
    assert run is not None
    assert run.energy_kwh == pytest.approx(1.0 + 7 * 360 / KWH)
    assert run.energy_seconds == 107.0


def test_the_last_seconds_of_an_ended_run_are_kept_and_told(store: Store) -> None:
    store.runs.add(a_run())
    meter = EnergyMeter(store)
    meter.take(sample(0.0, 100.0))
    meter.take(sample(1.0, 100.0))
    meter.take(sample(2.0, 100.0))
    heard: list[Any] = []
    store.runs.change("r1", state="completed")
    store.feed.subscribe(heard.extend)
    meter.take(sample(3.0, 100.0))
    run = store.runs.get("r1")
    assert run is not None
    assert run.energy_seconds == 2.0
    assert heard[-1].data["energy_seconds"] == 2.0


def test_a_run_removed_meanwhile_is_let_go(store: Store) -> None:
    store.runs.add(a_run())
    meter = EnergyMeter(store)
    meter.take(sample(0.0, 100.0))
    meter.take(sample(1.0, 100.0))
    store.runs.remove("r1")
    meter.flush()
    assert store.runs.get("r1") is None
