"""Registration as an operation: a run's result becomes a version in a thread of its own, at once or when the run
completes."""

import logging
import secrets
import threading
from typing import TYPE_CHECKING

from backend.contract.errors import Broken, Conflict, ErrorReply, NotFound, Refused
from backend.contract.resources import Operation, RegisterVersion, RunRecord
from backend.contract.states import RunState
from backend.services.imported import refuse_imported

if TYPE_CHECKING:
    from backend.services.versions import VersionService
    from backend.store import Store

log = logging.getLogger(__name__)

STAGES = ("copy", "verify", "record")


class Registrar:
    """One registration at a time; each is an operation row, so that a killed daemon says what became of it."""

    def __init__(self, store: "Store", versions: "VersionService") -> None:
        self._store = store
        self._versions = versions
        self._one = threading.Lock()
        self._threads: list[threading.Thread] = []

    def begin(self, request: RegisterVersion, actor: str) -> Operation:
        """Check what can be checked at once, then work in the background. NotFound and Conflict name what is wrong."""
        run = self._store.runs.get(request.run_id)
        if run is None:
            raise NotFound(f"There is no run {request.run_id[:80]!r}.")
        refuse_imported(run, "registered")
        if run.state != RunState.COMPLETED:
            raise Conflict(f"{run.name} is {run.state}; only a completed run can be registered.", state=run.state)
        if run.recipe == "selftest":
            raise Conflict(
                f"{run.name} is a self-test: it makes no model.",
                fix="Register a run that trained one.",
                recipe=run.recipe,
            )
        details = {"request": request.model_dump(mode="json"), "actor": actor}
        operation = self._store.operations.start("register", f"model/{request.name}", STAGES, details)
        thread = threading.Thread(target=self._work, args=(operation, request, actor), name="register", daemon=True)
        self._threads = [other for other in self._threads if other.is_alive()] + [thread]
        thread.start()
        return operation

    def on_completed(self, run: RunRecord) -> None:
        """Register a run that was started with register_as; a refusal becomes an event of the run."""
        name = run.facts.get("register_as")
        if not name or run.model_version:
            return
        try:
            self.begin(RegisterVersion(run_id=run.id, name=str(name), note="Registered when it completed"), "system")
        except Refused as error:
            self._store.runs.add_event(run.id, "warning", text=f"It was not registered as {name}: {error.text}")

    def recover(self) -> None:
        """At start: registrations that a killed daemon left are failed; a version is only there when it is whole."""
        for operation in self._store.operations.unfinished():
            if operation.kind == "register":
                text = "The backend ended in the middle. Nothing was registered by halves; register again."
                self._store.operations.fail(operation.id, ErrorReply(kind="refused", code="interrupted", text=text))

    def close(self, timeout_s: float = 10.0) -> None:
        """Wait for what is under way."""
        for thread in self._threads:
            thread.join(timeout_s)

    def _work(self, operation: Operation, request: RegisterVersion, actor: str) -> None:
        try:
            with self._one:
                version = self._versions.register(request, actor)
            result = {"model": version.model, "version": version.version, "run_id": version.run_id}
            self._store.operations.finish(operation.id, result)
        except Refused as error:
            reply = ErrorReply(kind="refused", code=error.code, text=error.text, fix=error.fix, details=error.details)
            self._store.operations.fail(operation.id, reply)
        except Exception as error:
            reference = error.reference if isinstance(error, Broken) and error.reference else secrets.token_hex(4)
            log.exception("registration broke", extra={"reference": reference})
            text = f"Registering broke. The log has the rest under {reference}."
            self._store.operations.fail(
                operation.id, ErrorReply(kind="broken", code="broken", text=text, reference=reference)
            )
