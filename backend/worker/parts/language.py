"""What language models share: unknown tokens, empty parts, and the reference that every one of them must beat."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from backend.contract.events import Warned
from backend.contract.states import FailureCode
from backend.worker.parts.failure import RunFailed

MOST_UNKNOWN = 0.05
"""A larger share of unknown tokens is worth a warning."""


def unknown_warnings(tokenizer: Any, rows: Sequence[np.ndarray]) -> list[Warned]:
    """A warning with the share when the vocabulary does not know much of the training text."""
    ids = np.concatenate([np.asarray(row) for row in rows]) if rows else np.zeros(0, np.int64)
    unknown = tokenizer.unk_token_id
    if unknown is None or tokenizer.unk_token in (tokenizer.eos_token, tokenizer.bos_token):
        return []  # byte-level vocabularies know everything and name their end token here
    special = [token for token in tokenizer.all_special_ids if token != unknown]
    counted = ids[~np.isin(ids, special)]
    share = float((counted == unknown).mean()) if len(counted) else 0.0
    if share <= MOST_UNKNOWN:
        return []
    text = f"The vocabulary turns {share:.0%} of the training text into unknown tokens."
    return [Warned(code="unknown_tokens", text=text, advice="Choose a model of this language, or train from scratch.")]


def unigram_loss(train: Sequence[np.ndarray], held: Sequence[np.ndarray], vocabulary: int) -> float:
    """Cross entropy in nats of a guess by frequency alone, add-one smoothed: what a model must beat to have learnt
    anything of order. Rows hold token ids that are judged; negative ones do not count."""
    counts = np.ones(vocabulary)
    for row in train:
        counts += np.bincount(row[row >= 0], minlength=vocabulary)
    costs = -np.log(counts / counts.sum())
    judged = np.concatenate([costs[row[row >= 0]] for row in held]) if held else np.zeros(0)
    return float(judged.mean()) if len(judged) else math.nan


def refuse_empty(name: str, train: Sequence[Any], validation: Sequence[Any]) -> None:
    """RunFailed when nothing is left to train or judge on."""
    for part, rows in (("training", train), ("validation", validation)):
        if not rows:
            text = f"{name}: nothing is left in the {part} part."
            raise RunFailed(FailureCode.DATA, text, "Give more text, or raise max length.")
