"""What a rule would have done, and what a forecast says now, in words."""

from __future__ import annotations

from backend.contract.resources import DiskForecast, RulePreview
from console import words
from console.i18n import tr, tr_n
from console.said import said

LONGEST_S = 366 * 86_400.0
"""A disk that fills later than this does not fill."""


def preview_words(preview: RulePreview, now: float) -> str:
    """It would have fired 3 times in 30 days, last on 21 Nov 16:02. Of a forecast: what it says now."""
    if preview.forecast is not None:
        return forecast_words(preview.forecast, now)
    if preview.count is None:
        return tr("How often it would have fired cannot be told.") + " " + said(preview.text)
    days = tr_n(max(1, round(preview.days)), "{n} day", "{n} days")
    if preview.days < 0.9:
        days = words.duration(preview.days * 86_400)
    if not preview.count:
        return tr("It would not have fired in {days}.", days=days)
    times = tr_n(preview.count, "{n} time", "{n} times")
    last = words.day_and_time(preview.times[-1], now) if preview.times else words.DASH
    return tr("It would have fired {times} in {days}, last on {last}.", times=times, days=days, last=last)


def forecast_words(now_is: DiskForecast, now: float) -> str:
    """Free room, growth, when it is full, and whether a run needs longer than that."""
    free, growth = now_is.free_bytes, now_is.growth_bytes_per_s
    if free is None:
        return tr("How full the disk is has not been read yet.")
    room = tr("Now {free} are free.", free=words.size(free))
    if growth is None:
        return f"{room} " + tr("How fast that shrinks is known after some minutes of readings.")
    if now_is.full_in_s is None or now_is.full_in_s > LONGEST_S:
        return f"{room} " + tr("The disk does not fill; nothing would be forecast.")
    full = tr(
        "It fills by {rate} a minute and is full in {time} ({clock}).", rate=words.size(growth * 60),
        time=words.duration(now_is.full_in_s), clock=words.day_and_time(now + now_is.full_in_s, now),
    )  # fmt: skip
    return f"{room} {full} {_needs(now_is, now_is.full_in_s)}"


def _needs(now_is: DiskForecast, full_in_s: float) -> str:
    if now_is.run_needs_s is None:
        return tr("No run is running, so it would not fire.")
    facts = {"run": now_is.run_name, "time": words.duration(now_is.run_needs_s)}
    if full_in_s < now_is.run_needs_s:
        return tr("{run} needs {time} more: it would fire.", **facts)
    return tr("{run} needs {time} more: it would not fire.", **facts)
