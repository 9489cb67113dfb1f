"""The run page with real clicks: history and feed without gap, buttons that fit the state, sheets that ask."""

import math
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from backend.contract.packed import MEDIA_TYPE, PackedReply, PackedSeries, pack
from backend.contract.resources import AlertRecord, Failure, LogLine, RunEvent, RunRecord, SystemStatus
from console.charts.detail import curves_of
from console.charts.table import show_table
from console.pages.run import RunPage
from console.pages.run.head import buttons_for
from console.pages.run.samples_tab import sample_rows
from console.pages.run.sheets import StopSheet
from console.sheets import RegisterSheet
from console.state.changes import Changes
from console.widgets.buttons import Button
from console.widgets.text import Text
from console.yaml import run_to_yaml
from tests.console.pages.conftest import Desk


def record(**fields: Any) -> RunRecord:
    known = {"id": "r1", "name": "movie-s42", "recipe": "text_classification", "state": "running", "step": 3,
             "total_steps": 10, "started_at": 900.0}  # fmt: skip
    return RunRecord(**{**known, **fields})


def put(desk: Desk, run: RunRecord) -> Changes:
    desk.state.runs[run.id] = run
    return Changes(runs={run.id})


def series(values: list[Any], first: int = 1) -> dict[str, Any]:
    steps = list(range(first, first + len(values)))
    data = {"steps": steps, "times": [900.0 + s for s in steps], "epochs": [], "values": values, "count": len(values)}
    return {"run_id": "r1", "series": {"train/loss": data}, "next_event": 5}


@pytest.fixture
def page(desk: Desk, qtbot: QtBot) -> RunPage:
    put(desk, record())
    page = RunPage(desk.context)
    qtbot.addWidget(page)
    page.resize(1200, 800)
    page.show()
    page.open_target("r1")
    return page


def losses(page: RunPage) -> tuple[list[float], list[float]]:
    found = page.charts.group.store.get("train/loss")
    return list(found.column("step")), list(found.values)


def test_points_that_came_while_reading_follow_without_gap_or_duplicate(desk: Desk, page: RunPage) -> None:
    page.refresh(Changes(points={"r1": [("train/loss", step, 900.0 + step, None, step / 10) for step in (2, 3, 4)]}))
    desk.link.last("GET", "/runs/r1/series").succeed(series([0.1, 0.2, 0.3]))
    page.refresh(Changes(points={"r1": [("train/loss", 5, 905.0, None, math.nan)]}))
    steps, values = losses(page)
    assert steps == [1, 2, 3, 4, 5]
    assert values[:4] == [0.1, 0.2, 0.3, 0.4]
    assert math.isnan(values[4])


def test_a_feed_that_is_behind_the_history_adds_nothing_twice(desk: Desk, page: RunPage) -> None:
    desk.link.last("GET", "/runs/r1/series").succeed(series([0.1, 0.2, 0.3]))
    late = [("train/loss", step, 900.0 + step, None, step / 10) for step in (2, 3, 4)]
    page.refresh(Changes(points={"r1": late}))
    assert losses(page)[0] == [1, 2, 3, 4]
    page.refresh(Changes(points={"r1": [("train/loss", 2, 950.0, None, 0.7)]}))  # logged later, though an old step
    assert losses(page)[0] == [1, 2, 3, 4, 2]


