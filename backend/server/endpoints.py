"""/endpoints: live addresses."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from backend.contract.errors import NotFound
from backend.contract.resources import CreateEndpoint, EndpointRecord, TelemetryHistory, TryPredict
from backend.server.parts import Parts, PartsIn
from backend.server.route import Items, Route, items

router = APIRouter(tags=["endpoints"], route_class=Route)


def known_endpoint(parts: Parts, name: str) -> EndpointRecord:
    """The endpoint, or NotFound naming those that exist."""
    found = parts.store.endpoints.get(name)
    if found is None:
        names = ", ".join(endpoint.name for endpoint in parts.store.endpoints.all()[:20])
        raise NotFound(
            f"There is no endpoint {name!r:.120}.", fix=f"There are: {names}." if names else "Create one first."
        )
    return found


@router.get("/endpoints")
def list_endpoints(parts: PartsIn) -> Items[EndpointRecord]:
    """Every endpoint with the figures of its last minute."""
    return items(parts.store.endpoints.all())


@router.post("/endpoints", status_code=201)
def create_endpoint(body: CreateEndpoint, parts: PartsIn) -> EndpointRecord:
    """Open an address; its state tells when it answers."""
    return parts.endpoints.create(body, parts.user)


@router.get("/endpoints/{name}")
def read_endpoint(name: str, parts: PartsIn) -> EndpointRecord:
    """One endpoint."""
    return known_endpoint(parts, name)


@router.delete("/endpoints/{name}", status_code=204)
def delete_endpoint(name: str, parts: PartsIn) -> None:
    """Finish what is in flight, then close the address for good."""
    parts.endpoints.delete(known_endpoint(parts, name).name, parts.user)


@router.post("/endpoints/{name}/restart", status_code=202)
def restart_endpoint(name: str, parts: PartsIn) -> EndpointRecord:
    """Start it anew; address and key stay."""
    parts.endpoints.restart(known_endpoint(parts, name).name, parts.user)
    return known_endpoint(parts, name)


@router.post("/endpoints/{name}/stop", status_code=202)
def stop_endpoint(name: str, parts: PartsIn) -> EndpointRecord:
    """Finish what is in flight, then stop answering."""
    parts.endpoints.stop(known_endpoint(parts, name).name, parts.user)
    return known_endpoint(parts, name)


@router.post("/endpoints/{name}/start", status_code=202)
def start_endpoint(name: str, parts: PartsIn) -> EndpointRecord:
    """Answer again on the same address."""
    parts.endpoints.start(known_endpoint(parts, name).name, parts.user)
    return known_endpoint(parts, name)


@router.post("/endpoints/{name}/predict")
def predict(name: str, body: TryPredict, parts: PartsIn) -> dict[str, Any]:
    """The playground: asks the endpoint with its key and passes the answer on."""
    return parts.endpoints.predict(known_endpoint(parts, name).name, body)


@router.get("/endpoints/{name}/history")
def read_history(
    name: str,
    parts: PartsIn,
    seconds: Annotated[float, Query(gt=0, le=31 * 86400)] = 3600.0,
    points: Annotated[int, Query(ge=2, le=10_000)] = 600,
) -> TelemetryHistory:
    """serve/… figures over time."""
    return parts.store.endpoints.history(known_endpoint(parts, name).name, seconds, points)


@router.get("/endpoints/{name}/windows")
def list_windows(
    name: str,
    parts: PartsIn,
    since: Annotated[float, Query(ge=0)] = 0.0,
    version: Annotated[int | None, Query(ge=1)] = None,
) -> dict[str, Any]:
    """Request windows since a unix time, oldest first, each with its time."""
    found = parts.store.endpoints.timed_windows(known_endpoint(parts, name).name, since, version)
    return {"items": [{"time": time, **window.model_dump(mode="json")} for time, window in found]}
