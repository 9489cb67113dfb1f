"""/recipes and /base_models: what can be trained, from what."""

from typing import Any

from fastapi import APIRouter

from backend.contract.recipes import RECIPES, schema_of
from backend.server.parts import PartsIn
from backend.server.route import Route
from backend.services.base_models import known_base_models

router = APIRouter(tags=["recipes"], route_class=Route)


@router.get("/recipes")
def list_recipes() -> dict[str, Any]:
    """The catalogue with the JSON schema and the defaults of each recipe's settings: forms build themselves from it."""
    found = []
    for recipe in RECIPES:
        line = recipe.model_dump(exclude={"settings", "main"})
        schema = schema_of(recipe.settings)
        defaults = recipe.settings().model_dump(mode="json")
        found.append({**line, "settings": schema, "schema": schema, "defaults": defaults})
    return {"items": found}


@router.get("/base_models")
def list_base_models(parts: PartsIn) -> dict[str, Any]:
    """The starter model and every registered version a run can begin from; a folder or hub id can be written as
    well."""
    return {"items": known_base_models(parts.store)}
