"""The bins everybody counts in: reference profiles of versions and sums of request windows. No heavy import.

The gateway counts its requests in these bins, registration writes a version's profile.json in them, the watch compares.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from backend.contract.events import RequestWindow

LENGTH_EDGES: tuple[int, ...] = (
    *range(0, 32, 4),
    *range(32, 64, 8),
    *range(64, 128, 16),
    *range(128, 256, 32),
    *(256, 320, 384, 448, 512, 768, 1024, 2048, 4096),
)
"""Lower edges in tokens: bin i counts edge[i] <= length < edge[i+1]; the last bin has no upper end."""

SHARE_BINS = 20
"""Equal bins over 0..1 for scores and unknown shares; 1.0 belongs to the last."""

Profile = dict[str, Any]
"""Keys: items, labels, score_histogram, length_histogram, unknown_share_histogram, length_edges; whole counts."""


def bin_lengths(lengths: Iterable[float]) -> list[int]:
    """Counts per bin of LENGTH_EDGES; a negative length counts as 0."""
    counts = [0] * len(LENGTH_EDGES)
    for length in lengths:
        counts[max(bisect_right(LENGTH_EDGES, length) - 1, 0)] += 1
    return counts


def bin_shares(values: Iterable[float], bins: int = SHARE_BINS) -> list[int]:
    """Counts of numbers of 0..1 in equal bins; what lies outside goes to the nearest end, NaN is left out."""
    counts = [0] * bins
    for value in values:
        if not math.isnan(value):
            # a little more than nothing is added so that 0.15 / 0.05 = 2.999… falls where a person expects it
            counts[min(max(int(value * bins + 1e-9), 0), bins - 1)] += 1
    return counts


def empty_profile() -> Profile:
    """A profile that has seen nothing; adding to it is the start of every sum."""
    return {
        "items": 0,
        "labels": {},
        "score_histogram": [0] * SHARE_BINS,
        "length_histogram": [0] * len(LENGTH_EDGES),
        "unknown_share_histogram": [0] * SHARE_BINS,
        "length_edges": list(LENGTH_EDGES),
    }


def build_profile(
    lengths: Iterable[float], unknown_shares: Iterable[float], labels: Iterable[str], scores: Iterable[float]
) -> Profile:
    """The reference profile of a version: token lengths before any cut, unknown-token shares, predicted labels, scores.

    Take held-out rows (validation or test): a model is surer of what it was trained on, so live traffic would look
    like drift.
    The four may have different counts; `items` is the number of lengths.
    """
    lengths = list(lengths)
    named: dict[str, int] = {}
    for label in labels:
        named[label] = named.get(label, 0) + 1
    return {
        **empty_profile(),
        "items": len(lengths),
        "labels": named,
        "score_histogram": bin_shares(scores),
        "length_histogram": bin_lengths(lengths),
        "unknown_share_histogram": bin_shares(unknown_shares),
    }


def merge_windows(windows: Iterable[RequestWindow]) -> Profile:
    """The sum of request windows as a profile. A window without a histogram adds nothing to that histogram."""
    total = empty_profile()
    for window in windows:
        total["items"] += window.items
        for label, count in window.labels.items():
            total["labels"][label] = total["labels"].get(label, 0) + count
        for key in ("score_histogram", "length_histogram", "unknown_share_histogram"):
            total[key] = add_counts(total[key], getattr(window, key))
    return total


def add_counts(left: Sequence[int], right: Sequence[int]) -> list[int]:
    """Bin by bin; the shorter one is filled up with zeros."""
    size = max(len(left), len(right))
    filled = [[*part, *[0] * (size - len(part))] for part in (left, right)]
    return [a + b for a, b in zip(*filled, strict=True)]


def share_edges(bins: int = SHARE_BINS) -> tuple[float, ...]:
    """Lower edges of the equal bins over 0..1."""
    return tuple(round(index / bins, 6) for index in range(bins))


def median(counts: Sequence[int], edges: Sequence[float], upper: float | None = None) -> float | None:
    """The median of binned numbers, linear inside its bin; None without any. `upper` ends the last bin."""
    total = sum(counts)
    if total <= 0:
        return None
    before = 0
    for index, count in enumerate(counts):
        if count and before + count >= total / 2:
            low = edges[index]
            high = edges[index + 1] if index + 1 < len(edges) else (low if upper is None else upper)
            return low + (high - low) * (total / 2 - before) / count
        before += count
    return float(edges[-1])


def label_shares(labels: Mapping[str, int]) -> dict[str, float]:
    """Counts as shares of their sum; empty when there are none."""
    total = sum(labels.values())
    return {label: count / total for label, count in labels.items()} if total else {}
