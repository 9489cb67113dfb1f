"""The routes of an endpoint. Errors are ErrorReply bodies; what a client sent is never repeated in a log."""

import asyncio
import json
import sys
import time
import traceback
from pathlib import Path

from backend.contract.errors import ErrorReply, Invalid, Refused, Unavailable
from backend.worker.serving import prometheus
from backend.worker.serving.batcher import Answered, BatchFailed, EngineLost, QueueFull, Ticket
from backend.worker.serving.guard import Guard, Refusal
from backend.worker.serving.http import Reply, Request
from backend.worker.serving.keeper import Keeper
from backend.worker.serving.limits import Limits
from backend.worker.serving.parameters import check_marked, with_parameters
from backend.worker.serving.router import Router
from backend.worker.serving.strict import Asked, check_inputs, read_explain, read_predict
from backend.worker.serving.windows import Windows

MOST_EXPLAINED = 8
"""Explanations of one version at a time; they take seconds of an engine that has predictions to make."""

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class EndpointApp:
    """Answers the requests of one endpoint."""

    def __init__(self, name: str, guard: Guard, router: Router, limits: Limits, windows: Windows) -> None:
        self.name = name
        self._guard = guard
        self._router = router
        self._limits = limits
        self._windows = windows
        self.draining = False
        self.in_flight = 0

    # ---- what the server calls ---------------------------------------------------------------------------------------

    def admit(self, request: Request) -> Reply | None:
        """Refuse by the head alone, or None."""
        try:
            self._guard.check(request)
        except Refusal as refusal:
            reply = self.plain(refusal.status, refusal.code, refusal.text)
            headers = (("www-authenticate", "Bearer"),) if refusal.status == 401 else ()
            return reply._replace(headers=headers, delay_s=refusal.delay_s)
        return None

    async def answer(self, request: Request) -> Reply:
        """The reply to an admitted request; never raises but when the client is gone."""
        self.in_flight += 1
        try:
            return await self._route(request)
        except QueueFull as error:
            retry = (("retry-after", str(error.retry_after_s)),)
            return self.plain(429, "queue_full", f"Too many requests: {error}.")._replace(headers=retry)
        except Refused as error:
            headers = (("retry-after", "1"),) if isinstance(error, Unavailable) else ()
            return _refused(error)._replace(headers=headers)
        except Exception as error:  # noqa: BLE001 the edge of a request: it gets an answer, the log the place, nobody the content
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            print(f"request failed: {type(error).__name__} at {where}", file=sys.stderr, flush=True)
            reply = ErrorReply(
                kind="broken", code="broken", text="This endpoint has a defect; its log says where.", reference=where
            )
            return Reply(500, reply.model_dump_json().encode())
        finally:
            self.in_flight -= 1

    def plain(self, status: int, code: str, text: str) -> Reply:
        """An ErrorReply."""
        return Reply(status, ErrorReply(kind="refused", code=code, text=text).model_dump_json().encode())

    # ---- routes ------------------------------------------------------------------------------------------------------

    async def _route(self, request: Request) -> Reply:
        if request.path == "/predict":
            return await self._predict(read_predict(request.body, self._limits))
        if request.path == "/explain":
            return await self._explain(read_explain(request.body, self._limits))
        if request.path == "/readyz":
            return self._readyz()
        if request.path == "/metrics":
            text = prometheus.render(self.name, self._router, self._windows, self.in_flight)
            return Reply(200, text.encode(), content_type="text/plain; version=0.0.4; charset=utf-8")
        return Reply(200, b'{"ok":true}')

    def _readyz(self) -> Reply:
        live = self._router.live
        if live is None or live.state != "ready" or self.draining:
            why = "it ends" if self.draining else (live.text or live.state) if live else "no version is live"
            return self.plain(503, "not_ready", f"Not ready: {why}.")
        return Reply(
            200, _encode({"ready": True, "model": live.version.model, "version": live.version.version}).encode()
        )

    async def _predict(self, asked: Asked) -> Reply:
        # From here on this request belongs to this version, whatever is switched meanwhile.
        keeper = self._keeper(asked.version)
        facts = keeper.facts
        if facts:  # else it is being loaded, which the queue says
            check_inputs(asked.texts, facts.get("fields"), facts.get("text_fields") or (), facts.get("kinds"))
            check_marked(asked.texts, facts.get("mark"))
            asked = asked._replace(texts=with_parameters(asked.texts, asked.parameters, facts))
        version = keeper.version.model, keeper.version.version
        started = time.perf_counter()
        try:
            ticket = await self._queued(keeper, asked)
        except QueueFull:
            self._windows.rejected(version)
            raise
        except (Unavailable, TooSlow):
            self._windows.failed(version)
            raise
        answers = [answer for answer in ticket.answers if answer is not None]
        _check_lengths(answers, keeper)
        encoding = time.perf_counter()
        body = _encode({
            "model": version[0],
            "version": version[1],
            "predictions": [{**(answer.output or {}), "truncated": answer.truncated} for answer in answers],
        })  # fmt: skip
        done = time.perf_counter()
        timing = {
            "queue_ms": round(ticket.queue_ms, 3),
            "tokenize_ms": round(ticket.tokenize_ms, 3),
            "model_ms": round(ticket.model_ms, 3),
            "encode_ms": round((done - encoding) * 1e3, 3),
        }
        self._windows.answered(version, (done - started) * 1e3, answers)
        return Reply(200, f'{body[:-1]},"timing":{_encode(timing)}}}'.encode())

    async def _queued(self, keeper: Keeper, asked: Asked) -> Ticket:
        """Through the queue and the engine; a client that goes takes its texts with it."""
        ticket = keeper.lane.submit(asked.texts, asked.truncate)
        try:
            async with asyncio.timeout(self._limits.request_timeout_s):
                await ticket.done
        except TimeoutError as error:
            raise TooSlow(f"No answer within {self._limits.request_timeout_s:g} s.") from error
        except EngineLost as error:
            raise _restarting(keeper, error) from error
        except BatchFailed as error:
            raise Unavailable(f"The model could not answer: {error}.", code=error.code) from error
        finally:
            if not ticket.done.done() or ticket.done.cancelled():
                keeper.lane.cancel(ticket)
        return ticket

    async def _explain(self, asked: Asked) -> Reply:
        keeper = self._keeper(asked.version)
        engine = keeper.engine
        if engine is None or keeper.state != "ready":
            raise Unavailable(f"Version {keeper.version.version} is {keeper.state}.", code="engine_restarting")
        if keeper.facts.get("task", "text-classification") != "text-classification":
            raise Invalid(f"Answers of a model for {keeper.facts['task']} are not explained.", code="no_explanation")
        if asked.label is not None and asked.label not in keeper.facts["labels"]:
            raise Invalid(
                f"There is no label {asked.label[:80]!r}; known are {', '.join(keeper.facts['labels'])}.", field="label"
            )
        if keeper.explaining >= MOST_EXPLAINED:
            raise QueueFull(keeper.explaining, MOST_EXPLAINED, 1)
        keeper.explaining += 1
        try:
            found = await engine.ask(
                "explain", patient=True,
                text=asked.texts[0], truncate=asked.truncate, label=asked.label, steps=asked.steps,
            )  # fmt: skip
        except TimeoutError as error:
            raise TooSlow(
                f"No explanation within {self._limits.engine_timeout_s:g} s: predictions come first, and the engine "
                "had too many of them."
            ) from error
        except EngineLost as error:
            raise _restarting(keeper, error) from error
        except BatchFailed as error:
            raise Unavailable(f"The model could not explain: {error}.", code=error.code) from error
        finally:
            keeper.explaining -= 1
        if "too_long" in found:
            raise _too_long(0, int(found["too_long"]), keeper)
        found.pop("id", None)
        return Reply(200, _encode({"model": keeper.version.model, "version": keeper.version.version, **found}).encode())

    def _keeper(self, version: int | None) -> Keeper:
        if self.draining:
            raise Unavailable("This endpoint is shutting down.", code="draining")
        keeper = self._router.keeper(version)
        if keeper is None and version is None:
            raise Unavailable("No version is live on this endpoint yet.", code="no_version")
        if keeper is None:
            loaded = ", ".join(str(k.version.version) for k in self._router.keepers) or "none"
            raise Invalid(f"Version {version} is not loaded here; loaded: {loaded}.", field="version")
        return keeper


class TooSlow(Refused):
    """The request's time is over."""

    status = 504
    default_code = "timeout"


def _check_lengths(answers: list[Answered], keeper: Keeper) -> None:
    for index, answer in enumerate(answers):
        if answer.output is None:
            raise _too_long(index, answer.tokens, keeper)


def _too_long(index: int, tokens: int, keeper: Keeper) -> Invalid:
    limit = int(keeper.facts["limit"])
    return Invalid(
        f"inputs[{index}] has {tokens} tokens, over the limit of {limit}.",
        code="too_long",
        fix='Shorten it, or send "truncate": true to have it cut.',
        field=f"inputs[{index}]",
        limit=limit,
        unit="tokens",
        tokens=tokens,
    )


def _restarting(keeper: Keeper, error: EngineLost) -> Unavailable:
    text = f"The engine of version {keeper.version.version} did not answer ({error}); it is being restarted."
    return Unavailable(text, code="engine_restarting", fix="Try again in a moment.")


def _refused(error: Refused) -> Reply:
    reply = ErrorReply(kind="refused", code=error.code, text=error.text, fix=error.fix, details=error.details)
    return Reply(error.status, reply.model_dump_json().encode())
