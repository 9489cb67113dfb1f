"""The log: levels, finding, following, and lines that cannot forge others (T25)."""

import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from console.widgets.logview import LogView, visible_text

LINES = [(1e9 + i, "error" if i == 70 else "info", f"step {i} loss 0.{i:03d}") for i in range(100)]


@pytest.fixture
def view(qtbot: QtBot) -> LogView:
    made = LogView("Log")
    qtbot.addWidget(made)
    made.resize(600, 180)
    made.show()
    made.set_lines(LINES)
    return made


def test_it_follows_until_scrolled_up(qtbot: QtBot, view: LogView) -> None:
    bar = view.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0
    with qtbot.waitSignal(view.follow_changed) as told:
        bar.setValue(3)
    assert told.args == [False]
    view.append([(1e9, "info", "more")])
    assert bar.value() == 3
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert view.follow
    assert bar.value() == bar.maximum()


def test_levels_and_finding(view: LogView) -> None:
    assert view.find_text("loss 0.042")
    assert not view.find_text("nothing like it")
    assert view.first_error()
    view.set_level("error")
    assert view.count == 1
    view.set_level("")
    assert view.count == 100


def test_a_click_on_a_step_tells_it(qtbot: QtBot, view: LogView) -> None:
    view.set_lines([(1e9, "info", "step 8,400 of 12000")])
    with qtbot.waitSignal(view.step_clicked) as told:
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(round(view._text_left()) + 20, 8))
    assert told.args == [8400]


def test_control_and_direction_characters_are_shown_as_escapes() -> None:
    assert visible_text("a\n2026 ERROR x\x1b[2J\u202e") == "a\n2026 ERROR x\\x1b[2J\\x202e".replace("\n", "\\x0a")
    for hidden in "\x7f\x85\x9b\u061c\u200e\u200f\u2028\u2029\u202a\u2066\ufeff":
        assert visible_text(f"a{hidden}b") == f"a\\x{ord(hidden):02x}b"


def test_appended_lines_are_escaped(view: LogView) -> None:
    view.set_lines([(1e9, "info", "a\n2026 ERROR x\x1b[2J")])
    assert view.count == 1
    assert "\x1b" not in view.text()
    assert "\n" not in view.text()


def test_a_million_lines_are_capped(view: LogView) -> None:
    view.append([(1e9, "info", "x")] * 250_000)
    assert view.count == 200_000
    view.grab()
