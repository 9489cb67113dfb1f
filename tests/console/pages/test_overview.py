"""The Overview with real clicks: cards, rows, no GPU, runs and queue, endpoints, alerts, panels, first start."""

from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu, QWidget
from pytestqt.qtbot import QtBot

from backend.contract.resources import (
    AlertRecord,
    AuditRecord,
    DatasetRecord,
    EndpointRecord,
    GpuProcess,
    GpuReading,
    HostReading,
    MigSlice,
    ModelRecord,
    Rule,
    RunRecord,
    TelemetrySample,
)
from console import alert_words
from console.i18n import translator
from console.pages.overview import OverviewPage
from console.pages.overview.changed import link_of, sentence
from console.pages.overview.gpu_rows import GpuRows
from console.pages.overview.gpu_sheets import SmiSheet
from console.pages.overview.gpus import GpuCard
from console.pages.overview.host import HostCard, NoGpuCard
from console.pages.overview.machine import Machine
from console.pages.overview.page import day_words
from console.settings import HIDDEN_PANELS, LAYOUTS
from console.state.changes import Changes
from tests.console.pages.conftest import Desk
from tests.helpers.clicking import right_click

NOW = 1_000_000.0
HOST = HostReading(cpu_percent=37.0, cpu_count=32, memory_used_bytes=61 * 2**30, memory_total_bytes=128 * 2**30)


def card(index: int = 0, **fields: Any) -> GpuReading:
    known = {"index": index, "name": "NVIDIA RTX 6000 Ada", "utilization_percent": 38.0,
             "memory_used_bytes": 38 * 2**30, "memory_total_bytes": 48 * 2**30,
             "temperature_c": 67.0, "power_w": 164.0, "power_limit_w": 300.0}  # fmt: skip
    return GpuReading(**{**known, **fields})


def sample(*gpus: GpuReading, at: float = NOW, **fields: Any) -> TelemetrySample:
    return TelemetrySample(taken_at=at, gpus=gpus, host=HOST, **fields)


def run(name: str = "movie-s42", **fields: Any) -> RunRecord:
    known = {"id": name, "name": name, "recipe": "selftest", "state": "running", "step": 70, "total_steps": 100,
             "metrics": {"train/loss": 0.2184, "train/samples_per_s": 212.0}, "eta_seconds": 1080.0}  # fmt: skip
    return RunRecord(**{**known, **fields})


def tell(page: OverviewPage, desk: Desk, *gpus: GpuReading, **fields: Any) -> None:
    """A sample as the feed brings it."""
    desk.state.telemetry = sample(*gpus, **fields)
    desk.state.telemetry_history.append(desk.state.telemetry)
    page.refresh(Changes(telemetry=True))


@pytest.fixture
def page(desk: Desk, qtbot: QtBot) -> OverviewPage:
    desk.context.clock = lambda: NOW
    desk.state.loaded = True
    desk.state.runs["movie-s42"] = run()
    made = OverviewPage(desk.context)
    qtbot.addWidget(made)
    made.resize(1236, 800)
    made.refresh(Changes(everything=True))
    made.show()
    return made


def parts(page: OverviewPage, kind: type) -> list[Any]:
    return [part for part in page.area.parts if isinstance(part, kind)]


# ---- the machine -----------------------------------------------------------------------------------------------------


def test_two_gpus_are_cards_that_are_updated_in_place(desk: Desk, page: OverviewPage) -> None:
    tell(page, desk, card(0), card(1))
    before = parts(page, GpuCard)
    assert [c.title.text() for c in before] == ["GPU 0", "GPU 1"]
    assert before[0].memory.accessibleName() == "GPU 0 Memory, 38.0 of 48 GB"
    tell(page, desk, card(0, utilization_percent=91.0), card(1), at=NOW + 1)
    assert parts(page, GpuCard) == before
    assert before[0].utilization.accessibleName() == "GPU 0 Utilization, 91 %"


def test_three_gpus_are_rows_and_none_is_the_reason(desk: Desk, page: OverviewPage) -> None:
    tell(page, desk, *(card(index) for index in range(3)))
    (rows,) = parts(page, GpuRows)
    assert rows.model.rowCount() == 3
    tell(page, desk, at=NOW + 1, gpu_problem="No NVIDIA driver: libnvidia-ml.so.1 is not installed.")
    (none,) = parts(page, NoGpuCard)
    assert "libnvidia-ml" in none.text.text()
    (host,) = parts(page, HostCard)
    assert host.memory.accessibleName() == "Memory, 61 of 128 GB"


