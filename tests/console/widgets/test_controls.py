"""Segmented control, tabs, toggle, buttons and tiles by mouse and keyboard."""

import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from console.widgets.buttons import Button, IconButton
from console.widgets.controls import Segmented, Tabs, Toggle
from console.widgets.meters import MetricTile, Sparkline
from console.widgets.traffic import TrafficSlider

CHOICES = [("off", "Off"), ("shadow", "Shadow"), ("canary", "Canary")]


@pytest.mark.parametrize("kind", [Segmented, Tabs])
def test_arrows_move_and_skip_what_is_refused(qtbot: QtBot, kind: type[Segmented] | type[Tabs]) -> None:
    made = kind(CHOICES, name="Mode")
    qtbot.addWidget(made)
    told: list[str] = []
    made.changed.connect(told.append)
    made.set_disabled("shadow", "No shadow without a challenger.")
    qtbot.keyClick(made, Qt.Key.Key_Right)
    qtbot.keyClick(made, Qt.Key.Key_Right)
    assert told == ["canary", "off"]
    assert made.accessibleName() == "Mode: Off"
    with pytest.raises(ValueError, match="shadow"):
        made.set_value("nothing")


def test_a_click_on_a_segment_chooses_it(qtbot: QtBot) -> None:
    made = Segmented(CHOICES)
    qtbot.addWidget(made)
    made.resize(made.sizeHint())
    with qtbot.waitSignal(made.changed) as told:
        qtbot.mouseClick(made, Qt.MouseButton.LeftButton, pos=QPoint(made.width() - 10, 12))
    assert told.args == ["canary"]


def test_toggle_by_space(qtbot: QtBot) -> None:
    made = Toggle("Follow live")
    qtbot.addWidget(made)
    with qtbot.waitSignal(made.toggled) as told:
        qtbot.keyClick(made, Qt.Key.Key_Space)
    assert told.args == [True]
    assert made.accessibleName() == "Follow live"


def test_a_busy_button_swallows_clicks(qtbot: QtBot) -> None:
    made = Button("Launch", "primary", "play")
    qtbot.addWidget(made)
    clicks: list[int] = []
    made.clicked.connect(lambda: clicks.append(1))
    made.set_busy(True)
    qtbot.mouseClick(made, Qt.MouseButton.LeftButton)
    made.set_busy(False)
    qtbot.mouseClick(made, Qt.MouseButton.LeftButton)
    assert clicks == [1]


def test_a_disabled_button_says_why(qtbot: QtBot) -> None:
    made = Button("Promote", tip="Promote v14")
    qtbot.addWidget(made)
    made.set_enabled(False, "The gate Loads and answers failed.")
    assert "Loads and answers" in made.toolTip()
    made.set_enabled(True)
    assert "Loads" not in made.toolTip()


def test_icon_buttons_are_large_enough_to_hit(qtbot: QtBot) -> None:
    for made in (IconButton("x", "Close", small=True), IconButton("x", "Close")):
        qtbot.addWidget(made)
        assert min(made.sizeHint().width(), made.sizeHint().height()) >= 24
        assert made.accessibleName() == "Close"


def test_unknown_kinds_are_refused(qapp: object) -> None:
    with pytest.raises(ValueError, match="primary"):
        Button("x", "huge")


def test_a_tile_opens_by_key_and_speaks_its_value(qtbot: QtBot) -> None:
    made = MetricTile("p99")
    qtbot.addWidget(made)
    made.set_value("19.4", "ms")
    assert made.accessibleName() == "p99, 19.4 ms"
    with qtbot.waitSignal(made.clicked):
        qtbot.keyClick(made, Qt.Key.Key_Return)


def test_a_sparkline_speaks_and_survives_gaps(qtbot: QtBot) -> None:
    made = Sparkline("train loss")
    qtbot.addWidget(made)
    for values in ([], [None], [1.0], [float("nan"), None, 2.0, 1.0, float("inf")], [3.0, 3.0]):
        made.set_values(values)
        made.grab()
    assert made.accessibleName() == "train loss, steady at 3"


def test_the_traffic_slider_by_keys_and_mouse(qtbot: QtBot) -> None:
    made = TrafficSlider()
    qtbot.addWidget(made)
    made.resize(300, 48)
    made.set_split("v13", "v14", 10)
    told: list[int] = []
    made.changed.connect(told.append)
    qtbot.keyClick(made, Qt.Key.Key_Left)
    qtbot.keyClick(made, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(made, Qt.Key.Key_Right)
    qtbot.mouseClick(made, Qt.MouseButton.LeftButton, pos=QPoint(150, 35))
    qtbot.keyClick(made, Qt.Key.Key_End)
    assert told == [11, 21, 20, 50, 0]
    with qtbot.waitSignal(made.committed) as done:
        qtbot.keyClick(made, Qt.Key.Key_Return)
    assert done.args == [0]
    assert "v13 100%" in made.accessibleName()
