"""/telemetry: what the machine says, now and before."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from backend.contract.base import Request as Body
from backend.contract.errors import Conflict, Invalid
from backend.contract.resources import CommandText, PowerLimit, TelemetryHistory, TelemetrySample
from backend.server.parts import ClientIn, PartsIn
from backend.server.route import Route
from backend.services.power_limit import PowerLimits
from backend.telemetry.texts import smi_text

router = APIRouter(tags=["telemetry"], route_class=Route)

LONGEST_S = 366 * 86_400.0

Names = Annotated[str, Query(max_length=2000, description="patterns with *, separated by commas; none means all")]
Points = Annotated[int, Query(ge=2, le=10_000)]


@router.get("/telemetry")
def read_latest(parts: PartsIn) -> TelemetrySample:
    """The newest sample; before the first one, an empty one with time 0."""
    return parts.store.telemetry.latest() or TelemetrySample(taken_at=0.0)


@router.get("/telemetry/history")
def read_history(
    parts: PartsIn,
    seconds: Annotated[float, Query(gt=0, le=LONGEST_S)] = 3600.0,
    points: Points = 600,
    start: Annotated[float | None, Query(alias="from")] = None,
    stop: Annotated[float | None, Query(alias="to")] = None,
    names: Names = "",
) -> TelemetryHistory:
    """The last `seconds`, or from … to (unix time), in at most `points` steps with mean, lowest and highest."""
    now = parts.clock.now()
    last = now if stop is None else stop
    first = last - seconds if start is None else start
    if not 0 < last - first <= LONGEST_S:
        raise Invalid("from must lie before to, and no more than a year.", field="from")
    return parts.store.telemetry.between(first, last, points, patterns(names))


@router.get("/runs/{run_id}/telemetry")
def read_run_telemetry(
    run_id: str,
    parts: PartsIn,
    points: Points = 1200,
    names: Names = "",
    start: Annotated[float | None, Query(alias="from", allow_inf_nan=False)] = None,
    stop: Annotated[float | None, Query(alias="to", allow_inf_nan=False)] = None,
) -> TelemetryHistory:
    """The machine while a run was there, or in from … to (unix time) of that; an ended run keeps it."""
    return parts.store.telemetry.of_run(parts.runs.get(run_id), points, patterns(names), start, stop)


@router.post("/telemetry/check", status_code=202)
def check_cards(parts: PartsIn) -> TelemetrySample:
    """Try every graphics driver again now; the answer is what was known before."""
    if parts.read_only_reason:
        raise Conflict("A viewer reads no cards.", fix="Ask the backend that has the home folder.")
    parts.check_cards()
    return read_latest(parts)


@router.get("/telemetry/text")
def read_text(vendor: Annotated[str, Query(max_length=20)] = "nvidia") -> CommandText:
    """What the vendor's own program prints about its cards."""
    return smi_text(vendor)


class SetPowerLimit(Body):
    """POST /telemetry/cards/{index}/power_limit."""

    watts: float = Field(gt=0, le=10_000)
    reason: str = Field("", max_length=4000)


@router.get("/telemetry/cards/{index}/power_limit")
def read_power_limit(index: int, parts: PartsIn) -> PowerLimit:
    """The power limit of a card, what it takes, and what this user lacks to set it."""
    return PowerLimits(parts.store).get(index)


@router.post("/telemetry/cards/{index}/power_limit")
def set_power_limit(index: int, body: SetPowerLimit, parts: PartsIn, client: ClientIn) -> PowerLimit:
    """Another power limit until the driver is loaded again; audited, also when it is refused."""
    limits = PowerLimits(parts.store)
    return limits.change(index, body.watts, actor=parts.user, client=client, reason=body.reason)


def patterns(names: str) -> tuple[str, ...]:
    """The patterns of a query."""
    return tuple(part for name in names.split(",") if (part := name.strip()))
