"""Numbers, sizes, durations and dates as UI.md section 6 wants them read; pure text, unknown is an em dash.

Durations and dates are in the language of now, so whoever shows one asks again when the language changes.
"""

import datetime
import math
import time

from console.i18n import mark, tr

DASH = "—"
MINUS = "−"

METRICS = {
    "f1": "F1", "bleu": "BLEU", "chrf": "chrF", "rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougel": "ROUGE-L",
    "rougelsum": "ROUGE-Lsum", "mrr": "MRR", "ndcg": "nDCG", "r2": "R²", "mae": "MAE", "mse": "MSE", "rmse": "RMSE",
    "auc": "AUC", "roc_auc": "ROC AUC", "em": "exact match", "mlm_loss": "MLM loss", "mlm_accuracy": "MLM accuracy",
    "nsp_loss": "NSP loss", "nsp_accuracy": "NSP accuracy", "macro_f1": "macro F1", "micro_f1": "micro F1",
}  # fmt: skip
"""Metrics that are not called by their plain name; the same in every language."""

_SCORES = frozenset(("f1", "accuracy", "precision", "recall", "auc"))
_SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "KB"))
_MINUTE, _HOUR, _DAY = 60, 3600, 86400

MONTHS = (
    mark("Jan"), mark("Feb"), mark("Mar"), mark("Apr"), mark("May"), mark("Jun"),
    mark("Jul"), mark("Aug"), mark("Sep"), mark("Oct"), mark("Nov"), mark("Dec"),
)  # fmt: skip


def count(value: float | None) -> str:
    """8,420."""
    return DASH if value is None else f"{value:,.0f}".replace("-", MINUS)


def fixed(value: float | None, digits: int) -> str:
    """A number with so many decimals; NaN and infinities by name."""
    if value is None:
        return DASH
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else f"{MINUS}∞")
    return f"{value:,.{digits}f}".replace("-", MINUS)


def rate(value: float | None) -> str:
    """How often a second: 148.2, 0.4, and 0.03 where one decimal would say 0.0."""
    return fixed(value, 2 if value is not None and 0 < value < 0.095 else 1)


def signed(value: float | None, digits: int) -> str:
    """+0.0085 or −0.013."""
    text = fixed(value, digits)
    return f"+{text}" if value is not None and math.isfinite(value) and value > 0 else text


def metric(name: str, value: float | None) -> str:
    """Loss with 4 decimals, scores with 4, rates and norms with as many as they carry."""
    if value is None or not math.isfinite(value):
        return fixed(value, 0)
    if name.endswith("learning_rate"):
        return f"{value:.2e}".replace("e-0", "e-").replace("-", MINUS)
    if name.endswith(("loss", "accuracy", "f1", "precision", "recall", "exact_match", "mrr", "auc", "r2")):
        return fixed(value, 4)
    size = abs(value)
    return fixed(value, 0 if size >= 100 or value == int(value) else 1 if size >= 10 else 2 if size >= 1 else 4)


def metric_name(key: str, *, part: bool = True) -> str:
    """eval/f1 → "eval F1", without its `part` "F1"; the same in every language."""
    where, _, name = key.rpartition("/")
    text = METRICS.get(name.lower(), name).replace("_", " ")
    return f"{where} {text}".strip().replace("_", " ") if part else text


def higher_is_better(key: str) -> bool:
    """Scores and rates grow; losses, errors, times and sizes shrink."""
    part, _, name = key.rpartition("/")
    if name.endswith(("loss", "perplexity", "error", "mae", "mse", "_bytes", "_ms", "seconds")) or name in (
        "wer",
        "cer",
    ):
        return False
    return name in _SCORES or name.endswith("_per_s") or (part in ("eval", "test") and not name.endswith("_s"))


def energy(kwh: float | None, price: float = 0.0, currency: str = "") -> str:
    """0.12 kWh · €0.04; a small amount in Wh; the cost only where a price is known."""
    if kwh is None:
        return DASH
    amount = f"{fixed(kwh, 2 if kwh < 100 else 0)} kWh" if kwh >= 0.1 else f"{fixed(1000 * kwh, 1)} Wh"
    if price <= 0:
        return amount
    gap = " " if currency[-1:].isalpha() else ""
    return f"{amount} · {currency}{gap}{fixed(kwh * price, 2)}"


def percent(share: float | None, digits: int = 0) -> str:
    """0.52 → 52%."""
    return DASH if share is None else f"{fixed(100 * share, digits)}%"


def milliseconds(value: float | None) -> str:
    """One decimal below 100."""
    return fixed(value, 1 if value is not None and value < 100 else 0)


def size(value: float | None) -> str:
    """21 MB, 38.2 GB."""
    if value is None:
        return DASH
    for unit, name in _SIZES:
        if abs(value) >= unit:
            scaled = value / unit
            return f"{scaled:.1f} {name}" if scaled < 100 and name in ("GB", "TB") else f"{scaled:.0f} {name}"
    return f"{value:.0f} B"


