"""The settings page with real clicks: changes apply at once and can be undone, search, rules, keys, deep links."""

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from backend.contract.resources import BackendSettings, GpuReading, SystemStatus, TelemetrySample
from console import words
from console.keys import key_table
from console.pages.settings import SettingsPage
from console.pages.settings.fields import BackendRow, ConsoleRow, bounds
from console.settings import DENSITY, HIDDEN_PANELS, HIGH_CONTRAST, KEYS, SETTINGS
from console.state.changes import Changes
from tests.console.pages.conftest import Desk

RULE = {"id": "latency-p99", "kind": "latency", "metric": "serve/latency_ms_p99", "limit": 500.0, "for_seconds": 60.0,
        "severity": "warn", "enabled": True, "endpoint": None}  # fmt: skip
SHARE = {**RULE, "id": "disk-used", "kind": "disk", "metric": "disk/used_share", "limit": 0.95}


@pytest.fixture
def undo(desk: Desk) -> list[Callable[[], object]]:
    """The Undo of every toast."""
    found: list[Callable[[], object]] = []

    def toast(text: str, detail: str = "", kind: str = "ok", **more: Any) -> None:
        desk.toasts.append((kind, text, detail))
        if "undo" in more:
            found.append(more["undo"])

    desk.context.toast = toast
    return found


@pytest.fixture
def page(desk: Desk, qtbot: QtBot, undo: list[Any]) -> SettingsPage:
    desk.state.settings = BackendSettings()
    desk.state.system = SystemStatus(
        state="running", pid=7, home="/home/x/modeldeck", socket="unix:/run/x", started_at=1.0, version="0.1.0",
        protocol=1,
        versions={"python": "3.11", "torch": "2.13"}, notices=("An old SQLite.",), disk_free_bytes=10**11,
        disk_total_bytes=2 * 10**11,
    )  # fmt: skip
    made = SettingsPage(desk.context)
    qtbot.addWidget(made)
    made.resize(1200, 800)
    made.refresh(Changes(everything=True))
    made.show()
    return made


def row(page: SettingsPage, category: str, key: str) -> Any:
    for section in page.categories[category].sections:
        for each in section.rows:
            if isinstance(each, ConsoleRow) and each.setting.key == key:
                return each
            if isinstance(each, BackendRow) and each._kept.key == key:
                return each
    raise LookupError(key)


def test_a_toggle_applies_at_once_and_is_undone(desk: Desk, page: SettingsPage, qtbot: QtBot, undo: list[Any]) -> None:
    control = row(page, "general", "high_contrast").control
    qtbot.mouseClick(control, Qt.MouseButton.LeftButton)
    assert desk.context.settings.get(HIGH_CONTRAST) is True
    assert desk.toasts[-1] == ("ok", "High contrast borders: on", "before: off")
    undo[-1]()
    assert desk.context.settings.get(HIGH_CONTRAST) is False
    assert not control.isChecked()


def test_choices_are_segments_and_numbers_keep_their_range(desk: Desk, page: SettingsPage) -> None:
    row(page, "general", "density").control.choose("compact")
    assert desk.context.settings.get(DENSITY) == "compact"
    rate = row(page, "charts", "charts.frame_rate")
    assert (rate.control.minimum(), rate.control.maximum()) == (1, 60)
    rate.control.setValue(24)
    assert desk.context.settings.get(rate.setting) == 24
    assert isinstance(desk.context.settings.get(rate.setting), int)


def test_every_declared_setting_with_a_text_is_on_the_page(page: SettingsPage) -> None:
    shown = {
        each.setting.key
        for category in page.categories.values()
        for section in category.sections
        for each in section.rows
        if isinstance(each, ConsoleRow)
    }
    assert shown == {setting.key for setting in SETTINGS if setting.text}


def test_what_the_backend_keeps_is_asked_of_it(desk: Desk, page: SettingsPage, undo: list[Any]) -> None:
    reserve = row(page, "storage", "reserve_disk_bytes")
    assert reserve.control.value() == 1.0
    reserve.control.setValue(2.5)
    asked = desk.link.last("PATCH", "/settings")
    assert asked.body == {"values": {"reserve_disk_bytes": 2_500_000_000}}
    asked.succeed(BackendSettings(reserve_disk_bytes=2_500_000_000).model_dump())
    assert desk.state.settings is not None
    assert desk.state.settings.reserve_disk_bytes == 2_500_000_000
    undo[-1]()
    assert desk.link.last("PATCH", "/settings").body == {"values": {"reserve_disk_bytes": 1_000_000_000}}


