"""How alerts, features and their values read; no widgets."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Any

from backend.contract.resources import AlertRecord, DriftReport, FeatureDrift
from console import words
from console.i18n import mark, tr, tr_n

DRIFT = ("input_drift", "prediction_drift")
ACTIVE = ("open", "acknowledged", "snoozed")
SERVING = ("latency", "errors", "endpoint")

FEATURES: dict[str, str] = {
    "text_length": mark("Text length"),
    "unknown_share": mark("Unknown tokens"),
    "predicted_label": mark("Predicted labels"),
    "confidence": mark("Confidence"),
}
METRICS: dict[str, tuple[str, str]] = {
    "serve/latency_ms_p99": (mark("p99 latency"), "ms"),
    "serve/errors_per_s": (mark("Errors"), mark("per s")),
    "serve/rejected_per_s": (mark("Rejected requests"), mark("per s")),
    "disk/used_share": (mark("Disk"), "%"),
    "memory/used_share": (mark("Memory"), "%"),
    "temperature_c": (mark("temperature"), "°C"),
    "memory_used_share": (mark("memory"), "%"),
    "utilization_percent": (mark("utilization"), "%"),
    "power_w": (mark("power"), "W"),
    "cpu/utilization_percent": (mark("CPU"), "%"),
    "step_age_s": (mark("Time since the last step"), "s"),
    "disk/full_in_s": (mark("Time until the disk is full"), "s"),
}
ICONS: dict[str, str] = {
    "input_drift": "triangle-alert",
    "prediction_drift": "trending-down",
    "latency": "clock",
    "errors": "circle-alert",
    "endpoint": "unlink",
    "gpu": "gpu",
    "disk": "hard-drive",
    "memory": "memory-stick",
    "run": "circle-x",
    "rule": "bell",
}
FEATURE_STATES: dict[str, tuple[str, str]] = {
    "ok": ("circle-check", "ok"),
    "warn": ("triangle-alert", "warn"),
    "bad": ("circle-x", "bad"),
    "not_enough_data": ("circle-minus", "text-tertiary"),
}


def is_drift(alert: AlertRecord) -> bool:
    """Whether traffic has moved, not a limit been passed."""
    return alert.kind in DRIFT


def icon_of(alert: AlertRecord) -> tuple[str, str]:
    """Icon and colour role; what nobody must act on is grey."""
    role = "text-secondary" if alert.state != "open" else "bad" if is_drift(alert) else alert.severity
    return ICONS.get(alert.kind, "triangle-alert"), role if role != "info" else "accent"


def title(alert: AlertRecord) -> str:
    """Input drift; p99 latency above 500 ms; Run failed."""
    fixed = {
        "input_drift": tr("Input drift"),
        "prediction_drift": tr("Prediction drift"),
        "endpoint": tr("Endpoint is down"),
        "run": tr("Run failed"),
    }
    if alert.kind in fixed:
        return fixed[alert.kind]
    if alert.kind == "rule":  # the rule's own name, or what it found
        return alert.title
    if str(alert.feature).endswith("/lost"):
        return tr("{card} stopped answering", card=card_name(str(alert.feature)))
    metric, limit = alert.evidence.get("metric"), alert.evidence.get("limit")
    if metric is None or limit is None:
        return alert.title
    return tr("{metric} above {limit}", metric=metric_name(str(metric)), limit=metric_value(str(metric), limit))


def where(alert: AlertRecord, run_names: Mapping[str, str], host: str = "") -> str:
    """The second line of an inbox row: sentiment-api · text length."""
    if is_drift(alert):
        return f"{alert.endpoint} · {feature_name(alert.feature or '').lower()}"
    if alert.kind == "run":
        return run_names.get(alert.run_id or "", "") or alert.title.removesuffix(" failed")
    if alert.kind == "rule" and alert.run_id:
        return run_names.get(alert.run_id, alert.text)
    if alert.endpoint:
        seconds = alert.evidence.get("for_seconds")
        return f"{alert.endpoint} · {tr('for {time}', time=words.duration(seconds))}" if seconds else alert.endpoint
    return host or tr("this machine")


def feature_name(feature: str) -> str:
    """Text length."""
    return tr(FEATURES[feature]) if feature in FEATURES else feature.replace("_", " ").capitalize()


def feature_unit(feature: FeatureDrift) -> str:
    """What is counted, in one grey word."""
    if feature.names:
        return tr("{n} labels", n=len(feature.names))
    fixed = {"unknown_share": tr("share"), "confidence": tr("0 to 1"), "text_length": tr("tokens")}
    return fixed.get(feature.feature, feature.unit)


def card_name(metric: str) -> str:
    """gpu/0/temperature_c → GPU 0."""
    parts = metric.split("/")
    return f"GPU {parts[1]}" if len(parts) > 2 and parts[0] == "gpu" else "GPU"


def metric_name(metric: str) -> str:
    """p99 latency; GPU 0 temperature."""
    if metric in METRICS:
        return tr(METRICS[metric][0])
    head, _, tail = metric.rpartition("/")
    if tail in METRICS and head.startswith("gpu/"):
        return f"{card_name(metric)} {tr(METRICS[tail][0])}"
    return metric


def metric_unit(metric: str) -> str:
    """ms."""
    found = METRICS.get(metric) or METRICS.get(metric.rpartition("/")[2]) or ("", "")
    return tr(found[1]) if found[1] else ""


def metric_value(metric: str, value: float | None) -> str:
    """1,000 ms; shares as percent."""
    if value is None or not math.isfinite(value):
        return words.DASH
    if metric in ("step_age_s", "disk/full_in_s"):
        return words.duration(value)
    if metric.endswith("_share"):
        return words.percent(value)
    unit = metric_unit(metric)
    digits = 0 if abs(value) >= 100 or value == int(value) else 1 if unit else 4
    number = words.fixed(value, digits)
    return f"{number}{unit}" if unit == "%" else f"{number} {unit}".strip()


# ---- the sentence ------------------------------------------------------------------------------------------


def moved(alert: AlertRecord) -> str:
    """What moved: rebuilt from the numbers where they are known, so that it reads in the language of now."""
    known = alert.evidence.get("features", {}).get(alert.feature or "")
    if not is_drift(alert) or not isinstance(known, dict):
        return _limit_sentence(alert)
    return moved_from(alert.feature or "", known.get("before"), known.get("after")) or alert.text


def moved_from(feature: str, before: Any, after: Any) -> str:
    """One sentence for a feature's move; empty when a side is not known."""
    if before is None or after is None:
        return ""
    name = feature_name(feature)
    if feature == "predicted_label":
        label, _, old = str(before).rpartition(" ")
        return tr("{name} shifted: “{label}” {old} → {new}.", name=name, label=label, old=old,
                  new=str(after).rpartition(" ")[2])  # fmt: skip
    if feature == "text_length":
        old, new = words.fixed(before, 0), words.fixed(after, 0)
        if old == new:
            return tr("{name} changed its shape: median {old} tokens as before.", name=name, old=old)
        if after > before:
            return tr("{name} moved right: median {old} → {new} tokens.", name=name, old=old, new=new)
        return tr("{name} moved left: median {old} → {new} tokens.", name=name, old=old, new=new)
    share = feature == "unknown_share"
    old, new = (
        (words.percent(before), words.percent(after)) if share else (words.fixed(before, 2), words.fixed(after, 2))
    )
    if old == new:
        return tr("{name} changed its shape around {old}.", name=name, old=old)
    if after > before:
        return tr("{name} rose from {old} to {new}.", name=name, old=old, new=new)
    return tr("{name} fell from {old} to {new}.", name=name, old=old, new=new)


def _limit_sentence(alert: AlertRecord) -> str:
    metric, value = alert.evidence.get("metric"), alert.evidence.get("value")
    if metric is None or value is None:
        return alert.text
    return tr("{metric} is {value}, above {limit} for {time}.", metric=metric_name(metric),
              value=metric_value(metric, value), limit=metric_value(metric, alert.evidence.get("limit")),
              time=words.duration(alert.evidence.get("for_seconds")))  # fmt: skip


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
