"""A tag for each word of a text: words are runs of letters and digits, or one other character."""

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from backend.worker.serving import folder
from backend.worker.serving.golden import check_outputs

WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?|[^\w\s]|_")
"""Letters and digits, with an apostrophe inside; else single signs."""


class Cut(NamedTuple):
    """One text as the model sees it."""

    ids: list[int]
    words: list[re.Match[str]]
    heads: list[int]  # place of the first piece of each word that was not cut away
    length: int  # pieces before any cut
    unknown_share: float
    fits: bool
    cut: bool


class Tagger:
    """A loaded version. Not thread-safe: one thread asks it at a time."""

    def __init__(self, path: Path, *, device: str = "auto", max_tokens: int | None = None) -> None:
        """Read and check the folder; raises BadModel naming what is missing, wrong or does not fit."""
        from transformers import AutoModelForTokenClassification

        config = folder.read_config(path, "ForTokenClassification", "a model that tags words")
        self.path = path
        self.device = folder.choose_device(device)
        self._tokenizer = folder.read_tokenizer(path)
        self.limit = folder.token_limit(path, config, max_tokens)
        self.model = folder.read_model(path, self.device, AutoModelForTokenClassification)
        self.labels = folder.read_labels(path, config)
        self._pad = int(config.get("pad_token_id") or 0)
        self._unknown = folder.unknown_id(path, self._tokenizer)

    def answer(self, inputs: Sequence[str], truncate: Sequence[bool]) -> dict[str, Any]:
        """See Predictor. An output holds "tags" and, where tags name entities, "entities"; label and score are those
        of the most frequent tag beside O, with the mean score of all words."""
        started = time.perf_counter()
        cuts = [self._cut(text, allowed) for text, allowed in zip(inputs, truncate, strict=True)]
        tokenized = time.perf_counter()
        outputs: list[dict[str, Any] | None] = [None] * len(cuts)
        order = sorted((at for at, cut in enumerate(cuts) if cut.fits), key=lambda at: -len(cuts[at].ids))
        for start in range(0, len(order), 32):
            chunk = order[start : start + 32]
            for at, shares in zip(chunk, self._shares([cuts[at] for at in chunk]), strict=True):
                outputs[at] = self._output(inputs[at], cuts[at], shares)
        return {
            "outputs": outputs,
            "tokens": [cut.length for cut in cuts],
            "unknown": [round(cut.unknown_share, 4) for cut in cuts],
            "truncated": [cut.cut for cut in cuts],
            "tokenize_ms": round((tokenized - started) * 1e3, 3),
            "model_ms": round((time.perf_counter() - tokenized) * 1e3, 3),
        }

    def _cut(self, text: str, allowed: bool) -> Cut:
        words = list(WORD.finditer(text))
        coded = self._tokenizer.encode([word.group() for word in words], is_pretokenized=True)
        length = len(coded.ids)
        owners = coded.word_ids
        counted = max(sum(owner is not None for owner in owners), 1)
        unknown = coded.ids.count(self._unknown) / counted if self._unknown is not None else 0.0
        over = length > self.limit
        if over and allowed:
            self._tokenizer.enable_truncation(self.limit)
            coded = self._tokenizer.encode([word.group() for word in words], is_pretokenized=True)
            self._tokenizer.no_truncation()
            owners = coded.word_ids
        heads = [at for at, owner in enumerate(owners) if owner is not None and (at == 0 or owners[at - 1] != owner)]
        return Cut(coded.ids, words, heads, length, unknown, not over or allowed, over and allowed)

    def _shares(self, cuts: Sequence[Cut]) -> list[np.ndarray]:
        """Per text: words × labels."""
        width = max(len(cut.ids) for cut in cuts)
        ids = np.full((len(cuts), width), self._pad, dtype=np.int64)
        mask = np.zeros((len(cuts), width), dtype=np.int64)
        for row, cut in enumerate(cuts):
            ids[row, : len(cut.ids)], mask[row, : len(cut.ids)] = cut.ids, 1
        with torch.inference_mode():
            batch = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
            logits = self.model(**{name: tensor.to(self.device) for name, tensor in batch.items()}).logits
            shares = logits.float().softmax(-1).cpu().numpy()
        return [shares[row, cut.heads] for row, cut in enumerate(cuts)]

    def _output(self, text: str, cut: Cut, shares: np.ndarray) -> dict[str, Any]:
        tags: list[dict[str, Any]] = []
        for word, row in zip(cut.words, shares, strict=False):  # words behind the cut have no tag
            best = int(row.argmax())
            start, end = word.span()
            score = round(float(row[best]), 7)
            tags.append({"word": word.group(), "start": start, "end": end, "tag": self.labels[best], "score": score})
        found: dict[str, Any] = {"tags": tags, "entities": entities(text, tags)}
        named = [tag["tag"] for tag in tags if tag["tag"] != "O"] or ["O"]
        found["label"] = max(sorted(set(named)), key=named.count)
        found["score"] = round(sum(tag["score"] for tag in tags) / len(tags), 7) if tags else 0.0
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
            "task": "token-classification",
            "labels": list(self.labels),
            "limit": self.limit,
            "device": str(self.device),
            "parameters": sum(p.numel() for p in self.model.parameters()),
        }


def entities(text: str, tags: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs of B- and I- tags of one type, as parts of the text; an I- that follows nothing begins one, too."""
    found: list[dict[str, Any]] = []
    open_type = ""
    for tag in tags:
        kind, _, name = tag["tag"].partition("-")
        if not name or kind not in ("B", "I", "E", "S", "L", "U"):
            open_type = ""
            continue
        if kind in ("I", "E", "L") and name == open_type:
            found[-1] |= {"end": tag["end"], "text": text[found[-1]["start"] : tag["end"]]}
        else:
            found.append({"text": tag["word"], "type": name, "start": tag["start"], "end": tag["end"]})
        open_type = "" if kind in ("E", "L", "S", "U") else name
    return found
