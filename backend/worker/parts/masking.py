"""What is hidden from a masked language model: a pure function of (seed, epoch, row), so that a resumed run hides the
same, and validation always does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from backend.worker.parts.batches import IGNORED, padded

HELD_OUT = 0
"""Number of the draw for parts that are judged; epoch e of training is draw e + 1."""


@dataclass(frozen=True)
class Masking:
    """How pieces are hidden (Devlin et al. 2019, appendix A.1)."""

    seed: int
    share: float
    whole_word: bool
    mask_id: int
    ordinary: np.ndarray  # ids that a piece may be swapped for: no special tokens

    def hide(self, ids: np.ndarray, words: np.ndarray, draw: int, row: int) -> tuple[np.ndarray, np.ndarray]:
        """(ids with gaps, labels): of `share` of the pieces, one at least, 80 % become the mask, 10 % another piece,
        10 % stay. `words` numbers the word of each piece, -1 where nothing may be hidden; there must be one."""
        random = np.random.Generator(np.random.PCG64([self.seed, draw, row]))
        chosen = self._choose(words, random)
        labels = np.full(len(ids), IGNORED, dtype=np.int64)
        labels[chosen] = ids[chosen]
        hidden = ids.copy()
        fate = random.random(len(chosen))
        swaps = self.ordinary[random.integers(len(self.ordinary), size=len(chosen))]
        hidden[chosen[fate < 0.8]] = self.mask_id
        swapped = (fate >= 0.8) & (fate < 0.9)
        hidden[chosen[swapped]] = swaps[swapped]
        return hidden, labels

    def _choose(self, words: np.ndarray, random: np.random.Generator) -> np.ndarray:
        places = np.flatnonzero(words >= 0)
        wanted = max(1, round(len(places) * self.share))
        if not self.whole_word:
            return np.sort(random.permutation(places)[:wanted])
        pieces: list[np.ndarray] = []
        for word in random.permutation(np.unique(words[places])):
            piece = np.flatnonzero(words == word)
            if not pieces or sum(map(len, pieces)) + len(piece) <= wanted:
                pieces.append(piece)
        return np.sort(np.concatenate(pieces))


class MaskCollate:
    """Rows of a part with `tokens`, `words`, `segments` and `nexts` → a batch with gaps. Where pairs are judged, the
    label of the first place is 0 when the second half follows and 1 when it does not."""

    def __init__(self, part: Any, masking: Masking, pad_id: int, *, pin: bool = False) -> None:
        self._part = part
        self._masking = masking
        self._pad_id = pad_id
        self._pin = pin
        self._draw = HELD_OUT

    def set_epoch(self, epoch: int) -> None:
        """The loader of training calls this; parts that are judged never hear of it."""
        self._draw = epoch + 1

    def __call__(self, rows: Sequence[int]) -> dict[str, Any]:
        part, ids, labels = self._part, [], []
        for row in rows:
            hidden, wanted = self._masking.hide(part.tokens[row], part.words[row], self._draw, row)
            if part.nexts:
                wanted[0] = part.nexts[row]
            ids.append(hidden)
            labels.append(wanted)
        arrays = {
            "input_ids": padded(ids, self._pad_id),
            "attention_mask": padded([np.ones(len(row), dtype=np.int64) for row in ids], 0),
            "labels": padded(labels, IGNORED),
        }
        if part.nexts:
            arrays["token_type_ids"] = padded([part.segments[row] for row in rows], 0)
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        if self._pin:
            tensors = {name: tensor.pin_memory() for name, tensor in tensors.items()}
        return {**tensors, "tokens": sum(map(len, ids))}


class MaskLoss:
    """Cross entropy of the hidden pieces and, with pairs, of whether they follow: summed, and divided by how many of
    both the global batch holds. A pair weighs as much as the pieces hidden in a full example, so that the two halves
    count about alike, as in BERT."""

    def __init__(self, pair_weight: float | None) -> None:
        self._pair_weight = pair_weight  # None: no pairs

    def __call__(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        pieces = labels
        total = torch.zeros((), device=labels.device)
        if self._pair_weight is not None:
            pieces = labels.clone()
            pieces[:, 0] = IGNORED
            pairs = outputs.seq_relationship_logits.float()
            total = self._pair_weight * torch.nn.functional.cross_entropy(pairs, labels[:, 0], reduction="sum")
        logits = piece_logits(outputs).float()
        total = total + torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), pieces.reshape(-1), reduction="sum"
        )
        return total / (num_items_in_batch if num_items_in_batch is not None else (labels != IGNORED).sum())


def piece_logits(outputs: Any) -> torch.Tensor:
    """Logits of the pieces, whichever head the model has."""
    logits: torch.Tensor = outputs.logits if "logits" in outputs else outputs.prediction_logits
    return logits
