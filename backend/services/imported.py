"""What cannot be done with a run that another program made."""

from backend.contract.errors import Conflict
from backend.contract.imports import SOURCES
from backend.contract.resources import RunRecord

_DONE = {
    "pause": "paused",
    "resume": "resumed",
    "stop": "stopped",
    "checkpoint": "saved",
    "cancel": "cancelled",
    "kill": "ended",
}


def refuse_imported(run: RunRecord, what: str) -> None:
    """Conflict for an imported run: there is nothing here that could be `what` (a command, or a participle)."""
    if run.source:
        maker = SOURCES.get(run.source, run.source)
        raise Conflict(
            f"{run.name} was imported from {maker}; it can be looked at, not {_DONE.get(what, what)}.",
            code="imported",
            fix="Start a run of your own.",
        )
