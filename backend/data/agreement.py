"""Whether two answers of a model are the same, within what another batch or device may change."""

from typing import Any


def first_difference(wanted: Any, got: Any, tolerance: float, where: str = "output") -> str | None:
    """Where two answers differ, numbers by more than the tolerance; None when they agree."""
    if isinstance(wanted, bool) or not isinstance(wanted, int | float):
        if isinstance(wanted, dict) and isinstance(got, dict) and wanted.keys() == got.keys():
            pairs = [(f"{where}.{key}", wanted[key], got[key]) for key in wanted]
        elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
            pairs = [(f"{where}[{at}]", one, other) for at, (one, other) in enumerate(zip(wanted, got, strict=True))]
        else:
            return None if wanted == got else f"{where}: expected {wanted!r:.80}, got {got!r:.80}"
        found = (first_difference(one, other, tolerance, place) for place, one, other in pairs)
        return next((text for text in found if text), None)
    if isinstance(got, int | float) and not isinstance(got, bool) and abs(wanted - got) <= tolerance:
        return None  # NaN is not within any tolerance
    return f"{where}: expected {wanted!r:.20}, got {got!r:.20}, allowed are {tolerance:.0e}"
