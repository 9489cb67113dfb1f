"""The Drift & alerts page with real clicks and keys: groups, folds, several at once, drift, snooze, resolve."""

import math
from typing import Any

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from backend.contract.resources import (
    AlertRecord,
    DriftReport,
    EndpointRecord,
    FeatureDrift,
    ModelRecord,
    RunRecord,
    VersionRecord,
)
from console import alert_words, words
from console.pages.alerts import AlertsPage
from console.pages.alerts import words as page_words
from console.pages.alerts.inbox import fold
from console.pages.alerts.other import about_run, facts_of, specs_for
from console.pages.alerts.sheets import ResolveSheet
from console.state.changes import Changes
from tests.console.pages.conftest import Desk

NOW = 1_795_000_000.0
DRIFTED = {"before": 64.2, "after": 118.0, "psi": 0.31, "text": "Text length moved right: median 64 → 118 tokens."}


def alert(alert_id: str, **fields: Any) -> AlertRecord:
    known = {"id": alert_id, "kind": "input_drift", "endpoint": "api", "severity": "warn", "opened_at": NOW - 720,
             "seen_at": NOW - 5, "model": "sentiment", "version": 2, "feature": "text_length",
             "title": "Input drift on api", "text": DRIFTED["text"],
             "evidence": {"features": {"text_length": DRIFTED}, "limit": 0.2}}  # fmt: skip
    return AlertRecord(**{**known, **fields})


def latency(alert_id: str, **fields: Any) -> AlertRecord:
    evidence = {"metric": "serve/latency_ms_p99", "value": 1400.4, "limit": 500.0, "for_seconds": 60.0}
    return alert(alert_id, **{"kind": "latency", "feature": "serve/latency_ms_p99", "evidence": evidence, **fields})


def feature(name: str, psi: float | None, state: str, **fields: Any) -> FeatureDrift:
    known = {"reference": (0.5, 0.5), "current": (0.2, 0.8), "edges": (0.0, 32.0)}
    return FeatureDrift(feature=name, psi=psi, js=psi and psi / 2, state=state, **{**known, **fields})


def report(at: float = NOW - 2, psi: float | None = 0.31, **fields: Any) -> DriftReport:
    features = (
        feature("unknown_share", 0.05, "ok"),
        feature("text_length", psi, "bad" if psi else "not_enough_data"),
        feature("predicted_label", 0.02, "ok", edges=(), names=("good", "bad")),
    )
    known = {"endpoint": "api", "model": "sentiment", "version": 2, "checked_at": at, "window_seconds": 120.0,
             "window_items": 412, "minimum_items": 100, "features": features}  # fmt: skip
    return DriftReport(**{**known, **fields})


def version(number: int, sha256: str = "a") -> VersionRecord:
    return VersionRecord(model="sentiment", version=number, run_id=f"run{number}", dataset_id=f"d{sha256}",
                         dataset_name=f"data-{sha256}", dataset_sha256=sha256, settings={"epochs": 2})  # fmt: skip


@pytest.fixture
def full(desk: Desk) -> Desk:
    desk.context.clock = lambda: NOW
    state = desk.state
    state.loaded = True
    state.endpoints["api"] = EndpointRecord(name="api", state="serving", model="sentiment", live_version=2,
                                            serving_since=NOW - 4000)  # fmt: skip
    versions = (version(2), version(1))
    state.models["sentiment"] = ModelRecord(name="sentiment", task="t", versions=versions, champion=2, previous=1)
    state.runs["run2"] = RunRecord(id="run2", name="movie", recipe="text_classification", state="completed")
    state.drift["api"] = report()
    return desk


def show(desk: Desk, qtbot: QtBot, *alerts: AlertRecord, width: int = 1240) -> AlertsPage:
    for one in alerts:
        desk.state.alerts[one.id] = one
    page = AlertsPage(desk.context)
    qtbot.addWidget(page)
    page.resize(width, 820)
    page.show()
    return page


