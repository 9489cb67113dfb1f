"""Asks an endpoint over HTTP on this machine, with its key, without any proxy."""

import http.client
import json
from typing import Any

from backend.contract.errors import ErrorReply, Refused, Unavailable
from backend.contract.resources import EndpointRecord, TryPredict

TIMEOUT_S = 65.0
"""Longer than an endpoint's own limits, so that its words are what the user sees."""

MOST_EXPLAINED = 8


class EndpointRefused(Refused):
    """What the endpoint said, with its status."""

    def __init__(self, status: int, reply: ErrorReply) -> None:
        super().__init__(reply.text, code=reply.code, fix=reply.fix, **reply.details)
        self.status = status


def ask(endpoint: EndpointRecord, path: str, body: dict[str, Any], timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """POST a body and return the answer; raises EndpointRefused with the endpoint's words, or Unavailable."""
    if endpoint.port is None:
        raise Unavailable(f"Endpoint {endpoint.name} has no address yet.", code="not_ready")
    try:
        status, data = _post(endpoint.port, path, endpoint.key, json.dumps(body).encode(), timeout_s)
    except (OSError, http.client.HTTPException) as error:
        text = f"Endpoint {endpoint.name} does not answer ({type(error).__name__}); it is {endpoint.state}."
        raise Unavailable(text, code="no_answer") from error
    try:
        found = json.loads(data)
        if status == 200:
            return dict(found)
        reply = ErrorReply.model_validate(found)
    except ValueError as error:
        raise Unavailable(f"Endpoint {endpoint.name} answered {status} without words.", code="no_answer") from error
    raise EndpointRefused(status, reply)


def try_out(endpoint: EndpointRecord, request: TryPredict) -> dict[str, Any]:
    """The answer to a prediction; with `explain` also {"explanations": […]}, one per input. Raises as ask() does."""
    version = {"version": request.version} if request.version is not None else {}
    answer = ask(endpoint, "/predict", {"inputs": list(request.inputs)} | version)
    if request.explain:
        answer["explanations"] = [
            ask(endpoint, "/explain", {"input": text} | version) for text in request.inputs[:MOST_EXPLAINED]
        ]
    return answer


def _post(port: int, path: str, key: str, body: bytes, timeout_s: float) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("POST", path, body, headers)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()
