"""Distributions over bins of unequal width, drawn equally wide: each bar is one bin, the borders stand below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from console.charts import format as fmt
from console.charts.header import Entry
from console.charts.plain import DistributionChart


class BinnedChart(DistributionChart):
    """`set_bins(lower_edges, reference, current)`: shares are comparable from bar to bar, whatever a bin's width.

    A histogram whose bins grow with the value would show tall bars only because its bins are wide.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        self._lower: list[float] = []
        self._upper: float | None = None
        super().__init__(*args, **more)

    def set_bins(
        self,
        lower: Sequence[float],
        reference: ArrayLike | None,
        current: ArrayLike | None,
        names: tuple[str, str] | None = None,
        upper: float | None = None,
        role: str = "current",
    ) -> None:
        """`lower`: one edge per bin; `upper` ends the last one, which is open without it. `role` colours the bars."""
        self._lower = [float(edge) for edge in lower]
        self._upper = upper
        self.set_histograms(np.arange(len(self._lower) + 1), reference, current, names)
        self._curves = [replace(c, role=role) if c.role == "current" else c for c in self._curves]
        self.refresh()
        self._labels = [self._span(at) for at in range(len(self._lower))]

    def _span(self, at: int) -> str:
        start = fmt.number(self._lower[at], "g")
        end = self._lower[at + 1] if at + 1 < len(self._lower) else self._upper
        return f"≥ {start}" if end is None else f"{start} – {fmt.number(end, 'g')}"

    def _set_legend(self, index: int | None) -> None:
        """A distribution has no newest value: numbers only under the pointer."""
        super()._set_legend(index)
        if index is None:
            told = self._curves if len(self._curves) > 1 else ()
            self.header.set_entries([Entry(str(at), c.name, c.role, "") for at, c in enumerate(told)])

    def _x_ticks(self, width: float) -> list[tuple[float, str]]:
        lower = self._lower
        stride = max(1, -(-len(lower) * 46 // max(1, int(width))))
        ticks = [(float(at), fmt.number(lower[at], "g")) for at in range(0, len(lower), stride)]
        if self._upper is not None and len(lower) % stride == 0:
            ticks.append((float(len(lower)), fmt.number(self._upper, "g")))
        return ticks