def click_row(qtbot: QtBot, page: AlertsPage, key: str, modifier: Qt.KeyboardModifier) -> None:
    items = page.pane.list
    top, bottom = items._span([item.key for item in items.items()].index(key))
    place = QPointF(60, (top + bottom) / 2).toPoint()
    qtbot.mouseClick(items.viewport(), Qt.MouseButton.LeftButton, modifier, place)


PLAIN, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier


def button(page: AlertsPage, name: str) -> QWidget:
    return page.head.buttons[name]


# ---- the inbox -----------------------------------------------------------------------------------------------


def test_groups_in_their_order_with_watched_endpoints_last(full: Desk, qtbot: QtBot) -> None:
    snoozed = latency("c", endpoint="other", state="snoozed", snoozed_until=NOW + 3600)
    resolved = alert("d", state="resolved", resolved_at=NOW - 60)
    page = show(full, qtbot, latency("b", state="acknowledged"), alert("a"), snoozed, resolved)
    assert [item.key for item in page.pane.list.items()] == ["a", "b", "c", "drift/api"]
    heads = [item.head for item in page.pane.list.items()]
    assert heads[0] == ""
    assert heads[1] == "Acknowledged"
    assert heads[2].startswith("Snoozed until")
    assert heads[3] == "Watched endpoints"


def test_tabs_show_counts_and_their_alerts(full: Desk, qtbot: QtBot) -> None:
    page = show(full, qtbot, alert("a"), alert("d", endpoint="x", state="resolved", resolved_at=NOW - 60))
    assert "Active 1" in page.pane.tabs.accessibleName()
    page.pane.tabs.choose("resolved")
    assert [item.key for item in page.pane.list.items()] == ["d"]
    assert page.target() == "d"


def test_repetitions_fold_and_unfold_when_chosen(full: Desk, qtbot: QtBot) -> None:
    old = [alert(f"r{i}", state="resolved", opened_at=NOW - 5000 - i, resolved_at=NOW - 4000) for i in range(3)]
    assert [len(one.alerts) for one in fold(old)] == [3]
    page = show(full, qtbot, *old, latency("z", state="resolved", resolved_at=NOW - 100))
    page.pane.tabs.choose("resolved")
    keys = [item.key for item in page.pane.list.items()]
    assert keys == ["z", "r0"]
    page.pane.list.step(1)
    assert [item.key for item in page.pane.list.items()] == ["z", "r0", "r1", "r2"]


def test_filter_names_what_nothing_matches(full: Desk, qtbot: QtBot) -> None:
    page = show(full, qtbot, alert("a"))
    page.pane.filter.set_text("kind:disk")
    assert page.pane.none.text() == "No alert matches kind:disk."
    page.pane.filter.set_text("kind:input_drift")
    assert [item.key for item in page.pane.list.items()] == ["a"]


def test_several_are_acknowledged_together_and_taken_back_together(full: Desk, qtbot: QtBot) -> None:
    undone = []
    full.context.toast = lambda text, detail="", kind="ok", **more: undone.append((text, more.get("undo")))
    page = show(full, qtbot, alert("a"), latency("b"))
    click_row(qtbot, page, "b", CTRL)
    assert page.bulk.isVisible()
    assert sorted(one.id for one in page.picked_alerts()) == ["a", "b"]
    qtbot.mouseClick(page._bulk_button, Qt.MouseButton.LeftButton)
    for name in ("a", "b"):
        full.link.last("POST", f"/alerts/{name}/acknowledge").succeed({})
    assert undone[-1][0] == "2 alerts acknowledged"
    assert not page.bulk.isVisible()
    undone[-1][1]()
    assert full.link.last("POST", "/alerts/a/reopen")
    assert full.link.last("POST", "/alerts/b/reopen")


# ---- a drift alert -------------------------------------------------------------------------------------------


