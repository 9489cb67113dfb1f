"""What rules may speak of: which values a metric names, when a value is past its limit, and how that reads. Pure."""

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass

from backend.contract.resources import Rule, TelemetrySample
from backend.store.telemetry_values import flat

MACHINE = ("cpu/", "memory/", "disk/", "net/", "gpu/")
SERVING = "serve/"
CLOSE_SHARE = 0.1
"""An alert resolves when its value is back by this share of the limit, for as long as it took to open."""

SHARES = {"used_share": ("used_bytes", "total_bytes"), "memory_used_share": ("memory_used_bytes", "memory_total_bytes")}


def kind_of(metric: str) -> str:
    """machine, endpoint or run: where a metric comes from."""
    return "machine" if metric.startswith(MACHINE) else "endpoint" if metric.startswith(SERVING) else "run"


def machine_values(sample: TelemetrySample) -> dict[str, float | None]:
    """Every reading and every share of used memory and disk; a lost card says nothing."""
    values = flat(sample)
    for name in [name for name in values if name.endswith("used_bytes")]:
        stem = name.removesuffix("used_bytes")
        values[f"{stem}used_share"] = share(values[name], values.get(f"{stem}total_bytes"))
    return values


def share(used: float | None, total: float | None) -> float | None:
    """Used of total; None when either is unknown."""
    return used / total if used is not None and total else None


def matching(metric: str, names: Iterable[str]) -> list[str]:
    """The names a metric with * speaks of."""
    return [name for name in names if fnmatch.fnmatchcase(name, metric)]


def past(rule: Rule, value: float, limit: float) -> bool:
    """Whether a value is on the wrong side."""
    return value > limit if rule.above else value < limit


def back(rule: Rule, value: float, limit: float) -> bool:
    """Whether a value is so far on the right side that the alert may resolve."""
    margin = abs(limit) * CLOSE_SHARE
    return value <= limit - margin if rule.above else value >= limit + margin


@dataclass
class Spell:
    """How long a value has been past its limit, or back, in seconds of one clock."""

    since: float | None = None
    is_open: bool = False

    def see(self, *, turning: bool, now: float, seconds: float) -> bool:
        """`turning`: the value contradicts the present state. Returns whether the alert should be open now."""
        if not turning:
            self.since = None
        else:
            self.since = now if self.since is None else self.since
            if now - self.since >= seconds:
                self.is_open, self.since = not self.is_open, None
        return self.is_open


NAMES: dict[str, tuple[str, str]] = {
    "serve/latency_ms_p50": ("p50 latency", "ms"),
    "serve/latency_ms_p95": ("p95 latency", "ms"),
    "serve/latency_ms_p99": ("p99 latency", "ms"),
    "serve/errors_per_s": ("Errors", "per s"),
    "serve/rejected_per_s": ("Rejected requests", "per s"),
    "serve/requests_per_s": ("Requests", "per s"),
    "temperature_c": ("temperature", "°C"),
    "utilization_percent": ("utilization", "%"),
    "memory_used_share": ("memory", "%"),
    "power_w": ("power", "W"),
    "cpu/utilization_percent": ("CPU", "%"),
    "disk/used_share": ("Disk", "%"),
    "memory/used_share": ("Memory", "%"),
}
"""What a metric (or the last part of a card's metric) is called, and its unit; shares are told in percent."""


def in_words(metric: str, value: float, limit: float) -> tuple[str, str, str]:
    """("GPU 0 temperature", "91 °C", "87 °C")."""
    group, _, last = metric.rpartition("/")
    name, unit = NAMES.get(metric) or NAMES.get(last, (metric, ""))
    if metric.startswith("gpu/"):
        name = f"GPU {group.removeprefix('gpu/')} {name}"
    if last.endswith("share"):
        return name, f"{value:.0%}", f"{limit:.0%}"
    most = max(abs(value), abs(limit))
    digits = 0 if most >= 100 else 1 if unit else 4
    tail = unit if unit == "%" else f" {unit}"
    return name, f"{value:.{digits}f}{tail}".strip(), f"{limit:.{digits}f}{tail}".strip()
