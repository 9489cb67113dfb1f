"""Tables and lines for people. Text from elsewhere is shown without anything a terminal would obey."""

import math
import time
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

WIDEST = 44


def plain(value: Any) -> str:
    """One line without control, ANSI or bidirectional characters."""
    return "".join("·" if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs") else c for c in str(value))


def number(value: Any) -> str:
    """A short number; a dash for unknown, the three odd ones by name."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def when(seconds: float | None) -> str:
    """Local time of a unix time."""
    return "–" if not seconds else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def size(count: int | None) -> str:
    """Bytes for people."""
    if count is None:
        return "–"
    value, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]], empty: str = "nothing") -> str:
    """Columns as wide as their widest cell, cut at 44 characters."""
    lines = [[_cut(plain(cell)) for cell in row] for row in rows]
    if not lines:
        return f"({empty})"
    widths = [max(len(headers[i]), *(len(line[i]) for line in lines)) for i in range(len(headers))]
    every = [list(headers), ["─" * width for width in widths], *lines]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in every
    )


def facts(pairs: Iterable[tuple[str, Any]]) -> str:
    """Name and value lines."""
    known = [(name, plain(value)) for name, value in pairs]
    width = max((len(name) for name, _ in known), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in known)


def _cut(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"
