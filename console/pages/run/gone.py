"""The line over a run whose folder was deleted: what is gone, from where, what is kept and what would be right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from backend.contract.resources import RunRecord
from console.context import Context
from console.i18n import tr
from console.widgets.buttons import Button
from console.widgets.toast import Banner


def folder_of(context: Context, run: RunRecord) -> str:
    """Where the folder should be; only its name while the home is not known."""
    system = context.state.system
    return str(PurePath(system.home) / "jobs" / run.id) if system else f"jobs/{run.id}"


def show_gone(banner: Banner, context: Context, run: RunRecord, clone: Callable[[], None]) -> tuple[Button, ...]:
    """Say it; returns the buttons that were made."""
    path = folder_of(context, run)
    again = () if run.source else (Button(tr("Clone…"), "primary"),)
    for button in again:
        button.clicked.connect(clone)
    copy = Button(tr("Copy path"), "ghost", "copy")
    copy.clicked.connect(lambda: context.copy(path))
    buttons = (*again, copy)
    if run.source:
        detail = tr("{path} · Curves, events and log are kept. Put it back from a copy, or import it again.", path=path)
    else:
        detail = tr("{path} · Curves, events and log are kept. Put it back from a copy, or clone the run.", path=path)
    banner.show_message(tr("The folder of this run is gone"), detail, icon="circle-x", role="bad", buttons=buttons)
    return buttons
