"""The power limit of an NVIDIA card: read, or set within what the card takes. `python -m
backend.telemetry.nvidia_power UUID [--watts W]`.

A process of its own, for a driver call may hang. It prints one JSON object: a PowerLimit, or why not (`refused`: a
code, `text`: a sentence). Nothing is remembered: the driver itself forgets a limit when it is loaded again.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pynvml

from backend import platform
from backend.contract.resources import PowerLimit
from backend.telemetry.nvidia import WHY_NOT

CLOSE_W = 1.0
"""A driver may round; a limit this near to what was asked for is what was asked for."""

NEEDS_ADMINISTRATOR = "The driver lets only an administrator change it."
CODES: dict[int, tuple[str, str]] = {
    pynvml.NVML_ERROR_NO_PERMISSION: ("no_permission", NEEDS_ADMINISTRATOR),
    pynvml.NVML_ERROR_NOT_SUPPORTED: ("not_supported", "This card takes no power limit."),
    pynvml.NVML_ERROR_INVALID_ARGUMENT: ("out_of_range", "The driver does not take this value."),
    pynvml.NVML_ERROR_NOT_FOUND: ("no_card", "The driver knows no such card."),
    pynvml.NVML_ERROR_GPU_IS_LOST: ("lost", "The card has stopped answering."),
}


class NotSet(Exception):
    """Why, as a code and a sentence."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def read(uuid: str) -> PowerLimit:
    """The limit of a card and what it takes."""
    handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
    ends = _maybe(pynvml.nvmlDeviceGetPowerManagementLimitConstraints, handle)
    return PowerLimit(
        limit_w=_watts(pynvml.nvmlDeviceGetPowerManagementLimit, handle),
        min_w=ends[0] / 1000 if ends else None,
        max_w=ends[1] / 1000 if ends else None,
        default_w=_watts(pynvml.nvmlDeviceGetPowerManagementDefaultLimit, handle),
        command=f"sudo nvidia-smi -i {uuid} -pl",
        needs=NEEDS_ADMINISTRATOR if platform.is_administrator() is False else "",
    )


def change(uuid: str, watts: float) -> PowerLimit:
    """Set it and read it back; NotSet outside of what the card takes, and when the driver kept another value."""
    known = read(uuid)
    if known.min_w is None or known.max_w is None:
        raise NotSet("not_supported", CODES[pynvml.NVML_ERROR_NOT_SUPPORTED][1])
    if not known.min_w <= watts <= known.max_w:
        raise NotSet("out_of_range", f"The card takes {known.min_w:.0f} to {known.max_w:.0f} W, not {watts:.0f} W.")
    pynvml.nvmlDeviceSetPowerManagementLimit(pynvml.nvmlDeviceGetHandleByUUID(uuid), round(watts * 1000))
    after = read(uuid)
    if after.limit_w is None or abs(after.limit_w - watts) > CLOSE_W:
        kept = "unknown" if after.limit_w is None else f"{after.limit_w:.0f} W"
        raise NotSet("not_kept", f"The driver took {watts:.0f} W, but the limit is {kept}.")
    return after


def _watts(call: Callable[..., int], handle: Any) -> float | None:
    value = _maybe(call, handle)
    return None if value is None else value / 1000


def _maybe(call: Callable[..., Any], handle: Any) -> Any:
    """The answer; None where the card or the driver has none."""
    try:
        return call(handle)
    except pynvml.NVMLError as error:
        if error.value == pynvml.NVML_ERROR_GPU_IS_LOST:
            raise
        return None


def _answer(uuid: str, watts: float | None) -> dict[str, Any]:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        text = WHY_NOT.get(error.value, f"The NVIDIA driver cannot be used: {error}.")
        return {"refused": "no_driver", "text": text}
    try:
        return (read(uuid) if watts is None else change(uuid, watts)).model_dump(mode="json")
    except NotSet as error:
        return {"refused": error.code, "text": str(error)}
    except pynvml.NVMLError as error:
        code, text = CODES.get(error.value, ("driver", f"The NVIDIA driver refused: {error}."))
        return {"refused": code, "text": text}


def main(argv: Sequence[str] | None = None) -> int:
    """One question, one answer."""
    parser = argparse.ArgumentParser(prog="nvidia_power")
    parser.add_argument("uuid")
    parser.add_argument("--watts", type=float, default=None)
    options = parser.parse_args(argv)
    print(json.dumps(_answer(options.uuid, options.watts)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
