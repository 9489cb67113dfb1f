"""One table of keys: pages bind none of their own, and whatever shows a key follows it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from console.actions import ACTIONS, Action, Actions
from console.helpsheet import HelpSheet
from console.keys import (
    CHART,
    PAGE_KEYS,
    PAGE_NAMES,
    in_each_other_s_way,
    is_letter,
    key_caps,
    key_table,
    under_ids_of_now,
)
from console.settings import KEYS, Settings
from console.shell import Services
from console.state.store import AppState
from console.widgets.buttons import Button
from console.widgets.chips import Kbd
from console.widgets.page import Page
from console.widgets.panel import row
from console.window import PAGES, Window
from tests.console.test_window import SPECS
from tests.helpers.fake_link import FakeLink

CONSOLE = Path(__file__).resolve().parents[2] / "console"


@pytest.fixture(autouse=True)
def _usual_keys() -> Iterator[None]:
    yield
    key_table.load({})


def action_calls(path: Path) -> list[ast.Call]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Action"
    ]


def test_pages_bind_no_key_of_their_own() -> None:
    wrong = []
    for path in sorted((CONSOLE / "pages").rglob("*.py")):
        for call in action_calls(path):
            given = [*call.args[4:5], *[k.value for k in call.keywords if k.arg == "shortcut"]]
            wrong += [
                f"{path.name}:{call.lineno}" for each in given if not isinstance(each, ast.Constant) or each.value
            ]
    assert not wrong


def test_every_key_of_the_table_belongs_to_an_action_of_a_page() -> None:
    folders = ("pages", "charts")
    pages = "\n".join(path.read_text(encoding="utf-8") for name in folders for path in (CONSOLE / name).rglob("*.py"))
    # The alert inbox makes its ids out of the names of its buttons.
    gone = [k.id for k in PAGE_KEYS if f'"{k.id}"' not in pages and not k.id.startswith("alert.")]
    assert not gone
    assert {key.page for key in PAGE_KEYS} == set(PAGE_NAMES) <= {CHART, *(spec.key for spec in PAGES)}
    assert len({key.id for key in PAGE_KEYS} | {action.id for action in ACTIONS}) == len(PAGE_KEYS) + len(ACTIONS)


def test_only_what_can_meet_on_one_page_is_a_conflict() -> None:
    actions = Actions({"run.pause": "Ctrl+K", "runs.tag": "C", "model.pin": "F", "theme": "G"})
    assert ("Ctrl+K", "run.pause", "palette") in actions.conflicts()
    assert ("C", "runs.compare", "runs.tag") in actions.conflicts()
    assert not [clash for clash in actions.conflicts() if "model.pin" in clash]
    with_chart = Actions({"run.pin": "E", "runs.pin": "E", "alert.next": "E"}).conflicts()
    assert {one for _, one, other in with_chart if other == "chart.next_event"} == {"run.pin", "alert.next"}
    actions = Actions({"theme": "G"})
    assert {other for _, one, other in actions.conflicts() if one == "go.overview"} == {"theme"}  # G begins G, O


def test_a_key_that_begins_another_is_in_its_way() -> None:
    assert in_each_other_s_way("G", "G, O; Ctrl+1") == "G"
    assert in_each_other_s_way("Ctrl+1", "G, O; Ctrl+1") == "Ctrl+1"
    assert in_each_other_s_way("G, D", "G, O") == ""
    assert in_each_other_s_way("", "G") == ""


@pytest.mark.parametrize(
    ("key", "caps"),
    [("+; Shift++; =", ["+"]), ("Ctrl++", ["Ctrl", "+"]), ("Ctrl+Return", ["Ctrl", "↵"]), ("G, O", ["G", "O"])],
)
def test_every_key_has_its_caps(key: str, caps: list[str]) -> None:
    assert key_caps(key) == caps


def test_keys_kept_under_a_former_id_go_on() -> None:
    kept = {"run.follow": "Y", "run.pin": "B", "chart.axis": "Z", "run.axis": "W"}
    assert under_ids_of_now(kept) == {"chart.follow": "Y", "run.pin": "B", "chart.axis": "Z"}


@pytest.mark.parametrize(
    ("key", "letter"),
    [("F", True), ("?", True), ("Shift+E", True), ("G, O", True), ("+", True), ("F2", False), ("Del", False),
     ("Ctrl+P", False), ("Shift+F10", False), ("Alt+Left", False), ("Ctrl++", False)],
)  # fmt: skip
def test_letters_are_told_from_named_keys(key: str, letter: bool) -> None:
    assert is_letter(key) is letter


def test_tooltips_and_caps_follow_the_table(qtbot: QtBot) -> None:
    Actions({})
    button, caps = Button("Compare", action="runs.compare"), Kbd(action="runs.compare")
    holder = row(button, caps)
    qtbot.addWidget(holder)
    button.set_enabled(False, "Tick two runs.")
    key_table.set("runs.compare", "Ctrl+Shift+Y")
    assert "Ctrl+Shift+Y" in button.toolTip()
    assert "Tick two runs." in button.toolTip()
    assert caps.accessibleName() == "Ctrl ⇧ Y"
    key_table.set("runs.compare", "")
    assert caps.isHidden()
    key_table.load({})
    assert not caps.isHidden()
    assert caps.accessibleName() == "C"


class Tagging(Page):
    """A page with one action of the table."""

    def __init__(self, context) -> None:  # type: ignore[no-untyped-def]
        super().__init__(context)
        self.tagged = 0

    def _tag(self) -> None:
        self.tagged += 1

    def actions(self) -> list[Action]:  # type: ignore[override]
        return [Action("runs.tag", "Tag…", self._tag, "tag")]


def test_a_page_s_own_key_acts_and_is_shown_everywhere(qtbot: QtBot, settings: Settings) -> None:
    state = AppState()
    state.loaded = True
    pages = tuple(s if s.key != "runs" else type(s)(s.key, s.title, s.icon, f"{__name__}:Tagging") for s in SPECS)
    settings.set(KEYS, {"runs.tag": "Ctrl+Shift+T"})
    window = Window(FakeLink(), state, settings, Services(), pages)
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.navigate("runs")
    page = window.stack.page()
    assert isinstance(page, Tagging)
    qtbot.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_T)
    assert page.tagged == 0
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_T, both)
    assert page.tagged == 1
    window.open_palette()
    assert [i.shortcut for i in window.palette_box._items if i.text == "Tag…"] == ["Ctrl+Shift+T"]
    window.palette_box.close_palette()
    sheet = HelpSheet(window.actions_registry, "Runs", "runs")
    qtbot.addWidget(sheet)
    assert "Ctrl ⇧ T" in [caps.accessibleName() for caps in sheet.findChildren(Kbd)]
    window.toasts.clear()