def test_what_to_install_and_check_again_answer(desk: Desk, page: OverviewPage, qtbot: QtBot) -> None:
    tell(page, desk, gpu_problem="No NVIDIA driver.")
    (none,) = parts(page, NoGpuCard)
    qtbot.mouseClick(none.what, Qt.MouseButton.LeftButton)
    qtbot.addWidget(desk.sheets[-1])
    none._timer.setInterval(1)
    qtbot.mouseClick(none.check, Qt.MouseButton.LeftButton)
    assert none.check.busy
    qtbot.waitUntil(lambda: not none.check.busy)
    assert desk.toasts[-1] == ("info", "Still no NVIDIA GPU", "No NVIDIA driver.")


def test_process_chips_lead_to_their_run_and_foreign_ones_lead_nowhere(
    desk: Desk, page: OverviewPage, qtbot: QtBot
) -> None:
    ours = GpuProcess(pid=7, name="python", owner="run/movie-s42")
    tell(page, desk, card(processes=(ours, GpuProcess(pid=9, name="blender", memory_bytes=2_000_000_000))))
    chips = parts(page, GpuCard)[0].processes.chips()
    assert [chip.text for chip in chips] == ["movie-s42", "blender 9 · 2.0 GB"]
    for chip in chips:
        qtbot.mouseClick(chip, Qt.MouseButton.LeftButton)
    assert desk.places == ["run/movie-s42"]


def test_a_lost_card_keeps_its_values_and_says_so(desk: Desk, page: OverviewPage) -> None:
    tell(page, desk, card())
    tell(page, desk, card(lost="Xid 79 since 14:03"), at=NOW + 1)
    (lost,) = parts(page, GpuCard)
    assert lost.processes._count.text() == "GPU 0 stopped answering: Xid 79 since 14:03"
    assert lost.utilization.accessibleName() == "GPU 0 Utilization, 38 %"
    tell(page, desk, card(), at=NOW + 2)
    assert lost.processes._count.text() == "idle"


def test_a_hidden_card_comes_back_from_the_view_menu(desk: Desk, page: OverviewPage) -> None:
    tell(page, desk, card(0), card(1))
    page._hide_gpu(0)
    assert [c.index for c in parts(page, GpuCard)] == [1]
    action = next(a for a in page.actions() if a.id == "overview.gpu.0")
    action.callback()  # type: ignore[operator]
    assert [c.index for c in parts(page, GpuCard)] == [0, 1]


def test_charts_come_after_the_first_paint_and_follow_the_range(desk: Desk, page: OverviewPage, qtbot: QtBot) -> None:
    tell(page, desk, card())
    page.on_shown()
    qtbot.waitUntil(lambda: page.machine.group is not None)
    (made,) = parts(page, GpuCard)
    assert made.hole.chart is not None
    times = [NOW - 60 + second for second in range(60)]
    body = {"times": times, "values": {"gpu/0/utilization_percent": [40.0] * 60}}
    desk.link.last("GET", "/telemetry/history").succeed(body)
    assert len(page.machine.group.store.get("gpu/0/utilization_percent").values) == 61
    page.range.choose("3600")
    assert desk.link.last("GET", "/telemetry/history").query["seconds"] == 3672
    assert page.machine.group.range[1] - page.machine.group.range[0] == pytest.approx(3600)


