"""Each rule speaks from its measurements and only from them."""

import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from backend.clock import ManualClock
from backend.contract.recipes import TextClassificationSettings
from backend.contract.resources import (
    CheckpointRecord,
    Diagnosis,
    GpuProcess,
    GpuReading,
    HostReading,
    RunRecord,
    SeriesData,
    TelemetryHistory,
    TelemetrySample,
)
from backend.services.diagnosis import diagnose, diagnose_run
from backend.services.diagnosis_rules import RULES
from backend.services.measured import Measured, Save
from backend.store import Store
from tests.helpers.stores import make_store

GB = 2**30


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = make_store(tmp_path)
    yield opened
    opened.close()


def a_run(**fields: Any) -> RunRecord:
    values = {
        "id": "r",
        "name": "r",
        "recipe": "text_classification",
        "state": "running",
        "device": "cuda:0",
        "step": 100,
    }
    return RunRecord(**{**values, "total_steps": 1000, "started_at": 1000.0, "last_step_at": 1990.0, **fields})


def points(values: Sequence[float | None], every: int = 1) -> SeriesData:
    steps = tuple(range(every, every * len(values) + 1, every))
    return SeriesData(
        steps=steps, times=tuple(1000.0 + step for step in steps), values=tuple(values), count=len(values)
    )


def a_card(**fields: Any) -> GpuReading:
    return GpuReading(index=0, name="RTX", memory_used_bytes=8 * GB, memory_total_bytes=24 * GB, **fields)


def look(
    run: RunRecord | None = None,
    *,
    load: float | None = 94,
    card: GpuReading | None = None,
    checkpoints: Sequence[int] = (),
    saves: Sequence[Save] = (),
    **series: SeriesData,
) -> Diagnosis:
    named = {key.replace("__", "/"): data for key, data in series.items()}
    named.setdefault("train/loss", points([1 / step for step in range(1, 60)]))
    values = {"gpu/0/utilization_percent": (load, load), "cpu/utilization_percent": (load, load)}
    history = None if load is None else TelemetryHistory(times=(1500.0, 1900.0), values=values)
    sample = TelemetrySample(taken_at=2000.0, gpus=(card or a_card(),), host=HostReading())
    kept = tuple(
        CheckpointRecord(name=f"checkpoint-{step}", step=step, size_bytes=1, saved_at=1.0) for step in checkpoints
    )
    return diagnose(Measured(run or a_run(), named, history, sample, 2000.0, kept, tuple(saves)))


def codes(diagnosis: Diagnosis) -> list[str]:
    return [finding.code for finding in diagnosis.findings]


def test_nothing_found_says_how_busy_the_device_is() -> None:
    assert look().text == "No bottleneck found. GPU 0 is 94% busy."
    assert look(a_run(device="cpu")).text == "No bottleneck found. The CPU is 94% busy."
    assert look(load=None).text == "No bottleneck found."
    assert codes(look()) == []


def test_too_early_is_said() -> None:
    assert look(train__loss=points([1.0] * 3)).text == "Too early to judge: 3 of 20 steps measured."


def test_data_wait() -> None:
    diagnosis = look(train__data_wait_fraction=points([0.52] * 60))
    (finding,) = diagnosis.findings
    assert finding.text == "GPU 0 is 94% busy. It waits for data during 52% of each step."
    assert finding.gain == "up to 2.1 × faster"
    (finding,) = look(a_run(eta_seconds=1080.0), train__data_wait_fraction=points([0.5] * 60)).findings
    assert finding.gain == "up to 2.0 × faster, 9 min left instead of 18 min"
    assert finding.apply == ""
    assert diagnosis.shares == {"data": 0.52, "other": 0.48}
    assert codes(look(train__data_wait_fraction=points([0.1] * 60))) == []


