"""Odd numbers in free data travel as the three strings, and come back as numbers where a number is known to stand."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from backend.contract.base import Record, data_to_json
from backend.contract.differences import Difference
from backend.contract.events import CommandDone, Planned, Sampled
from backend.contract.resources import (
    AlertRecord,
    AuditRecord,
    Failure,
    Finding,
    Operation,
    PromotionPlan,
    RunEvent,
    RunRecord,
    VersionRecord,
)
from tests.helpers.stores import a_run, make_store

ODD = {"x": math.nan, "deep": [{"y": math.inf}, (-math.inf, 1.5)], "text": "nan", "none": None, "whole": 3}
TOLD = {"x": "nan", "deep": [{"y": "inf"}, ["-inf", 1.5]], "text": "nan", "none": None, "whole": 3}
RUN = {"id": "r", "name": "r", "recipe": "selftest", "state": "running"}
RECORDS: list[tuple[Record, str]] = [
    (RunRecord(**RUN, best=ODD), "best"),
    (RunRecord(**RUN, facts=ODD), "facts"),
    (RunEvent(id=1, run_id="r", kind="evaluation", time=1.0, data=ODD), "data"),
    (Finding(code="c", severity="bad", title="t", text="t", evidence=ODD), "evidence"),
    (Failure(code="c", text="t", advice="a", details=ODD), "details"),
    (AlertRecord(id="a", kind="rule", evidence=ODD), "evidence"),
    (VersionRecord(model="m", version=1, run_id="r", evaluation=ODD), "evaluation"),
    (Operation(id="o", kind="k", object="x", state="done", result=ODD), "result"),
    (AuditRecord(seq=1, time=1.0, actor="a", action="x", object="y", details=ODD), "details"),
    (Planned(total_steps=1, facts=ODD), "facts"),
    (CommandDone(command_id="c1", command="stop", ok=True, result=ODD), "result"),
    (Difference(name="n", this=ODD), "this"),
]


@pytest.mark.parametrize(("record", "name"), RECORDS, ids=lambda value: type(value).__name__ if value else "")
def test_an_odd_number_in_free_data_is_never_unknown(record: Record, name: str) -> None:
    assert record.model_dump(mode="json")[name] == TOLD
    assert json.loads(record.model_dump_json())[name] == TOLD
    found: Any = getattr(record, name)
    assert found["x"] is ODD["x"]  # in the process it stays a number


def test_in_a_list_of_data_too() -> None:
    plan = PromotionPlan(kind="promote", model="m", version=1, changes=(), evidence=(ODD,))
    assert json.loads(plan.model_dump_json())["evidence"] == [TOLD]
    items = Sampled(step=1, items=({"text": "nan", "score": math.nan},))
    read = Sampled.model_validate_json(items.model_dump_json()).items[0]
    assert read["text"] == "nan"  # a text is a text
    assert math.isnan(read["score"])


def test_where_a_number_is_known_to_stand_it_is_read_as_one() -> None:
    run = RunRecord(**RUN, best={"metric": "nan", "value": math.inf, "step": 3})
    assert RunRecord.model_validate_json(run.model_dump_json()).best == {"metric": "nan", "value": math.inf, "step": 3}
    version = VersionRecord(model="m", version=1, run_id="r",
                            evaluation={"values": {"loss": math.inf}, "per_class": {"inf": {"f1": -math.inf}},
                                        "labels": ["inf"]})  # fmt: skip
    assert VersionRecord.model_validate_json(version.model_dump_json()).evaluation == version.evaluation
    alert = AlertRecord(id="a", kind="rule", evidence={"value": math.inf, "limit": 1.0, "metric": "inf"})
    assert AlertRecord.model_validate_json(alert.model_dump_json()).evidence == alert.evidence


def test_the_store_keeps_them(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    try:
        store.runs.add(a_run(facts={"loss": math.nan}, best={"metric": "loss", "value": -math.inf}))
        found = store.runs.get("r1")
        assert found is not None
        assert (found.facts, found.best["value"]) == ({"loss": "nan"}, -math.inf)
        event = store.runs.add_event("r1", "evaluation", data={"values": {"eval/loss": math.inf}})
        assert store.runs.events("r1") == [event]
        assert event.data == {"values": {"eval/loss": "inf"}}
    finally:
        store.close()


def test_plain_data_is_passed_on_as_it_is() -> None:
    assert data_to_json({"a": (1, "x", True, None)}) == {"a": [1, "x", True, None]}
