"""What a training says, keeps and obeys, on a model of two layers."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.contract.commands import COMMANDS, Command
from backend.contract.events import EVENTS
from backend.contract.jobs import BaseModelRef
from backend.data.model_check import check_folder
from backend.jobs.folder import JobFolder
from backend.jobs.log import LogWriter
from backend.jobs.manifest import verify
from backend.worker.parts import monitor
from tests.backend.worker import training


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """A completed run that has learnt the words."""
    home = tmp_path_factory.mktemp("done")
    settings = {"epochs": 9, "batch_size": 16, "learning_rate": 3e-3, "dropout": 0.0, "checkpoint_every": 50}
    job = training.make_job(home, "done", settings, dataset=training.make_dataset(home, *training.make_texts(500)))
    assert training.run(job) == 0, training.events(job, "ended")
    return job


def test_every_event_is_of_the_contract_and_in_order(done: JobFolder) -> None:
    lines = training.events(done)
    for line in lines:
        EVENTS[line["kind"]].model_validate(line)
    kinds = [line["kind"] for line in lines]
    assert kinds[:3] == ["state", "started", "planned"]
    assert kinds[-2:] == ["model_saved", "ended"]
    assert lines[-1]["outcome"] == "completed"
    assert [line["state"] for line in lines if line["kind"] == "state"] == ["preparing", "running"]


def test_every_step_has_every_number(done: JobFolder) -> None:
    planned = training.events(done, "planned")[0]
    steps = training.events(done, "metrics")
    assert [line["step"] for line in steps] == list(range(1, planned["total_steps"] + 1))
    for line in steps:
        values = line["values"]
        parts = ("data_wait", "copy", "forward", "backward", "optimizer", "other")
        assert all(values[f"train/{name}_s"] > 0 for name in parts)
        assert sum(values[f"train/{name}_s"] for name in parts) == pytest.approx(values["train/step_s"], rel=1e-9)
        assert values["train/samples_per_s"] > 0
        assert values["train/tokens_per_s"] > values["train/samples_per_s"]
        assert 0 <= values["train/data_wait_fraction"] <= 1
        assert 0 <= values["train/padding_fraction"] < 1
        assert math.isfinite(values["train/loss"])
        assert math.isfinite(values["train/grad_norm"])
    assert any("train/memory_bytes" in line["values"] for line in steps)


def test_it_learns_and_says_how_well(done: JobFolder) -> None:
    found = training.events(done, "evaluation")
    assert [line["split"] for line in found] == ["validation"] * 9 + ["test"]
    assert found[-1]["values"]["test/accuracy"] > 0.75
    confusion = np.asarray(found[-1]["confusion"])
    assert confusion.sum() == found[-1]["rows"]
    assert found[-1]["values"]["test/accuracy"] == np.trace(confusion) / confusion.sum()


def test_samples_are_the_same_texts_over_time(done: JobFolder) -> None:
    samples = training.events(done, "sample")
    assert next(line["step"] for line in samples) == 0
    texts = {tuple(item["text"] for item in line["items"]) for line in samples}
    assert len(texts) == 1
    assert len(next(iter(texts))) == monitor.SAMPLES


def test_the_result_verifies_and_passes_the_folder_check(done: JobFolder) -> None:
    assert verify(done.model) is None
    checked = check_folder(done.model)
    assert checked.config["id2label"] == {"0": "negative", "1": "positive"}
    golden = json.loads((done.model / "golden.json").read_text())
    assert 8 <= len(golden["inputs"]) == len(golden["outputs"]) <= 16
    assert all(
        output["scores"][output["label"]] == output["score"] == max(output["scores"].values())
        for output in golden["outputs"]
    )
    profile = json.loads((done.model / "profile.json").read_text())
    planned = training.events(done, "planned")[0]
    assert profile["items"] == planned["validation_rows"] + planned["test_rows"] == sum(profile["labels"].values())
    assert sum(profile["unknown_share_histogram"]) == sum(profile["length_histogram"]) == profile["items"]


def test_golden_outputs_come_from_the_files_on_disk(done: JobFolder) -> None:
    from transformers import pipeline

    golden = json.loads((done.model / "golden.json").read_text())
    classify = pipeline("text-classification", model=str(done.model), device="cpu")
    for text, output in zip(golden["inputs"], golden["outputs"], strict=True):
        found = classify(text)[0]
        assert found["label"] == output["label"]
        assert found["score"] == pytest.approx(output["score"], abs=1e-5)


def test_accumulated_batches_have_the_loss_of_one_big_batch(tmp_path: Path) -> None:
    still = {
        "dropout": 0.0,
        "group_by_length": False,
        "max_steps": 4,
        "warmup_fraction": 0,
        "checkpoint_every": 100,
        "eval_every": 100,
    }
    big = training.make_job(tmp_path, "big", {**still, "batch_size": 8})
    small = training.make_job(tmp_path, "small", {**still, "batch_size": 2, "gradient_accumulation": 4})
    assert training.run(big) == training.run(small) == 0
    for one, other in zip(training.events(big, "metrics"), training.events(small, "metrics"), strict=True):
        assert one["values"]["train/loss"] == pytest.approx(other["values"]["train/loss"], rel=1e-5)
        assert one["values"]["train/grad_norm"] == pytest.approx(other["values"]["train/grad_norm"], rel=1e-4)


# ---- commands --------------------------------------------------------------------------------------------------------


def _send(job: JobFolder, kind: str, command_id: str, **fields: Any) -> None:
    writer = LogWriter(job.commands)
    writer.append(kind, COMMANDS[kind](id=command_id, **fields), sync=True)
    writer.close()


def _at_step(monkeypatch: pytest.MonkeyPatch, actions: dict[int, Any]) -> None:
    """Call an action during a step, before the worker looks for commands."""
    plain = monitor.Monitor._log_steps

    def spied(self: monitor.Monitor, hold: int = 0) -> None:
        action = actions.pop(self._run.progress.step, None)
        if action is not None:
            action()
        plain(self, hold)

    monkeypatch.setattr(monitor.Monitor, "_log_steps", spied)


def _answers(job: JobFolder) -> dict[str, dict[str, Any]]:
    return {line["command_id"]: line for line in training.events(job, "command_done")}


def test_stop_and_save_takes_effect_in_the_same_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = training.make_job(tmp_path, "stop", {"checkpoint_every": 100})
    _at_step(monkeypatch, {4: lambda: _send(job, "stop", "s", save=True)})
    assert training.run(job) == 0
    ended = training.events(job, "ended")[0]
    assert (ended["outcome"], ended["step"]) == ("stopped", 4)
    assert max(training.losses(job)) == 4
    assert [line["name"] for line in training.events(job, "checkpoint")] == ["checkpoint-4"]
    assert _answers(job)["s"]["ok"]
    assert training.resume(job) == 0
    assert training.events(job, "ended")[-1]["outcome"] == "completed"


def test_stop_without_saving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = training.make_job(tmp_path, "drop", {"checkpoint_every": 100})
    _at_step(monkeypatch, {2: lambda: _send(job, "stop", "s", save=False)})
    assert training.run(job) == 0
    assert training.events(job, "checkpoint") == []
    assert training.events(job, "ended")[0]["outcome"] == "stopped"


def test_a_stop_while_preparing_ends_before_the_first_step(tmp_path: Path) -> None:
    job = training.make_job(tmp_path, "early")
    _send(job, "stop", "s")
    assert training.run(job) == 0
    assert training.events(job, "metrics") == []
    assert training.events(job, "ended")[0]["outcome"] == "stopped"


def test_pause_checkpoint_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = training.make_job(tmp_path, "pause", {"checkpoint_every": 100, "max_steps": 6})

    def act() -> None:
        for kind in ("pause", "pause", "checkpoint", "resume", "resume"):
            _send(job, kind, f"{kind}{len(sent)}")
            sent.append(kind)

    sent: list[str] = []
    _at_step(monkeypatch, {3: act})
    _feed_one_by_one(monkeypatch)
    assert training.run(job) == 0
    assert [(line["state"], line["step"]) for line in training.events(job, "state")][1:] == [
        ("running", 0),
        ("paused", 3),
        ("running", 3),
    ]
    assert {key: line["ok"] for key, line in _answers(job).items()} == {
        "pause0": True, "pause1": True, "checkpoint2": True, "resume3": True, "resume4": False,
    }  # fmt: skip
    assert training.events(job, "checkpoint")[0]["asked"]
    assert max(training.losses(job)) == 6


def _feed_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Control hand out one command at a time, as it would if they came one after the other."""
    from backend.worker.parts.control import Control

    plain = Control.poll
    waiting: list[Command] = []

    def poll(self: Control) -> list[Command]:
        waiting.extend(plain(self))
        return [waiting.pop(0)] if waiting else []

    monkeypatch.setattr(Control, "poll", poll)


