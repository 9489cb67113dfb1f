"""What the run page does about a finding: applies it at the next checkpoint, forks past it, clones; and a fork's
branch."""

import math
from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from backend.contract.resources import BackendSettings, Diagnosis, Failure, Finding, RunEvent, RunRecord
from console import words
from console.charts.menu import build_menu
from console.pages.run import RunPage
from console.pages.run.branch import PARENT
from console.pages.run.sheets import ForkSheet
from console.state.changes import Changes
from console.widgets.buttons import Button
from console.widgets.rows import EventRow, KeyValue
from tests.console.pages.conftest import Desk
from tests.console.pages.test_run import put, record

PADDING = Finding(
    code="padding", severity="info", title="Padding", text="50% of each batch is padding.", fix="Group by length.",
    settings={"group_by_length": True}, apply="live", shares={"data": 0.1, "optimizer": 0.1, "other": 0.8},
)  # fmt: skip
SPIKE = Finding(
    code="loss_spike", severity="warn", title="Loss spike", text="Loss jumped.", settings={"learning_rate": 5e-4},
    fix="Resume from step 1,200 with the learning rate halved.", apply="fork", checkpoint="checkpoint-1200",
    checkpoint_step=1200,
)  # fmt: skip


def open_page(desk: Desk, qtbot: QtBot, run: RunRecord) -> RunPage:
    put(desk, run)
    page = RunPage(desk.context)
    qtbot.addWidget(page)
    page.resize(1200, 800)
    page.show()
    page.open_target(run.id)
    return page


@pytest.fixture
def page(desk: Desk, qtbot: QtBot) -> RunPage:
    return open_page(desk, qtbot, record(settings={"learning_rate": 1e-3}))


def find(page: RunPage, *findings: Finding) -> None:
    page.charts._on_diagnosed(Diagnosis(findings=findings).model_dump(mode="json"))


def button(page: RunPage, text: str) -> Button:
    shown = [one for one in page.charts.diagnosis.findChildren(Button) if one.text() == text and one.parent()]
    assert shown, [one.text() for one in page.charts.diagnosis.findChildren(Button)]
    return shown[-1]


def test_apply_at_next_checkpoint_asks_and_then_waits(desk: Desk, page: RunPage, qtbot: QtBot) -> None:
    find(page, PADDING)
    qtbot.mouseClick(button(page, "Apply at next checkpoint"), Qt.MouseButton.LeftButton)
    asked = desk.link.last("POST", "/runs/r1/settings")
    assert asked.body == {"settings": {"group_by_length": True}}
    waiting = record(settings={"learning_rate": 1e-3}, pending_settings={"group_by_length": True})
    asked.succeed(waiting.model_dump(mode="json"))
    assert desk.toasts[-1][1] == "Change asked for"
    page.refresh(put(desk, waiting))
    assert not button(page, "Waits for checkpoint").isEnabled()
    page.refresh(put(desk, record()))  # applied or refused: it can be asked again
    assert button(page, "Apply at next checkpoint").isEnabled()


def test_a_refusal_says_why(desk: Desk, page: RunPage, qtbot: QtBot) -> None:
    find(page, PADDING)
    qtbot.mouseClick(button(page, "Apply at next checkpoint"), Qt.MouseButton.LeftButton)
    desk.link.last("POST", "/runs/r1/settings").refuse("movie-s42 is stopping: its settings cannot change any more.")
    assert desk.toasts[-1][0] == "bad"
    assert "cannot change" in desk.toasts[-1][1]


def test_what_needs_a_clone_opens_the_form(desk: Desk, page: RunPage, qtbot: QtBot) -> None:
    find(page, PADDING.model_copy(update={"apply": "clone"}))
    qtbot.mouseClick(button(page, "Clone with this"), Qt.MouseButton.LeftButton)
    assert desk.started == [("run.new", {"run": page.run, "settings": {"group_by_length": True}})]