def test_going_back_in_time_shows_from_to_and_live_comes_back(desk: Desk, page: OverviewPage, qtbot: QtBot) -> None:
    tell(page, desk, card())
    page.on_shown()
    qtbot.waitUntil(lambda: page.machine.group is not None)
    body = {"times": [NOW - 9], "values": {"cpu/utilization_percent": [5.0]}, "oldest": NOW - 86_400}
    desk.link.last("GET", "/telemetry/history").succeed(body)
    assert not page.times.live.isVisible()
    page.range.choose("3600")
    desk.link.last("GET", "/telemetry/history").succeed(body)
    for _ in range(2):
        qtbot.mouseClick(page.times.earlier, Qt.MouseButton.LeftButton)
    asked = desk.link.last("GET", "/telemetry/history").query
    assert (asked["from"], asked["to"]) == (NOW - 7200, NOW - 3600)
    key = "gpu/0/utilization_percent"
    old = {"times": [NOW - 7000, NOW - 6000], "values": {key: [40.0, 50.0]}, "lows": {key: [10.0, 50.0]},
           "highs": {key: [99.0, 50.0]}, "oldest": NOW - 86_400}  # fmt: skip
    desk.link.last("GET", "/telemetry/history").succeed(old)
    assert page.header.context.text().startswith("from ")
    assert page.machine.group.range == (NOW - 7200, NOW - 3600)
    assert list(page.machine.group.store.get(key).values) == [10.0, 99.0, 50.0]  # no spike is lost
    tell(page, desk, card(), at=NOW + 1)
    assert len(page.machine.group.store.get(key).values) == 3  # what is live does not disturb the past
    assert page.system.cpu.value == "37 % of 32"
    qtbot.mouseClick(page.times.live, Qt.MouseButton.LeftButton)
    assert "seconds" in desk.link.last("GET", "/telemetry/history").query
    assert not page.times.live.isVisible()
    assert "from " not in page.header.context.text()


