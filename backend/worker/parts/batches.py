"""Batches of token ids with a label at each place, and a pass over a part in batches of like length."""

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import torch

IGNORED = -100
"""A place that no loss counts."""


class TokenCollate:
    """Rows → {"input_ids", "attention_mask", "labels"}, padded to the longest of the batch."""

    def __init__(
        self, tokens: Sequence[np.ndarray], labels: Sequence[np.ndarray], pad_id: int, *, pin: bool = False
    ) -> None:
        self._tokens = tokens
        self._labels = labels
        self._pad_id = pad_id
        self._pin = pin

    def __call__(self, rows: Sequence[int]) -> dict[str, Any]:
        picked = [self._tokens[row] for row in rows]
        arrays = {
            "input_ids": padded(picked, self._pad_id),
            "attention_mask": padded([np.ones(len(ids), dtype=np.int64) for ids in picked], 0),
            "labels": padded([self._labels[row] for row in rows], IGNORED),
        }
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        if self._pin:
            tensors = {name: tensor.pin_memory() for name, tensor in tensors.items()}
        return {**tensors, "tokens": sum(len(ids) for ids in picked)}


def padded(rows: Sequence[np.ndarray], filler: int) -> np.ndarray:
    """int64, rows × longest."""
    found = np.full((len(rows), max(len(row) for row in rows)), filler, dtype=np.int64)
    for place, row in enumerate(rows):
        found[place, : len(row)] = row
    return found


def passed(
    network: Any,
    collate: Callable[[Sequence[int]], dict[str, Any]],
    sizes: Sequence[int],
    rows: Sequence[int],
    batch_size: int,
    device: torch.device,
    read: Callable[[Any], torch.Tensor] = attrgetter("logits"),
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """(rows, logits) batch by batch, as outputs_of(). `read` takes something else than logits from what it returns."""
    for picked, outputs in outputs_of(network, collate, sizes, rows, batch_size, device):
        yield picked, read(outputs)


def outputs_of(
    network: Any,
    collate: Callable[[Sequence[int]], dict[str, Any]],
    sizes: Sequence[int],
    rows: Sequence[int],
    batch_size: int,
    device: torch.device,
) -> Iterator[tuple[list[int], Any]]:
    """(rows, what the network returns) batch by batch, the longest first, in eval mode; the mode is put back and
    nothing is drawn."""
    order = sorted(rows, key=lambda row: -sizes[row])
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            for at in range(0, len(order), batch_size):
                picked = order[at : at + batch_size]
                batch = collate(picked)
                inputs = {n: t.to(device) for n, t in batch.items() if n not in ("labels", "tokens")}
                yield picked, network(**inputs)
    finally:
        network.train(was_training)
