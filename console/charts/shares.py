"""Shares of a whole that is logged in parts, such as the seconds of a step, stacked. No Qt."""

from __future__ import annotations

import numpy as np

from console.charts.pyramid import Floats
from console.charts.series import Series
from console.charts.store import SeriesStore


class ShareStack:
    """Per part its share in percent and the running sum of shares, extended as the parts grow.

    Rows belong together by step; a row is taken when the first part has it, and a part that was not logged at that
    step counts as zero.
    """

    def __init__(self, parts: tuple[str, ...], others: tuple[str, ...] = ()) -> None:
        self._parts, self._others = parts, others
        self._marks: tuple[tuple[Series, int], ...] = ()  # each source and where it was thinned
        self._done = 0
        self.shares = [Series() for _ in parts]
        self.tops = [Series() for _ in parts]

    def refresh(self, store: SeriesStore) -> None:
        """Take the rows that arrived since the last call; start over when a part was replaced."""
        sources = tuple(store.get(key) for key in (*self._parts, *self._others))
        lead = sources[0]
        if lead is None:
            return
        store.place(lead)
        marks = tuple((source, source.coarse and source.history) for source in sources if source is not None)
        if marks != self._marks or len(lead) < self._done:
            self._marks, self._done = marks, 0
            self.shares = [Series() for _ in self._parts]
            self.tops = [Series() for _ in self._parts]
        stop = len(lead)
        if stop > self._done:
            self._take(lead, sources, slice(self._done, stop))
            self._done = stop

    def _take(self, lead: Series, sources: tuple[Series | None, ...], rows: slice) -> None:
        step = lead.column("step")[rows]
        columns = [_at_steps(source, step, rows) for source in sources]
        whole = np.sum(columns, axis=0)
        top = np.zeros(len(step))
        for i in range(len(self._parts)):
            with np.errstate(divide="ignore", invalid="ignore"):
                share = np.where(whole > 0, 100.0 * columns[i] / whole, np.nan)
            top = top + share
            place = (step, lead.column("time")[rows], lead.column("epoch")[rows])
            self.shares[i].extend(*place, share)
            self.tops[i].extend(*place, top)


def _at_steps(source: Series | None, step: Floats, rows: slice) -> Floats:
    """The source's values at the given steps: by position when the columns agree, else by search; missing is 0.

    Each key is thinned by its own extremes, so the steps of thinned series differ: these are read between their points.
    """
    if source is None:
        return np.zeros(len(step))
    own = source.column("step")
    if len(own) >= rows.stop and np.array_equal(own[rows], step):
        found = source.values[rows]
    elif source.coarse:
        found = np.interp(step, own, source.values, left=0.0, right=0.0)
    else:
        at = np.clip(np.searchsorted(own, step), 0, len(own) - 1)
        found = np.where(own[at] == step, source.values[at], 0.0)
    return np.where(np.isfinite(found), found, 0.0)
