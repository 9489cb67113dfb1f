"""/rules over HTTP: a rule is changed as it is made, and the audit holds both sides."""

import json
from typing import Any

import pytest

from backend.contract.errors import Conflict, Invalid, NotFound
from tests.helpers.home import RunningHome

HOT = {"name": "Hot", "metric": "gpu/*/temperature_c", "above": True, "limit": 85.0, "for_seconds": 60.0}


def add(home: RunningHome, **fields: Any) -> str:
    return str(home.ask("POST", "/rules", {**HOT, **fields})["id"])


def test_every_field_of_ones_own_rule_is_changed_and_audited(home: RunningHome) -> None:
    rule_id = add(home)
    wanted = {"name": "Cold", "metric": "cpu/utilization_percent", "above": False, "limit": 5.0, "for_seconds": 30.0}
    after = home.ask("PATCH", f"/rules/{rule_id}", wanted)
    assert {key: after[key] for key in wanted} == wanted
    assert (after["severity"], after["enabled"], after["own"]) == ("warn", True, True)
    (newest,) = home.ask("GET", "/audit", query={"count": 1})["items"]
    assert (newest["action"], newest["object"]) == ("change_rule", f"rule/{rule_id}")
    before, now = json.loads(newest["before"]), json.loads(newest["after"])
    assert {key: before[key] for key in HOT} == HOT
    assert {key: now[key] for key in wanted} == wanted


@pytest.mark.parametrize("wanted", [{"name": "Mine"}, {"metric": "cpu/utilization_percent"}, {"above": False}])
def test_a_rule_of_the_program_keeps_what_it_speaks_of(home: RunningHome, wanted: dict[str, Any]) -> None:
    with pytest.raises(Conflict, match="comes with the program"):
        home.ask("PATCH", "/rules/gpu-temperature", wanted)
    assert home.ask("PATCH", "/rules/gpu-temperature", {"limit": 80.0})["limit"] == 80.0


def test_a_change_is_held_to_what_a_new_rule_is_held_to(home: RunningHome) -> None:
    rule_id = add(home)
    stalled = add(home, test="stalled", metric="", limit=10.0)
    with pytest.raises(Invalid, match="needs a metric"):
        home.ask("PATCH", f"/rules/{rule_id}", {"metric": "   "})
    with pytest.raises(Invalid, match="above 0"):
        home.ask("PATCH", f"/rules/{stalled}", {"limit": 0})
    rules = {rule["id"]: rule for rule in home.ask("GET", "/rules")["items"]}
    assert (rules[rule_id]["metric"], rules[stalled]["limit"]) == (HOT["metric"], 10.0)
    with pytest.raises(NotFound):
        home.ask("PATCH", "/rules/nothing", {"limit": 1.0})


def test_a_null_changes_nothing(home: RunningHome) -> None:
    rule_id = add(home)
    assert home.ask("PATCH", f"/rules/{rule_id}", {"name": None, "limit": None})["name"] == "Hot"


def test_the_preview_of_a_forecast_says_how_much_is_free(home: RunningHome) -> None:
    told = home.ask("POST", "/rules/preview", {"test": "forecast"})
    assert told["count"] is None
    assert set(told["forecast"]) >= {"free_bytes", "growth_bytes_per_s", "full_in_s", "run_needs_s"}
