"""The population stability index: the symmetric Kullback–Leibler divergence of two binned distributions."""

import math
from collections.abc import Sequence

from backend.drift.bins import chance_floor, smoothed_shares
from backend.drift.detector import Comparison, enough


class PopulationStability:
    """PSI = Σ (c − r) · ln(c / r) over the bins, shares c of current, r of reference (Siddiqi 2006, "Credit Risk
    Scorecards").

    0 for equal shares; custom reads below 0.1 as stable and from 0.2 (or 0.25) as a shift. Half an observation is
    added to each bin.
    """

    name = "psi"

    def compare(self, reference: Sequence[int], current: Sequence[int], minimum: int) -> Comparison:
        if not enough(reference, current, minimum):
            return Comparison(None)
        shares = zip(smoothed_shares(reference), smoothed_shares(current), strict=True)
        score = sum((new - old) * math.log(new / old) for old, new in shares)
        return Comparison(score, chance_floor(len(reference), sum(reference), sum(current)))

    def equivalent_limit(self, psi_limit: float) -> float:
        return psi_limit
