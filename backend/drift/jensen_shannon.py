"""The Jensen–Shannon distance: bounded by 0 and 1, so that very different features can be put side by side."""

import math
from collections.abc import Sequence

from backend.drift.bins import chance_floor, smoothed_shares
from backend.drift.detector import Comparison, enough


def _divergence_bits(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(a * math.log2(a / b) for a, b in zip(left, right, strict=True) if a > 0)


def _from_psi(psi: float) -> float:
    """For small moves PSI ≈ Σ(c−r)²/m and the divergence ≈ Σ(c−r)²/8m nats, m the mean share; the distance is its
    root in bits."""
    return math.sqrt(psi / 8 / math.log(2))


class JensenShannon:
    """The square root of ½·KL(r‖m) + ½·KL(c‖m) in bits with m = (r + c) / 2 (Lin 1991; Endres and Schindelin 2003: a
    metric)."""

    name = "js"

    def compare(self, reference: Sequence[int], current: Sequence[int], minimum: int) -> Comparison:
        if not enough(reference, current, minimum):
            return Comparison(None)
        old, new = smoothed_shares(reference), smoothed_shares(current)
        middle = [(a + b) / 2 for a, b in zip(old, new, strict=True)]
        divergence = (_divergence_bits(old, middle) + _divergence_bits(new, middle)) / 2
        floor = _from_psi(chance_floor(len(reference), sum(reference), sum(current)))
        return Comparison(math.sqrt(max(divergence, 0.0)), floor)

    def equivalent_limit(self, psi_limit: float) -> float:
        return _from_psi(psi_limit)