def test_a_drift_alert_says_what_moved_and_shows_the_feature(full: Desk, qtbot: QtBot) -> None:
    page = show(full, qtbot, alert("a"))
    assert page.head.title.text() == "Input drift"
    assert page.head.line.text().startswith("Text length moved right: median 64 → 118 tokens. First seen")
    assert page.drift.table.current == "text_length"
    assert page.drift.table.order()[0] == "text_length"
    assert page.drift.facts.facts()["Texts in the window / needed"] == "412 / 100"
    assert "v2 learnt from data-a" in page.drift.suggestion.detail.text()
    assert "same data" in page.doing.why_not_roll_back()


def test_the_history_is_read_and_new_checks_follow_it_without_duplicate(full: Desk, qtbot: QtBot) -> None:
    page = show(full, qtbot, alert("a"))
    asked = full.link.last("GET", "/drift/api")
    page.refresh(_checked(full, report(NOW + 3, 0.33)))
    past = report(NOW - 2)
    features = [f.model_copy(update={"history_times": (NOW - 12, NOW - 7, NOW - 2), "history_psi": (0.1, None, 0.31)})
                for f in past.features]  # fmt: skip
    asked.succeed(past.model_copy(update={"features": tuple(features)}).model_dump(mode="json"))
    page.refresh(_checked(full, report(NOW + 5, 0.35)))
    page.refresh(_checked(full, report(NOW + 5, 0.35)))
    drawn = page.drift.group.store.get("psi/text_length")
    assert list(drawn.column("time")) == [NOW - 12, NOW - 2, NOW + 3, NOW + 5]
    assert not any(math.isnan(value) for value in drawn.values)


def test_back_on_the_page_the_history_is_read_again(full: Desk, qtbot: QtBot) -> None:
    page = show(full, qtbot, alert("a"))
    before = sum(asked.path == "/drift/api" for asked in full.link.asked)
    page.hide()
    page.show()
    page.refresh(Changes(everything=True))
    assert sum(asked.path == "/drift/api" for asked in full.link.asked) == before + 1


def test_an_alert_that_opened_meanwhile_is_in_front_unless_something_was_chosen(full: Desk, qtbot: QtBot) -> None:
    page = show(full, qtbot)
    assert page.target() == "api"
    full.state.alerts["a"] = alert("a")
    page.refresh(Changes(alerts={"a"}))
    assert page.target() == "api"  # nothing jumps before one's eyes
    page.refresh(Changes(everything=True))
    assert page.target() == "a"
    click_row(qtbot, page, "drift/api", PLAIN)
    page.refresh(Changes(everything=True))
    assert page.target() == "api"


def test_when_the_traffic_is_over_the_alert_still_shows_what_it_saw(full: Desk, qtbot: QtBot) -> None:
    full.state.drift["api"] = report(psi=None, window_items=0, features=(
        feature("text_length", None, "not_enough_data", current=(0.0, 0.0)),
        feature("confidence", None, "not_enough_data", current=(0.0, 0.0)),
    ))  # fmt: skip
    seen = {"psi": 0.31, "js": 0.2, "state": "bad", "current": [0.1, 0.9]}
    page = show(full, qtbot, alert("a", evidence={"features": {"text_length": seen}, "limit": 0.2}))
    shown = page.drift.feature
    assert shown is not None
    assert (shown.psi, shown.state, shown.current) == (0.31, "bad", (0.1, 0.9))
    facts = page.drift.facts.facts()
    assert facts["PSI of text length"] == "0.310"
    assert facts["Texts in the window / needed"] == "0 / 100"
    assert page.drift.features.subtitle.text().startswith("PSI at ")
    page._on_chosen("drift/api")
    assert page.drift.feature is not None
    assert page.drift.feature.psi is None  # of the traffic itself nothing is known now


