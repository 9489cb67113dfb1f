"""Carries out a change of the live version: intent, load, switch, proof, result. Any failure leaves or restores what
was live.

Every step is idempotent and the stage is stored before it is done, so a daemon that dies anywhere finishes or undoes
it at its next
start: up to the stage `switch` it is undone, from there on it is finished. A gateway carries out switches in the
order they were sent,
so sending the decided one again settles what an earlier one may or may not have done.
"""

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Iterator
from typing import Any

from backend.clock import Clock
from backend.contract.commands import Command, Deploy, Switch, Unload
from backend.contract.errors import Conflict, ErrorReply, ModeldeckError, NotFound, Refused, Unavailable
from backend.contract.events import CommandDone
from backend.contract.resources import EndpointRecord, Operation
from backend.contract.states import EndpointState
from backend.failpoints import failpoint
from backend.services.ingest import Ingest
from backend.services.intent import Intent, note_audit, note_history
from backend.services.proof import prove
from backend.services.versions import VersionService
from backend.store import Store
from backend.supervisor.launch import Supervisor

log = logging.getLogger(__name__)

STAGES = ("load", "warm_up", "switch", "verify")
UNDOABLE = ("promote", "rollback", "undo")
LOAD_S = 300.0  # of an endpoint that does not say
LOAD_SLACK_S = 30.0  # the gateway gives up first, and says why
SWITCH_S = 30.0
GATEWAY_DIED = "gateway_died"
GATEWAY_S = 120.0
"""How long recovery waits for a gateway that is being started again."""


