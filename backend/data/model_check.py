"""Is a model folder safe to hand to a library? Looked at byte by byte before anything loads it; needs no torch.

Refused: code (*.py, auto_map), pickles (*.bin, *.pt, *.pkl …), unknown file names, links and devices, weight maps
that leave the folder, odd tensor names, oversized or lying safetensors headers (RELIABILITY T14 to T16, T19, rows 50
to 53).
"""

import json
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.contract.errors import Invalid

MOST_HEADER_BYTES = 8 << 20
MOST_TENSORS = 20_000
MOST_JSON_BYTES = 64 << 20
"""tokenizer.json of large vocabularies reaches 30 MB."""

_ALLOWED = frozenset(
    {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "model.safetensors.index.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.txt",
        "vocab.json",
        "merges.txt",
        "bpe.codes",
        "spiece.model",
        "sentencepiece.bpe.model",
        "tokenizer.model",
        "chat_template.jinja",
        "preprocessor_config.json",
        "modules.json",
        "sentence_bert_config.json",
        "config_sentence_transformers.json",
        "data_config.json",
        "README.md",
        "LICENSE",
        "LICENSE.txt",
        "NOTICE",
        ".gitattributes",
        "labels.json",
        "golden.json",
        "profile.json",
        "facts.json",
        "signature.json",
        "manifest.json",
        "MLmodel",
    }
)
_SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
_INNER_FOLDER = re.compile(r"\d{1,2}_[A-Za-z]{1,30}")  # 1_Pooling of sentence-transformers; holds a config.json only
_TENSOR_NAME = re.compile(r"[A-Za-z0-9_.]{1,512}")
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5", ".msgpack")
_FORBIDDEN_KEYS = frozenset({"auto_map", "trust_remote_code", "custom_pipelines", "custom_generate"})
_DTYPE_BITS = {
    "BOOL": 8,
    "U8": 8,
    "I8": 8,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E8M0": 8,
    "U16": 16,
    "I16": 16,
    "F16": 16,
    "BF16": 16,
    "U32": 32,
    "I32": 32,
    "F32": 32,
    "U64": 64,
    "I64": 64,
    "F64": 64,
    "C64": 64,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
}


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """What a folder holds, as its headers say."""

    path: Path
    config: dict[str, Any]
    weights: tuple[str, ...]
    tensors: dict[str, tuple[int, ...]] = field(default_factory=dict)  # name → shape

    @property
    def parameters(self) -> int:
        """Numbers in all tensors."""
        total = 0
        for shape in self.tensors.values():
            count = 1
            for side in shape:
                count *= side
            total += count
        return total


def bad_model(folder: Path, text: str, *, file: str | None = None, fix: str | None = None) -> Invalid:
    """A refusal that names folder, file and reason."""
    where = f"{folder.name}/{file}" if file else folder.name
    return Invalid(
        f"{where}: {text}", code="bad_model", fix=fix, folder=str(folder), **({"file": file} if file else {})
    )


def check_folder(folder: Path, *, reads_text: bool = True) -> CheckedModel:
    """Everything a folder must pass before a library may read it. Raises Invalid (code bad_model) naming file and
    reason. A model that reads no text needs no tokenizer.

    Costs a few milliseconds and little memory whatever the files claim: only names, JSON and safetensors headers
    are read.
    """
    if not folder.is_dir():
        raise bad_model(folder, "is not a folder.", fix="Give the folder that holds config.json and model.safetensors.")
    names = _check_names(folder)
    for name in sorted(names):
        if name.endswith(".json") and name != "manifest.json":
            _check_keys(folder, name, _read_json(folder, name))
    for needed in ("config.json",):
        if needed not in names:
            raise bad_model(folder, f"there is no {needed}.", file=needed)
    config = _read_json(folder, "config.json")
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise bad_model(folder, "does not name a model_type.", file="config.json")
    weights = _weight_files(folder, names)
    tensors: dict[str, tuple[int, ...]] = {}
    for name in weights:
        tensors |= read_header(folder / name, folder)
    if reads_text and not any(
        name in names
        for name in (
            "tokenizer.json",
            "vocab.txt",
            "vocab.json",
            "spiece.model",
            "tokenizer.model",
            "sentencepiece.bpe.model",
        )
    ):
        raise bad_model(folder, "there is no tokenizer (tokenizer.json, vocab.txt …).")
    return CheckedModel(folder, config, weights, tensors)


def _check_names(folder: Path) -> set[str]:
    names = set()
    for path in _walk(folder):
        name = path.relative_to(folder).as_posix()
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            if "/" in name or not _INNER_FOLDER.fullmatch(name):
                raise bad_model(folder, "unknown sub-folder.", file=name, fix="Move it out of the model folder.")
            continue
        if stat.S_ISLNK(mode):
            raise bad_model(folder, "is a symbolic link.", file=name, fix="Copy the files themselves (cp -rL).")
        if not stat.S_ISREG(mode):
            raise bad_model(folder, "is not a regular file.", file=name)
        _check_name(folder, name)
        names.add(name)
    return names


def _walk(folder: Path) -> Iterable[Path]:
    for root, folders, files in os.walk(folder, followlinks=False):
        for name in sorted([*folders, *files]):
            yield Path(root) / name


