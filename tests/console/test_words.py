"""Texts of numbers as people read them."""

import math
import time

import pytest

from console import words
from console.charts import format as chart_format
from console.i18n import translator


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


@pytest.mark.parametrize(("value", "text"), [(0.0, "0.0"), (0.03, "0.03"), (0.42, "0.4"), (148.2, "148.2")])
def test_a_low_rate_is_not_zero(value: float | None, text: str) -> None:
    assert words.rate(value) == text


def test_signs_are_real_minus_signs() -> None:
    assert words.signed(0.0085, 4) == "+0.0085"
    assert words.signed(-0.013, 3) == "−0.013"


def test_moments_shrink_with_distance() -> None:
    now = time.mktime((2026, 11, 22, 14, 5, 0, 0, 0, -1))
    assert words.moment(now - 60, now) == "14:04"
    assert words.moment(now - 86400, now) == "yesterday"
    assert words.moment(now - 2 * 86400, now) == "20 Nov"
    assert words.day_and_time(now - 86400, now) == "yesterday 14:05"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(51, "51秒"), (2520, "42分钟"), (6720, "1时52分"), (7200, "2小时"), (273600, "3天4时"), (172800, "2天")],
)
def test_durations_are_chinese_in_chinese(seconds: float, text: str) -> None:
    translator.set_language("zh")
    assert words.duration(seconds) == text


def test_dates_are_chinese_in_chinese() -> None:
    now = time.mktime((2026, 11, 22, 14, 5, 0, 0, 0, -1))
    translator.set_language("zh")
    assert words.moment(now - 86400, now) == "昨天"
    assert words.moment(now - 2 * 86400, now) == "11月20日"
    assert words.moment(now - 700 * 86400, now) == "2024年12月22日"
    assert words.day_and_time(now, now) == "今天 14:05"
    assert words.day_and_time(now - 86400, now) == "昨天 14:05"
    assert words.day_and_time(now - 2 * 86400, now) == "11月20日 14:05"
    assert words.seconds_exact(0.42) == "0.42秒"


def test_the_axes_of_a_chart_speak_the_language_of_now() -> None:
    assert chart_format.elapsed_label(5400, 900) == "1.5 h"
    assert words.stopwatch(1851) == "30 m 51 s"
    translator.set_language("zh")
    assert chart_format.elapsed_label(5400, 900) == "1.5小时"
    assert chart_format.elapsed_label(30, 10) == "30秒"
    assert words.stopwatch(-1851) == f"{words.MINUS}30分51秒"
    at = time.mktime((2026, 11, 16, 12, 0, 0, 0, 0, -1))
    assert chart_format.clock_label(at, 86400) == "11月16日"


def test_months_do_not_follow_the_locale_of_the_process() -> None:
    at = time.mktime((2026, 5, 3, 12, 0, 0, 0, 0, -1))
    assert words.day(at) == "3 May"