class Promoter:
    """Runs intents, each in a thread of its own, one at a time per endpoint."""

    def __init__(
        self, store: Store, supervisor: Supervisor, ingest: Ingest, versions: VersionService, clock: Clock
    ) -> None:
        self._store = store
        self._supervisor = supervisor
        self._ingest = ingest
        self._versions = versions
        self._clock = clock
        self._guard = threading.Lock()
        self._busy: dict[str, str] = {}  # endpoint → what is on its way
        self._threads: dict[str, threading.Thread] = {}
        self._closing = threading.Event()

    # ---- start and wait ----------------------------------------------------------------------------------------------

    def start(self, intent: Intent) -> Operation:
        """Store the intent and begin; Conflict while another change of this endpoint is on its way."""
        self._claim(intent.endpoint, f"{intent.kind} to version {intent.to_version}")
        try:
            self._refuse_unsettled(intent.endpoint)
            intent = intent.model_copy(update={"began_at": self._clock.now()})
            with self._store.transaction():
                operation = self._store.operations.start(
                    intent.kind, f"model/{intent.model}", STAGES, intent.model_dump(mode="json")
                )
                note_audit(self._store, intent, "intent", {"operation": operation.id})
        except BaseException:
            self._release(intent.endpoint)
            raise
        self._thread(operation.id, self._run, intent)
        return operation

    def wait(self, operation_id: str, timeout: float) -> Operation:
        """The operation when it has ended, or as it is when the time is over; NotFound."""
        thread = self._threads.get(operation_id)
        if thread is not None:
            thread.join(timeout)
        found = self._store.operations.get(operation_id)
        if found is None:
            raise NotFound(f"There is no operation {operation_id!r:.80}.")
        return found

    def recover(self) -> list[str]:
        """Settle every unfinished intent, each in its own thread."""
        found = self._unfinished()
        for operation in found:
            intent = Intent.model_validate(self._store.operations.details(operation.id))
            if self._claim_when_free(intent):
                self._thread(operation.id, self._settle, intent)
        return [operation.id for operation in found]

    def close(self, timeout: float) -> None:
        """Stop waiting for gateways and join."""
        self._closing.set()
        end = time.monotonic() + timeout
        for thread in list(self._threads.values()):
            thread.join(max(0.0, end - time.monotonic()))

    @contextlib.contextmanager
    def alone(self, endpoint: str) -> Iterator[None]:
        """Nothing else changes this endpoint meanwhile; Conflict when something does already."""
        self._claim(endpoint, "a change of the endpoint")
        try:
            yield
        finally:
            self._release(endpoint)

    def _claim(self, endpoint: str, what: str) -> None:
        with self._guard:
            if endpoint in self._busy:
                raise Conflict(
                    f"{self._busy[endpoint].capitalize()} is on its way on {endpoint}.",
                    code="busy",
                    fix="Wait until it has ended.",
                )
            self._busy[endpoint] = what

    def _claim_when_free(self, intent: Intent) -> bool:
        """Whoever stops or starts the endpoint just now comes first; False when the daemon ends meanwhile."""
        while not self._closing.is_set():
            with contextlib.suppress(Conflict):
                self._claim(intent.endpoint, f"recovery of {intent.kind} to version {intent.to_version}")
                return True
            self._closing.wait(0.05)
        return False

    def _refuse_unsettled(self, endpoint: str) -> None:
        """What an earlier daemon left half done comes first, also before recover() was called."""
        for operation in self._unfinished():
            if self._store.operations.details(operation.id).get("endpoint") == endpoint:
                raise Conflict(
                    f"A {operation.kind} of {endpoint} is being recovered.", code="busy", fix="Try again soon."
                )

    def _unfinished(self) -> list[Operation]:
        return [operation for operation in self._store.operations.unfinished() if operation.kind in UNDOABLE]

    def _release(self, endpoint: str) -> None:
        with self._guard:
            self._busy.pop(endpoint, None)

    def _thread(self, operation_id: str, work: Any, intent: Intent) -> None:
        def run() -> None:
            try:
                work(operation_id, intent)
            except Exception:  # the edge of a thread; what could be told was told
                log.exception("%s of %s was left for recovery", intent.kind, intent.endpoint)
            finally:
                self._release(intent.endpoint)

        self._threads = {key: thread for key, thread in self._threads.items() if thread.is_alive()}
        thread = threading.Thread(target=run, name=f"{intent.kind}-{intent.endpoint}", daemon=True)
        self._threads[operation_id] = thread
        thread.start()

    # ---- the change --------------------------------------------------------------------------------------------------

    def _run(self, operation_id: str, intent: Intent) -> None:
        failpoint("promote.after_intent")
        switched = False
        try:
            started = time.monotonic()
            if intent.standby_version != intent.to_version or not self._standby_ready(intent):
                self._load(operation_id, intent)
            failpoint("promote.after_deploy")
            self._stage(operation_id, "switch")
            switched = True
            done = self._tell(intent, Switch(id=_id(), version=intent.to_version), SWITCH_S)
            failpoint("promote.after_switch")
            self._stage(operation_id, "verify")
            prove(self._endpoint(intent), self._versions.get(intent.model, intent.to_version))
            seconds = round(time.monotonic() - started, 3)
        except (ModeldeckError, OSError, ValueError, KeyError) as error:
            if self._closing.is_set():
                raise  # the daemon ends: recovery settles it
            self._undo(operation_id, intent, error, switched=switched)
            return
        failpoint("promote.before_result")
        self._done(operation_id, intent, seconds, done.result.get("paused_ms"))

    def _load(self, operation_id: str, intent: Intent) -> None:
        version = self._versions.verify(intent.model, intent.to_version)
        self._wake_failed(intent)
        command = Deploy(id=_id(), model=intent.model, version=intent.to_version, path=version.path)

        def look(endpoint: EndpointRecord) -> None:
            states = {engine.get("version"): engine.get("state") for engine in endpoint.engines}
            if states.get(intent.to_version) == "warming":
                self._stage(operation_id, "warm_up")

        self._tell(intent, command, self._load_s(intent), look)
        self._stage(operation_id, "warm_up")

    def _load_s(self, intent: Intent) -> float:
        """How long the answer to a Deploy is waited for."""
        endpoint = self._store.endpoints.get(intent.endpoint)
        own = endpoint.limits.get("load_timeout_s") if endpoint is not None else None
        return float(own or LOAD_S) + LOAD_SLACK_S

    def _wake_failed(self, intent: Intent) -> None:
        """An endpoint whose version was given up may come to life by another one; what it says counts again."""
        endpoint = self._store.endpoints.get(intent.endpoint)
        if endpoint is not None and endpoint.state == EndpointState.FAILED:
            self._store.endpoints.change(intent.endpoint, state=EndpointState.STARTING)

    def _standby_ready(self, intent: Intent) -> bool:
        endpoint = self._store.endpoints.get(intent.endpoint)
        engines = endpoint.engines if endpoint else ()
        return any(e.get("version") == intent.to_version and e.get("state") == "ready" for e in engines)

    def _done(self, operation_id: str, intent: Intent, seconds: float, paused_ms: Any = None) -> None:
        """Aliases, history, audit and result are one transaction: either the change is known everywhere or nowhere."""
        now = self._clock.now()
        result = {
            "from_version": intent.from_version,
            "to_version": intent.to_version,
            "seconds": seconds,
            "paused_ms": paused_ms,
            "model": intent.model,
            "endpoint": intent.endpoint,
        }
        versions = self._store.versions
        with self._store.transaction():
            versions.set_alias(intent.model, "champion", intent.champion_after)
            versions.set_alias(intent.model, "previous", self._existing(intent.model, intent.previous_after))
            if intent.from_version is not None:
                before = versions.version(intent.model, intent.from_version)
                live_since = before.last_served_at if before else None
                versions.served(intent.model, intent.from_version, now if live_since is None else live_since, now)
            versions.served(intent.model, intent.to_version, now, now)
            note_history(self._store, intent, "done", seconds, self._clock.now())
            note_audit(self._store, intent, "done", {"operation": operation_id, "seconds": seconds})
            if intent.undoes is not None:
                self._store.operations.stage(intent.undoes, "verify", "undone", {"undone": operation_id})
            self._store.operations.finish(operation_id, result, f"Version {intent.to_version} answers")

    def _existing(self, model: str, number: int | None) -> int | None:
        found = self._store.versions.version(model, number) if number is not None else None
        return number if found is not None and not found.deleted else None

    # ---- when it does not work ---------------------------------------------------------------------------------------

    def _undo(self, operation_id: str, intent: Intent, error: Exception, *, switched: bool) -> None:
        """Put back what was live, unload what was loaded, and say why."""
        text = str(error) if isinstance(error, ModeldeckError) else f"{type(error).__name__}: {error}"
        try:
            self._restore(intent, switched=switched)
        except ModeldeckError as second:
            text = f"{text} What was live could not be restored at once: {second}"
        self._failed(operation_id, intent, error, text)

    def _restore(self, intent: Intent, *, switched: bool) -> None:
        if intent.from_version is None:
            return
        if switched:
            self._switch_back(intent, intent.from_version)
        if intent.to_version != intent.standby_version and self._alive(intent):
            self._tell(intent, Unload(id=_id(), version=intent.to_version), SWITCH_S)

    def _switch_back(self, intent: Intent, version: int) -> None:
        """A gateway that died may have remembered the switch before it could say so: it is waited for and told again.

        One that is just dying still looks alive while its runner writes down how it ended: then once more.
        """
        end = time.monotonic() + GATEWAY_S
        path = self._versions.get(intent.model, version).path
        while self._wait_for_gateway(intent):
            try:
                self._tell(
                    intent, Deploy(id=_id(), model=intent.model, version=version, path=path), self._load_s(intent)
                )
                self._tell(intent, Switch(id=_id(), version=version), SWITCH_S)
                return
            except Unavailable as error:
                if error.code != GATEWAY_DIED or time.monotonic() > end:
                    raise

    def _failed(self, operation_id: str, intent: Intent, error: Exception, text: str) -> None:
        live = f"version {intent.from_version} stays live" if intent.from_version is not None else "nothing is live"
        kind = "refused" if isinstance(error, Refused) else "broken"
        reply = ErrorReply(
            kind=kind,  # type: ignore[arg-type]
            code=getattr(error, "code", "broken"),
            text=f"{text.rstrip('.')}; {live}.",
            fix=getattr(error, "fix", None),
            details={"live_version": intent.from_version, **getattr(error, "details", {})},
        )
        with self._store.transaction():
            note_history(self._store, intent, "aborted", None, self._clock.now())
            note_audit(self._store, intent, "aborted", {"operation": operation_id, "why": text})
            self._store.operations.fail(operation_id, reply)

    # ---- after a death -----------------------------------------------------------------------------------------------

    def _settle(self, operation_id: str, intent: Intent) -> None:
        """Finish from the stage `switch` on, undo before it; without a gateway, as its last words say."""
        failpoint("promote.in_recovery")
        operation = self._store.operations.get(operation_id)
        forward = operation is not None and operation.stage in ("switch", "verify")
        try:
            if not self._wait_for_gateway(intent):
                self._settle_from_record(operation_id, intent)
            elif forward:
                self._finish_late(operation_id, intent)
            else:
                self._restore(intent, switched=False)
                self._failed(operation_id, intent, _interrupted(), str(_interrupted()))
        except (ModeldeckError, OSError, ValueError, KeyError) as error:
            if self._closing.is_set():
                raise
            self._undo(operation_id, intent, error, switched=forward)

    def _finish_late(self, operation_id: str, intent: Intent) -> None:
        version = self._versions.verify(intent.model, intent.to_version)
        deploy = Deploy(id=_id(), model=intent.model, version=intent.to_version, path=version.path)
        self._tell(intent, deploy, self._load_s(intent))
        done = self._tell(intent, Switch(id=_id(), version=intent.to_version), SWITCH_S)
        prove(self._endpoint(intent), self._versions.get(intent.model, intent.to_version))
        seconds = round(max(self._clock.now() - intent.began_at, 0.0), 3)
        self._done(operation_id, intent, seconds, done.result.get("paused_ms"))

    def _settle_from_record(self, operation_id: str, intent: Intent) -> None:
        """The endpoint does not run: what its log said last is what it will come back with."""
        endpoint = self._store.endpoints.get(intent.endpoint)
        if endpoint is not None and endpoint.live_version == intent.to_version:
            self._done(operation_id, intent, round(max(self._clock.now() - intent.began_at, 0.0), 3))
        else:
            self._failed(operation_id, intent, _interrupted(), str(_interrupted()))

    def _wait_for_gateway(self, intent: Intent) -> bool:
        """True when the gateway lives and everything it said is stored. An endpoint at rest is not waited for."""
        end = time.monotonic() + GATEWAY_S
        while time.monotonic() < end and not self._closing.is_set():
            endpoint = self._store.endpoints.get(intent.endpoint)
            if endpoint is None:
                return False
            if self._alive(intent):
                return True
            if endpoint.state in (EndpointState.STOPPED, EndpointState.FAILED) and self._ingest.drained(intent.job_id):
                return False
            self._closing.wait(0.05)
        return False

    # ---- small things ------------------------------------------------------------------------------------------------

    def _tell(self, intent: Intent, command: Command, timeout_s: float, look: Any = None) -> CommandDone:
        """Send a command and wait for its answer; Refused with the gateway's words, Unavailable when it does not
        answer."""
        self._supervisor.send(intent.job_id, command)
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            try:
                done = self._ingest.wait_command(command.id, 0.25)
            except TimeoutError:
                if self._closing.is_set():
                    raise Unavailable("the backend is shutting down", code="closing") from None
                if not self._alive(intent) and self._ingest.drained(intent.job_id):
                    raise Unavailable("the endpoint's process ended meanwhile", code=GATEWAY_DIED) from None
                if look is not None:
                    look(self._endpoint(intent))
                continue
            if not done.ok:
                raise Refused(f"Version {intent.to_version} was not taken: {done.text}", code="not_ready")
            return done
        raise Unavailable(f"the endpoint did not answer {type(command).__name__.lower()} within {timeout_s:g} s")

    def _endpoint(self, intent: Intent) -> EndpointRecord:
        found = self._store.endpoints.get(intent.endpoint)
        if found is None:
            raise NotFound(f"Endpoint {intent.endpoint} was deleted.")
        return found

    def _alive(self, intent: Intent) -> bool:
        try:
            return self._supervisor.observe(intent.job_id).alive
        except NotFound:
            return False

    def _stage(self, operation_id: str, stage: str) -> None:
        found = self._store.operations.get(operation_id)
        if found is not None and found.stage != stage:
            self._store.operations.stage(operation_id, stage)


def _id() -> str:
    return f"cmd-{secrets.token_hex(8)}"


def _interrupted() -> Unavailable:
    return Unavailable("The backend ended before the switch", code="interrupted")
