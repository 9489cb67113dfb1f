"""One mapping from what went wrong to what the client reads: ErrorReply with the status of its class."""

import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from backend.contract.errors import Broken, ErrorReply, Invalid, NotFound, Refused

log = logging.getLogger("modeldeck.server")

BROKEN_STATUS = 500


def reply_for(error: Exception, *, where: str) -> Response:
    """The reply of any error of a request. What is not Refused is ours: the log gets the traceback, the client a
    reference."""
    if isinstance(error, Refused):
        return refusal(error)
    if isinstance(error, RequestValidationError):
        return refusal(invalid_from(error.errors()))
    if isinstance(error, HTTPException):
        return refusal(_from_http(error, where))
    return broken(error, where=where)


def refusal(error: Refused, headers: Mapping[str, str] | None = None) -> Response:
    """What, why, and what would work, for the user."""
    body = ErrorReply(kind="refused", code=error.code, text=error.text, fix=error.fix, details=error.details)
    return _response(body, error.status, headers)


def broken(error: Exception, *, where: str) -> Response:
    """Only a reference leaves the house; the traceback, which may hold secrets of the request, goes to the log."""
    reference = error.reference if isinstance(error, Broken) and error.reference else secrets.token_hex(4)
    log.error("broken", exc_info=error, extra={"reference": reference, "where": where})
    text = error.text if isinstance(error, Broken) else "Something broke inside the backend."
    return _response(
        ErrorReply(
            kind="broken",
            code="broken",
            text=f"{text} The log has the rest under {reference}.",
            fix="Run `python3 main.py doctor`, and look into logs/daemon.log of the home folder.",
            reference=reference,
        ),
        BROKEN_STATUS,
    )


def invalid_from(errors: Sequence[Any]) -> Invalid:
    """The first problem of a validation in a sentence, all of them in details["problems"]."""
    problems = [{"field": _field(item["loc"]), "text": _sentence(item)} for item in errors[:20]]
    first = problems[0] if problems else {"field": "body", "text": "not valid"}
    return Invalid(f"{first['field']}: {first['text']}", field=first["field"], problems=problems)


def _field(location: Sequence[Any]) -> str:
    parts = [str(part) for part in location if part not in ("body", "query", "path")]
    return ".".join(parts)[:200] or "body"


def _sentence(item: Mapping[str, Any]) -> str:
    text = str(item["msg"])
    if item["type"] == "extra_forbidden":
        return "there is no such field"
    if item["type"] == "missing":
        return "is missing"
    given = item.get("input")
    return f"{text}, not {given!r:.80}" if isinstance(given, str | int | float | bool) else text


def _from_http(error: HTTPException, where: str) -> Refused:
    if error.status_code == 404:
        return NotFound(f"There is no {where}.", fix="The list of addresses is at /openapi.json.")
    refused = Refused(str(error.detail), code={405: "method", 413: "too_large"}.get(error.status_code, "refused"))
    refused.status = error.status_code
    return refused


def _response(body: ErrorReply, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body.model_dump_json(), status, dict(headers or {}), media_type="application/json")


async def on_error(request: Request, error: Exception) -> Response:
    """For what happens outside any route: unknown addresses, wrong methods."""
    return reply_for(error, where=f"{request.method} {request.scope['path'][:200]}")
