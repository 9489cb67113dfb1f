"""Text as examples of a masked language model: packed blocks, or pairs of segments that follow each other or do not."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backend.data.corpus import Passage

NEXT, OTHER = 0, 1
"""As transformers numbers them: 0 follows, 1 comes from elsewhere."""


@dataclass(frozen=True)
class Examples:
    """A part as the model sees it, before anything is hidden; `nexts` and `segments` are empty without pairs."""

    tokens: list[np.ndarray] = field(default_factory=list)
    words: list[np.ndarray] = field(default_factory=list)  # number of each piece's word, -1 for special tokens
    segments: list[np.ndarray] = field(default_factory=list)
    nexts: list[int] = field(default_factory=list)
    held: list[str] = field(default_factory=list)  # lines as serving might get them
    truncated: int = 0

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def sizes(self) -> list[int]:
        """Tokens of each row."""
        return [len(ids) for ids in self.tokens]


@dataclass(frozen=True)
class Pieces:
    """A text cut up: ids, and the number of the word each belongs to."""

    ids: list[int]
    words: list[int]


class Cutter:
    """Cuts texts with a tokenizer that has its own tokens for begin and end."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.begin = tokenizer.cls_token_id if tokenizer.cls_token_id is not None else tokenizer.bos_token_id
        self.end = tokenizer.sep_token_id if tokenizer.sep_token_id is not None else tokenizer.eos_token_id

    def cut(self, text: str) -> Pieces:
        """Pieces without begin and end; special tokens that stand in the text are never hidden."""
        coded = self._tokenizer(text, add_special_tokens=False, verbose=False)
        ids = list(coded["input_ids"])
        owners = coded.word_ids() if self._tokenizer.is_fast else list(range(len(ids)))
        return Pieces(ids, [-1 if owner is None else owner for owner in owners])


def make_blocks(cutter: Cutter, passages: Sequence[Passage], size: int) -> Examples:
    """All passages as one stream, an end token after each document, in examples of `size` tokens."""
    ids: list[int] = []
    words: list[int] = []
    known = 0  # words so far
    for passage in passages:
        pieces = cutter.cut(" ".join(passage.lines))
        ids += [*pieces.ids, *([cutter.end] if passage.ends else [])]
        words += [*(word + known if word >= 0 else -1 for word in pieces.words), *([-1] if passage.ends else [])]
        known += max(pieces.words, default=-1) + 1
    made = Examples(held=[line for passage in passages for line in passage.lines])
    inner = size - 2
    for at in range(0, len(ids), inner):
        inside = words[at : at + inner]
        if max(inside) < 0:
            continue  # nothing in it could be hidden
        made.tokens.append(np.asarray([cutter.begin, *ids[at : at + inner], cutter.end], dtype=np.int64))
        made.words.append(np.asarray([-1, *inside, -1], dtype=np.int64))
    return made


def make_pairs(cutter: Cutter, passages: Sequence[Passage], size: int, seed: int) -> Examples:
    """Consecutive lines up to `size` tokens, cut in two between lines; half of the second halves come from another
    passage (Devlin et al. 2019). A pure function of its arguments."""
    draw = random.Random(f"{seed}:pairs")
    made = Examples(held=[line for passage in passages for line in passage.lines])
    lengths = [[len(cutter.cut(line).ids) for line in passage.lines] for passage in passages]
    for number, passage in enumerate(passages):
        at = 0
        while at + 1 < len(passage.lines):
            end = _reach(lengths[number], at, size - 3)
            middle = draw.randint(at + 1, end - 1)
            if len(passages) > 1 and draw.random() < 0.5:
                second, label = _elsewhere(draw, passages, number, end - middle), OTHER
                end = middle  # what was not used is used next
            else:
                second, label = passage.lines[middle:end], NEXT
            _add(made, cutter, passage.lines[at:middle], second, label, size)
            at = end
    return made


def _reach(lengths: Sequence[int], at: int, room: int) -> int:
    """Where a chunk ends that begins at a line: full, but two lines at least."""
    end, total = at + 2, sum(lengths[at : at + 2])
    while end < len(lengths) and total + lengths[end] <= room:
        total += lengths[end]
        end += 1
    return end


def _elsewhere(draw: random.Random, passages: Sequence[Passage], number: int, count: int) -> tuple[str, ...]:
    other = draw.randrange(len(passages) - 1)
    lines = passages[other + (other >= number)].lines
    start = draw.randrange(len(lines))
    return lines[start : start + count]


def _add(made: Examples, cutter: Cutter, first: Sequence[str], second: Sequence[str], label: int, size: int) -> None:
    one, two = cutter.cut(" ".join(first)), cutter.cut(" ".join(second))
    left, right = len(one.ids), len(two.ids)
    over = left + right - (size - 3)
    while over > 0:  # the longer one loses its end
        left, right = (left - 1, right) if left > right else (left, right - 1)
        over -= 1
    offset = max(one.words[:left], default=-1) + 1
    words = [-1, *one.words[:left], -1, *(word + offset if word >= 0 else -1 for word in two.words[:right]), -1]
    if max(words) < 0 or not left or not right:
        return
    ids = [cutter.begin, *one.ids[:left], cutter.end, *two.ids[:right], cutter.end]
    made.tokens.append(np.asarray(ids, dtype=np.int64))
    made.words.append(np.asarray(words, dtype=np.int64))
    made.segments.append(np.asarray([0] * (left + 2) + [1] * (right + 1), dtype=np.int64))
    made.nexts.append(label)
