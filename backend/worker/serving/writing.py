"""How an encoder-decoder writes a text: greedily or with beams. Training judges with the lines that answer later."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

MOST_BEAMS = 16
MOST_WRITTEN = 2048
MOST_LOGITS = 1 << 25
"""Numbers held at once while the sureness of texts is counted: 128 MiB."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How to write; bounds hold in recipes and are checked again when a version is loaded."""

    num_beams: int
    max_new_tokens: int
    length_penalty: float = 1.0
    no_repeat_ngram: int = 0

    def options(self) -> dict[str, Any]:
        """What generate() takes; nothing is drawn at random."""
        beams = {"length_penalty": self.length_penalty} if self.num_beams > 1 else {}
        return {
            "do_sample": False,
            "num_beams": self.num_beams,
            "max_new_tokens": self.max_new_tokens,
            "no_repeat_ngram_size": self.no_repeat_ngram,
            "use_cache": True,
            **beams,
        }


@dataclass(frozen=True, slots=True)
class Written:
    """One text in pieces."""

    ids: list[int]  # with its end, without its start
    share: float  # geometric mean of the shares of its pieces, 0 to 1
    finished: bool  # False: it would have gone on


def write(network: Any, rows: Sequence[Sequence[int]], pad_id: int, decoding: Decoding) -> list[Written]:
    """A text for each row of ids, in one batch. The network is in eval mode."""
    device = next(network.parameters()).device
    width = max(len(ids) for ids in rows)
    ids = np.full((len(rows), width), pad_id, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for row, some in enumerate(rows):
        ids[row, : len(some)], mask[row, : len(some)] = some, 1
    inputs = {"input_ids": torch.from_numpy(ids).to(device), "attention_mask": torch.from_numpy(mask).to(device)}
    with torch.inference_mode():
        made = network.generate(**inputs, **decoding.options())
        lengths, finished = _ends(network, made[:, 1:])
        shares = _shares(network, inputs, made, lengths)
    return [
        Written(made[row, 1 : 1 + length].tolist(), share, done)
        for row, (length, done, share) in enumerate(zip(lengths, finished, shares, strict=True))
    ]


def _ends(network: Any, made: torch.Tensor) -> tuple[list[int], list[bool]]:
    """Pieces of each text up to its end, and whether it has one."""
    ends = network.generation_config.eos_token_id
    is_end = torch.isin(made, torch.as_tensor(ends, device=made.device))
    lengths, finished = [], []
    for row in is_end.cpu().numpy():
        places = np.flatnonzero(row)
        lengths.append(int(places[0]) + 1 if len(places) else len(row))
        finished.append(bool(len(places)))
    return lengths, finished


def _shares(network: Any, inputs: dict[str, torch.Tensor], made: torch.Tensor, lengths: Sequence[int]) -> list[float]:
    """What the model gives the pieces it wrote, read once more: the same for beams and without."""
    size = int(network.config.vocab_size) * max(made.shape[1] - 1, 1)
    at_once = max(1, MOST_LOGITS // size)
    found: list[float] = []
    for start in range(0, len(made), at_once):
        part = slice(start, start + at_once)
        chunk = {name: tensor[part] for name, tensor in inputs.items()}
        logits = network(**chunk, decoder_input_ids=made[part, :-1], use_cache=False).logits.float()
        logs = logits.log_softmax(-1).gather(-1, made[part, 1:, None])[..., 0].cpu().numpy()
        for row, length in zip(logs, lengths[part], strict=True):
            found.append(float(np.exp(row[:length].mean())))
    return found
