"""Registered versions: a completed run's result becomes immutable version N of a model, with everything needed to prove
it.

Folders are named by an id made from the model's name, never by the name itself.
"""

import hashlib
import re
import shutil
import threading
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend import platform
from backend.clock import Clock
from backend.contract.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from backend.contract.resources import FileRecord, HistoryEntry, RegisterVersion, RunRecord, VersionRecord
from backend.contract.states import RunState
from backend.failpoints import failpoint
from backend.jobs import manifest
from backend.jobs.folder import read_json
from backend.paths import Home
from backend.services.run_folders import require_folder
from backend.store import Store

PROOF = ("golden.json", "profile.json")
"""What every version must prove itself with."""

NEEDED = {
    "text-classification": ("model.safetensors", "config.json", "tokenizer.json", "labels.json"),
    "image-classification": (
        "model.safetensors",
        "config.json",
        "preprocessor_config.json",
        "labels.json",
        "signature.json",
    ),
    "tabular": ("model.skops", "signature.json"),
}
"""Task → files without which nothing can be served; other tasks need what TRANSFORMER says."""

TRANSFORMER = ("model.safetensors", "config.json", "tokenizer.json", "signature.json")
"""Without these a version could not be loaded, proved or watched."""

AddFiles = Callable[[Path, VersionRecord], None]
"""Puts further files (MLmodel …) into a version's folder before it is sealed."""