def duration(seconds: float | None) -> str:
    """42 min, 1 h 52 m, 3 d 4 h: at most two units; in Chinese 42分钟, 1时52分, 3天4时."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    whole = round(max(0.0, seconds))
    if whole < _MINUTE:
        return tr("{n} s", n=whole)
    if whole < _HOUR:
        return tr("{n} min", n=whole // _MINUTE)
    return _two_units(whole)


def stopwatch(seconds: float) -> str:
    """Where on a chart: 51 s, 30 m 51 s, 1 h 52 m; minutes keep their seconds, a minus sign is kept."""
    sign, whole = (MINUS if seconds < 0 else ""), round(abs(seconds))
    if whole < _MINUTE:
        return sign + tr("{n} s", n=whole)
    if whole < _HOUR:
        minutes, rest = divmod(whole, _MINUTE)
        return sign + (tr("{minutes} m {seconds} s", minutes=minutes, seconds=rest) if rest else minutes_of(minutes))
    return sign + _two_units(whole)


def minutes_of(count: float | str) -> str:
    """10 m: a tick of an axis."""
    return tr("{n} m", n=count)


def hours_of(count: float | str) -> str:
    """1.5 h."""
    return tr("{n} h", n=count)


def days_of(count: float | str) -> str:
    """3 d."""
    return tr("{n} d", n=count)


def _two_units(whole: int) -> str:
    if whole < _DAY:
        hours, minutes = divmod(whole // _MINUTE, 60)
        return tr("{hours} h {minutes} m", hours=hours, minutes=minutes) if minutes else hours_of(hours)
    days, hours = divmod(whole // _HOUR, 24)
    return tr("{days} d {hours} h", days=days, hours=hours) if hours else days_of(days)


def seconds_exact(seconds: float | None) -> str:
    """0.42 s below ten seconds, else a duration: for measured switches and loads."""
    if seconds is None:
        return DASH
    return tr("{n} s", n=f"{seconds:.2f}") if seconds < 10 else duration(seconds)


def device(name: str | None) -> str:
    """`cuda:0` → "GPU 0"; what is not chosen yet ("auto") says nothing."""
    if not name or name == "auto":
        return ""
    return f"GPU {name.removeprefix('cuda:')}" if name.startswith("cuda:") else name.upper()


def base_model(name: str | None) -> str:
    """How a base model is called in a sentence: the starter by its name, a folder by its last part."""
    if name == "starter":
        return "all-MiniLM-L6-v2"
    if name == "scratch":
        return tr("from scratch")
    return "" if not name else name.rstrip("/\\").replace("\\", "/").rpartition("/")[2] if name[0] in "/~." else name


def age(then: float | None, now: float | None = None) -> str:
    """12 min, 41 min, 1 d: how long ago, without "ago"."""
    return DASH if then is None else duration((time.time() if now is None else now) - then)


def moment(unix: float | None, now: float | None = None) -> str:
    """14:05 today, "yesterday", 20 Nov this year, 20 Nov 2024 before."""
    if unix is None:
        return DASH
    at, today = _local(unix), _local(time.time() if now is None else now).date()
    if at.date() == today:
        return at.strftime("%H:%M")
    if at.date() == today - datetime.timedelta(days=1):
        return tr("yesterday")
    return _date(at) if at.year == today.year else _date_with_year(at)


def day_and_time(unix: float | None, now: float | None = None) -> str:
    """today 13:19, yesterday 16:02, 21 Nov 16:02, 21 Nov 2024 16:02."""
    if unix is None:
        return DASH
    at, today = _local(unix), _local(time.time() if now is None else now).date()
    hour = at.strftime("%H:%M")
    if at.date() == today:
        return tr("today {time}", time=hour)
    if at.date() == today - datetime.timedelta(days=1):
        return tr("yesterday {time}", time=hour)
    return f"{_date(at) if at.year == today.year else _date_with_year(at)} {hour}"


def day(unix: float) -> str:
    """20 Nov, whatever the year: a tick of an axis."""
    return _date(_local(unix))


def _date(at: datetime.datetime) -> str:
    # Not strftime's %b: it follows the process's locale, which the toolkit sets, not the language chosen here.
    return tr("{day} {month}", day=at.day, month=tr(MONTHS[at.month - 1]))


def _date_with_year(at: datetime.datetime) -> str:
    return tr("{day} {month} {year}", day=at.day, month=tr(MONTHS[at.month - 1]), year=at.year)


def clock(unix: float | None) -> str:
    """14:03:12."""
    return DASH if unix is None else _local(unix).strftime("%H:%M:%S")


def full_time(unix: float | None) -> str:
    """For tooltips: 2026-11-21 16:02:31."""
    return DASH if unix is None else _local(unix).strftime("%Y-%m-%d %H:%M:%S")


def _local(unix: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(unix).astimezone()