def test_a_refused_value_is_put_back(desk: Desk, page: SettingsPage) -> None:
    runs = row(page, "backend", "runs_at_once")
    runs.control.setValue(4)
    desk.link.last("PATCH", "/settings").refuse("runs_at_once is out of range.", "1 to 16.")
    assert desk.toasts[-1] == ("bad", "runs_at_once is out of range.", "1 to 16.")
    assert runs.control.value() == 1


def test_without_backend_its_values_cannot_be_changed(desk: Desk, page: SettingsPage) -> None:
    desk.context.offline = lambda: True
    page.refresh(Changes(connection=True))
    control = row(page, "backend", "runs_at_once").control
    assert not control.isEnabled()
    assert control.toolTip() == "Backend does not answer."
    assert row(page, "general", "theme").control.isEnabled()


def test_ranges_come_from_the_contract() -> None:
    assert bounds("telemetry_hz") == (0.5, 10.0)
    assert bounds("mirror") == (0.0, None)


def test_rules_are_read_when_seen_and_changed_one_by_one(desk: Desk, page: SettingsPage, undo: list[Any]) -> None:
    page.open_target("alerts")
    desk.link.last("GET", "/rules").succeed({"items": [RULE, SHARE]})
    latency, disk = page.categories["alerts"].rules.rows
    assert disk.limit.value() == 95
    latency.limit.setValue(800)
    asked = desk.link.last("PATCH", "/rules/latency-p99")
    assert asked.body == {"limit": 800.0}
    asked.succeed({**RULE, "limit": 800.0})
    undo[-1]()
    assert desk.link.last("PATCH", "/rules/latency-p99").body == {"limit": 500.0}
    disk.limit.setValue(90)
    assert desk.link.last("PATCH", "/rules/disk-used").body == {"limit": 0.9}
    desk.link.last("PATCH", "/rules/disk-used").refuse("No.")
    assert disk.limit.value() == 95


def test_search_finds_rows_of_every_category(page: SettingsPage, qtbot: QtBot) -> None:
    qtbot.keyClicks(page.search, "density")
    shown = [key for key, category in page.categories.items() if category.isVisible()]
    assert shown == ["general"]
    assert row(page, "general", "density").isVisible()
    assert not row(page, "general", "theme").isVisible()
    page.search.setText("no such thing")
    assert page.nothing.isVisible()
    page.search.clear()
    assert row(page, "general", "theme").isVisible()
    assert page.list.current == "general"


def test_deep_links_and_arrow_keys_choose_a_category(page: SettingsPage, qtbot: QtBot) -> None:
    page.open_target("about")
    assert page.target() == "about"
    assert page.categories["about"].isVisible()
    assert not page.categories["general"].isVisible()
    qtbot.keyClick(page.list, Qt.Key.Key_Up)
    assert page.target() == "privacy"
    page.open_target("nowhere")
    assert page.target() == "privacy"


def test_a_new_key_is_recorded_and_a_key_used_twice_is_marked(
    desk: Desk, page: SettingsPage, qtbot: QtBot, undo: list[Any]
) -> None:
    page.open_target("keyboard")
    keyboard = page.categories["keyboard"]
    theme_row = keyboard.rows["theme"]
    qtbot.mouseClick(theme_row.keys.change, Qt.MouseButton.LeftButton)
    field = theme_row.keys.field.findChild(QLineEdit)
    qtbot.keyClick(field, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: desk.context.settings.entry(KEYS, "theme") == "Ctrl+K", timeout=5000)
    assert "Command palette…" in theme_row.hint.text()
    assert "Switch between dark and light" in keyboard.summary.hint.text()
    qtbot.mouseClick(theme_row.keys.back, Qt.MouseButton.LeftButton)
    assert desk.context.settings.entry(KEYS, "theme") is None
    assert key_table.of("theme") == "Ctrl+Shift+L"
    qtbot.mouseClick(theme_row.keys.clear, Qt.MouseButton.LeftButton)
    assert desk.context.settings.entry(KEYS, "theme") == ""
    undo[-1]()
    assert desk.context.settings.entry(KEYS, "theme") is None


