"""The jobs popover by mouse and keys on a real window: the queue is reordered, thinned out, and follows the state."""

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from backend.contract.resources import RunRecord, SystemStatus, TelemetrySample
from console.jobs import JobsPopover
from console.settings import LANGUAGE, Settings
from console.shell import Services
from console.state.changes import Changes
from console.state.store import AppState
from console.widgets.queuelist import QueueList
from console.widgets.text import rich_text_leaks
from console.window import Window
from tests.console.test_window import SPECS
from tests.helpers.dragging import drag
from tests.helpers.fake_link import FakeLink

# The offscreen platform cannot raise a popover or give it the keyboard, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
LEFT = Qt.MouseButton.LeftButton
ALT = Qt.KeyboardModifier.AltModifier


def queued(*names: str) -> dict[str, RunRecord]:
    return {n: RunRecord(id=n, name=f"<b>{n}</b>", recipe="t", state="queued", queue_position=place)
            for place, n in enumerate(names, 1)}  # fmt: skip


@pytest.fixture
def window(qtbot: QtBot, settings: Settings) -> Iterator[Window]:
    state = AppState()
    state.loaded = True
    state.connected()
    live = RunRecord(id="r1", name="live", recipe="t", state="running", step=70, total_steps=100, eta_seconds=1080.0)
    state.runs.update({"r1": live, **queued("a", "b", "c")})
    state.system = SystemStatus.model_validate(
        {"state": "running", "pid": 1, "home": "h", "socket": "s", "started_at": 0, "version": "0.1.0", "protocol": 1,
         "disk_free_bytes": int(4e11), "mirror": {"state": "in_sync"}}
    )  # fmt: skip
    state.telemetry = TelemetrySample.model_validate({"taken_at": 1.0, "host": {"cpu_percent": 20.0}})
    made = Window(FakeLink(), state, settings, Services(), SPECS)
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    made.open_start_page()
    made.on_changes(Changes(everything=True))
    yield made
    if made._jobs is not None:
        made._jobs.close()
    made.toasts.clear()


@pytest.fixture
def jobs(qtbot: QtBot, window: Window) -> JobsPopover:
    qtbot.mouseClick(window.status.segment("jobs"), LEFT)
    assert window._jobs is not None
    assert window._jobs.isVisible()
    return window._jobs


def order(queue: QueueList) -> list[str]:
    return [item.key for item in queue.items()]


def asked(window: Window) -> list[tuple[str, Any]]:
    return [(a.path, a.body) for a in window.link.asked if a.method == "POST"]


def test_it_says_what_runs_and_what_waits_as_plain_text(jobs: JobsPopover) -> None:
    assert [(item.key, item.note) for item in jobs.queue.items()] == [
        ("a", "starts in about 18 min"), ("b", "place 2 in line"), ("c", "place 3 in line"),
    ]  # fmt: skip
    assert jobs.queue.accessibleName() == "Queue: <b>a</b>, starts in about 18 min, 1 of 3"
    assert rich_text_leaks(jobs) == []


def test_a_row_is_dragged_to_another_place(window: Window, jobs: JobsPopover) -> None:
    first = jobs.queue.row_rect(0).center().toPoint()
    drag(jobs.queue, first, jobs.queue.row_rect(2).bottomLeft().toPoint() + QPoint(60, -2))
    assert asked(window) == [("/runs/a/move", {"position": 3})]
    assert order(jobs.queue) == ["b", "c", "a"]


def test_a_refused_move_is_put_back(window: Window, jobs: JobsPopover) -> None:
    drag(jobs.queue, jobs.queue.row_rect(2).center().toPoint(), QPoint(60, 2))
    assert order(jobs.queue) == ["c", "a", "b"]
    window.link.last("POST", "/runs/c/move").refuse("c has started.")
    assert order(jobs.queue) == ["a", "b", "c"]
    assert window.toasts.toasts[-1].text == "c has started."


def test_the_same_by_keys(qtbot: QtBot, window: Window, jobs: JobsPopover) -> None:
    queue = jobs.queue
    qtbot.keyClick(queue, Qt.Key.Key_Down)
    qtbot.keyClick(queue, Qt.Key.Key_Up, ALT)
    assert asked(window) == [("/runs/b/move", {"position": 1})]
    qtbot.keyClick(queue, Qt.Key.Key_Up, ALT)
    assert len(asked(window)) == 1
    qtbot.keyClick(queue, Qt.Key.Key_Return)
    assert window.current_link() == "modeldeck://run/b"
    assert not jobs.isVisible()


def test_a_row_is_taken_out_and_put_back_at_its_place(qtbot: QtBot, window: Window, jobs: JobsPopover) -> None:
    qtbot.mouseClick(jobs.queue, LEFT, pos=jobs.queue.cross_rect(1).center().toPoint())
    window.link.last("POST", "/runs/b/commands").succeed()
    assert asked(window)[-1] == ("/runs/b/commands", {"command": "cancel"})
    window.state.runs["b"] = window.state.runs["b"].model_copy(update={"state": "stopped"})
    window.on_changes(Changes(runs={"b"}))
    assert order(jobs.queue) == ["a", "c"]
    window.undo()
    window.link.last("POST", "/runs/b/resume").succeed()
    assert asked(window)[-1] == ("/runs/b/move", {"position": 2})
    window.redo()
    assert asked(window)[-1] == ("/runs/b/commands", {"command": "cancel"})
    qtbot.keyClick(jobs.queue, Qt.Key.Key_Delete)
    assert asked(window)[-1] == ("/runs/a/commands", {"command": "cancel"})


def test_without_backend_nothing_is_asked(qtbot: QtBot, window: Window, jobs: JobsPopover) -> None:
    window.on_changes(window.state.lost())
    qtbot.keyClick(jobs.queue, Qt.Key.Key_Delete)
    drag(jobs.queue, QPoint(60, 5), QPoint(60, 90))
    assert asked(window) == []
    assert order(jobs.queue) == ["a", "b", "c"]


def test_an_empty_queue_says_so(window: Window, jobs: JobsPopover) -> None:
    window.state.runs.clear()
    window.on_changes(Changes(everything=True))
    assert jobs._nothing.isVisible()
    assert not jobs.queue.isVisible()


@pytest.mark.parametrize(
    ("segment", "place"),
    [
        ("backend", "settings"),
        ("gpu", "overview"),
        ("disk", "settings"),
        ("mirror", "settings"),
        ("version", "settings"),
    ],
)
@pytest.mark.parametrize("by", ["mouse", "key"])
def test_every_segment_goes_where_the_design_says(
    qtbot: QtBot, window: Window, segment: str, place: str, by: str
) -> None:
    window.navigate("runs")
    button = window.status.segment(segment)
    if by == "mouse":
        qtbot.mouseClick(button, LEFT)
    else:
        button.setFocus()
        qtbot.keyClick(button, Qt.Key.Key_Space)
    assert window.stack.current_key == place
    target = {"backend": "backend", "disk": "storage", "mirror": "backend", "version": "about"}.get(segment, "")
    assert getattr(window.stack.page(), "shown_target", "") == target


def test_the_language_segment_switches_and_the_jobs_one_opens_by_key(
    qtbot: QtBot, window: Window, settings: Settings
) -> None:
    qtbot.mouseClick(window.status.segment("language"), LEFT)
    assert settings.get(LANGUAGE) == "zh"
    segment = window.status.segment("jobs")
    segment.setFocus()
    qtbot.keyClick(segment, Qt.Key.Key_Space)
    assert window._jobs is not None
    assert window._jobs.accessibleName() == "任务"
