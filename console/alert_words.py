"""How alerts, features and their values read, in the language of now; no widgets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from backend.contract.resources import AlertRecord, EndpointRecord, Rule
from console import words
from console.i18n import mark, tr
from console.said import said_each

DRIFT = ("input_drift", "prediction_drift")

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


_ABOUT_ENDPOINTS: dict[str, str] = {
    "input_drift": mark("Input drift on {name}"),
    "prediction_drift": mark("Prediction drift on {name}"),
    "endpoint": mark("{name} is down"),
}
_FAILED = " failed"  # how the backend ends the title of a failed run


def is_drift(alert: AlertRecord) -> bool:
    """Whether traffic has moved, not a limit been passed."""
    return alert.kind in DRIFT


def role_of(severity: str) -> str:
    """The colour role of a severity, everywhere: red, amber, accent."""
    return {"bad": "bad", "info": "accent"}.get(severity, "warn")


def icon_of(alert: AlertRecord) -> tuple[str, str]:
    """Icon and colour role; what nobody must act on is grey."""
    role = role_of(alert.severity) if alert.state == "open" else "text-secondary"
    return ICONS.get(alert.kind, "triangle-alert"), role


P99 = "serve/latency_ms_p99"


def p99_limit(endpoint: EndpointRecord, rules: Iterable[Rule]) -> tuple[float, str] | None:
    """(milliseconds, severity) from which the p99 of an endpoint opens an alert, its own limit before that of a rule;
    None when nothing watches it."""
    watching = [
        rule
        for rule in rules
        if rule.enabled and rule.test == "limit" and rule.above and rule.metric == P99
        and rule.endpoint in (None, endpoint.name)
    ]  # fmt: skip
    strictest = min(watching, key=lambda rule: rule.limit, default=None)
    own = endpoint.limits.get("slo_p99_ms")
    if own:
        return float(own), strictest.severity if strictest is not None else "warn"
    return (strictest.limit, strictest.severity) if strictest is not None else None


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


def headline(alert: AlertRecord) -> str:
    """The title where it stands alone, with what it is about: Input drift on sentiment-api."""
    if alert.kind == "run":
        failed = alert.title.endswith(_FAILED)
        return tr("Run {name} failed", name=alert.title.removesuffix(_FAILED)) if failed else alert.title
    if alert.endpoint and alert.kind in _ABOUT_ENDPOINTS:
        return tr(_ABOUT_ENDPOINTS[alert.kind], name=alert.endpoint)
    return title(alert)


def brief(alert: AlertRecord) -> str:
    """One short line of evidence below a headline: text length PSI 0.31, limit 0.20."""
    psi = _known(alert).get("psi")
    if is_drift(alert) and psi is not None:
        name, limit = feature_name(alert.feature or "").lower(), alert.evidence.get("limit")
        return tr("{feature} PSI {psi}, limit {limit}", feature=name, psi=words.fixed(psi, 2),
                  limit=words.fixed(limit, 2))  # fmt: skip
    named = alert.endpoint if alert.endpoint and alert.kind not in _ABOUT_ENDPOINTS else ""
    return " · ".join(part for part in (named, moved(alert)) if part)


def where(alert: AlertRecord, run_names: Mapping[str, str], host: str = "") -> str:
    """The second line of an inbox row: sentiment-api · text length."""
    if is_drift(alert):
        return f"{alert.endpoint} · {feature_name(alert.feature or '').lower()}"
    if alert.kind == "run":
        return run_names.get(alert.run_id or "", "") or alert.title.removesuffix(_FAILED)
    if alert.kind == "rule" and alert.run_id:
        return run_names.get(alert.run_id, alert.text)
    if alert.endpoint:
        seconds = alert.evidence.get("for_seconds")
        return f"{alert.endpoint} · {tr('for {time}', time=words.duration(seconds))}" if seconds else alert.endpoint
    return host or tr("this machine")


def feature_name(feature: str) -> str:
    """Text length."""
    return tr(FEATURES[feature]) if feature in FEATURES else feature.replace("_", " ").capitalize()


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
    known = _known(alert)
    if not is_drift(alert) or not known:
        return _limit_sentence(alert)
    return moved_from(alert.feature or "", known.get("before"), known.get("after")) or alert.text


def _known(alert: AlertRecord) -> dict[str, Any]:
    """What was measured of the feature that drifted; empty when it is not known."""
    features = alert.evidence.get("features")
    known = features.get(alert.feature or "") if isinstance(features, dict) else None
    return known if isinstance(known, dict) else {}


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
        return said_each(alert.text)
    return tr("{metric} is {value}, above {limit} for {time}.", metric=metric_name(metric),
              value=metric_value(metric, value), limit=metric_value(metric, alert.evidence.get("limit")),
              time=words.duration(alert.evidence.get("for_seconds")))  # fmt: skip
