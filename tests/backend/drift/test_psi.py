"""The index against a value worked out by hand."""

import math

import pytest

from backend.drift.psi import PopulationStability


def test_a_value_worked_out_by_hand() -> None:
    answer = PopulationStability().compare([499_500, 499_500], [749_250, 249_750], 1)
    expected = 0.25 * math.log(1.5) + -0.25 * math.log(0.5)
    assert answer.score == pytest.approx(expected, rel=1e-4)


def test_an_empty_bin_stays_finite() -> None:
    answer = PopulationStability().compare([100, 0], [0, 100], 1)
    assert answer.score is not None
    assert 5 < answer.score < 20


def test_equivalent_limit_is_itself() -> None:
    assert PopulationStability().equivalent_limit(0.25) == 0.25
