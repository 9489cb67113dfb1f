"""A version's folder, read with distrust: our own reading comes before any library sees it, weights are safetensors
only, every tensor must fit, and remote code is never run. Owns the loading of torch models for serving.
"""

import json
import os
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from backend.worker.serving.golden import BadModel

MAX_HEADER = 8 * 1024 * 1024

FORBIDDEN = ("auto_map", "custom_pipelines", "quantization_config")
"""Keys of config.json that make a library run or fetch somebody's code."""


def read_json(path: Path) -> Any:
    """A JSON file, or BadModel naming it."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise BadModel(f"{path.name} is missing") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BadModel(f"{path.name} cannot be read: {error}") from error


def read_config(path: Path, ending: str | tuple[str, ...], what: str) -> dict[str, Any]:
    """config.json of an architecture whose name ends so; raises BadModel naming what a wrong one is not."""
    config = read_json(path / "config.json")
    if not isinstance(config, dict):
        raise BadModel("config.json is not an object")
    for key in FORBIDDEN:
        if config.get(key):
            raise BadModel(f"config.json has {key}, which would run or fetch code from outside")
    names = config.get("architectures") or ()
    if not any(str(name).endswith(ending) for name in names):
        raise BadModel(f"config.json names {', '.join(map(str, names)) or 'no architecture'}; {what} is needed")
    return config


def read_tokenizer(path: Path) -> Tokenizer:
    """tokenizer.json, without cutting and padding."""
    file = path / "tokenizer.json"
    if not file.is_file():
        raise BadModel("tokenizer.json is missing")
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the Rust side raises bare Exception for every kind of damage
        raise BadModel(f"tokenizer.json cannot be read: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def token_limit(path: Path, config: dict[str, Any], asked: int | None) -> int:
    """The smallest of what the positions, the tokenizer and the endpoint allow; RoBERTa kinds count positions from pad
    + 1."""
    limits = [asked] if asked else []
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and positions > 0:
        shifted = config.get("model_type") in ("roberta", "xlm-roberta", "camembert")
        limits.append(positions - (int(config.get("pad_token_id") or 0) + 1 if shifted else 0))
    file = path / "tokenizer_config.json"
    stated = read_json(file).get("model_max_length") if file.is_file() else None
    if isinstance(stated, int) and 0 < stated < 1_000_000:  # "no limit" is written as 10^30
        limits.append(stated)
    return min(limits, default=512)


def unknown_id(path: Path, tokenizer: Tokenizer) -> int | None:
    """The token that stands for what the vocabulary does not know."""
    file = path / "tokenizer_config.json"
    named = read_json(file).get("unk_token") if file.is_file() else None
    named = named.get("content") if isinstance(named, dict) else named
    for token in (named, "[UNK]", "<unk>"):
        found = tokenizer.token_to_id(token) if token else None
        if found is not None:
            return int(found)
    return None


def read_labels(path: Path, config: dict[str, Any]) -> tuple[str, ...]:
    """labels.json, which must say the same as config.json."""
    named = {int(index): str(label) for index, label in (config.get("id2label") or {}).items()}
    inside = tuple(named[index] for index in sorted(named))
    found = read_json(path / "labels.json")
    found = found.get("labels") if isinstance(found, dict) else found
    if not isinstance(found, list) or not all(isinstance(label, str) for label in found):
        raise BadModel("labels.json is not a list of names")
    if inside and tuple(found) != inside:
        raise BadModel(f"labels.json says {', '.join(found)} but config.json says {', '.join(inside)}")
    if len(found) < 2:
        raise BadModel("a classifier needs at least two labels")
    return tuple(found)


def read_model(path: Path, device: torch.device, kind: Any) -> torch.nn.Module:
    """The weights as a model of an Auto class: every tensor there, none too many, all of the right shape."""
    check_header(path / "model.safetensors")
    try:
        model, info = kind.from_pretrained(
            path,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # a strange folder makes the library raise anything; the person needs its words
        raise BadModel(f"the model cannot be loaded: {type(error).__name__}: {error}") from error
    for key, text in (
        ("missing_keys", "lacks"),
        ("unexpected_keys", "has unknown"),
        ("mismatched_keys", "has other shapes for"),
    ):
        if info.get(key):
            names = ", ".join(sorted(str(name) for name in info[key])[:5])
            raise BadModel(f"model.safetensors {text} {len(info[key])} tensors: {names}")
    return model.eval().requires_grad_(False).to(device)


def check_header(file: Path) -> None:
    """Before any parser: a header over 8 MiB, or longer than its file, is an attack or rubbish."""
    try:
        with file.open("rb") as opened:
            size = int.from_bytes(opened.read(8), "little")
            rest = os.fstat(opened.fileno()).st_size - 8
    except OSError as error:
        raise BadModel(f"{file.name} is missing") from error
    if not 2 <= size <= min(MAX_HEADER, rest):
        raise BadModel(f"{file.name} has a header of {size} bytes; at most {min(MAX_HEADER, rest)} can be right")


def choose_device(asked: str) -> torch.device:
    """The first card, else the processor, unless one is named."""
    if asked != "auto":
        return torch.device(asked)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("cpu")


def forward_names(model: torch.nn.Module) -> tuple[str, ...]:
    """What its forward() takes."""
    return model.forward.__code__.co_varnames if hasattr(model.forward, "__code__") else ()


def set_threads(asked: int) -> int:
    """How many cores one forward pass uses; 0 leaves one for the gateway. Returns what was set."""
    count = asked or max(1, (os.cpu_count() or 2) - 1)
    torch.set_num_threads(count)
    return count
