"""The bins: edges, odd numbers, sums of windows, medians."""

import math

import pytest

from backend.contract.events import RequestWindow
from backend.drift.profile import (
    LENGTH_EDGES,
    SHARE_BINS,
    bin_lengths,
    bin_shares,
    build_profile,
    empty_profile,
    label_shares,
    median,
    merge_windows,
    share_edges,
)


def window(**fields: object) -> RequestWindow:
    return RequestWindow(
        **{"model": "m", "version": 1, "seconds": 1, "requests": 1, "items": 1, "errors": 0, "rejected": 0, **fields}
    )


def test_every_length_falls_into_the_bin_that_its_edges_name() -> None:
    for index, edge in enumerate(LENGTH_EDGES):
        assert bin_lengths([edge])[index] == 1
    assert bin_lengths([-3, 0])[0] == 2
    assert bin_lengths([10**9])[-1] == 1
    assert list(LENGTH_EDGES) == sorted(set(LENGTH_EDGES))


def test_shares_at_edges_and_outside() -> None:
    assert bin_shares([0.0, 0.05, 0.15, 1.0])[:4] == [1, 1, 0, 1]
    assert bin_shares([1.0, 1.5])[-1] == 2
    assert bin_shares([-0.1])[0] == 1
    assert sum(bin_shares([math.nan])) == 0
    assert len(bin_shares([], 7)) == 7


def test_a_profile_counts_what_it_was_given_and_survives_json_shape() -> None:
    profile = build_profile([10, 20, 30], [0.0, 0.1, 0.2], ["a", "b", "a"], [0.9, 0.8, 0.7])
    assert profile.keys() == empty_profile().keys()
    assert profile["items"] == 3
    assert profile["labels"] == {"a": 2, "b": 1}
    assert sum(profile["length_histogram"]) == sum(profile["score_histogram"]) == 3


def test_windows_sum_up_and_an_older_window_without_histograms_adds_nothing() -> None:
    total = merge_windows([
        window(items=2, labels={"a": 2}, score_histogram=bin_shares([0.9, 0.1]), length_histogram=bin_lengths([5, 6])),
        window(items=1, labels={"b": 1}),
    ])  # fmt: skip
    assert total["items"] == 3
    assert total["labels"] == {"a": 2, "b": 1}
    assert sum(total["score_histogram"]) == 2
    assert len(total["length_histogram"]) == len(LENGTH_EDGES)
    assert len(total["unknown_share_histogram"]) == SHARE_BINS


def test_median_lies_inside_its_bin() -> None:
    counts = bin_lengths([64] * 100)
    value = median(counts, LENGTH_EDGES)
    assert value is not None
    assert 64 <= value < 80
    assert median([0, 0], (0, 1)) is None
    assert median([0, 4], (0.0, 0.5), upper=1.0) == pytest.approx(0.75)


def test_label_shares_and_edges() -> None:
    assert label_shares({"a": 3, "b": 1}) == {"a": 0.75, "b": 0.25}
    assert label_shares({}) == {}
    assert share_edges()[:3] == (0.0, 0.05, 0.1)
