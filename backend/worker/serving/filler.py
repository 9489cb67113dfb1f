"""Fills in what a mask token hides in a text: the likeliest pieces for each place."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from backend.worker.serving import folder
from backend.worker.serving.golden import BadModel, check_outputs

SHOWN = 5
AT_ONCE = 16


class Gapped(NamedTuple):
    """One text as the model sees it."""

    ids: list[int]
    gaps: list[int]  # places of the mask that were not cut away
    length: int  # pieces before any cut
    unknown_share: float
    fits: bool
    cut: bool


class Filler:
    """A loaded version. Not thread-safe: one thread asks it at a time."""

    def __init__(self, path: Path, *, device: str = "auto", max_tokens: int | None = None) -> None:
        """Read and check the folder; raises BadModel naming what is missing, wrong or does not fit."""
        from transformers import AutoModelForMaskedLM, AutoModelForPreTraining

        config = folder.read_config(path, ("ForMaskedLM", "ForPreTraining"), "a model that fills in words")
        pairs = any(str(name).endswith("ForPreTraining") for name in config["architectures"])
        self.path = path
        self.device = folder.choose_device(device)
        self._tokenizer = folder.read_tokenizer(path)
        self.limit = folder.token_limit(path, config, max_tokens)
        self.model = folder.read_model(path, self.device, AutoModelForPreTraining if pairs else AutoModelForMaskedLM)
        self._pad = int(config.get("pad_token_id") or 0)
        self._unknown = folder.unknown_id(path, self._tokenizer)
        signature = folder.read_json(path / "signature.json")
        self.mark = str(signature.get("mark") or "") if isinstance(signature, dict) else ""
        mark = self._tokenizer.token_to_id(self.mark) if self.mark else None
        if mark is None:
            raise BadModel(f"signature.json names the mask token {self.mark[:40]!r}, which the tokenizer does not have")
        self._mark_id = int(mark)

    def answer(self, inputs: Sequence[str], truncate: Sequence[bool]) -> dict[str, Any]:
        """See Predictor. An output holds, for each mask in order, the likeliest pieces with their probabilities, and
        the text with the first of each put in; the score is the mean probability of those."""
        started = time.perf_counter()
        gapped = [self._cut(text, allowed) for text, allowed in zip(inputs, truncate, strict=True)]
        tokenized = time.perf_counter()
        outputs: list[dict[str, Any] | None] = [None] * len(gapped)
        order = sorted((at for at, one in enumerate(gapped) if one.fits), key=lambda at: -len(gapped[at].ids))
        for start in range(0, len(order), AT_ONCE):
            chunk = order[start : start + AT_ONCE]
            for at, shares in zip(chunk, self._shares([gapped[at] for at in chunk]), strict=True):
                outputs[at] = self._output(inputs[at], shares)
        return {
            "outputs": outputs,
            "tokens": [one.length for one in gapped],
            "unknown": [round(one.unknown_share, 4) for one in gapped],
            "truncated": [one.cut for one in gapped],
            "tokenize_ms": round((tokenized - started) * 1e3, 3),
            "model_ms": round((time.perf_counter() - tokenized) * 1e3, 3),
        }

    def _cut(self, text: str, allowed: bool) -> Gapped:
        coded = self._tokenizer.encode(text)
        length = len(coded.ids)
        counted = max(length - sum(coded.special_tokens_mask), 1)
        unknown = coded.ids.count(self._unknown) / counted if self._unknown is not None else 0.0
        over = length > self.limit
        if over and allowed:
            self._tokenizer.enable_truncation(self.limit)
            coded = self._tokenizer.encode(text)
            self._tokenizer.no_truncation()
        gaps = [at for at, token in enumerate(coded.ids) if token == self._mark_id]
        return Gapped(coded.ids, gaps, length, unknown, not over or allowed, over and allowed)

    def _shares(self, texts: Sequence[Gapped]) -> list[np.ndarray]:
        """Per text: gaps × vocabulary."""
        width = max(len(text.ids) for text in texts)
        ids = np.full((len(texts), width), self._pad, dtype=np.int64)
        mask = np.zeros((len(texts), width), dtype=np.int64)
        for row, text in enumerate(texts):
            ids[row, : len(text.ids)], mask[row, : len(text.ids)] = text.ids, 1
        with torch.inference_mode():
            batch = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
            said = self.model(**{name: tensor.to(self.device) for name, tensor in batch.items()})
            logits = said.logits if "logits" in said else said.prediction_logits
            return [logits[row, text.gaps].float().softmax(-1).cpu().numpy() for row, text in enumerate(texts)]

    def _output(self, text: str, shares: np.ndarray) -> dict[str, Any]:
        masks: list[list[dict[str, Any]]] = []
        for row in shares:
            best = np.argsort(-row, kind="stable")[:SHOWN]
            masks.append([{"piece": self._piece(int(token)), "score": round(float(row[token]), 7)} for token in best])
        filled = text
        for fillings in masks:
            filled = filled.replace(self.mark, fillings[0]["piece"], 1)
        found: dict[str, Any] = {"text": filled, "masks": masks}
        if masks:
            found["score"] = round(float(np.mean([fillings[0]["score"] for fillings in masks])), 7)
        return found

    def _piece(self, token: int) -> str:
        """The piece as it reads, without the marks of its tokenizer."""
        text = str(self._tokenizer.decode([token], skip_special_tokens=False)).strip()
        return text.removeprefix("##") or str(self._tokenizer.id_to_token(token))

    def margins(self, texts: Sequence[str]) -> list[float]:
        """How far apart the closest two of the shown fillings and the one after them are; what is close another
        machine may put in another order."""
        gapped = [self._cut(text, True) for text in texts]
        found = []
        for one in gapped:
            shares = self._shares([one])[0]
            top = -np.sort(-shares, axis=1)[:, : SHOWN + 1]
            found.append(float((top[:, :-1] - top[:, 1:]).min()) if len(top) else 0.0)
        return found

    def warm_up(self, max_batch: int) -> None:
        """One short and one full batch."""
        for size in sorted({1, max_batch}):
            self.answer([f"a {self.mark} to begin with"] * size, [True] * size)

    def check_golden(self) -> int:
        """See Predictor."""
        return check_outputs(self.path, self.answer, on_cpu=self.device.type == "cpu")

    def facts(self) -> dict[str, Any]:
        """See Predictor; "mark" is what every input must hold."""
        return {
            "task": "fill-mask",
            "labels": [],
            "limit": self.limit,
            "mark": self.mark,
            "device": str(self.device),
            "parameters": sum(p.numel() for p in self.model.parameters()),
        }
