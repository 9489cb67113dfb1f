"""What stands before a run: every check, then its folder and its row."""

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

from backend.clock import Clock
from backend.contract.base import Request
from backend.contract.errors import Conflict, Invalid, NotFound, Unavailable
from backend.contract.jobs import DatasetRef, JobSpec
from backend.contract.recipes import RecipeInfo
from backend.contract.resources import CheckpointRecord, DatasetRecord, RunRecord, StartRun
from backend.contract.states import RunState
from backend.jobs.folder import JobFolder, new_job_id
from backend.paths import Home
from backend.services import base_models
from backend.services.data_check import check_data
from backend.services.settings_check import changed_settings, check_settings, find_recipe

if TYPE_CHECKING:
    from backend.services.datasets import DatasetService
    from backend.store import Store

MIN_FREE_FDS = 32
"""Fewer free file descriptors than this and no new work is taken: ingest needs them."""

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:[0-9]{1,3})?")


class RunStarter:
    """Checks a StartRun and queues it; `get` finds a run by id or name."""

    def __init__(
        self, store: "Store", datasets: "DatasetService", home: Home, clock: Clock, get: Callable[[str], RunRecord]
    ) -> None:
        self._store = store
        self._datasets = datasets
        self._home = home
        self._clock = clock
        self._get = get

    def start(self, request: StartRun, actor: str, *, key: str | None = None) -> RunRecord:
        """Check settings, base model, data, disk and room; then queue it.

        The same `key` within a day returns the same run, also when the daemon died before it could answer. Raises
        Invalid naming
        the field, or Unavailable naming what is short.
        """
        run_id = self._run_id(key)
        known = self._store.runs.get(run_id)
        if known is not None:
            return known
        recipe = find_recipe(request.recipe)
        settings = check_settings(recipe, request.settings)
        self._check_device(request.device)
        self.check_room()
        base = base_models.resolve_for(recipe, request.base_model, self._store)
        fork_of, source = self._fork_source(request)
        dataset = self._dataset_of(recipe, request, settings, actor)
        name = self._name(request, recipe, settings, dataset)
        spec = JobSpec(
            job_id=run_id,
            kind="train",
            main=recipe.main,
            name=name,
            recipe=recipe.name,
            settings=settings.model_dump(mode="json"),
            dataset=_dataset_ref(dataset),
            base_model=base,
            device=request.device,
            created_at=self._clock.now(),
            fork_of=fork_of,
            fork_checkpoint=source.name if source else None,
        )
        JobFolder(self._home.job(run_id)).write_spec(spec)  # before the row: a queued run always has its folder
        record = self._record(spec, request, settings, dataset, source)
        with self._store.transaction():
            self._store.runs.add(record)
            self._store.runs.add_event(run_id, "state", text="Queued")
            self._tell_fork(record)
            details = {"recipe": recipe.name, "settings": request.settings}
            self._store.audit.add(actor, "", "run.queue", f"run/{run_id}", "", name, details=details)
            if dataset is not None and run_id not in dataset.used_by:
                self._store.datasets.change(dataset.id, used_by=(*dataset.used_by, run_id))
        return record

    def _run_id(self, key: str | None) -> str:
        """A short id that is safe as a folder name; from the key, so that a repeated request finds its run again."""
        if key is None:
            return new_job_id()
        identity = f"r{hashlib.sha256(key.encode()).hexdigest()[:14]}"
        known = self._store.runs.get(identity)
        old = known is not None and self._clock.now() - known.created_at > 86_400
        return new_job_id() if old or self._store.runs.was_removed(identity) else identity

    def _check_device(self, device: str) -> None:
        if not _DEVICE.fullmatch(device):
            raise Invalid(f"{device!r:.60} is no device.", field="device", fix="Use auto, cpu, mps, cuda or cuda:0.")
        sample = self._store.telemetry.latest()
        if device.startswith("cuda:") and sample is not None:
            known = [card.index for card in sample.gpus if not card.lost]
            if int(device.partition(":")[2]) not in known:
                there = ", ".join(f"cuda:{index}" for index in known) or "none"
                raise Invalid(
                    f"There is no card {device}.", field="device", fix=f"Cards: {there}. auto takes what is there."
                )

    def check_room(self) -> None:
        """Unavailable below the disk reserve or with too few file descriptors, naming the numbers."""
        reserve = self._store.settings.get().reserve_disk_bytes
        free = shutil.disk_usage(self._home.root).free
        if free < reserve:
            raise Unavailable(
                f"The disk of {self._home.root} has {free:,} bytes free, below the reserve of {reserve:,} bytes.",
                code="disk_full",
                fix=f"Free {reserve - free:,} bytes, or lower reserve_disk_bytes in the settings.",
                free_bytes=free,
                needed_bytes=reserve - free,
            )
        left = _free_descriptors()
        if left is not None and left < MIN_FREE_FDS:
            raise Unavailable(
                f"The backend has only {left} file descriptors left; a new run needs {MIN_FREE_FDS}.",
                code="descriptors",
                fix="Close other clients, or raise `ulimit -n`.",
            )

    def _dataset_of(self, recipe: RecipeInfo, request: StartRun, settings: Request, actor: str) -> DatasetRecord | None:
        if not recipe.needs_dataset:
            return None
        if not request.dataset:
            raise Invalid(
                f"{recipe.name} needs a dataset.", field="dataset", fix="Name one; `dataset list` shows them."
            )
        try:
            dataset = self._datasets.resolve(request.dataset, actor)
        except NotFound as error:
            raise Invalid(error.text, field="dataset", fix=error.fix) from error
        check_data(dataset, recipe, settings)
        return dataset

    def _tell_fork(self, run: RunRecord) -> None:
        """A mark on both curves where the new one leaves the old."""
        parent = self._store.runs.get(run.fork_of) if run.fork_of else None
        if parent is None or run.fork_step is None:
            return
        step, runs = run.fork_step, self._store.runs
        text = f"Forked from {parent.name} at step {step:,}"
        runs.add_event(run.id, "fork", step=step, text=text, data={"parent": parent.id})
        runs.add_event(parent.id, "fork", step=step, text=f"{run.name} forked at step {step:,}", data={"child": run.id})

    def _fork_source(self, request: StartRun) -> tuple[str | None, CheckpointRecord | None]:
        if request.fork_of is None:
            return None, None
        source = self._get(request.fork_of)
        present = [found for found in self._store.runs.checkpoints(source.id) if found.present]
        if not present:
            raise Conflict(f"{source.name} has no checkpoint to fork from.")
        wanted = request.fork_checkpoint or next((c.name for c in present if c.best), present[-1].name)
        if wanted not in {found.name for found in present}:
            names = ", ".join(found.name for found in present)
            raise Invalid(
                f"{source.name} has no checkpoint {wanted!r:.80}.", field="fork_checkpoint", fix=f"There are: {names}."
            )
        return source.id, next(found for found in present if found.name == wanted)

    def _name(self, request: StartRun, recipe: RecipeInfo, settings: Request, dataset: DatasetRecord | None) -> str:
        given = (request.name or "").strip()
        if len(given) > 10_000:
            raise Invalid("The name is longer than 10,000 characters.", field="name", fix="Take a shorter one.")
        return given or auto_name(recipe.name, settings, dataset.name if dataset else None)

    def _record(
        self,
        spec: JobSpec,
        request: StartRun,
        settings: Request,
        dataset: DatasetRecord | None,
        source: CheckpointRecord | None,
    ) -> RunRecord:
        facts = {"register_as": request.register_as} if request.register_as else {}
        return RunRecord(
            id=spec.job_id,
            name=spec.name,
            recipe=request.recipe,
            state=RunState.QUEUED,
            dataset_id=dataset.id if dataset else None,
            dataset_name=dataset.name if dataset else None,
            base_model=spec.base_model.name if spec.base_model else None,
            settings=spec.settings,
            changed_settings=changed_settings(settings),
            device=request.device,
            created_at=spec.created_at,
            tags=request.tags,
            note=request.note,
            fork_of=spec.fork_of,
            fork_step=source.step if source else None,
            fork_checkpoint=spec.fork_checkpoint,
            labels=tuple(dataset.labels) if dataset else (),
            facts=facts,
        )


def auto_name(recipe: str, settings: Request, dataset: str | None) -> str:
    """Like `sentiment-lora-r8-s42`: what it learns from, how, and its seed."""
    parts = [re.sub(r"[^A-Za-z0-9_.-]+", "-", dataset).strip("-")[:60] if dataset else recipe]
    method = getattr(settings, "method", None)
    if method is not None:
        parts.append(f"lora-r{getattr(settings, 'lora_rank', 0)}" if method == "lora" else str(method))
    seed = getattr(settings, "seed", None)
    if seed is not None:
        parts.append(f"s{seed}")
    return "-".join(part for part in parts if part)


def _dataset_ref(dataset: DatasetRecord | None) -> DatasetRef | None:
    if dataset is None:
        return None
    return DatasetRef(id=dataset.id, name=dataset.name, path=dataset.path, sha256=dataset.sha256, rows=dataset.rows)


def _free_descriptors() -> int | None:
    """How many more files this process may open; None where the system does not tell."""
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return limit - len(os.listdir("/proc/self/fd"))
    except (ImportError, OSError):
        return None
