"""Nothing untrusted is read as markup: a walk over every widget of the gallery with hostile names (T24)."""

import ast

import pytest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from console.widgets.bulkbar import BulkBar
from console.widgets.buttons import Button
from console.widgets.chips import Tag
from console.widgets.empty import EmptyState
from console.widgets.form import FormField
from console.widgets.meters import MetricTile, Sparkline
from console.widgets.page import PageHeader
from console.widgets.panel import Panel
from console.widgets.rail import Pin, PinItem
from console.widgets.sheet import Sheet
from console.widgets.text import Text, message_box, reads_markup, rich_text_leaks, set_tip, tip_html
from console.widgets.toast import Banner, Toast
from tests.console import gallery
from tests.helpers.literals import CONSOLE

HOSTILE = '<img src="file:///etc/passwd"><b>bold</b>'


def everything() -> list[QWidget]:
    field = FormField(HOSTILE, Text("x"), hint=HOSTILE)
    field.set_error(HOSTILE, HOSTILE)
    sheet = Sheet(HOSTILE, primary=HOSTILE)
    sheet.set_note(HOSTILE)
    banner = Banner()
    banner.show_message(HOSTILE, HOSTILE)
    spark = Sparkline(HOSTILE)
    spark.set_values([1, 2])
    button = Button(HOSTILE, tip=HOSTILE)
    button.set_enabled(False, HOSTILE)
    owner = QWidget()
    return [
        Text(HOSTILE, elide=True),
        PageHeader(HOSTILE, HOSTILE),
        Panel(HOSTILE, HOSTILE),
        EmptyState("box", HOSTILE, HOSTILE),
        Toast(HOSTILE, HOSTILE, undo=lambda: None),
        PinItem(Pin("run/x", HOSTILE)),
        MetricTile(HOSTILE),
        Tag(HOSTILE),
        message_box(None, HOSTILE, HOSTILE, HOSTILE),
        BulkBar(owner),
        owner,
        field,
        sheet,
        banner,
        spark,
        button,
        gallery.sheet_one(),
        gallery.sheet_two(),
        gallery.promote_sheet(),
    ]


def test_no_label_and_no_tooltip_reads_markup(qtbot: QtBot) -> None:
    leaks = []
    for widget in everything():
        qtbot.addWidget(widget)
        leaks += rich_text_leaks(widget)
    assert not leaks


def test_the_walk_finds_a_plain_qlabel(qtbot: QtBot) -> None:
    label = QLabel(HOSTILE)
    label.setToolTip(HOSTILE)
    qtbot.addWidget(label)
    assert len(rich_text_leaks(label)) == 2


def test_the_walk_finds_what_was_put_into_a_tip_unescaped(qtbot: QtBot) -> None:
    assert not reads_markup(tip_html(HOSTILE, HOSTILE, HOSTILE))
    assert not reads_markup("")
    for escaped in (tip_html("a", "b", "c"), tip_html("a")):
        assert reads_markup(escaped.replace("a", "<img src=x>"))
    assert reads_markup("<i>a</i>")


def test_tooltips_are_escaped(qtbot: QtBot) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    set_tip(widget, HOSTILE, "Ctrl+<", HOSTILE)
    assert "<img" not in widget.toolTip()
    assert "&lt;img" in widget.toolTip()
    for parts in ((HOSTILE, "", ""), (HOSTILE, "Ctrl+K", ""), ("name", "", HOSTILE), ("name", HOSTILE, "")):
        set_tip(widget, *parts)
        assert "<img" not in widget.toolTip(), parts
        assert "&lt;img" in widget.toolTip(), parts
    set_tip(widget, "")
    assert widget.toolTip() == ""


def test_no_text_widget_that_reads_markup_is_made_outside_the_helper() -> None:
    wrong = []
    for path in CONSOLE.rglob("*.py"):
        source = path.read_text(encoding="utf-8").replace("plain(QLabel(", "")
        if path.name != "text.py" and any(word in source for word in ("QLabel(", "QTextBrowser", "QMessageBox")):
            wrong.append(str(path.relative_to(CONSOLE)))
    assert not wrong


def test_no_tooltip_is_set_but_through_the_helper() -> None:
    """What setToolTip() is given elsewhere is words of ours, or what tip_html() made of others'."""
    wrong = [
        f"{path.relative_to(CONSOLE)}:{node.lineno}"
        for path in CONSOLE.rglob("*.py")
        if path.name != "text.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "setToolTip"
        and not _is_harmless(node.args[-1])
    ]
    assert not wrong


def _is_harmless(value: ast.expr) -> bool:
    if isinstance(value, ast.IfExp):
        return _is_harmless(value.body) and _is_harmless(value.orelse)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        ours = all(isinstance(argument, ast.Constant) for argument in value.args) and not value.keywords
        return value.func.id == "tip_html" or (value.func.id == "tr" and ours)
    return isinstance(value, ast.Constant)


def test_making_widgets_opens_no_window(qtbot: QtBot) -> None:
    made = everything()
    for widget in made:
        qtbot.addWidget(widget)
    assert [w for w in QApplication.topLevelWidgets() if w.isVisible()] == []


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_every_interactive_widget_has_a_name(qtbot: QtBot, mode: str) -> None:
    from PySide6.QtCore import Qt

    from console.theme import theme

    theme.set_mode(mode)
    nameless = []
    for root in everything():
        qtbot.addWidget(root)
        for widget in root.findChildren(QWidget):
            stop = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget.objectName() != "qt_spinbox_lineedit"
            text = getattr(widget, "text", None)
            spoken = widget.accessibleName() or (text() if callable(text) else "")
            if stop and not spoken and widget.isVisibleTo(root) and type(widget).__module__.startswith("console"):
                nameless.append(type(widget).__name__)
    assert not nameless
