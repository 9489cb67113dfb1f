"""The four features of a text endpoint: traffic against the reference of the live version, as numbers and in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from backend.contract.resources import FeatureDrift
from backend.drift.bins import merge_bins, merge_categories
from backend.drift.catalogue import DETECTORS
from backend.drift.detector import Comparison
from backend.drift.profile import LENGTH_EDGES, Profile, label_shares, median, share_edges

Side = Literal["input", "prediction"]


@dataclass(frozen=True, slots=True)
class Feature:
    """Where a feature lies in a profile and what it is called. Without edges it is the labels."""

    name: str
    title: str
    unit: str
    side: Side
    key: str
    edges: tuple[float, ...] = ()
    upper: float | None = None


FEATURES: tuple[Feature, ...] = (
    Feature("text_length", "Text length", "tokens", "input", "length_histogram", tuple(map(float, LENGTH_EDGES))),
    Feature("unknown_share", "Share of unknown tokens", "", "input", "unknown_share_histogram", share_edges(), 1.0),
    Feature("predicted_label", "Predicted labels", "", "prediction", "labels"),
    Feature("confidence", "Confidence", "", "prediction", "score_histogram", share_edges(), 1.0),
)
"""In the order shown."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One feature compared: what the interface shows, what decides, and the move in words and numbers."""

    feature: Feature
    record: FeatureDrift
    decision: Comparison
    text: str
    before: float | str | None
    after: float | str | None


def compare(reference: Profile, current: Profile, *, minimum: int, limit: float) -> list[Compared]:
    """Every feature, in the order of FEATURES; `limit` is on the scale of the population stability index."""
    return [_compare(feature, reference, current, minimum, limit) for feature in FEATURES]


def _compare(feature: Feature, reference: Profile, current: Profile, minimum: int, limit: float) -> Compared:
    if feature.edges:
        old, new = _counts(feature, reference), list(current.get(feature.key) or [])
        pair = merge_bins(old, new)
        shown = _shown_bins(feature, old, new)
    else:
        labels = reference.get("labels") or {}, current.get("labels") or {}
        pair = merge_categories(*labels)
        shown = _shown_names(*labels)
    decision, *others = [detector.compare(*pair, minimum) for detector in DETECTORS]
    before, after, text = _move(feature, reference, current)
    record = FeatureDrift(
        feature=feature.name,
        unit=feature.unit,
        psi=decision.score,
        js=others[0].score,
        limit=limit,
        state=_state(decision, limit),
        **shown,
    )
    return Compared(feature, record, decision, text, before, after)


def _counts(feature: Feature, profile: Profile) -> list[int]:
    """The reference histogram; empty (so: not enough data) when it was counted in other bins than today's."""
    counts = list(profile.get(feature.key) or [])
    edges = profile.get("length_edges")
    if feature.key == "length_histogram" and edges is not None and tuple(edges) != LENGTH_EDGES:
        return []
    return counts if len(counts) == len(feature.edges) else []


def _state(decision: Comparison, limit: float) -> Literal["ok", "warn", "bad", "not_enough_data"]:
    if decision.score is None:
        return "not_enough_data"
    if decision.over(limit):
        return "bad"
    return "warn" if decision.over(limit / 2) else "ok"


def _shares(counts: Sequence[int]) -> tuple[float, ...]:
    total = sum(counts)
    return tuple(round(count / total, 6) for count in counts) if total else tuple(0.0 for _ in counts)


def _shown_bins(feature: Feature, old: Sequence[int], new: Sequence[int]) -> dict[str, Any]:
    """Shares over the bins up to the last filled one: an empty tail up to 4,096 tokens would hide the rest of the
    picture."""
    size = len(feature.edges)
    rows = [[*counts, *[0] * (size - len(counts))] for counts in (old, new)]
    used = max((index + 1 for row in rows for index, count in enumerate(row) if count), default=1)
    used = size if feature.upper is not None else min(used + 1, size)
    return {
        "reference": _shares(rows[0][:used]),
        "current": _shares(rows[1][:used]),
        "edges": feature.edges[:used],
    }


def _shown_names(old: dict[str, int], new: dict[str, int]) -> dict[str, Any]:
    names = sorted({*old, *new}, key=lambda name: (-old.get(name, 0), name))
    return {
        "reference": _shares([old.get(name, 0) for name in names]),
        "current": _shares([new.get(name, 0) for name in names]),
        "names": tuple(names),
    }


def _move(feature: Feature, reference: Profile, current: Profile) -> tuple[float | str | None, float | str | None, str]:
    """Before, after, and one sentence; the sentence is empty when either side is."""
    if not feature.edges:
        return _label_move(
            feature, label_shares(reference.get("labels") or {}), label_shares(current.get("labels") or {})
        )
    old, new = _counts(feature, reference), list(current.get(feature.key) or [])
    if feature.name == "unknown_share":
        before, after = _mean(old, feature), _mean(new, feature)
    else:
        before, after = median(old, feature.edges, feature.upper), median(new, feature.edges, feature.upper)
    if before is None or after is None:
        return before, after, ""
    return before, after, _numbers_in_words(feature, before, after)


def _mean(counts: Sequence[int], feature: Feature) -> float | None:
    """The mean by lower edges, so that texts without unknown tokens count as 0."""
    total = sum(counts)
    return sum(count * edge for count, edge in zip(counts, feature.edges, strict=False)) / total if total else None


def _numbers_in_words(feature: Feature, before: float, after: float) -> str:
    if feature.name == "text_length":
        old, new = f"{before:.0f}", f"{after:.0f}"
        verb = "changed its shape" if old == new else ("moved right" if after > before else "moved left")
        return f"{feature.title} {verb}: median {old} → {new} {feature.unit}."
    if feature.name == "unknown_share":
        old, new = f"{before * 100:.0f}%", f"{after * 100:.0f}%"
        verb = "changed its shape" if old == new else ("rose" if after > before else "fell")
        return f"{feature.title} {verb}: mean {old} → {new}."
    old, new = f"{before:.2f}", f"{after:.2f}"
    verb = "changed its shape" if old == new else ("rose" if after > before else "fell")
    return f"{feature.title} {verb}: median {old} → {new}."


def _label_move(feature: Feature, old: dict[str, float], new: dict[str, float]) -> tuple[str | None, str | None, str]:
    """The label whose share moved most."""
    if not old or not new:
        return None, None, ""
    label = max(sorted({*old, *new}), key=lambda name: abs(new.get(name, 0.0) - old.get(name, 0.0)))
    before, after = f"{old.get(label, 0.0) * 100:.0f}%", f"{new.get(label, 0.0) * 100:.0f}%"
    return f"{label} {before}", f"{label} {after}", f"{feature.title} shifted: “{label}” {before} → {after}."
