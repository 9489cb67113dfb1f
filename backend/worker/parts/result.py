"""The folder model/: weights, tokenizer, labels, and what a registered version must prove itself with. Committed
all at once.
"""

import os
import platform as python_platform
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from backend.drift.profile import build_profile
from backend.paths import PROJECT
from backend.worker.parts.data import Encoded, encode, in_turns
from backend.worker.parts.metrics import Predictions, predict
from backend.worker.parts.recipe import Outcome
from backend.worker.parts.state import write_json
from backend.worker.serving.predictors import open_predictor

GOLDEN = 16
PROOF_BATCH = 32
GOLDEN_TOLERANCE = 2e-3
"""Largest difference of a score that another batch composition or thread count may make."""


@dataclass
class Result:
    """What is to be kept."""

    model: Any
    tokenizer: Any
    labels: tuple[str, ...]
    max_length: int
    held_out: Encoded  # validation and test
    batch_size: int
    facts: dict[str, Any]

    @property
    def pad_id(self) -> int:
        return int(self.tokenizer.pad_token_id)


def write_result(result: Result, folder: Path) -> None:
    """Fill `folder`: model.safetensors, config.json, tokenizer files, labels, signature, golden, profile, facts."""
    result.model.save_pretrained(folder, max_shard_size="100GB")
    result.tokenizer.model_max_length = result.max_length
    result.tokenizer.save_pretrained(folder)
    write_json(folder / "labels.json", list(result.labels))
    signature = {
        "task": "text-classification",
        "inputs": {"type": "string", "max_tokens": result.max_length},
        "outputs": {
            "label": list(result.labels),
            "score": "probability of the label, 0 to 1",
            "scores": "label → probability",
        },
    }
    write_json(folder / "signature.json", signature)
    write_json(folder / "facts.json", result.facts)
    loaded, tokenizer = reload(folder)
    found = predict(loaded, result.held_out, result.pad_id, batch_size=result.batch_size, device=torch.device("cpu"))
    write_json(folder / "profile.json", make_profile(result, found))
    write_json(folder / "golden.json", make_golden(result, loaded, tokenizer, found))


def write_files(outcome: Outcome, folder: Path, signature: dict[str, Any]) -> None:
    """Weights, tokenizer, labels, signature and facts of any model of transformers."""
    outcome.network.save_pretrained(folder, max_shard_size="100GB")
    tokenizer = outcome.built.tokenizer
    tokenizer.model_max_length = signature["inputs"]["max_tokens"]
    tokenizer.save_pretrained(folder)
    write_json(folder / "labels.json", list(outcome.material.labels))
    write_json(folder / "signature.json", signature)
    write_json(folder / "facts.json", outcome.facts)


def write_proof(folder: Path, inputs: Sequence[Any], *, count: int, tolerance: float = GOLDEN_TOLERANCE) -> None:
    """golden.json and profile.json from what serving itself answers for held-out inputs with the saved files: nobody
    else will ever ask them another way.
    """
    predictor = open_predictor(folder, device="cpu")
    lengths: list[int] = []
    unknown: list[float] = []
    labels: list[str] = []
    scores: list[float] = []
    for start in range(0, len(inputs), PROOF_BATCH):
        chunk = list(inputs[start : start + PROOF_BATCH])
        found = predictor.answer(chunk, [True] * len(chunk))
        lengths += found["tokens"]
        unknown += found["unknown"]
        labels += [output["label"] for output in found["outputs"] if "label" in output]
        scores += [output["score"] for output in found["outputs"] if "score" in output]
    write_json(folder / "profile.json", build_profile(lengths, unknown, labels, scores))
    chosen = list(inputs[:count])
    outputs = [predictor.answer([one], [True])["outputs"][0] for one in chosen]
    write_json(folder / "golden.json", {"inputs": chosen, "outputs": outputs, "tolerance": tolerance})


def reload(folder: Path) -> tuple[Any, Any]:
    """The saved model and tokenizer as anybody else will load them: from disk, fp32, CPU, eval mode."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(
        folder, dtype="float32", use_safetensors=True, local_files_only=True, trust_remote_code=False
    )
    return model.eval(), AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def make_profile(result: Result, found: Predictions) -> dict[str, Any]:
    """Reference counts over the held-out rows: a model is surer of rows it was trained on, live traffic would look
    like drift.
    """
    names = [result.labels[place] for place in found.predicted.tolist()]
    data = result.held_out
    return build_profile(data.lengths, data.unknown_shares, names, found.probabilities.max(axis=1).tolist())


def make_golden(result: Result, model: Any, tokenizer: Any, found: Predictions) -> dict[str, Any]:
    """Inputs with the outputs the saved files give for them, the classes in turns; a version must reproduce them
    before it is live.
    """
    rows = in_turns(found.predicted.tolist())[:GOLDEN]
    texts = [result.held_out.texts[row] for row in rows]
    data = encode(tokenizer, texts, [0] * len(texts), result.max_length)
    shares = predict(model, data, result.pad_id, batch_size=1, device=torch.device("cpu")).probabilities
    outputs = []
    for row in shares:
        best = int(row.argmax())
        scores = {name: float(share) for name, share in zip(result.labels, row, strict=True)}
        outputs.append({"label": result.labels[best], "score": float(row[best]), "scores": scores})
    return {"inputs": texts, "outputs": outputs, "max_length": result.max_length, "tolerance": GOLDEN_TOLERANCE}


def together(parts: Sequence[Encoded]) -> Encoded:
    """Several parts as one."""
    return Encoded(
        [text for part in parts for text in part.texts], [label for part in parts for label in part.labels],
        [ids for part in parts for ids in part.tokens], [length for part in parts for length in part.lengths],
        [share for part in parts for share in part.unknown_shares], sum(part.truncated for part in parts),
    )  # fmt: skip


_PACKAGES = ("torch", "transformers", "tokenizers", "peft", "accelerate", "safetensors", "numpy", "pyarrow")


def environment(threads: int, device: torch.device) -> dict[str, Any]:
    """What the numbers of a run depend on beside its settings."""
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "python": sys.version.split()[0], "system": python_platform.platform(), "machine": python_platform.machine(),
        "cpu": cpu_name(), "cores": os.cpu_count(), "threads": threads, "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "gpu": card, "driver": driver_version() if card else None, "packages": packages, "commit": commit_id(),
    }  # fmt: skip


def cpu_name() -> str:
    """The processor's name as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return python_platform.processor() or python_platform.machine()


def driver_version() -> str | None:
    """The version of the graphics driver as the kernel module says it; None where there is none or it does not say."""
    try:
        return _read_driver(Path("/proc/driver/nvidia/version").read_text())
    except (OSError, UnicodeDecodeError):
        return None


def _read_driver(text: str) -> str | None:
    """The first dotted number of `NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  …`."""
    found = re.search(r"\b\d{3,}(\.\d+)+\b", text)
    return found.group() if found else None


def commit_id() -> str | None:
    """The commit of the project's own files, read without git; None outside a checkout. A worktree has a file `.git`
    that names its folder, and shares the branches of the repository it belongs to."""
    try:
        own = PROJECT / ".git"
        if own.is_file():
            own = PROJECT / own.read_text().strip().removeprefix("gitdir: ")
        head = (own / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        ref, shared = head.removeprefix("ref: "), own / "commondir"
        common = own / shared.read_text().strip() if shared.is_file() else own
        if (common / ref).is_file():
            return (common / ref).read_text().strip()
        packed = (common / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {ref}")), None)
    except (OSError, UnicodeDecodeError):
        return None