def test_shares_of_the_step_time() -> None:
    seconds = {"copy": 0.05, "forward": 0.2, "backward": 0.4}
    parts = {f"train__{name}_s": points([value] * 30) for name, value in seconds.items()}
    shares = look(train__step_s=points([1.0] * 30), train__data_wait_fraction=points([0.1] * 30), **parts).shares
    assert shares == {"data": 0.1, "copy": 0.05, "forward": 0.2, "backward": 0.4, "other": 0.25}


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number(bad: float) -> None:
    (finding,) = look(a_run(settings={"learning_rate": 1e-3}), train__loss=points([1.0] * 30 + [bad, bad])).findings
    assert (finding.code, finding.severity) == ("nan", "bad")
    assert finding.text == "Loss became NaN or infinite at step 31 and at 1 later steps."
    assert finding.settings == {"learning_rate": 5e-4}
    assert codes(look(train__loss=points([1.0 / step for step in range(1, 30)]))) == []


def test_an_infinite_norm_of_fp16_is_how_it_finds_its_scale() -> None:
    norm = points([1.0] * 30 + [math.inf])
    assert codes(look(train__grad_norm=norm)) == ["nan"]
    assert codes(look(a_run(facts={"precision": "fp16"}), train__grad_norm=norm)) == []


@pytest.mark.parametrize(
    ("checkpoints", "found"),
    [([10, 20, 28], 28), ([10, 29], 29), ([10, 30], 10), ([10, 31, 40], 10), ([30], None), ([], None)],
)
def test_the_way_out_begins_at_the_newest_checkpoint_that_was_good(checkpoints: list[int], found: int | None) -> None:
    """The bad step is 31: its loss is that of the weights after step 30."""
    run = a_run(state="failed", settings=TextClassificationSettings(learning_rate=1e-3).model_dump())
    (finding,) = look(run, train__loss=points([1.0] * 30 + [math.nan] * 9), checkpoints=checkpoints).findings
    assert finding.settings == {"learning_rate": 5e-4}
    assert finding.checkpoint_step == found
    assert finding.apply == ("clone" if found is None else "fork")
    if found is not None:
        assert finding.checkpoint == f"checkpoint-{found}"
        assert finding.fix == f"Resume from step {found} with the learning rate halved."


@pytest.mark.parametrize(
    ("fields", "way"),
    [
        ({}, "live"),
        ({"state": "paused"}, "live"),
        ({"state": "completed"}, "clone"),
        ({"epoch": 2.3}, "clone"),  # no further epoch to group
        ({"epoch": None}, "clone"),
        ({"recipe": "selftest"}, "clone"),
    ],
)
def test_how_a_setting_can_be_had(fields: dict[str, Any], way: str) -> None:
    settings = TextClassificationSettings(group_by_length=False).model_dump()
    run = a_run(**{"settings": settings, "epoch": 1.5, "epochs": 3.0, **fields})
    (finding,) = look(run, train__padding_fraction=points([0.5] * 30)).findings
    assert (finding.code, finding.apply) == ("padding", way)


def test_twice_the_batch_needs_a_clone_and_half_of_it_does_not() -> None:
    settings = TextClassificationSettings(batch_size=16).model_dump()
    (finding,) = look(a_run(settings=settings), load=30, train__data_wait_fraction=points([0.0] * 60)).findings
    assert (finding.code, finding.apply) == ("small_batch", "clone")
    full = a_card().model_copy(update={"memory_used_bytes": int(23.5 * GB)})
    (finding,) = look(a_run(settings=settings), card=full).findings
    assert (finding.settings, finding.apply) == ({"batch_size": 8, "gradient_accumulation": 2}, "live")


def test_a_run_made_elsewhere_offers_nothing_to_do() -> None:
    settings = TextClassificationSettings(batch_size=16).model_dump()
    run = a_run(source="wandb", state="completed", settings=settings)
    (finding,) = look(run, train__loss=points([1.0] * 30 + [math.nan])).findings
    assert (finding.settings, finding.apply) == ({}, "")


def test_copying_to_the_card() -> None:
    step, copied = points([1.0] * 30), points([0.2] * 30)
    card = a_card(pcie_rx_bytes_per_s=3e9)
    (finding,) = look(card=card, train__step_s=step, train__copy_s=copied).findings
    assert (finding.code, finding.gain) == ("copy", "up to 1.2 × faster")
    assert finding.text == "Copying batches to GPU 0 takes 20% of each step."
    assert finding.evidence["pcie_rx_bytes_per_s"] == 3e9
    assert codes(look(train__step_s=step, train__copy_s=points([0.1] * 30))) == []
    assert codes(look(a_run(device="cpu"), train__step_s=step, train__copy_s=copied)) == []  # nothing is copied there


