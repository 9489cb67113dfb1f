"""Sheets keep the keyboard, Esc leaves, Ctrl+Enter acts, the focus goes back; toasts come and go."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QMainWindow, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from console.widgets.sheet import Sheet, SheetHost, tab_stops
from console.widgets.toast import SHOWN_MS, SHOWN_WITH_UNDO_MS, ToastHost


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    made = QMainWindow()
    centre = QWidget()
    layout = QVBoxLayout(centre)
    made.field = QLineEdit()  # type: ignore[attr-defined]
    layout.addWidget(made.field)  # type: ignore[attr-defined]
    made.setCentralWidget(centre)
    made.resize(1200, 800)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitActive(made)
    made.activateWindow()
    made.field.setFocus()  # type: ignore[attr-defined]
    return made


def a_sheet() -> Sheet:
    sheet = Sheet("Promote v14", icon="badge-check", primary="Promote v14")
    sheet.add(QLineEdit())
    sheet.add(QLineEdit())
    return sheet


def test_focus_goes_in_stays_and_comes_back(qtbot: QtBot, window: QMainWindow) -> None:
    host, sheet = SheetHost(window), a_sheet()
    host.open(sheet)
    assert sheet.isAncestorOf(QApplication.focusWidget())
    assert isinstance(QApplication.focusWidget(), QLineEdit)
    seen = set()
    for _ in range(len(tab_stops(sheet)) * 2):
        host.focusNextPrevChild(True)
        focus = QApplication.focusWidget()
        assert sheet.isAncestorOf(focus)
        seen.add(focus)
    assert len(seen) == len(tab_stops(sheet))
    qtbot.keyClick(sheet, Qt.Key.Key_Escape)
    assert host.isHidden()
    assert QApplication.focusWidget() is window.field  # type: ignore[attr-defined]


def test_ctrl_enter_uses_the_primary_button_only_when_allowed(qtbot: QtBot, window: QMainWindow) -> None:
    host, sheet, told = SheetHost(window), a_sheet(), []
    sheet.accepted.connect(lambda: told.append(1))
    host.open(sheet)
    assert sheet.primary is not None
    sheet.primary.set_enabled(False, "Say why first.")
    qtbot.keyClick(sheet, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    sheet.primary.set_enabled(True)
    qtbot.keyClick(sheet, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert told == [1]
    assert host.sheet is sheet


def test_a_click_beside_the_sheet_loses_nothing(qtbot: QtBot, window: QMainWindow) -> None:
    host, sheet = SheetHost(window), a_sheet()
    host.open(sheet)
    qtbot.mouseClick(host, Qt.MouseButton.LeftButton)
    assert host.sheet is sheet


@pytest.mark.parametrize(("kind", "width"), [("confirm", 620), ("form", 860)])
def test_sizes(window: QMainWindow, kind: str, width: int) -> None:
    host = SheetHost(window)
    sheet = Sheet("New run", kind=kind, primary="Launch")
    host.set_insets(44, 28)
    host.open(sheet)
    assert sheet.width() == width
    assert host.y() == 44
    if kind == "form":
        assert sheet.geometry().right() == host.rect().right()


def test_a_second_sheet_replaces_the_first(window: QMainWindow) -> None:
    host, first, second = SheetHost(window), a_sheet(), a_sheet()
    host.open(first)
    host.open(second)
    assert host.sheet is second
    assert host.isVisible()


def test_at_most_three_toasts_and_errors_go_last(window: QMainWindow) -> None:
    host = ToastHost(window)
    host.show_toast("failed", kind="bad")
    for number in range(4):
        host.show_toast(str(number))
    assert [toast.text for toast in host.toasts] == ["failed", "2", "3"]


def test_how_long_toasts_stay(window: QMainWindow) -> None:
    host = ToastHost(window)
    assert host.show_toast("done").stays_ms == SHOWN_MS
    assert host.show_toast("undo me", undo=lambda: None).stays_ms == SHOWN_WITH_UNDO_MS
    assert host.show_toast("broken", kind="bad").stays_ms is None


def test_undo_of_a_toast_acts_once_and_removes_it(window: QMainWindow) -> None:
    host, told = ToastHost(window), []
    toast = host.show_toast("Canary of v14 set to 10%", undo=lambda: told.append(1))
    from console.widgets.buttons import Button

    next(b for b in toast.findChildren(Button) if b.text() == "Undo").click()
    assert told == [1]
    assert host.toasts == []
