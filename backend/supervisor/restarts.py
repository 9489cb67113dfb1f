"""When to start again after a death: wait longer each time, and give up when it keeps dying. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

FIRST_S = 0.5
LONGEST_S = 30.0
WINDOW_S = 60.0
SERVING_LIMIT = 5
TRAINING_LIMIT = 2


@dataclass(frozen=True, slots=True)
class Retry:
    """Start again after this time."""

    in_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It died this often in the window; a person has to start it."""

    deaths: int


def after_death(
    deaths_s: Sequence[float],
    now_s: float,
    limit: int = SERVING_LIMIT,
    window_s: float = WINDOW_S,
    jitter: float | None = None,
) -> Retry | GiveUp:
    """What to do after the newest of these deaths (monotonic seconds, the newest included).

    The wait doubles from 0.5 to 30 s, times 0.8 to 1.2 (`jitter` 0..1, random when None), so that several do not
    start at once.
    """
    recent = [death for death in deaths_s if now_s - death < window_s]
    if len(recent) >= limit:
        return GiveUp(len(recent))
    factor = 0.8 + 0.4 * (random.random() if jitter is None else jitter)
    return Retry(min(LONGEST_S, FIRST_S * 2.0 ** max(0, len(recent) - 1)) * factor)
