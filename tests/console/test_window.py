"""The shell by real keys and clicks: pages, history, palette, sheets, rail, banner, theme and language, undo."""

import time
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from backend.contract.resources import AlertRecord, GpuReading, RunRecord, SystemStatus, TelemetrySample
from console.actions import ACTIONS, GO_TO, Action, Actions
from console.context import Context
from console.i18n import translator
from console.settings import LANGUAGE, LETTER_KEYS, PINNED, RAIL_COLLAPSED, TABLES, THEME, WINDOW_PLACE, Settings
from console.shell import Services
from console.stack import PageSpec
from console.state.changes import Changes
from console.state.store import AppState
from console.status import START_TRIES
from console.theme import theme
from console.widgets.page import Page
from console.widgets.sheet import Sheet
from console.widgets.text import rich_text_leaks
from console.window import PAGES, Window
from tests.helpers.fake_link import FakeLink


class PlainPage(Page):
    """A page that writes down what it is told."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.told: list[str] = []
        self.shown_target = ""

    def refresh(self, changes: Changes) -> None:
        self.told.append("everything" if changes.everything else "changes")

    def on_shown(self) -> None:
        self.told.append("shown")

    def on_hidden(self) -> None:
        self.told.append("hidden")

    def set_stale(self, since: float | None) -> None:
        self.told.append(f"stale {since}")

    def open_target(self, target: str) -> None:
        self.shown_target = target

    def target(self) -> str:
        return self.shown_target

    def actions(self) -> list[Action]:  # type: ignore[override]
        return [
            Action("page.pause", "Pause run", lambda: self.told.append("paused"), "pause", "Ctrl+P", "run"),
            Action("page.follow", "Follow live", lambda: self.told.append("followed"), "", "F", "run"),
            Action(
                "page.no",
                "Promote",
                lambda: self.told.append("never"),
                "",
                "Ctrl+B",
                "run",
                reason=lambda: "A gate failed.",
            ),
        ]


class FailingPage(Page):
    """A page that cannot be made."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        raise ValueError("no <b>data</b>")


HERE = "tests.console.test_window"
SPECS = tuple(
    PageSpec(
        s.key,
        s.title,
        s.icon,
        f"{HERE}:{'FailingPage' if s.key == 'audit' else 'PlainPage'}",
        s.group,
        s.parent,
        s.detachable,
    )
    for s in PAGES
)


@pytest.fixture
def state() -> AppState:
    made = AppState()
    made.loaded = True
    made.connected()
    made.runs["r1"] = RunRecord(id="r1", name="intent-lora", recipe="t", state="running", step=70, total_steps=100)
    made.alerts["a1"] = AlertRecord(id="a1", kind="latency", title="p99 above 25 ms", opened_at=time.time())
    made.system = SystemStatus(
        state="running",
        pid=1,
        home="h",
        socket="s",
        started_at=0,
        version="0.1.0",
        protocol=1,
        disk_free_bytes=int(4e11),
    )
    return made


@pytest.fixture
def window(qtbot: QtBot, state: AppState, settings: Settings) -> Iterator[Window]:
    made = Window(FakeLink(), state, settings, Services(diagnostics=lambda: "Qt 6"), SPECS)
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    made.open_start_page()
    yield made
    made.toasts.clear()


def page(window: Window) -> PlainPage:
    front = window.stack.page()
    assert isinstance(front, PlainPage)
    return front


