"""What stands differently between a run and the last good one of its kind."""

from typing import Literal

from backend.contract.base import Record, Value


class Difference(Record):
    """One fact that is not the same in both; None where a run does not have it."""

    name: str  # packages.torch, device, settings.learning_rate
    this: Value = None
    other: Value = None


class LastGood(Record):
    """GET /runs/{id}/last_good: the newest completed run before this one that began with the same recipe and data, else
    with the same recipe and base model, and what differs from it."""

    run_id: str | None = None  # None: there is no such run
    name: str = ""
    ended_at: float | None = None
    same: Literal["", "data", "base_model"] = ""
    differences: tuple[Difference, ...] = ()
    environment_known: bool = True  # False: one of the two workers never reported; only settings are compared
