"""How an attempt ended, for every way it can."""
# ruff: noqa: E501 a table reads best with one case a line

import pytest

from backend.contract.jobs import ExitRecord
from backend.contract.states import FailureCode, RunState
from backend.jobs.failures import ADVICE
from backend.supervisor.verdict import verdict

COMPLETED = {"outcome": "completed", "step": 5}
STOPPED = {"outcome": "stopped", "step": 5}
FAILED = {
    "outcome": "failed",
    "step": 5,
    "code": "nan",
    "text": "loss is nan",
    "advice": "Lower it.",
    "traceback": "T",
    "details": {"a": 1},
}
TAIL = ("x", "Traceback (most recent call last):", '  File "a.py"', "MemoryError: no")


def ended(code: int | None = 0, signal: int | None = None, **rest) -> ExitRecord:
    fields = {"attempt": 1, "cookie": "c", "started_at": 1.0, "ended_at": 2.0, "peak_memory_bytes": 2**31, **rest}
    return ExitRecord(exit_code=code if signal is None else None, signal=signal, **fields)


CASES = [
    # last state, last word, exit record, verified, same boot → state, code, text
    ("running", COMPLETED, ended(0), True, True, RunState.COMPLETED, None, None),
    ("running", COMPLETED, ended(0), False, True, RunState.FAILED, "no_result", "Ended without a verified result"),
    ("running", COMPLETED, ended(0), None, True, RunState.FAILED, "no_result", "Ended without a verified result"),
    ("running", None, ended(0), None, True, RunState.FAILED, "no_result", "Ended without result"),
    ("running", COMPLETED, ended(3), True, True, RunState.FAILED, "error", "Finished with error after save: exit code 3"),
    ("running", COMPLETED, ended(signal=11), True, True, RunState.FAILED, "error", "Finished with error after save: killed by signal 11"),
    ("stopping", STOPPED, ended(0), None, True, RunState.STOPPED, None, None),
    ("stopping", None, ended(signal=15), None, True, RunState.STOPPED, None, None),
    ("stopping", None, ended(signal=9), None, True, RunState.STOPPED, None, None),
    ("stopping", None, ended(signal=11), None, True, RunState.FAILED, "signal", "Crashed (SIGSEGV, signal 11)"),
    ("running", None, ended(signal=9), None, True, RunState.FAILED, "signal", "Killed by signal 9 (SIGKILL)"),
    ("running", None, ended(signal=15), None, True, RunState.FAILED, "signal", "Killed by signal 15 (SIGTERM)"),
    ("running", None, ended(signal=9, memory_kills=1), None, True, RunState.FAILED, "out_of_memory", "its peak was 2.0 GiB"),
    ("running", FAILED, ended(1), None, True, RunState.FAILED, "nan", "loss is nan"),
    ("running", FAILED, None, None, True, RunState.FAILED, "nan", "loss is nan"),
    ("preparing", None, ended(1, tail=TAIL), None, True, RunState.FAILED, "out_of_memory", "exit code 1 without a last word: MemoryError: no"),
    ("running", None, None, None, True, RunState.INTERRUPTED, "runner_lost", "disappeared without a record"),
    ("running", COMPLETED, None, False, True, RunState.INTERRUPTED, "runner_lost", "disappeared"),
    ("running", None, None, None, False, RunState.INTERRUPTED, "host_restarted", "machine was restarted"),
    ("stopping", STOPPED, None, None, False, RunState.STOPPED, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("last", "word", "record", "verified", "same_boot", "state", "code", "text"), CASES)
def test_verdict(last, word, record, verified, same_boot, state, code, text) -> None:
    found, failure = verdict("train", last, word, record, verified, same_boot, True)
    assert found == state
    if code is None:
        assert failure is None
    else:
        assert failure.code == code
        assert text in failure.text
        assert failure.advice


def test_the_evidence_is_kept() -> None:
    _, failure = verdict("train", "running", FAILED, ended(1, tail=TAIL), None, True, True)
    assert (failure.advice, failure.traceback, failure.tail, failure.exit_code) == ("Lower it.", "T", TAIL, 1)
    assert failure.details == {"a": 1, "peak_memory_bytes": 2**31}
    _, failure = verdict("train", "running", None, ended(1, tail=TAIL), None, True, True)
    assert failure.traceback == "\n".join(TAIL[1:])


def test_without_a_checkpoint_it_does_not_offer_to_resume() -> None:
    _, failure = verdict("train", "running", None, None, None, False, False)
    assert "no checkpoint" in failure.advice


def test_an_unknown_code_of_a_newer_worker_is_an_error() -> None:
    _, failure = verdict("train", "running", {**FAILED, "code": "gremlins"}, ended(1), None, True, True)
    assert failure.code == "error"


def test_every_code_has_one_sentence_of_advice() -> None:
    assert set(ADVICE) == set(FailureCode)
    assert all(text.endswith(".") and "\n" not in text for text in ADVICE.values())
