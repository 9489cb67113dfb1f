"""A run like the one in the design pictures: realistic synthetic series for pictures, tests and measurements."""

from __future__ import annotations

import numpy as np

from console.charts.catalogue import Limit
from console.charts.events import ChartEvent

START = 1_763_816_400.0
STEPS, TOTAL, PER_EPOCH = 8_420, 12_000, 4_000
SECONDS_PER_STEP = 0.302


def times_of(steps: np.ndarray) -> np.ndarray:
    """Unix seconds of steps at a steady pace."""
    return START + steps * SECONDS_PER_STEP


def run_series(every: int = 10, seed: int = 7) -> dict[str, tuple[np.ndarray | None, np.ndarray, np.ndarray]]:
    """Key → (steps or None, times, values)."""
    rng = np.random.default_rng(seed)
    steps = np.arange(every, STEPS + 1, every, dtype=float)
    times = times_of(steps)
    n = len(steps)
    loss = (
        1.45 * np.exp(-steps / 780)
        + 0.21
        + 0.16 * np.exp(-steps / 3500)
        + rng.normal(0, 0.045, n) * (1 + 0.8 * np.exp(-steps / 900))
    )
    loss[np.abs(steps - 7120) < 60] += 0.09
    grad = 1.05 + 0.75 * np.exp(-steps / 900) + np.abs(rng.normal(0, 0.14, n)) + rng.normal(0, 0.03, n)
    grad[np.searchsorted(steps, 7120)] = 6.1
    rate = (
        np.minimum(steps / 600, 1.0)
        * 2e-4
        * np.where(steps > 600, 0.5 * (1 + np.cos(np.pi * (steps - 600) / 11400)), 1.0)
    )
    speed = 212 + np.convolve(rng.normal(0, 9, n), np.ones(4) / 4, "same")
    speed[np.searchsorted(steps, 4300)] = 60
    wobble = np.convolve(rng.normal(0, 5, n), np.ones(9) / 9, "same")
    data, forward, backward = 52 + wobble, 19 + rng.normal(0, 0.6, n), 23 + rng.normal(0, 0.6, n)
    evals = np.arange(500, STEPS, 500, dtype=float)
    eval_loss = 1.02 * np.exp(-evals / 720) + 0.275 + 0.12 * np.exp(-evals / 2200) + rng.normal(0, 0.003, len(evals))
    clock = np.arange(times[0], times[-1], 1.0)
    beat = np.arange(len(clock)) * 0.115
    util = np.clip(48 + 28 * np.sign(np.sin(beat)) * np.abs(np.sin(beat)) ** 0.4 + rng.normal(0, 4, len(clock)), 0, 100)
    memory = np.minimum(6 + (clock - clock[0]) * 0.42, 38.2) * 2**30
    return {
        "train/loss": (steps, times, loss),
        "eval/loss": (evals, times_of(evals), eval_loss),
        "train/grad_norm": (steps, times, grad),
        "train/learning_rate": (steps, times, rate),
        "train/samples_per_s": (steps, times, speed),
        "train/data_wait_s": (steps, times, data / 100 * SECONDS_PER_STEP),
        "train/forward_s": (steps, times, forward / 100 * SECONDS_PER_STEP),
        "train/backward_s": (steps, times, backward / 100 * SECONDS_PER_STEP),
        "train/optimizer_s": (steps, times, np.full(n, 0.06 * SECONDS_PER_STEP)),
        "gpu/0/utilization_percent": (None, clock, util),
        "gpu/0/memory_used_bytes": (None, clock, memory),
        "gpu/0/power_w": (None, clock, 168 + np.convolve(rng.normal(0, 24, len(clock)), np.ones(3) / 3, "same")),
        "gpu/0/temperature_c": (
            None,
            clock,
            np.minimum(40 + (clock - clock[0]) * 0.2, 67) + rng.normal(0, 0.3, len(clock)),
        ),
    }


def run_events() -> list[ChartEvent]:
    """Checkpoints, a pause and an alert on the gradient norm."""
    marks = [("checkpoint", s, "Checkpoint saved, 21 MB", None) for s in (2000, 4000, 6000, 8000)]
    marks += [("pause", 4300, "Paused 4 min by you", None), ("warning", 7120, "Gradient norm 6.1", "train/grad_norm")]
    return [
        ChartEvent(
            f"{kind}-{step}",
            kind,
            text,
            step=step,
            time=START + step * SECONDS_PER_STEP,
            epoch=step / PER_EPOCH,
            key=key,
        )
        for kind, step, text, key in marks
    ]


def fill_run(group, grid=None, every: int = 10) -> None:
    """Give a group (and the run-time facts of its grid) the sample run."""
    group.set_total_steps(TOTAL, steps_per_epoch=PER_EPOCH)
    for key, (steps, times, values) in run_series(every).items():
        group.set_series(key, steps, times, None, values)
    group.set_events(run_events())
    if grid is not None:
        grid.chart("gpu_memory").set_capacity(48, "GB of 48")
        grid.chart("power_temp").set_spec(grid.chart("power_temp").spec.with_(capacity=300))
        grid.chart("grad_norm").set_spec(
            grid.chart("grad_norm").spec.with_(unit="clip 1.0", limits=(Limit(1.0, "text-tertiary"),))
        )
