"""Every page as a picture in both themes: text can be read, surfaces are the theme's own, curves are there, nothing is
cut, lies over another or reaches out; switching the theme leaves no colour of the other one behind."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from console.settings import THEME, Settings
from console.state.store import AppState
from console.theme import theme
from console.widgets.text import Text
from console.window import Window
from tests.helpers.fitting import cut_texts, outside, overlaps
from tests.helpers.full_house import PLACES, full_state, full_window
from tests.helpers.pictures import foreign_surfaces, inked, picture_of, unreadable

LIVE = "intent-lora-r16-s42"
OTHERS = ("head-s1", "distil-paused", "head-failed")
KEYS = ("train/loss", "eval/loss", "train/grad_norm", "train/learning_rate", "train/samples_per_s")


def _series(run_id: str, shift: float) -> dict[str, Any]:
    steps = list(range(0, 8400, 40))
    found = {}
    for at, key in enumerate(KEYS):
        values = [1.2 * math.exp(-step / 3000) + 0.05 * math.sin(step / 90 + at) + shift for step in steps]
        times = [1.7e9 + step * 0.3 for step in steps]
        found[key] = {"steps": steps, "times": times, "epochs": [step / 4000 for step in steps], "values": values,
                      "count": len(steps)}  # fmt: skip
    return {"run_id": run_id, "series": found, "next_event": 1}


def _with_curves(window: Window) -> None:
    for at, run_id in enumerate((LIVE, *OTHERS)):
        window.link.answers[f"GET /runs/{run_id}/series"] = _series(run_id, at / 10)  # type: ignore[attr-defined]


def _offline() -> AppState:
    state = full_state()
    state.lost()
    return state


def _nothing() -> AppState:
    state = AppState()
    state.loaded = True
    state.connected()
    return state


STATES: dict[str, Callable[[], AppState]] = {"full": full_state, "offline": _offline, "empty": _nothing}


def _settle(window: Window, place: str) -> None:
    window.navigate(place)
    for _ in range(8):
        QApplication.processEvents()
    charts = _charts(window)
    for chart in charts:
        chart.group.clock.tick()
    QApplication.processEvents()


def _charts(window: Window) -> list[Any]:
    return [widget for widget in window.findChildren(QWidget)
            if type(widget).__name__ == "TimeSeriesChart" and widget.isVisible()]  # fmt: skip


def _troubles(window: Window) -> list[str]:
    pixels = picture_of(window)
    return [*unreadable(window, pixels), *foreign_surfaces(pixels), *cut_texts(window), *overlaps(window),
            *outside(window)]  # fmt: skip


@pytest.mark.parametrize("state", list(STATES))
@pytest.mark.parametrize("mode", ["dark", "light"])
def test_every_page_can_be_read_in_the_colours_of_its_theme(
    qtbot: QtBot, settings: Settings, mode: str, state: str
) -> None:
    settings.set(THEME, mode)
    window = full_window(settings, STATES[state]())
    qtbot.addWidget(window)
    _with_curves(window)
    found = []
    for place in PLACES if state == "full" else ("overview", "data", "runs", "models", "endpoints", "alerts"):
        _settle(window, place)
        found += [f"{place}: {trouble}" for trouble in _troubles(window)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("place", ["overview", "runs", f"run/{LIVE}", f"compare/{LIVE},head-s1"])
def test_switching_the_theme_leaves_no_colour_of_the_other(qtbot: QtBot, settings: Settings, place: str) -> None:
    settings.set(THEME, "dark")
    window = full_window(settings)
    qtbot.addWidget(window)
    _with_curves(window)
    _settle(window, place)
    for mode in ("light", "dark"):
        settings.set(THEME, mode)
        _settle(window, place)
        found = _troubles(window)
        assert not found, "\n".join((mode, *found))


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_curves_are_drawn_in_the_colours_of_their_series(qtbot: QtBot, settings: Settings, mode: str) -> None:
    settings.set(THEME, mode)
    window = full_window(settings)
    qtbot.addWidget(window)
    _with_curves(window)
    _settle(window, f"run/{LIVE}")
    loss = next(chart for chart in _charts(window) if chart.spec.id == "loss")
    pixels = picture_of(window)
    assert inked(window, loss.canvas, "series.train", pixels) > 300
    assert inked(window, loss.canvas, "series.eval", pixels) > 10
    _settle(window, f"compare/{LIVE},head-s1")
    pixels = picture_of(window)
    charts = _charts(window)
    assert len(charts) >= 2
    for chart in charts:
        drawn = [spec.role for spec in chart.spec.series if chart.group.store.get(spec.key) is not None]
        for role in drawn:
            assert inked(window, chart.canvas, role, pixels) > 60, (chart.spec.title, role)


def _shown(qtbot: QtBot, *widgets: QWidget) -> QWidget:
    box = QWidget()
    box.setObjectName("box")
    box.setStyleSheet(f"#box {{ background: {theme.hex('panel')}; }}")
    column = QVBoxLayout(box)
    for widget in widgets:
        column.addWidget(widget)
    qtbot.addWidget(box)
    box.resize(400, 120)
    box.show()
    return box


def test_the_looking_itself_sees_what_is_wrong(qtbot: QtBot) -> None:
    theme.set_mode("light")
    box = _shown(qtbot, Text("read me"), Text("too pale", role="line-control"))
    told = unreadable(box, picture_of(box))
    assert [text.split(":")[0] for text in told] == ["Text 'too pale'"]
    assert foreign_surfaces(picture_of(box)) == []
    box.setStyleSheet("#box { background: #1a1d23; }")  # the dark panel in the light theme
    assert any(text.startswith("#1a1d23 fills") for text in foreign_surfaces(picture_of(box)))
    assert any("read me" in text for text in unreadable(box, picture_of(box)))
    assert inked(box, box, "series.train", picture_of(box)) == 0
