"""How rules read: names and units of the values they speak of, and of the tests they make."""

from __future__ import annotations

from backend.contract.resources import Rule
from console.i18n import mark, tr

# metric → name, unit, shown = stored × scale, digits
METRICS: dict[str, tuple[str, str, float, int]] = {
    "serve/latency_ms_p99": (mark("Latency p99 of an endpoint"), "ms", 1.0, 0),
    "serve/errors_per_s": (mark("Failed requests of an endpoint"), "/s", 1.0, 2),
    "serve/rejected_per_s": (mark("Rejected requests of an endpoint"), "/s", 1.0, 2),
    "gpu/*/temperature_c": (mark("GPU temperature"), "°C", 1.0, 0),
    "gpu/*/memory_used_share": (mark("GPU memory in use"), "%", 100.0, 0),
    "disk/used_share": (mark("Disk in use"), "%", 100.0, 0),
    "memory/used_share": (mark("RAM in use"), "%", 100.0, 0),
    "gpu/*/utilization_percent": (mark("GPU utilization"), "%", 1.0, 0),
    "gpu/*/power_w": (mark("GPU power"), "W", 1.0, 0),
    "cpu/utilization_percent": (mark("CPU utilization"), "%", 1.0, 0),
    "serve/requests_per_s": (mark("Requests of an endpoint"), "/s", 1.0, 2),
    "train/loss": (mark("Training loss of a run"), "", 1.0, 4),
    "train/grad_norm": (mark("Gradient norm of a run"), "", 1.0, 4),
    "train/samples_per_s": (mark("Examples per second of a run"), "/s", 1.0, 2),
    "eval/loss": (mark("Evaluation loss of a run"), "", 1.0, 4),
}
# test → name, what stands before the limit, unit, digits; those of a limit depend on the metric
TESTS: dict[str, tuple[str, str, str, int]] = {
    "stalled": (mark("No step of a running run"), mark("longer than"), mark("× usual"), 1),
    "idle": (mark("GPU idle while a run is running"), mark("below"), "%", 0),
    "forecast": (mark("Disk full before a run ends"), "", "", 0),
}

SEVERITIES = (("info", mark("info")), ("warn", mark("warning")), ("bad", mark("serious")))


def rule_form(rule: Rule) -> tuple[str, str, str, float, int]:
    """Name, the word before the limit, unit, shown = stored × scale, digits."""
    if rule.test in TESTS:
        name, before, unit, digits = TESTS[rule.test]
        return tr(name), tr(before) if before else "", tr(unit) if unit else "", 1.0, digits
    name, unit, scale, digits = METRICS.get(rule.metric, ("", "", 1.0, 4))
    return tr(name) if name else rule.metric, tr("above") if rule.above else tr("below"), unit, scale, digits
