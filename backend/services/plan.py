"""What a promotion or rollback would change, and the evidence for and against it. Pure but for the check of the
files."""

from collections.abc import Callable
from typing import Any

from backend.contract.errors import Refused
from backend.contract.resources import Change, EndpointRecord, ModelRecord, PromotionPlan, VersionRecord
from backend.contract.states import EndpointState

SHOWN = ("test/f1", "test/accuracy", "eval/f1", "eval/accuracy", "eval/loss", "test/loss")
LOWER_IS_BETTER = ("eval/loss", "test/loss")


def build_plan(
    kind: str, model: ModelRecord, number: int, endpoint: EndpointRecord | None, verify: Callable[[], object]
) -> PromotionPlan:
    """The plan; `verify` raises Refused when the version's files are not as registered, which blocks it."""
    version = next(v for v in model.versions if v.version == number)
    live_number = endpoint.live_version if endpoint else None
    live = next((v for v in model.versions if v.version == live_number), None)
    evidence, warnings = _metrics(version, live)
    blocked = _blocked(kind, number, endpoint)
    try:
        verify()
        evidence.insert(0, {"ok": True, "text": "Files are as registered", "detail": f"{len(version.files)} files"})
    except Refused as error:
        blocked = blocked or str(error)
        evidence.insert(0, {"ok": False, "text": "Files are not as registered", "detail": str(error)})
    warm = endpoint is not None and endpoint.standby_version == number
    return PromotionPlan(
        kind=kind,
        model=model.name,
        version=number,
        changes=_changes(model, number, endpoint, warm=warm),
        evidence=tuple(evidence),
        warnings=tuple(warnings),
        blocked=blocked,
        seconds=1.0 if warm else _load_seconds(endpoint),
    )


def _blocked(kind: str, number: int, endpoint: EndpointRecord | None) -> str | None:
    if endpoint is None:
        return "The model is on no endpoint." if kind == "rollback" else None
    if endpoint.live_version == number:
        return f"Version {number} is live on {endpoint.name} already."
    if endpoint.state == EndpointState.STOPPED:
        return f"Endpoint {endpoint.name} is stopped; start it first."
    return None


def _changes(model: ModelRecord, number: int, endpoint: EndpointRecord | None, *, warm: bool) -> tuple[Change, ...]:
    live = endpoint.live_version if endpoint else None
    standby = endpoint.standby_version if endpoint else None
    changes = [
        Change(what="champion", before=_named(model.champion), after=_named(number), icon="crown"),
        Change(what="previous", before=_named(model.previous), after=_named(live), icon="undo-2"),
    ]
    if endpoint is None:
        changes.append(
            Change(what=f"endpoint {model.name}", before="none", after=f"{_named(number)} 100%", icon="server")
        )
        return tuple(changes)
    traffic = f"{_named(live)} 100%" if live else "none"
    changes.append(
        Change(what=f"traffic on {endpoint.name}", before=traffic, after=f"{_named(number)} 100%", icon="route")
    )
    loaded = [_named(v) for v in (live, standby) if v is not None]
    kept = [_named(v) for v in (number, live) if v is not None]
    if not warm or loaded != kept:
        changes.append(
            Change(what="in memory", before=", ".join(loaded) or "none", after=", ".join(kept), icon="memory-stick")
        )
    return tuple(changes)


def _metrics(version: VersionRecord, live: VersionRecord | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Each metric against the live version's; what gets worse is a warning too."""
    evidence: list[dict[str, Any]] = []
    warnings: list[dict[str, Any]] = []
    for name in SHOWN:
        new, old = version.metrics.get(name), live.metrics.get(name) if live else None
        if new is None:
            continue
        if old is None or live is None:
            evidence.append({"ok": None, "text": name, "detail": f"{new:.4f}", "metric": name, "value": new})
            continue
        change = new - old
        better = change <= 0 if name in LOWER_IS_BETTER else change >= 0
        detail = f"{new:.4f} against {old:.4f} ({change:+.4f})"
        evidence.append(
            {
                "ok": better,
                "text": name,
                "detail": detail,
                "metric": name,
                "value": new,
                "before": old,
                "change": change,
            }
        )
        if not better:
            text = f"{name} gets worse by {abs(change):.4f}"
            warnings.append({"text": text, "detail": f"version {live.version} has {old:.4f}, this one {new:.4f}"})
    if live is not None and live.dataset_sha256 != version.dataset_sha256:
        detail = f"{version.dataset_name or 'unknown'} against {live.dataset_name or 'unknown'}"
        warnings.append({"text": "Trained and tested on other data than the live version", "detail": detail})
    return evidence, warnings


def _load_seconds(endpoint: EndpointRecord | None) -> float | None:
    """As long as the newest load on this endpoint took, where one is known."""
    known = [engine.get("seconds") for engine in endpoint.engines if engine.get("seconds")] if endpoint else []
    return round(float(known[0]), 1) if known and known[0] is not None else None


def _named(number: int | None) -> str:
    return "none" if number is None else f"v{number}"
