"""Hangs are found by step age in two stages, and never because the watcher itself slept."""

from backend.supervisor.hang import StepWatch


def walk(watch: StepWatch, now: float, seconds: float, step: int, *, every: float = 0.5, counts: bool = True) -> float:
    end = now + seconds
    while now < end:
        now += every
        watch.look(step, now, counts=counts)
    return now


def run(watch: StepWatch, now: float, steps: range, step_s: float) -> float:
    for step in steps:
        now += step_s
        watch.look(step, now)
    return now


def test_two_stages() -> None:
    watch = StepWatch()
    now = run(watch, 0.0, range(1, 50), 0.5)
    now = walk(watch, now, 29, 49)
    assert watch.found == "none"
    now = walk(watch, now, 6, 49)
    assert watch.found == "slow"
    now = walk(watch, now, 83, 49)
    assert watch.found == "slow"
    now = walk(watch, now, 6, 49)
    assert watch.found == "hung"
    assert watch.look(50, now + 0.5) == "none"


def test_one_late_look_is_not_enough() -> None:
    watch = StepWatch()
    now = run(watch, 0.0, range(1, 10), 0.5)
    now = walk(watch, now, 30.5, 9)
    assert watch.found == "none"  # suspected, seen once
    walk(watch, now, 2.5, 9)
    assert watch.found == "slow"


def test_a_frozen_watcher_does_not_alarm() -> None:
    watch = StepWatch()
    now = run(watch, 0.0, range(1, 10), 0.5)
    assert watch.look(9, now + 10_800) == "none"
    assert walk(watch, now + 10_800, 20, 9)
    assert watch.found == "none"
    assert watch.age_s < 25


def test_long_steps_raise_the_limits() -> None:
    watch = StepWatch()
    now = 0.0
    for step in range(1, 8):
        now = walk(watch, now, 10, step)
    now = walk(watch, now, 80, 7)
    assert watch.found == "none"
    walk(watch, now, 30, 7)
    assert watch.found == "slow"


def test_a_gap_it_came_back_from_is_not_news() -> None:
    watch = StepWatch()
    now = run(watch, 0.0, range(1, 20), 0.5)
    now = walk(watch, now, 50, 19)  # an evaluation
    assert watch.found == "slow"
    now = run(watch, now, range(20, 60), 0.5)
    walk(watch, now, 60, 59)  # the next one
    assert watch.found == "none"


def test_pauses_and_unread_lines_do_not_count() -> None:
    watch = StepWatch()
    now = run(watch, 0.0, range(1, 10), 0.5)
    now = walk(watch, now, 500, 9, counts=False)
    assert watch.found == "none"
    watch.restart()
    walk(watch, now, 20, 9)
    assert watch.found == "none"


def test_results_after_the_last_step_are_progress() -> None:
    watch = StepWatch()
    now = run(watch, 0.0, range(1, 50), 0.5)
    for result in range(1, 6):  # evaluated, saved, tested, written: twenty seconds each
        watch.look(49, now, came_on_at=float(result))
        now = walk_on(watch, now, 20, 49, float(result))
        assert watch.found == "none"
    walk_on(watch, now, 60, 49, 5.0)
    assert watch.found == "slow"


def walk_on(watch: StepWatch, now: float, seconds: float, step: int, came_on_at: float) -> float:
    end = now + seconds
    while now < end:
        now += 0.5
        watch.look(step, now, came_on_at=came_on_at)
    return now
