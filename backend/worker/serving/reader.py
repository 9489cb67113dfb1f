"""The part of a text that answers a question, as a text of its own and by its characters; or that there is none."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.worker.serving import folder, spans
from backend.worker.serving.golden import BadModel, check_outputs

FIELDS = ["question", "context"]
BATCH = 16
"""Windows that go through the model at a time."""


class Reader:
    """A loaded version. Not thread-safe: one thread asks it at a time."""

    def __init__(self, path: Path, *, device: str = "auto", max_tokens: int | None = None) -> None:
        """Read and check the folder; raises BadModel naming what is missing, wrong or does not fit."""
        from transformers import AutoModelForQuestionAnswering

        config = folder.read_config(path, "ForQuestionAnswering", "a model that marks answers")
        self.path = path
        self.device = folder.choose_device(device)
        self._tokenizer = folder.read_tokenizer(path)
        self.limit = folder.token_limit(path, config, max_tokens)
        self._reading = read_reading(path, self.limit)
        self.model = folder.read_model(path, self.device, AutoModelForQuestionAnswering)
        self._pad = int(config.get("pad_token_id") or 0)
        self._has_types = spans.has_types(config)
        self._unknown = folder.unknown_id(path, self._tokenizer)

    def answer(self, inputs: Sequence[dict[str, Any]], truncate: Sequence[bool]) -> dict[str, Any]:
        """See Predictor. An output is {"answer", "start", "end", "score"}; without an answer the text is empty and the
        places are null. A long context is read in windows and never cut; a question that leaves it no room is."""
        started = time.perf_counter()
        cuts = [self._cut(one) for one in inputs]
        tokenized = time.perf_counter()
        fits = [one.fits or allowed for one, allowed in zip(cuts, truncate, strict=True)]
        windows = [window for one, fit in zip(cuts, fits, strict=True) if fit for window in one.windows]
        logits = iter(self._logits(windows))
        outputs: list[dict[str, Any] | None] = [None] * len(cuts)
        for at, (asked, one) in enumerate(zip(inputs, cuts, strict=True)):
            if fits[at]:
                starts, ends = zip(*(next(logits) for _ in one.windows), strict=True)
                found = spans.best_answer(str(asked["context"]), one.windows, starts, ends, self._reading)
                outputs[at] = found.output
        return {
            "outputs": outputs,
            "tokens": [one.length for one in cuts],
            "unknown": [round(one.unknown / max(one.length, 1), 4) for one in cuts],
            "truncated": [fit and not one.fits for one, fit in zip(cuts, fits, strict=True)],
            "tokenize_ms": round((tokenized - started) * 1e3, 3),
            "model_ms": round((time.perf_counter() - tokenized) * 1e3, 3),
        }

    def _cut(self, asked: dict[str, Any]) -> spans.Cut:
        try:
            return spans.cut(
                self._tokenizer, str(asked["question"]), str(asked["context"]), self._reading, self._unknown
            )
        except spans.NoRoom as error:
            raise BadModel(f"{error}; it cannot read a question with a context") from error

    def _logits(self, windows: Sequence[spans.Window]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Of each window the scores of every place as a beginning and as an end; like lengths together."""
        found: list[tuple[np.ndarray, np.ndarray]] = [(np.empty(0), np.empty(0))] * len(windows)
        order = sorted(range(len(windows)), key=lambda at: -len(windows[at].ids))
        for begin in range(0, len(order), BATCH):
            picked = order[begin : begin + BATCH]
            batch = tensors([windows[at] for at in picked], self._pad, has_types=self._has_types)
            with torch.inference_mode():
                output = self.model(**{name: tensor.to(self.device) for name, tensor in batch.items()})
            starts, ends = output.start_logits.float().cpu().numpy(), output.end_logits.float().cpu().numpy()
            for row, at in enumerate(picked):
                size = len(windows[at].ids)
                found[at] = starts[row, :size], ends[row, :size]
        return found

    def warm_up(self, max_batch: int) -> None:
        """One short and one full batch."""
        asked = {"question": "what is warm?", "context": "a few words to begin with"}
        for size in sorted({1, max_batch}):
            self.answer([asked] * size, [True] * size)

    def check_golden(self) -> int:
        """See Predictor."""
        return check_outputs(self.path, self.answer, on_cpu=self.device.type == "cpu")

    def facts(self) -> dict[str, Any]:
        """See Predictor."""
        return {
            "task": "question-answering",
            "labels": [],
            "fields": FIELDS,
            "text_fields": FIELDS,
            "limit": self.limit,
            "device": str(self.device),
            "parameters": sum(p.numel() for p in self.model.parameters()),
        }


def tensors(windows: Sequence[spans.Window], pad: int, *, has_types: bool) -> dict[str, torch.Tensor]:
    """A batch padded to its longest window."""
    width = max(len(window.ids) for window in windows)
    ids = np.full((len(windows), width), pad, dtype=np.int64)
    mask, types = np.zeros_like(ids), np.zeros_like(ids)
    for row, window in enumerate(windows):
        size = len(window.ids)
        ids[row, :size], mask[row, :size], types[row, :size] = window.ids, 1, window.types
    batch = {"input_ids": ids, "attention_mask": mask} | ({"token_type_ids": types} if has_types else {})
    return {name: torch.from_numpy(array) for name, array in batch.items()}


def read_reading(path: Path, limit: int) -> spans.Reading:
    """How training read, from signature.json; raises BadModel."""
    signature = folder.read_json(path / "signature.json")
    try:
        found = signature["reading"]
        stride, longest, threshold = (found[name] for name in ("stride", "max_answer_length", "null_threshold"))
        if not (type(stride) is int and type(longest) is int and stride >= 0 and 1 <= longest <= 8192):
            raise ValueError(f"stride {stride!r}, max_answer_length {longest!r}")
        return spans.Reading(limit, stride, longest, None if threshold is None else float(threshold))
    except (TypeError, KeyError, ValueError) as error:
        raise BadModel(f"signature.json does not say how to read: {type(error).__name__} {error}") from error