def test_the_curve_says_now_only_of_a_value_of_now(full: Desk, qtbot: QtBot) -> None:
    page = show(full, qtbot, alert("a"))
    past = report(NOW - 2)
    features = [f.model_copy(update={"history_times": (NOW - 12, NOW - 2), "history_psi": (0.1, 0.31)})
                for f in past.features]  # fmt: skip
    full.link.last("GET", "/drift/api").succeed(
        past.model_copy(update={"features": tuple(features)}).model_dump(mode="json")
    )

    def legend() -> str:
        return page.drift.chart.spec.series[0].name

    assert legend() == "now"
    page.refresh(_checked(full, report(NOW + 60, None)))  # too few texts since
    assert legend() == f"at {words.clock(NOW - 2)}"
    page.refresh(_checked(full, report(NOW + 70, 0.33)))
    assert legend() == "now"
    full.context.clock = lambda: NOW + 70 + 181  # nobody has checked for three minutes
    page.refresh(Changes(alerts={"a"}))
    assert legend() == f"at {words.clock(NOW + 70)}"
    full.context.clock = lambda: NOW + 75
    page.refresh(Changes(alerts={"a"}))
    assert legend() == "now"
    full.context.offline = lambda: True
    page.refresh(Changes(connection=True))
    assert legend() == f"at {words.clock(NOW + 70)}"


def _checked(desk: Desk, fresh: DriftReport) -> Changes:
    desk.state.drift["api"] = fresh
    return Changes(drift={"api"})


def test_labels_are_compared_as_bars(full: Desk, qtbot: QtBot) -> None:
    page = show(full, qtbot, alert("a"))
    page.drift.table._choose("predicted_label")
    assert page.drift.labels.isVisible()
    assert page.drift.labels.bars.accessibleName() == "good: 50%, 20%; bad: 50%, 80%"


