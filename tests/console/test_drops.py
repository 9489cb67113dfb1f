"""Dragging onto the rail on a real window: pin, reorder, join a comparison, promote, deploy, import; and by keys."""

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from backend.contract.resources import EndpointRecord, RunRecord
from console.drops import meaning, name_of, split_version
from console.settings import PINNED, Settings
from console.shell import Services
from console.state.changes import Changes
from console.state.store import AppState
from console.widgets.pins import PinItem
from console.window import Window
from tests.console.test_window import SPECS
from tests.helpers.dragging import drag, drop, let_go, press_and_move
from tests.helpers.fake_link import FakeLink

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
ALT = Qt.KeyboardModifier.AltModifier
RUN, VERSION = "modeldeck://run/r1", "modeldeck://model/sentiment/3"


@pytest.fixture
def started() -> list[tuple[str, dict[str, Any]]]:
    return []


@pytest.fixture
def window(qtbot: QtBot, settings: Settings, started: list[Any]) -> Iterator[Window]:
    state = AppState()
    state.loaded = True
    state.connected()
    for number in (1, 2, 3):
        state.runs[f"r{number}"] = RunRecord(id=f"r{number}", name=f"run {number}", recipe="t", state="running",
                                             step=10, total_steps=100)  # fmt: skip
    state.endpoints["live"] = EndpointRecord.model_validate(
        {"name": "live", "model": "sentiment", "state": "serving", "url": "u", "created_at": 0.0}
    )
    settings.set(PINNED, [{"link": "endpoint/live", "text": "live"}, {"link": "compare/r1,r2", "text": "two runs"},
                          {"link": "run/r3", "text": "run 3"}])  # fmt: skip
    made = Window(FakeLink(), state, settings, Services(), SPECS)
    made._drops._start = lambda name, **arguments: started.append((name, arguments))
    qtbot.addWidget(made)
    made.resize(1440, 900)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    made.open_start_page()
    made.on_changes(Changes(everything=True))
    QApplication.processEvents()
    yield made
    made.toasts.clear()


def pins(window: Window) -> list[str]:
    return [item.pin.link for item in window.rail._pin_items]


def item(window: Window, link: str) -> PinItem:
    return next(each for each in window.rail._pin_items if each.pin.link == link)


def middle(window: Window, target: str) -> QPoint:
    widget = window.rail._items.get(target) or item(window, target)
    return widget.mapTo(window.rail, widget.rect().center())


def test_what_a_drop_means() -> None:
    assert meaning([RUN], "compare/r2,r3") is not None
    assert [meaning([VERSION], t).what for t in ("endpoint/live", "endpoints", "pinned")] == [
        "promote",
        "deploy",
        "pin",
    ]
    assert meaning([RUN], "endpoint/live") is None
    assert meaning(["modeldeck://model/sentiment"], "endpoint/live") is None  # a model without a version
    assert meaning(["/data/new.csv"], "runs") is None
    assert meaning([], "pinned") is None
    assert split_version("org/name/12") == ("org/name", 12)
    assert split_version("name") == ("name", None)
    assert name_of("model/sentiment/3", AppState()) == "sentiment v3"


def test_a_run_falls_into_the_pinned_under_its_name(window: Window, settings: Settings) -> None:
    assert drop(window.rail, middle(window, "overview"), RUN)
    assert settings.get(PINNED)[-1] == {"link": "run/r1", "text": "run 1"}


def test_a_version_on_a_pinned_endpoint_opens_the_promote_sheet(window: Window, started: list[Any]) -> None:
    assert drop(window.rail, middle(window, "endpoint/live"), VERSION)
    assert started == [("model.promote", {"model": "sentiment", "version": 3, "endpoint": "live"})]
    assert drop(window.rail, middle(window, "endpoints"), VERSION)
    assert started[-1] == ("endpoint.new", {"model": "sentiment", "version": 3})


def test_runs_on_a_pinned_comparison_join_it_and_the_pin_grows(window: Window, settings: Settings) -> None:
    text = f"{RUN}\nmodeldeck://run/r3"
    assert drop(window.rail, middle(window, "compare/r1,r2"), text)
    assert window.current_link() == "modeldeck://compare/r1,r2,r3"
    assert [pin["link"] for pin in settings.get(PINNED)] == ["endpoint/live", "compare/r1,r2,r3", "run/r3"]


def test_a_file_on_data_is_imported_and_nowhere_else(window: Window, started: list[Any]) -> None:
    assert not drop(window.rail, middle(window, "models"), files=("/data/new.csv",))
    assert drop(window.rail, middle(window, "data"), files=("/data/new.csv",))
    assert started == [("data.import", {"path": "/data/new.csv"})]


def test_strange_text_is_not_taken(window: Window) -> None:
    assert not drop(window.rail, middle(window, "overview"), "https://example.org/modeldeck://run/r1")


def test_pins_are_dragged_and_moved_by_keys(window: Window, qtbot: QtBot, settings: Settings) -> None:
    first = item(window, "endpoint/live")
    drag(first, first.rect().center(), first.rect().center() + QPoint(0, 58))
    assert pins(window) == ["compare/r1,r2", "run/r3", "endpoint/live"]
    moved = item(window, "endpoint/live")
    moved.setFocus()
    qtbot.keyClick(moved, Qt.Key.Key_Up, ALT)
    assert [pin["link"] for pin in settings.get(PINNED)] == ["compare/r1,r2", "endpoint/live", "run/r3"]
    assert item(window, "endpoint/live").hasFocus()
    qtbot.keyClick(item(window, "endpoint/live"), Qt.Key.Key_Return)
    assert window.stack.current_key == "endpoints"


def test_a_drag_goes_on_while_the_progress_changes(window: Window) -> None:
    last = item(window, "run/r3")
    place = press_and_move(last, last.rect().center(), last.rect().center() - QPoint(0, 29))
    window.state.runs["r3"] = window.state.runs["r3"].model_copy(update={"step": 55})
    window.on_changes(Changes(runs={"r3"}))
    assert item(window, "run/r3") is last
    assert "55%" in last.accessibleName()
    let_go(last, place)
    assert pins(window) == ["endpoint/live", "run/r3", "compare/r1,r2"]


def test_the_menu_of_a_pin_by_keys(window: Window, qtbot: QtBot) -> None:
    pinned = item(window, "run/r3")
    pinned.setFocus()
    window._on_pin_menu("run/r3", QPoint(10, 10))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    next(action for action in menu.actions() if action.text() == "Unpin").trigger()
    menu.close()
    assert pins(window) == ["endpoint/live", "compare/r1,r2"]
