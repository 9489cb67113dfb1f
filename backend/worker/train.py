"""The process that trains: `python -m backend.worker.train JOBDIR`. Sets the scene, runs the recipe, has the last
word.
"""

import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from backend.contract.events import Ended, StateChanged
from backend.contract.recipes import RECIPES
from backend.contract.states import FailureCode
from backend.jobs.buffered import BufferedLog
from backend.jobs.folder import JobFolder
from backend.worker.parts.control import Control
from backend.worker.parts.failure import Progress, RunFailed, StopAsked, explain
from backend.worker.parts.job import Job

FAILED = 1


def main(argv: list[str] | None = None) -> int:
    """Train the job in the folder named by the only argument. 0: completed or stopped; 1: failed, the log says why."""
    return attempt(argv, _train)


def attempt(argv: list[str] | None, work: Callable[[JobFolder, BufferedLog, Progress], Ended]) -> int:
    """Do the work on the job in the folder named by the only argument, and say how it ended."""
    folder = JobFolder(Path((sys.argv[1:] if argv is None else argv)[0]).absolute())
    log = BufferedLog(folder.events)
    log.append("state", StateChanged(state="preparing"), sync=True)
    progress = Progress()
    try:
        ended = work(folder, log, progress)
    except StopAsked:
        ended = Ended(outcome="stopped", step=progress.step, text="Stopped before the first step of this attempt.")
    except BaseException as error:  # noqa: BLE001 process edge: whatever ends a training must be told before the process goes
        ended = explain(error, progress)
        print(ended.traceback, file=sys.stderr, flush=True)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # decided: a late stop must not make a failure of a saved result
    log.append("ended", ended, sync=True)
    log.close()
    return FAILED if ended.outcome == "failed" else 0


def _train(folder: JobFolder, log: BufferedLog, progress: Progress) -> Ended:
    spec = folder.spec()
    job = job_of(folder, log, progress)
    quiet(hub=spec.base_model is not None and spec.base_model.kind == "hub")
    known = {info.name for info in RECIPES if info.main == "backend.worker.train"}
    if spec.recipe not in known:  # a name becomes a module here
        raise RunFailed(FailureCode.SETTINGS, f"There is no recipe {spec.recipe!r}.", "Start a new run.")
    recipe = import_module(f"backend.worker.recipes.{spec.recipe}").RECIPE
    from backend.worker.parts import training

    return training.run(job, recipe)


def job_of(folder: JobFolder, log: BufferedLog, progress: Progress) -> Job:
    """What a recipe gets; from here on SIGTERM is a stop."""
    launch = folder.launch()
    control = Control(folder, log)
    control.stop_on_sigterm()
    return Job(
        folder=folder,
        spec=folder.spec(),
        attempt=launch.attempt if launch else 1,
        resume=launch.resume if launch else False,
        log=log,
        control=control,
        progress=progress,
    )


def quiet(*, hub: bool) -> None:
    """No network unless the model is a hub id, no telemetry, no bars, no forked tokenizer threads."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if hub:
            os.environ.pop(name, None)
        else:
            os.environ[name] = "1"
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    warnings.filterwarnings("ignore", category=FutureWarning)


if __name__ == "__main__":
    sys.exit(main())