def test_back_ends_where_the_history_begins(desk: Desk, page: OverviewPage, qtbot: QtBot) -> None:
    body = {"times": [NOW], "values": {}, "oldest": NOW - 400}
    desk.link.last("GET", "/telemetry/history").succeed(body)
    page.refresh(Changes(telemetry=True))
    qtbot.mouseClick(page.times.earlier, Qt.MouseButton.LeftButton)
    desk.link.last("GET", "/telemetry/history").succeed(body)
    page.refresh(Changes(telemetry=True))
    qtbot.mouseClick(page.times.earlier, Qt.MouseButton.LeftButton)
    page.refresh(Changes(telemetry=True))
    assert page.times.end == NOW - 150  # what is shown reaches back to the beginning
    assert not page.times.earlier.isEnabled()
    qtbot.mouseClick(page.times.later, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(page.times.later, Qt.MouseButton.LeftButton)
    assert page.times.end is None


SLICES = (
    MigSlice(index=0, name="3g.20gb", memory_used_bytes=2**30, memory_total_bytes=20 * 2**30,
             processes=(GpuProcess(pid=7, owner="run/movie-s42"),)),
    MigSlice(index=1, name="1g.5gb"),
)  # fmt: skip


def test_slices_are_rows_under_their_card(desk: Desk, page: OverviewPage) -> None:
    tell(page, desk, card(0, slices=SLICES), card(1))
    first, second = parts(page, GpuCard)
    assert first.slices.lines() == ["3g.20gb · 1.0 / 20 GB · movie-s42", "1g.5gb · — · idle"]
    assert (first.slices.isHidden(), second.slices.isHidden()) == (False, True)
    assert first.slices.height() == 2 * 24


def test_slices_stay_under_their_card_however_the_rows_are_sorted(desk: Desk, page: OverviewPage) -> None:
    hot = card(2, slices=SLICES, temperature_c=90.0)
    tell(page, desk, card(0), card(1, temperature_c=40.0), hot)
    (rows,) = parts(page, GpuRows)
    shown = [row.id for row in rows.model.rows()]
    assert shown == [(0, -1), (1, -1), (2, -1), (2, 0), (2, 1)]
    rows.view.sort_by("heat")
    assert [row.id for row in rows.model.rows()] == [(2, -1), (2, 0), (2, 1), (0, -1), (1, -1)]
    heat = next(column for column in rows.model.columns if column.key == "heat")
    assert heat.text(rows.model.rows()[1]) == "—"  # a slice has no sensor: unknown, never 0


def test_more_than_eight_cards_scroll(desk: Desk, page: OverviewPage, qtbot: QtBot) -> None:
    tell(page, desk, *(card(index) for index in range(12)))
    (rows,) = parts(page, GpuRows)
    assert rows.view.height() == 30 + 8 * 44
    qtbot.waitUntil(lambda: rows.view.verticalScrollBar().maximum() > 0)


@pytest.fixture
def no_popups(monkeypatch: pytest.MonkeyPatch) -> None:
    """The offscreen platform has no place for a menu; its entries are triggered without it."""
    monkeypatch.setattr(QMenu, "popup", lambda *_: None)


def entries(menu: Any) -> dict[str, Any]:
    return {action.text(): action for action in menu.actions() if not action.isSeparator()}


@pytest.mark.usefixtures("no_popups")
def test_only_processes_of_ours_can_be_ended_and_only_after_asking(desk: Desk, page: OverviewPage) -> None:
    ours, foreign = GpuProcess(pid=7, name="python", owner="run/movie-s42"), GpuProcess(pid=9, name="blender")
    tell(page, desk, card(processes=(ours, foreign)))
    (only,) = parts(page, GpuCard)
    row = only.processes
    assert all(chip.focusPolicy() & Qt.FocusPolicy.TabFocus for chip in row.chips())
    right_click(row.chips()[1])
    assert set(entries(row.menu)) == {"Copy pid"}
    right_click(row.chips()[0])
    assert desk.places == []  # a right-click asks for the menu and leads nowhere
    entries(row.menu)["End process…"].trigger()
    sheet = desk.sheets[-1]
    assert desk.link.asked[-1].path != "/runs/movie-s42/commands"
    sheet.submit()
    assert desk.link.last("POST", "/runs/movie-s42/commands").body == {"command": "kill"}


@pytest.mark.usefixtures("no_popups")
def test_a_row_leads_to_its_processes(desk: Desk, page: OverviewPage) -> None:
    busy = card(0, processes=(GpuProcess(pid=7, owner="endpoint/sentiment"),))
    tell(page, desk, busy, card(1), card(2))
    (rows,) = parts(page, GpuRows)
    rows.view.menu_asked.emit(rows.model.row_at(0), QPoint(5, 5))
    entries(rows.menu)["sentiment · 7"].trigger()
    entries(rows.menu)["End process…"].trigger()
    desk.sheets[-1].submit()
    desk.link.last("POST", "/endpoints/sentiment/stop")


def test_the_vendors_text_is_asked_and_shown_or_why_not(desk: Desk, page: OverviewPage, qtbot: QtBot) -> None:
    tell(page, desk, card())
    for answer in ("succeed", "refuse"):
        sheet = SmiSheet(desk.context, "nvidia")
        qtbot.addWidget(sheet)
        asked = desk.link.last("GET", "/telemetry/text")
        assert asked.query == {"vendor": "nvidia"}
        getattr(asked, answer)({"command": "nvidia-smi", "text": "| 0 |"} if answer == "succeed" else "Not installed.")
        assert sheet.text.toPlainText() == ("| 0 |" if answer == "succeed" else "Not installed.")


# ---- the power limit -------------------------------------------------------------------------------------------------

LIMITED = {"power_limit_min_w": 150.0, "power_limit_max_w": 350.0}
KNOWN = {"limit_w": 300.0, "min_w": 150.0, "max_w": 350.0, "default_w": 320.0,
         "command": "sudo nvidia-smi -i GPU-0 -pl"}  # fmt: skip


@pytest.mark.usefixtures("no_popups")
def test_only_a_card_that_takes_a_power_limit_offers_one(desk: Desk, page: OverviewPage, qtbot: QtBot) -> None:
    tell(page, desk, card(0, **LIMITED), card(1))
    for part, offered in zip(parts(page, GpuCard), (True, False), strict=True):
        qtbot.mouseClick(part.more, Qt.MouseButton.LeftButton)
        assert ("Set power limit…" in entries(page.menu)) is offered
    tell(page, desk, card(0, **LIMITED), card(1), card(2, lost="Xid 79", **LIMITED))
    (rows,) = parts(page, GpuRows)
    for at, offered in ((0, True), (1, False), (2, False)):
        rows.view.menu_asked.emit(rows.model.row_at(at), QPoint(5, 5))
        assert ("Set power limit…" in entries(rows.menu)) is offered


def power_sheet(desk: Desk, page: OverviewPage, qtbot: QtBot) -> Any:
    tell(page, desk, card(0, **LIMITED))
    qtbot.mouseClick(parts(page, GpuCard)[0].more, Qt.MouseButton.LeftButton)
    entries(page.menu)["Set power limit…"].trigger()
    sheet = desk.sheets[-1]
    qtbot.addWidget(sheet)
    sheet.show()
    return sheet


@pytest.mark.usefixtures("no_popups")
def test_a_power_limit_is_set_within_what_the_card_takes(desk: Desk, page: OverviewPage, qtbot: QtBot) -> None:
    told: list[dict[str, Any]] = []
    desk.context.toast = lambda text, detail="", **more: told.append({"text": text, **more})
    sheet = power_sheet(desk, page, qtbot)
    assert not sheet.primary.isEnabled()  # until the driver has said what it takes
    desk.link.last("GET", "/telemetry/cards/0/power_limit").succeed(KNOWN)
    assert (sheet.watts.minimum(), sheet.watts.maximum(), sheet.watts.value()) == (150, 350, 300)
    assert sheet.needs.isHidden()
    sheet.watts.selectAll()
    qtbot.keyClicks(sheet.watts, "250")
    qtbot.keyClick(sheet.watts, Qt.Key.Key_Tab)
    assert sheet.change.text() == "300 W → 250 W"
    qtbot.mouseClick(sheet.primary, Qt.MouseButton.LeftButton)
    asked = desk.link.last("POST", "/telemetry/cards/0/power_limit")
    assert asked.body == {"watts": 250.0}
    asked.succeed({**KNOWN, "limit_w": 250.0})
    assert told[-1]["text"] == "Power limit of GPU 0: 250 W"
    told[-1]["undo"]()
    assert desk.link.last("POST", "/telemetry/cards/0/power_limit").body == {"watts": 300.0}


@pytest.mark.usefixtures("no_popups")
def test_without_permission_the_sheet_says_what_is_needed(desk: Desk, page: OverviewPage, qtbot: QtBot) -> None:
    sheet = power_sheet(desk, page, qtbot)
    desk.link.last("GET", "/telemetry/cards/0/power_limit").succeed(KNOWN)
    qtbot.mouseClick(sheet.default, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(sheet.primary, Qt.MouseButton.LeftButton)
    text = "The driver lets only an administrator change it."
    desk.link.last("POST", "/telemetry/cards/0/power_limit").refuse(text, code="no_permission")
    assert sheet.isVisible()
    assert (sheet.field.error, sheet.needs.text(), sheet.watts.value()) == (text, text, 320)
    assert sheet.command.text() == "sudo nvidia-smi -i GPU-0 -pl 320"
    qtbot.mouseClick(sheet.copy, Qt.MouseButton.LeftButton)
    assert desk.copied == ["sudo nvidia-smi -i GPU-0 -pl 320"]


@pytest.mark.usefixtures("no_popups")
def test_a_driver_that_does_not_answer_leaves_nothing_to_set(desk: Desk, page: OverviewPage, qtbot: QtBot) -> None:
    sheet = power_sheet(desk, page, qtbot)
    desk.link.last("GET", "/telemetry/cards/0/power_limit").refuse("The graphics driver did not answer within 8 s.")
    assert sheet.change.text() == "The graphics driver did not answer within 8 s."
    assert not sheet.primary.isEnabled()
    assert not sheet.watts.isEnabled()


def test_a_history_that_was_asked_for_earlier_is_ignored(desk: Desk) -> None:
    machine = Machine(desk.context, 300.0, lambda _text: None)
    machine.read()
    first = desk.link.last("GET", "/telemetry/history")
    machine.set_span(900.0)
    first.succeed({"times": [1.0], "values": {"cpu/utilization_percent": [5.0]}})
    assert machine.spark("cpu/utilization_percent") == []
    body = {"times": [NOW - 400, NOW], "values": {"cpu/utilization_percent": [10.0, 30.0]}}
    desk.link.last("GET", "/telemetry/history").succeed(body)
    line = machine.spark("cpu/utilization_percent", 9)
    assert line[-1] == 30.0
    assert line.count(None) == 7


def test_a_history_that_cannot_be_read_is_said_and_live_values_go_on(desk: Desk, page: OverviewPage) -> None:
    desk.link.last("GET", "/telemetry/history").refuse("The database is busy.")
    assert "The database is busy." in page.header.context.text()
    tell(page, desk, card())
    assert page.system.cpu.value == "37 % of 32"


# ---- runs, endpoints, alerts -----------------------------------------------------------------------------------------


def test_pause_on_hover_asks_once_and_stop_asks_first(desk: Desk, page: OverviewPage, qtbot: QtBot) -> None:
    view = page.runs.view
    QTest.mouseMove(view.viewport(), view.visualRect(page.runs.model.index(0, 1)).center())
    view._set_hover(0)
    assert page.runs.steer.isVisible()
    qtbot.mouseClick(page.runs.steer.pause, Qt.MouseButton.LeftButton)
    assert desk.link.last("POST", "/runs/movie-s42/commands").body == {"command": "pause"}
    qtbot.mouseClick(page.runs.steer.stop, Qt.MouseButton.LeftButton)
    sheet = desk.sheets[-1]
    qtbot.addWidget(sheet)
    sheet.submit()
    assert desk.link.last("POST", "/runs/movie-s42/commands").body == {"command": "stop", "save": True}


def test_steering_waits_for_the_backend(desk: Desk, page: OverviewPage) -> None:
    desk.context.offline = lambda: True
    page.runs.view._set_hover(0)
    assert not page.runs.steer.pause.isEnabled()
    assert page.runs.steer.pause.accessibleDescription() == "Backend does not answer."


def test_click_opens_and_a_queued_row_is_dragged(desk: Desk, page: OverviewPage, qtbot: QtBot) -> None:
    desk.state.runs["a"] = run("a", state="queued", queue_position=1, step=0)
    desk.state.runs["b"] = run("b", state="queued", queue_position=2, step=0)
    page.refresh(Changes(runs={"a", "b"}))
    model, view = page.runs.model, page.runs.view
    assert [r.id for r in model.rows()] == ["movie-s42", "a", "b"]
    places = [view.visualRect(model.index(row, 1)).center() for row in range(3)]
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=places[0])
    assert desk.places == ["run/movie-s42"]
    qtbot.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=places[2])
    view.mouseMoveEvent(_move(view.viewport(), places[1]))
    qtbot.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=places[1])
    assert desk.link.last("POST", "/runs/b/move").body == {"position": 1}
    assert desk.places == ["run/movie-s42"]


