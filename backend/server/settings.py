"""/settings: what the daemon keeps for its user."""

from fastapi import APIRouter
from pydantic import ValidationError

from backend.contract.errors import Invalid
from backend.contract.resources import BackendSettings, ChangeSettings
from backend.server.errors import invalid_from
from backend.server.parts import PartsIn
from backend.server.route import Route
from backend.services.webhook import address_of

router = APIRouter(tags=["settings"], route_class=Route)


@router.get("/settings")
def read_settings(parts: PartsIn) -> BackendSettings:
    """All of them."""
    return parts.store.settings.get()


@router.patch("/settings")
def change_settings(body: ChangeSettings, parts: PartsIn) -> BackendSettings:
    """Single keys; Invalid names an unknown key or the allowed range."""
    unknown = sorted(set(body.values) - set(BackendSettings.model_fields))
    if unknown:
        known = ", ".join(BackendSettings.model_fields)
        raise Invalid(f"There is no setting {unknown[0]!r:.80}.", field=unknown[0][:80], fix=f"Settings: {known}.")
    before = parts.store.settings.get()
    try:
        BackendSettings.model_validate({**before.model_dump(), **body.values})
    except ValidationError as error:
        raise invalid_from(error.errors()) from error
    if body.values.get("webhook_url"):
        address_of(str(body.values["webhook_url"]))
    with parts.store.transaction():
        after = parts.store.settings.change(body.values)
        old = {key: getattr(before, key) for key in body.values}
        parts.store.audit.add(
            actor=parts.user, client="", action="change_settings", object="settings", before=str(old),
            after=str({key: getattr(after, key) for key in body.values}), reason="", result="done", details={},
        )  # fmt: skip
    return after
