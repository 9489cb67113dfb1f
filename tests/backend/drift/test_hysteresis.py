"""The gate opens and closes only after several checks in a row."""

from backend.drift.hysteresis import Gate


def see(gate: Gate, text: str) -> str:
    return "".join("#" if gate.see(over=sign == "+", quiet=sign == "-") else "." for sign in text)


def test_it_opens_after_three_and_closes_after_three() -> None:
    assert see(Gate(), "++-+++++--+---") == ".....########."


def test_between_the_limits_nothing_changes() -> None:
    assert see(Gate(), "++0+00--0-") == "...######."


def test_it_can_start_open_as_after_a_restart() -> None:
    assert see(Gate(is_open=True), "++---+") == "####.."
