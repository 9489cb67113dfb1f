"""A vector of length 1 for a text: the mean of its tokens' last states. Texts that belong together lie together."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.worker.serving import folder
from backend.worker.serving.cutting import Coded, Cutter, batch_of, longest_first, reply_of
from backend.worker.serving.golden import BadModel, check_outputs

BATCH = 32


class Embedder:
    """A loaded version. Not thread-safe: one thread asks it at a time."""

    def __init__(self, path: Path, *, device: str = "auto", max_tokens: int | None = None) -> None:
        """Read and check the folder; raises BadModel naming what is missing, wrong or does not fit."""
        from transformers import AutoModel

        config = folder.read_config(path, "Model", "a model without a head")
        signature = folder.read_json(path / "signature.json")
        pooling = signature.get("pooling") if isinstance(signature, dict) else None
        if pooling != "mean":
            raise BadModel(f"signature.json names the pooling {pooling!r:.40}; known is 'mean'")
        self.path = path
        self.device = folder.choose_device(device)
        self._tokenizer = folder.read_tokenizer(path)
        self.limit = folder.token_limit(path, config, max_tokens)
        self.model = folder.read_model(path, self.device, AutoModel)
        self._pad = int(config.get("pad_token_id") or 0)
        self._cut = Cutter(self._tokenizer, self.limit, folder.unknown_id(path, self._tokenizer))

    def answer(self, inputs: Sequence[str], truncate: Sequence[bool]) -> dict[str, Any]:
        """See Predictor. An output is {"embedding": [...]}."""
        started = time.perf_counter()
        coded = [self._cut(text, allowed) for text, allowed in zip(inputs, truncate, strict=True)]
        tokenized = time.perf_counter()
        outputs: list[dict[str, Any] | None] = [None] * len(coded)
        order = longest_first(coded)
        for begin in range(0, len(order), BATCH):
            picked = order[begin : begin + BATCH]
            for at, vector in zip(picked, self._vectors([coded[at] for at in picked]), strict=True):
                outputs[at] = {"embedding": vector}
        return reply_of(outputs, coded, started, tokenized)

    def _vectors(self, texts: Sequence[Coded]) -> list[list[float]]:
        batch = batch_of(texts, self._pad, self.device)
        with torch.inference_mode():
            vectors = pooled(self.model(**batch).last_hidden_state, batch["attention_mask"])
        found: list[list[float]] = vectors.cpu().numpy().astype(np.float64).round(7).tolist()
        return found

    def warm_up(self, max_batch: int) -> None:
        """One short and one full batch."""
        for size in sorted({1, max_batch}):
            self.answer(["a few words to begin with"] * size, [True] * size)

    def check_golden(self) -> int:
        """See Predictor."""
        return check_outputs(self.path, self.answer, on_cpu=self.device.type == "cpu")

    def facts(self) -> dict[str, Any]:
        """See Predictor."""
        return {
            "task": "sentence-embedding",
            "labels": [],
            "limit": self.limit,
            "dimensions": int(self.model.config.hidden_size),
            "device": str(self.device),
            "parameters": sum(p.numel() for p in self.model.parameters()),
        }


def pooled(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """float32 vectors of length 1: the mean over the tokens that are no padding."""
    weights = mask.unsqueeze(-1).float()
    mean = (states.float() * weights).sum(1) / weights.sum(1).clamp(min=1)
    return torch.nn.functional.normalize(mean, dim=-1)