# ---- ends ------------------------------------------------------------------------------------------------------------


def test_early_stopping_keeps_the_best_weights(tmp_path: Path) -> None:
    settings = {"epochs": 40, "early_stopping": 2, "eval_every": 3, "learning_rate": 0.02, "best_metric": "eval/loss"}
    job = training.make_job(tmp_path, "early-stop", settings)
    assert training.run(job) == 0
    saved = training.events(job, "model_saved")[0]
    found = {
        line["step"]: line["values"]["eval/loss"]
        for line in training.events(job, "evaluation")
        if line["split"] == "validation"
    }
    assert saved["step"] < training.events(job, "planned")[0]["total_steps"]
    assert saved["best_step"] == min(found, key=lambda step: found[step]) == saved["step"] - 6
    assert saved["metrics"]["eval/loss"] == pytest.approx(found[saved["best_step"]], rel=1e-5)


@pytest.mark.parametrize("reaction", ["stop", "continue"])
def test_nan_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reaction: str) -> None:
    from backend.worker.parts.trainer import GlobalLoss

    plain, calls = GlobalLoss.__call__, []

    def sometimes_nan(self: GlobalLoss, *args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return plain(self, *args, **kwargs) * (math.nan if len(calls) == 3 else 1)

    monkeypatch.setattr(GlobalLoss, "__call__", sometimes_nan)
    job = training.make_job(tmp_path, "nan", {"on_nan": reaction, "max_steps": 6})
    code = training.run(job)
    ended = training.events(job, "ended")[0]
    assert training.events(job, "metrics")[2]["values"]["train/loss"] == "nan"
    if reaction == "stop":
        assert (code, ended["code"], ended["step"]) == (1, "nan", 3)
        assert not job.model.exists()
    else:
        assert (code, ended["outcome"]) == (0, "completed")
        assert math.isfinite(float(training.events(job, "metrics")[-1]["values"]["train/loss"]))
        assert [line["step"] for line in training.events(job, "warning")] == [3]


def test_lora_trains_few_weights_and_is_merged(tmp_path: Path) -> None:
    job = training.make_job(tmp_path, "lora", {"method": "lora", "max_steps": 4})
    assert training.run(job) == 0
    planned = training.events(job, "planned")[0]
    assert planned["trainable_parameters"] < planned["all_parameters"] / 5
    checkpoint = next(job.checkpoints.glob("checkpoint-*"))
    assert (checkpoint / "weights.safetensors").stat().st_size < (job.model / "model.safetensors").stat().st_size / 3
    assert not any("lora" in name for name in check_folder(job.model).tensors)
    assert "merged" in json.loads((job.model / "facts.json").read_text())["note"]


FAILURES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "a missing card": ({}, {"device": "cuda:3"}, "settings", "cuda:3"),
    "too long": ({"max_length": 4096}, {}, "settings", "64"),
    "fp16 on the processor": ({"precision": "fp16"}, {}, "settings", "fp16"),
    "no model": (
        {},
        {"base_model": BaseModelRef(kind="folder", name="x", path="/nonexistent/model")},
        "bad_model",
        "model",
    ),
    "a bad setting": ({"epochs": -1}, {}, "settings", "epochs"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_failures_have_code_and_advice(tmp_path: Path, case: str) -> None:
    settings, fields, code, word = FAILURES[case]
    job = training.make_job(tmp_path, "fails", settings, **fields)
    assert training.run(job) == 1
    ended = training.events(job, "ended")[0]
    assert (ended["outcome"], ended["code"]) == ("failed", code)
    assert word in ended["text"]
    assert ended["advice"]
    assert ended["traceback"]


def test_out_of_memory_names_the_settings_and_a_smaller_proposal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.worker.parts.trainer import GlobalLoss

    def no_memory(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
        )

    monkeypatch.setattr(GlobalLoss, "__call__", no_memory)
    job = training.make_job(tmp_path, "oom")
    assert training.run(job) == 1
    ended = training.events(job, "ended")[0]
    assert ended["code"] == "out_of_memory"
    assert "batch 4, length 24, fp32" in ended["text"]
    assert ended["details"]["proposal"] == {"batch_size": 2, "gradient_accumulation": 2}


def test_changed_data_is_noticed(tmp_path: Path) -> None:
    job = training.make_job(tmp_path, "changed")
    reference = job.spec().dataset
    assert reference is not None
    other = training.make_dataset(tmp_path / "other", *training.make_texts(seed=2))
    (Path(reference.path) / "data.parquet").write_bytes((Path(other.path) / "data.parquet").read_bytes())
    assert training.run(job) == 1
    assert training.events(job, "ended")[0]["code"] == "data"


def test_a_full_disk_at_a_checkpoint_does_not_end_the_training(tmp_path: Path) -> None:
    from backend.failpoints import reset

    job = training.make_job(tmp_path, "full", {"max_steps": 9, "eval_every": 100})
    reset("checkpoint.write_file:enospc@9")
    try:
        assert training.run(job) == 0
    finally:
        reset("")
    assert [line["code"] for line in training.events(job, "warning")] == ["disk_full"]
    assert training.events(job, "ended")[0]["outcome"] == "completed"
    assert not list(job.checkpoints.glob(".saving-*"))