class VersionService:
    """Registers, verifies and deletes versions. Thread-safe: one registration at a time."""

    def __init__(self, store: Store, home: Home, clock: Clock, add_files: AddFiles | None = None) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._add_files = add_files
        self._lock = threading.Lock()

    # ---- register ----------------------------------------------------------------------------------------------------

    def register(self, request: RegisterVersion, actor: str, client: str = "") -> VersionRecord:
        """Copy the result of a completed run to a folder of its own and make it the next version.

        Raises NotFound, Conflict (not completed, registered already), Invalid (name, files, labels), Unavailable
        (disk). Nothing is left behind when it fails, and a death at any moment leaves either the version or nothing
        that counts.
        """
        name = clean_name(request.name)
        with self._lock:
            run = self._completed_run(request.run_id)
            self._refuse_second(name, run)
            source = require_folder(self._home, run).model
            self._check_files(source, run)
            draft = self._draft(name, run, source, actor, request.note)
            self._check_labels(draft)
            return self._keep(draft, source, actor, client)

    def _completed_run(self, run_id: str) -> RunRecord:
        run = self._store.runs.get(run_id)
        if run is None:
            raise NotFound(f"There is no run {run_id!r:.80}.", fix="List the runs and take an id from there.")
        if run.state != RunState.COMPLETED:
            raise Conflict(
                f"Run {run.name!r:.120} is {run.state}; only a completed run can be registered.", code="not_completed"
            )
        return run

    def _refuse_second(self, name: str, run: RunRecord) -> None:
        model = self._store.versions.model(name)
        for version in model.versions if model else ():
            if version.run_id == run.id and not version.deleted:
                raise Conflict(
                    f"This run is version {version.version} of {name} already.",
                    code="registered_already",
                    model=name,
                    version=version.version,
                )

    def _check_files(self, source: Path, run: RunRecord) -> None:
        if not source.is_dir():
            raise Conflict(f"Run {run.name!r:.120} left no model.", code="no_model")
        difference = manifest.verify(source)
        if difference is not None:
            raise Conflict(f"The result of run {run.name!r:.120} is damaged: {difference}.", code="damaged")
        files = manifest.read_manifest(source)["files"]
        task = str(_object(source / "signature.json").get("task") or "text-classification")
        missing = [name for name in (*NEEDED.get(task, TRANSFORMER), *PROOF) if name not in files]
        if missing:
            raise Invalid(f"The result lacks {', '.join(missing)}.", code="incomplete", missing=missing)
        size = sum(int(entry["size"]) for entry in files.values())
        free = shutil.disk_usage(self._home.root).free
        reserve = self._store.settings.get().reserve_disk_bytes
        if free < size + reserve:
            raise Unavailable(
                f"A version needs {size:,} bytes beside the reserve of {reserve:,}, only {free:,} are free.",
                code="disk_full",
                fix="Free some space, or lower the reserve in Settings.",
            )

    def _draft(self, name: str, run: RunRecord, source: Path, actor: str, note: str) -> VersionRecord:
        facts = _object(source / "facts.json")
        environment = run.environment or facts.get("environment") or {}
        dataset = self._store.datasets.get(run.dataset_id) if run.dataset_id else None
        evaluations = self._store.runs.evaluations(run.id)
        tested = [e for e in evaluations if e.split == "test"] or evaluations
        shown = ("eval/", "test/")
        return VersionRecord(
            model=name,
            version=0,
            run_id=run.id,
            run_name=run.name,
            task=str(_object(source / "signature.json").get("task") or facts.get("task") or "text-classification"),
            recipe=run.recipe,
            metrics={key: value for key, value in run.metrics.items() if key.startswith(shown)},
            created_at=self._clock.now(),
            created_by=actor,
            dataset_id=run.dataset_id,
            dataset_name=run.dataset_name,
            dataset_sha256=dataset.sha256 if dataset else None,
            base_model=run.base_model,
            settings=run.settings,
            environment=environment,
            commit=environment.get("commit") or facts.get("commit"),
            labels=_labels(source),
            signature=_object(source / "signature.json"),
            evaluation=tested[-1].model_dump(mode="json") if tested else {},
            note=note,
        )

    def _check_labels(self, draft: VersionRecord) -> None:
        """Clients of a name rely on its labels: another set is another model."""
        model = self._store.versions.model(draft.model)
        if model is not None and model.labels and set(model.labels) != set(draft.labels):
            raise Invalid(
                f"{draft.model} answers with {', '.join(model.labels)}; this run with {', '.join(draft.labels)}.",
                code="labels_differ",
                field="name",
                fix="Register it under another name.",
            )

    def _keep(self, draft: VersionRecord, source: Path, actor: str, client: str) -> VersionRecord:
        parent = self._home.models / folder_name(draft.model)
        waiting = f".incoming-{draft.run_id}"

        def fill(folder: Path) -> None:
            for file in manifest.read_manifest(source)["files"]:
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / file, folder / file)
            if self._add_files is not None:
                self._add_files(folder, draft)

        committed = manifest.commit(parent, waiting, fill, facts={"run_id": draft.run_id, "model": draft.model})
        failpoint("register.after_copy")
        try:
            return self._record(draft, committed, actor, client)
        except BaseException:
            shutil.rmtree(committed.path, ignore_errors=True)
            raise

    def _record(self, draft: VersionRecord, committed: manifest.Committed, actor: str, client: str) -> VersionRecord:
        """The row, the folder's final name, audit and history belong together; a folder without a row does not count
        and is replaced."""
        files = tuple(
            FileRecord(path=name, size_bytes=int(entry["size"]), sha256=str(entry["sha256"]))
            for name, entry in sorted(committed.files.items())
        )
        parent = committed.path.parent
        with self._store.transaction():
            self._store.versions.add_model(draft.model, draft.task, draft.labels)
            number = self._store.versions.add(draft).version
            final = parent / str(number)
            if final.exists():
                shutil.rmtree(final)
            committed.path.rename(final)
            platform.sync_folder(parent)
            version = self._store.versions.change(
                draft.model,
                number,
                path=str(final),
                size_bytes=committed.size_bytes,
                files=files,
                manifest_sha256=manifest.sha256_of(final / manifest.MANIFEST),
            )
            self._store.runs.change(draft.run_id, model_version=f"{draft.model}:{number}")
            self._history(draft.model, actor, "register", None, number, draft.note)
            self._store.audit.add(
                actor, client, "register", f"model/{draft.model}", "", f"version {number}", draft.note, "done",
                {"run_id": draft.run_id, "manifest_sha256": version.manifest_sha256},
            )  # fmt: skip
            failpoint("register.before_commit")
        return version

    # ---- what is registered ------------------------------------------------------------------------------------------

    def get(self, model: str, number: int) -> VersionRecord:
        """A version whose files should be there; NotFound names those that exist."""
        found = self._store.versions.version(model, number)
        if found is None or found.deleted:
            record = self._store.versions.model(model)
            if record is None:
                names = ", ".join(m.name for m in self._store.versions.models()[:20]) or "none yet"
                raise NotFound(f"There is no model {model!r:.120}; there are: {names}.")
            left = ", ".join(str(v.version) for v in record.versions if not v.deleted) or "none"
            raise NotFound(f"Model {model} has no version {number}; it has: {left}.")
        return found

    def verify(self, model: str, number: int) -> VersionRecord:
        """The version when every file is as it was registered; Refused names the first that is not."""
        version = self.get(model, number)
        folder = Path(version.path)
        difference = manifest.verify(folder)
        if difference is None and manifest.sha256_of(folder / manifest.MANIFEST) != version.manifest_sha256:
            difference = f"{manifest.MANIFEST} is not the one that was registered"
        if difference is not None:
            raise Refused(
                f"Version {number} of {model} cannot be used: {difference}.",
                code="damaged_version",
                fix="Register its run again, or use another version.",
                model=model,
                version=number,
            )
        return version

    def change(self, model: str, number: int, actor: str, client: str = "", **fields: Any) -> VersionRecord:
        """Set its note or its card; anything else is immutable (Invalid)."""
        before = self.get(model, number)
        unknown = sorted(set(fields) - {"note", "card"})
        if unknown:
            raise Invalid(f"A version's {unknown[0]} cannot be changed; note and card can.", field=unknown[0])
        with self._store.transaction():
            after = self._store.versions.change(model, number, **fields)
            for name, value in fields.items():
                self._store.audit.add(
                    actor, client, f"change_{name}", f"model/{model}:{number}", getattr(before, name), str(value)
                )
            if "note" in fields:
                self._history(model, actor, "note", None, number, str(fields["note"]))
        return after

    def set_note(self, model: str, number: int, note: str, actor: str) -> VersionRecord:
        """Set its note."""
        return self.change(model, number, actor, note=note)

    def delete(self, model: str, number: int, actor: str, client: str = "") -> None:
        """Remove the files; the row stays, marked. Conflict while it is live, stands by, or has an alias."""
        with self._lock:
            version = self.get(model, number)
            for endpoint in self._store.endpoints.all():
                role = {endpoint.live_version: "live", endpoint.standby_version: "the standby"}.get(number)
                if endpoint.model == model and role:
                    raise Conflict(f"Version {number} is {role} on endpoint {endpoint.name}.", code="in_use")
            if version.aliases:
                raise Conflict(f"Version {number} is {' and '.join(version.aliases)} of {model}.", code="in_use")
            with self._store.transaction():
                self._store.versions.change(model, number, deleted=True)
                self._store.audit.add(actor, client, "delete", f"model/{model}:{number}", version.path, "")
                self._history(model, actor, "delete", number, None, "")
            shutil.rmtree(version.path, ignore_errors=True)

    def sweep(self) -> tuple[str, ...]:
        """Remove what dead registrations and deletions left; call it at start, before anything registers."""
        known = {v.path for m in self._store.versions.models() for v in m.versions if not v.deleted}
        removed = []
        for parent in self._home.models.iterdir() if self._home.models.is_dir() else ():
            for folder in parent.iterdir() if parent.is_dir() else ():
                if str(folder) not in known and (folder.name.startswith(".") or folder.name.isdigit()):
                    shutil.rmtree(folder, ignore_errors=True)
                    removed.append(f"{parent.name}/{folder.name}")
        return tuple(removed)

    def _history(self, model: str, actor: str, action: str, old: int | None, new: int | None, reason: str) -> None:
        entry = HistoryEntry(
            time=self._clock.now(), actor=actor, action=action, from_version=old, to_version=new, reason=reason
        )
        self._store.versions.add_history(model, entry)


def clean_name(name: str) -> str:
    """The name as it is kept: NFC, without surrounding space. Invalid for what no address, log or screen could
    carry."""
    name = unicodedata.normalize("NFC", name).strip()
    if not name or name in (".", ".."):
        raise Invalid("A model needs a name.", field="name")
    if "/" in name or "\\" in name or any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in name):
        raise Invalid("A model's name may not hold slashes or control characters.", field="name")
    return name


def folder_name(name: str) -> str:
    """A folder name for a model: readable where it can be, unique always, safe everywhere."""
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{readable}-{digest}" if readable else f"model-{digest}"


def _object(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _labels(source: Path) -> tuple[str, ...]:
    if not (source / "labels.json").is_file():
        return ()
    found = read_json(source / "labels.json")
    found = found.get("labels") if isinstance(found, dict) else found
    if not isinstance(found, list) or not all(isinstance(label, str) for label in found):
        raise Invalid("labels.json of the result is not a list of names.", code="incomplete")
    return tuple(found)
