"""Settings change at a checkpoint, are kept in it, and a run killed after the change ends with the same bits."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.contract.recipes import TextClassificationSettings
from backend.failpoints import reset
from backend.jobs.folder import JobFolder
from backend.jobs.live import NotLive, changed_live
from backend.jobs.log import LogWriter
from backend.jobs.manifest import sha256_of
from backend.paths import PROJECT
from backend.worker.parts.data import EpochBatches
from tests.backend.worker import training
from tests.backend.worker.test_training import _at_step, _send

CHANGE = {
    "learning_rate": 5e-4, "batch_size": 2, "gradient_accumulation": 2, "group_by_length": False,
    "max_grad_norm": 0.5, "checkpoint_every": 5, "keep_checkpoints": 4,
}  # fmt: skip


def _ask(job: JobFolder, change: dict[str, Any], command_id: str = "a") -> None:
    writer = LogWriter(job.commands)
    writer.append("apply_settings", {"id": command_id, "settings": change}, sync=True)
    writer.close()


def _answer(job: JobFolder, command_id: str = "a") -> dict[str, Any]:
    (found,) = [line for line in training.events(job, "command_done") if line["command_id"] == command_id]
    return found


def _values(job: JobFolder, name: str) -> dict[int, Any]:
    return {line["step"]: line["values"][f"train/{name}"] for line in training.events(job, "metrics")}


# ---- the rule --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"epochs": 5}, "epochs", "cannot change under way"),
        ({"learning_rat": 1e-3}, "learning_rat", "There is no setting"),
        ({"learning_rate": -1}, "learning_rate", "greater than 0"),
        ({"learning_rate": float("nan")}, "learning_rate", "finite"),
        ({"batch_size": 16}, "batch_size", "Rows per step would be 16 instead of 32"),
        ({"batch_size": 64, "gradient_accumulation": 1}, "batch_size", "64 instead of 32"),
    ],
)
def test_what_cannot_change_under_way_is_named(change: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(NotLive, match=words) as caught:
        changed_live(TextClassificationSettings(), change)
    assert caught.value.field == field


def test_what_can_change_is_checked_as_in_the_form() -> None:
    after = changed_live(TextClassificationSettings(), {"batch_size": 8, "gradient_accumulation": 4, "eval_every": 7})
    assert (after.batch_size, after.gradient_accumulation, after.eval_every) == (8, 4, 7)  # type: ignore[attr-defined]


def test_grouping_changes_with_an_epoch_and_keeps_the_number_of_batches() -> None:
    lengths = np.random.default_rng(1).integers(3, 60, 333).tolist()
    plain, grouped = (EpochBatches(lengths, 8, 5, group=group) for group in (False, True))
    changing = EpochBatches(lengths, 8, 5, group=False)
    changing.regroup([[2, 1], [4, 0]])
    for epoch in range(6):
        expected = grouped if epoch in (2, 3) else plain
        assert changing.order(epoch) == expected.order(epoch)
        assert len(changing.order(epoch)) == len(changing)


# ---- the worker ------------------------------------------------------------------------------------------------------


def test_a_change_begins_with_the_next_checkpoint(tmp_path: Path) -> None:
    job = training.make_job(tmp_path, "change", {"schedule": "constant", "warmup_fraction": 0, "checkpoint_every": 4})
    _ask(job, CHANGE)
    assert training.run(job) == 0, training.events(job, "ended")
    kinds = [line["kind"] for line in training.events(job)]
    assert kinds.index("checkpoint") < kinds.index("settings_applied") < kinds.index("command_done")
    (told,) = training.events(job, "settings_applied")
    assert (told["step"], told["settings"]) == (4, CHANGE)
    assert told["before"] == {
        "learning_rate": 1e-3, "batch_size": 4, "gradient_accumulation": 1, "group_by_length": True,
        "max_grad_norm": 1.0, "checkpoint_every": 4, "keep_checkpoints": 2,
    }  # fmt: skip
    answer = _answer(job)
    assert answer["ok"]
    assert answer["text"] == "In force from step 5 on. Like lengths meet from epoch 2 on."
    rates = _values(job, "learning_rate")
    assert {rates[step] for step in range(1, 5)} == {1e-3}
    assert {rates[step] for step in range(5, 25)} == {5e-4}
    assert [line["step"] for line in training.events(job, "checkpoint")][:3] == [4, 5, 10]
    facts = json.loads((job.model / "facts.json").read_text())
    assert facts["settings"]["learning_rate"] == 5e-4
    assert job.spec().settings["learning_rate"] == 1e-3


def test_a_batch_in_pieces_has_the_gradient_of_the_whole(tmp_path: Path) -> None:
    still = {"dropout": 0.0, "checkpoint_every": 2, "max_steps": 8, "eval_every": 100}
    whole, pieces = (training.make_job(tmp_path, name, still) for name in ("whole", "pieces"))
    _ask(pieces, {"batch_size": 1, "gradient_accumulation": 4})
    assert training.run(whole) == training.run(pieces) == 0
    for name in ("loss", "grad_norm"):
        one, other = _values(whole, name), _values(pieces, name)
        assert list(one) == list(other)
        for step in one:
            assert other[step] == pytest.approx(one[step], rel=2e-4)
    assert _values(pieces, "tokens_per_s").keys() == _values(whole, "tokens_per_s").keys()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same run with the same change, once killed after it and once never interrupted."""
    home = tmp_path_factory.mktemp("live")
    settings = {"checkpoint_every": 4, "eval_every": 100}
    killed, whole = (training.make_job(home, name, settings) for name in ("killed", "whole"))
    for job in (killed, whole):
        _ask(job, CHANGE)
    plan = json.dumps([[str(killed.path), "train.step:kill@18"]])
    command = [sys.executable, "-m", "tests.backend.worker.training", plan]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=170, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [signal.SIGKILL]
    assert training.run(whole) == 0
    return {"killed": killed, "whole": whole}


