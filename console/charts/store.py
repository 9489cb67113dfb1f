"""All series of a page: history and live batches, and a step for samples that only know their time. No Qt."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from console.charts.series import AXES, MOST_POINTS, Axis, Series


class SeriesStore:
    """Series by key. The longest series that knows step and time is the reference that places the others."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}
        self.true_counts: dict[str, int] = {}
        self.steps_per_epoch: float | None = None
        self._reference: str | None = None
        self._details: dict[str, Series] = {}
        self._growing: set[str] = set()  # keys whose finer part reaches the newest point
        self.silence_s = 0.0  # a hole in series to come, while they are too short to tell; 0: not known
        self.backdrop: set[str] = set()  # keys that are only compared with: they do not say how far the run is

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
        """Keep a finer part of a key, fetched after a zoom; the part before it is dropped.

        One that reaches the newest point grows with the live batches.
        """
        fine = self._details[key] = Series(capacity=2 * np.size(values), silence_s=self.silence_s)
        fine.extend(steps, times, epochs, values)
        fine.history = len(fine)
        whole = self.get(key)
        newest = whole is not None and len(fine) and fine.column("time")[-1] >= whole.column("time")[-1]
        self._growing.add(key) if newest else self._growing.discard(key)

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
        count = np.size(values)
        self._series[key] = Series(max(1024, 2 * count), max(MOST_POINTS, 2 * count), self.silence_s)
        self._details.pop(key, None)
        self._growing.discard(key)
        self.true_counts.pop(key, None)
        if key == self._reference:
            self._reference = None
        self.append(key, steps, times, epochs, values)
        self._series[key].history = len(self._series[key])

    def append(
        self, key: str, steps: ArrayLike | None, times: ArrayLike | None, epochs: ArrayLike | None, values: ArrayLike
    ) -> None:
        """Append a live batch."""
        series = self._series.setdefault(key, Series(silence_s=self.silence_s))
        series.extend(steps, times, epochs, values)
        if key in self.true_counts:
            self.true_counts[key] += np.size(values)
        elif series.coarse:
            self.true_counts[key] = series.total
        if key in self._growing:
            self._details[key].extend(steps, times, epochs, values)
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

    def learn_counts(self, counts: dict[str, int]) -> None:
        """How many points the backend has of each key; a series with fewer was thinned."""
        self.true_counts.update(counts)
        for key, count in counts.items():
            series = self._series.get(key)
            if series is not None and count > len(series):
                series.coarse = True

    # -- positions -------------------------------------------------------------------------------------------

    def reach(self, axis: Axis) -> tuple[float, float] | None:
        """The span all series but the backdrop cover on an axis."""
        spans = []
        for key, series in self._series.items():
            if key in self.backdrop:
                continue
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
        found: dict[Axis, float] = {axis: at}
        index = series.nearest(axis, at)
        if index is None:
            return found
        x = series.column(axis)
        # the neighbour on the other side of `at`, so that a position between two points lies between their values
        other_end = min(index + 1, len(series) - 1) if at >= x[index] else max(index - 1, 0)
        ends = sorted((index, other_end), key=lambda i: float(x[i]))
        if not np.isfinite(x[ends]).all():
            return found
        for other in AXES:
            y = series.column(other)[ends]
            if other == axis:
                continue
            if np.isfinite(y).all():
                found[other] = float(np.interp(at, x[ends], y))
            elif np.isfinite(series.column(other)[index]):
                found[other] = float(series.column(other)[index])
        return found
