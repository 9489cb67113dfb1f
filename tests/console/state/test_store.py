"""What the screen knows follows the feed, and says what changed."""

import math

from backend.contract.resources import AlertRecord, RunRecord
from console.state.store import AppState


def message(topic: str, kind: str, data: dict, number: int = 1) -> dict:
    return {"id": number, "time": 1.0, "topic": topic, "kind": kind, "data": data}


def run(run_id: str, **fields: object) -> dict:
    return RunRecord(id=run_id, name=run_id, recipe="selftest", state="running", **fields).model_dump(mode="json")


def test_newer_record_replaces_older_and_is_named() -> None:
    state = AppState()
    state.load("runs", {"items": [run("a")]})
    changes = state.apply([message("runs", "changed", run("a", step=7)), message("runs", "changed", run("b"), 2)])
    assert state.runs["a"].step == 7
    assert list(state.runs) == ["b", "a"]
    assert changes.runs == {"a", "b"}
    assert changes.last_id == 2


def test_removed_run_is_gone() -> None:
    state = AppState()
    state.load("runs", {"items": [run("a")]})
    assert state.apply([message("runs", "removed", {"id": "a"})]).runs == {"a"}
    assert not state.runs


def test_points_keep_order_and_odd_numbers() -> None:
    points = [
        ["train/loss", 1, 1.0, 0.1, 0.5],
        ["train/loss", 2, 2.0, None, "nan"],
        ["train/loss", 3, 3.0, None, "-inf"],
    ]
    found = AppState().apply([message("series", "points", {"run_id": "a", "points": points})]).points["a"]
    assert [step for _, step, *_ in found] == [1, 2, 3]
    assert math.isnan(found[1][4])
    assert found[2][4] == -math.inf


def test_unknown_topic_of_a_newer_backend_is_ignored() -> None:
    changes = AppState().apply([message("quantum", "changed", {}, 9)])
    assert not changes.any()
    assert changes.last_id == 9


def test_open_alerts_newest_first_without_handled_ones() -> None:
    state = AppState()
    made = [("a", "open", 1.0), ("b", "acknowledged", 2.0), ("c", "open", 3.0)]
    alerts = [AlertRecord(id=i, kind="input_drift", state=s, opened_at=t).model_dump(mode="json") for i, s, t in made]
    state.load("alerts", {"items": alerts})
    assert [alert.id for alert in state.open_alerts()] == ["c", "a"]


def test_stale_since_the_first_loss_not_the_last_try() -> None:
    times = iter([100.0, 200.0])
    state = AppState(now=lambda: next(times))
    state.connected()
    state.lost()
    state.lost()
    assert state.stale_since == 100.0
    state.connected()
    assert state.stale_since is None


def test_what_a_daemon_of_another_age_sends_never_stops_the_feed() -> None:
    state = AppState()
    state.load("runs", {"items": [run("a"), {"id": "odd"}]})
    state.load("settings", {"webhook_severity": "unheard of", "runs_at_once": 3})
    state.load("drift", {})
    assert list(state.runs) == ["a"]
    assert state.settings is not None
    assert (state.settings.runs_at_once, state.settings.webhook_severity) == (3, "bad")
    topics = ("runs", "series", "run_events", "log", "telemetry", "endpoints", "serving", "models", "datasets",
              "alerts", "drift", "operations", "audit", "system")  # fmt: skip
    state.apply([message(topic, kind, {}) for topic in topics for kind in ("changed", "removed")])
    odd = [{}, {"topic": "runs"}, message("runs", "changed", run("a", step=8), 5)]
    assert state.apply(odd).runs == {"a"}
    assert state.runs["a"].step == 8