def press(
    qtbot: QtBot, window: Window, *keys: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    for key in keys:
        qtbot.keyClick(QApplication.focusWidget() or window, key, modifier)


CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.mark.parametrize(("number", "key"), [(i + 1, a.argument) for i, a in enumerate(GO_TO)])
def test_every_page_by_number_and_rail(qtbot: QtBot, window: Window, number: int, key: str) -> None:
    press(qtbot, window, Qt.Key(int(Qt.Key.Key_0) + number), modifier=CTRL)
    assert window.stack.current_key == key
    window.navigate("overview")
    qtbot.mouseClick(window.rail._items[key], Qt.MouseButton.LeftButton)
    assert window.stack.current_key == key
    assert window.rail._items[key].isChecked()


def test_g_and_a_letter(qtbot: QtBot, window: Window, settings: Settings) -> None:
    press(qtbot, window, Qt.Key.Key_G, Qt.Key.Key_M)
    assert window.stack.current_key == "models"
    settings.set(LETTER_KEYS, False)
    press(qtbot, window, Qt.Key.Key_G, Qt.Key.Key_R)
    assert window.stack.current_key == "models"


def test_history_and_deep_links(qtbot: QtBot, window: Window) -> None:
    window.navigate("modeldeck://run/r1")
    assert page(window).shown_target == "r1"
    assert window.rail._items["runs"].isChecked()
    window.navigate("models")
    press(qtbot, window, Qt.Key.Key_Left, modifier=Qt.KeyboardModifier.AltModifier)
    assert window.stack.current_key == "run"
    qtbot.mouseClick(window, Qt.MouseButton.BackButton, pos=QPoint(5, 5))
    assert window.stack.current_key == "overview"
    press(qtbot, window, Qt.Key.Key_Right, modifier=Qt.KeyboardModifier.AltModifier)
    assert window.current_link() == "modeldeck://run/r1"
    window.copy_link()
    assert QGuiApplication.clipboard().text() == "modeldeck://run/r1"


def test_an_unknown_place_is_said(window: Window) -> None:
    window.navigate("nowhere/1")
    assert "nowhere" in window.toasts.toasts[-1].text
    assert window.stack.current_key == "overview"


def test_hidden_pages_are_told_on_their_next_show(window: Window) -> None:
    first = page(window)
    window.navigate("runs")
    assert first.told[-1] == "hidden"
    told = len(first.told)
    window.on_changes(Changes(runs={"r1"}))
    window.on_changes(Changes(runs={"r1"}))
    assert len(first.told) == told
    assert page(window).told[-1] == "changes"
    window.navigate("overview")
    assert first.told[told : told + 2] == ["everything", "shown"]


def test_a_page_that_fails_shows_its_error_and_the_rest_works(window: Window) -> None:
    window.navigate("audit")
    front = window.stack.page()
    assert front is not None
    assert rich_text_leaks(front) == []
    window.navigate("runs")
    assert window.stack.current_key == "runs"


def test_page_actions_act_by_key_and_say_why_not(qtbot: QtBot, window: Window) -> None:
    press(qtbot, window, Qt.Key.Key_P, modifier=CTRL)
    press(qtbot, window, Qt.Key.Key_F)
    press(qtbot, window, Qt.Key.Key_B, modifier=CTRL)
    assert page(window).told[-2:] == ["paused", "followed"]
    assert "gate" in window.toasts.toasts[-1].accessibleName()


def test_nothing_below_a_sheet_acts(qtbot: QtBot, window: Window) -> None:
    window.open_sheet(Sheet("Stop run", primary="Stop"))
    press(qtbot, window, Qt.Key.Key_F)
    press(qtbot, window, Qt.Key.Key_3, modifier=CTRL)
    assert "followed" not in page(window).told
    assert window.stack.current_key == "overview"
    window.close_sheet()
    press(qtbot, window, Qt.Key.Key_3, modifier=CTRL)
    assert window.stack.current_key == "runs"


def test_the_palette_finds_pages_runs_and_reasons(qtbot: QtBot, window: Window) -> None:
    press(qtbot, window, Qt.Key.Key_K, modifier=CTRL)
    assert window.palette_box.isVisible()
    qtbot.keyClicks(window.palette_box.field, "intent")
    qtbot.keyClick(window.palette_box.field, Qt.Key.Key_Return)
    assert window.current_link() == "modeldeck://run/r1"
    window.open_palette()
    reasons = [i.reason for i in window.palette_box._items if i.text == "Promote"]
    assert reasons == ["A gate failed."]
    window.palette_box.close_palette()


def test_offline_bar_comes_and_goes(qtbot: QtBot, window: Window, state: AppState) -> None:
    asked: list[int] = []
    window._services.restart_backend = lambda: asked.append(1)
    window.on_changes(state.lost())
    assert window.banner.isVisible()
    assert page(window).told[-2].startswith("stale 1")
    assert window.context.offline()
    next(b for b in window.banner._buttons if b.text() == "Restart backend").click()
    assert asked == [1]
    window.on_changes(state.connected())
    assert not window.banner.isVisible()
    assert "stale None" in page(window).told


def test_a_start_is_no_alarm_until_it_takes_too_long(window: Window, state: AppState) -> None:
    state.loaded, state.retry = False, (START_TRIES, 2)
    window.on_changes(state.lost())
    assert not window.banner.isVisible()
    assert window.status.segment("backend").accessibleName() == "Starting backend"
    state.retry = (START_TRIES + 1, 4)
    window.on_changes(Changes(connection=True))
    assert window.banner.isVisible()
    assert window.status.segment("backend").accessibleName() == "Backend offline"


def test_the_bar_names_a_backend_of_another_version(window: Window, state: AppState) -> None:
    state.mismatch = "9.9"
    window.on_changes(state.lost())
    assert window.banner.isVisible()
    assert "9.9" in window.banner.message.text()
    assert [button.text() for button in window.banner._buttons] == ["Restart backend", "Log"]


def test_badges_bell_pins_and_status(window: Window, state: AppState) -> None:
    window.pin("run/r1", "intent-lora")
    state.telemetry = TelemetrySample(taken_at=0, gpus=(GpuReading(index=0, utilization_percent=38.0),))
    window.on_changes(Changes(everything=True))
    assert window.rail._items["runs"].accessibleName() == "Runs, 1"
    assert window.rail._pins[0].fraction == pytest.approx(0.7)
    assert "1" in window.topbar.bell.accessibleName()
    assert window.status.segment("gpu").accessibleName() == "GPU 0 38%"
    assert window.status.segment("disk").accessibleName() == "400 GB free"
    window.unpin("run/r1")
    assert not window.is_pinned("run/r1")


def test_theme_and_language_switch_at_run_time(qtbot: QtBot, window: Window, settings: Settings) -> None:
    press(qtbot, window, Qt.Key.Key_L, modifier=CTRL | Qt.KeyboardModifier.ShiftModifier)
    assert (theme.name, settings.get(THEME)) == ("light", "light")
    before = page(window)
    settings.set(LANGUAGE, "zh")
    assert translator.chinese
    assert window.rail._items["overview"].text() == "总览"
    assert window.topbar.new_run.text() == "新建训练"
    assert page(window) is not before


def test_undo_by_key_and_only_once(qtbot: QtBot, window: Window) -> None:
    undone: list[int] = []
    window.toast("Canary of v14 set to 10%", undo=lambda: undone.append(1))
    press(qtbot, window, Qt.Key.Key_Z, modifier=CTRL)
    press(qtbot, window, Qt.Key.Key_Z, modifier=CTRL)
    assert undone == [1]
    assert [t.text for t in window.toasts.toasts] == ["Undo", "Nothing to undo"]


def test_redo_by_key_does_it_again_and_can_be_undone_again(qtbot: QtBot, window: Window) -> None:
    did: list[str] = []
    shift = Qt.KeyboardModifier.ShiftModifier
    window.toast("Archived 1 run", undo=lambda: did.append("undo"), redo=lambda: did.append("redo"))
    for modifier in (CTRL, CTRL | shift, CTRL, CTRL | shift, CTRL | shift):
        press(qtbot, window, Qt.Key.Key_Z, modifier=modifier)
    assert did == ["undo", "redo", "undo", "redo"]
    assert window.toasts.toasts[-1].text == "Nothing to redo"


def test_a_layout_reset_is_undone_and_done_again(window: Window, settings: Settings) -> None:
    settings.set(TABLES, {"runs": {"group": "tag"}})
    window.reset_layout()
    window.undo()
    assert settings.get(TABLES) == {"runs": {"group": "tag"}}
    window.redo()
    assert settings.get(TABLES) == {}


def test_the_rail_collapses_by_width_and_by_key(qtbot: QtBot, window: Window, settings: Settings) -> None:
    window.resize(1440, 900)
    assert window.rail.width() == 204
    window.resize(1200, 700)
    assert window.rail.width() == 52
    window.resize(1440, 900)
    settings.set(RAIL_COLLAPSED, True)
    assert window.rail.width() == 52


def test_f6_walks_through_the_areas_with_a_ring(qtbot: QtBot, window: Window) -> None:
    seen = []
    for _ in range(3):
        press(qtbot, window, Qt.Key.Key_F6)
        focus = QApplication.focusWidget()
        areas = {"top": window.topbar, "rail": window.rail, "page": window.stack, "status": window.status}
        seen.append(next(name for name, area in areas.items() if area.isAncestorOf(focus)))
        assert window.ring.target is focus
    assert len(set(seen)) == 3
    qtbot.mouseClick(window.rail._items["runs"], Qt.MouseButton.LeftButton)
    window.topbar.bell.setFocus(Qt.FocusReason.MouseFocusReason)
    assert window.ring.isHidden()


def test_place_is_remembered(window: Window, settings: Settings) -> None:
    window.resize(1300, 800)
    window.close()
    assert settings.get(WINDOW_PLACE)[2:] == [1300, 800]


def test_pages_of_another_window_are_told_and_let_go(window: Window) -> None:
    window.navigate("run/r1")
    window.open_in_new_window()
    other = window._detached[0]
    assert other.page.shown_target == "r1"
    window.on_changes(Changes(runs={"r1"}))
    assert other.page.told[-1] == "changes"
    other.close()
    assert window._detached == []


def test_help_lists_the_page_s_keys(window: Window) -> None:
    window.open_help()
    assert window.sheets.sheet is not None
    assert rich_text_leaks(window.sheets.sheet) == []
    window.close_sheet()


def test_no_two_actions_share_a_key() -> None:
    assert Actions().conflicts() == []
    assert len({a.id for a in ACTIONS}) == len(ACTIONS)


def test_every_shell_action_has_its_method() -> None:
    assert [a.id for a in ACTIONS if isinstance(a.callback, str) and not hasattr(Window, a.callback)] == []


def test_pins_are_at_most_eight(window: Window, settings: Settings) -> None:
    for number in range(10):
        window.pin(f"run/{number}", str(number))
    assert len(settings.get(PINNED)) == 8


def test_opening_the_shell_needs_no_page_module() -> None:
    import subprocess
    import sys

    code = "import console.app, sys; print([m for m in sys.modules if m.startswith(('console.pages.', 'console.charts', 'torch', 'mlflow', 'sqlalchemy', 'fastapi', 'pyqtgraph'))])"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_space_after_a_click_on_nothing_does_nothing(qtbot: QtBot, window: Window) -> None:
    """The search box has the focus when the window opens, without a ring; it is a button, and Space presses those."""
    window.topbar.search.setFocus()
    qtbot.waitUntil(window.topbar.search.hasFocus)
    empty = page(window)
    QTest.mouseClick(empty, Qt.MouseButton.LeftButton, pos=empty.rect().bottomRight() - QPoint(40, 40))
    qtbot.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_Space)
    assert not window.palette_box.isVisible()
    window.topbar.search.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(window.topbar.search, Qt.Key.Key_Space)  # reached by Tab, with its ring
    assert window.palette_box.isVisible()
    window.palette_box.close_palette()
