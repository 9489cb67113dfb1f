"""The run page and its neighbours by hand: real window, real daemon, real workers.

What UI.md section 13 wants tested by real clicks around the live cockpit, and where each stands (tests/…):

4   hover, wheel, F, axis, smoothing, log y   console/charts/test_page.py: test_one_crosshair_in_all_charts_…,
                                              test_the_wheel_zooms_every_chart_to_the_same_range,
                                              test_follow_live_keeps_the_newest_point_in_view,
                                              test_switching_the_axis_keeps_the_window, test_smoothing_stops,
                                              test_log_y_survives_zeros_and_negatives
    Pause → Resume, the hole in time          here: test_pause_and_resume_continue_the_curve_and_time_shows_the_hole
5   Stop both ways, Checkpoint now            here: test_checkpoint_now_and_both_ways_to_stop
6   filter, sort, clicks, Space, C            console/pages/test_runs.py: test_typing_filters_…, test_shift_adds_…,
                                              test_control_and_shift_click_…, test_ticks_raise_the_bar_…
    the same colours                          console/pages/test_compare.py: test_each_run_keeps_its_colour_…
    5,000 rows                                console/pages/test_runs.py: test_five_thousand_rows_…; bench/bench_runs.py
12  backend killed under every page           here: test_the_backend_is_killed_under_every_page
    no backend, no GPU, empty store           console/test_app.py: test_a_start_that_fails_says_why;
                                              console/pages/test_overview.py: test_three_gpus_are_rows_and_none_is_the_
                                              reason, test_first_start_is_a_checklist_until_there_is_a_run
13  theme and language on every page          console/test_switching.py; at every size and scale: console/test_fits.py
15  two hours of streaming                    bench/bench_soak.py; the toolkit: console/charts/test_page.py:
                                              test_thousands_of_repaints_keep_the_references_to_none
16  context menus by right-click and keys     console/test_menus.py: rows, charts, versions, GPU processes
    run → Compare                             console/pages/test_runs.py: test_ticked_runs_are_dragged_…
    version → endpoint, file → Data           console/test_drops.py
    queue order                               console/test_jobs.py: test_a_row_is_dragged_to_another_place

And a run folder deleted under the page: test_a_folder_deleted_under_the_page.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QRadioButton
from pytestqt.qtbot import QtBot

from backend.platform import processes_with
from console.app import Console
from console.charts.series import GAP_SECONDS
from console.demo.hand import Hand, rest, until
from console.settings import LANGUAGE
from console.state.changes import Changes
from console.widgets.sheet import Sheet
from tests.console.conftest import qapp  # noqa: F401 the application as the product makes it
from tests.helpers.home import RunningHome

PATIENCE_S = 60.0
PAUSE_MS = round(1200 * GAP_SECONDS)
"""Longer than what counts as a hole in time."""


@pytest.fixture
def home() -> Iterator[RunningHome]:
    with RunningHome() as home:
        home.start()
        home.ask("PATCH", "/settings", {"values": {"mirror": False}})
        yield home


class Cockpit:
    """The window, its hand, and the run in front."""

    def __init__(self, home: RunningHome) -> None:
        self.home = home
        self.console = Console(home.home)
        self.window, self.state = self.console.window, self.console.state
        self.hand = Hand(self.window)
        self.run_id = ""
        self.points: list[tuple[str, int]] = []
        self.console.loader.changed.connect(self._on_changes)
        self.window.resize(1440, 900)
        self.console.settings.set(LANGUAGE, "en")
        self.console.open()
        self.until(lambda: self.state.loaded and self.state.online, "the backend")

    def _on_changes(self, changes: Changes) -> None:
        self.points += [(point[0], point[1]) for point in changes.points.get(self.run_id, ())]

    def until(self, true: Callable[[], object], what: str) -> None:
        until(true, what, PATIENCE_S)

    def open_run(self, **settings: Any) -> None:
        self.run_id = self.home.start_run(**{"steps": 1_000_000, "rate_hz": 50, **settings})["id"]
        self.until(lambda: self.run_id in self.state.runs, "the run in the window")
        self.window.context.navigate(f"run/{self.run_id}")
        self.until(lambda: self.run.step > 20, "the first steps")

    @property
    def run(self) -> Any:
        return self.state.runs[self.run_id]

    @property
    def page(self) -> Any:
        return self.window.stack.page()

    def click(self, button: str) -> None:
        self.until(lambda: self.hand.has_button(button), f"the button {button}")
        self.hand.click(button)

    def sheet(self) -> Any:
        shown = lambda: [sheet for sheet in self.window.findChildren(Sheet) if sheet.isVisible()]  # noqa: E731
        self.until(shown, "a sheet")
        return shown()[0]

    def until_state(self, state: str) -> None:
        self.until(lambda: self.run.state == state, state)

    def toast(self, begin: str) -> str:
        """The whole text of a message that begins so."""
        found = lambda: [each.accessibleName() for each in self.window.toasts.toasts if each.text.startswith(begin)]  # noqa: E731
        self.until(found, f"the message {begin}")
        return str(found()[-1])

    def marks(self, kind: str) -> list[int]:
        return [event.step for event in self.page.charts.group.events if event.kind == kind]


@pytest.fixture
def cockpit(home: RunningHome, qtbot: QtBot) -> Iterator[Cockpit]:
    made = Cockpit(home)
    qtbot.addWidget(made.window)
    yield made
    made.console.close()


# ---- item 4 ----------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_pause_and_resume_continue_the_curve_and_time_shows_the_hole(cockpit: Cockpit) -> None:
    cockpit.open_run()
    cockpit.click("Pause")
    cockpit.until_state("paused")
    rest(PAUSE_MS)  # the length of the pause is what the axis has to show
    paused_at = cockpit.run.step
    cockpit.click("Resume")
    cockpit.until_state("running")
    cockpit.until(lambda: cockpit.run.step > paused_at + 60, "the curve to continue")
    group = cockpit.page.charts.group
    steps = [int(step) for step in group.store.get("train/loss").column("step")]
    assert steps == sorted(set(steps))
    assert {paused_at, paused_at + 1} <= set(steps)  # it goes on where it was
    chart = cockpit.page.charts.grid.chart("loss")
    cockpit.hand.click(cockpit.page._axis, at=cockpit.page._axis._rects()[2].center().toPoint())
    assert group.axis == "time"
    QTest.keyClick(chart, Qt.Key.Key_0)

    def hole() -> bool:
        chart.redraw()
        return any(shade.kind == "gap" for shade in chart.canvas.picture.shades)

    cockpit.until(hole, "the hole in time")
    cockpit.hand.click(cockpit.page._axis, at=cockpit.page._axis._rects()[0].center().toPoint())
    chart.redraw()
    assert not any(shade.kind == "gap" for shade in chart.canvas.picture.shades)  # no step is missing


# ---- item 5 ----------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_checkpoint_now_and_both_ways_to_stop(cockpit: Cockpit) -> None:
    cockpit.open_run(checkpoint_bytes=3_000_000)
    cockpit.click("Checkpoint now")
    told = cockpit.toast("Checkpoint at step ")
    path = Path(told.partition("· ")[2])
    assert path.parent == cockpit.home.home.job(cockpit.run_id) / "checkpoints"
    assert sum(file.stat().st_size for file in path.iterdir()) >= 3_000_000
    assert "MB" in told
    (first,) = cockpit.marks("checkpoint")
    assert f"step {first:,} saved" in told

    cockpit.click("Stop")
    sheet = cockpit.sheet()
    save, now = sheet.findChildren(QRadioButton)
    assert save.isChecked()
    cockpit.hand.click("Stop run", within=sheet)
    cockpit.until_state("stopped")
    cockpit.until(lambda: cockpit.marks("checkpoint") == [first, cockpit.run.step], "the mark of the last step")
    saved = cockpit.run.step
    assert len(list(path.parent.glob("checkpoint-*"))) == 2

    cockpit.click("Resume from checkpoint")
    cockpit.until(lambda: cockpit.run.state == "running" and cockpit.run.step > saved + 20, "the second attempt")
    cockpit.click("Stop")
    sheet = cockpit.sheet()
    save, now = sheet.findChildren(QRadioButton)
    assert now.text().startswith("Stop now, loses ")
    cockpit.hand.click(now)
    cockpit.hand.click("Stop run", within=sheet)
    cockpit.until_state("stopped")
    assert cockpit.run.step > saved
    assert cockpit.marks("checkpoint") == [first, saved]  # nothing was saved this time
    assert cockpit.run.resumable


# ---- item 12 ---------------------------------------------------------------------------------------------------------

PAGES = ("overview", "data", "runs", "run", "compare", "models", "endpoints", "alerts", "audit", "settings")


@pytest.mark.timeout(420)
def test_the_backend_is_killed_under_every_page(cockpit: Cockpit) -> None:
    """The bar comes, what was typed stays, the stream goes on without a gap or a double."""
    cockpit.open_run()
    other = cockpit.home.start_run(steps=5, rate_hz=0)["id"]
    cockpit.until(lambda: other in cockpit.state.runs, "the other run")
    places = {"run": f"run/{cockpit.run_id}", "compare": f"compare/{cockpit.run_id},{other}"}
    for name in PAGES:
        cockpit.window.context.navigate(places.get(name, name))
        rest(50)
        page = cockpit.page
        typed = next((each for each in page.findChildren(QLineEdit) if each.isVisible() and each.isEnabled()
                      and not each.isReadOnly()), None)  # fmt: skip
        if typed is not None:
            typed.setFocus()
            typed.clear()
            QTest.keyClicks(typed, "zz")
        cockpit.home.kill()
        cockpit.until(cockpit.window.banner.isVisible, f"the bar over {name}")
        assert cockpit.page is page, name
        if typed is not None:
            assert typed.text() == "zz", name
            typed.clear()
        cockpit.home.start()
        cockpit.until(lambda: cockpit.state.online and not cockpit.window.banner.isVisible(), f"{name} again")
        assert page.isVisible(), name
    at = cockpit.run.step
    cockpit.until(lambda: cockpit.run.step > at + 20, "the stream")
    steps = [step for key, step in cockpit.points if key == "train/loss"]
    assert steps == list(range(steps[0], steps[0] + len(steps))), "each live point once, without a gap"


# ---- a folder deleted ------------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_a_folder_deleted_under_the_page(cockpit: Cockpit) -> None:
    """While it runs, and once more when it has ended: said with its place, nothing lost that the store has."""
    home, daemon = cockpit.home, cockpit.home.backend.pid
    cockpit.open_run(checkpoint_every=10)
    folder = home.home.job(cockpit.run_id)
    shutil.rmtree(folder, ignore_errors=True)  # its worker goes on writing there
    cockpit.until_state("failed")
    cockpit.until(lambda: cockpit.run.folder_gone, "the note that the folder is gone")
    banner = cockpit.page.failed
    cockpit.until(lambda: banner.message.text() == "The folder of this run is gone", "the message")
    assert str(folder) in banner.accessibleName()
    assert "Put it back from a copy, or clone the run." in banner.accessibleName()
    assert not processes_with("TMPDIR", str(folder / "tmp"))
    kept = len(cockpit.page.charts.group.store.get("train/loss").values)
    assert kept > 20
    exported = home.cli("run", "export", cockpit.run_id, "--format", "jsonl").stdout.splitlines()
    assert len(exported) >= kept
    for tab in ("log", "config", "checkpoints", "samples", "environment", "charts"):
        cockpit.page.tabs.choose(tab)
        rest(100)
        assert banner.isVisible(), tab

    done = home.start_run(steps=30, rate_hz=0, checkpoint_every=10)["id"]
    home.wait_run(done, ("completed",))
    cockpit.run_id = done
    cockpit.window.context.navigate(f"run/{done}")
    cockpit.until(lambda: done in cockpit.state.runs and cockpit.run.model_ready, "the result")
    path, away = home.home.job(done), home.root / "away"
    path.rename(away)
    cockpit.until(lambda: cockpit.run.folder_gone and banner.isVisible(), "the message of an ended run")
    assert str(path) in banner.accessibleName()
    assert cockpit.page.head.button("register") is None
    refused = home.cli("model", "register", done, "--name", "m", check=False)
    assert refused.returncode == 3
    away.rename(path)
    cockpit.until(lambda: not cockpit.run.folder_gone and not banner.isVisible(), "the folder again")
    assert cockpit.page.head.button("register") is not None
    assert home.backend.pid == daemon
