"""The window is killed with SIGKILL while a run goes on, and opened again: the run never notices and is whole."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from backend.jobs.folder import JobFolder
from backend.paths import PROJECT
from console.app import Console, OneWindow
from console.state.changes import Changes
from tests.console.conftest import qapp  # noqa: F401 the application as the product makes it
from tests.helpers.home import RunningHome
from tests.helpers.log import exported_points, logged_points
from tests.helpers.wait import until

KILLS = 3
CONSOLE = "import sys; from console.app import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def home() -> Iterator[RunningHome]:
    with RunningHome() as home:
        yield home.start()


def open_console(home: RunningHome) -> subprocess.Popen[bytes]:
    """A window in a process of its own, started as a shell would start it; returns when it is on the screen."""
    process = subprocess.Popen(
        [sys.executable, "-c", CONSOLE, "--home", str(home.home.root)],
        cwd=PROJECT,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def there() -> bool:
        if process.poll() is not None:
            raise AssertionError(f"the window ended with {process.returncode}")
        return OneWindow(home.home).another_answers()

    until(there, 60, every=0.05)
    return process


@pytest.mark.timeout(300)
def test_row_1_a_killed_window_is_not_noticed_and_comes_back_whole(home: RunningHome, qtbot: QtBot) -> None:
    home.ask("PATCH", "/settings", {"values": {"mirror": False}})
    run_id = home.start_run(steps=1_000_000, rate_hz=100, points_per_step=2)["id"]
    home.wait_run(run_id, ("running",))
    identity = JobFolder(home.home.job(run_id)).identity()
    daemon = home.backend.pid
    for _ in range(KILLS):
        process = open_console(home)
        time.sleep(random.uniform(0, 0.5))  # the moment of the kill is the test
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not OneWindow(home.home).another_answers()

    console = Console(home.home)
    qtbot.addWidget(console.window)
    points: list[tuple[str, int]] = []

    def on_changes(changes: Changes) -> None:
        points.extend((point[0], point[1]) for point in changes.points.get(run_id, ()))

    console.loader.changed.connect(on_changes)
    console.open()
    try:
        qtbot.waitUntil(lambda: run_id in console.state.runs and len(points) > 20, timeout=60_000)
        assert console.state.runs[run_id].state == "running"
        steps = [step for key, step in points if key == "train/loss"]
        assert steps == list(range(steps[0], steps[0] + len(steps))), "each live point once, without a gap"
    finally:
        console.close()
    home.ask("POST", f"/runs/{run_id}/commands", {"command": "stop"})
    ended = home.wait_run(run_id)
    assert (ended["state"], ended["attempt"]) == ("stopped", 1)
    assert JobFolder(home.home.job(run_id)).identity() == identity
    assert home.backend.pid == daemon
    logged = logged_points(home, run_id)
    assert [point[1] for point in logged[::2]] == list(range(1, ended["step"] + 1))
    assert exported_points(home, run_id) == logged
