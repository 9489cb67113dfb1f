"""A home with one completed training, a live endpoint and hostile neighbours; made and run under umask 000, its daemon
started with secrets in its environment."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from backend.clock import SystemClock
from backend.contract.jobs import JobSpec
from backend.contract.resources import RunRecord
from backend.contract.states import RunState
from backend.jobs.folder import JobFolder
from backend.platform import make_private_folder
from backend.store import open_store
from tests.helpers import tiny_model
from tests.helpers.home import RunningHome
from tests.helpers.wait import until

CANARY = "canaryQ7outside"
SECRETS = {"HF_TOKEN": "hf_secretQ9", "AWS_SECRET_ACCESS_KEY": "aws_secretQ9", "MY_API_KEY": "api_secretQ9"}
RUN, MODEL = "r0tiny", "tiny"
ENDPOINT = "caf\u00e9 <img src=x> \U0001f680 \u202eevil"
STARTED_S = 150.0


@dataclass
class House:
    """The home, and what lies beside it and must stay as it is."""

    home: RunningHome
    outside: Path

    def tree(self) -> dict[str, bytes]:
        """Every file outside the home, and the names of jobs, models and datasets inside."""
        files = {str(path): path.read_bytes() for path in sorted(self.outside.rglob("*")) if path.is_file()}
        inside = self.home.home
        for place in (inside.jobs, inside.models, inside.datasets):
            files |= {str(path): b"" for path in sorted(place.glob("*"))}
        return files


def furnish(home: RunningHome) -> None:
    """One completed run with a result, as a worker would have left it, and no mirror."""
    make_private_folder(home.home.root)
    for folder in home.home.folders():
        make_private_folder(folder)
    job = JobFolder(home.home.job(RUN))
    spec = JobSpec(job_id=RUN, kind="train", main="backend.worker.train", name="tiny", recipe="text_classification")
    job.write_spec(spec)
    old = os.umask(0o077)  # a worker's own umask
    tiny_model.build(job.model)
    os.umask(old)
    store = open_store(home.home, SystemClock())
    store.settings.change({"mirror": False, "reserve_disk_bytes": 0})
    store.runs.add(
        RunRecord(id=RUN, name="tiny", recipe="text_classification", state=RunState.COMPLETED, created_at=1.0)
    )
    store.close()


def serve(home: RunningHome) -> None:
    """Version 1 of the model, answering under a hostile name."""
    operation = home.ask("POST", "/models", {"run_id": RUN, "name": MODEL})
    done = home.ask("GET", f"/operations/{operation['id']}", query={"wait": 20})
    assert done["state"] == "done", done
    home.ask("POST", "/endpoints", {"name": ENDPOINT, "model": MODEL})
    until(lambda: home.ask("GET", f"/endpoints/{quote(ENDPOINT)}")["state"] == "serving", STARTED_S, every=0.1)


@contextlib.contextmanager
def house() -> Iterator[House]:
    """Everything above, over TCP so that there is a token to look for."""
    old = os.umask(0)
    try:
        with RunningHome(listen="tcp:0", **SECRETS) as home:
            outside = home.root / "h-evil"  # shares the home's prefix
            outside.mkdir()
            (outside / "secret.txt").write_text(CANARY)
            furnish(home)
            home.start()
            serve(home)
            yield House(home, outside)
    finally:
        os.umask(old)
