"""A tag for each word of a text: words are runs of letters and digits, or one other character."""

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.worker.serving import folder
from backend.worker.serving.cutting import Coded, Cutter, batch_of, longest_first, reply_of
from backend.worker.serving.golden import check_outputs

WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?|[^\w\s]|_")
"""Letters and digits, with an apostrophe inside; else single signs."""


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
        self._cut = Cutter(self._tokenizer, self.limit, folder.unknown_id(path, self._tokenizer))

    def answer(self, inputs: Sequence[str], truncate: Sequence[bool]) -> dict[str, Any]:
        """See Predictor. An output holds "tags" and, where tags name entities, "entities"; label and score are those
        of the most frequent tag beside O, with the mean score of all words."""
        started = time.perf_counter()
        words = [list(WORD.finditer(text)) for text in inputs]
        coded = [
            self._cut([word.group() for word in some], allowed) for some, allowed in zip(words, truncate, strict=True)
        ]
        tokenized = time.perf_counter()
        outputs: list[dict[str, Any] | None] = [None] * len(coded)
        order = longest_first(coded)
        for start in range(0, len(order), 32):
            chunk = order[start : start + 32]
            for at, shares in zip(chunk, self._shares([coded[at] for at in chunk]), strict=True):
                outputs[at] = self._output(inputs[at], words[at], shares)
        return reply_of(outputs, coded, started, tokenized)

    def _shares(self, texts: Sequence[Coded]) -> list[np.ndarray]:
        """Per text: words that were not cut away × labels, by the first piece of each."""
        with torch.inference_mode():
            logits = self.model(**batch_of(texts, self._pad, self.device)).logits
            shares = logits.float().softmax(-1).cpu().numpy()
        return [shares[row, heads_of(text.encoding.word_ids)] for row, text in enumerate(texts)]

    def _output(self, text: str, words: Sequence[re.Match[str]], shares: np.ndarray) -> dict[str, Any]:
        tags: list[dict[str, Any]] = []
        for word, row in zip(words, shares, strict=False):  # words behind the cut have no tag
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


def heads_of(owners: Sequence[int | None]) -> list[int]:
    """Places of the first piece of each word."""
    return [at for at, owner in enumerate(owners) if owner is not None and (at == 0 or owners[at - 1] != owner)]


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
