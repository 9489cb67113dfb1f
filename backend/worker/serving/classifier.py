"""A text classifier in memory: checked, loaded, warmed, proved on its golden inputs, then asked in padded batches."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tokenizers import Encoding

from backend.worker.serving.folder import (
    choose_device,
    forward_names,
    read_config,
    read_labels,
    read_model,
    read_tokenizer,
    token_limit,
    unknown_id,
)
from backend.worker.serving.golden import BadModel, Golden, read_golden

WARM_SECONDS = 5.0
"""Warm-up stops adding shapes after this long; a large model on a CPU is warm enough by then."""

GOLDEN_TOLERANCE = 1e-4
"""Largest difference of a score on the CPU in fp32; other devices add up in another order and get ten times that."""


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
        from transformers import AutoModelForSequenceClassification  # late: seconds; engines are forked with it loaded

        self.path = path
        config = read_config(path, "ForSequenceClassification", "a text classifier")
        self.device = choose_device(device)
        self._tokenizer = read_tokenizer(path)
        self.limit = token_limit(path, config, max_tokens)
        self.model = read_model(path, self.device, AutoModelForSequenceClassification)
        self.labels = read_labels(path, config)
        self.pad = int(config.get("pad_token_id") or 0)
        self._unknown = unknown_id(path, self._tokenizer)
        self._multi_label = config.get("problem_type") == "multi_label_classification"
        self._wants_types = "token_type_ids" in forward_names(self.model)

    # ---- asking ------------------------------------------------------------------------------------------------------

    def answer(self, texts: Sequence[str], truncate: Sequence[bool]) -> dict[str, Any]:
        """Label and scores per text (None where a text is over the limit and may not be cut), token counts before any
        cut, unknown shares, which were cut, and the milliseconds of both stages."""
        started = time.perf_counter()
        cuts = self.tokenize(texts, truncate)
        tokenized = time.perf_counter()
        outputs: list[dict[str, Any] | None] = [None] * len(cuts)
        for chunk in _chunks([index for index, cut in enumerate(cuts) if cut.fits], cuts):
            for index, row in zip(chunk, self._scores([cuts[index] for index in chunk]), strict=True):
                outputs[index] = self._output(row)
        return {
            "outputs": outputs,
            "tokens": [cut.length for cut in cuts],
            "unknown": [round(cut.unknown_share, 4) for cut in cuts],
            "truncated": [cut.cut for cut in cuts],
            "tokenize_ms": round((tokenized - started) * 1e3, 3),
            "model_ms": round((time.perf_counter() - tokenized) * 1e3, 3),
        }

    def _output(self, scores: list[float]) -> dict[str, Any]:
        best = max(scores)
        label = self.labels[scores.index(best)]
        return {"label": label, "score": best, "scores": dict(zip(self.labels, scores, strict=True))}

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
            outputs = self.answer(golden.inputs, [True] * len(golden.inputs))["outputs"]
            found = [list(output["scores"].values()) for output in outputs]
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
            "task": "text-classification",
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
