"""Why a training failed, for a person: exceptions become a code, one sentence, one piece of advice. No torch here."""

import errno
import traceback
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from backend.contract.errors import Broken, Refused
from backend.contract.events import Ended
from backend.contract.states import FailureCode


class RunFailed(Exception):
    """A failure whose cause is known where it is raised."""

    def __init__(self, code: FailureCode, text: str, advice: str, **details: Any) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.advice = advice
        self.details = details


class StopAsked(Exception):
    """Somebody stopped the run before its first step."""


@dataclass
class Progress:
    """Where a run is; failures are explained with it."""

    stage: str = "start"  # settings, data, model, train, evaluate, save
    step: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    precision: str = "fp32"
    device: str = "cpu"


_GPU_LOST = (
    "unspecified launch failure",
    "device-side",
    "gpu is lost",
    "cuda error",
    "device lost",
    "uncorrectable ecc",
)
_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory", "std::bad_alloc")


def explain(error: BaseException, progress: Progress) -> Ended:
    """The `ended` event of a failure; the raw exception stays one click away in `traceback`."""
    code, text, advice, details = _classify(error, progress)
    lines = traceback.format_exception(error)
    return Ended(
        outcome="failed",
        step=progress.step,
        text=text,
        code=code,
        advice=advice,
        traceback="".join(lines)[-20_000:],
        details={"stage": progress.stage, **details},
    )


def _classify(error: BaseException, progress: Progress) -> tuple[str, str, str, dict[str, Any]]:
    if isinstance(error, RunFailed):
        return error.code, error.text, error.advice, error.details
    if is_out_of_memory(error):
        return _out_of_memory(error, progress)
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        return (
            FailureCode.SETTINGS,
            f"Setting {name}: {first['msg']}.",
            "Correct the setting and start again.",
            {"field": name},
        )
    if isinstance(error, Refused):
        code = error.code if error.code in set(FailureCode) else FailureCode.SETTINGS
        return code, error.text, error.fix or "Correct it and start again.", error.details
    if isinstance(error, Broken):
        return FailureCode.DATA, error.text, "Import the data again and start a new run.", {}
    if isinstance(error, OSError):
        return _of_system(error)
    return _by_words(error, progress)


def _of_system(error: OSError) -> tuple[str, str, str, dict[str, Any]]:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            FailureCode.DISK_FULL,
            "The disk is full.",
            "Free some space, then resume: the last checkpoint is kept.",
            {},
        )
    if isinstance(error, FileNotFoundError):
        name = error.filename or str(error)
        return (
            FailureCode.MISSING_FILE,
            f"A file is missing: {name}.",
            "Put it back, or choose other data or another model.",
            {},
        )
    return FailureCode.ERROR, f"The system refused: {error}.", "Read the traceback; resume when the cause is gone.", {}


def _by_words(error: BaseException, progress: Progress) -> tuple[str, str, str, dict[str, Any]]:
    words = str(error).lower()
    text = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:300] if str(error).strip() else 'no message'}"
    if progress.device.startswith("cuda") and any(sign in words for sign in _GPU_LOST):
        return (
            FailureCode.GPU_LOST,
            f"The GPU stopped answering: {text}",
            "Check the card (nvidia-smi, dmesg), then resume.",
            {},
        )
    if type(error).__module__.startswith("safetensors"):
        code = FailureCode.BAD_MODEL if progress.stage == "model" else FailureCode.BAD_CHECKPOINT
        return (
            code,
            f"A weights file cannot be read: {text}",
            "Choose another model, or resume from an older checkpoint.",
            {},
        )
    if progress.stage == "model":
        return FailureCode.BAD_MODEL, f"The base model cannot be loaded. {text}", "Choose another base model.", {}
    return FailureCode.ERROR, text, "Read the traceback; the last checkpoint is kept.", {}


def is_out_of_memory(error: BaseException) -> bool:
    """Whether host or device memory ran out; torch says so in RuntimeErrors of many wordings."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _MEMORY)


def _out_of_memory(error: BaseException, progress: Progress) -> tuple[str, str, str, dict[str, Any]]:
    settings = progress.settings
    batch, length = settings.get("batch_size"), settings.get("max_length")
    proposal: dict[str, Any] = {}
    if isinstance(batch, int) and batch > 1:
        proposal = {
            "batch_size": batch // 2,
            "gradient_accumulation": 2 * int(settings.get("gradient_accumulation", 1)),
        }
    elif not settings.get("gradient_checkpointing"):
        proposal = {"gradient_checkpointing": True}
    elif isinstance(length, int) and length > 16:
        proposal = {"max_length": length // 2}
    place = "The GPU" if progress.device.startswith("cuda") else "The machine"
    text = f"{place} ran out of memory at step {progress.step}: batch {batch}, length {length}, {progress.precision}."
    shown = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in proposal.items())
    advice = (
        f"Try {shown}: it trains the same way with less memory."
        if "batch_size" in proposal
        else f"Try {shown or 'a smaller model'}."
    )
    return FailureCode.OUT_OF_MEMORY, text, advice, {"proposal": proposal, "error": str(error)[:500]}
