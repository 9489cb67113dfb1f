"""What the backend says in English is read in the language of now."""

import math
from collections.abc import Iterator

import pytest

from backend.contract.recipes import TextClassificationSettings
from backend.contract.resources import GpuProcess, HostReading, TelemetrySample
from backend.contract.states import FailureCode
from backend.jobs.failures import ADVICE
from backend.services.diagnosis import diagnose
from backend.services.measured import Measured, Save
from console.i18n import translator
from console.said import SENTENCES, said, said_each, said_why
from tests.backend.services.test_diagnosis import GB, a_card, a_run, every_rule, look, points


@pytest.fixture
def chinese() -> Iterator[None]:
    translator.set_language("zh")
    yield
    translator.set_language("en")


def every_finding() -> Iterator[str]:
    """Title, text, fix and gain of what each rule says, and what is said without a finding."""
    settings = TextClassificationSettings(group_by_length=False, checkpoint_every=10).model_dump()
    run, waits = a_run(settings=settings), points([0.6] * 60)
    nan, quiet = points([1.0] * 30 + [math.nan] * 3), [1 + 0.01 * math.sin(step) for step in range(60)]
    theirs = GpuProcess(pid=77, name="game", memory_bytes=4 * GB)
    full = a_card().model_copy(update={"memory_used_bytes": int(23.5 * GB)})
    host = TelemetrySample(taken_at=1, host=HostReading(memory_used_bytes=31 * GB, memory_total_bytes=32 * GB))
    told = (
        look(), look(load=None), look(a_run(device="cpu")), look(train__loss=points([1.0])),
        look(a_run(hang="hung", last_step_at=1000.0)), look(a_run(hang="slow", last_step_at=1990.0)),
        look(run, train__loss=nan), look(run, train__loss=nan, checkpoints=[20]), look(train__grad_norm=nan),
        look(run, train__loss=points([1.0] * 30 + [math.nan])),
        look(run, train__loss=points([*quiet, 5.0, 4.0, 4.0])), look(train__loss=points([*quiet, 5.0, *quiet])),
        look(train__data_wait_fraction=waits), look(load=None, train__data_wait_fraction=waits),
        look(a_run(eta_seconds=1080.0), train__data_wait_fraction=waits),
        look(train__step_s=points([1.0] * 30), train__copy_s=points([0.2] * 30)),
        look(run.model_copy(update={"active_seconds": 100.0}), saves=[Save(1, 9.0, 10**7)] * 3),
        look(train__log_sync_s=points([0.8] * 30)),
        look(card=a_card(throttle_reasons=("thermal_hardware",), temperature_c=92.0)),
        look(card=a_card(throttle_reasons=("thermal_hardware",))),
        look(card=a_card(throttle_reasons=("power_cap",), power_w=318.0, power_limit_w=320.0)),
        look(run, card=full), diagnose(Measured(a_run(device="cpu"), {}, None, host, 2000.0)),
        look(run, load=30, train__data_wait_fraction=points([0.0] * 60)),
        look(run, train__padding_fraction=points([0.5] * 30)),
        look(a_run(settings={"group_by_length": True}), train__padding_fraction=points([0.5] * 30)),
        look(eval__loss=points([0.9, 0.5, 0.6, 0.7, 0.8], every=50)), look(train__loss=points([1.0] * 200)),
        look(card=a_card(processes=(theirs,))), *every_rule().values(),
    )  # fmt: skip
    for diagnosis in told:
        if diagnosis.text:
            yield diagnosis.text
        for finding in diagnosis.findings:
            yield from (one for one in (finding.title, finding.text, finding.fix, finding.gain) if one)


@pytest.mark.parametrize("advice", ADVICE.values())
def test_every_advice_after_a_failure_is_translated(chinese: None, advice: str) -> None:
    assert said(advice) != advice


def test_sentences_in_a_row_are_each_translated(chinese: None) -> None:
    text = f"Crashed (SIGSEGV, signal 11). {ADVICE[FailureCode.SIGNAL]}"
    assert said_each(text) == "崩溃（SIGSEGV，信号 11）。训练被外部原因终止；请从最后的检查点恢复。"
    assert said_each("Nobody knows this one. Nor this") == "Nobody knows this one. Nor this"


def test_every_sentence_of_diagnosis_is_translated(chinese: None) -> None:
    sentences = sorted(set(every_finding()))
    assert len(sentences) > 50
    assert [text for text in sentences if said(text) == text] == []


def test_numbers_and_names_stay_and_words_in_places_are_translated(chinese: None) -> None:
    assert said("Loss became NaN or infinite at step 1,031.") == "损失在第 1,031 步变成 NaN 或无穷。"
    assert said("The last step was 17 min ago, at step 40.") == "上一步在 17分钟前，第 40 步。"
    assert said("No bottleneck found. The CPU is 94% busy.") == "没有发现瓶颈。CPU 忙碌 94%。"
    assert said("Forked from {evil} <b>x</b> at step 9") == "从 {evil} <b>x</b> 的第 9 步分叉"


def test_what_is_not_in_the_list_stays(chinese: None) -> None:
    assert said("Gradient norm 6.1") == "Gradient norm 6.1"
    assert said("") == ""


def test_english_stays_as_it_was_said() -> None:
    for sentence in SENTENCES:
        assert said(sentence) == sentence


def test_the_reason_of_an_undo_is_read_in_the_language_of_now_and_a_persons_words_stay() -> None:
    stored = "undo of promote to version 3: undo of rollback to version 2: Completed"
    assert said_why(stored) == "Undo of the promotion of v3: Undo of the roll back to v2: Completed"
    translator.set_language("zh")
    assert said_why(stored) == "撤销 v3 的上线：撤销到 v2 的回滚：Completed"
    assert said_why("Completed") == "Completed"  # typed by a person
    assert said_why("Registered when it completed") == "完成时自动登记"
    assert said("v7 is live now.") == "v7 已上线。"