def test_keys_of_pages_are_changed_too_and_their_conflicts_named(
    desk: Desk, page: SettingsPage, qtbot: QtBot, undo: list[Any]
) -> None:
    page.open_target("keyboard")
    keyboard = page.categories["keyboard"]
    tag = keyboard.rows["runs.tag"]
    qtbot.mouseClick(tag.keys.change, Qt.MouseButton.LeftButton)
    qtbot.keyClick(tag.keys.field, Qt.Key.Key_C)
    qtbot.waitUntil(lambda: desk.context.settings.entry(KEYS, "runs.tag") == "C", timeout=5000)
    assert key_table.of("runs.tag") == "C"
    assert tag.hint.text() == "Also the key of Runs › Compare; the first one answers."
    assert keyboard.rows["model.compare"].hint.text() == ""  # C on another page is another key
    assert keyboard.summary.hint.text() == "Runs › Compare, Runs › Tag…"
    undo[-1]()
    assert key_table.of("runs.tag") == "T"
    page.search.setText("log y")
    assert keyboard.rows["chart.log_y"].isVisible()


def test_gpus_are_listed_and_hidden_on_the_overview(desk: Desk, page: SettingsPage, qtbot: QtBot) -> None:
    gpu = GpuReading(index=0, name="RTX 6000", memory_total_bytes=48 * 2**30, power_limit_w=300.0)
    desk.state.telemetry = TelemetrySample(taken_at=1.0, gpus=(gpu,))
    page.refresh(Changes(telemetry=True))
    page.open_target("gpus")
    (only,) = page.categories["gpus"].cards.rows
    assert only.hint.text() == "48 GB of memory · power limit 300 W"
    qtbot.waitUntil(lambda: only.control.visibleRegion().boundingRect().height() > 20)
    qtbot.mouseClick(only.control, Qt.MouseButton.LeftButton)
    assert desk.context.settings.get(HIDDEN_PANELS) == ["overview/gpu0"]


def test_log_and_self_check_come_from_the_backend(desk: Desk, page: SettingsPage, qtbot: QtBot) -> None:
    page.open_target("backend")
    backend = page.categories["backend"]
    desk.link.last("GET", "/system/log").succeed({"items": [{"time": 1.0, "level": "info", "text": "listening"}]})
    qtbot.mouseClick(backend.check, Qt.MouseButton.LeftButton)
    report = {"ok": False, "checks": [{"name": "audit", "ok": False, "detail": "entry 4 was changed"}]}
    desk.link.last("GET", "/system/doctor").succeed(report)
    assert backend.checked.hint.text() == "audit: entry 4 was changed"
    qtbot.mouseClick(backend.restart, Qt.MouseButton.LeftButton)
    assert desk.started == [("backend.restart", {})]


def test_about_shows_versions_and_licences(desk: Desk, page: SettingsPage, qtbot: QtBot) -> None:
    about = page.categories["about"]
    assert [each.name for each in about.versions.rows] == ["python", "torch"]
    page.open_target("about")
    licence = next(each for section in about.sections for each in section.rows if each.name == "Inter")
    qtbot.mouseClick(licence.control, Qt.MouseButton.LeftButton)
    qtbot.addWidget(desk.sheets[-1])
    qtbot.mouseClick(about.copy, Qt.MouseButton.LeftButton)
    assert desk.started == [("diagnostics", {})]


def test_hairlines_stand_between_the_rows_that_are_shown(desk: Desk, page: SettingsPage) -> None:
    page.open_target("alerts")
    desk.link.last("GET", "/rules").succeed({"items": [RULE, SHARE]})
    latency, disk = page.categories["alerts"].rules.rows
    assert (latency.hairline.isHidden(), disk.hairline.isHidden()) == (True, False)
    page.search.setText("disk in use")
    assert (latency.isHidden(), disk.isHidden(), disk.hairline.isHidden()) == (True, False, True)


def test_price_and_currency_of_energy(desk: Desk, page: SettingsPage, qtbot: QtBot) -> None:
    price = row(page, "gpus", "energy_price")
    assert price.control.minimum() == 0
    price.control.setValue(0.312)
    asked = desk.link.last("PATCH", "/settings")
    assert asked.body == {"values": {"energy_price": 0.312}}
    asked.succeed(BackendSettings(energy_price=0.312).model_dump())
    currency = row(page, "gpus", "currency")
    currency.control.setText("CHF ")
    currency.control.editingFinished.emit()
    asked = desk.link.last("PATCH", "/settings")
    assert asked.body == {"values": {"currency": "CHF"}}
    asked.succeed(BackendSettings(energy_price=0.312, currency="CHF").model_dump())
    assert desk.toasts[-1] == ("ok", "Currency: CHF", "before: €")
    assert currency.control.text() == "CHF"


