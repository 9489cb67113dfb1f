"""recipe list | show: what can be trained, on what, from what; needs no backend."""

import argparse
from typing import Any

from backend.cli.context import Context
from backend.cli.output import table
from backend.contract.errors import NotFound
from backend.contract.recipes import RECIPES, RecipeInfo, schema_of


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    """Its verbs."""
    verbs = nouns.add_parser("recipe", help="what can be trained").add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", parents=[common], help="all of them").set_defaults(command=run_list)
    show = verbs.add_parser("show", parents=[common], help="one of them with its settings")
    show.add_argument("name")
    show.set_defaults(command=run_show)


def known() -> str:
    """One line a recipe, for the help of `run start`."""
    width = max(len(recipe.name) for recipe in RECIPES)
    return "\n".join(f"  {r.name.ljust(width)}  {r.title}: {r.subtitle}; {_begins(r)}" for r in RECIPES)


def _begins(recipe: RecipeInfo) -> str:
    return f"begins with {', '.join(recipe.bases)}" if recipe.needs_base_model else "no base model"


def run_list(context: Context, _given: argparse.Namespace) -> int:
    """The catalogue in the order of the form."""
    rows = [
        (recipe.name, recipe.title, ", ".join(recipe.dataset_tasks), ", ".join(_bases(recipe)), recipe.metric or "")
        for recipe in RECIPES
    ]
    headers = ("name", "title", "data", "begins with", "judged by")
    return context.show([_line(recipe) for recipe in RECIPES], lambda: table(headers, rows, "no recipes"))


def run_show(context: Context, given: argparse.Namespace) -> int:
    """Settings with their defaults; what `--set` takes."""
    recipe = next((one for one in RECIPES if one.name == given.name), None)
    if recipe is None:
        names = ", ".join(one.name for one in RECIPES)
        raise NotFound(f"There is no recipe {given.name!r:.80}.", fix=f"There are {names}.")
    schema, defaults = schema_of(recipe.settings), recipe.settings().model_dump(mode="json")
    rows = [
        (name, _plain(defaults[name]), _takes(field), str(field.get("description", "")))
        for name, field in schema["properties"].items()
    ]
    return context.show(
        {**_line(recipe), "settings": schema, "defaults": defaults},
        lambda: table(("setting", "usual", "takes", "meaning"), rows, "no settings"),
    )


def _plain(value: Any) -> str:
    """As `--set` takes it."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _bases(recipe: RecipeInfo) -> tuple[str, ...]:
    return recipe.bases if recipe.needs_base_model else ()


def _line(recipe: RecipeInfo) -> dict[str, Any]:
    return {**recipe.model_dump(mode="json", exclude={"settings", "main"}), "bases": list(_bases(recipe))}


def _takes(field: dict[str, Any]) -> str:
    """The type, the texts or the limits."""
    parts = [part for part in field.get("anyOf", (field,)) if part.get("type") != "null"]
    core = parts[0] if parts else {}
    if core.get("enum"):
        return ", ".join(map(str, core["enum"]))
    if "const" in core:
        return str(core["const"])
    ends = [(">= ", "minimum"), ("> ", "exclusiveMinimum"), ("<= ", "maximum"), ("< ", "exclusiveMaximum")]
    limits = [f"{sign}{core[key]:g}" for sign, key in ends if isinstance(core.get(key), int | float)]
    return " ".join([str(core.get("type", "")), *limits]).strip()