def _move(widget: QWidget, at: QPoint) -> Any:
    from PySide6.QtCore import QEvent, QPointF
    from PySide6.QtGui import QMouseEvent

    place = QPointF(at)
    left = Qt.MouseButton.LeftButton
    return QMouseEvent(QEvent.Type.MouseMove, place, QPointF(widget.mapToGlobal(at)), left, left,
                       Qt.KeyboardModifier.NoModifier)  # fmt: skip


def test_without_runs_and_endpoints_there_is_a_way_on(desk: Desk, page: OverviewPage, qtbot: QtBot) -> None:
    desk.state.runs["movie-s42"] = run(state="completed")
    desk.state.models["m"] = ModelRecord(name="m", task="text_classification")
    page.refresh(Changes(everything=True))
    qtbot.mouseClick(page.runs.new, Qt.MouseButton.LeftButton)
    assert desk.started == [("run.new", {})]
    assert page.endpoints.deploy.isHidden()
    assert "Register" in page.endpoints._empty_text.text()


def test_an_endpoint_over_its_limit_is_marked(desk: Desk, page: OverviewPage) -> None:
    stats = {"serve/latency_ms_p99": 1204.0, "serve/requests_per_s": 10.0, "serve/errors_per_s": 0.021}
    record = EndpointRecord(name="support", state="serving", live_version=4, stats=stats, limits={"slo_p99_ms": 1000})
    desk.state.endpoints["support"] = record
    page.refresh(Changes(endpoints={"support"}))
    texts = {c.key: c.shown(record) for c in page.endpoints.model.columns}
    assert (texts["version"], texts["latency_ms_p99"], texts["errors"]) == ("v4", "1,204", "0.21%")
    roles = {c.key: c.role(record) for c in page.endpoints.model.columns if c.role}
    assert roles["latency_ms_p99"] == "warn"
    page.set_stale(NOW)
    assert page.endpoints._role(record) == "text-tertiary"