# ---- rules and notices -----------------------------------------------------------------------------------------------


def alerts(desk: Desk, page: SettingsPage, *rules: dict[str, Any]) -> Any:
    page.open_target("alerts")
    desk.link.last("GET", "/rules").succeed({"items": list(rules)})
    return page.categories["alerts"]


OWN = {"id": "rule-1", "kind": "rule", "metric": "train/loss", "limit": 2.0, "for_seconds": 60.0, "own": True,
       "name": "Loss too high"}  # fmt: skip
STALLED = {"id": "run-stalled", "kind": "rule", "test": "stalled", "limit": 10.0, "for_seconds": 300.0}
FORECAST = {"id": "disk-forecast", "kind": "rule", "test": "forecast", "for_seconds": 120.0}


def test_each_kind_of_rule_reads_as_what_it_is_and_own_ones_can_go(
    desk: Desk, page: SettingsPage, qtbot: QtBot, undo: list[Any]
) -> None:
    category = alerts(desk, page, SHARE, STALLED, FORECAST, OWN)
    share, stalled, forecast, own = category.rules.rows
    assert (stalled.name, stalled.limit.suffix()) == ("No step of a running run", " × usual")
    assert forecast.limit.isHidden()
    assert own.name == "Loss too high"
    assert own.hint.text() == "Training loss of a run"
    assert [each.remove.isHidden() for each in (share, stalled, forecast, own)] == [True, True, True, False]
    qtbot.mouseClick(own.remove, Qt.MouseButton.LeftButton)
    desk.link.last("DELETE", "/rules/rule-1").succeed(None)
    desk.link.last("GET", "/rules").succeed({"items": [SHARE, STALLED, FORECAST]})
    assert len(category.rules.rows) == 3
    undo[-1]()
    again = desk.link.last("POST", "/rules").body
    assert again["metric"] == "train/loss"
    assert "id" not in again


def test_a_rule_is_added_with_what_it_would_have_done(desk: Desk, page: SettingsPage, qtbot: QtBot) -> None:
    desk.context.clock = lambda: 1_000_000.0
    category = alerts(desk, page, SHARE)
    category.new.click()
    sheet = desk.sheets[-1]
    qtbot.addWidget(sheet)
    sheet.value.setCurrentIndex(sheet.value.findData("gpu/*/temperature_c"))
    sheet.limit.setValue(85)
    sheet._timer.stop()
    sheet._ask_preview()
    first = desk.link.last("POST", "/rules/preview")
    assert first.body["limit"] == 85
    sheet.limit.setValue(80)
    first.succeed({"count": 9, "days": 30.0, "times": [999_000.0]})
    assert sheet.preview.text() == "Looking at the last 30 days…"  # it spoke of another limit
    sheet._ask_preview()
    desk.link.last("POST", "/rules/preview").succeed({"count": 3, "days": 30.0, "times": [999_000.0]})
    assert sheet.preview.text().startswith("It would have fired 3 times in 30 days, last on ")
    sheet.name.setText("Hot")
    sheet.submit()
    asked = desk.link.last("POST", "/rules")
    assert asked.body == {"name": "Hot", "test": "limit", "metric": "gpu/*/temperature_c", "above": True,
                          "limit": 80.0, "for_seconds": 60.0, "severity": "warn"}  # fmt: skip
    asked.succeed({"id": "rule-2", "kind": "rule"})
    assert desk.link.asked[-1].path == "/rules"


def test_the_sheet_asks_only_for_what_its_test_needs(desk: Desk, page: SettingsPage, qtbot: QtBot) -> None:
    category = alerts(desk, page, SHARE)
    category.new.click()
    sheet = desk.sheets[-1]
    qtbot.addWidget(sheet)
    sheet.what.setCurrentIndex(sheet.what.findData("stalled"))
    assert (sheet.limit.value(), sheet.seconds.value(), sheet.value_field.isHidden()) == (10.0, 300.0, True)
    sheet.what.setCurrentIndex(sheet.what.findData("forecast"))
    assert sheet.limit_field.isHidden()
    sheet.what.setCurrentIndex(sheet.what.findData("limit"))
    sheet.value.setEditText("")
    sheet.submit()
    assert sheet.value_field.error == "Choose a value."
    sheet.value.setEditText("my/own_metric")
    assert sheet.asked()["metric"] == "my/own_metric"
    share = sheet.value.findData("disk/used_share")
    sheet.value.setCurrentIndex(share)
    sheet.limit.setValue(95)
    assert sheet.asked()["limit"] == 0.95


