"""Job folders that somebody deleted, or put back: told once, and kept on the run for as long as it is so.

The store keeps what a run has said; what only the folder had is gone with it: checkpoints, the result, the whole log.
"""

import logging
import os
from typing import TYPE_CHECKING

from backend.contract.errors import Conflict
from backend.contract.resources import RunRecord
from backend.jobs.folder import JobFolder
from backend.paths import Home

if TYPE_CHECKING:
    from backend.store import Store

log = logging.getLogger(__name__)

LOOK_EVERY_S = 3.0
GONE_ADVICE = "What was logged until then is kept. Start it again as a new run."


def gone_text(home: Home, run_id: str) -> str:
    """What is not there, and where it should be."""
    return f"Its folder is gone: {home.job(run_id)}"


def require_folder(home: Home, run: RunRecord) -> JobFolder:
    """The folder of a run, for what needs its files; Conflict says where it should be and what helps."""
    folder = JobFolder(home.job(run.id))
    if not folder.spec_file.exists():
        raise Conflict(
            f"The folder of {run.name} is gone: {folder.path}.", code="folder_gone",
            fix="Put it back from a copy, or start it as a new run.",
        )  # fmt: skip
    return folder


class RunFolders:
    """look() belongs to one thread; it costs one listing of jobs/ and one statement."""

    def __init__(self, store: "Store", home: Home) -> None:
        self._store, self._home = store, home
        self._gone: set[str] | None = None  # as the store has it

    def look(self) -> None:
        """Compare what there should be with what there is. Nothing is said while jobs/ itself is away: then a disk is
        not there, and its runs come back with it."""
        if self._gone is None:
            self._gone = self._store.runs.without_folder()
        ids = self._store.runs.ids()  # before the listing: a run that begins has its folder before its row
        there = self._there()
        if there is None:
            return
        for run_id in [run_id for run_id in ids if run_id not in there and run_id not in self._gone]:
            self._tell(run_id, gone=True)
        for run_id in [run_id for run_id in self._gone if run_id in there]:
            if JobFolder(self._home.job(run_id)).spec_file.exists():  # not only what a worker left behind has made
                self._tell(run_id, gone=False)

    def _there(self) -> set[str] | None:
        try:
            return set(os.listdir(self._home.jobs))
        except FileNotFoundError:
            return None

    def _tell(self, run_id: str, *, gone: bool) -> None:
        gone_ids = self._gone if self._gone is not None else set()
        with self._store.transaction():
            run = self._store.runs.get(run_id)
            if run is not None:  # else it was removed meanwhile, with its folder
                self._store.runs.change(run_id, folder_gone=gone)
                text = gone_text(self._home, run_id) if gone else "Its folder is back"
                data = {"code": "folder_gone" if gone else "folder_back"}
                now = self._store.clock.now()
                self._store.runs.add_event(run_id, "warning", now, run.step, run.epoch, text, data)
        if gone:
            log.warning("the folder of run %s is gone", run_id)
            gone_ids.add(run_id)
        else:
            gone_ids.discard(run_id)
