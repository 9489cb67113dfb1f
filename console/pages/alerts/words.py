"""How an alert's times, a report and its features read on this page; no widgets."""

from __future__ import annotations

import datetime

from backend.contract.resources import AlertRecord, DriftReport, FeatureDrift
from console import words
from console.i18n import mark, tr, tr_n

ACTIVE = ("open", "acknowledged", "snoozed")
FEATURE_STATES: dict[str, tuple[str, str]] = {
    "ok": ("circle-check", "ok"),
    "warn": ("triangle-alert", "warn"),
    "bad": ("circle-x", "bad"),
    "not_enough_data": ("circle-minus", "text-tertiary"),
}


def feature_unit(feature: FeatureDrift) -> str:
    """What is counted, in one grey word."""
    if feature.names:
        return tr("{n} labels", n=len(feature.names))
    fixed = {"unknown_share": tr("share"), "confidence": tr("0 to 1"), "text_length": tr("tokens")}
    return fixed.get(feature.feature, feature.unit)


def since(alert: AlertRecord, now: float) -> str:
    """Since when, and how it ended."""
    first = _clock(alert.opened_at, now)
    if alert.state == "resolved":
        took = words.duration((alert.resolved_at or alert.seen_at) - alert.opened_at)
        return tr("Opened {first}, resolved {last} after {time}.", first=first, last=_clock(alert.resolved_at, now),
                  time=took)  # fmt: skip
    if alert.state == "snoozed":
        return tr("First seen {first}, asks again {time}.", first=first, time=until(alert.snoozed_until, now))
    return tr("First seen {first}, open for {time}.", first=first, time=words.age(alert.opened_at, now))


def _clock(unix: float | None, now: float) -> str:
    return words.day_and_time(unix, now)


def until(unix: float | None, now: float) -> str:
    """at 14:05, tomorrow 09:00, Monday 09:00."""
    if unix is None:
        return words.DASH
    at, today = datetime.datetime.fromtimestamp(unix), datetime.datetime.fromtimestamp(now).date()
    hour = at.strftime("%H:%M")
    days = (at.date() - today).days
    if days <= 0:
        return tr("at {time}", time=hour)
    if days == 1:
        return tr("tomorrow {time}", time=hour)
    names = (mark("Monday"), mark("Tuesday"), mark("Wednesday"), mark("Thursday"), mark("Friday"), mark("Saturday"),
             mark("Sunday"))  # fmt: skip
    return f"{tr(names[at.weekday()])} {hour}" if days < 7 else words.day_and_time(unix, now)


# ---- snooze ------------------------------------------------------------------------------------------------


def snooze_times(now: float) -> list[tuple[str, float]]:
    """1 h, tomorrow 09:00, Monday 09:00, as text and unix time."""
    today = datetime.datetime.fromtimestamp(now).replace(hour=9, minute=0, second=0, microsecond=0)
    tomorrow = today + datetime.timedelta(days=1)
    monday = today + datetime.timedelta(days=(7 - today.weekday()) or 7)
    return [
        (tr("For 1 h"), now + 3600),
        (tr("Until tomorrow 09:00"), tomorrow.timestamp()),
        (tr("Until Monday 09:00"), monday.timestamp()),
    ]


# ---- overview ----------------------------------------------------------------------------------------------


def worst(report: DriftReport | None) -> str:
    """The state of the worst feature; not_enough_data only when no feature can be judged."""
    states = [feature.state for feature in report.features] if report else []
    return next((state for state in ("bad", "warn", "ok") if state in states), "not_enough_data")


def report_line(report: DriftReport | None) -> str:
    """The right side of a watched endpoint: 4 features ok."""
    if report is None or report.checked_at is None:
        return tr("not checked yet")
    if worst(report) == "not_enough_data":
        return tr("not enough data")
    over = sum(feature.state == "bad" for feature in report.features)
    if over:
        return tr("{n} above the limit", n=over)
    near = sum(feature.state == "warn" for feature in report.features)
    return tr("{n} near the limit", n=near) if near else tr_n(len(report.features), "{n} feature ok", "{n} features ok")


def overview_sentence(report: DriftReport | None) -> str:
    """What the traffic looks like when nothing is open."""
    if report is None or report.checked_at is None:
        return tr("Not checked yet. The first check comes with the first requests.")
    if worst(report) == "not_enough_data" or report.window_items < report.minimum_items:
        return tr("Not enough data: {n} of {minimum} texts in the last {time}.", n=words.count(report.window_items),
                  minimum=words.count(report.minimum_items), time=words.duration(report.window_seconds))  # fmt: skip
    state = worst(report)
    if state == "bad":
        return tr("Above the limit now. An alert opens after three checks in a row.")
    if state == "warn":
        return tr("Traffic is near the limit, within what v{n} was checked on.", n=report.version)
    return tr("Traffic looks like what v{n} was checked on.", n=report.version)
