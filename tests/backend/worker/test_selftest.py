"""The self-test as a real job: a known sequence, commands within a step, exact resume, every way to die."""

import math
import signal

import pytest

from backend.contract.commands import Checkpoint, Pause, Resume, Stop
from backend.jobs.manifest import verify
from backend.platform import read_json
from backend.worker.selftest import value
from tests.helpers.jobs import Jobs
from tests.helpers.wait import until


def test_the_sequence_is_known_and_complete(jobs: Jobs) -> None:
    job = jobs.start(steps=40, rate_hz=0, points_per_step=3, seed=7, eval_every=20, checkpoint_every=20, nan_at_step=5)
    seen = jobs.wait_end()
    assert seen.exit.exit_code == 0
    lines = jobs.lines()
    assert [line.kind for line in lines][:3] == ["started", "state", "planned"]
    assert lines[-1].kind == "ended"
    assert lines[-1].fields["outcome"] == "completed"
    for line in jobs.said("metrics"):
        step, values = line.fields["step"], line.fields["values"]
        wanted = {
            "train/loss": value(7, step, 0),
            "selftest/value_1": value(7, step, 1),
            "selftest/value_2": value(7, step, 2),
        }
        if step == 5:
            assert values.pop("train/loss") == "nan"
            wanted.pop("train/loss")
        assert values == wanted
    assert len(jobs.said("metrics")) == 40
    assert [line.fields["code"] for line in jobs.said("warning")] == ["nan"]
    assert [line.fields["values"]["eval/loss"] for line in jobs.said("evaluation")] == [
        value(7, 20, -1),
        value(7, 40, -1),
    ]
    assert verify(job.model) is None


def test_pause_resume_checkpoint_and_stop_take_effect_within_a_step(jobs: Jobs) -> None:
    jobs.start(rate_hz=20)
    jobs.wait_kind("metrics", count=3)
    answer = jobs.tell(Pause(id="p"))
    assert answer["ok"]
    paused_at = int(answer["text"].split()[-1])
    states = [line.fields["state"] for line in jobs.said("state")]
    assert states[-2:] == ["pausing", "paused"] or until(lambda: jobs.said("state")[-1].fields["state"] == "paused")
    assert jobs.tell(Pause(id="p2"))["ok"] is False
    assert jobs.tell(Checkpoint(id="c"))["ok"]
    assert jobs.said("checkpoint")[-1].fields["step"] == paused_at
    assert max(jobs.losses()) == paused_at  # nothing went on meanwhile
    assert jobs.tell(Resume(id="r"))["ok"]
    until(lambda: max(jobs.losses()) > paused_at)
    assert jobs.tell(Resume(id="r2"))["ok"] is False
    assert jobs.tell(Stop(id="s", save=True))["ok"]
    assert jobs.wait_end().exit.exit_code == 0
    last = max(jobs.losses())
    assert jobs.said("ended")[-1].fields["outcome"] == "stopped"
    assert jobs.said("checkpoint")[-1].fields["name"] == f"checkpoint-{last}"


def test_a_killed_run_resumes_from_its_newest_valid_checkpoint_exactly(jobs: Jobs) -> None:
    job = jobs.start(steps=60, rate_hz=100, checkpoint_every=10, seed=3)
    jobs.wait_kind("checkpoint", count=3)
    jobs.signal_worker(signal.SIGKILL)
    assert jobs.wait_end().exit.signal == 9
    newest = sorted(int(path.name.split("-")[1]) for path in job.checkpoints.glob("checkpoint-*"))
    broken = job.checkpoints / f"checkpoint-{newest[-1]}" / "payload.bin"
    broken.write_bytes(b"\0" * broken.stat().st_size)
    until(lambda: not jobs.pids())
    jobs.supervisor.launch("r1", resume=True, attempt=2)
    assert jobs.wait_end().exit.exit_code == 0
    started = jobs.said("started")[-1].fields
    assert started["attempt"] == 2
    assert started["resumed_from"] == f"checkpoint-{newest[-2]}"
    assert started["skipped_checkpoints"] == [f"checkpoint-{newest[-1]}: payload.bin differs from its manifest"]
    assert jobs.losses() == {step: value(3, step, 0) for step in range(1, 61)}
    total = 0.0
    for step in range(1, 61):
        total += value(3, step, 0)
    assert read_json(job.model / "result.json") == {"steps": 60, "seed": 3, "total": total.hex()}
    assert not math.isnan(total)


DEATHS = {
    "segfault": (None, 11),
    "kill": (None, 9),
    "exception": (1, None),
    "oom": (1, None),
    "gpu_lost": (1, None),
    "exit0": (0, None),
    "exit3_after_save": (3, None),
}


@pytest.mark.parametrize("kind", DEATHS)
def test_it_dies_as_asked(jobs: Jobs, kind: str) -> None:
    jobs.start(steps=6, rate_hz=0, crash_at_step=4, crash_kind=kind)
    seen = jobs.wait_end()
    assert (seen.exit.exit_code, seen.exit.signal) == DEATHS[kind]
    assert max(jobs.losses()) == (6 if kind == "exit3_after_save" else 4)
    ended = [line.fields for line in jobs.said("ended")]
    codes = {"exception": "error", "oom": "out_of_memory", "gpu_lost": "gpu_lost"}
    if kind in codes:
        assert ended[0]["code"] == codes[kind]
        assert "Traceback" in ended[0]["traceback"]
        assert "Error" in seen.exit.tail[-1]
    elif kind == "exit3_after_save":
        assert ended[0]["outcome"] == "completed"
    else:
        assert ended == []
    if kind == "segfault":
        assert any("Segmentation fault" in line for line in seen.exit.tail)


def test_a_full_disk_during_a_checkpoint_keeps_the_old_one_and_the_training_goes_on(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELDECK_FAILPOINT", "checkpoint.write_file:enospc@4")  # the 2nd file of the 2nd checkpoint
    job = jobs.start(steps=30, rate_hz=0, checkpoint_every=10)
    assert jobs.wait_end().exit.exit_code == 0
    assert [line.fields["name"] for line in jobs.said("checkpoint")] == ["checkpoint-10", "checkpoint-30"]
    (warning,) = jobs.said("warning")
    assert warning.fields["code"] == "disk_full"
    assert sorted(path.name for path in job.checkpoints.iterdir()) == ["checkpoint-10", "checkpoint-30"]
    assert jobs.said("ended")[-1].fields["outcome"] == "completed"


def test_a_sigterm_stops_and_saves(jobs: Jobs) -> None:
    job = jobs.start()
    jobs.wait_kind("metrics", count=3)
    jobs.signal_worker(signal.SIGTERM)
    assert jobs.wait_end().exit.exit_code == 0
    assert jobs.said("ended")[-1].fields["outcome"] == "stopped"
    assert verify(job.checkpoints / f"checkpoint-{max(jobs.losses())}") is None
