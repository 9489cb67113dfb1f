"""The bounds of an endpoint: what spec.settings may say, and what holds when it says nothing."""

from typing import Any

from pydantic import Field

from backend.contract.base import Record


class Limits(Record):
    """Each bound has an answer of its own when it is passed: 413, 422, 429, 503 or 504."""

    max_batch: int = Field(32, ge=1, le=1024)  # texts in one forward pass
    max_wait_ms: float = Field(2.0, ge=0, le=1000)  # how long an idle engine waits for company, when company is likely
    queue: int = Field(256, ge=1, le=100_000)  # texts waiting per version; beyond it 429
    max_items: int = Field(256, ge=1, le=100_000)  # texts in one request; beyond it 413
    max_tokens: int | None = Field(None, ge=2)  # beyond it 422; None: what the model can take
    max_characters: int = Field(100_000, ge=1)  # of one text, before anything tokenizes it; beyond it 422
    body_bytes: int = Field(1_048_576, ge=1024)  # of one request, counted as it streams in; beyond it 413
    request_timeout_s: float = Field(30.0, gt=0)  # from the last byte of the request to its answer; beyond it 504
    engine_timeout_s: float = Field(60.0, gt=0)  # for one batch; an engine that takes longer hangs and is ended
    load_timeout_s: float = Field(300.0, gt=0)  # for verify, load, warm-up and golden check together
    body_timeout_s: float = Field(15.0, gt=0)  # for a request to arrive; beyond it 408
    idle_timeout_s: float = Field(75.0, gt=0)  # a connection that asks nothing is closed
    drain_timeout_s: float = Field(10.0, ge=0)  # for requests in flight at the end
    connections: int = Field(1024, ge=1)  # beyond it 503
    threads: int = Field(0, ge=0, le=512)  # of one engine; 0 leaves one core for the gateway
    device: str = "auto"
    slo_p99_ms: float | None = None


def read_limits(settings: dict[str, Any]) -> Limits:
    """The limits in spec.settings: from its own "limits", else from the settings beside endpoint and model."""
    found = {**settings, **(settings.get("limits") or {})}
    return Limits.model_validate({name: found[name] for name in Limits.model_fields if found.get(name) is not None})
