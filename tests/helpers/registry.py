"""A home with store, supervisor, ingest and the services of models and endpoints, all in this process; gateways are
real ones."""

import contextlib
import json
import shutil
import threading
import urllib.request
from pathlib import Path
from typing import Any

from backend.clock import SystemClock
from backend.contract.errors import NotFound
from backend.contract.events import Evaluation
from backend.contract.resources import (
    CreateEndpoint,
    EndpointRecord,
    Promote,
    RegisterVersion,
    RunRecord,
    VersionRecord,
)
from backend.contract.states import RunState
from backend.paths import Home
from backend.platform import make_private_folder
from backend.services.endpoints import EndpointService
from backend.services.ingest import Ingest
from backend.services.scheduler import Scheduler
from backend.services.versions import VersionService
from backend.store import open_store
from backend.supervisor.launch import Supervisor
from tests.helpers import tiny_model
from tests.helpers.endpoint import STARTED_S

ACTOR = "tester"


class Registry:
    """The parts; `serve=False` runs no threads (versions only)."""

    def __init__(self, root: Path, *, serve: bool = True) -> None:
        self.home = Home(root)
        make_private_folder(root)
        for folder in self.home.folders():
            make_private_folder(folder)
        self.clock = SystemClock()
        self.store = open_store(self.home, self.clock)
        self.store.settings.change({"reserve_disk_bytes": 0})
        self.supervisor = Supervisor(self.home, self.clock)
        self.ingest = Ingest(self.store, self.home, self.clock)
        self.versions = VersionService(self.store, self.home, self.clock)
        self.scheduler = Scheduler(self.store, self.supervisor, self.ingest, self.home, self.clock)
        self.endpoints = self.new_service()
        self._stop = threading.Event()
        loops = (("ingest", self.ingest.run), ("scheduler", self.scheduler.run)) if serve else ()
        self._threads = [threading.Thread(target=run, args=(self._stop,), name=name) for name, run in loops]
        for thread in self._threads:
            thread.start()

    def new_service(self) -> EndpointService:
        """Another EndpointService on the same store, as a daemon that was started again has one."""
        return EndpointService(self.store, self.supervisor, self.ingest, self.versions, self.home, self.clock)

    def close(self) -> None:
        for endpoint in self.store.endpoints.all():
            with contextlib.suppress(NotFound):
                self.supervisor.terminate(endpoint.job_id, 10.0)
        self.endpoints.close()
        self._stop.set()
        self.scheduler.wake()
        self.ingest.wake()
        for thread in self._threads:
            thread.join(20)
        self.store.close()
        shutil.rmtree(self.home.root, ignore_errors=True)

    def run(self, run_id: str, seed: int, **fields: Any) -> RunRecord:
        """A completed run whose result is a tiny model."""
        tiny_model.build(self.home.job(run_id) / "model", seed=seed)
        record = RunRecord(
            id=run_id,
            name=f"run {run_id}",
            recipe="text_classification",
            **{
                "state": RunState.COMPLETED,
                "metrics": {"eval/f1": 0.8 + seed / 100, "train/loss": 0.1},
                "settings": {"seed": seed},
                "environment": {"commit": "abc123"},
                **fields,
            },
        )
        self.store.runs.add(record)
        values = {"test/f1": 0.8}
        self.store.runs.add_evaluation(run_id, Evaluation(step=1, split="test", rows=10, values=values))
        return record

    def register(self, model: str, seed: int) -> VersionRecord:
        """A new version of a model from a run of its own."""
        run_id = f"r-{model}-{seed}"
        self.run(run_id, seed)
        return self.versions.register(RegisterVersion(run_id=run_id, name=model), ACTOR)

    def serve(self, name: str, model: str, version: int | None = None, **limits: Any) -> EndpointRecord:
        """An endpoint that answers."""
        self.endpoints.create(CreateEndpoint(name=name, model=model, version=version, **limits), ACTOR)
        return self.endpoints.ready(name, STARTED_S)

    def make_live(self, model: str, version: int, endpoint: str) -> None:
        """Promote unless it is live."""
        if self.store.endpoints.get(endpoint).live_version != version:  # type: ignore[union-attr]
            request = Promote(version=version, endpoint=endpoint, reason="for the test")
            operation = self.endpoints.promote(model, request, ACTOR)
            done = self.endpoints.wait(operation.id, STARTED_S)
            assert done.state == "done", done

    def ask(self, endpoint: str, text: str = "the film is good") -> dict[str, Any]:
        """What any client would get."""
        record = self.store.endpoints.get(endpoint)
        assert record is not None
        request = urllib.request.Request(
            f"{record.url}/predict",
            json.dumps({"inputs": [text]}).encode(),
            {"Authorization": f"Bearer {record.key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            return dict(json.load(reply))
