"""Fills in what a mask token hides in a text: the likeliest pieces for each place."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.worker.serving import folder
from backend.worker.serving.cutting import Coded, Cutter, batch_of, longest_first, reply_of
from backend.worker.serving.golden import BadModel, check_outputs

SHOWN = 5
AT_ONCE = 16


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
        self._cut = Cutter(self._tokenizer, self.limit, folder.unknown_id(path, self._tokenizer))
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
        coded = [self._cut(text, allowed) for text, allowed in zip(inputs, truncate, strict=True)]
        tokenized = time.perf_counter()
        outputs: list[dict[str, Any] | None] = [None] * len(coded)
        order = longest_first(coded)
        for start in range(0, len(order), AT_ONCE):
            chunk = order[start : start + AT_ONCE]
            for at, shares in zip(chunk, self._shares([coded[at] for at in chunk]), strict=True):
                outputs[at] = self._output(inputs[at], shares)
        return reply_of(outputs, coded, started, tokenized)

    def _shares(self, texts: Sequence[Coded]) -> list[np.ndarray]:
        """Per text: gaps × vocabulary."""
        with torch.inference_mode():
            said = self.model(**batch_of(texts, self._pad, self.device))
            logits = said.logits if "logits" in said else said.prediction_logits
            gaps = [[at for at, token in enumerate(text.ids) if token == self._mark_id] for text in texts]
            return [logits[row, places].float().softmax(-1).cpu().numpy() for row, places in enumerate(gaps)]

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
