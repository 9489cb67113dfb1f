"""Tables of a report, and how any text becomes harmless HTML."""

import html
import json
import math
import time
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from backend.contract.events import Evaluation
from backend.contract.texts import Say, mark

LONGEST = 2_000

MONTHS = (
    mark("Jan"), mark("Feb"), mark("Mar"), mark("Apr"), mark("May"), mark("Jun"),
    mark("Jul"), mark("Aug"), mark("Sep"), mark("Oct"), mark("Nov"), mark("Dec"),
)  # fmt: skip

STATE_WORDS = {
    "queued": mark("Queued"), "preparing": mark("Preparing"), "running": mark("Running"), "pausing": mark("Pausing"),
    "paused": mark("Paused"), "stopping": mark("Stopping"), "stopped": mark("Stopped"), "completed": mark("Finished"),
    "failed": mark("Failed"), "interrupted": mark("Interrupted"),
}  # fmt: skip

EVENT_WORDS = {
    "state": mark("state"), "checkpoint": mark("checkpoint"), "evaluation": mark("evaluation"),
    "settings": mark("settings"), "fork": mark("fork"), "pause": mark("pause"), "resume": mark("resume"),
    "warning": mark("warning"), "alert": mark("alert"), "error": mark("error"), "note": mark("note"),
    "stop": mark("stop"), "model_saved": mark("model saved"),
}  # fmt: skip


def safe(text: Any, longest: int = LONGEST) -> str:
    """Escaped for text and attributes; what a reader cannot see (control, bidirectional) becomes a dot."""
    plain = "".join("·" if _hidden(c) else c for c in str(text)[:longest])
    return html.escape(plain, quote=True) + ("…" if len(str(text)) > longest else "")


def _hidden(char: str) -> bool:
    return char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Cs")


def digits(value: Any) -> str:
    """A short number; a dash for unknown, the odd ones by name."""
    if value is None:
        return "—"
    if isinstance(value, bool | str):
        return safe(value)
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"
    return f"{value:.4g}".replace("-", "−") if value else "0"


def moment(seconds: float | None, say: Say) -> str:
    """25 Nov 2026 16:02:11 UTC, or as the language writes a date."""
    if seconds is None or not -6e10 < seconds < 2e11:
        return "—"
    at = time.gmtime(seconds)
    date = say("{day} {month} {year}", day=at.tm_mday, month=say(MONTHS[at.tm_mon - 1]), year=at.tm_year)
    return f"{date} {time.strftime('%H:%M:%S', at)} UTC"


def duration(seconds: float | None, say: Say) -> str:
    """1 h 23 m, 4 m 5 s, 6.7 s."""
    if seconds is None:
        return "—"
    if seconds < 60:
        return say("{n} s", n=f"{seconds:.1f}")
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return say("{hours} h {minutes} m", hours=f"{hours:,}", minutes=minutes)
    return say("{minutes} m {seconds} s", minutes=minutes, seconds=rest)


def size(count: int) -> str:
    """Bytes for people."""
    value, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"


def section(title: str, body: str, note: str = "") -> str:
    """A titled part; nothing when it is empty."""
    if not body:
        return ""
    said = f' <span class="note">{safe(note)}</span>' if note else ""
    return f"<section><h2>{safe(title)}{said}</h2>{body}</section>"


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]], *, numbers: frozenset[int] = frozenset()) -> str:
    """Rows of texts and numbers; nothing without rows. Columns in `numbers` stand to the right."""
    made = []
    for row in rows:
        cells = [
            f'<td class="n">{digits(cell)}</td>' if at in numbers else f"<td>{safe(cell)}</td>"
            for at, cell in enumerate(row)
        ]
        made.append(f"<tr>{''.join(cells)}</tr>")
    if not made:
        return ""
    head = "".join(
        f'<th scope="col"{" class=n" if at in numbers else ""}>{safe(name)}</th>' for at, name in enumerate(heads)
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(made)}</tbody></table></div>'


def leaves(value: Any, name: str = "", depth: int = 0) -> Iterable[tuple[str, str]]:
    """Nested settings as dotted names and texts."""
    if isinstance(value, dict) and value and depth < 8:
        for key, inner in value.items():
            yield from leaves(inner, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(value, str):
        yield name, value
    else:
        yield name, json.dumps(value, ensure_ascii=False, default=str)


def confusion(evaluation: Evaluation, say: Say) -> str:
    """Rows true, columns predicted, shaded by their share of the row; beside it the figures of each class."""
    labels = evaluation.labels
    if not evaluation.confusion or len(labels) != len(evaluation.confusion) or len(labels) > 40:
        return ""
    head = "".join(f'<th scope="col" class="n">{safe(label, 40)}</th>' for label in labels)
    rows = []
    for label, counts in zip(labels, evaluation.confusion, strict=True):
        total = sum(counts) or 1
        cells = "".join(f'<td class="n heat" style="--share:{100 * n / total:.0f}%">{n:,}</td>' for n in counts)
        rows.append(f'<tr><th scope="row">{safe(label, 40)}</th>{cells}</tr>')
    corner = f'<th scope="col">{safe(say("true ↓ predicted →"))}</th>'
    return f'<div class="scroll"><table class="fit"><tr>{corner}{head}</tr>{"".join(rows)}</table></div>'


def per_class(evaluation: Evaluation, say: Say) -> str:
    """Precision, recall, F1 and rows of each class."""
    names = list(dict.fromkeys(name for figures in evaluation.per_class.values() for name in figures))[:8]
    rows = [(label, *(figures.get(name) for name in names)) for label, figures in evaluation.per_class.items()]
    return table((say("Class"), *names), rows[:200], numbers=frozenset(range(1, len(names) + 1)))
