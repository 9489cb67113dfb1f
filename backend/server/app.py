"""The HTTP interface: one router per noun behind the guard. `build()` returns the ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from backend.contract.base import PROTOCOL
from backend.launch import VERSION
from backend.server import (
    alerts,
    audit,
    datasets,
    drift,
    endpoints,
    feed,
    models,
    operations,
    prometheus,
    recipes,
    run_data,
    runs,
    settings,
    system,
    telemetry,
)
from backend.server.errors import on_error
from backend.server.guard import CHALLENGE, Guard, proof
from backend.server.parts import Parts, PartsIn
from backend.server.route import Route

ROUTERS: tuple[APIRouter, ...] = (
    system.router,
    telemetry.router,
    datasets.router,
    recipes.router,
    runs.router,
    run_data.router,
    models.router,
    operations.router,
    endpoints.router,
    alerts.router,
    drift.router,
    audit.router,
    settings.router,
)


def build(parts: Parts, *, hosts: frozenset[bytes] | None = None) -> ASGIApp:
    """The guarded application; `hosts` are the exact Host headers allowed on TCP, None on a Unix socket."""
    parts.hub = feed.Hub(parts.store.feed)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        parts.hub.start()
        yield
        parts.hub.stop("The backend is stopping.")

    app = FastAPI(title="Modeldeck", version=VERSION, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.parts = parts
    app.router.route_class = Route
    app.add_api_route("/healthz", _healthz, methods=["GET"], tags=["system"])
    app.add_api_route("/metrics", prometheus.metrics, methods=["GET"], tags=["system"])
    app.add_api_route("/api/v1/feed", _feed, methods=["GET"], tags=["feed"])
    for router in ROUTERS:
        app.include_router(router, prefix="/api/v1")
    app.add_exception_handler(HTTPException, on_error)
    app.add_exception_handler(RequestValidationError, on_error)
    return Guard(app, token=parts.token, hosts=hosts, read_only=parts.read_only_reason)


async def _healthz(request: Request, parts: PartsIn) -> dict[str, object]:
    """Open to everybody: who we are for those who may know (the socket is private), a proof for those who ask over
    TCP."""
    found: dict[str, object] = {"status": "ok", "version": VERSION, "protocol": PROTOCOL}
    if parts.token is None:
        return {**found, "pid": system.own_pid()}
    challenge = request.headers.get(CHALLENGE.decode(), "")[:200]
    return {**found, "proof": proof(parts.token, challenge, parts.listen)} if challenge else found


async def _feed(request: Request, parts: PartsIn) -> feed.FeedResponse:
    """Server-sent events: ?topics=a,b and Last-Event-ID, as contract/feed.py says."""
    return feed.open_feed(parts.hub, request)
