"""The machine during a run under the names MLflow 3 gives its own system metrics. Pure.

MLflow counts megabytes of 1,000,000 bytes, rounds to a tenth, and numbers the samples as steps. Network counts up from
the start of the run.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from backend.contract.resources import TelemetryHistory

PREFIX = "system/"
MEGABYTE = 1e6
CARD = re.compile(r"gpu/(\d+)/memory_total_bytes|gpu/(\d+)/utilization_percent")

Values = Sequence[float | None]


def system_metrics(history: TelemetryHistory) -> list[list[Any]]:
    """[name, step, unix time, value] of everything that is known."""
    rows: list[list[Any]] = []
    for name, values in _series(history):
        for step, (time, value) in enumerate(zip(history.times, values, strict=True)):
            if value is not None:
                rows.append([PREFIX + name, step, time, round(value, 1)])
    return rows


def _series(history: TelemetryHistory) -> Iterator[tuple[str, list[float | None]]]:
    def known(name: str) -> Values:
        return history.values.get(name) or (None,) * len(history.times)

    yield "cpu_utilization_percentage", list(known("cpu/utilization_percent"))
    used, total = known("memory/used_bytes"), known("memory/total_bytes")
    yield "system_memory_usage_megabytes", _with(_megabytes, used)
    yield "system_memory_usage_percentage", _with(_percent, used, total)
    used, total = known("disk/used_bytes"), known("disk/total_bytes")
    yield "disk_usage_megabytes", _with(_megabytes, used)
    yield "disk_usage_percentage", _with(_percent, used, total)
    yield "disk_available_megabytes", _with(lambda part, whole: (whole - part) / MEGABYTE, used, total)
    yield "network_receive_megabytes", _summed(history.times, known("net/in_bytes_per_s"))
    yield "network_transmit_megabytes", _summed(history.times, known("net/out_bytes_per_s"))
    for card in _cards(history):
        used, total = known(f"gpu/{card}/memory_used_bytes"), known(f"gpu/{card}/memory_total_bytes")
        power, limit = known(f"gpu/{card}/power_w"), known(f"gpu/{card}/power_limit_w")
        yield f"gpu_{card}_memory_usage_megabytes", _with(_megabytes, used)
        yield f"gpu_{card}_memory_usage_percentage", _with(_percent, used, total)
        yield f"gpu_{card}_utilization_percentage", list(known(f"gpu/{card}/utilization_percent"))
        yield f"gpu_{card}_power_usage_watts", list(power)
        yield f"gpu_{card}_power_usage_percentage", _with(_percent, power, limit)


def _cards(history: TelemetryHistory) -> list[int]:
    found = (CARD.fullmatch(name) for name in history.values)
    return sorted({int(match[1] or match[2]) for match in found if match})


def _with(what: Callable[..., float | None], *columns: Values) -> list[float | None]:
    return [None if None in row else what(*row) for row in zip(*columns, strict=True)]


def _megabytes(value: float) -> float:
    return value / MEGABYTE


def _percent(part: float, whole: float) -> float | None:
    return 100.0 * part / whole if whole else None


def _summed(times: Sequence[float], rates: Values) -> list[float | None]:
    """Megabytes since the first sample; a silence counts with the rate after it, as a counter would show."""
    total, before = 0.0, times[0] if times else 0.0
    found: list[float | None] = []
    for time, rate in zip(times, rates, strict=True):
        if rate is None:
            found.append(None)
            continue
        total += rate * (time - before) / MEGABYTE
        before = time
        found.append(total)
    return found if any(rate is not None for rate in rates) else [None] * len(times)
