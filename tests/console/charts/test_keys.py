"""The keys of a focused chart come from the one key table: what is bound anew acts, what was taken away does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from console.charts import interact
from console.charts.group import ChartGroup
from console.keys import CHART, PAGE_KEYS, key_table

SHIFT = Qt.KeyboardModifier.ShiftModifier
KEYPAD = Qt.KeyboardModifier.KeypadModifier

SWITCHES: tuple[tuple[str, Qt.Key, Callable[[ChartGroup], object]], ...] = (
    ("chart.follow", Qt.Key.Key_F, lambda group: group.follow),
    ("chart.log_y", Qt.Key.Key_L, lambda group: group.log_y),
    ("chart.axis", Qt.Key.Key_X, lambda group: group.axis),
    ("chart.smoother", Qt.Key.Key_BracketRight, lambda group: group.smoothing),
    ("chart.zoom_in", Qt.Key.Key_Plus, lambda group: group.range),
    ("chart.zoom_out", Qt.Key.Key_Minus, lambda group: group.range),
    ("chart.next_event", Qt.Key.Key_E, lambda group: group.crosshair),
)


@pytest.fixture(autouse=True)
def _usual_keys() -> Iterator[None]:
    yield
    key_table.letters = True
    key_table.load({})


def test_every_key_of_a_chart_is_in_the_table() -> None:
    assert set(interact._BOUND) == {key.id for key in PAGE_KEYS if key.page == CHART}


@pytest.mark.parametrize(("action", "usual", "value"), SWITCHES)
def test_a_key_bound_anew_acts_and_the_usual_one_does_not(page, action, usual, value) -> None:
    loss, group = page.grid.chart("loss"), page.group
    group.zoom_to(2_000, 8_000)
    group.set_follow(True)
    key_table.set(action, "Y")
    before = value(group)
    QTest.keyClick(loss, usual)
    assert value(group) == before
    QTest.keyClick(loss, Qt.Key.Key_Y)
    assert value(group) != before


def test_a_key_taken_away_does_nothing(page) -> None:
    key_table.set("chart.log_y", "")
    QTest.keyClick(page.grid.chart("loss"), Qt.Key.Key_L)
    assert not page.group.log_y


def test_letters_that_are_switched_off_do_nothing_in_a_chart(page) -> None:
    key_table.letters = False
    loss, group = page.grid.chart("loss"), page.group
    for key in (Qt.Key.Key_L, Qt.Key.Key_X, Qt.Key.Key_F, Qt.Key.Key_BracketRight):
        QTest.keyClick(loss, key)
    assert (group.log_y, group.axis, group.follow, group.smoothing) == (False, "step", True, 0.0)
    QTest.keyClick(loss, Qt.Key.Key_Left)
    assert group.crosshair is not None


@pytest.mark.parametrize("held", [Qt.KeyboardModifier.NoModifier, SHIFT, KEYPAD])
def test_plus_zooms_in_however_the_keyboard_makes_it(page, held) -> None:
    before = page.group.range
    QTest.keyClick(page.grid.chart("loss"), Qt.Key.Key_Plus, held)
    assert page.group.range != before
