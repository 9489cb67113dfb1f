"""A class for an image: {"pixels": [numbers]}, row by row from the top; colour as all red, all green, all blue."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.worker.serving import folder
from backend.worker.serving.golden import check_outputs
from backend.worker.serving.pixels import read_preparing

AT_ONCE = 32


class Viewer:
    """A loaded version. Not thread-safe: one thread asks it at a time."""

    def __init__(self, path: Path, *, device: str = "auto", max_tokens: int | None = None) -> None:  # noqa: ARG002 images are never cut
        """Read and check the folder; raises BadModel naming what is missing, wrong or does not fit."""
        from transformers import AutoModelForImageClassification

        config = folder.read_config(path, "ForImageClassification", "a model that classifies images")
        self.path = path
        self.device = folder.choose_device(device)
        self.preparing = read_preparing(path, config)
        self.model = folder.read_model(path, self.device, AutoModelForImageClassification)
        self.labels = folder.read_labels(path, config)

    def answer(self, inputs: Sequence[dict[str, Any]], truncate: Sequence[bool]) -> dict[str, Any]:  # noqa: ARG002 images are never cut
        """See Predictor; "tokens" is the count of pixels."""
        started = time.perf_counter()
        raw = np.asarray([one["pixels"] for one in inputs], dtype=np.float32).reshape(len(inputs), self.preparing.count)
        images = self.preparing(raw)
        prepared = time.perf_counter()
        shares = np.concatenate([self._shares(images[at : at + AT_ONCE]) for at in range(0, len(images), AT_ONCE)])
        return {
            "outputs": [self._output(row) for row in shares],
            "tokens": [self.preparing.count] * len(inputs),
            "unknown": [0.0] * len(inputs),
            "truncated": [False] * len(inputs),
            "tokenize_ms": round((prepared - started) * 1e3, 3),
            "model_ms": round((time.perf_counter() - prepared) * 1e3, 3),
        }

    def _shares(self, images: torch.Tensor) -> np.ndarray:
        with torch.inference_mode():
            found: np.ndarray = self.model(images.to(self.device)).logits.float().softmax(-1).cpu().numpy()
        return found

    def _output(self, shares: np.ndarray) -> dict[str, Any]:
        best = int(shares.argmax())
        scores = {name: round(float(share), 7) for name, share in zip(self.labels, shares, strict=True)}
        return {"label": self.labels[best], "score": scores[self.labels[best]], "scores": scores}

    def warm_up(self, max_batch: int) -> None:
        """One image and a full batch."""
        black = {"pixels": [0] * self.preparing.count}
        for size in sorted({1, max_batch}):
            self.answer([black] * size, [True] * size)

    def check_golden(self) -> int:
        """See Predictor."""
        return check_outputs(self.path, self.answer, on_cpu=self.device.type == "cpu")

    def facts(self) -> dict[str, Any]:
        """See Predictor."""
        return {
            "task": "image-classification",
            "labels": list(self.labels),
            "limit": self.preparing.count,
            "device": str(self.device),
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "fields": ["pixels"],
            "kinds": {"pixels": pixel_kind(self.preparing.count, self.preparing.scale)},
        }


def pixel_kind(count: int, scale: float) -> dict[str, Any]:
    """What "pixels" must be, for signature and gateway."""
    return {"type": "numbers", "count": count, "low": 0, "high": scale}
