"""How an attempt ended, from what it said last, its exit record and the boot it ran in. Pure."""

import signal
from typing import Any

from backend.contract.jobs import ExitRecord
from backend.contract.resources import Failure
from backend.contract.states import FailureCode, RunState
from backend.jobs.failures import ADVICE, code_of_text, traceback_in

_CRASHES = frozenset(
    getattr(signal, name) for name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE") if hasattr(signal, name)
)
_ASKED = frozenset((signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)))

Verdict = tuple[RunState, Failure | None]


def verdict(
    kind: str,
    last_state: str,
    ended: dict[str, Any] | None,
    exit: ExitRecord | None,
    verified: bool | None,
    same_boot: bool,
    resumable: bool,
) -> Verdict:
    """The final state and, unless it went well, why.

    `ended` are the fields of this attempt's last word, `verified` whether its result was seen to be complete (None:
    not looked at),
    `same_boot` whether the machine has not started anew since. `completed` needs its word and a
    verified result, and no record of a bad exit.
    """
    outcome = ended.get("outcome") if ended else None
    if exit is None and outcome == "completed" and verified:
        return RunState.COMPLETED, None  # its runner died after the last word; the result was seen to be whole
    if exit is None:
        return _without_record(ended, outcome, same_boot, resumable)
    if exit.signal is not None:
        return _by_signal(last_state, outcome, exit)
    if outcome == "failed":
        return RunState.FAILED, _from_last_word(ended or {}, exit)
    if exit.exit_code != 0:
        return RunState.FAILED, _by_code(outcome, exit)
    if outcome == "stopped":
        return RunState.STOPPED, None
    if outcome == "completed" and verified:
        return RunState.COMPLETED, None
    text = "Ended without result" if outcome is None else "Ended without a verified result"
    if kind == "serve":
        text = "Ended although nobody asked for it"
    return RunState.FAILED, _failure(FailureCode.NO_RESULT, text, exit)


def signal_name(number: int) -> str:
    """SIGKILL for 9; the number for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _without_record(ended: dict[str, Any] | None, outcome: str | None, same_boot: bool, resumable: bool) -> Verdict:
    if outcome == "failed":
        return RunState.FAILED, _from_last_word(ended or {}, None)
    if outcome == "stopped":
        return RunState.STOPPED, None
    if same_boot:
        code, text = FailureCode.RUNNER_LOST, "Its processes disappeared without a record of how they ended"
    else:
        code, text = FailureCode.HOST_RESTARTED, "The machine was restarted while it ran"
    advice = ADVICE[code] if resumable else "Start it again: it had no checkpoint to resume from."
    return RunState.INTERRUPTED, Failure(code=code, text=text, advice=advice, details={"resumable": resumable})


def _by_signal(last_state: str, outcome: str | None, exit: ExitRecord) -> Verdict:
    number = exit.signal or 0
    name = signal_name(number)
    if outcome in ("completed", "stopped") and not (outcome == "stopped" and number in _ASKED):
        text = f"Finished with error after save: killed by signal {number} ({name})"
        return RunState.FAILED, _failure(FailureCode.ERROR, text, exit)
    if outcome == "stopped" or (last_state == RunState.STOPPING and number in _ASKED):
        return RunState.STOPPED, None
    if number in _CRASHES:
        return RunState.FAILED, _failure(FailureCode.SIGNAL, f"Crashed ({name}, signal {number})", exit)
    if exit.memory_kills and name == "SIGKILL":
        peak = _memory_text(exit)
        text = f"Killed by the kernel because the machine ran out of memory{peak} (signal 9, SIGKILL)"
        return RunState.FAILED, _failure(FailureCode.OUT_OF_MEMORY, text, exit)
    return RunState.FAILED, _failure(FailureCode.SIGNAL, f"Killed by signal {number} ({name})", exit)


def _by_code(outcome: str | None, exit: ExitRecord) -> Failure:
    if outcome in ("completed", "stopped"):
        return _failure(FailureCode.ERROR, f"Finished with error after save: exit code {exit.exit_code}", exit)
    code = code_of_text("\n".join(exit.tail))
    last = next((line for line in reversed(exit.tail) if line.strip()), "")
    text = f"Ended with exit code {exit.exit_code} without a last word" + (f": {last[:300]}" if last else "")
    return _failure(code, text, exit)


def _from_last_word(ended: dict[str, Any], exit: ExitRecord | None) -> Failure:
    code = ended.get("code")
    known = FailureCode(code) if code in set(FailureCode) else FailureCode.ERROR
    return Failure(
        code=known,
        text=str(ended.get("text") or "Failed"),
        advice=str(ended.get("advice") or ADVICE[known]),
        traceback=ended.get("traceback"),
        tail=exit.tail if exit else (),
        exit_code=exit.exit_code if exit else None,
        signal=exit.signal if exit else None,
        details={**(ended.get("details") or {}), **_memory(exit)},
    )


def _failure(code: FailureCode, text: str, exit: ExitRecord) -> Failure:
    return Failure(
        code=code,
        text=text,
        advice=ADVICE[code],
        traceback=traceback_in(exit.tail),
        tail=exit.tail,
        exit_code=exit.exit_code,
        signal=exit.signal,
        details=_memory(exit),
    )


def _memory(exit: ExitRecord | None) -> dict[str, Any]:
    return {"peak_memory_bytes": exit.peak_memory_bytes} if exit and exit.peak_memory_bytes else {}


def _memory_text(exit: ExitRecord) -> str:
    peak = exit.peak_memory_bytes
    return f", its peak was {peak / 2**30:.1f} GiB" if peak else ""
