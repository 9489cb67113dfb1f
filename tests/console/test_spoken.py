"""What a screen reader is told: on every page nothing that takes the focus is nameless, painted things have a value."""

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import delete

from console.charts.chart import TimeSeriesChart
from console.i18n import translator
from console.settings import LANGUAGE, Settings
from console.widgets import spoken
from console.widgets.chips import Ring, StatePill, Tag
from console.widgets.interval import IntervalBar
from console.widgets.meters import EstimateBar, Meter, MetricTile, ProgressBar, Sparkline
from console.widgets.traffic import TrafficSlider
from console.window import Window
from tests.helpers.full_house import PLACES, full_window

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
Role, Text = QAccessible.Role, QAccessible.Text


@pytest.fixture
def window(qtbot: QtBot, settings: Settings) -> Iterator[Window]:
    made = full_window(settings)
    qtbot.addWidget(made)
    yield made
    made.toasts.clear()


def told(widget: QWidget) -> tuple[Any, str, str]:
    """Role, name and value."""
    interface = QAccessible.queryAccessibleInterface(widget)
    return interface.role(), interface.text(Text.Name), interface.text(Text.Value)


def charts_of(window: Window) -> list[TimeSeriesChart]:
    return [chart for chart in window.findChildren(TimeSeriesChart) if chart.isVisible()]


def nameless(root: QWidget) -> list[str]:
    """What can be clicked or focused, or is painted with a role of its own, and has no name."""
    found = []
    for widget in root.findChildren(QWidget):
        reachable = isinstance(widget, QAbstractButton) or widget.focusPolicy() != Qt.FocusPolicy.NoFocus
        decoration = getattr(widget, "spoken_role", None) == Role.Graphic
        painted = getattr(widget, "spoken_role", None) is not None and not decoration
        if widget.isVisible() and (reachable or painted) and not told(widget)[1].strip():
            found.append(f"{type(widget).__name__} in {type(widget.parent()).__name__}")
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_on_any_page_is_nameless(window: Window, settings: Settings, language: str) -> None:
    settings.set(LANGUAGE, language)
    for place in PLACES:
        window.navigate(place)
        for _ in range(3):
            QApplication.processEvents()
        assert nameless(window) == [], place


@pytest.mark.parametrize("sheet", ["run.new", "data.import", "endpoint.new"])
def test_nothing_on_a_sheet_is_nameless(window: Window, sheet: str) -> None:
    window.start(sheet)
    QApplication.processEvents()
    assert nameless(window.sheets) == []
    window.close_sheet()


def test_palette_help_bell_and_jobs_have_names(window: Window) -> None:
    window.open_palette()
    assert nameless(window.palette_box) == []
    window.palette_box.close_palette()
    window.open_help()
    assert nameless(window.sheets) == []
    window.close_sheet()
    window.open_jobs()
    assert window._jobs is not None
    assert nameless(window._jobs) == []
    window._jobs.close()
    window.open_bell()
    popup = QApplication.activePopupWidget()
    assert popup is not None
    assert nameless(popup) == []
    popup.close()


def test_a_meter_says_whose_it_is_and_its_value(qtbot: QtBot) -> None:
    meter = Meter("Memory", "memory", subject="GPU 0")
    qtbot.addWidget(meter)
    meter.set_value("38.2", "/48 GB", 38.2 / 48)
    assert told(meter) == (Role.ProgressBar, "GPU 0 Memory, 38.2 of 48 GB", "38.2 of 48 GB")
    number = QAccessible.queryAccessibleInterface(meter).valueInterface()
    assert (round(number.currentValue()), number.maximumValue()) == (80, 100)
    meter.set_value("—", "", None)
    assert QAccessible.queryAccessibleInterface(meter).valueInterface() is None  # unknown is not 0


