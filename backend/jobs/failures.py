"""Kinds of failure by their text or exception, and one sentence of advice for each. Used by workers and by the
verdict."""

import errno
import re

from backend.contract.states import FailureCode

ADVICE: dict[FailureCode, str] = {
    FailureCode.OUT_OF_MEMORY: "Use a smaller batch or shorter texts, or end what else uses the memory; then resume.",
    FailureCode.DATA: "Correct the named rows in the data, import it again and start a new run.",
    FailureCode.NAN: "Lower the learning rate or clip gradients, then go on from the last good checkpoint.",
    FailureCode.SIGNAL: "Something outside the run ended it; resume it from its last checkpoint.",
    FailureCode.DISK_FULL: "Free some space on the disk of the home folder, then resume.",
    FailureCode.MISSING_FILE: "Put the named file back, or choose another base model or dataset.",
    FailureCode.BAD_MODEL: "Choose another base model, or fetch this one again: its files do not fit together.",
    FailureCode.BAD_CHECKPOINT: "Resume from an older checkpoint, or start anew: this one is damaged.",
    FailureCode.SETTINGS: "Change the named setting and start again.",
    FailureCode.GPU_LOST: "Restart the machine or reload the GPU driver, then resume from the last checkpoint.",
    FailureCode.NO_RESULT: "Look at the end of the log; resume the run to let it finish.",
    FailureCode.RUNNER_LOST: "Resume it: nothing saved is lost.",
    FailureCode.HOST_RESTARTED: "Resume it: nothing saved is lost.",
    FailureCode.PROTOCOL: "Let the run finish with the version that started it, or start it again.",
    FailureCode.ERROR: "Read the traceback; the last lines of the log say what the run was doing.",
}

# In the order they are tried: a lost card also speaks of memory, a CUDA error also of launch failures.
_TEXTS: tuple[tuple[FailureCode, str], ...] = (
    (FailureCode.GPU_LOST, r"fallen off the bus|GPU is lost|unspecified launch failure|device-side|uncorrectable ECC"),
    (FailureCode.OUT_OF_MEMORY, r"out of memory|MemoryError|Cannot allocate memory|can't allocate memory|bad_alloc"),
    (FailureCode.DISK_FULL, r"No space left on device|Disk quota exceeded|disk is full"),
    (FailureCode.MISSING_FILE, r"FileNotFoundError|No such file or directory"),
    (FailureCode.NAN, r"loss is (nan|inf)|non-finite loss"),
)
_COMPILED = tuple((code, re.compile(pattern, re.IGNORECASE)) for code, pattern in _TEXTS)
_TRACEBACK = "Traceback (most recent call last):"


def code_of_text(text: str) -> FailureCode:
    """The kind of failure that a text speaks of; ERROR when none is known."""
    return next((code for code, pattern in _COMPILED if pattern.search(text)), FailureCode.ERROR)


def code_of_error(error: BaseException) -> FailureCode:
    """The kind of failure that an exception is."""
    if isinstance(error, MemoryError):
        return FailureCode.OUT_OF_MEMORY
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FailureCode.DISK_FULL
    if isinstance(error, FileNotFoundError):
        return FailureCode.MISSING_FILE
    return code_of_text(f"{type(error).__name__}: {error}")


def traceback_in(lines: tuple[str, ...]) -> str | None:
    """The last Python traceback among printed lines."""
    starts = [number for number, line in enumerate(lines) if line.startswith(_TRACEBACK)]
    return "\n".join(lines[starts[-1] :]) if starts else None