def thinned(count: int = 100_000, kept: int = 200) -> dict[str, Any]:
    steps = list(range(0, count, count // kept))
    data = {
        "steps": steps, "times": [900.0 + s / 100 for s in steps], "epochs": [s / 1000 for s in steps],
        "values": [float(s % 7) for s in steps], "count": count,
    }  # fmt: skip
    return {"run_id": "r1", "series": {"train/loss": data, "lonely/metric": data}, "next_event": 5}


@pytest.mark.parametrize(
    ("axis", "window", "query"),
    [
        ("step", (20_000, 30_000), ("step", 17_500, 32_500)),
        ("time", (1100.0, 1200.0), ("time", 1075.0, 1225.0)),
        ("epoch", (20.0, 30.0), ("step", 17_500, 32_500)),
    ],
)
def test_a_zoom_asks_for_what_is_in_view(
    desk: Desk, page: RunPage, qtbot: QtBot, axis: Any, window: tuple[float, float], query: tuple[str, float, float]
) -> None:
    desk.link.last("GET", "/runs/r1/series").succeed(thinned())
    group = page.charts.group
    group.set_axis(axis)
    with qtbot.waitSignal(group.request_window):
        group.zoom_to(*window)
    asked = desk.link.last("GET", "/runs/r1/series")
    assert asked.query["keys"] == "train/loss"
    assert (asked.query["x"], asked.query["from"], asked.query["to"]) == pytest.approx(query)
    assert asked.query["points"] <= 8000
    fine = list(range(17_500, 32_500, 50))
    data = {
        "steps": fine, "times": [900.0 + s / 100 for s in fine], "epochs": [s / 1000 for s in fine],
        "values": ["nan", None, *([2.0] * (len(fine) - 2))], "count": 15_000,
    }  # fmt: skip
    asked.succeed({"run_id": "r1", "series": {"train/loss": data}, "next_event": 5})
    best = group.store.best("train/loss", axis, *window)
    assert len(best) == len(fine)


def packed_reply(values: list[float], flags: list[int] | None = None) -> bytes:
    steps = np.arange(1, len(values) + 1)
    marks = None if flags is None else np.array(flags, dtype=np.uint8)
    columns = (steps, 900.0 + steps, steps / 10, np.array(values))
    return pack(PackedReply("r1", {"train/loss": PackedSeries(*columns, marks, 9_000)}, 5))


def test_packed_answers_are_drawn_like_json(desk: Desk, page: RunPage) -> None:
    asked = desk.link.last("GET", "/runs/r1/series")
    assert asked.accept == MEDIA_TYPE
    asked.succeed(packed_reply([0.1, math.nan, 0.3], [0, 1, 0]))
    page.refresh(Changes(points={"r1": [("train/loss", step, 900.0 + step, None, step / 10) for step in (3, 4)]}))
    steps, values = losses(page)
    assert steps == [1, 2, 3, 4]
    assert math.isnan(values[1])
    store = page.charts.group.store
    assert store.true_counts["train/loss"] == 9_001
    page.charts.feeder.take_detail(page.charts.feeder._turn, packed_reply([0.5] * 4))
    assert len(store.best("train/loss", "step", 1, 3)) == 4
    with_unknown = packed_reply([0.5] * 4, [0, 0, 2, 0])
    assert curves_of(with_unknown)["train/loss"].epochs is None
    assert curves_of(packed_reply([0.5] * 4))["train/loss"].epochs is not None


def test_an_answer_that_cannot_be_read_leaves_the_page_as_it_is(
    desk: Desk, page: RunPage, caplog: pytest.LogCaptureFixture
) -> None:
    desk.link.last("GET", "/runs/r1/series").succeed(series([0.1, 0.2]))
    page.charts.feeder.take_detail(page.charts.feeder._turn, packed_reply([0.5] * 4)[:-8])
    assert losses(page)[1] == [0.1, 0.2]
    assert "cannot be read" in caplog.text
    caplog.clear()


LOAD = "cpu/utilization_percent"


def machine(start: float, step: float, count: int) -> dict[str, Any]:
    times = [start + step * at for at in range(count)]
    return {"times": times, "values": {LOAD: [float(at % 9) for at in range(count)]}, "lows": {}, "highs": {},
            "step_seconds": step, "oldest": 0.0}  # fmt: skip


def test_a_zoom_reads_the_machine_as_finely_as_it_is_kept(desk: Desk, page: RunPage, qtbot: QtBot) -> None:
    desk.link.last("GET", "/runs/r1/series").succeed(series([0.5] * 6000))
    desk.link.last("GET", "/runs/r1/telemetry").succeed(machine(902.5, 5.0, 1200))  # up to 6897.5
    page.charts.grid.set_shown("cpu", True)
    group = page.charts.group
    with qtbot.waitSignal(group.request_window):
        group.zoom_to(1000, 1400)
    asked = desk.link.last("GET", "/runs/r1/telemetry")
    assert LOAD in asked.query["names"].split(",")
    assert (asked.query["from"], asked.query["to"]) == pytest.approx((1800.0, 2400.0))
    asked.succeed(machine(1800.5, 1.0, 600))
    best = group.store.best(LOAD, "step", 1000, 1400)
    assert len(best) == 600
    assert np.allclose(best.column("step"), np.arange(600) + 900.5)
    # one that reaches the present: what came live meanwhile is behind it, and grows on
    group.append(LOAD, None, [6898.0, 6899.0], None, [1.0, 2.0])
    with qtbot.waitSignal(group.request_window):
        group.zoom_to(5600, 6000)
    asked = desk.link.last("GET", "/runs/r1/telemetry")
    group.append(LOAD, None, [6900.0], None, [3.0])
    asked.succeed(machine(6398.0, 1.0, 501))
    best = group.store.best(LOAD, "step", 5600, 6000)
    assert best.column("time").tolist()[-3:] == [6898.0, 6899.0, 6900.0]
    group.append(LOAD, None, [6901.0], None, [4.0])
    assert group.store.best(LOAD, "step", 5600, 6000).values[-1] == 4.0


def test_a_short_run_has_every_reading_and_asks_for_none_again(desk: Desk, page: RunPage, qtbot: QtBot) -> None:
    desk.link.last("GET", "/runs/r1/series").succeed(series([0.5] * 60))
    desk.link.last("GET", "/runs/r1/telemetry").succeed(machine(900.5, 1.0, 60))
    before = len(desk.link.asked)
    group = page.charts.group
    group.zoom_to(20, 40)
    qtbot.waitUntil(lambda: not group._fetch.isActive())
    assert len(desk.link.asked) == before


def test_copied_readings_of_the_machine_are_those_that_are_kept(desk: Desk, page: RunPage) -> None:
    desk.link.last("GET", "/runs/r1/series").succeed(series([0.5] * 6000))
    desk.link.last("GET", "/runs/r1/telemetry").succeed(machine(902.5, 5.0, 1200))
    page.charts.grid.set_shown("cpu", True)
    page.charts.group.zoom_to(1000, 1010)
    dialog = show_table(page.charts.grid.chart("cpu"))
    asked = desk.link.last("GET", "/runs/r1/telemetry")
    assert (asked.query["from"], asked.query["to"]) == (1899.0, 1911.0)
    asked.succeed(machine(1899.0, 2.0, 7))  # thinned to count them
    desk.link.last("GET", "/runs/r1/telemetry").succeed(machine(1899.0, 0.5, 25))
    assert dialog.model.table[:, 0].tolist() == [1000 + at / 2 for at in range(21)]
    assert dialog.told.text() == "21 rows"
    dialog.close()


def test_a_run_with_a_lot_of_points_says_how_many(desk: Desk, page: RunPage) -> None:
    desk.link.last("GET", "/runs/r1/series").succeed(thinned(1_203_400, 200))
    loss = page.charts.grid.chart("loss")
    loss.redraw()
    assert "all 1,203,400 points" in loss.header.unit
    page.refresh(Changes(points={"r1": [("train/loss", 1_203_401, 1e9, None, 1.0)]}))
    loss.redraw()
    assert "all 1,203,401 points" in loss.header.unit


def test_a_new_attempt_reads_the_history_again(desk: Desk, page: RunPage) -> None:
    desk.link.last("GET", "/runs/r1/series").succeed(series([0.1]))
    before = len([a for a in desk.link.asked if a.path == "/runs/r1/series"])
    page.refresh(put(desk, record(attempt=2)))
    assert len([a for a in desk.link.asked if a.path == "/runs/r1/series"]) == before + 1


def test_pause_is_asked_once_and_waits_for_the_answer(desk: Desk, page: RunPage, qtbot: QtBot) -> None:
    button = page.head.button("pause")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    asked = desk.link.last("POST", "/runs/r1/commands")
    assert asked.body == {"command": "pause"}
    assert button.busy
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert len([a for a in desk.link.asked if a.path == "/runs/r1/commands"]) == 1
    asked.refuse("The run has ended.", "Start it again.")
    assert not button.busy
    assert desk.toasts == [("bad", "The run has ended.", "Start it again.")]


def test_a_paused_run_offers_resume(desk: Desk, page: RunPage) -> None:
    page.refresh(put(desk, record(state="paused")))
    assert page.head.button("pause") is None
    assert page.head.button("resume") is not None
    assert page.head.pill.word == "Paused"


def test_after_the_last_step_it_says_what_it_does(desk: Desk, page: RunPage) -> None:
    page.refresh(put(desk, record(step=10, eta_seconds=0.0)))
    assert "last check and saving" in [text.text() for text in page.head.findChildren(Text)]


def test_a_checkpoint_that_was_asked_for_is_told_with_size_and_place(desk: Desk, page: RunPage) -> None:
    def saved(number: int, asked: bool) -> RunEvent:
        data = {"name": f"checkpoint-{number}", "size_bytes": 21_000_000, "asked": asked}
        return RunEvent(id=number, run_id="r1", kind="checkpoint", time=903.0, step=number, text="", data=data)

    page.refresh(Changes(run_events={"r1": [saved(3, False), saved(4, True)]}))
    assert desk.toasts == [("ok", "Checkpoint at step 4 saved", "21 MB · jobs/r1/checkpoints/checkpoint-4")]


def test_the_gradient_norm_shows_where_it_is_clipped(desk: Desk, page: RunPage) -> None:
    page.refresh(put(desk, record(settings={"max_grad_norm": 1.0})))
    spec = page.charts.grid.chart("grad_norm").spec
    assert [limit.value for limit in spec.limits] == [1.0]
    assert spec.unit == "clip 1"


def test_what_has_only_times_waits_for_the_first_step(desk: Desk, page: RunPage) -> None:
    cpu = page.charts.grid.chart("cpu")
    page.charts.group.append("cpu/utilization_percent", None, [901.0, 902.0], None, [10.0, 20.0])
    cpu.redraw()
    assert cpu.canvas.picture.empty == "No values yet"


@pytest.mark.parametrize(
    ("fields", "buttons"),
    [
        ({"state": "queued"}, ("cancel",)),
        ({"state": "completed", "model_ready": True}, ("clone", "compare", "register")),
        (
            {"state": "completed", "model_ready": True, "model_version": "movies:3"},
            ("clone", "compare", "register", "version"),
        ),
        ({"state": "failed", "resumable": True}, ("clone", "continue")),
        ({"state": "interrupted", "resumable": False}, ("clone",)),
    ],
)
def test_buttons_fit_the_state(fields: dict[str, Any], buttons: tuple[str, ...]) -> None:
    assert buttons_for(record(**fields)) == buttons


def test_stop_asks_first_and_saves_by_default(desk: Desk, page: RunPage, qtbot: QtBot) -> None:
    qtbot.mouseClick(page.head.button("stop"), Qt.MouseButton.LeftButton)
    sheet = desk.sheets[-1]
    assert isinstance(sheet, StopSheet)
    qtbot.addWidget(sheet)
    sheet.submit()
    assert desk.link.last("POST", "/runs/r1/commands").body == {"command": "stop", "save": True}


def test_the_filled_button_is_what_comes_next(desk: Desk, page: RunPage, qtbot: QtBot) -> None:
    page.refresh(put(desk, record(state="completed", model_ready=True)))
    assert page.head.button("register").kind == "primary"
    page.refresh(put(desk, record(state="completed", model_ready=True, model_version="movies:3")))
    assert page.head.button("register").kind == "default"
    assert page.head.button("version").kind == "primary"
    qtbot.mouseClick(page.head.button("version"), Qt.MouseButton.LeftButton)
    assert desk.places == ["model/movies/3"]


def test_register_names_the_version_it_becomes(desk: Desk, page: RunPage, qtbot: QtBot) -> None:
    page.refresh(put(desk, record(state="completed", model_ready=True, dataset_name="Movie reviews")))
    qtbot.mouseClick(page.head.button("register"), Qt.MouseButton.LeftButton)
    sheet = desk.sheets[-1]
    assert isinstance(sheet, RegisterSheet)
    qtbot.addWidget(sheet)
    sheet.submit()
    asked = desk.link.last("POST", "/models")
    assert asked.body == {"run_id": "r1", "name": "movie-reviews", "note": ""}
    asked.succeed({"id": "op1"})
    assert desk.places[-1] == "model/movie-reviews/1"


def test_failure_says_cause_and_offers_the_way_on(desk: Desk, page: RunPage, qtbot: QtBot) -> None:
    failure = Failure(code="signal", text="The worker was killed.", advice="Resume from the newest checkpoint.")
    page.refresh(
        put(desk, record(state="failed", cause="Killed by signal 9 (SIGKILL)", failure=failure, resumable=True))
    )
    assert page.failed.isVisible()

    def primary() -> list[Button]:
        return [button for button in page.findChildren(Button) if button.isVisible() and button.kind == "primary"]

    qtbot.waitUntil(lambda: [b.text() for b in primary()] == ["Resume from checkpoint"])  # once, beside the cause
    qtbot.mouseClick(primary()[0], Qt.MouseButton.LeftButton)
    assert desk.link.last("POST", "/runs/r1/resume").body == {}


def test_the_tools_of_the_charts_come_back_with_another_run(desk: Desk, page: RunPage) -> None:
    page.tabs.choose("environment")
    assert not page._tools.isVisible()
    put(desk, record(id="r2", name="other"))
    page.open_target("r2")
    assert page.tabs.value == "charts"
    assert page._tools.isVisible()
    desk.state.loaded = True
    page.open_target("gone")
    assert not page._tools.isVisible()


def test_a_log_without_lines_says_so_and_lines_are_counted(desk: Desk, page: RunPage) -> None:
    page.tabs.choose("log")
    log = page._parts["log"]
    desk.link.last("GET", "/runs/r1/log").succeed({"lines": [], "total": 0})
    assert (log.view._empty_text, log._count.text()) == ("Nothing was logged.", "0 lines")
    line = LogLine(number=1, time=901.0, level="info", text="began")
    page.refresh(Changes(log={"r1": [line]}))
    assert log._count.text() == "1 line"


def test_events_become_markers_and_rows_once(desk: Desk, page: RunPage) -> None:
    event = RunEvent(id=1, run_id="r1", kind="checkpoint", time=903.0, step=3, text="Checkpoint saved, 21 MB")
    page.refresh(Changes(run_events={"r1": [event]}))
    page.refresh(Changes(run_events={"r1": [event]}))
    assert [mark.text for mark in page.charts.group.events] == ["Checkpoint saved, 21 MB"]


def test_notes_and_alerts_are_marks_on_every_axis(desk: Desk, page: RunPage) -> None:
    body = series([0.5] * 40)
    body["series"]["train/loss"]["epochs"] = [step / 10 for step in body["series"]["train/loss"]["steps"]]
    desk.link.last("GET", "/runs/r1/series").succeed(body)
    note = {"id": 7, "run_id": "r1", "kind": "note", "time": 910.0, "step": 10, "epoch": None, "text": "<b>rate</b>"}
    desk.link.last("GET", "/runs/r1/events").succeed({"items": [note]})
    alert = AlertRecord(id="a1", kind="run", title="Run is slow", opened_at=930.4, run_id="r1")
    desk.state.alerts = {"a1": alert, "a2": alert.model_copy(update={"id": "a2", "run_id": "other"})}
    page.refresh(Changes(alerts={"a1", "a2"}))
    chart, group = page.charts.grid.chart("loss"), page.charts.group
    for axis in ("step", "epoch", "time"):
        group.set_axis(axis)
        chart.redraw()
        marks = [(e.kind, e.text) for mark in chart.canvas.picture.marks for e in mark.events]
        assert marks == [("note", "<b>rate</b>"), ("alert", "Run is slow")]
    page.refresh(Changes(alerts={"a1"}))
    assert [e.kind for e in page.charts.feeder.events] == ["note", "alert"]
    group.event_selected.emit(str(page.charts.feeder.events[1].id))


def test_a_chart_opens_the_run_in_compare_beside_the_one_it_is_like(desk: Desk, page: RunPage) -> None:
    name, act = page.charts.group.extra_actions[0]
    assert name == "Open in Compare"
    act()
    assert desk.toasts[-1][1] == "There is no other run to compare with"
    for run_id, fields in {"new": {"recipe": "selftest", "created_at": 9.0}, "like": {"created_at": 3.0}}.items():
        put(desk, record(id=run_id, **fields))
    act()
    assert desk.places[-1] == "compare/r1,like"


def test_a_run_that_is_gone_is_said(desk: Desk, page: RunPage) -> None:
    desk.state.loaded = True
    page.open_target("nowhere")
    assert "missing" in page._parts


@pytest.mark.parametrize("state", ["completed", "failed", "running"])
def test_a_run_whose_folder_was_deleted_says_so_and_keeps_what_it_has(
    desk: Desk, page: RunPage, qtbot: QtBot, state: str
) -> None:
    desk.state.system = SystemStatus(
        state="running", pid=7, home="/home/x/modeldeck", socket="", started_at=1.0, version="1", protocol=1
    )
    desk.link.last("GET", "/runs/r1/series").succeed(series([0.9, 0.8, 0.7]))
    page.refresh(put(desk, record(state=state, model_ready=True, resumable=True)))
    page.refresh(put(desk, record(state=state, model_ready=True, resumable=True, folder_gone=True)))
    path = "/home/x/modeldeck/jobs/r1"
    assert page.failed.isVisible()
    assert page.failed.message.text() == "The folder of this run is gone"
    detail = f"{path} · Curves, events and log are kept. Put it back from a copy, or clone the run."
    assert page.failed.accessibleName() == f"The folder of this run is gone {detail}"
    assert losses(page) == ([1.0, 2.0, 3.0], [0.9, 0.8, 0.7])
    assert (page.head.button("register"), page.head.button("continue")) == (None, None)
    reasons = {action.id: action.reason() for action in page.actions()}
    assert reasons["run.register"] == reasons["run.continue"] == "The folder of this run is gone."
    clone, copy = page.failed._buttons
    qtbot.mouseClick(copy, Qt.MouseButton.LeftButton)
    assert desk.copied == [path]
    qtbot.mouseClick(clone, Qt.MouseButton.LeftButton)
    assert desk.started[-1][0] == "run.new"
    page.refresh(put(desk, record(state="completed", model_ready=True)))
    assert not page.failed.isVisible()  # it was put back
    assert page.head.button("register") is not None


def test_a_checkpoint_that_was_asked_for_says_how_large_it_is_and_where(desk: Desk, page: RunPage) -> None:
    data = {"name": "checkpoint-3", "size_bytes": 21_000_000, "asked": True}
    event = RunEvent(id=1, run_id="r1", kind="checkpoint", time=903.0, step=3, text="Checkpoint at step 3", data=data)
    page.refresh(Changes(run_events={"r1": [event]}))
    assert desk.toasts[-1] == ("ok", "Checkpoint at step 3 saved", "21 MB · jobs/r1/checkpoints/checkpoint-3")
    own = event.model_copy(update={"id": 2, "data": {**data, "asked": False}})
    page.refresh(Changes(run_events={"r1": [own]}))
    assert len(desk.toasts) == 1  # the schedule's own are told by their marks


def test_config_copies_as_yaml_that_new_run_reads() -> None:
    text = run_to_yaml(record(settings={"epochs": 3, "method": "lora"}, dataset_name="tickets"))
    assert text.splitlines() == [
        'recipe: "text_classification"', 'dataset: "tickets"', "settings:", "  epochs: 3", '  method: "lora"',
    ]  # fmt: skip


def test_samples_show_the_newest_answer_and_the_way_there() -> None:
    def moment(step: int, predicted: str, score: float) -> dict[str, Any]:
        return {"step": step, "items": [{"text": "a", "expected": "good", "predicted": predicted, "score": score}]}

    (row,) = sample_rows([moment(10, "good", 0.9), moment(5, "bad", 0.6)], ("good", "bad"))
    assert row["predicted"] == "good"
    assert row["history"] == [0.4, 0.9]