def test_a_spike_forks_from_the_good_checkpoint(desk: Desk, page: RunPage, qtbot: QtBot) -> None:
    find(page, SPIKE, PADDING)
    fork = button(page, "Resume from step 1,200")
    assert fork.accessibleName() == "Resume from step 1,200 with the learning rate halved."
    qtbot.mouseClick(fork, Qt.MouseButton.LeftButton)
    asked = desk.link.last("POST", "/runs/r1/fork")
    assert asked.body == {"checkpoint": "checkpoint-1200", "settings": {"learning_rate": 5e-4}, "name": None}
    asked.succeed({"id": "r2"})
    assert desk.places[-1] == "run/r2"
    qtbot.mouseClick(button(page, "1 more finding"), Qt.MouseButton.LeftButton)
    assert button(page, "Apply at next checkpoint")


def test_a_run_that_failed_by_nan_offers_the_way_out_first(desk: Desk, page: RunPage, qtbot: QtBot) -> None:
    failure = Failure(code="nan", text="The loss is not a number.", advice="Lower the rate.")
    page.refresh(put(desk, record(state="failed", cause="NaN at step 1,300", failure=failure, resumable=True)))
    find(page, SPIKE)
    way = [b for b in page.failed.findChildren(Button) if b.text().startswith("Resume from step")]
    assert way[-1].text() == "Resume from step 1,200 with learning rate halved"
    qtbot.mouseClick(way[-1], Qt.MouseButton.LeftButton)
    assert desk.link.last("POST", "/runs/r1/fork").body["settings"] == {"learning_rate": 5e-4}


# ---- forks -----------------------------------------------------------------------------------------------------------


def checkpoints(desk: Desk, *steps: int) -> None:
    items = [
        {"name": f"checkpoint-{step}", "step": step, "size_bytes": 1, "saved_at": 1.0, "present": step != 20}
        for step in steps
    ]
    desk.link.last("GET", "/runs/r1/checkpoints").succeed({"items": items})


def draw(page: RunPage, steps: list[int]) -> None:
    page.charts.group.set_series("train/loss", steps, [900.0 + s for s in steps], None, [1.0 / s for s in steps])


def test_a_chart_offers_a_fork_from_the_nearest_checkpoint(desk: Desk, page: RunPage, qtbot: QtBot) -> None:
    draw(page, list(range(1, 41)))
    chart = page.charts.grid.chart("loss")
    assert not [a for a in build_menu(chart, 18.0).actions() if "Fork" in a.text()]
    checkpoints(desk, 10, 20, 30)
    menu = build_menu(chart, 18.0)  # 20 is gone
    (fork,) = [action for action in menu.actions() if "Fork" in action.text()]
    assert fork.text() == "Fork from checkpoint at step 10…"
    fork.trigger()
    sheet = desk.sheets[-1]
    assert isinstance(sheet, ForkSheet)
    qtbot.addWidget(sheet)
    sheet._rate.setText("0")
    assert not sheet.primary.isEnabled()
    sheet._rate.setText("2e-4")
    sheet._name.setText("calmer")
    sheet.submit()
    asked = desk.link.last("POST", "/runs/r1/fork")
    assert asked.body == {"checkpoint": "checkpoint-10", "settings": {"learning_rate": 2e-4}, "name": "calmer"}
    asked.succeed({"id": "r3"})
    assert desk.places[-1] == "run/r3"


def test_a_fork_with_the_same_rate_changes_nothing_else(desk: Desk, page: RunPage, qtbot: QtBot) -> None:
    checkpoints(desk, 10)
    page._parts["checkpoints"].fork_wanted.emit("checkpoint-10")
    sheet = desk.sheets[-1]
    qtbot.addWidget(sheet)
    sheet.submit()
    assert desk.link.last("POST", "/runs/r1/fork").body["settings"] == {}


@pytest.fixture
def branch(desk: Desk, qtbot: QtBot) -> RunPage:
    return open_page(desk, qtbot, record(fork_of="r0", fork_step=20, fork_checkpoint="checkpoint-20", total_steps=60))


def parent_series(values: list[Any]) -> dict[str, Any]:
    steps = list(range(20, 20 + len(values)))
    data = {"steps": steps, "times": [1.0 + s for s in steps], "epochs": [], "values": values, "count": len(values)}
    return {"run_id": "r0", "series": {"train/loss": data}, "next_event": 5}


