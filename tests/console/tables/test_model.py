"""The table: sorting, filtering, ticks, copying, and what survives a refresh."""

from types import SimpleNamespace as Row

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from console.tables import Column, Progress, TableModel, TableView
from console.tables.columns import tsv_cell

COLUMNS = (
    Column("tick", "", lambda r: None, kind="check", width=34, sortable=False, hideable=False),
    Column("name", "Name", lambda r: r.name, stretch=True),
    Column("f1", "F1", lambda r: r.f1, text=lambda r: "—" if r.f1 is None else f"{r.f1:.4f}", descending_first=True),
    Column("group", "Group", lambda r: r.group),
    Column("state", "State", lambda r: "running", kind="pill"),
    Column("progress", "Progress", lambda r: 0.5, cell=lambda r: Progress(0.5, "50%"), kind="progress"),
    Column("spark", "Loss", lambda r: r.f1, cell=lambda r: [1.0, None, float("nan"), 0.5], kind="sparkline"),
    Column("tags", "Tags", lambda r: ["a", "b"], kind="tags"),
)


def rows(count: int = 4) -> list[Row]:
    values = [0.3, None, 0.9, 0.5]
    return [Row(id=i, name=f"run {i}", f1=values[i % 4], group=i % 2) for i in range(count)]


@pytest.fixture
def model(qapp: object) -> TableModel:
    made = TableModel(COLUMNS)
    made.set_rows(rows())
    return made


@pytest.fixture
def view(qtbot: QtBot, model: TableModel) -> TableView:
    made = TableView(model, name="Runs")
    qtbot.addWidget(made)
    made.resize(900, 300)
    made.show()
    return made


def ids(model: TableModel) -> list[int]:
    return [row.id for row in model.rows()]


def test_unknown_sorts_last_in_both_directions(model: TableModel) -> None:
    model.set_sorts([("f1", False)])
    assert ids(model) == [0, 3, 2, 1]
    model.set_sorts([("f1", True)])
    assert ids(model) == [2, 3, 0, 1]


def test_several_columns_sort_in_their_order(model: TableModel) -> None:
    model.set_sorts([("group", True), ("f1", False)])
    assert ids(model) == [3, 1, 0, 2]


def test_header_clicks_walk_through_the_directions(view: TableView, model: TableModel) -> None:
    for expected in ([("f1", True)], [("f1", False)], []):
        view.sort_by("f1")
        assert model.sorts == expected
    view.sort_by("group")
    view.sort_by("f1", add=True)
    assert model.sorts == [("group", False), ("f1", True)]


def test_same_rows_again_only_repaint(qtbot: QtBot, model: TableModel) -> None:
    resets = []
    model.modelReset.connect(lambda: resets.append(1))
    with qtbot.waitSignal(model.dataChanged):
        model.set_rows(rows())
    assert not resets


def test_selection_and_ticks_survive_rows_coming_and_going(view: TableView, model: TableModel) -> None:
    view.select_id(2)
    model.set_ticked([2, 3])
    model.set_rows([Row(id=9, name="new", f1=1.0, group=0), *rows()[1:3]])
    assert view.current_row().id == 2
    assert model.ticked == [2]


def test_filter_hides_and_counts(qtbot: QtBot, model: TableModel) -> None:
    with qtbot.waitSignal(model.counted) as told:
        model.set_filter(lambda row: row.group == 0)
    assert told.args == [2, 4]
    assert ids(model) == [0, 2]


def test_space_ticks_enter_opens_escape_clears(qtbot: QtBot, view: TableView, model: TableModel) -> None:
    view.select_id(1)
    qtbot.keyClick(view, Qt.Key.Key_Space)
    assert model.ticked == [1]
    with qtbot.waitSignal(view.opened) as told:
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert told.args[0].id == 1
    qtbot.keyClick(view, Qt.Key.Key_Escape)
    assert model.ticked == []


def test_a_click_on_the_box_ticks_and_does_not_select(qtbot: QtBot, view: TableView, model: TableModel) -> None:
    spot = view.visualRect(model.index(2, 0)).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert model.ticked == [2]
    assert view.selected_rows() == []


@pytest.mark.parametrize(
    ("text", "number", "expected"),
    [
        ('=HYPERLINK("x")', False, '\'=HYPERLINK("x")'),
        ("-5", True, "-5"),
        ("-5", False, "'-5"),
        ("@x", False, "'@x"),
        ("+1", False, "'+1"),
        ("\t=1", False, "'=1"),
        ("a\tb\nc", False, "a b c"),
    ],
)
def test_copied_cells_cannot_become_formulas(text: str, number: bool, expected: str) -> None:
    assert tsv_cell(text, number=number) == expected


def test_copy_gives_a_table(qtbot: QtBot, view: TableView, model: TableModel) -> None:
    model.set_rows([Row(id=1, name="=cmd()", f1=-0.25, group=1)])
    view.select_id(1)
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    head, line = QGuiApplication.clipboard().text().splitlines()
    assert head.split("\t")[:3] == ["Name", "F1", "Group"]
    assert line.split("\t")[:3] == ["'=cmd()", "-0.2500", "1"]


def test_layout_is_restored_and_rubbish_ignored(qtbot: QtBot, view: TableView) -> None:
    view.head.moveSection(view.head.visualIndex(3), 1)
    view.setColumnHidden(2, True)
    view.sort_by("group")
    state = view.layout_state()
    other = TableView(TableModel(COLUMNS), name="Runs")
    qtbot.addWidget(other)
    other.restore_layout(state)
    assert other.layout_state()["order"] == state["order"]
    assert other.isColumnHidden(2)
    for rubbish in (None, 7, {"order": 3, "widths": [], "hidden": "x", "sorts": [1]}, {"widths": {"name": "wide"}}):
        other.restore_layout(rubbish)


def test_five_thousand_rows_paint_only_what_is_seen(view: TableView, model: TableModel) -> None:
    model.set_rows(rows(5_000))
    drawn: list[int] = []
    painted = view._delegate.paint
    view._delegate.paint = lambda p, o, i: (drawn.append(i.row()), painted(p, o, i))  # type: ignore[method-assign]
    view.grab()
    assert 0 < len(set(drawn)) < 20
