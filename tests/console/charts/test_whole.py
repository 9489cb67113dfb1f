"""Copies and tables hold every point of the window, also of thinned ones, in pages, and say when it is not so."""

from collections import deque
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from console.charts import whole
from console.charts.catalogue import ChartSpec, SeriesSpec
from console.charts.chart import TimeSeriesChart
from console.charts.detail import key_queries
from console.charts.group import ChartGroup
from console.charts.table import CopyDialog, PointsDialog, copy_data, show_table
from console.charts.whole import Found, Gather, WholePoints, rows_of

COUNT = 40_001
"""So many that pages meet exactly at a step: it must stand once."""


class Store:
    """A backend's points of one key; answers when the test says so, and counts what it was asked for."""

    def __init__(self, steps: np.ndarray, values: np.ndarray) -> None:
        self.steps, self.values = steps, values
        self.waiting: deque[tuple[Any, ...]] = deque()
        self.largest = 0

    def name(self, key: str) -> str:
        return key

    def ask(self, keys: Any, x: str, low: float, high: float, points: int, take: Any, refuse: Any) -> None:
        self.waiting.append((keys, x, low, high, points, take, refuse))

    def answer(self) -> None:
        keys, _x, low, high, points, take, _refuse = self.waiting.popleft()
        inside = np.flatnonzero((self.steps >= low) & (self.steps <= high))
        kept = inside if len(inside) <= points else inside[:: max(1, len(inside) // points)][:points]
        self.largest = max(self.largest, len(kept))
        steps = self.steps[kept].tolist()
        found = Found(steps, [float(s) for s in steps], None, self.values[kept].tolist(), len(inside))
        take(dict.fromkeys(keys, found))

    def answer_all(self) -> None:
        while self.waiting:
            self.answer()


def loss_chart(qtbot: QtBot, store: Store | None, every: int = 100) -> TimeSeriesChart:
    """A chart that was given only each so-many-th of the points."""
    group = ChartGroup()
    chart = TimeSeriesChart(group, ChartSpec("loss", "Loss", (SeriesSpec("train/loss", "train", "train"),)))
    qtbot.addWidget(chart)
    group.setParent(chart)
    if store is not None:
        kept = np.unique([*range(0, len(store.steps), every), len(store.steps) - 1])
        steps = store.steps[kept]
        group.set_series("train/loss", steps, steps.astype(float), None, store.values[kept])
        group.set_true_counts({"train/loss": len(store.steps)})
        group.source = store
    return chart


def many(count: int = COUNT) -> Store:
    return Store(np.arange(count), np.random.default_rng(1).random(count))


def clipboard() -> list[str]:
    return QGuiApplication.clipboard().text().splitlines()


def test_a_copy_of_a_thinned_run_has_every_point(qtbot: QtBot) -> None:
    store = many()
    chart = loss_chart(qtbot, store)
    QGuiApplication.clipboard().setText("before")
    dialog = copy_data(chart)
    assert dialog is not None
    store.answer()
    store.answer()
    assert dialog.told.text() == "Reading, 20%"
    assert clipboard() == ["before"]  # a part would be taken for the whole
    store.answer_all()
    lines = clipboard()
    assert lines[0] == "step\ttrain"
    assert len(lines) == COUNT + 1
    assert [line.split("\t")[0] for line in lines[1:]] == [f"{step}.0" for step in range(COUNT)]
    assert float(lines[12_346].split("\t")[1]) == store.values[12_345]
    assert store.largest <= 2 * whole.PAGE_ROWS
    assert not dialog.isVisible()


def test_a_table_grows_page_by_page_and_only_the_window_is_read(qtbot: QtBot) -> None:
    store = many()
    chart = loss_chart(qtbot, store)
    chart.group.zoom_to(5_000.5, 30_000.5)
    dialog = show_table(chart)
    store.answer()
    store.answer()
    assert 0 < dialog.model.rowCount() < 25_000
    store.answer_all()
    assert dialog.model.rowCount() == 25_000
    assert dialog.model.table[0, 0] == 5_001
    assert dialog.model.table[-1, 0] == 30_000
    assert np.array_equal(dialog.model.table[:, 1], store.values[5_001:30_001])
    assert dialog.told.text() == "25,000 rows"
    copy = next(button for button in dialog.findChildren(QPushButton) if button.text() == "Copy")
    QTest.mouseClick(copy, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(clipboard()) == 25_001)
    dialog.close()


def test_crowded_windows_are_asked_for_in_parts(qtbot: QtBot) -> None:
    crowd = np.sort(np.concatenate([np.arange(0, 1_000_000, 1_000), 500_000 + np.arange(30_000)]))
    store = Store(crowd, np.arange(len(crowd), dtype=float))
    dialog = show_table(loss_chart(qtbot, store))
    store.answer_all()
    # what stands twice at one step stays twice
    assert np.array_equal(dialog.model.table[:, 0], crowd)
    assert sorted(dialog.model.table[:, 1].tolist()) == store.values.tolist()
    dialog.close()


def test_too_many_rows_are_told_with_the_way_to_the_rest(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "MOST_ROWS", 15_000)
    monkeypatch.setattr("console.charts.table.MOST_ROWS", 15_000)
    store = many()
    dialog = copy_data(loss_chart(qtbot, store))
    assert dialog is not None
    store.answer_all()
    assert dialog.isVisible()
    assert dialog.told.text() == "The first 15,000 rows. Export has every point."
    assert len(clipboard()) == 15_001
    dialog.close()


def test_a_backend_that_goes_away_leaves_the_clipboard_alone(qtbot: QtBot) -> None:
    store = many()
    QGuiApplication.clipboard().setText("before")
    dialog = copy_data(loss_chart(qtbot, store))
    assert dialog is not None
    store.answer()
    store.answer()
    store.waiting.popleft()[-1]("Backend does not answer.")
    assert dialog.told.text() == "Nothing was copied. Backend does not answer."
    assert clipboard() == ["before"]
    dialog.close()
    table = show_table(loss_chart(qtbot, store))
    store.answer()
    store.answer()
    store.waiting.popleft()[-1]("Backend does not answer.")
    assert table.told.text() == "Only the first 8,000 rows. Backend does not answer."
    table.close()


@pytest.mark.parametrize("kind", [CopyDialog, PointsDialog])
def test_escape_ends_the_reading(qtbot: QtBot, kind: type) -> None:
    store = many()
    QGuiApplication.clipboard().setText("before")
    chart = loss_chart(qtbot, store)
    dialog = copy_data(chart) if kind is CopyDialog else show_table(chart)
    store.answer()
    with qtbot.waitSignal(dialog.destroyed):
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
    _, _, _, _, _, take, _ = store.waiting.popleft()
    take({"train/loss": Found([1], [1.0], None, [1.0], 1)})
    assert not store.waiting  # and asks no more
    assert clipboard() == ["before"]


def test_what_is_here_whole_asks_nobody(qtbot: QtBot) -> None:
    store = many(500)
    chart = loss_chart(qtbot, store, every=1)
    assert copy_data(chart) is None
    assert len(clipboard()) == 501
    assert not store.waiting


def test_epochs_are_cut_as_epochs(qtbot: QtBot) -> None:
    store = many()
    chart = loss_chart(qtbot, store)
    chart.group.set_total_steps(COUNT, 1_000)
    chart.group.set_axis("epoch")
    chart.group.zoom_to(2.0, 3.0)
    dialog = show_table(chart)
    store.answer_all()
    assert dialog.model.names[0] == "epoch"
    assert np.allclose(dialog.model.table[:, 0], np.arange(2_000, 3_001) / 1_000)
    dialog.close()


def test_an_empty_chart_is_an_empty_table(qtbot: QtBot) -> None:
    chart = loss_chart(qtbot, None)
    points = WholePoints(chart, chart)
    with qtbot.waitSignal(points.finished):
        points.read()
    assert points.rows == 0


def test_rows_of_several_series_stand_at_their_places() -> None:
    nan = np.nan
    table = rows_of([(1, np.array([1.0, 2.0, 2.0]), np.array([10.0, 20.0, 21.0])),
                     (2, np.array([0.0, 2.0]), np.array([5.0, 6.0]))], 3)  # fmt: skip
    expected = [[0.0, nan, 5.0], [1.0, 10.0, nan], [2.0, 20.0, 6.0], [2.0, 21.0, nan]]
    assert np.array_equal(table, np.array(expected), equal_nan=True)


def test_several_requests_answer_once_and_the_first_refusal_ends_it() -> None:
    heard: list[Any] = []
    gather = Gather(2, heard.append, heard.append)
    one = Found([1], None, None, [1.0], 1)
    gather.add({"a": one})
    assert heard == []
    gather.add({"b": one})
    assert heard == [{"a": one, "b": one}]
    heard.clear()
    gather = Gather(2, heard.append, heard.append)
    gather.fail("gone")
    gather.add({"a": one})
    gather.fail("gone")
    assert heard == ["gone"]


def test_names_with_commas_or_ten_thousand_characters_are_asked_for_as_they_are() -> None:
    long = ["y" * 3_000, "z" * 10_000]
    asked = [query for _, query in key_queries(["a", "b", *long, "c,d", " e"])]
    assert asked == [{"keys": "a,b," + long[0]}, {"keys": long[1]}, {"key": ["c,d", " e"]}]
    assert [keys for keys, _ in key_queries([])] == []
