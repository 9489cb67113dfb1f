"""Live addresses: made, started, stopped, asked; and which version of a model answers on them.

promotion.py carries out a change of the live version, plan.py says beforehand what it would be, gateway_client.py
asks an endpoint.
"""

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator
from typing import Any

from backend.clock import Clock
from backend.contract.errors import Conflict, Invalid, NotFound, Unavailable
from backend.contract.resources import (
    CreateEndpoint,
    EndpointRecord,
    ModelRecord,
    Operation,
    Promote,
    PromotionPlan,
    RollBack,
    TryPredict,
)
from backend.contract.states import EndpointState
from backend.failpoints import failpoint
from backend.jobs.folder import JobFolder, new_job_id
from backend.paths import Home
from backend.services import gateway_client
from backend.services.endpoint_job import limits_of, write_job
from backend.services.ingest import Ingest
from backend.services.intent import Intent
from backend.services.plan import build_plan
from backend.services.promotion import UNDOABLE, Promoter
from backend.services.versions import VersionService, clean_name
from backend.store import Store
from backend.supervisor.launch import Supervisor

UNDO_S = 600.0
PORT_KNOWN_S = 15.0  # a gateway listens within a second, long before a model is loaded
GRACE_S = 15.0


class EndpointService:
    """Use cases of endpoints. Thread-safe; a change of the live version runs in its own thread, one at a time per
    endpoint."""

    def __init__(
        self,
        store: Store,
        supervisor: Supervisor,
        ingest: Ingest,
        versions: VersionService,
        home: Home,
        clock: Clock,
    ) -> None:
        self._store = store
        self._supervisor = supervisor
        self._ingest = ingest
        self._versions = versions
        self._home = home
        self._clock = clock
        self._creating = threading.Lock()
        self.promoter = Promoter(store, supervisor, ingest, versions, clock)

    # ---- an endpoint's life ------------------------------------------------------------------------------------------

    def create(self, request: CreateEndpoint, actor: str, client: str = "") -> EndpointRecord:
        """Open an address for a model; returns as soon as the address is known, its state tells when it answers.

        Raises NotFound (model, version), Conflict (name taken), Invalid (name), Refused (a damaged version).
        The first version that is put on an address is its model's champion; later ones must be promoted.
        """
        model = self._model(request.model)
        number = request.version or model.champion or _newest(model)
        job_id = new_job_id("e")
        with self._supervisor.hold(job_id):
            endpoint = self._open(job_id, model, number, request)
            now = self._clock.now()
            with self._store.transaction():
                if model.champion is None:
                    self._store.versions.set_alias(model.name, "champion", number)
                self._store.versions.served(model.name, number, now, now)
                self._audit(actor, client, "create_endpoint", endpoint, f"{model.name}:{number}")
            failpoint("endpoint.before_launch")
            self._supervisor.launch(job_id, resume=False, attempt=1)
        self._ingest.wake()
        return self._with_address(endpoint.name)

    def _open(self, job_id: str, model: ModelRecord, number: int, request: CreateEndpoint) -> EndpointRecord:
        """Folder, key and record of a new endpoint; nothing runs yet."""
        name = clean_name(request.name)
        version = self._versions.verify(model.name, number)
        limits = limits_of(request, self._store.settings.get())
        settings = {
            "endpoint": name,
            "model": model.name,
            "version": number,
            "version_path": version.path,
            "port": request.port,
            "limits": limits,
        }
        with self._creating:
            if self._store.endpoints.get(name) is not None:
                raise Conflict(f"There is an endpoint {name} already.", code="name_taken")
            key = secrets.token_urlsafe(32)
            write_job(self._home, job_id, key, settings, self._clock.now())
            return self._store.endpoints.add(
                EndpointRecord(
                    name=name,
                    key=key,
                    state=EndpointState.STARTING,
                    model=model.name,
                    job_id=job_id,
                    created_at=self._clock.now(),
                    limits=limits,
                    text=f"Loading version {number}",
                )
            )

    @contextlib.contextmanager
    def _moving(self, name: str) -> Iterator[EndpointRecord]:
        """The endpoint while nobody else starts, ends or changes it. NotFound, Conflict (busy)."""
        with self.promoter.alone(name), self._supervisor.hold(self._get(name).job_id):
            yield self._get(name)

    def delete(self, name: str, actor: str, client: str = "") -> None:
        """Finish what is in flight, then close the address for good. Conflict while its live version is being
        changed."""
        with self._moving(name) as endpoint:
            self._end(endpoint)
            with self._store.transaction():
                self._store.endpoints.remove(name)
                self._audit(actor, client, "delete_endpoint", endpoint, "")
            JobFolder(self._home.job(endpoint.job_id)).secret.unlink(missing_ok=True)

    def stop(self, name: str, actor: str, client: str = "") -> EndpointRecord:
        """Finish what is in flight, then stop answering; address and key stay."""
        with self._moving(name) as endpoint:
            self._end(endpoint)
            self._audit(actor, client, "stop_endpoint", endpoint, EndpointState.STOPPED)
        return self._get(name)

    def start(self, name: str, actor: str, client: str = "") -> EndpointRecord:
        """Answer again on the same address with the version that was live. Conflict when it runs."""
        with self._moving(name) as endpoint:
            if self._alive(endpoint):
                raise Conflict(f"Endpoint {name} runs already.", code="running")
            self._launch(endpoint)
            self._audit(actor, client, "start_endpoint", endpoint, EndpointState.STARTING)
        return self._with_address(name)

    def restart(self, name: str, actor: str, client: str = "") -> EndpointRecord:
        """End gateway and engines and start them anew; address and key stay."""
        with self._moving(name) as endpoint:
            self._end(endpoint)
            self._launch(endpoint)
            self._audit(actor, client, "restart_endpoint", endpoint, EndpointState.STARTING)
        return self._with_address(name)

    def ready(self, name: str, timeout: float) -> EndpointRecord:
        """Wait until the endpoint serves; Unavailable says why it does not."""
        end = time.monotonic() + timeout
        while True:
            endpoint = self._get(name)
            if endpoint.state == EndpointState.SERVING:
                return endpoint
            if endpoint.state in (EndpointState.FAILED, EndpointState.STOPPED) or time.monotonic() > end:
                raise Unavailable(f"Endpoint {name} is {endpoint.state}: {endpoint.text or 'it is not ready yet'}.")
            time.sleep(0.02)

    def _end(self, endpoint: EndpointRecord) -> None:
        # At rest first: nobody must take the end of its process for a death.
        self._store.endpoints.change(endpoint.name, state=EndpointState.STOPPED, text="Stopped")
        if self._alive(endpoint):
            self._supervisor.terminate(endpoint.job_id, GRACE_S)
        self._store.endpoints.change(endpoint.name, pid=None, engines=())

    def _launch(self, endpoint: EndpointRecord) -> None:
        end = time.monotonic() + GRACE_S
        while not self._ingest.drained(endpoint.job_id) and time.monotonic() < end:
            time.sleep(0.01)  # the last words of the attempt before must not be taken for the first of this one
        launch = JobFolder(self._home.job(endpoint.job_id)).launch()
        self._store.endpoints.change(endpoint.name, state=EndpointState.STARTING, text="Starting", restarts=0)
        failpoint("endpoint.before_launch")
        self._supervisor.launch(endpoint.job_id, resume=True, attempt=launch.attempt + 1 if launch else 1)
        self._ingest.wake()

    def _with_address(self, name: str) -> EndpointRecord:
        """The record once its port is known and written as an address."""
        end = time.monotonic() + PORT_KNOWN_S
        while True:
            endpoint = self._get(name)
            if endpoint.port is not None or time.monotonic() > end:
                return addressed(endpoint)
            time.sleep(0.02)

    # ---- which version answers ---------------------------------------------------------------------------------------

    def promote(self, model: str, request: Promote, actor: str, client: str = "") -> Operation:
        """Verify → load → warm → golden check → switch → ask it once; runs in its own thread.

        Without an endpoint the model's only one is meant; a model that has none gets one of its own name.
        Raises NotFound, Invalid (several endpoints), Conflict (live already, stopped, or another change is on its way).
        """
        record = self._model(model)
        version = self._versions.get(record.name, request.version)
        endpoint = self._target(record, request.endpoint)
        if endpoint is None:
            return self._promote_to_new(record, version.version, (request, actor, client))
        if endpoint.live_version == version.version and endpoint.model == record.name:
            raise Conflict(f"Version {version.version} is live on {endpoint.name} already.", code="already_live")
        return self._change("promote", record, endpoint, version.version, (request.reason, actor, client))

    def rollback(self, model: str, request: RollBack, actor: str, client: str = "") -> Operation:
        """To the standby in one switch, to any other version as a promotion of it. Files are verified before anything
        is touched.

        Raises as promote(), and Conflict when there is nothing to go back to.
        """
        record = self._model(model)
        endpoint = self._target(record, request.endpoint)
        if endpoint is None:
            raise Conflict(f"Model {model} is on no endpoint, so there is nothing to roll back.", code="no_endpoint")
        number = request.version or endpoint.standby_version or record.previous
        if number is None:
            raise Conflict(f"Nothing was live on {endpoint.name} before.", code="no_previous")
        if number == endpoint.live_version:
            raise Conflict(f"Version {number} is live on {endpoint.name} already.", code="already_live")
        self._versions.verify(record.name, number)
        return self._change("rollback", record, endpoint, number, (request.reason, actor, client))

    def undo(self, operation_id: str, actor: str, client: str = "") -> Operation:
        """Take a promotion or rollback back within ten minutes: traffic and aliases as they were, with an audit entry
        of its own.

        Raises NotFound, and Conflict when it is too late, was undone, or another version is live by now.
        """
        operation = self._store.operations.get(operation_id)
        if operation is None:
            raise NotFound(f"There is no operation {operation_id!r:.80}.")
        details = self._store.operations.details(operation_id)
        if operation.kind not in UNDOABLE or operation.state != "done" or details.get("from_version") is None:
            raise Conflict("Only a finished promotion or rollback can be undone.", code="not_undoable")
        if self._clock.now() - (operation.ended_at or 0.0) > UNDO_S:
            raise Conflict(
                "Its ten minutes are over.",
                code="too_late",
                fix=f"Roll back to version {details['from_version']} instead.",
            )
        before = Intent.model_validate(details)
        record, endpoint = self._model(before.model), self._get(before.endpoint)
        if details.get("undone") or endpoint.live_version != before.to_version:
            raise Conflict(
                f"Version {before.to_version} is not live any more, so there is nothing to undo.", code="undone"
            )
        self._versions.verify(record.name, int(details["from_version"]))
        reason = f"undo of {operation.kind} to version {before.to_version}: {before.reason}"
        intent = self._intent("undo", record, endpoint, int(details["from_version"]), (reason, actor, client))
        aliases = {"champion_after": before.champion, "previous_after": before.previous, "undoes": operation_id}
        return self.promoter.start(intent.model_copy(update=aliases))

    def plan(self, model: str, version: int | None, kind: str, endpoint: str | None = None) -> PromotionPlan:
        """Exactly what promote() or rollback() would change, with the evidence; `blocked` says why it would be
        refused."""
        record = self._model(model)
        target = self._target(record, endpoint)
        if version is None:
            standby = target.standby_version if target else None
            version = (standby or record.previous) if kind == "rollback" else _newest(record)
        if version is None:
            raise Conflict(f"Nothing was live before for {model}.", code="no_previous")
        self._versions.get(record.name, version)
        return build_plan(kind, record, version, target, lambda: self._versions.verify(record.name, version))

    def wait(self, operation_id: str, timeout: float) -> Operation:
        """The operation when it has ended, or as it is when the time is over."""
        return self.promoter.wait(operation_id, timeout)

    def recover(self) -> list[str]:
        """Finish or undo what a dead daemon left half done; call it once at start, with the ingest running. The
        operations' ids.

        Runs in threads of its own: wait() tells when each has ended.
        """
        return self.promoter.recover()

    def close(self, timeout: float = 10.0) -> None:
        """Wait for threads of running operations; a longer one is left to recover() at the next start."""
        self.promoter.close(timeout)

    def _promote_to_new(self, record: ModelRecord, number: int, asked: tuple[Promote, str, str]) -> Operation:
        """A model on no endpoint gets one of its own name; only when the version has answered does it become the
        champion."""
        request, actor, client = asked
        wanted = CreateEndpoint.model_validate({"name": record.name[:100], "model": record.name, "version": number})
        job_id = new_job_id("e")
        with self._supervisor.hold(job_id):
            endpoint = self._open(job_id, record, number, wanted)
            self._audit(actor, client, "create_endpoint", endpoint, f"{record.name}:{number}")
            self._supervisor.launch(job_id, resume=False, attempt=1)
        self._ingest.wake()
        intent = self._intent("promote", record, endpoint, number, (request.reason, actor, client))
        return self.promoter.start(intent)

    def _change(
        self,
        kind: str,
        record: ModelRecord,
        endpoint: EndpointRecord,
        number: int,
        why: tuple[str, str, str],
    ) -> Operation:
        if not self._alive(endpoint):
            raise Conflict(
                f"Endpoint {endpoint.name} is {endpoint.state}, so no version can be loaded.",
                code="not_running",
                fix="Start it first.",
            )
        return self.promoter.start(self._intent(kind, record, endpoint, number, why))

    def _intent(
        self, kind: str, record: ModelRecord, endpoint: EndpointRecord, number: int, why: tuple[str, str, str]
    ) -> Intent:
        reason, actor, client = why
        return Intent(
            kind=kind,
            model=record.name,
            endpoint=endpoint.name,
            job_id=endpoint.job_id,
            from_version=endpoint.live_version,
            to_version=number,
            standby_version=endpoint.standby_version,
            champion=record.champion,
            previous=record.previous,
            champion_after=number,
            previous_after=endpoint.live_version,
            reason=reason,
            actor=actor,
            client=client,
        )

    def _target(self, model: ModelRecord, name: str | None) -> EndpointRecord | None:
        if name is not None:
            endpoint = self._get(name)
            if endpoint.model not in (None, model.name):
                raise Conflict(f"Endpoint {name} serves {endpoint.model}, not {model.name}.", code="other_model")
            return endpoint
        if len(model.endpoints) > 1:
            names = ", ".join(model.endpoints)
            raise Invalid(f"{model.name} is on several endpoints: {names}. Say which.", field="endpoint")
        return self._get(model.endpoints[0]) if model.endpoints else None

    # ---- asking ------------------------------------------------------------------------------------------------------

    def predict(self, name: str, request: TryPredict) -> dict[str, Any]:
        """The endpoint's own answer, asked with its key; with `explain` also {"explanations": […]}, one per input.

        Raises what the endpoint refused, or Unavailable when it does not answer.
        """
        return gateway_client.try_out(self._get(name), request)

    # ---- small things ------------------------------------------------------------------------------------------------

    def _get(self, name: str) -> EndpointRecord:
        found = self._store.endpoints.get(name)
        if found is None:
            names = ", ".join(endpoint.name for endpoint in self._store.endpoints.all()[:20]) or "none yet"
            raise NotFound(f"There is no endpoint {name!r:.120}; there are: {names}.")
        return found

    def _model(self, name: str) -> ModelRecord:
        found = self._store.versions.model(name)
        if found is None:
            names = ", ".join(model.name for model in self._store.versions.models()[:20]) or "none yet"
            raise NotFound(f"There is no model {name!r:.120}; there are: {names}.")
        return found

    def _alive(self, endpoint: EndpointRecord) -> bool:
        try:
            return self._supervisor.observe(endpoint.job_id).alive
        except NotFound:
            return False

    def _audit(self, actor: str, client: str, action: str, endpoint: EndpointRecord, after: str) -> None:
        self._store.audit.add(actor, client, action, f"endpoint/{endpoint.name}", endpoint.state, after)


def addressed(endpoint: EndpointRecord) -> EndpointRecord:
    """The record with its url."""
    return endpoint.model_copy(update={"url": f"http://127.0.0.1:{endpoint.port}" if endpoint.port else ""})


def _newest(model: ModelRecord) -> int:
    for version in model.versions:
        if not version.deleted:
            return version.version
    raise NotFound(f"Model {model.name} has no version left.")
