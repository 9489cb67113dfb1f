"""Why a run that another program made cannot be steered, cloned or registered here."""

from __future__ import annotations

from backend.contract.imports import SOURCES
from backend.contract.resources import RunRecord
from console.i18n import tr


def maker_of(run: RunRecord) -> str:
    """TensorBoard, W&B … in the user's words; empty for a run that was made here."""
    return tr(SOURCES.get(run.source, run.source)) if run.source else ""


def why_not_here(run: RunRecord) -> str:
    """Empty for a run that was made here."""
    return tr("Imported from {name}: it can be looked at only.", name=maker_of(run)) if run.source else ""
