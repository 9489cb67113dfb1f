"""/operations: what takes longer than a request."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from backend.contract.errors import NotFound
from backend.contract.resources import Operation
from backend.server.parts import PartsIn
from backend.server.route import Items, Route, items

router = APIRouter(tags=["operations"], route_class=Route)

MAX_WAIT_S = 60.0


@router.get("/operations")
def list_operations(parts: PartsIn, kind: Annotated[str | None, Query(max_length=40)] = None) -> Items[Operation]:
    """Newest first."""
    return items(parts.store.operations.all(kind))


@router.get("/operations/{operation_id}")
async def read_operation(
    operation_id: str, parts: PartsIn, wait: Annotated[float, Query(ge=0, le=MAX_WAIT_S)] = 0.0
) -> Operation:
    """One operation; with `wait`, answers as soon as it has ended, at most that many seconds later."""
    end = asyncio.get_running_loop().time() + wait
    while True:
        place = parts.hub.newest
        found = await asyncio.to_thread(parts.store.operations.get, operation_id)
        if found is None:
            raise NotFound(f"There is no operation {operation_id!r:.80}.")
        left = end - asyncio.get_running_loop().time()
        if found.state != "running" or left <= 0 or parts.stopping.is_set():
            return found
        await parts.hub.wait_beyond(place, min(left, 1.0))


@router.post("/operations/{operation_id}/cancel", status_code=202)
def cancel(operation_id: str, parts: PartsIn) -> Operation:
    """End an import before it is done; it fails when nothing of it is left."""
    return parts.imports.cancel(operation_id)


@router.post("/operations/{operation_id}/undo", status_code=202)
def undo(operation_id: str, parts: PartsIn) -> Operation:
    """Take a promotion or rollback back; is an operation itself."""
    return parts.endpoints.undo(operation_id, parts.user)
