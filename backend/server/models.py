"""/models: versions under a name, promotion and rollback."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from backend.contract.base import Request as Body
from backend.contract.errors import NotFound
from backend.contract.resources import (
    HistoryEntry,
    ModelRecord,
    Operation,
    Promote,
    PromotionPlan,
    RegisterVersion,
    RollBack,
    VersionRecord,
)
from backend.server.parts import Parts, PartsIn
from backend.server.route import Items, Route, items

router = APIRouter(tags=["models"], route_class=Route)


class ChangeVersion(Body):
    """PATCH /models/{name}/versions/{n}: only what is given changes."""

    note: str | None = Field(None, max_length=4000)
    card: str | None = Field(None, max_length=100_000)


def known_model(parts: Parts, name: str) -> ModelRecord:
    """The model, or NotFound naming those that exist."""
    found = parts.store.versions.model(name)
    if found is None:
        names = ", ".join(model.name for model in parts.store.versions.models()[:20])
        raise NotFound(
            f"There is no model {name!r:.120}.", fix=f"There are: {names}." if names else "None is registered yet."
        )
    return found


@router.get("/models")
def list_models(parts: PartsIn) -> Items[ModelRecord]:
    """Every model with its versions."""
    return items(parts.store.versions.models())


@router.post("/models", status_code=202)
def register(body: RegisterVersion, parts: PartsIn) -> Operation:
    """Make a version out of a completed run; the operation's result names it."""
    found: Operation = parts.register(body, parts.user)
    return found


@router.get("/models/{name}")
def read_model(name: str, parts: PartsIn) -> ModelRecord:
    """One model."""
    return known_model(parts, name)


@router.get("/models/{name}/history")
def read_history(name: str, parts: PartsIn) -> Items[HistoryEntry]:
    """Who made which version live when, and why; newest first."""
    return items(parts.store.versions.history(known_model(parts, name).name))


@router.get("/models/{name}/plan")
def read_plan(
    name: str,
    parts: PartsIn,
    kind: Annotated[Literal["promote", "rollback"], Query()] = "promote",
    version: Annotated[int | None, Query(ge=1)] = None,
    endpoint: Annotated[str | None, Query(max_length=100)] = None,
) -> PromotionPlan:
    """Exactly what would change, and the evidence for it."""
    return parts.endpoints.plan(known_model(parts, name).name, version, kind, endpoint)


@router.post("/models/{name}/promote", status_code=202)
def promote(name: str, body: Promote, parts: PartsIn) -> Operation:
    """Load, warm, check, then switch; the live version stays until the new one has answered."""
    return parts.endpoints.promote(known_model(parts, name).name, body, parts.user)


@router.post("/models/{name}/rollback", status_code=202)
def roll_back(name: str, body: RollBack, parts: PartsIn) -> Operation:
    """Make the previous version, or the named one, answer again."""
    return parts.endpoints.rollback(known_model(parts, name).name, body, parts.user)


@router.patch("/models/{name}/versions/{number}")
def change_version(name: str, number: int, body: ChangeVersion, parts: PartsIn) -> VersionRecord:
    """Its note or its card; everything else is immutable."""
    fields = {key: value for key, value in body.model_dump().items() if value is not None}
    return parts.versions.change(known_model(parts, name).name, number, parts.user, **fields)


@router.delete("/models/{name}/versions/{number}", status_code=204)
def delete_version(name: str, number: int, parts: PartsIn) -> None:
    """Delete the files of a version that is neither live, standby nor previous; its row stays, marked."""
    parts.versions.delete(known_model(parts, name).name, number, parts.user)
