"""Arithmetic shared by the detectors: merged bins, smoothed shares, and how far chance alone would move the index."""

import math
from collections.abc import Mapping, Sequence

GROUPS = 10
"""Numeric bins are merged to about this many groups of equal reference share; ten is the customary number for the
index."""

OTHER_BELOW = 0.05
"""With more than GROUPS categories, those with a smaller reference share are counted together."""

CHANCE_Z = 3.0902
"""Standard normal quantile of 0.999: chance passes the floor once in a thousand checks."""


def merge_bins(reference: Sequence[int], current: Sequence[int], groups: int = GROUPS) -> tuple[list[int], list[int]]:
    """Both histograms over the same merged bins, whose borders follow from the reference alone.

    Bins in front of the first filled reference bin are one group, what is left after the last full group is another: so
    values that the reference never had, on either side, stay visible, also for a reference of one constant.
    """
    total = sum(reference)
    first = next((index for index, count in enumerate(reference) if count), 0)
    borders = [0, first] if first else [0]
    inside = 0
    for index in range(first, len(reference)):
        inside += reference[index]
        if inside * groups >= total > 0:
            borders.append(index + 1)
            inside = 0
    ends = [*borders[1:], max(len(reference), len(current))]
    pairs = [(start, end) for start, end in zip(borders, ends, strict=True) if end > start]
    return [sum(reference[a:b]) for a, b in pairs], [sum(current[a:b]) for a, b in pairs]


def merge_categories(reference: Mapping[str, int], current: Mapping[str, int]) -> tuple[list[int], list[int]]:
    """Counts of both in one order of names; with many names the rare ones are one category at the end."""
    names = sorted({*reference, *current}, key=lambda name: (-reference.get(name, 0), name))
    total = sum(reference.values())
    rare = [name for name in names if reference.get(name, 0) < OTHER_BELOW * total] if len(names) > GROUPS else []
    common = [name for name in names if name not in rare]
    rows = [
        ([reference.get(name, 0) for name in common], reference),
        ([current.get(name, 0) for name in common], current),
    ]
    if rare:
        for counts, source in rows:
            counts.append(sum(source.get(name, 0) for name in rare))
    return rows[0][0], rows[1][0]


def smoothed_shares(counts: Sequence[int]) -> list[float]:
    """Shares with half an observation added to each bin (Jeffreys' prior), so that an empty bin has a finite
    logarithm."""
    total = sum(counts) + 0.5 * len(counts)
    return [(count + 0.5) / total for count in counts]


def chance_floor(bins: int, reference_items: int, current_items: int) -> float:
    """The population stability index that equal distributions exceed once in a thousand samples of these sizes.

    For equal distributions the index is (1/N + 1/M) times chi-square with bins − 1 degrees of freedom (Yurdakul 2018,
    "Statistical
    properties of the population stability index"); the quantile is Wilson and Hilferty's (1931).
    """
    if bins < 2 or not reference_items or not current_items:
        return 0.0
    free = bins - 1
    quantile = free * (1 - 2 / (9 * free) + CHANCE_Z * math.sqrt(2 / (9 * free))) ** 3
    return (1 / reference_items + 1 / current_items) * quantile