def test_buttons_lead_to_rollback_and_retrain(full: Desk, qtbot: QtBot) -> None:
    page = show(full, qtbot, alert("a"))
    qtbot.mouseClick(button(page, "rollback"), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(button(page, "retrain"), Qt.MouseButton.LeftButton)
    assert full.started == [
        ("model.rollback", {"model": "sentiment", "version": 1, "endpoint": "api"}),
        ("run.new", {"run": full.state.runs["run2"]}),
    ]


def test_without_its_run_retrain_takes_data_and_settings_of_the_version(full: Desk, qtbot: QtBot) -> None:
    full.state.runs.clear()
    show(full, qtbot, alert("a")).doing.retrain()
    assert full.started == [("run.new", {"dataset": "da", "settings": {"epochs": 2}})]


def test_nothing_to_roll_back_to_is_a_reason(full: Desk, qtbot: QtBot) -> None:
    full.state.models["sentiment"] = ModelRecord(name="sentiment", task="t", versions=(version(2),), champion=2)
    page = show(full, qtbot, alert("a"))
    assert not button(page, "rollback").isEnabled()
    assert "Nothing was live before." in button(page, "rollback").toolTip()


def test_acknowledge_is_busy_until_answered_and_a_refusal_is_told(full: Desk, qtbot: QtBot) -> None:
    page = show(full, qtbot, alert("a"))
    qtbot.mouseClick(button(page, "acknowledge"), Qt.MouseButton.LeftButton)
    assert button(page, "acknowledge").busy
    full.link.last("POST", "/alerts/a/acknowledge").refuse("It is resolved already.", "Reopen it first.")
    assert not button(page, "acknowledge").busy
    assert full.toasts == [("bad", "It is resolved already.", "Reopen it first.")]


def test_snooze_offers_an_hour_tomorrow_and_monday(full: Desk, qtbot: QtBot) -> None:
    page = show(full, qtbot, alert("a"))
    entries = page.snooze_menu().actions()
    assert [entry.text() for entry in entries] == ["For 1 h", "Until tomorrow 09:00", "Until Monday 09:00"]
    entries[0].trigger()
    assert full.link.last("POST", "/alerts/a/snooze").body == {"until": NOW + 3600}
    times = [until for _, until in page_words.snooze_times(NOW)]
    assert NOW < times[1] < NOW + 2 * 86400
    assert NOW < times[2] < NOW + 8 * 86400


def test_resolve_asks_for_a_reason(full: Desk, qtbot: QtBot) -> None:
    page = show(full, qtbot, alert("a"))
    page.doing.resolve()
    sheet = full.sheets[-1]
    assert isinstance(sheet, ResolveSheet)
    qtbot.addWidget(sheet)
    sheet.submit()
    assert not [a for a in full.link.asked if a.path.endswith("/resolve")]
    sheet.reason.setText("the campaign is over")
    sheet.submit()
    assert full.link.last("POST", "/alerts/a/resolve").body == {"note": "the campaign is over"}


def test_offline_says_why_nothing_can_be_done(full: Desk, qtbot: QtBot) -> None:
    full.context.offline = lambda: True
    page = show(full, qtbot, alert("a"))
    assert "Backend does not answer." in button(page, "acknowledge").toolTip()


# ---- other kinds, no alert -----------------------------------------------------------------------------------


def test_latency_shows_evidence_limit_and_history(full: Desk, qtbot: QtBot) -> None:
    page = show(full, qtbot, latency("b"))
    assert page.head.title.text() == "p99 latency above 500 ms"
    assert page.other.facts.facts()["p99 latency"] == "1,400 ms"
    assert [chart.spec.id for chart in page.other.charts()] == ["latency", "requests"]
    assert page.other.charts()[0].spec.limits[0].value == 500
    body = {"times": [NOW - 2, NOW - 1], "values": {"serve/latency_ms_p99": [700.0, None], "serve/batch_size": [1, 1]}}
    full.link.last("GET", "/endpoints/api/history").succeed(body)
    assert list(page.other.group.store.get("serve/latency_ms_p99").column("time")) == [NOW - 2, NOW - 1]


@pytest.mark.parametrize(
    ("kind", "name", "charts"),
    [
        ("errors", "serve/errors_per_s", ["errors", "requests"]),
        ("errors", "serve/rejected_per_s", ["rejected", "requests"]),
        ("endpoint", None, ["latency", "requests"]),
        ("disk", "disk/used_share", ["disk_used", "memory_used"]),
        ("gpu", "gpu/1/temperature_c", ["power_temp", "gpu_memory"]),
        ("run", None, ["loss", "step_seconds"]),
        ("something new", None, []),
    ],
)
def test_each_kind_has_its_charts(kind: str, name: str | None, charts: list[str]) -> None:
    found = specs_for(alert("x", kind=kind, feature=name, evidence={"limit": 1.0}))
    assert [spec.id for spec in found] == charts
    if kind == "gpu":
        assert all(one.key.startswith("gpu/1/") for spec in found for one in spec.series)


def test_a_failed_run_can_be_resumed(full: Desk, qtbot: QtBot) -> None:
    full.state.runs["r9"] = RunRecord(id="r9", name="bad-run", recipe="t", state="failed", resumable=True)
    page = show(full, qtbot, alert("f", kind="run", endpoint=None, run_id="r9", model=None, version=None, evidence={}))
    assert page.head.title.text() == "Run failed"
    qtbot.mouseClick(button(page, "continue"), Qt.MouseButton.LeftButton)
    assert full.link.last("POST", "/runs/r9/resume")


def test_without_alerts_an_endpoint_is_shown(full: Desk, qtbot: QtBot) -> None:
    full.state.drift["api"] = report(psi=0.03, features=(feature("text_length", 0.03, "ok"),))
    page = show(full, qtbot)
    assert page.head.title.text() == "Traffic of api"
    assert page.head.line.text() == "Traffic looks like what v2 was checked on."
    assert page.pane.list.items()[0].subtitle == "1 feature ok"


def test_too_few_texts_are_not_enough_data(full: Desk, qtbot: QtBot) -> None:
    full.state.drift["api"] = report(
        psi=None, window_items=12, features=(feature("text_length", None, "not_enough_data"),)
    )
    page = show(full, qtbot)
    assert page.head.line.text() == "Not enough data: 12 of 100 texts in the last 2 min."
    assert page.head.pill.word == "Not enough data"


def test_with_nothing_at_all_the_page_says_so(desk: Desk, qtbot: QtBot) -> None:
    desk.state.loaded = True
    page = show(desk, qtbot)
    assert page._empty.isVisible()
    assert not page.pane.isVisible()


def test_deep_links_and_letters(full: Desk, qtbot: QtBot) -> None:
    page = show(full, qtbot, alert("a"), latency("b"), alert("d", endpoint="x", state="resolved", resolved_at=NOW - 6))
    page.open_target("d")
    assert (page.pane.tabs.value, page.target()) == ("resolved", "d")
    page.open_target("api")
    assert page.alert is None
    assert page.endpoint.name == "api"
    page.open_target("a")
    letters = {action.shortcut: action.id for action in page.actions() if action.shortcut}
    assert letters == {"J": "alert.next", "K": "alert.before", "A": "alert.acknowledge", "S": "alert.snooze",
                       "R": "alert.retrain"}  # fmt: skip
    page.open_target("gone")
    assert full.toasts[-1][0] == "warn"


def test_a_narrow_window_has_a_menu_instead_of_the_list(full: Desk, qtbot: QtBot) -> None:
    page = show(full, qtbot, alert("a"), width=1000)
    assert not page.pane.isVisible()
    assert page.switcher.isVisible()


# ---- rules of one's own ----------------------------------------------------------------------------------------------


def ruled(metric: str, run_id: str | None = None, **evidence: Any) -> AlertRecord:
    found = {"metric": metric, "value": 3.0, "limit": 2.0, "for_seconds": 60.0, "rule": "rule-1", **evidence}
    return AlertRecord(id="r", kind="rule", title="Loss too high", text="It is.", feature=metric, run_id=run_id,
                       opened_at=1.0, evidence=found)  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "run_id", "charts", "of_run"),
    [
        ("train/loss", "r1", ["train/loss", "train/loss"], True),
        ("my/own", "r1", ["my/own", "train/loss"], True),
        ("step_age_s", "r1", ["train/loss", "train/step_s"], True),
        ("gpu/1/utilization_percent", "r1", ["gpu/1/utilization_percent", "gpu/1/power_w"], False),
        ("disk/full_in_s", "r1", ["disk/used_bytes", "memory/used_bytes"], False),
        ("disk/used_share", None, ["disk/used_bytes", "memory/used_bytes"], False),
        ("cpu/utilization_percent", None, ["cpu/utilization_percent", "cpu/utilization_percent"], False),
        ("serve/requests_per_s", None, ["serve/requests_per_s", "serve/requests_per_s"], False),
    ],
)
def test_an_alert_of_a_rule_shows_its_value(metric: str, run_id: str | None, charts: list[str], of_run: bool) -> None:
    alert = ruled(metric, run_id)
    specs = specs_for(alert)
    assert [spec.series[0].key for spec in specs] == charts
    assert about_run(alert) is of_run
    assert alert_words.title(alert) == "Loss too high"
    drawn = not metric.startswith("disk/") and metric != "step_age_s"
    assert bool(specs[0].limits) is drawn  # a limit in another unit would be a line nowhere


def test_the_evidence_of_a_rule_has_words() -> None:
    facts = dict(facts_of(ruled("step_age_s", value=330.0, limit=300.0), None, 1000.0))
    assert facts["Time since the last step"] == "5 min"
    assert (
        dict(facts_of(ruled("disk/full_in_s", value=float("inf")), None, 1000.0))["Time until the disk is full"] == "—"
    )
    assert dict(facts_of(ruled("train/loss", value=0.02134), None, 1000.0))["Train/loss"] == "0.0213"
