"""Curves as inline SVG: coloured by classes, so that one picture serves both themes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from backend.contract.resources import RunEvent, SeriesData
from backend.contract.texts import Say
from backend.services.report_parts import EVENT_WORDS, digits, safe

WIDTH, HEIGHT = 560, 210
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 10, 24
ROLES = ("s1-blue", "s2-orange", "s3-teal", "s4-magenta", "s5-yellow", "s6-violet", "s7-slate")
MARKED = frozenset(("checkpoint", "evaluation", "pause", "resume", "warning", "alert", "note", "stop"))
MOST_MARKS = 60


@dataclass(frozen=True)
class Curve:
    """One series with the role of its colour."""

    name: str
    role: str
    data: SeriesData


@dataclass(frozen=True)
class _Scale:
    """From values to pixels of the plot."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        span = self.high - self.low
        share = 0.5 if span <= 0 else (value - self.low) / span
        return round(self.start + share * (self.end - self.start), 2)


def draw(curves: Sequence[Curve], events: Sequence[RunEvent], first: int, last: int, say: Say) -> str:
    """An <svg> over the steps first…last: axes, event lines, curves, a mark for every point that is not finite."""
    values = [v for curve in curves for v in curve.data.values if v is not None and math.isfinite(v)]
    x = _Scale(first, last, LEFT, WIDTH - RIGHT)
    low, high = _padded(min(values, default=0.0), max(values, default=1.0))
    y = _Scale(low, high, HEIGHT - BOTTOM, TOP)
    lasts = ((curve.name[:60], digits(last_of(curve.data))) for curve in curves)
    spoken = "; ".join(say("{name}: last {value}", name=name, value=value) for name, value in lasts)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{safe(spoken)}">',
        *_axes(x, y),
        *_marks(events, x, say),
    ]
    for curve in curves:
        parts += _curve(curve, x, y)
    return "".join((*parts, "</svg>"))


def last_of(data: SeriesData) -> float | None:
    """The newest value."""
    return data.values[-1] if data.values else None


def _padded(low: float, high: float) -> tuple[float, float]:
    span = high - low
    if not math.isfinite(span):  # the extremes of floats: halve before subtracting
        return low, high
    pad = span * 0.05 if span > 0 else abs(high) * 0.1 or 1.0
    return low - pad, high + pad


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round values within a range, about so many."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    if not power:
        return [low, high]
    for factor in (10, 5, 2.5, 2, 1, 0.5):
        step = power * factor
        first = math.ceil(low / step)
        found = [n * step for n in range(first, first + count * 5) if n * step <= high]
        if len(found) >= max(3, count - 1):
            break
    return found


def _axes(x: _Scale, y: _Scale) -> list[str]:
    parts = []
    for value in ticks(y.low, y.high, 4):
        row = y.at(value)
        parts.append(f'<path class="grid" d="M{LEFT} {row}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{row + 4}" text-anchor="end">{digits(value)}</text>')
    for value in ticks(x.low, x.high, 6):
        if value == int(value):
            anchor = "end" if x.at(value) > WIDTH - 40 else "middle"
            parts.append(f'<text x="{x.at(value)}" y="{HEIGHT - 7}" text-anchor="{anchor}">{int(value):,}</text>')
    return parts


def _marks(events: Sequence[RunEvent], x: _Scale, say: Say) -> list[str]:
    shown = [e for e in events if e.kind in MARKED and e.step is not None and x.low <= e.step <= x.high]
    return [
        f'<path class="mark {safe(event.kind)}" d="M{x.at(event.step or 0)} {TOP}V{HEIGHT - BOTTOM}">'
        f"<title>{safe(f'{say(EVENT_WORDS.get(event.kind, event.kind))}: {say.said(event.text)[:200]}')}</title></path>"
        for event in shown[:MOST_MARKS]
    ]


def _curve(curve: Curve, x: _Scale, y: _Scale) -> list[str]:
    """Lines between finite points; what is not finite lifts the pen and stands as a cross at the lower edge."""
    lines: list[list[str]] = [[]]
    odd = []
    for step, value in zip(curve.data.steps, curve.data.values, strict=True):
        if value is None or not math.isfinite(value):
            lines.append([])
            if value is not None:
                odd.append((x.at(step), value))
            continue
        lines[-1].append(f"{x.at(step)} {y.at(value)}")
    parts = [
        f'<path class="line {curve.role}" d="M{"L".join(line)}"/>'
        if len(line) > 1
        else f'<circle class="dot {curve.role}" cx="{line[0].split()[0]}" cy="{line[0].split()[1]}" r="2"/>'
        for line in lines
        if line
    ]
    bottom = HEIGHT - BOTTOM - 4
    parts += [
        f'<path class="odd" d="M{at - 3} {bottom - 3}l6 6m0 -6l-6 6"><title>{digits(value)}</title></path>'
        for at, value in odd[:200]
    ]
    return parts
