"""Answers of a daemon of another age: fields it does not know yet, fields of tomorrow, values unheard of here."""

import argparse
from collections.abc import Callable
from typing import Any

import pytest

from backend.cli import backend as backend_cli
from backend.cli import datasets, endpoints, models, runs, watching
from backend.cli.context import Context
from backend.contract.answers import completed, items_of, readable, readable_items
from backend.contract.resources import DatasetRecord, DriftReport, ModelRecord, Operation, RunRecord, SystemStatus

RUN = {"id": "r1", "name": "movie", "recipe": "selftest", "state": "running"}
MODEL = {"name": "m", "task": "t", "versions": [{"model": "m", "version": 1, "run_id": "r1"}]}


def test_a_missing_field_takes_its_default_and_an_unknown_one_is_ignored() -> None:
    found = readable(RunRecord, {**RUN, "of_tomorrow": {"a": 1}})
    assert found is not None
    assert (found.pending_settings, found.tags, found.step) == ({}, (), 0)


def test_a_value_nobody_here_has_heard_of_takes_the_default() -> None:
    found = readable(RunRecord, {**RUN, "hang": "asleep", "step": 7})
    assert found is not None
    assert (found.hang, found.step) == ("none", 7)


def test_what_cannot_be_read_at_all_is_nothing() -> None:
    assert readable(RunRecord, {"id": "r1"}) is None
    assert readable(RunRecord, None) is None
    assert [r.id for r in readable_items(RunRecord, {"items": [{"id": "odd"}, RUN, None]})] == ["r1"]
    assert items_of({}) == items_of(None) == items_of({"items": 3}) == []


def test_a_completed_answer_has_every_field_and_keeps_what_it_brought() -> None:
    found = completed(RunRecord, {**RUN, "of_tomorrow": 1})
    assert found["pending_settings"] == {}
    assert found["of_tomorrow"] == 1
    assert set(RunRecord.model_fields) <= set(found)
    assert completed(SystemStatus, {})["state"] is None
    assert completed(SystemStatus, {"mirror": {"state": "off"}})["mirror"] == {"state": "off", "backlog": 0, "text": ""}


def test_records_inside_are_completed_too() -> None:
    version = completed(ModelRecord, MODEL)["versions"][0]
    assert (version["aliases"], version["size_bytes"], version["run_id"]) == ([], 0, "r1")
    assert completed(DatasetRecord, {"problems": [{"text": "odd"}]})["problems"][0]["severity"] == "warn"
    assert completed(DriftReport, {"features": None})["features"] is None


class OldDaemon(Context):
    """Answers with no more than an early version did."""

    def __init__(self, answer: Any) -> None:
        super().__init__(home=None)  # type: ignore[arg-type]
        self._answer = answer

    def ask(self, method: str, path: str, body: Any = None, **rest: Any) -> Any:
        return self._answer


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (runs.run_show, RUN),
        (runs.run_show, {"id": "r1"}),
        (runs.run_list, {"items": [{"id": "r1"}]}),
        (runs.run_list, {}),
        (runs.run_checkpoints, {"items": [{"name": "c", "step": 3}]}),
        (models.run_list, {"items": [{"name": "m"}]}),
        (models.run_show, MODEL),
        (models.run_history, {"items": [{"time": 1.0}]}),
        (datasets.run_list, {"items": [{"id": "d"}]}),
        (datasets.run_show, {"id": "d", "problems": [{}]}),
        (endpoints.run_list, {"items": [{"name": "e"}]}),
        (endpoints.run_show, {"name": "e"}),
        (watching.run_alerts, {"items": [{"id": "a"}]}),
        (watching.run_drift, {"endpoint": "e", "features": [{"feature": "f"}]}),
        (watching.run_audit, {"items": [{"seq": 1}]}),
    ],
)
def test_the_command_line_reads_a_daemon_of_an_earlier_version(
    command: Callable[..., int], answer: Any, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    context = OldDaemon(answer)
    context.as_json = as_json
    given = argparse.Namespace(id="x", name="x", all=False, state=None, endpoint="e", count=1, find="")
    assert command(context, given) == 0
    assert capsys.readouterr().out.strip()


def test_status_and_operations_need_no_more_than_an_early_version_said() -> None:
    assert "running" in backend_cli._words(completed(SystemStatus, {"state": "running"}))
    assert OldDaemon({}).finish({"id": "o", "state": "done"}) == {}
    assert completed(Operation, {"state": "failed"})["error"] is None