def edit(desk: Desk, category: Any, qtbot: QtBot, at: int) -> Any:
    qtbot.mouseClick(category.rules.rows[at].edit, Qt.MouseButton.LeftButton)
    sheet = desk.sheets[-1]
    qtbot.addWidget(sheet)
    return sheet


def test_a_rule_of_ones_own_is_changed_in_every_field_with_its_past_and_brought_back(
    desk: Desk, page: SettingsPage, qtbot: QtBot, undo: list[Any]
) -> None:
    desk.context.clock = lambda: 1_000_000.0
    own = {**OWN, "endpoint": None, "severity": "info"}
    category = alerts(desk, page, SHARE, own)
    sheet = edit(desk, category, qtbot, 1)
    shown = (sheet.name.text(), sheet.asked()["metric"], sheet.side.value, sheet.limit.value(), sheet.seconds.value())
    assert shown == ("Loss too high", "train/loss", "above", 2.0, 60.0)
    assert sheet.severity.value == "info"
    assert not sheet.what.isEnabled()
    qtbot.keyClicks(sheet.name, " now")
    sheet.value.setCurrentIndex(sheet.value.findData("gpu/*/temperature_c"))
    sheet.side.set_value("below")
    sheet.limit.setValue(40)
    sheet.seconds.setValue(90)
    sheet._timer.stop()
    sheet._ask_preview()
    asked = desk.link.last("POST", "/rules/preview")
    assert asked.body == {"name": "Loss too high now", "test": "limit", "metric": "gpu/*/temperature_c",
                          "above": False, "limit": 40.0, "for_seconds": 90.0, "severity": "info",
                          "endpoint": None}  # fmt: skip
    asked.succeed({"count": 2, "days": 30.0, "times": [999_000.0]})
    assert sheet.preview.text().startswith("It would have fired 2 times in 30 days")
    sheet.submit()
    saved = desk.link.last("PATCH", "/rules/rule-1")
    wanted = {"name": "Loss too high now", "metric": "gpu/*/temperature_c", "above": False, "limit": 40.0,
              "for_seconds": 90.0}  # fmt: skip
    assert saved.body == wanted
    saved.succeed({**own, **wanted})
    desk.link.last("GET", "/rules").succeed({"items": [SHARE, {**own, **wanted}]})
    row = category.rules.rows[1]
    assert (row.name, row.hint.text(), row.limit.suffix()) == ("Loss too high now", "GPU temperature", " °C")
    assert (row.limit.value(), row._side.text()) == (40.0, "below")
    undo[-1]()
    assert desk.link.last("PATCH", "/rules/rule-1").body == {key: own.get(key, True) for key in wanted}


def test_a_limit_shown_rounded_is_no_change(desk: Desk, page: SettingsPage, qtbot: QtBot) -> None:
    fine = {**OWN, "metric": "gpu/*/temperature_c", "limit": 84.6}
    category = alerts(desk, page, fine)
    sheet = edit(desk, category, qtbot, 0)
    assert sheet.limit.value() == 85.0
    assert sheet.changes() == {}
    asked = len(desk.link.asked)
    sheet.submit()
    assert len(desk.link.asked) == asked  # nothing was changed, so nothing is asked
    sheet = edit(desk, category, qtbot, 0)
    sheet.seconds.setValue(5)
    sheet._timer.stop()
    sheet._ask_preview()
    assert desk.link.last("POST", "/rules/preview").body["limit"] == 84.6


def test_a_rule_of_the_program_keeps_its_value_in_the_sheet(desk: Desk, page: SettingsPage, qtbot: QtBot) -> None:
    category = alerts(desk, page, SHARE, STALLED)
    sheet = edit(desk, category, qtbot, 0)
    assert [control.isEnabled() for control in (sheet.value, sheet.side, sheet.name)] == [False] * 3
    assert sheet.note.text() == "It comes with the program and keeps its value, side and name."
    sheet.limit.setValue(80)
    sheet.submit()
    assert desk.link.last("PATCH", "/rules/disk-used").body == {"limit": 0.8}
    desk.link.last("PATCH", "/rules/disk-used").refuse("No.")
    assert desk.toasts[-1] == ("bad", "No.", "")
    sheet = edit(desk, category, qtbot, 1)
    assert (sheet.what.currentData(), sheet.limit.value(), sheet.limit.suffix()) == ("stalled", 10.0, " × usual")


