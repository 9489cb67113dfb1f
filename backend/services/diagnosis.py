"""What is wrong with a run: every rule asked, the most useful finding first; without any, how busy the device is.

measured.py holds what the rules may look at, diagnosis_rules.py the rules.
"""

from backend.clock import Clock
from backend.contract.resources import Diagnosis, RunRecord
from backend.services.diagnosis_rules import RULES
from backend.services.measured import ENOUGH_STEPS, Measured
from backend.store import Store


def diagnose(measured: Measured) -> Diagnosis:
    """Every finding, the most useful first; without any, a sentence that says how busy the device is."""
    findings = tuple(finding for rule in RULES if (finding := rule(measured)) is not None)
    return Diagnosis(findings=findings, text="" if findings else _nothing_found(measured), shares=measured.shares())


def diagnose_run(store: Store, clock: Clock, run: RunRecord) -> Diagnosis:
    """Gather what the store holds of the run and diagnose it."""
    now = clock.now()
    keys = [key for key in store.series.keys(run.id) if key.startswith(("train/", "eval/"))]
    series = store.series.read(run.id, keys, None, None, 2000, "step") if keys else {}
    if run.source:  # this machine's readings say nothing of a training elsewhere
        return diagnose(Measured(run, series, now=now))
    history = store.telemetry.of_run(run, 2000)
    return diagnose(Measured(run, series, history, store.telemetry.latest(), now))


def _nothing_found(measured: Measured) -> str:
    steps = max((data.count for key, data in measured.series.items() if key.startswith("train/")), default=0)
    if steps < ENOUGH_STEPS:
        return f"Too early to judge: {steps} of {ENOUGH_STEPS} steps measured."
    busy = _busy(measured)
    return "No bottleneck found." if busy is None else f"No bottleneck found. {busy[0]} is {busy[1]:.0f}% busy."


def _busy(measured: Measured) -> tuple[str, float] | None:
    if measured.card is not None:
        share = measured.load(f"gpu/{measured.card}/utilization_percent")
        return None if share is None else (f"GPU {measured.card}", share)
    share = measured.load("cpu/utilization_percent")
    return None if share is None else ("The CPU", share)
