"""Merged bins, smoothed shares and the floor of chance."""

import random

import pytest
from scipy.stats import chi2

from backend.drift.bins import chance_floor, merge_bins, merge_categories, smoothed_shares


def test_groups_hold_about_equal_reference_shares_and_lose_nobody() -> None:
    numbers = random.Random(1)
    old = [numbers.randrange(50) for _ in range(40)]
    new = [numbers.randrange(50) for _ in range(40)]
    groups, others = merge_bins(old, new)
    assert sum(groups) == sum(old)
    assert sum(others) == sum(new)
    assert len(groups) <= 12
    assert max(groups) < sum(old) / 4


def test_values_the_reference_never_had_stay_visible_on_both_sides() -> None:
    assert merge_bins([0, 0, 50, 0], [10, 0, 40, 5]) == ([0, 50, 0], [10, 40, 5])


def test_an_empty_reference_is_one_group() -> None:
    assert merge_bins([0, 0, 0], [1, 2, 3]) == ([0], [6])
    assert merge_bins([], [1, 2]) == ([0], [3])


def test_few_categories_stay_and_rare_ones_of_many_are_counted_together() -> None:
    assert merge_categories({"a": 2, "b": 8}, {"c": 1, "b": 3}) == ([8, 2, 0], [3, 0, 1])
    many = {f"label {index}": 1 for index in range(50)} | {"common": 50}
    old, new = merge_categories(many, {"label 3": 7, "common": 1})
    assert (old, new) == ([50, 50], [1, 7])


def test_smoothed_shares_add_up_and_are_never_zero() -> None:
    shares = smoothed_shares([0, 3, 7])
    assert sum(shares) == pytest.approx(1)
    assert min(shares) > 0


@pytest.mark.parametrize("bins", [2, 5, 10, 30])
def test_the_floor_is_the_quantile_that_scipy_has(bins: int) -> None:
    expected = (1 / 300 + 1 / 100) * chi2.ppf(0.999, bins - 1)
    assert chance_floor(bins, 300, 100) == pytest.approx(expected, rel=0.05)
    assert chance_floor(1, 300, 100) == 0.0
    assert chance_floor(bins, 0, 100) == 0.0
