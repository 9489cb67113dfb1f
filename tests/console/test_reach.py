"""Full use by keys on the real window with real pages: areas, focus ring, help, deep links, own windows, every page."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDockWidget, QWidget
from pytestqt.qtbot import QtBot

from console.actions import GO_TO
from console.areas import areas_of, header_of
from console.helpsheet import HelpSheet
from console.settings import Settings
from console.widgets.chips import Kbd
from console.widgets.popover import Popover
from console.widgets.text import Text
from console.window import Window
from tests.helpers.full_house import PLACES, full_window

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier
RUN = "run/intent-lora-r16-s42"


@pytest.fixture
def window(qtbot: QtBot, settings: Settings) -> Iterator[Window]:
    made = full_window(settings)
    qtbot.addWidget(made)
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    yield made
    made.toasts.clear()
    for other in list(made._detached):
        other.close()


def press(qtbot: QtBot, window: Window, key: Qt.Key, modifier: Qt.KeyboardModifier = NONE) -> None:
    qtbot.keyClick(QApplication.focusWidget() or window, key, modifier)


def area(window: Window) -> str:
    """Which area has the focus."""
    focus = QApplication.focusWidget()
    page = window.stack.page()
    assert page is not None
    docks: dict[str, QWidget | None] = {d.objectName(): d for d in page.findChildren(QDockWidget)}
    parts = {"top": window.topbar, "rail": window.rail, "head": header_of(page), **docks, "content": page}
    parts["status"] = window.status
    return next(name for name, part in parts.items() if part is not None and focus and part.isAncestorOf(focus))


def show(window: Window, place: str) -> None:
    window.navigate(place)
    QApplication.processEvents()


def test_f6_goes_round_every_area_and_back_on_every_page(window: Window, qtbot: QtBot) -> None:
    for place in PLACES:
        show(window, place)
        _go_round(window, qtbot)


def _go_round(window: Window, qtbot: QtBot) -> None:
    window.topbar.search.setFocus()
    count = len(areas_of(window.stack.page(), (window.topbar, window.rail), (window.status,)))
    forth = []
    for _ in range(count):
        press(qtbot, window, Qt.Key.Key_F6)
        forth.append(area(window))
    assert forth[:1] == ["rail"]
    assert forth[-2:] == ["status", "top"]
    assert len(set(forth)) == count
    back = []
    for _ in range(count):
        press(qtbot, window, Qt.Key.Key_F6, SHIFT)
        back.append(area(window))
    assert back == [*reversed(forth[:-1]), "top"]


def test_the_run_page_has_its_head_and_docks_as_areas(window: Window, qtbot: QtBot) -> None:
    window.navigate(RUN)
    qtbot.waitUntil(lambda: bool(window.stack.page().findChildren(QDockWidget)), timeout=10_000)  # type: ignore[union-attr]
    window.rail._items["runs"].setFocus()
    press(qtbot, window, Qt.Key.Key_F6)
    assert area(window) == "head"
    press(qtbot, window, Qt.Key.Key_F6)
    assert area(window) == "content"
    press(qtbot, window, Qt.Key.Key_F6)
    assert area(window) not in ("content", "status", "top")  # a dock


def test_tab_goes_from_the_top_bar_to_the_rail_and_on_to_the_page(window: Window, qtbot: QtBot) -> None:
    window.navigate("runs")
    window.topbar.new_run.setFocus()
    seen: list[str] = []
    for _ in range(60):
        press(qtbot, window, Qt.Key.Key_Tab)
        here = area(window)
        if not seen or seen[-1] != here:
            seen.append(here)
        if here == "top":
            break
    assert seen == ["rail", "head", "content", "status", "top"]


def test_the_ring_is_shown_for_keys_and_not_for_the_mouse(window: Window, qtbot: QtBot) -> None:
    window.navigate("runs")
    qtbot.mouseClick(window.topbar.bell, Qt.MouseButton.LeftButton)
    popup = QApplication.activePopupWidget()
    assert isinstance(popup, Popover)
    popup.close()
    assert not window.ring.isVisible()
    press(qtbot, window, Qt.Key.Key_Tab)
    assert window.ring.isVisible()
    assert window.ring.target is QApplication.focusWidget()
    item = window.rail._items["models"]
    place = item.mapTo(window, item.rect().center())
    # On the native window, as the screen would send it; the focus stays where it was.
    QTest.mouseClick(window.windowHandle(), Qt.MouseButton.LeftButton, NONE, place)
    assert window.stack.current_key == "models"
    assert not window.ring.isVisible()


def test_question_mark_lists_the_keys_of_the_page(window: Window, qtbot: QtBot) -> None:
    for place in ("overview", RUN, "models", "endpoints", "alerts"):
        show(window, place)
        _look_at_help(window, qtbot)


def _look_at_help(window: Window, qtbot: QtBot) -> None:
    qtbot.keyClick(window.stack.page(), Qt.Key.Key_Question, SHIFT)
    sheet = window.sheets.sheet
    assert isinstance(sheet, HelpSheet)
    titles = [text.text() for text in sheet.findChildren(Text)]
    assert {"Everywhere", "Lists and tables"} <= set(titles)
    page = window.stack.page()
    assert page is not None
    keys = {caps.accessibleName() for caps in sheet.findChildren(Kbd)}
    for action in page.actions():
        if window.actions_registry.shortcut(action):
            assert action.plain_text in titles
    assert "Ctrl K" in keys
    press(qtbot, window, Qt.Key.Key_Escape)
    assert window.sheets.sheet is None


def test_the_link_of_a_page_is_copied_and_leads_back(window: Window, qtbot: QtBot) -> None:
    for place in PLACES:
        show(window, place)
        window.stack.page().setFocus()  # type: ignore[union-attr]
        press(qtbot, window, Qt.Key.Key_C, CTRL | SHIFT)
        link = QGuiApplication.clipboard().text()
        assert link.startswith("modeldeck://")
        window.navigate("overview" if place != "overview" else "runs")
        window.navigate(link)
        assert window.current_link() == link
        assert window.stack.current_key == place.partition("/")[0]


def test_a_page_opens_in_a_window_of_its_own_by_key(window: Window, qtbot: QtBot) -> None:
    for place in (RUN, "compare/intent-lora-r16-s42,head-s1", "endpoints"):
        show(window, place)
        press(qtbot, window, Qt.Key.Key_O, CTRL | SHIFT)
        (own,) = window._detached
        assert own.isVisible()
        assert own.page.target() == window.stack.page().target()  # type: ignore[union-attr]
        own.close()
        assert window._detached == []
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow)


def test_other_pages_say_that_they_stay(window: Window, qtbot: QtBot) -> None:
    window.navigate("audit")
    press(qtbot, window, Qt.Key.Key_O, CTRL | SHIFT)
    assert window._detached == []
    assert window.toasts.toasts[-1].text == "Audit stays in this window"


def test_every_page_by_g_and_its_letter(window: Window, qtbot: QtBot) -> None:
    for action in GO_TO:
        letter = action.shortcut.partition(";")[0].rpartition(", ")[2]
        page = window.stack.page()
        qtbot.keyClick(page, Qt.Key.Key_G)
        qtbot.keyClick(page, Qt.Key(ord(letter)))
        assert window.stack.current_key == action.argument


def test_no_page_traps_the_tab_key(window: Window, qtbot: QtBot) -> None:
    for place in PLACES:
        if place == "settings/keyboard":
            continue  # some two hundred stops of the same kind
        show(window, place)
        window.topbar.new_run.setFocus()
        for _ in range(150):
            press(qtbot, window, Qt.Key.Key_Tab)
            if QApplication.focusWidget() is window.topbar.new_run:
                break
        else:
            pytest.fail(f"{place}: Tab never came round; it stands at {QApplication.focusWidget()}")
