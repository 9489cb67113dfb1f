"""What the machine says over the chosen range: history read once, live samples appended, charts and sparklines fed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from backend.contract.resources import TelemetrySample
from console.charts.extremes import spread
from console.context import Context

POINTS = 900
SPARK_POINTS = 80
HOST = {
    "cpu/utilization_percent": "cpu_percent",
    "memory/used_bytes": "memory_used_bytes",
    "disk/read_bytes_per_s": "disk_read_bytes_per_s",
    "disk/write_bytes_per_s": "disk_write_bytes_per_s",
    "net/in_bytes_per_s": "net_in_bytes_per_s",
    "net/out_bytes_per_s": "net_out_bytes_per_s",
}
GPU = ("utilization_percent", "memory_used_bytes")
NAMES = ",".join((*HOST, *(f"gpu/*/{name}" for name in GPU)))


def readings(sample: TelemetrySample) -> dict[str, float]:
    """The known values of a sample under the names of their series; a lost card has none."""
    found = {key: getattr(sample.host, name) for key, name in HOST.items()}
    for gpu in sample.gpus:
        if gpu.lost is None:
            found.update({f"gpu/{gpu.index}/{name}": getattr(gpu, name) for name in GPU})
    return {key: float(value) for key, value in found.items() if value is not None}


class Machine:
    """Series of the last `span` seconds, or of those before `end`. `group` is the chart group that follows them, once
    there is one. `oldest` is when the whole history begins, once it is known.

    `tell(error text or "")` is called when a history has come or could not be read.
    """

    def __init__(self, context: Context, span: float, tell: Callable[[str], None]) -> None:
        self._context, self._tell = context, tell
        self.span = span
        self.end: float | None = None
        self.oldest: float | None = None
        self.group: Any = None
        self._series: dict[str, tuple[list[float], list[float]]] = {}
        self._drawn: dict[str, tuple[list[float], list[float]]] = {}  # the same with extremes, for the charts
        self._shown: set[str] = set()
        self._turn = 0
        self._newest = 0.0

    @property
    def newest(self) -> float | None:
        """Unix time of the newest sample."""
        return self._newest or None

    def set_span(self, span: float) -> None:
        """Another range: the charts follow at once, the history comes."""
        self.span = span
        self._show_range()
        self.read()

    def set_end(self, end: float | None) -> None:
        """Another right edge: a unix time, or None for now."""
        self.end = end
        self._show_range()
        self.read()

    def _show_range(self) -> None:
        if self.group is None:
            return
        self.group.labels = "ago" if self.end is None else "clock"
        self.group.set_follow_span(self.span)
        if self.end is not None:
            self.group.zoom_to(self.end - self.span, self.end)

    def read(self) -> None:
        """Ask for the history of the range; replies to an earlier question are ignored."""
        self._turn += 1
        turn = self._turn
        query: dict[str, Any] = {"points": POINTS, "names": NAMES}
        if self.end is None:
            query["seconds"] = round(self.span * 1.02)
        else:
            query |= {"from": self.end - self.span, "to": self.end}
        call = self._context.link.get("/telemetry/history", query)
        call.on_reply(lambda body: self._take_history(turn, body)).on_refused(
            lambda error: self._fail(turn, error.text)
        )

    def _fail(self, turn: int, text: str) -> None:
        if turn == self._turn:
            self._tell(text)

    def _take_history(self, turn: int, body: dict[str, Any]) -> None:
        if turn != self._turn:
            return
        times = list(body.get("times") or ())
        self._series, self._drawn = {}, {}
        lows, highs = body.get("lows") or {}, body.get("highs") or {}
        for key, values in (body.get("values") or {}).items():
            known = [(time, value) for time, value in zip(times, values, strict=True) if value is not None]
            if known:
                self._series[key] = ([time for time, _ in known], [value for _, value in known])
                self._drawn[key] = spread(times, values, lows.get(key), highs.get(key))
        self.oldest = body.get("oldest")
        self._newest = times[-1] if times else 0.0
        if self.end is None:
            for sample in self._context.state.telemetry_history:
                if sample.taken_at > self._newest:
                    self._append(sample)
        self.fill_group()
        self._tell("")

    def take(self) -> None:
        """Append what the state has heard since, unless an earlier time is shown."""
        if self.end is not None:
            return
        waiting = []
        for sample in reversed(self._context.state.telemetry_history):
            if sample.taken_at <= self._newest:
                break
            waiting.append(sample)
        if self._newest and len(waiting) == self._context.state.telemetry_history.maxlen:
            self.read()  # away for so long that some were forgotten
            return
        for sample in reversed(waiting):
            for key, value in self._append(sample).items():
                if self.group is not None:
                    self.group.append(key, None, [sample.taken_at], None, [value])

    def _append(self, sample: TelemetrySample) -> dict[str, float]:
        self._newest = sample.taken_at
        values = readings(sample)
        for key, value in values.items():
            for kept in (self._series, self._drawn):
                times, known = kept.setdefault(key, ([], []))
                times.append(sample.taken_at)
                known.append(value)
                if times[0] < sample.taken_at - 1.5 * self.span:
                    cut = bisect_left(times, sample.taken_at - self.span)
                    del times[:cut], known[:cut]
        return values

    def fill_group(self) -> None:
        """Give the charts everything known."""
        if self.group is None:
            return
        for key in [*self._drawn, *(key for key in self._shown if key not in self._drawn)]:
            times, values = self._drawn.get(key, ([], []))
            self.group.set_series(key, None, times, None, values)
        self._shown = set(self._drawn)
        if self.end is not None:
            self.group.zoom_to(self.end - self.span, self.end)

    def spark(self, key: str, points: int = SPARK_POINTS) -> list[float | None]:
        """The range in equal slots, each with its mean; None where nothing was read. Slots stand still in time."""
        times, values = self._series.get(key, ([], []))
        if not times:
            return []
        width = self.span / points
        newest = self._newest if self.end is None else self.end
        last = int(newest // width)
        sums: dict[int, tuple[float, int]] = {}
        for at in range(bisect_left(times, newest - self.span), len(times)):
            slot = int(times[at] // width)
            total, count = sums.get(slot, (0.0, 0))
            sums[slot] = (total + values[at], count + 1)
        slots = (sums.get(slot) for slot in range(last - points + 1, last + 1))
        return [None if entry is None else entry[0] / entry[1] for entry in slots]

    def mean(self, key: str) -> float:
        """Over the range; 0 when unknown."""
        _, values = self._series.get(key, ([], []))
        return sum(values) / len(values) if values else 0.0
