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

LOOK_EVERY_S = 4.0
SPEC = "spec.json"
GONE_ADVICE = "What was logged until then is kept. Start it again as a new run."


def gone_text(home: Home, run_id: str) -> str:
    """What is not there, and where it should be."""
    return f"Its folder is gone: {home.job(run_id)}"


def require_folder(home: Home, run: RunRecord, *, spec: bool = False) -> JobFolder:
    """The folder of a run, for what needs its files (`spec`: also what it was asked); Conflict says where it should be
    and what helps."""
    folder = JobFolder(home.job(run.id))
    if not (folder.spec_file.exists() if spec else folder.path.is_dir()):
        raise Conflict(
            f"The folder of {run.name} is gone: {folder.path}.", code="folder_gone",
            fix="Put it back from a copy, or start it as a new run.",
        )  # fmt: skip
    return folder


class RunFolders:
    """look() belongs to one thread; it costs one statement and one stat for each run."""

    def __init__(self, store: "Store", home: Home) -> None:
        self._store, self._home = store, home
        self._gone: set[str] | None = None  # as the store has it

    def look(self) -> None:
        """Compare what there should be with what there is. A folder counts when its spec is in it: a worker that goes
        on may make one of that name again."""
        if self._gone is None:
            self._gone = self._store.runs.without_folder()
        ids = self._store.runs.ids()  # before looking: a run that begins has its spec before its row
        jobs = str(self._home.jobs)
        there = {run_id for run_id in ids if os.path.exists(os.path.join(jobs, run_id, SPEC))}
        if not self._home.jobs.is_dir():
            return  # the disk itself is not there, and its runs come back with it
        for run_id in ids:
            if (run_id in self._gone) == (run_id in there):
                self._tell(run_id, gone=run_id not in there)

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
