"""/telemetry: what the machine says, now and before."""

from typing import Annotated

from fastapi import APIRouter, Query

from backend.contract.resources import TelemetryHistory, TelemetrySample
from backend.server.parts import PartsIn
from backend.server.route import Route

router = APIRouter(tags=["telemetry"], route_class=Route)


@router.get("/telemetry")
def read_latest(parts: PartsIn) -> TelemetrySample:
    """The newest sample; before the first one, an empty one with time 0."""
    return parts.store.telemetry.latest() or TelemetrySample(taken_at=0.0)


@router.get("/telemetry/history")
def read_history(
    parts: PartsIn,
    seconds: Annotated[float, Query(gt=0, le=31 * 86400)] = 3600.0,
    points: Annotated[int, Query(ge=2, le=10_000)] = 600,
) -> TelemetryHistory:
    """The last `seconds`, thinned to `points`."""
    return parts.store.telemetry.history(seconds, points)