def test_a_disk_that_is_slow_to_save() -> None:
    slow = [Save(step, 4.0, 20_000_000) for step in (10, 20, 30)]
    run = a_run(active_seconds=100.0, settings=TextClassificationSettings(checkpoint_every=10).model_dump())
    (finding,) = look(run, saves=slow).findings
    assert finding.text == "Checkpoints take 12% of the time: 4.0 s each, 20 MB at 5 MB/s."
    assert (finding.settings, finding.apply) == ({"checkpoint_every": 20}, "live")
    assert finding.gain == "6% of the time saved"
    assert codes(look(run, saves=[Save(10, 0.2, 20_000_000)] * 3)) == []
    assert codes(look(run, saves=slow[:1])) == []
    assert codes(look(a_run(active_seconds=None), saves=slow)) == []


def test_a_disk_that_is_slow_to_keep_the_log() -> None:
    (finding,) = look(train__log_sync_s=points([0.8] * 30)).findings
    assert (finding.code, finding.severity) == ("slow_disk", "info")
    assert codes(look(train__log_sync_s=points([0.01] * 30))) == []


def test_a_spike_that_stays_and_one_that_comes_back() -> None:
    numbers = random.Random(1)
    quiet = [1 + numbers.gauss(0, 0.02) for _ in range(60)]
    (finding,) = look(train__loss=points([*quiet, 5.0, 4.0, 4.0])).findings
    assert (finding.code, finding.severity) == ("loss_spike", "warn")
    assert "at step 61." in finding.text
    (finding,) = look(train__loss=points([*quiet, 5.0, *quiet])).findings
    assert finding.severity == "info"
    assert finding.text.endswith("and came back.")
    assert codes(look(train__loss=points(quiet))) == []


def test_small_batch_only_with_room_and_without_data_wait() -> None:
    run = a_run(settings={"batch_size": 16})
    waits = points([0.05] * 60)
    (finding,) = look(run, load=30, train__data_wait_fraction=waits).findings
    assert (finding.code, finding.settings) == ("small_batch", {"batch_size": 32})
    full = a_card().model_copy(update={"memory_used_bytes": 20 * GB})
    assert codes(look(run, load=30, card=full, train__data_wait_fraction=waits)) == []
    assert codes(look(run, load=30)) == []  # whether it waits was not measured


def test_memory_nearly_full_of_the_card_or_the_machine() -> None:
    full = a_card().model_copy(update={"memory_used_bytes": int(23.5 * GB)})
    (finding,) = look(a_run(settings={"batch_size": 32}), card=full).findings
    assert finding.text == "GPU 0 uses 23.5 of 24.0 GB."
    assert finding.settings == {"batch_size": 16, "gradient_accumulation": 2}
    sample = TelemetrySample(taken_at=1, host=HostReading(memory_used_bytes=31 * GB, memory_total_bytes=32 * GB))
    diagnosis = diagnose(Measured(a_run(device="cpu"), {}, None, sample, 2000.0))
    assert diagnosis.findings[0].text == "The machine uses 31.0 of 32.0 GB."
    assert codes(look()) == []


def test_throttling_by_heat_and_by_power() -> None:
    (finding,) = look(card=a_card(throttle_reasons=("thermal_hardware", "power_cap"), temperature_c=92.0)).findings
    assert finding.text == "GPU 0 lowers its clock at 92 °C."
    (finding,) = look(card=a_card(throttle_reasons=("power_cap",), power_w=318.0, power_limit_w=320.0)).findings
    assert (finding.code, finding.text) == ("power", "GPU 0 lowers its clock (318 of 320 W).")
    assert codes(look(card=a_card(throttle_reasons=None))) == []
    assert codes(look(card=a_card(throttle_reasons=("sync_boost",)))) == []


def test_overfitting_after_three_rises() -> None:
    (finding,) = look(eval__loss=points([0.9, 0.5, 0.6, 0.7, 0.8], every=50)).findings
    assert finding.code == "overfitting"
    assert finding.text == "Validation loss rose 3 times in a row: best 0.5000, now 0.8000."
    assert finding.evidence["best_step"] == 100
    assert codes(look(eval__loss=points([0.9, 0.5, 0.6, 0.55, 0.8], every=50))) == []


