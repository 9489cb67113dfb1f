"""Numbers, durations and tick positions as a reader expects them. No widgets."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Sequence

from console.i18n import tr
from console.words import day, days_of, hours_of, minutes_of

MINUS = "−"
DASH = "—"

_MANTISSAS = (1.0, 2.0, 2.5, 4.0, 5.0, 10.0)
_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800)


def number(value: float | None, style: str = "") -> str:
    """A value for a header. `style` is a format such as `.4f`, or `sci`, `percent`, `ms`; empty: automatic."""
    if value is None or math.isnan(value):
        return DASH if value is None else "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if style == "sci":
        return _scientific(value, 2)
    if style == "ms":
        style = ",.0f" if abs(value) >= 100 else ".1f"
    if style == "percent":
        return f"{value:.0f}%"
    text = format(value, style) if style else _automatic(value)
    return text.replace("-", MINUS)


def _automatic(value: float) -> str:
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1e9 or size < 1e-3:
        return _scientific(value, 2)
    if size >= 1000:
        return f"{value:,.0f}"
    return format(value, ".0f" if size >= 100 else ".1f" if size >= 10 else ".2f" if size >= 1 else ".4f")


def _scientific(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa and digits == 0 else mantissa
    return f"{mantissa}e{int(exponent)}".replace("-", MINUS)


def nice_step(span: float, most: int) -> float:
    """The smallest 1, 2, 2.5, 4 or 5 × 10ⁿ that cuts `span` into at most `most` parts."""
    raw = span / max(1, most)
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    return next((m * power for m in _MANTISSAS if m * power >= raw * (1 - 1e-9)), 10 * power)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round positions inside [low, high], at most `most` + 1 of them."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return []
    return _multiples(low, high, nice_step(high - low, most))


def _multiples(low: float, high: float, step: float) -> list[float]:
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [0.0 if i == 0 else i * step for i in range(first, min(last, first + 60) + 1)]


def y_ticks(low: float, high: float, most: int, least: int = 3) -> list[float]:
    """Three to five round positions: the coarsest step that gives at least `least`, else the most that fit."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return []
    step = nice_step(high - low, 1)
    best: list[float] = []
    for _ in range(12):
        found = _multiples(low, high, step)
        if len(found) > most:
            break
        best = found if len(found) > len(best) else best
        if len(found) >= least:
            break
        step = _finer(step)
    return best or _multiples(low, high, step)[:: max(1, most)]


def _finer(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step) + 1e-9)
    mantissa = step / power
    smaller = [m for m in _MANTISSAS if m < mantissa * (1 - 1e-9)]
    return smaller[-1] * power if smaller else power / 2.0


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Whole decades inside [low, high] (in log10); with fewer than two, also 2 and 5 times each."""
    decades = [float(d) for d in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)]
    if len(decades) >= 2:
        return decades[:: max(1, -(-len(decades) // max(1, most)))]
    fine = [d + math.log10(m) for d in range(math.floor(low), math.ceil(high) + 1) for m in (1, 2, 5)]
    inside = [t for t in fine if low <= t <= high]
    return inside if len(inside) >= 2 else [math.log10(v) for v in ticks(10**low, 10**high, 4) if v > 0]


def time_ticks(low: float, high: float, most: int, offset: float = 0.0) -> list[float]:
    """Positions at whole seconds, minutes, hours or days of `position + offset`."""
    raw = (high - low) / max(1, most)
    if raw < 1:
        return ticks(low, high, most)
    step = next((s for s in _SECONDS if s >= raw), 604800 * math.ceil(raw / 604800))
    return [t - offset for t in _multiples(low + offset, high + offset, float(step))]


def tick_labels(values: Sequence[float], unit: str = "") -> list[str]:
    """Labels of one axis, all with the same number of digits: 0 2k 4k, 0 0.2 0.4, 0 1e−4 2e−4."""
    largest = max((abs(v) for v in values), default=0.0)
    if largest >= 1000:
        factor, suffix = (1e9, "G") if largest >= 2e9 else (1e6, "M") if largest >= 1e6 else (1e3, "k")
        digits = _digits([v / factor for v in values])
        return [number(v / factor, f".{digits}f") + suffix if v else "0" for v in values]
    if 0 < largest < 1e-2:
        digits = (
            0 if all(float(f"{v:.0e}") == v or math.isclose(float(f"{v:.0e}"), v, rel_tol=1e-6) for v in values) else 1
        )
        return [_scientific(v, digits) for v in values]
    digits = _digits(values)
    return [("0" if v == 0 else number(v, f".{digits}f")) + (unit if v else "") for v in values]


def width(text: str) -> float:
    """About how wide a label is, in pixels at 11 px; digits are all as wide as each other."""
    return sum(3.4 if character in ".," else 7.0 for character in text)


def _digits(values: Sequence[float]) -> int:
    return next((d for d in range(7) if all(abs(round(v, d) - v) < 10.0 ** (-d) * 1e-3 for v in values)), 7)


def log_labels(values: Sequence[float]) -> list[str]:
    """Labels for positions given as log10."""
    return [number(10**v, "g") if -3 <= v < 4 else _scientific(10**v, 0) for v in values]


def elapsed_label(seconds: float, step: float) -> str:
    """A tick of an elapsed-time axis: 0, 30 s, 10 m, 1.5 h."""
    if seconds == 0:
        return "0"
    if step < 60 and abs(seconds) < 60:
        return tr("{n} s", n=number(seconds, "g"))
    size, named = (
        (86400, days_of) if step >= 43200 else
        (3600, hours_of) if step >= 900 and abs(seconds) >= 3600 else
        (60, minutes_of)
    )  # fmt: skip
    return named(number(round(seconds / size, 2), "g"))


def clock_label(unix: float, step: float) -> str:
    """A tick of a wall-clock axis in local time: 13:05, 13:05:30 or 16 Nov."""
    at = clock.localtime(unix)
    if step >= 43200:
        return day(unix)
    return clock.strftime("%H:%M:%S" if step < 60 else "%H:%M", at)