def _check_name(folder: Path, name: str) -> None:
    lower = name.lower()
    if lower.endswith((".py", ".pyc", ".so", ".dll", ".dylib")):
        raise bad_model(folder, "is code; models are loaded as data only.", file=name, fix="Remove it from the folder.")
    if lower.endswith(_PICKLES):
        raise bad_model(
            folder,
            "is a pickle or another format that can run code.",
            file=name,
            fix="Convert the weights to safetensors and remove it.",
        )
    inner = "/" in name
    if (inner and name.split("/")[-1] == "config.json") or (not inner and (name in _ALLOWED or _SHARD.fullmatch(name))):
        return
    raise bad_model(
        folder, "is not a file that a model folder needs.", file=name, fix="Move it out of the model folder."
    )


def _read_json(folder: Path, name: str) -> Any:
    path = folder / name
    if path.stat().st_size > MOST_JSON_BYTES:
        raise bad_model(folder, f"is larger than {MOST_JSON_BYTES:,} bytes.", file=name)
    try:
        return json.loads(path.read_bytes(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise bad_model(
            folder, f"is not proper JSON ({type(error).__name__}: {str(error)[:120]}).", file=name
        ) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_keys(folder: Path, name: str, value: Any) -> None:
    """Refuse keys that make a library run foreign code; tokenizer.json is data of tokens and is not searched."""
    if name == "tokenizer.json":
        return
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        if not isinstance(item, dict):
            continue
        found = _FORBIDDEN_KEYS.intersection(item)
        if found:
            raise bad_model(
                folder,
                f"asks for foreign code ({sorted(found)[0]}).",
                file=name,
                fix="Use a model of a known architecture.",
            )
        for key, inner in item.items():
            if "implementation" in key and isinstance(inner, str) and "/" in inner:
                raise bad_model(folder, f"names a kernel to be fetched ({key}).", file=name)
            waiting.append(inner)


def _weight_files(folder: Path, names: set[str]) -> tuple[str, ...]:
    shards = sorted(name for name in names if _SHARD.fullmatch(name))
    if "model.safetensors.index.json" in names:
        index = "model.safetensors.index.json"
        read = _read_json(folder, index)
        mapped = read.get("weight_map") if isinstance(read, dict) else None
        if not isinstance(mapped, dict) or not mapped:
            raise bad_model(folder, "has no weight_map.", file=index)
        for target in sorted({str(value) for value in mapped.values()}):
            if not (_SHARD.fullmatch(target) or target == "model.safetensors"):
                raise bad_model(
                    folder, f"points to {target[:80]!r}, which is no weights file of this folder.", file=index
                )
            if target not in names:
                raise bad_model(folder, f"points to {target!r}, which is missing.", file=index)
        return tuple(sorted({str(value) for value in mapped.values()}))
    if "model.safetensors" in names:
        return ("model.safetensors",)
    if shards:
        raise bad_model(folder, "has shards but no model.safetensors.index.json.", file=shards[0])
    raise bad_model(folder, "there are no weights (model.safetensors).", file="model.safetensors")


def read_header(path: Path, folder: Path | None = None) -> dict[str, tuple[int, ...]]:
    """Tensor names and shapes of a safetensors file whose header is honest: bounded, gapless, and as long as the
    file.
    """
    folder = folder or path.parent
    name = path.relative_to(folder).as_posix()
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 10 or length > min(MOST_HEADER_BYTES, size - 8):
            raise bad_model(folder, f"claims a header of {length:,} bytes in a file of {size:,}.", file=name)
        raw = file.read(length)
    try:
        header = json.loads(raw, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise bad_model(folder, f"has a damaged header ({str(error)[:120]}).", file=name) from error
    if not isinstance(header, dict) or len(header) > MOST_TENSORS:
        raise bad_model(folder, f"lists more than {MOST_TENSORS:,} tensors.", file=name)
    header.pop("__metadata__", None)
    spans = sorted(_span(folder, name, key, entry) for key, entry in header.items())
    end = 0
    for begin, stop in spans:
        if begin != end:
            raise bad_model(folder, "has tensors that overlap or leave gaps.", file=name)
        end = stop
    if 8 + length + end != size:
        raise bad_model(folder, f"has {size:,} bytes, its header needs {8 + length + end:,}.", file=name)
    return {key: tuple(entry["shape"]) for key, entry in header.items()}


def _span(folder: Path, file: str, key: str, entry: Any) -> tuple[int, int]:
    if not _TENSOR_NAME.fullmatch(key) or "__" in key:
        raise bad_model(folder, f"has a tensor named {key[:80]!r}.", file=file)
    try:
        shape, (begin, end), bits = entry["shape"], entry["data_offsets"], _DTYPE_BITS[entry["dtype"]]
        count = 1
        for side in shape:
            if not isinstance(side, int) or side < 0:
                raise ValueError("a side is no number")
            count *= side
        honest = 0 <= begin <= end and count * bits == (end - begin) * 8
    except (TypeError, KeyError, ValueError) as error:
        raise bad_model(folder, f"describes tensor {key} wrongly.", file=file) from error
    if not honest:
        raise bad_model(folder, f"describes tensor {key} with a wrong size.", file=file)
    return begin, end
