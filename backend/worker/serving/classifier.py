"""A text classifier in memory: checked, loaded, warmed, proved on its golden inputs, then asked in padded batches. Owns
torch.

Nothing here trusts the folder: our own reading of config.json comes before any library sees it, weights are safetensors
only, every tensor must fit, and remote code is never run.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tokenizers import Encoding, Tokenizer

from backend.worker.serving.golden import Golden, read_golden

WARM_SECONDS = 5.0
"""Warm-up stops adding shapes after this long; a large model on a CPU is warm enough by then."""

GOLDEN_TOLERANCE = 1e-4
"""Largest difference of a score on the CPU in fp32; other devices add up in another order and get ten times that."""

MAX_HEADER = 8 * 1024 * 1024

FORBIDDEN = ("auto_map", "custom_pipelines", "quantization_config")
"""Keys of config.json that make a library run or fetch somebody's code."""


class BadModel(Exception):
    """This folder cannot be served; the text says why, for the person who asked."""


class Cut(NamedTuple):
    """One text as the model sees it."""

    ids: list[int]
    types: list[int]
    length: int  # tokens before any cut
    unknown_share: float
    fits: bool
    cut: bool


class Classifier:
    """A loaded version. Not thread-safe: one thread asks it at a time."""

    def __init__(self, path: Path, *, device: str = "auto", max_tokens: int | None = None) -> None:
        """Read and check the folder; raises BadModel naming what is missing, wrong or does not fit."""
        self.path = path
        config = _read_config(path)
        self.device = _choose_device(device)
        self._tokenizer = _read_tokenizer(path)
        self.limit = _token_limit(path, config, max_tokens)
        self.model = _read_model(path, self.device)
        self.labels = _labels(path, config)
        self.pad = int(config.get("pad_token_id") or 0)
        self._unknown = _unknown_id(path, self._tokenizer)
        self._multi_label = config.get("problem_type") == "multi_label_classification"
        self._wants_types = "token_type_ids" in _forward_names(self.model)

    # ---- asking ------------------------------------------------------------------------------------------------------

    def answer(self, texts: Sequence[str], truncate: Sequence[bool]) -> dict[str, Any]:
        """Scores per text in label order (None where a text is over the limit and may not be cut), token counts before
        any cut, unknown shares, which were cut, and the milliseconds of both stages."""
        started = time.perf_counter()
        cuts = self.tokenize(texts, truncate)
        tokenized = time.perf_counter()
        scores: list[list[float] | None] = [None] * len(cuts)
        for chunk in _chunks([index for index, cut in enumerate(cuts) if cut.fits], cuts):
            for index, row in zip(chunk, self._scores([cuts[index] for index in chunk]), strict=True):
                scores[index] = row
        return {
            "scores": scores,
            "tokens": [cut.length for cut in cuts],
            "unknown": [round(cut.unknown_share, 4) for cut in cuts],
            "truncated": [cut.cut for cut in cuts],
            "tokenize_ms": round((tokenized - started) * 1e3, 3),
            "model_ms": round((time.perf_counter() - tokenized) * 1e3, 3),
        }

    def tokenize(self, texts: Sequence[str], truncate: Sequence[bool]) -> list[Cut]:
        """Each text as token ids, cut at the limit only where that was allowed."""
        return [
            self._cut(text, encoding, allowed)
            for text, encoding, allowed in zip(texts, self._tokenizer.encode_batch(list(texts)), truncate, strict=True)
        ]

    def _cut(self, text: str, encoding: Encoding, allowed: bool) -> Cut:
        length = len(encoding.ids)
        words = max(length - sum(encoding.special_tokens_mask), 1)
        unknown = encoding.ids.count(self._unknown) / words if self._unknown is not None else 0.0
        over = length > self.limit
        if over and allowed:
            self._tokenizer.enable_truncation(self.limit)
            encoding = self._tokenizer.encode(text)
            self._tokenizer.no_truncation()
        return Cut(encoding.ids, encoding.type_ids, length, unknown, not over or allowed, over and allowed)

    def tensors(self, cuts: Sequence[Cut]) -> dict[str, torch.Tensor]:
        """A batch padded to its longest text."""
        width = max(len(cut.ids) for cut in cuts)
        ids = np.full((len(cuts), width), self.pad, dtype=np.int64)
        mask = np.zeros((len(cuts), width), dtype=np.int64)
        types = np.zeros((len(cuts), width), dtype=np.int64)
        for row, cut in enumerate(cuts):
            size = len(cut.ids)
            ids[row, :size], mask[row, :size], types[row, :size] = cut.ids, 1, cut.types
        batch = {"input_ids": ids, "attention_mask": mask} | ({"token_type_ids": types} if self._wants_types else {})
        return {name: torch.from_numpy(array).to(self.device) for name, array in batch.items()}

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Scores from logits: softmax over labels, or a sigmoid for each where several may hold."""
        logits = logits.float()
        return logits.sigmoid() if self._multi_label else logits.softmax(-1)

    def tokens_of(self, ids: Sequence[int]) -> list[str]:
        """The pieces as text."""
        return [self._tokenizer.id_to_token(number) or "" for number in ids]

    def _scores(self, cuts: Sequence[Cut]) -> list[list[float]]:
        with torch.inference_mode():
            scores = self.probabilities(self.model(**self.tensors(cuts)).logits)
        rows: list[list[float]] = scores.cpu().numpy().astype(np.float64).round(7).tolist()
        return rows

    # ---- before it may answer ----------------------------------------------------------------------------------------

    def warm_up(self, max_batch: int, clock: Callable[[], float] = time.perf_counter) -> None:
        """Run several shapes, so that no user pays for the first call; raises whatever the model raises."""
        started = clock()
        sizes = sorted({1, min(8, max_batch), max_batch})
        widths = sorted({min(8, self.limit), min(32, self.limit), min(128, self.limit)})
        for width in widths:
            for size in sizes:
                if clock() - started > WARM_SECONDS:
                    return
                self._scores([Cut([self.pad] * width, [0] * width, width, 0.0, True, False)] * size)

    def check_golden(self, golden: Golden | None = None) -> int:
        """Compare labels and scores with what training recorded; returns how many inputs agreed, raises BadModel for
        the first that does not."""
        golden = golden or read_golden(self.path, self.labels)
        tolerance = GOLDEN_TOLERANCE * (1 if self.device.type == "cpu" else 10)
        limit, self.limit = self.limit, min(self.limit, golden.max_length or self.limit)
        try:
            found = self.answer(golden.inputs, [True] * len(golden.inputs))["scores"]
        finally:
            self.limit = limit
        for index, (expected, scores) in enumerate(zip(golden.scores, found, strict=True)):
            worst = max(abs(a - b) for a, b in zip(expected, scores, strict=True))
            if not worst <= tolerance:  # NaN is not within any tolerance
                wanted, got = (self.labels[int(np.argmax(row))] for row in (expected, scores))
                raise BadModel(
                    f"golden input {index + 1} of {len(golden.inputs)}: expected {wanted} {max(expected):.4f}, "
                    f"got {got} {max(scores):.4f} (a score differs by {worst:.2g}, allowed {tolerance:.0e})"
                )
        return len(golden.inputs)

    def facts(self) -> dict[str, Any]:
        """What the gateway should know of it."""
        return {
            "labels": list(self.labels),
            "limit": self.limit,
            "device": str(self.device),
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "multi_label": self._multi_label,
        }


def _chunks(indices: list[int], cuts: Sequence[Cut]) -> Iterator[list[int]]:
    """Texts of like length together: a short one beside a long one would mostly compute padding."""
    indices = sorted(indices, key=lambda index: len(cuts[index].ids))
    start = 0
    for at in range(1, len(indices) + 1):
        if at == len(indices) or (
            len(cuts[indices[at]].ids) > 2 * len(cuts[indices[start]].ids) + 8 and at - start >= 4
        ):
            yield indices[start:at]
            start = at


# ---- reading a folder ------------------------------------------------------------------------------------------------


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise BadModel(f"{path.name} is missing") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BadModel(f"{path.name} cannot be read: {error}") from error


def _read_config(path: Path) -> dict[str, Any]:
    config = _read_json(path / "config.json")
    if not isinstance(config, dict):
        raise BadModel("config.json is not an object")
    for key in FORBIDDEN:
        if config.get(key):
            raise BadModel(f"config.json has {key}, which would run or fetch code from outside")
    names = config.get("architectures") or ()
    if not any(str(name).endswith("ForSequenceClassification") for name in names):
        raise BadModel(
            f"config.json names {', '.join(map(str, names)) or 'no architecture'}; a text classifier is needed"
        )
    return config


def _read_tokenizer(path: Path) -> Tokenizer:
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


def _token_limit(path: Path, config: dict[str, Any], asked: int | None) -> int:
    """The smallest of what the positions, the tokenizer and the endpoint allow; RoBERTa kinds count positions from pad
    + 1."""
    limits = [asked] if asked else []
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and positions > 0:
        shifted = config.get("model_type") in ("roberta", "xlm-roberta", "camembert")
        limits.append(positions - (int(config.get("pad_token_id") or 0) + 1 if shifted else 0))
    file = path / "tokenizer_config.json"
    stated = _read_json(file).get("model_max_length") if file.is_file() else None
    if isinstance(stated, int) and 0 < stated < 1_000_000:  # "no limit" is written as 10^30
        limits.append(stated)
    return min(limits, default=512)


def _unknown_id(path: Path, tokenizer: Tokenizer) -> int | None:
    file = path / "tokenizer_config.json"
    named = _read_json(file).get("unk_token") if file.is_file() else None
    named = named.get("content") if isinstance(named, dict) else named
    for token in (named, "[UNK]", "<unk>"):
        found = tokenizer.token_to_id(token) if token else None
        if found is not None:
            return int(found)
    return None


def _labels(path: Path, config: dict[str, Any]) -> tuple[str, ...]:
    """labels.json, which must say the same as config.json."""
    named = {int(index): str(label) for index, label in (config.get("id2label") or {}).items()}
    inside = tuple(named[index] for index in sorted(named))
    found = _read_json(path / "labels.json")
    found = found.get("labels") if isinstance(found, dict) else found
    if not isinstance(found, list) or not all(isinstance(label, str) for label in found):
        raise BadModel("labels.json is not a list of names")
    if inside and tuple(found) != inside:
        raise BadModel(f"labels.json says {', '.join(found)} but config.json says {', '.join(inside)}")
    if len(found) < 2:
        raise BadModel("a classifier needs at least two labels")
    return tuple(found)


def _read_model(path: Path, device: torch.device) -> torch.nn.Module:
    from transformers import AutoModelForSequenceClassification  # late: seconds; engines are forked with it loaded

    _check_header(path / "model.safetensors")
    try:
        model, info = AutoModelForSequenceClassification.from_pretrained(
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


def _check_header(file: Path) -> None:
    """Before any parser: a header over 8 MiB, or longer than its file, is an attack or rubbish."""
    try:
        with file.open("rb") as opened:
            size = int.from_bytes(opened.read(8), "little")
            rest = os.fstat(opened.fileno()).st_size - 8
    except OSError as error:
        raise BadModel(f"{file.name} is missing") from error
    if not 2 <= size <= min(MAX_HEADER, rest):
        raise BadModel(f"{file.name} has a header of {size} bytes; at most {min(MAX_HEADER, rest)} can be right")


def _choose_device(asked: str) -> torch.device:
    if asked != "auto":
        return torch.device(asked)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("cpu")


def _forward_names(model: torch.nn.Module) -> tuple[str, ...]:
    return model.forward.__code__.co_varnames if hasattr(model.forward, "__code__") else ()


def set_threads(asked: int) -> int:
    """How many cores one forward pass uses; 0 leaves one for the gateway. Returns what was set."""
    count = asked or max(1, (os.cpu_count() or 2) - 1)
    torch.set_num_threads(count)
    return count
