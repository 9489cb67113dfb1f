"""The last good run of the same kind, and what differs from it: packages, commit, device, settings."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from backend.contract.differences import Difference, LastGood
from backend.contract.resources import RunRecord
from backend.contract.states import RunState

_MISSING = object()


def last_good(run: RunRecord, runs: Iterable[RunRecord]) -> LastGood:
    """Look through `runs`; imported ones were not trained here and do not count, nor do those that began later."""
    good = [
        other
        for other in runs
        if other.id != run.id
        and other.recipe == run.recipe
        and other.state == RunState.COMPLETED
        and not other.source
        and other.created_at <= run.created_at
    ]
    good.sort(key=lambda other: (other.ended_at or 0.0, other.created_at), reverse=True)
    found, same = _nearest(run, good)
    if found is None:
        return LastGood()
    known = bool(run.environment and found.environment)
    return LastGood(
        run_id=found.id,
        name=found.name,
        ended_at=found.ended_at,
        same=same,
        differences=tuple(_differences(_facts(run, known), _facts(found, known))),
        environment_known=known,
    )


def _nearest(run: RunRecord, good: list[RunRecord]) -> tuple[RunRecord | None, Literal["", "data", "base_model"]]:
    """Runs of the same data first, whatever its version: that is one of the differences. Two runs without data have the
    same."""
    for other in good:
        if other.dataset_name == run.dataset_name:
            return other, "data"
    for other in good:
        if run.base_model and other.base_model == run.base_model:
            return other, "base_model"
    return None, ""


def _facts(run: RunRecord, environment: bool) -> dict[str, Any]:
    """Everything that may explain another outcome, flat, in the order it is read."""
    facts = dict(_flat(run.environment)) if environment else {}
    facts |= {"device": run.device, "base_model": run.base_model, "dataset": run.dataset_name}
    facts["dataset_version"] = run.dataset_id
    return facts | {f"settings.{name}": value for name, value in _flat(run.settings)}


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _differences(this: dict[str, Any], other: dict[str, Any]) -> Iterable[Difference]:
    for name in dict.fromkeys((*this, *other)):
        mine, theirs = this.get(name, _MISSING), other.get(name, _MISSING)
        if mine != theirs and not (mine in (None, _MISSING) and theirs in (None, _MISSING)):
            yield Difference(
                name=name,
                this=None if mine is _MISSING else mine,
                other=None if theirs is _MISSING else theirs,
            )
