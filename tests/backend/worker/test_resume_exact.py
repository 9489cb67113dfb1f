"""A run killed with SIGKILL and resumed ends with the same bits as one that was never interrupted."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.jobs.folder import JobFolder
from backend.jobs.manifest import sha256_of
from backend.paths import PROJECT
from tests.backend.worker import training

TINY = {"layers": 1, "d_model": 16, "heads": 2, "feed_forward": 32, "vocabulary_size": 300}
"""A model from scratch."""

# 45 training rows, batch 4: 12 batches an epoch; with accumulation 2 six steps, killed at a step that no checkpoint
# covers
CASES: dict[str, tuple[dict[str, Any], int]] = {
    "full, mid-epoch, accumulation": ({"gradient_accumulation": 2, "checkpoint_every": 4, "eval_every": 5}, 6),
    "lora, mid-epoch": ({"method": "lora", "lora_dropout": 0.2, "checkpoint_every": 7}, 10),
    "across the epoch boundary": ({"gradient_accumulation": 2, "checkpoint_every": 4, "label_smoothing": 0.1}, 10),
    "checkpoint at the epoch boundary": ({"checkpoint_every": 12, "schedule": "cosine"}, 15),
    "order not grouped": ({"group_by_length": False, "checkpoint_every": 5, "weight_decay": 0.1}, 14),
    "question_answering": ({"gradient_accumulation": 2, "stride": 6, "checkpoint_every": 4}, 9),
    "sentence_embedding": ({"gradient_accumulation": 2, "method": "lora", "checkpoint_every": 4}, 9),
    "causal_lm": ({"gradient_accumulation": 2, "checkpoint_every": 4, **TINY}, 9),
    "masked_lm": ({"gradient_accumulation": 2, "checkpoint_every": 4, "eval_every": 3, **TINY}, 9),
    "image_classification": ({"gradient_accumulation": 2, "checkpoint_every": 4, "shift": 2, "layers": 1}, 9),
    "token_classification": ({"gradient_accumulation": 2, "checkpoint_every": 4}, 9),
    "summarization": ({"checkpoint_every": 4, "num_beams": 1, "max_target_length": 8}, 9),
    "translation": ({"gradient_accumulation": 2, "checkpoint_every": 4, "num_beams": 1, "max_target_length": 12}, 9),
}
"""What is killed at which step; a case named like a recipe trains that one."""


def recipe_of(case: str) -> str:
    """The recipe a case trains."""
    return case if case in training.DATASETS else "text_classification"


def made(home: Path, name: str) -> dict[str, JobFolder]:
    """A job of each case."""
    return {
        case: training.make_job(home, f"{name}{at}", settings, recipe=recipe_of(case))
        for at, (case, (settings, _)) in enumerate(CASES.items())
    }


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Each case's job killed at its step in a process of its own, and the same job never interrupted."""
    home = tmp_path_factory.mktemp("exact")
    jobs = {
        name: training.make_job(home, f"killed{at}", settings, recipe=recipe_of(name))
        for at, (name, (settings, _)) in enumerate(CASES.items())
    }
    plan = json.dumps([[str(jobs[name].path), f"train.step:kill@{step}"] for name, (_, step) in CASES.items()])
    with subprocess.Popen(
        [sys.executable, "-m", "tests.backend.worker.training", plan],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        whole = {
            name: training.make_job(home, f"whole{at}", settings, recipe=recipe_of(name))
            for at, (name, (settings, _)) in enumerate(CASES.items())
        }
        for job in whole.values():
            assert training.run(job) == 0, training.events(job, "ended")
        out, errors = server.communicate(timeout=170)
    assert server.returncode == 0, errors
    return {"killed": jobs, "whole": whole, "codes": dict(zip(CASES, json.loads(out.splitlines()[-1]), strict=True))}


@pytest.mark.parametrize("case", CASES)
def test_killed_and_resumed_equals_uninterrupted(pairs: dict[str, Any], case: str) -> None:
    _, step = CASES[case]
    job, whole = pairs["killed"][case], pairs["whole"][case]
    assert pairs["codes"][case] == signal.SIGKILL
    assert not job.model.exists()
    assert max(training.losses(job), default=0) < step
    assert training.resume(job) == 0, training.events(job, "ended")
    started = training.events(job, "started")[-1]
    assert 0 < started["resumed_from_step"] < step
    assert training.losses(job) == training.losses(whole)
    assert sha256_of(job.model / "model.safetensors") == sha256_of(whole.model / "model.safetensors")


def test_a_damaged_newest_checkpoint_is_skipped_by_name(tmp_path: Path) -> None:
    job = training.make_job(tmp_path, "damaged", {"max_steps": 9})
    assert training.run(job) == 0
    newest = max(job.checkpoints.glob("checkpoint-*"), key=lambda folder: int(folder.name.rsplit("-", 1)[1]))
    weights = newest / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    reference = sha256_of(job.model / "model.safetensors")
    assert training.resume(job) == 0
    started = training.events(job, "started")[-1]
    assert started["skipped_checkpoints"] == [f"{newest.name}: weights.safetensors differs from its manifest"]
    assert started["resumed_from"] != newest.name
    assert sha256_of(job.model / "model.safetensors") == reference


def test_no_pickle_is_written(tmp_path: Path) -> None:
    job = training.make_job(tmp_path, "plain", {"max_steps": 3})
    assert training.run(job) == 0
    endings = {path.suffix for folder in (job.checkpoints, job.model) for path in folder.rglob("*") if path.is_file()}
    assert endings <= {".safetensors", ".json"}


def test_a_fork_goes_on_with_other_settings(tmp_path: Path) -> None:
    job = training.make_job(tmp_path, "parent", {"max_steps": 6})
    assert training.run(job) == 0
    fork = training.make_job(
        tmp_path, "child", {"max_steps": 10, "learning_rate": 5e-4, "schedule": "constant", "warmup_fraction": 0},
        fork_of="parent", fork_checkpoint="checkpoint-3",
    )  # fmt: skip
    assert training.run(fork) == 0, training.events(fork, "ended")
    assert min(training.losses(fork)) == 4
    rates = {line["values"]["train/learning_rate"] for line in training.events(fork, "metrics")}
    assert rates == {5e-4}


def test_a_run_that_died_after_its_last_step_only_saves_its_result(tmp_path: Path) -> None:
    job = training.make_job(tmp_path, "last", {"max_steps": 7, "checkpoint_every": 7})
    assert training.run(job) == 0
    reference = sha256_of(job.model / "model.safetensors")
    shutil.rmtree(job.model)
    before = len(training.events(job, "metrics"))
    assert training.resume(job) == 0, training.events(job, "ended")
    assert len(training.events(job, "metrics")) == before
    assert training.events(job, "ended")[-1]["step"] == 7
    assert sha256_of(job.model / "model.safetensors") == reference