def test_plateau_while_much_is_still_to_come() -> None:
    numbers = random.Random(2)
    flat = [1 + numbers.gauss(0, 0.005) for _ in range(200)]
    assert codes(look(train__loss=points(flat))) == ["plateau"]
    assert codes(look(a_run(step=900), train__loss=points(flat))) == []
    assert codes(look(train__loss=points([2 - step / 200 for step in range(200)]))) == []


def test_padding_and_the_setting_that_helps() -> None:
    (finding,) = look(a_run(settings={"group_by_length": False}), train__padding_fraction=points([0.5] * 30)).findings
    assert (finding.text, finding.settings) == ("50% of each batch is padding.", {"group_by_length": True})
    (finding,) = look(a_run(settings={"group_by_length": True}), train__padding_fraction=points([0.5] * 30)).findings
    assert (finding.fix, finding.settings) == ("Lower max length.", {})
    assert codes(look(train__padding_fraction=points([0.2] * 30))) == []


def test_hang_by_the_schedulers_word() -> None:
    run = a_run(hang="hung", last_step_at=1000.0, step=40)
    (finding,) = look(run).findings
    assert (finding.severity, finding.text) == ("bad", "The last step was 17 min ago, at step 40.")
    assert codes(look(a_run(hang="slow"))) == ["hang"]
    assert codes(look(a_run(hang="none"))) == []
    assert codes(look(run.model_copy(update={"state": "failed"}))) == []