def test_without_a_limit_of_its_own_that_of_the_rule_marks_an_endpoint(desk: Desk, page: OverviewPage) -> None:
    record = EndpointRecord(name="support", state="serving", stats={"serve/latency_ms_p99": 600.0})
    desk.state.endpoints["support"] = record
    page.refresh(Changes(everything=True))
    role = next(c.role for c in page.endpoints.model.columns if c.key == "latency_ms_p99")
    assert role is not None
    assert role(record) == "text"
    rule = Rule(id="latency-p99", kind="latency", metric="serve/latency_ms_p99", limit=500.0)

    def with_rule(**fields: Any) -> str | None:
        desk.state.load("rules", {"items": [rule.model_copy(update=fields).model_dump(mode="json")]})
        return role(record)

    assert with_rule() == "warn"
    assert with_rule(severity="bad") == "bad"
    assert with_rule(limit=601.0) == "text"
    assert with_rule(endpoint="other") == "text"
    assert with_rule(enabled=False) == "text"
    assert with_rule(metric="serve/errors_per_s") == "text"
    own = record.model_copy(update={"limits": {"slo_p99_ms": 1000}})
    with_rule()
    assert role(own) == "text"  # its own limit comes first, as in the watch
    page.set_stale(NOW)
    assert role(record) == "text-tertiary"