@pytest.mark.parametrize(
    ("forecast", "text"),
    [
        ({}, "How full the disk is has not been read yet."),
        ({"free_bytes": 212 * 10**9}, "Now 212 GB are free. How fast that shrinks is known after some minutes of "
         "readings."),
        ({"free_bytes": 212 * 10**9, "growth_bytes_per_s": -1.0},
         "Now 212 GB are free. The disk does not fill; nothing would be forecast."),
        ({"free_bytes": 212 * 10**9, "growth_bytes_per_s": 1e-6, "full_in_s": 2e17},
         "Now 212 GB are free. The disk does not fill; nothing would be forecast."),
        ({"free_bytes": 36 * 10**9, "growth_bytes_per_s": 5e6, "full_in_s": 7200.0},
         "Now 36.0 GB are free. It fills by 300 MB a minute and is full in 2 h ({clock}). No run is running, so it "
         "would not fire."),
        ({"free_bytes": 36 * 10**9, "growth_bytes_per_s": 5e6, "full_in_s": 7200.0, "run_name": "movie",
          "run_needs_s": 9000.0},
         "Now 36.0 GB are free. It fills by 300 MB a minute and is full in 2 h ({clock}). movie needs 2 h 30 m "
         "more: it would fire."),
    ],
)  # fmt: skip
def test_a_forecast_rule_says_what_it_is_now(
    desk: Desk, page: SettingsPage, qtbot: QtBot, forecast: dict[str, Any], text: str
) -> None:
    desk.context.clock = lambda: 1_000_000.0
    sheet = edit(desk, alerts(desk, page, FORECAST), qtbot, 0)
    assert (sheet.limit_field.isHidden(), sheet.value_field.isHidden()) == (True, True)
    sheet._timer.stop()
    sheet._ask_preview()
    answer = {"count": None, "days": 0.0, "text": "x", "forecast": forecast}
    desk.link.last("POST", "/rules/preview").succeed(answer)
    assert sheet.preview.text() == text.format(clock=words.day_and_time(1_007_200.0, 1_000_000.0))


def test_quiet_hours_and_webhook_are_asked_of_the_backend(
    desk: Desk, page: SettingsPage, qtbot: QtBot, undo: list[Any]
) -> None:
    desk.state.settings = BackendSettings()
    notices = alerts(desk, page, SHARE).notices
    page.refresh(Changes(system=True))
    notices.quiet.on.click()
    assert desk.link.last("PATCH", "/settings").body == {"values": {"quiet_from": "22:00", "quiet_to": "07:00"}}
    kept = BackendSettings(quiet_from="22:00", quiet_to="07:00", webhook_url="").model_dump(mode="json")
    desk.link.last("PATCH", "/settings").succeed(kept)
    assert notices.quiet.start.isEnabled()
    assert notices.quiet.start.time().toString("HH:mm") == "22:00"
    assert not notices.webhook.test.isEnabled()
    qtbot.keyClicks(notices.webhook.address, "https://hooks.example.org/a")
    qtbot.keyClick(notices.webhook.address, Qt.Key.Key_Return)
    asked = desk.link.last("PATCH", "/settings")
    assert asked.body == {"values": {"webhook_url": "https://hooks.example.org/a"}}
    asked.succeed({**kept, "webhook_url": "https://hooks.example.org/a"})
    assert notices.webhook.test.isEnabled()
    undo[-1]()
    assert desk.link.last("PATCH", "/settings").body == {"values": {"webhook_url": ""}}
    notices.webhook.test.click()
    desk.link.last("POST", "/webhook/test").refuse("hooks.example.org answered 404.")
    assert desk.toasts[-1] == ("bad", "hooks.example.org answered 404.", "")


def test_limits_of_new_endpoints_are_asked_for_as_typed(desk: Desk, page: SettingsPage) -> None:
    page.open_target("models")
    control = row(page, "models", "endpoint_max_batch").control
    assert (control.minimum(), control.maximum(), control.value()) == (1, 1024, 32)
    control.setValue(64)
    asked = desk.link.last("PATCH", "/settings")
    assert asked.body == {"values": {"endpoint_max_batch": 64}}
    asked.succeed(BackendSettings(endpoint_max_batch=64).model_dump(mode="json"))
    assert desk.toasts[-1] == ("ok", "Largest batch: 64", "before: 32")
    latency = row(page, "models", "endpoint_slo_p99_ms")
    latency.control.setValue(25)
    assert desk.link.last("PATCH", "/settings").body == {"values": {"endpoint_slo_p99_ms": 25.0}}
    assert latency.control.suffix() == " ms"
