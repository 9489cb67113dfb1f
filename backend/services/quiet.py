"""Quiet hours: alerts still open, but nobody is told of them. Pure."""

import time

from backend.contract.resources import BackendSettings


def is_quiet(settings: BackendSettings, now: float) -> bool:
    """Whether local time lies in the quiet hours, which may pass midnight."""
    start, stop = _minutes(settings.quiet_from), _minutes(settings.quiet_to)
    if start is None or stop is None or start == stop:
        return False
    local = time.localtime(now)
    at = local.tm_hour * 60 + local.tm_min
    return start <= at < stop if start < stop else at >= start or at < stop


def _minutes(text: str) -> int | None:
    hours, colon, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes) if colon else None
