"""The restart rule: growing waits with jitter, then an end."""

import pytest

from backend.supervisor.restarts import TRAINING_LIMIT, GiveUp, Retry, after_death


def starts(limit: int, life_s: float) -> tuple[int, list[float]]:
    """How often something that always dies after `life_s` is started, and the waits between."""
    now, deaths, waits = 0.0, [], []
    while True:
        now += life_s
        deaths.append(now)
        decision = after_death(deaths, now, limit, jitter=0.5)
        if isinstance(decision, GiveUp):
            return len(deaths), waits
        waits.append(decision.in_s)
        now += decision.in_s
        if len(deaths) > 200:
            return len(deaths), waits


def test_serving_is_started_exactly_five_times() -> None:
    assert starts(5, 0.01) == (5, [0.5, 1.0, 2.0, 4.0])


def test_training_is_started_exactly_twice() -> None:
    assert starts(TRAINING_LIMIT, 0.01)[0] == 2


def test_one_that_lives_longer_than_the_window_is_always_started_again() -> None:
    count, waits = starts(5, 61.0)
    assert count > 100
    assert set(waits) == {0.5}


def test_the_wait_never_exceeds_thirty_seconds_and_is_jittered() -> None:
    deaths = [float(number) for number in range(20)]
    assert after_death(deaths, 20.0, limit=100, jitter=1.0).in_s == pytest.approx(36.0)
    assert after_death(deaths, 20.0, limit=100, jitter=0.0).in_s == pytest.approx(24.0)
    waits = {after_death([0.0], 0.0).in_s for _ in range(50)}
    assert len(waits) > 10
    assert all(0.4 <= wait <= 0.6 for wait in waits)


@pytest.mark.parametrize("deaths", [[], [0.0]])
def test_an_old_or_no_death_waits_shortest(deaths: list[float]) -> None:
    assert after_death(deaths, 1000.0, jitter=0.5) == Retry(0.5)
