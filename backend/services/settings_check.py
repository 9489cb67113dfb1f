"""A recipe's settings as typed by a person: checked against its model, with field, allowed range and a value that
would do."""

import difflib
import typing
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from backend.contract.base import Request
from backend.contract.errors import Invalid, NotFound
from backend.contract.recipes import RECIPES, RecipeInfo


def find_recipe(name: str) -> RecipeInfo:
    """The recipe, or NotFound naming those that exist."""
    for recipe in RECIPES:
        if recipe.name == name:
            return recipe
    known = ", ".join(recipe.name for recipe in RECIPES)
    raise NotFound(f"There is no recipe {name!r:.80}.", field="recipe", fix=f"There are: {known}.")


def check_settings(recipe: RecipeInfo, given: dict[str, Any]) -> Request:
    """The settings as the recipe's model; Invalid names the first wrong field, details["problems"] holds all."""
    try:
        return recipe.settings.model_validate(given)
    except ValidationError as error:
        found = problems(recipe, error)
        first = found[0]
        raise Invalid(first["text"], field=first["field"], fix=first["fix_text"], problems=found) from error


def problems(recipe: RecipeInfo, error: ValidationError) -> list[dict[str, Any]]:
    """{"field", "text", "fix_text", "fix_value"} for each wrong field."""
    found = []
    for item in error.errors(include_url=False):
        name = str(item["loc"][0]) if item["loc"] else "settings"
        field = recipe.settings.model_fields.get(name)
        if field is None:
            found.append(_unknown(recipe, name))
            continue
        if item["type"] == "unfit":  # a value that fits its field but not another one; the model says so itself
            value = item["ctx"]["fix_value"]
            found.append({"field": name, "text": item["msg"], "fix_text": f"Use {value!r}.", "fix_value": value})
            continue
        allowed = allowed_values(field)
        text = f"{name} is {item.get('input')!r:.60}, but it must be {allowed}."
        value = _fix(field, item.get("input"))
        found.append({"field": name, "text": text, "fix_text": f"Use {value!r}.", "fix_value": value})
    return found


def _unknown(recipe: RecipeInfo, name: str) -> dict[str, Any]:
    names = list(recipe.settings.model_fields)
    near = difflib.get_close_matches(name, names, 1)
    fix = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names)}."
    return {
        "field": name[:80],
        "text": f"{recipe.name} has no setting {name!r:.80}.",
        "fix_text": fix,
        "fix_value": near[0] if near else None,
    }


def allowed_values(field: FieldInfo) -> str:
    """What a field takes, for people: "a number above 0, at most 1000"."""
    choices = _choices(field.annotation)
    if choices:
        return f"one of {', '.join(map(str, choices))}"
    kinds = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    kind = next((kinds[t] for t in _types(field.annotation) if t in kinds), "a value")
    words = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
    limits = [f"{words[name]} {_short(value)}" for name, value in _limits(field).items()]
    optional = " or empty" if type(None) in _types(field.annotation) else ""
    return f"{kind}{' ' if limits else ''}{' and '.join(limits)}{optional}"


def _limits(field: FieldInfo) -> dict[str, float]:
    found = {}
    for part in field.metadata:
        for name in ("gt", "ge", "lt", "le"):
            value = getattr(part, name, None)
            if value is not None:
                found[name] = value
    return found


def _types(annotation: Any) -> tuple[Any, ...]:
    return typing.get_args(annotation) or (annotation,)


def _choices(annotation: Any) -> tuple[Any, ...]:
    return typing.get_args(annotation) if typing.get_origin(annotation) is typing.Literal else ()


def _fix(field: FieldInfo, given: Any) -> Any:
    """The nearest allowed value of a number that is out of range, else the default."""
    limits = _limits(field)
    if isinstance(given, int | float) and not isinstance(given, bool):
        if "ge" in limits and given < limits["ge"]:
            return limits["ge"]
        if "le" in limits and given > limits["le"]:
            return limits["le"]
    return field.default


def changed_settings(settings: Request) -> tuple[str, ...]:
    """Names of the fields that differ from the recipe's defaults."""
    defaults = type(settings)()
    return tuple(name for name in type(settings).model_fields if getattr(settings, name) != getattr(defaults, name))


def _short(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
