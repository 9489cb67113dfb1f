"""Settings of the self-test."""

from typing import Literal

from backend.contract.base import Request
from backend.contract.recipes.fields import setting


class SelftestSettings(Request):
    """A run without a model: a known sequence of numbers, and every way to die on request. Needs no torch."""

    steps: int = setting(100, "Steps", "How many steps it runs", ge=1, le=100_000_000)
    rate_hz: float = setting(50.0, "Rate", "Steps a second; 0 is as fast as it can", ge=0, le=1_000_000, unit="Hz")
    points_per_step: int = setting(1, "Points per step", "Metric values logged at each step", ge=1, le=1000)
    nan_at_step: int = setting(0, "NaN at step", "0 never", ge=0, advanced=True)
    crash_at_step: int = setting(0, "Crash at step", "0 never", ge=0, advanced=True)
    crash_kind: Literal["segfault", "kill", "exception", "oom", "gpu_lost", "exit0", "exit3_after_save"] = setting(
        "segfault", "Crash kind", "How it dies at that step", advanced=True
    )
    hang_at_step: int = setting(0, "Hang at step", "0 never", ge=0, advanced=True)
    checkpoint_every: int = setting(0, "Checkpoint every", "Steps; 0 never", ge=0, advanced=True)
    checkpoint_bytes: int = setting(
        1024, "Checkpoint size", "Bytes of each checkpoint", ge=1, le=10**12, unit="bytes", advanced=True
    )
    eval_every: int = setting(0, "Evaluate every", "Steps; 0 never", ge=0, advanced=True)
    flood_bytes: int = setting(
        0, "Flood output", "Bytes of rubbish printed to standard output", ge=0, le=10**12, advanced=True
    )
    ignore_term: bool = setting(False, "Ignore SIGTERM", "Also starts four children that ignore it", advanced=True)
    seed: int = setting(0, "Seed", "Of the known sequence", ge=0)
