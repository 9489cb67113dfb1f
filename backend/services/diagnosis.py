"""What is wrong with a run: every rule asked, the most useful finding first; without any, how busy the device is.

measured.py holds what the rules may look at, diagnosis_rules.py the rules.
"""

import math

from backend.clock import Clock
from backend.contract.recipes import RECIPES
from backend.contract.resources import Diagnosis, Finding, RunEvent, RunRecord
from backend.contract.states import RunState
from backend.jobs.live import NotLive, changed_live
from backend.services.diagnosis_rules import RULES
from backend.services.measured import ENOUGH_STEPS, Measured, Save
from backend.store import Store

_TAKES_SETTINGS = frozenset({RunState.RUNNING, RunState.PAUSED})


def diagnose(measured: Measured) -> Diagnosis:
    """Every finding, the most useful first; without any, a sentence that says how busy the device is."""
    found = (rule(measured) for rule in RULES)
    findings = tuple(_with_way(measured.run, finding) for finding in found if finding is not None)
    return Diagnosis(findings=findings, text="" if findings else _nothing_found(measured), shares=measured.shares())


def diagnose_run(store: Store, clock: Clock, run: RunRecord) -> Diagnosis:
    """Gather what the store holds of the run and diagnose it."""
    now = clock.now()
    keys = [key for key in store.series.keys(run.id) if key.startswith(("train/", "eval/"))]
    series = store.series.read(run.id, keys, None, None, 2000, "step") if keys else {}
    if run.source:  # this machine's readings say nothing of a training elsewhere
        found = diagnose(Measured(run, series, now=now))
        plain = tuple(
            finding.model_copy(update={"fix": None, "gain": None, "settings": {}, "apply": "", "checkpoint": None})
            for finding in found.findings
        )
        return found.model_copy(update={"findings": plain})  # nothing here could apply a fix
    history = store.telemetry.of_run(run, 2000)
    checkpoints = tuple(found for found in store.runs.checkpoints(run.id) if found.present and not run.folder_gone)
    saves = tuple(save for event in store.runs.events(run.id) if (save := _save(event)) is not None)
    return diagnose(Measured(run, series, history, store.telemetry.latest(), now, checkpoints, saves))


def _nothing_found(measured: Measured) -> str:
    steps = max((data.count for key, data in measured.series.items() if key.startswith("train/")), default=0)
    if steps < ENOUGH_STEPS:
        return f"Too early to judge: {steps} of {ENOUGH_STEPS} steps measured."
    busy = measured.busy()
    return "No bottleneck found." if busy is None else f"No bottleneck found. {busy[0]} is {busy[1]:.0f}% busy."


def _save(event: RunEvent) -> Save | None:
    seconds, size = event.data.get("seconds"), event.data.get("size_bytes")
    if event.kind != "checkpoint" or event.step is None or not isinstance(seconds, int | float):
        return None
    return Save(event.step, float(seconds), size if isinstance(size, int) else 0)


def _with_way(run: RunRecord, finding: Finding) -> Finding:
    """The finding with how its settings can be had: in a fork, at the next checkpoint, or only in a clone."""
    if run.source:  # made elsewhere: it can be looked at only
        return finding.model_copy(update={"settings": {}})
    if not finding.settings:
        return finding
    way = "fork" if finding.checkpoint else "live" if _can_change(run, finding) else "clone"
    return finding.model_copy(update={"apply": way})


def _can_change(run: RunRecord, finding: Finding) -> bool:
    recipe = next((recipe for recipe in RECIPES if recipe.name == run.recipe), None)
    if recipe is None or run.state not in _TAKES_SETTINGS:
        return False
    if "group_by_length" in finding.settings and not _epoch_to_come(run):
        return False
    try:
        changed_live(recipe.settings.model_validate(run.settings), finding.settings)
    except (NotLive, ValueError):
        return False
    return True


def _epoch_to_come(run: RunRecord) -> bool:
    return run.epoch is not None and run.epochs is not None and math.ceil(run.epoch) < run.epochs