def test_another_program_on_the_card() -> None:
    ours = GpuProcess(pid=1, memory_bytes=4 * GB, owner="run/r")
    theirs = GpuProcess(pid=77, name="game", memory_bytes=4 * GB)
    (finding,) = look(card=a_card(processes=(ours, theirs))).findings
    assert finding.text == "GPU 0 is shared with game (77)."
    assert codes(look(card=a_card(processes=(ours,)))) == []
    small = GpuProcess(pid=78, name="panel", memory_bytes=GB // 2)
    assert codes(look(card=a_card(processes=(ours, small)))) == []


def test_throttling_is_worth_the_clock_it_costs() -> None:
    slowed = a_card(throttle_reasons=("thermal_software",), sm_clock_mhz=1500.0, sm_clock_max_mhz=3000.0)
    (finding,) = look(card=slowed).findings
    assert (finding.gain, finding.evidence["sm_clock_max_mhz"]) == ("up to 2.0 × faster", 3000.0)
    (finding,) = look(card=slowed.model_copy(update={"sm_clock_mhz": 2950.0})).findings
    assert finding.gain is None  # it hardly costs anything
    (finding,) = look(card=slowed.model_copy(update={"sm_clock_max_mhz": None})).findings
    assert finding.gain is None  # unknown


def every_rule() -> dict[str, Diagnosis]:
    """A run for each rule of the list in the issue, in its order."""
    settings = TextClassificationSettings(group_by_length=False, checkpoint_every=10).model_dump()
    run = a_run(settings=settings, active_seconds=100.0)
    quiet = [1 + 0.01 * math.sin(step) for step in range(60)]
    full = a_card().model_copy(update={"memory_used_bytes": int(23.5 * GB)})
    clocks = {"sm_clock_mhz": 1500.0, "sm_clock_max_mhz": 3000.0}
    theirs = GpuProcess(pid=77, name="game", memory_bytes=4 * GB)
    return {
        "data_wait": look(run, train__data_wait_fraction=points([0.6] * 60)),
        "copy": look(run, train__step_s=points([1.0] * 30), train__copy_s=points([0.2] * 30)),
        "memory": look(run, card=full),
        "thermal": look(run, card=a_card(throttle_reasons=("thermal_hardware",), **clocks)),
        "power": look(run, card=a_card(throttle_reasons=("power_cap",), **clocks)),
        "small_batch": look(run, load=30, train__data_wait_fraction=points([0.0] * 60)),
        "loss_spike": look(run, checkpoints=[20], train__loss=points([*quiet, 5.0, 4.0, 4.0])),
        "nan": look(run, checkpoints=[20], train__loss=points([1.0] * 30 + [math.nan])),
        "plateau": look(run, train__loss=points([1.0] * 200)),
        "overfitting": look(run, eval__loss=points([0.9, 0.5, 0.6, 0.7, 0.8], every=50)),
        "hang": look(run.model_copy(update={"hang": "hung", "last_step_at": 1000.0}), checkpoints=[80]),
        "slow_disk": look(run, saves=[Save(step, 9.0, 10**7) for step in (1, 2, 3)]),
        "shared_card": look(run, card=a_card(processes=(theirs,))),
        "padding": look(run, train__padding_fraction=points([0.5] * 30)),
    }


@pytest.mark.parametrize(("code", "diagnosis"), every_rule().items(), ids=every_rule())
def test_every_rule_shows_what_was_measured_and_what_its_fix_is_worth(code: str, diagnosis: Diagnosis) -> None:
    (finding,) = [found for found in diagnosis.findings if found.code == code]
    assert finding.title
    assert finding.text
    assert finding.fix
    assert finding.gain
    assert any(isinstance(value, int | float | list) for value in finding.evidence.values()), finding.evidence


def test_the_list_of_rules_is_that_of_the_issue() -> None:
    found = {rule.__name__ for rule in RULES}
    assert found == {
        "data_wait", "host_copy", "memory_nearly_full", "throttled", "small_batch", "loss_spike", "not_a_number",
        "plateau", "overfitting", "hang", "slow_disk", "shared_card", "padding_waste",
    }  # fmt: skip


def test_what_a_fix_keeps_is_counted_from_the_newest_checkpoint() -> None:
    gains = {code: found.findings[0].gain for code, found in every_rule().items()}
    assert gains["hang"] == "80 of 100 steps are kept"
    assert gains["nan"] == "20 of 100 steps are kept"
    assert gains["memory"] == "100 steps since the last checkpoint are not lost to a full memory"
    assert gains["overfitting"] == "validation loss 0.5000 instead of 0.8000"
    assert gains["shared_card"] == "4.0 GB of the card become free"


def test_the_most_useful_comes_first() -> None:
    both = look(train__data_wait_fraction=points([0.6] * 60), train__loss=points([1.0] * 30 + [math.nan]))
    assert codes(both) == ["nan", "data_wait"]


def test_a_run_in_the_store_is_gathered_and_diagnosed(store: Store) -> None:
    clock = ManualClock()
    now = clock.now()
    run = store.runs.add(a_run(device="cpu", started_at=now - 60)) or store.runs.get("r")
    assert run is not None
    store.series.append("r", 1, [("train/loss", step, now, None, 1 / step) for step in range(1, 50)])
    store.series.append("r", 1, [("train/data_wait_fraction", step, now, None, 0.5) for step in range(1, 50)])
    store.telemetry.add(TelemetrySample(taken_at=now - 10, host=HostReading(cpu_percent=50.0)))
    assert codes(diagnose_run(store, clock, run)) == ["data_wait"]


def test_checkpoints_of_the_store_are_ways_out_and_saves(store: Store) -> None:
    clock = ManualClock()
    settings = TextClassificationSettings(checkpoint_every=10).model_dump()
    run = store.runs.add(a_run(device="cpu", started_at=clock.now() - 60, active_seconds=20.0, settings=settings))
    values = [1.0] * 30 + [math.nan]
    store.series.append("r", 1, [("train/loss", step, clock.now(), None, v) for step, v in enumerate(values, 1)])
    for step in (10, 20, 30):
        record = CheckpointRecord(name=f"checkpoint-{step}", step=step, size_bytes=9, saved_at=1.0, present=step != 20)
        store.runs.add_checkpoint("r", record)
        data = {"seconds": 1.5, "size_bytes": 9}
        store.runs.add_event("r", "checkpoint", step=step, text="", data=data)
    diagnosis = diagnose_run(store, clock, run)
    assert codes(diagnosis) == ["nan", "slow_disk"]
    assert diagnosis.findings[0].checkpoint_step == 10
    assert diagnosis.findings[1].evidence["saves"] == 3


def test_a_run_without_anything_is_too_early(store: Store) -> None:
    store.runs.add(a_run(started_at=None, last_step_at=None))
    run = store.runs.get("r")
    assert run is not None
    assert diagnose_run(store, ManualClock(), run).text == "Too early to judge: 0 of 20 steps measured."
