"""The four features in numbers and in words."""

import random

import pytest

from backend.drift.features import FEATURES, Compared, compare
from backend.drift.profile import Profile, build_profile, empty_profile


def profile(
    seed: int, *, length: float = 64, unknown: float = 0.0, positive: float = 0.5, score: float = 0.9
) -> Profile:
    numbers = random.Random(seed)
    return build_profile(
        [numbers.gauss(length, length / 5) for _ in range(400)],
        [abs(numbers.gauss(unknown, 0.02)) for _ in range(400)],
        ["positive" if numbers.random() < positive else "negative" for _ in range(400)],
        [numbers.gauss(score, 0.04) for _ in range(400)],
    )


def by_name(old: Profile, new: Profile, minimum: int = 100) -> dict[str, Compared]:
    return {item.feature.name: item for item in compare(old, new, minimum=minimum, limit=0.2)}


def test_equal_traffic_is_ok_everywhere() -> None:
    answer = by_name(profile(1), profile(2))
    assert list(answer) == [feature.name for feature in FEATURES]
    assert {item.record.state for item in answer.values()} <= {"ok"}
    assert all(item.record.psi is not None and item.record.js is not None for item in answer.values())


def test_each_move_is_told_with_before_and_after() -> None:
    answer = by_name(profile(1), profile(2, length=118, unknown=0.3, positive=0.95, score=0.6))
    assert {item.record.state for item in answer.values()} == {"bad"}
    assert answer["text_length"].text.startswith("Text length moved right: median 6")
    assert answer["text_length"].text.endswith("tokens.")
    assert answer["unknown_share"].text.startswith("Share of unknown tokens rose: mean 0% → 2")
    assert "→ " in answer["predicted_label"].text
    assert answer["predicted_label"].record.names == ("negative", "positive") or answer[
        "predicted_label"
    ].record.names == ("positive", "negative")
    assert answer["confidence"].text.startswith("Confidence fell: median 0.9")
    assert isinstance(answer["text_length"].before, float)


def test_shares_are_over_one_axis_and_add_up() -> None:
    for item in by_name(profile(1), profile(2, length=300)).values():
        record = item.record
        assert len(record.reference) == len(record.current) == len(record.edges or record.names)
        assert sum(record.reference) == pytest.approx(1, abs=1e-3)
        assert sum(record.current) == pytest.approx(1, abs=1e-3)


def test_no_reference_no_traffic_and_too_little_of_it() -> None:
    for old, new in ((empty_profile(), profile(1)), (profile(1), empty_profile()), ({}, {})):
        answer = by_name(old, new)
        assert {item.record.state for item in answer.values()} == {"not_enough_data"}
        assert {item.text for item in answer.values()} == {""}
    assert by_name(profile(1), profile(2), minimum=401)["confidence"].record.state == "not_enough_data"


def test_a_reference_in_other_bins_is_not_compared() -> None:
    old = {**profile(1), "length_edges": [0, 10, 20]}
    assert by_name(old, profile(2))["text_length"].record.state == "not_enough_data"


def test_a_median_that_stays_is_called_a_change_of_shape() -> None:
    old = build_profile([64] * 200, [], [], [])
    new = build_profile([4] * 99 + [64] * 2 + [200] * 99, [], [], [])
    assert by_name(old, new)["text_length"].text == "Text length changed its shape: median 72 → 72 tokens."
