"""What a worker says of settings that change under way → fields of its run. Pure."""

from collections.abc import Mapping
from typing import Any

from backend.contract.events import SettingsApplied
from backend.contract.recipes import RECIPES
from backend.contract.resources import RunRecord
from backend.services.settings_check import changed_settings

_MODELS = {recipe.name: recipe.settings for recipe in RECIPES}


def in_force(run: RunRecord, fields: Mapping[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """The fields of a run whose worker goes on with these settings; what else was set stays."""
    after = {**fields.get("settings", run.settings), **settings}
    found: dict[str, Any] = {"settings": after}
    model = _MODELS.get(run.recipe)
    if model is not None:
        found["changed_settings"] = changed_settings(model.model_validate(after))
    return found


def answered(run: RunRecord, fields: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The fields once the worker has answered for these settings, with yes or no: they wait no more."""
    waiting = fields.get("pending_settings", run.pending_settings)
    # asked again with another value meanwhile: that one still waits
    left = {name: value for name, value in waiting.items() if name not in settings or settings[name] != value}
    return {"pending_settings": left}


def told(event: SettingsApplied) -> str:
    """The change in a sentence."""
    shown = ", ".join(
        f"{name.replace('_', ' ')} {_short(event.before.get(name))} → {_short(value)}"
        for name, value in event.settings.items()
    )
    return f"Changed: {shown}" + (f". {event.text}" if event.text else "")


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
