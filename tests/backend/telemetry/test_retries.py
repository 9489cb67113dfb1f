"""The wait before the cards are tried again."""

from backend.telemetry.retries import LONGEST_S, STEADY_S, Retries


def test_without_a_failure_it_is_due_at_once() -> None:
    assert Retries().due(0.0)


def test_each_failure_doubles_the_wait_up_to_a_limit() -> None:
    retries, waits = Retries(), []
    for _ in range(9):
        retries.failed(100.0)
        waits.append(retries.wait_s())
    assert waits[:4] == [5.0, 10.0, 20.0, 40.0]
    assert waits[-1] == LONGEST_S
    assert not retries.due(100.0 + LONGEST_S - 1)
    assert retries.due(100.0 + LONGEST_S)


def test_only_steady_work_forgets_the_failures() -> None:
    retries = Retries()
    retries.failed(0.0)
    retries.worked_for(STEADY_S - 1)
    assert retries.failures == 1
    retries.worked_for(STEADY_S)
    assert retries.wait_s() == 0.0
