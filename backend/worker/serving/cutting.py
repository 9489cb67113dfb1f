"""One text as pieces, cut at the limit only where that was allowed; what predictors of texts share."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from tokenizers import Encoding, Tokenizer


class Coded(NamedTuple):
    """One text as the model sees it."""

    encoding: Encoding
    length: int  # pieces before any cut
    unknown_share: float  # of the pieces that are no special ones, before any cut
    fits: bool
    cut: bool

    @property
    def ids(self) -> list[int]:
        """Its pieces."""
        return list(self.encoding.ids)


class Cutter:
    """Texts → Coded, for a limit in pieces."""

    def __init__(self, tokenizer: Tokenizer, limit: int, unknown: int | None) -> None:
        self._tokenizer = tokenizer
        self._limit = limit
        self._unknown = unknown

    def __call__(self, text: str | Sequence[str], allowed: bool) -> Coded:
        """A text, or one that is in words already."""
        encoding = self._encode(text)
        length = len(encoding.ids)
        counted = max(length - sum(encoding.special_tokens_mask), 1)
        unknown = encoding.ids.count(self._unknown) / counted if self._unknown is not None else 0.0
        over = length > self._limit
        if over and allowed:
            self._tokenizer.enable_truncation(self._limit)
            encoding = self._encode(text)
            self._tokenizer.no_truncation()
        # a share, whatever the tokenizer counts as special
        return Coded(encoding, length, min(unknown, 1.0), not over or allowed, over and allowed)

    def _encode(self, text: str | Sequence[str]) -> Encoding:
        return self._tokenizer.encode(text, is_pretokenized=not isinstance(text, str))


def longest_first(texts: Sequence[Coded]) -> list[int]:
    """Places of those that fit, in the order in which they are put side by side."""
    return sorted((at for at, text in enumerate(texts) if text.fits), key=lambda at: -len(texts[at].encoding.ids))


def batch_of(texts: Sequence[Coded], pad: int, device: torch.device) -> dict[str, torch.Tensor]:
    """input_ids and attention_mask, padded to the longest."""
    rows = [text.ids for text in texts]
    width = max(map(len, rows))
    ids = np.full((len(rows), width), pad, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for row, some in enumerate(rows):
        ids[row, : len(some)], mask[row, : len(some)] = some, 1
    return {"input_ids": torch.from_numpy(ids).to(device), "attention_mask": torch.from_numpy(mask).to(device)}


def reply_of(
    outputs: list[dict[str, Any] | None], texts: Sequence[Coded], started: float, tokenized: float
) -> dict[str, Any]:
    """What a Predictor answers; both moments are of time.perf_counter()."""
    return {
        "outputs": outputs,
        "tokens": [text.length for text in texts],
        "unknown": [round(text.unknown_share, 4) for text in texts],
        "truncated": [text.cut for text in texts],
        "tokenize_ms": round((tokenized - started) * 1e3, 3),
        "model_ms": round((time.perf_counter() - tokenized) * 1e3, 3),
    }