@pytest.mark.parametrize(("severity", "role"), [("bad", "bad"), ("warn", "warn"), ("info", "accent")])
@pytest.mark.parametrize("kind", ["input_drift", "latency", "run", "rule"])
def test_severity_alone_gives_an_open_alert_its_colour(kind: str, severity: str, role: str) -> None:
    alert = AlertRecord(id="a", kind=kind, severity=severity)
    assert alert_words.icon_of(alert)[1] == role
    assert alert_words.icon_of(alert.model_copy(update={"state": "acknowledged"}))[1] == "text-secondary"


def test_alerts_show_the_newest_three_and_lead_to_the_inbox(desk: Desk, page: OverviewPage, qtbot: QtBot) -> None:
    for number in range(5):
        desk.state.alerts[str(number)] = AlertRecord(
            id=str(number), kind="gpu", title=f"t{number}", opened_at=NOW - 60 * number
        )
    page.refresh(Changes(alerts={"0"}))
    assert len(page.alerts.rows) == 4
    qtbot.mouseClick(page.alerts.rows[0], Qt.MouseButton.LeftButton)
    assert desk.places == ["alert/0"]
    rows = list(page.alerts.rows)
    page.refresh(Changes(telemetry=True))
    assert page.alerts.rows == rows


@pytest.mark.parametrize(
    ("language", "title", "below"),
    [
        ("en", "Input drift on support-intent", "text length PSI 0.31, limit 0.20"),
        ("zh", "support-intent 输入漂移", "文本长度 PSI 0.31，上限 0.20"),
    ],
)
def test_an_alert_reads_in_the_language_of_now(
    desk: Desk, page: OverviewPage, language: str, title: str, below: str
) -> None:
    desk.state.alerts["a"] = AlertRecord(
        id="a", kind="input_drift", endpoint="support-intent", feature="text_length", opened_at=NOW,
        title="Input drift on support-intent", text="Text length moved right.",
        evidence={"features": {"text_length": {"psi": 0.314}}, "limit": 0.2},
    )  # fmt: skip
    translator.set_language(language)
    page.refresh(Changes(alerts={"a"}))
    assert page.alerts.rows[0].accessibleName().startswith(f"{title}, {below}, ")


def test_changes_of_today_are_sentences(desk: Desk, page: OverviewPage) -> None:
    def entry(seq: int, action: str, thing: str, **fields: Any) -> AuditRecord:
        return AuditRecord(seq=seq, time=NOW, actor="x", action=action, object=thing, **fields)

    ended = entry(1, "run.end", "run/movie-s42", after="completed")
    assert sentence(ended, desk.state) == ("circle-check", "ok", "Run movie-s42 finished")
    rolled = entry(2, "rollback", "model/m", before="version 5", after="version 4")
    assert sentence(rolled, desk.state) == ("rotate-ccw", "warn", "Rolled back m v5 → v4")
    assert sentence(entry(3, "promote", "model/m", result="intent"), desk.state) is None
    assert sentence(entry(4, "something_new", "run/movie-s42"), desk.state) == (
        "pencil", "text-tertiary", "something new movie-s42",
    )  # fmt: skip
    assert (link_of(ended), link_of(entry(5, "delete", "model/m:3"))) == ("run/movie-s42", "model/m")
    desk.state.audit.appendleft(ended)
    page.refresh(Changes(audit=True))
    assert len(page.changed.rows) == 1


# ---- the page --------------------------------------------------------------------------------------------------------


