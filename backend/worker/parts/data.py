"""Texts as token ids, the order in which they are trained, and how a batch is padded. The order depends on (seed,
epoch) only.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

GROUPED_BATCHES = 50
"""Batches that are sorted by length together: like lengths meet, yet the order stays random."""


@dataclass(frozen=True)
class Encoded:
    """A part of the data as the model sees it; row i of every list belongs to the same text."""

    texts: list[str]
    labels: list[int]
    tokens: list[np.ndarray]  # int64 ids, cut at max_length
    lengths: list[int]  # tokens before any cut
    unknown_shares: list[float]  # unknown tokens / tokens before any cut, special tokens left out of both
    truncated: int

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def sizes(self) -> list[int]:
        """Tokens of each row, after the cut."""
        return [len(ids) for ids in self.tokens]


def in_turns(classes: Sequence[int]) -> list[int]:
    """Row numbers, the classes in turns."""
    by_class: dict[int, list[int]] = {}
    for row, label in enumerate(classes):
        by_class.setdefault(label, []).append(row)
    queues = [by_class[label] for label in sorted(by_class)]
    longest = max(map(len, queues), default=0)
    return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]


def encode(tokenizer: Any, texts: Sequence[str], labels: Sequence[int], max_length: int) -> Encoded:
    """Tokenize a part; texts longer than max_length tokens are cut, counted, and keep their special tokens."""
    tokens: list[np.ndarray] = []
    lengths: list[int] = []
    unknown: list[float] = []
    truncated = 0
    for start in range(0, len(texts), 1000):
        chunk = list(texts[start : start + 1000])
        whole = tokenizer(chunk, add_special_tokens=True, truncation=False, return_attention_mask=False, verbose=False)[
            "input_ids"
        ]
        for text, ids in zip(chunk, whole, strict=True):
            lengths.append(len(ids))
            unknown.append(unknown_share(tokenizer, ids))
            if len(ids) > max_length:
                truncated += 1
                cut = tokenizer(text, truncation=True, max_length=max_length, verbose=False)["input_ids"]
            else:
                cut = ids
            tokens.append(np.asarray(cut, dtype=np.int64))
    return Encoded(list(texts), list(labels), tokens, lengths, unknown, truncated)


def unknown_share(tokenizer: Any, ids: Sequence[int]) -> float:
    """Share of the tokens of a text that the vocabulary does not know; special tokens do not count."""
    unknown_id = tokenizer.unk_token_id
    special = set(tokenizer.all_special_ids) - {unknown_id}
    counted = [token for token in ids if token not in special]
    return sum(token == unknown_id for token in counted) / len(counted) if counted and unknown_id is not None else 0.0


class EpochBatches(Sampler[list[int]]):
    """Batches of row numbers. The order is a pure function of (seed, epoch, lengths, grouping), so a resumed run needs
    only the epoch.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int, *, group: bool) -> None:
        self._lengths = np.asarray(lengths)
        self._batch_size = batch_size
        self._seed = seed
        self._group = group
        self._changes: list[list[int]] = []
        self._epoch = 0
        self._follower: Any = None

    @property
    def batch_sampler(self) -> "EpochBatches":
        """Itself: the Trainer looks here for set_epoch()."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration gives."""
        self._epoch = epoch
        if hasattr(self._follower, "set_epoch"):
            self._follower.set_epoch(epoch)

    def follow(self, collate: Any) -> None:
        """Tell a collate function with set_epoch() each epoch: what it draws may depend on that, never on a
        generator's state."""
        self._follower = collate

    def regroup(self, changes: list[list[int]]) -> None:
        """[first epoch, whether like lengths meet] of each change made under way, oldest first; their number of
        batches is the same."""
        self._changes = changes

    def __len__(self) -> int:
        return math.ceil(len(self._lengths) / self._batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.order(self._epoch))

    def order(self, epoch: int) -> list[list[int]]:
        """Every batch of an epoch."""
        random = np.random.Generator(np.random.PCG64([self._seed, epoch]))
        rows = random.permutation(len(self._lengths))
        size = self._batch_size
        changed = [bool(group) for first, group in self._changes if first <= epoch]
        if not (changed[-1] if changed else self._group):
            return [rows[at : at + size].tolist() for at in range(0, len(rows), size)]
        batches: list[list[int]] = []
        for at in range(0, len(rows), size * GROUPED_BATCHES):
            pool = rows[at : at + size * GROUPED_BATCHES]
            pool = pool[np.argsort(-self._lengths[pool], kind="stable")]
            batches += [pool[begin : begin + size].tolist() for begin in range(0, len(pool), size)]
        # The longest batch first: if memory runs out, it does so at the first step and not after an hour.
        longest = max(range(len(batches)), key=lambda i: int(self._lengths[batches[i]].max()))
        rest = [batches[i] for i in random.permutation(len(batches)).tolist() if i != longest]
        return [batches[longest], *rest]


class _Rows(Dataset[int]):
    """Row numbers; the tokens are looked up when a batch is made."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: int) -> int:
        return row


class Collate:
    """Rows → {"input_ids", "attention_mask", "labels"}, padded to the longest of the batch; "tokens" is the count
    without padding.
    """

    def __init__(self, data: Encoded, pad_id: int, *, pin: bool = False) -> None:
        self._data = data
        self._pad_id = pad_id
        self._pin = pin

    def __call__(self, rows: Sequence[int]) -> dict[str, Any]:
        picked = [self._data.tokens[row] for row in rows]
        width = max(len(ids) for ids in picked)
        ids = np.full((len(picked), width), self._pad_id, dtype=np.int64)
        mask = np.zeros((len(picked), width), dtype=np.int64)
        for place, tokens in enumerate(picked):
            ids[place, : len(tokens)] = tokens
            mask[place, : len(tokens)] = 1
        labels = np.asarray([self._data.labels[row] for row in rows], dtype=np.int64)
        tensors = {
            "input_ids": torch.from_numpy(ids),
            "attention_mask": torch.from_numpy(mask),
            "labels": torch.from_numpy(labels),
        }
        if self._pin:
            tensors = {name: tensor.pin_memory() for name, tensor in tensors.items()}
        return {**tensors, "tokens": sum(len(tokens) for tokens in picked)}


class OrderedLoader(DataLoader[int]):
    """A DataLoader over EpochBatches that the Trainer can set to an epoch. It draws nothing from the global
    generators.
    """

    def __init__(self, batches: EpochBatches, collate: Callable[[Sequence[int]], dict[str, Any]], rows: int) -> None:
        # its own generator: a DataLoader otherwise draws a seed from the global one at the start of every epoch
        super().__init__(_Rows(rows), batch_sampler=batches, collate_fn=collate, generator=torch.Generator())
        self._batches = batches
        batches.follow(collate)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration."""
        self._batches.set_epoch(epoch)
