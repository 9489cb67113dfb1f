"""The palette: what matches first, prefixes, disabled entries, keys."""

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QPaintEvent, QRegion
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.actions import Actions
from console.finder import palette_items
from console.state.store import AppState
from console.widgets.fuzzy import match, pinyin_initial
from console.widgets.palette import CommandPalette, PaletteItem, arrange


def score(query: str, text: str) -> float:
    found = match(query, text)
    assert found is not None
    return found[0]


def test_word_starts_come_before_substrings_before_scattered() -> None:
    assert score("pro", "Promote v14") > score("pro", "Run profiles") > score("pro", "improve")
    assert score("rb", "Roll back") > score("rb", "turbo")
    assert match("xyz", "Promote") is None
    assert match("", "anything") == (0.0, [])


def test_positions_are_those_of_the_letters() -> None:
    assert match("rb", "Roll back") is not None
    assert match("rb", "Roll back")[1] == [0, 5]  # type: ignore[index]


@pytest.mark.parametrize(("char", "letter"), [("训", "x"), ("练", "l"), ("告", "g"), ("a", "a"), ("。", "。")])
def test_pinyin_initials(char: str, letter: str) -> None:
    assert pinyin_initial(char) == letter


def test_chinese_matches_by_characters_and_initials() -> None:
    assert match("训练", "新建训练") is not None
    assert match("xjxl", "新建训练") is not None


def items(chosen: list[str]) -> list[PaletteItem]:
    def item(section: str, text: str, kind: str = "command", reason: str = "") -> PaletteItem:
        return PaletteItem(section, text, lambda: chosen.append(text), reason=reason, kind=kind)

    return [
        item("For v14", "Promote v14 to champion…", reason="Gate failed: loads and answers"),
        item("Go to", "Audit: promotions"),
        item("Find", "product-reviews v3", "version"),
        item("Find", "prod run", "run"),
    ]


def test_prefixes_narrow_the_kind() -> None:
    def texts(query: str) -> list[str]:
        return [line.item.text for line in arrange(items([]), query) if line.item]

    assert texts("@") == ["prod run"]
    assert texts("#pro") == ["product-reviews v3"]
    assert len(texts("pro")) == 4


def test_enter_runs_the_chosen_and_skips_the_disabled(qtbot: QtBot) -> None:
    window = QWidget()
    window.resize(1200, 800)
    qtbot.addWidget(window)
    window.show()
    chosen: list[str] = []
    palette = CommandPalette(window)
    palette.open(items(chosen))
    qtbot.keyClicks(palette.field, "pro")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert chosen == ["Audit: promotions"]
    assert palette.isHidden()


def test_a_disabled_entry_can_be_read_but_not_run(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    window.show()
    chosen: list[str] = []
    palette = CommandPalette(window)
    palette.open(items(chosen))
    qtbot.keyClick(palette.field, Qt.Key.Key_Up)
    assert "Gate failed" in palette.list.accessibleName()
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert chosen == []
    with qtbot.waitSignal(palette.closed):
        qtbot.keyClick(palette.field, Qt.Key.Key_Escape)


class Painted(QObject):
    """The areas a widget was told to paint."""

    def __init__(self) -> None:
        super().__init__()
        self.area = QRegion()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QPaintEvent):
            self.area = self.area.united(event.region())
        return False


def test_a_smaller_box_leaves_no_shadow_of_the_larger_one(qtbot: QtBot) -> None:
    window = QWidget()
    window.resize(1200, 800)
    qtbot.addWidget(window)
    window.show()
    palette = CommandPalette(window)
    painted = Painted()
    palette.installEventFilter(painted)
    palette.open(items([]))
    qtbot.waitUntil(lambda: not painted.area.isEmpty())
    shadow = palette._box.geometry().bottomLeft() + QPoint(-6, -4)
    painted.area = QRegion()
    palette.field.setText("nothing is called so")
    qtbot.waitUntil(lambda: painted.area.contains(shadow))


def test_settings_are_found_by_their_names() -> None:
    gone: list[str] = []
    found = palette_items(Actions({}), AppState(now=lambda: 0.0), print, gone.append)
    for query, place in (("theme", "settings/general"), ("storage", "settings/storage")):
        entry = next(line.item for line in arrange(found, query) if line.item)
        entry.run()
        assert gone.pop() == place
