"""Texts of numbers as people read them."""

import math
import time

import pytest

from console import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "—"), (0.2, "0 s"), (51, "51 s"), (2520, "42 min"), (6720, "1 h 52 m"), (7200, "2 h"), (273600, "3 d 4 h")],
)
def test_duration_has_at_most_two_units(seconds: float | None, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "—"), (512, "512 B"), (21_000_000, "21 MB"), (38.2e9, "38.2 GB"), (412e9, "412 GB")]
)
def test_size(value: float | None, text: str) -> None:
    assert words.size(value) == text


def test_metric_keeps_the_digits_of_its_kind() -> None:
    assert words.metric("train/loss", 0.21843) == "0.2184"
    assert words.metric("train/learning_rate", 1.05e-4) == "1.05e−4"
    assert words.metric("train/samples_per_s", 212.4) == "212"
    assert words.metric("train/loss", math.nan) == "NaN"
    assert words.metric("train/loss", None) == "—"


def test_signs_are_real_minus_signs() -> None:
    assert words.signed(0.0085, 4) == "+0.0085"
    assert words.signed(-0.013, 3) == "−0.013"


def test_moments_shrink_with_distance() -> None:
    now = time.mktime((2026, 11, 22, 14, 5, 0, 0, 0, -1))
    assert words.moment(now - 60, now) == "14:04"
    assert words.moment(now - 86400, now) == "yesterday"
    assert words.moment(now - 2 * 86400, now) == "20 Nov"
    assert words.day_and_time(now - 86400, now) == "yesterday 14:05"
