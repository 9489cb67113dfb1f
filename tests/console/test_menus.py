"""UI.md 13, item 16: context menus by right-click and by Shift+F10 on rows, charts, versions and GPU processes, in the
whole window with real pages."""

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from pytestqt.qtbot import QtBot

from console.pages.overview.gpus import GpuCard
from console.settings import LANGUAGE, Settings
from console.window import Window
from tests.helpers.clicking import right_click
from tests.helpers.full_house import full_window

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)  # menus on the offscreen platform


@pytest.fixture
def window(qtbot: QtBot, settings: Settings) -> Window:
    settings.set(LANGUAGE, "en")
    made = full_window(settings)
    qtbot.addWidget(made)
    return made


def entries_of(qtbot: QtBot, act: Callable[[], object]) -> set[str]:
    """The entries of the menu that an action of a person opens; the menu is closed again. Some menus keep the action
    until then, so they are looked at from a timer."""
    found: set[str] = set()
    timer = QTimer(interval=5)

    def look() -> None:
        menu = QApplication.activePopupWidget()
        if isinstance(menu, QMenu):
            timer.stop()
            found.update(action.text() for action in menu.actions() if not action.isSeparator())
            menu.close()

    timer.timeout.connect(look)
    timer.start()
    try:
        act()
        qtbot.waitUntil(lambda: bool(found) and QApplication.activePopupWidget() is None)
    finally:
        timer.stop()
    return found


def by_key(widget: QWidget) -> None:
    widget.setFocus()
    QTest.keyClick(widget, Qt.Key.Key_F10, Qt.KeyboardModifier.ShiftModifier)


def both(qtbot: QtBot, widget: QWidget, target: QWidget, at: QPoint | None = None) -> set[str]:
    """What both ways offer: the same."""
    clicked = entries_of(qtbot, lambda: right_click(target, at))
    keyed = entries_of(qtbot, lambda: by_key(widget))
    assert clicked == keyed
    return clicked


def page(window: Window, place: str) -> Any:
    window.navigate(place)
    for _ in range(6):
        QApplication.processEvents()
    return window.stack.page()


def test_rows_of_runs(window: Window, qtbot: QtBot) -> None:
    view = page(window, "runs").view
    first = view.visualRect(view.model().index(0, 2)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=first)
    found = both(qtbot, view, view.viewport(), first)
    assert {"Open", "Clone as new run…", "Copy link", "Copy config", "Archive"} <= found


def test_charts(window: Window, qtbot: QtBot) -> None:
    chart = page(window, "run/intent-lora-r16-s42").charts.grid.chart("loss")
    clicked = entries_of(qtbot, lambda: right_click(chart.canvas))
    keyed = entries_of(qtbot, lambda: by_key(chart))
    assert clicked - keyed == {"Add note here"}  # a key has no place on the axis
    assert {"Copy data", "Open in Compare"} <= keyed


def test_versions(window: Window, qtbot: QtBot) -> None:
    timeline = page(window, "models").versions.timeline
    assert len(both(qtbot, timeline, timeline, QPoint(60, 30))) > 2


def test_pinned_things(window: Window, qtbot: QtBot) -> None:
    pinned = window.rail._pin_items[0]
    assert "Unpin" in both(qtbot, pinned, pinned)


def test_gpu_processes(window: Window, qtbot: QtBot) -> None:
    cards = [part for part in page(window, "overview").area.parts if isinstance(part, GpuCard)]
    chips = [chip for card in cards for chip in card.processes.chips()]
    assert chips
    for chip in chips:
        found = both(qtbot, chip, chip)
        assert "Copy pid" in found
        assert ("End process…" in found) is chip._clickable