def test_killed_after_the_change_it_resumes_exactly(pair: dict[str, JobFolder]) -> None:
    killed, whole = pair["killed"], pair["whole"]
    assert not killed.model.exists()
    assert training.resume(killed) == 0, training.events(killed, "ended")
    started = training.events(killed, "started")[-1]
    assert started["resumed_from_step"] == 15
    assert {name: started["settings"][name] for name in CHANGE} == CHANGE
    assert training.losses(killed) == training.losses(whole)
    assert _values(killed, "learning_rate") == _values(whole, "learning_rate")
    assert sha256_of(killed.model / "model.safetensors") == sha256_of(whole.model / "model.safetensors")
    assert len(training.events(killed, "settings_applied")) == 1


# ---- when it cannot --------------------------------------------------------------------------------------------------


def test_a_checkpoint_the_disk_refused_holds_no_change(tmp_path: Path) -> None:
    settings = {"checkpoint_every": 3, "schedule": "constant", "warmup_fraction": 0, "eval_every": 100}
    job = training.make_job(tmp_path, "full", settings)
    _ask(job, {"learning_rate": 5e-4, "group_by_length": False})
    reset("checkpoint.write_file:enospc@2")
    try:
        assert training.run(job) == 0
    finally:
        reset("")
    assert training.events(job, "warning")[0]["step"] == 3
    (told,) = training.events(job, "settings_applied")
    assert told["step"] == 6
    rates = _values(job, "learning_rate")
    assert {rates[step] for step in range(1, 7)} == {1e-3}
    assert rates[7] == 5e-4


def test_a_change_that_nothing_is_left_for_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = training.make_job(tmp_path, "late", {"checkpoint_every": 100, "eval_every": 100, "max_steps": 6})
    _at_step(monkeypatch, {3: lambda: _ask(job, {"learning_rate": 5e-4})})
    assert training.run(job) == 0
    answer = _answer(job)
    assert not answer["ok"]
    assert "no step is left" in answer["text"]
    assert training.events(job, "settings_applied") == []


def test_stopping_with_a_checkpoint_keeps_the_change_and_without_one_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, save in (("saved", True), ("dropped", False)):
        job = training.make_job(tmp_path, name, {"checkpoint_every": 100, "eval_every": 100})

        def act(job: JobFolder = job, save: bool = save) -> None:
            _ask(job, {"learning_rate": 5e-4})
            _send(job, "stop", "s", save=save)

        _at_step(monkeypatch, {3: act})
        assert training.run(job) == 0
        assert _answer(job)["ok"] is save
        assert len(training.events(job, "settings_applied")) == int(save)


def test_grouping_without_a_further_epoch_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = training.make_job(tmp_path, "last-epoch", {"epochs": 1, "checkpoint_every": 4})
    _at_step(monkeypatch, {2: lambda: _ask(job, {"group_by_length": False})})
    assert training.run(job) == 0
    assert "no further one comes" in _answer(job)["text"]


def test_a_change_the_recipe_does_not_know_is_refused_and_the_run_goes_on(tmp_path: Path) -> None:
    job = training.make_job(tmp_path, "wrong", {"max_steps": 3})
    _ask(job, {"max_length": 8})
    assert training.run(job) == 0
    answer = _answer(job)
    assert not answer["ok"]
    assert answer["text"] == "max_length cannot change under way. A clone of the run can have it."


def test_checkpoint_now_is_the_next_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = training.make_job(tmp_path, "now", {"checkpoint_every": 5, "eval_every": 100, "max_steps": 8})

    def act() -> None:
        _ask(job, {"learning_rate": 5e-4})
        _send(job, "checkpoint", "c")

    _at_step(monkeypatch, {5: act})  # the checkpoint of this step is written already
    assert training.run(job) == 0
    assert training.events(job, "settings_applied")[0]["step"] == 5
    assert [line["step"] for line in training.events(job, "checkpoint")][:2] == [5, 5]