def test_painted_marks_have_role_and_value(qtbot: QtBot) -> None:
    tile, pill, ring, tag = MetricTile("p99"), StatePill("running"), Ring(0.7), Tag("sweep-4")
    bar, band = ProgressBar("Progress"), IntervalBar("F1")
    estimate = EstimateBar("Memory")
    tile.set_value("19.4", "ms")
    bar.set_fraction(0.7)
    band.set_interval(0.0085, 0.002, 0.015, 0.1)
    estimate.set_parts([("Weights", 2.0, "s1-blue", "2.0 GB"), ("CUDA", 1.0, "s2-orange", "1.0 GB")])
    for widget in (tile, pill, ring, tag, bar, band, estimate):
        qtbot.addWidget(widget)
    assert told(tile) == (Role.Button, "p99, 19.4 ms", "19.4 ms")
    assert told(pill) == (Role.Indicator, "Running", "Running")
    assert told(ring) == (Role.ProgressBar, "70%", "70%")
    assert told(tag)[:2] == (Role.StaticText, "sweep-4")
    assert told(bar) == (Role.ProgressBar, "Progress 70%", "70%")
    assert told(band) == (Role.Indicator, "F1 0.0085, 0.002 – 0.015", "0.0085 (0.002 – 0.015)")
    assert told(estimate) == (Role.Chart, "Memory Weights 2.0 GB, CUDA 1.0 GB", "Weights 2.0 GB, CUDA 1.0 GB")


def test_a_sparkline_says_where_it_goes(qtbot: QtBot) -> None:
    line = Sparkline("train loss")
    qtbot.addWidget(line)
    line.set_values([1.2, 0.8, None, 0.4, 0.22])
    assert told(line) == (Role.Chart, "train loss, falling from 1.2 to 0.22", "0.22")
    line.set_values([0.22, 0.21, 0.23, 0.22])
    assert told(line)[1] == "train loss, steady at 0.22"
    line.set_values([0.2, 1.0])
    assert told(line)[1] == "train loss, rising from 0.2 to 1"


def test_a_slider_is_set_through_its_value(qtbot: QtBot) -> None:
    slider = TrafficSlider()
    qtbot.addWidget(slider)
    slider.set_split("v13", "v14", 10)
    moved: list[int] = []
    slider.changed.connect(moved.append)
    role, name, value = told(slider)
    assert (role, name, value) == (Role.Slider, "Traffic: v13 90%, v14 10%", "10%")
    QAccessible.queryAccessibleInterface(slider).valueInterface().setCurrentValue(25)
    assert moved == [25]
    assert told(slider)[2] == "25%"


def test_charts_speak_a_summary_and_open_as_a_table(window: Window, qtbot: QtBot) -> None:
    window.navigate("overview")
    # The plot library is loaded only after the first paint.
    qtbot.waitUntil(lambda: bool(charts_of(window)), timeout=10_000)
    chart = charts_of(window)[0]
    qtbot.waitUntil(lambda: "lowest" in told(chart)[2], timeout=5000)
    role, name, value = told(chart)
    assert (role, name) == (Role.Chart, "Chart GPU 0")
    assert "Utilization: 38, lowest 38" in value
    chart.setFocus()
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(chart, Qt.Key.Key_D, both)
    dialog = next(w for w in QApplication.topLevelWidgets() if type(w).__name__ == "PointsDialog" and w.isVisible())
    assert told(dialog.view)[1]  # type: ignore[attr-defined]
    dialog.close()


def test_toasts_are_announced_and_numbers_are_not(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(spoken.QAccessible, "isActive", lambda: True)
    monkeypatch.setattr(
        spoken.QAccessible, "updateAccessibility",
        lambda event: said.append(event.message()) if isinstance(event, QAccessibleAnnouncementEvent) else None,
    )  # fmt: skip
    window.toast("v2 is live", "support-intent · took 0.42 s")
    assert said == ["v2 is live support-intent · took 0.42 s"]
    window.on_changes(window.state.lost())
    window.state.retry = (1, 2)
    window._refresh_connection()
    assert said[1:] == ["Backend does not answer. Training and serving may still run."]


def test_interfaces_go_with_their_widgets(qtbot: QtBot) -> None:
    before = len(spoken._kept)
    for _ in range(50):
        bar = ProgressBar("Progress")
        told(bar)
        delete(bar)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert len(spoken._kept) <= before + 1


def test_names_follow_the_language(window: Window, settings: Settings) -> None:
    settings.set(LANGUAGE, "zh")
    assert translator.chinese
    window.navigate("runs")
    assert window.topbar.bell.accessibleName().startswith("告警")
