"""Waiting for a state instead of sleeping for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(predicate: Callable[[], T], timeout: float = 15.0, *, every: float = 0.01) -> T:
    """The first true value of `predicate`; AssertionError, showing its last value, when the time is over."""
    end = time.monotonic() + timeout
    while True:
        found = predicate()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s in vain, last value {found!r}")
        time.sleep(every)
