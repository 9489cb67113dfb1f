"""All series of a page: history and live batches, and a step for samples that only know their time. No Qt."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from console.charts.series import AXES, Axis, Series


class SeriesStore:
    """Series by key. The longest series that knows step and time is the reference that places the others."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}
        self.true_counts: dict[str, int] = {}
        self.steps_per_epoch: float | None = None
        self._reference: str | None = None
        self._details: dict[str, Series] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._series and len(self._series[key]) > 0

    def names(self) -> list[str]:
        """Keys in the order they first came."""
        return [key for key, series in self._series.items() if len(series)]

    def get(self, key: str) -> Series | None:
        series = self._series.get(key)
        return series if series is not None and len(series) else None

    def set_detail(
        self, key: str, steps: ArrayLike | None, times: ArrayLike | None, epochs: ArrayLike | None, values: ArrayLike
    ) -> None:
        """Keep a finer part of a key, fetched after a zoom; the part before it is dropped."""
        self._details[key] = Series(capacity=np.size(values))
        self._details[key].extend(steps, times, epochs, values)

    def best(self, key: str, axis: Axis, low: float, high: float) -> Series | None:
        """The series to draw in [low, high]: the finer part when it covers the window, else the whole series."""
        whole, detail = self.get(key), self._details.get(key)
        if whole is None:
            return None
        self.place(whole)
        if detail is None or not len(detail):
            return whole
        self.place(detail)
        covered, known = detail.reach(axis), whole.reach(axis)
        if covered is None or known is None:
            return whole
        fits = covered[0] <= max(low, known[0]) and covered[1] >= min(high, known[1])
        return detail if fits else whole

    def replace(
        self, key: str, steps: ArrayLike | None, times: ArrayLike | None, epochs: ArrayLike | None, values: ArrayLike
    ) -> None:
        """Give a key its history; what it held before is dropped."""
        self._series[key] = Series(capacity=max(1024, 2 * np.size(values)))
        self._details.pop(key, None)
        if key == self._reference:
            self._reference = None
        self.append(key, steps, times, epochs, values)

    def append(
        self, key: str, steps: ArrayLike | None, times: ArrayLike | None, epochs: ArrayLike | None, values: ArrayLike
    ) -> None:
        """Append a live batch."""
        series = self._series.setdefault(key, Series())
        series.extend(steps, times, epochs, values)
        if steps is not None and times is not None:
            best = self._series.get(self._reference or "")
            if best is None or len(series) > len(best):
                self._reference = key

    @property
    def reference(self) -> Series | None:
        """The series that knows both step and time, or None."""
        return self._series.get(self._reference) if self._reference else None

    def place(self, series: Series) -> None:
        """Fill unknown steps and epochs of `series`; samples newer than the reference are placed again later."""
        start = series.placed
        if start >= len(series):
            return
        settled = self._place_steps(series, start) if series.timed else len(series)
        self._place_epochs(series, start)
        series.placed = settled

    def _place_steps(self, series: Series, start: int) -> int:
        reference = self.reference
        if reference is None or reference is series:
            return start
        ref_time = reference.column("time")
        time = series.column("time")[start:]
        series.column("step")[start:] = np.interp(time, ref_time, reference.column("step"))
        series.column("epoch")[start:] = np.nan
        series.invalidate()
        # np.interp holds the last step for what is newer: right for now, placed again when the next step is logged
        return start + int(np.searchsorted(time, ref_time[-1], side="right"))

    def _place_epochs(self, series: Series, start: int) -> None:
        step, epoch = series.column("step")[start:], series.column("epoch")[start:]
        unknown = ~np.isfinite(epoch)
        if not unknown.any():
            return
        if self.steps_per_epoch:
            epoch[unknown] = step[unknown] / self.steps_per_epoch
            return
        reference = self.reference
        if reference is None or reference is series:
            return
        known = np.isfinite(reference.column("epoch"))
        if known.any():
            guessed = np.interp(step, reference.column("step")[known], reference.column("epoch")[known])
            epoch[unknown] = guessed[unknown]

    # -- positions -------------------------------------------------------------------------------------------

    def reach(self, axis: Axis) -> tuple[float, float] | None:
        """The span all series cover on an axis."""
        spans = []
        for series in self._series.values():
            self.place(series)
            span = series.reach(axis)
            if span is not None:
                spans.append(span)
        return (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else None

    def position(self, axis: Axis, at: float) -> dict[Axis, float]:
        """Step, epoch and time near a position of one axis; unknown ones are left out."""
        series = self.reference or next((s for s in self._series.values() if len(s)), None)
        if series is None:
            return {axis: at}
        self.place(series)
        x = series.column(axis)
        found: dict[Axis, float] = {axis: at}
        known = np.isfinite(x)
        if not known.any():
            return found
        for other in AXES:
            y = series.column(other)
            both = known & np.isfinite(y)
            if other != axis and both.any():
                found[other] = float(np.interp(at, x[both], y[both]))
        return found