def test_the_parent_is_drawn_behind_from_the_fork_step_on(desk: Desk, branch: RunPage) -> None:
    asked = desk.link.last("GET", "/runs/r0/series")
    assert asked.query["from"] == 20
    assert {"train/loss", "eval/loss", "train/grad_norm"} <= set(asked.query["keys"].split(","))
    asked.succeed(parent_series([0.5, 0.4, "nan", *[0.3] * 37]))
    draw(branch, [21, 22, 23])
    group = branch.charts.group
    chart = branch.charts.grid.chart("loss")
    chart.redraw()
    lines = [line.key for line in chart.canvas.picture.lines]
    assert lines.index(PARENT + "train/loss") < lines.index("train/loss")
    assert group.newest == 23  # how far this run is, not how far its parent came
    assert "parent train" in [entry.name for entry in chart.header.entries]
    for axis in ("epoch", "time", "step"):
        group.set_axis(axis)
        chart.redraw()
    assert [line.key for line in chart.canvas.picture.lines].count(PARENT + "train/loss") == 1
    group.set_axis("time")
    chart.redraw()
    assert PARENT + "train/loss" not in [line.key for line in chart.canvas.picture.lines if len(line.x)]


def test_a_parent_still_running_goes_on_without_double_points(desk: Desk, branch: RunPage) -> None:
    desk.link.last("GET", "/runs/r0/series").succeed(parent_series([0.5, 0.4]))
    points = [("train/loss", step, 1.0, None, 0.1) for step in (19, 21, 22)] + [("train/odd", 22, 1.0, None, 9.0)]
    branch.refresh(Changes(points={"r0": points}))
    series = branch.charts.group.store.get(PARENT + "train/loss")
    assert list(series.column("step")) == [20, 21, 22]
    assert all(math.isnan(time) for time in series.column("time"))
    assert PARENT + "train/odd" not in branch.charts.group.store


def test_a_run_without_a_parent_asks_for_none(desk: Desk, page: RunPage) -> None:
    assert not [asked for asked in desk.link.asked if asked.path == "/runs/None/series"]
    assert not any(spec.behind for chart in page.charts.group.charts for spec in chart.spec.series)


# ---- energy ----------------------------------------------------------------------------------------------------------


def energy_row(page: RunPage) -> list[str]:
    return [row._value for row in page.charts.summary.findChildren(KeyValue) if row._label == "Energy"]


def test_energy_and_cost_are_shown_where_they_were_measured(desk: Desk, page: RunPage) -> None:
    assert energy_row(page) == []  # a machine without cards
    desk.state.settings = BackendSettings(energy_price=0.3, currency="€")
    page.refresh(put(desk, record(energy_kwh=0.421)))
    assert energy_row(page) == ["0.42 kWh · €0.13"]
    desk.state.settings = BackendSettings()
    page.refresh(put(desk, record(energy_kwh=0.421)))
    assert energy_row(page) == ["0.42 kWh"]


def test_each_evaluation_says_what_was_spent_by_then(desk: Desk, page: RunPage) -> None:
    desk.state.settings = BackendSettings(energy_price=0.3, currency="CHF")
    page.refresh(put(desk, record()))
    texts = {"energy_kwh": 0.5}, {"energy_kwh": None}
    events = [
        RunEvent(id=at, run_id="r1", kind="evaluation", time=9e2, step=at, text="Evaluated", data=data)
        for at, data in enumerate(texts, 1)
    ]
    page.refresh(Changes(run_events={"r1": events}))
    shown = [row._text for row in page.charts.events.findChildren(EventRow)]
    assert "Evaluated · 0.50 kWh · CHF 0.15" in shown
    assert "Evaluated" in shown


@pytest.mark.parametrize(
    ("kwh", "price", "currency", "text"),
    [(None, 0.3, "€", "—"), (0.0123, 0.0, "€", "12.3 Wh"), (1234.5, 0.2, "$", "1,234 kWh · $246.90")],
)
def test_energy_in_words(kwh: float | None, price: float, currency: str, text: str) -> None:
    assert words.energy(kwh, price, currency) == text
