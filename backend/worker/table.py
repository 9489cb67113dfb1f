"""The process that learns from a table: `python -m backend.worker.table JOBDIR`."""

import sys

from backend.contract.events import Ended
from backend.jobs.buffered import BufferedLog
from backend.jobs.folder import JobFolder
from backend.worker.parts.failure import Progress
from backend.worker.train import attempt, job_of, quiet


def main(argv: list[str] | None = None) -> int:
    """Learn in the folder named by the only argument. 0: completed or stopped; 1: failed, the log says why."""
    return attempt(argv, _learn)


def _learn(folder: JobFolder, log: BufferedLog, progress: Progress) -> Ended:
    job = job_of(folder, log, progress)
    quiet(hub=False)
    from backend.worker.recipes import tabular

    return tabular.run(job)


if __name__ == "__main__":
    sys.exit(main())