def test_a_title_dragged_below_another_panel_moves_it(desk: Desk, page: OverviewPage, qtbot: QtBot) -> None:
    grip = page.runs.title.parentWidget()
    assert grip is not None
    start = QPoint(20, 10)
    below = grip.mapFromGlobal(page.endpoints.mapToGlobal(QPoint(20, page.endpoints.height() - 4)))
    qtbot.mousePress(grip, Qt.MouseButton.LeftButton, pos=start)
    page.board.eventFilter(grip, _move(grip, below))
    assert page.board._drop is not None
    assert isinstance(page.board._drop[2], QRect)
    qtbot.mouseRelease(grip, Qt.MouseButton.LeftButton, pos=below)
    assert page.board.order("main") == ["machine", "endpoints", "runs"]
    assert desk.context.settings.entry(LAYOUTS, "overview")["main"] == ["machine", "endpoints", "runs"]


def test_panels_hide_and_come_back_from_the_view_menu(desk: Desk, page: OverviewPage) -> None:
    action = next(a for a in page.actions() if a.id == "overview.panel.alerts")
    action.callback()  # type: ignore[operator]
    assert page.alerts.isHidden()
    assert desk.context.settings.get(HIDDEN_PANELS) == ["overview/alerts"]
    again = next(a for a in page.actions() if a.id == "overview.panel.alerts")
    assert again.text == "Show panel Open alerts"
    again.callback()  # type: ignore[operator]
    assert not page.alerts.isHidden()


def test_narrow_windows_put_the_right_column_below(page: OverviewPage, qtbot: QtBot) -> None:
    assert page.system.x() > page.runs.x()
    page.resize(1048, 700)
    qtbot.waitUntil(lambda: page.system.y() > page.endpoints.y())


def test_pause_updates_keeps_the_picture(desk: Desk, page: OverviewPage, qtbot: QtBot) -> None:
    tell(page, desk, card())
    qtbot.mouseClick(page.pause, Qt.MouseButton.LeftButton)
    tell(page, desk, card(utilization_percent=99.0), at=NOW + 1)
    (made,) = parts(page, GpuCard)
    assert made.utilization.accessibleName() == "GPU 0 Utilization, 38 %"
    assert page.header.context.text().startswith("paused at")
    qtbot.mouseClick(page.pause, Qt.MouseButton.LeftButton)
    assert made.utilization.accessibleName() == "GPU 0 Utilization, 99 %"


def test_first_start_is_a_checklist_until_there_is_a_run(desk: Desk, qtbot: QtBot) -> None:
    desk.state.loaded = True
    desk.state.telemetry = sample(card())
    page = OverviewPage(desk.context)
    qtbot.addWidget(page)
    page.refresh(Changes(everything=True))
    page.show()
    assert page._stack.currentWidget() is page.checklist
    assert [step.done for step in page.checklist.steps] == [True, True, False, False]
    qtbot.mouseClick(page.checklist.sample, Qt.MouseButton.LeftButton)
    assert desk.link.last("POST", "/datasets").body == {"path": "sample://sentiment_en_movie"}
    desk.state.datasets["d"] = DatasetRecord(id="d", name="movie", task="text_classification", rows=3000)
    page.refresh(Changes(datasets={"d"}))
    qtbot.mouseClick(page.checklist.run.buttons[0], Qt.MouseButton.LeftButton)
    assert desk.started == [("run.new", {"dataset": "d"})]
    desk.state.runs["r"] = run("r")
    page.refresh(Changes(runs={"r"}))
    assert page._stack.currentWidget() is not page.checklist


def test_the_checklist_can_be_skipped(desk: Desk, qtbot: QtBot) -> None:
    desk.state.loaded = True
    page = OverviewPage(desk.context)
    qtbot.addWidget(page)
    page.refresh(Changes(everything=True))
    page.checklist.skipped.emit()
    assert page._stack.currentWidget() is not page.checklist
    assert any(a.id == "overview.checklist" for a in page.actions())


def test_dates_read_as_each_language_writes_them() -> None:
    import datetime

    unix = datetime.datetime(2026, 11, 22, 12).astimezone().timestamp()
    assert day_words(unix) == "Sunday 22 November"
    translator.set_language("zh")
    assert day_words(unix) == "11月22日 星期日"


def test_after_a_long_absence_the_history_is_read_again(desk: Desk) -> None:
    machine = Machine(desk.context, 300.0, lambda _text: None)
    machine.read()
    desk.link.last("GET", "/telemetry/history").succeed({"times": [NOW], "values": {}})
    asked = len(desk.link.asked)
    for second in range(desk.state.telemetry_history.maxlen or 0):
        desk.state.telemetry_history.append(sample(at=NOW + 5 + second))
    machine.take()
    assert len(desk.link.asked) == asked + 1
