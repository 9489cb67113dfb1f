"""The last good run of the same kind: which one it is, and what is told to differ."""

from typing import Any

import pytest

from backend.contract.differences import LastGood
from backend.contract.resources import RunRecord
from backend.services.last_good import last_good
from tests.helpers.stores import a_run

ENVIRONMENT = {"python": "3.11.9", "commit": "a" * 40, "gpu": None, "packages": {"torch": "2.12.0", "peft": "0.17"}}


def a_good_run(run_id: str, at: float = 1.0, **fields: Any) -> RunRecord:
    known = {"state": "completed", "created_at": at, "ended_at": at + 0.5, "dataset_name": "tickets",
             "dataset_id": "d1", "base_model": "starter", "device": "cpu", "environment": ENVIRONMENT,
             "settings": {"epochs": 3, "learning_rate": 5e-5, "lora": {"rank": 16}}}  # fmt: skip
    return a_run(run_id, **{**known, **fields})


def differing(found: LastGood) -> dict[str, tuple[Any, Any]]:
    return {each.name: (each.this, each.other) for each in found.differences}


def test_the_newest_of_the_same_data_is_the_last_good_one() -> None:
    run = a_good_run("now", at=9.0, state="failed")
    runs = [a_good_run("old", at=1.0), a_good_run("newer", at=3.0), a_good_run("other data", 8.0, dataset_name="mail")]
    found = last_good(run, [run, *runs])
    assert (found.run_id, found.same, found.ended_at) == ("newer", "data", 3.5)
    assert found.differences == ()


@pytest.mark.parametrize(
    "fields",
    [{"state": "failed"}, {"state": "stopped"}, {"recipe": "other"}, {"source": "wandb"}, {"created_at": 10.0}],
    ids=str,
)
def test_what_is_no_good_run_of_this_kind(fields: dict[str, Any]) -> None:
    run = a_good_run("now", at=9.0)
    assert last_good(run, [run, a_good_run("other", **fields)]) == LastGood()


def test_without_one_of_the_same_data_the_base_model_counts() -> None:
    run = a_good_run("now", at=9.0, dataset_name="mail", dataset_id="d9")
    found = last_good(run, [run, a_good_run("other"), a_good_run("third", at=2.0, base_model="/models/x")])
    assert (found.run_id, found.same) == ("other", "base_model")
    assert differing(found) == {"dataset": ("mail", "tickets"), "dataset_version": ("d9", "d1")}
    assert last_good(run.model_copy(update={"base_model": None}), [a_good_run("other")]) == LastGood()


def test_packages_commit_device_and_settings_are_told_when_they_differ() -> None:
    now = {"python": "3.11.9", "commit": "b" * 40, "gpu": None, "driver": "550.1", "packages": {"torch": "2.13.0"}}
    run = a_good_run("now", at=9.0, environment=now, device="cuda:0",
                     settings={"epochs": 3, "learning_rate": 1e-4, "lora": {"rank": 8}, "seed": 1})  # fmt: skip
    assert differing(last_good(run, [a_good_run("other")])) == {
        "commit": ("b" * 40, "a" * 40), "driver": ("550.1", None), "packages.torch": ("2.13.0", "2.12.0"),
        "packages.peft": (None, "0.17"), "device": ("cuda:0", "cpu"), "settings.learning_rate": (1e-4, 5e-5),
        "settings.lora.rank": (8, 16), "settings.seed": (1, None),
    }  # fmt: skip


def test_a_run_that_has_not_reported_is_compared_by_its_settings_alone() -> None:
    run = a_good_run("now", at=9.0, environment={}, settings={"epochs": 4})
    found = last_good(run, [a_good_run("other", settings={"epochs": 3})])
    assert not found.environment_known
    assert differing(found) == {"settings.epochs": (4, 3)}
