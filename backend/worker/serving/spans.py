"""Where in a text an answer stands: a long context as windows, and the best span that a model's two scores name.
Training and serving read the same way. No torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from tokenizers import Encoding, Tokenizer

MIN_ROOM = 8
"""Tokens of the context that a window always has place for; a longer question is cut."""


@dataclass(frozen=True)
class Reading:
    """How a model reads: limits in tokens, and when it says that there is no answer (None: it always names one)."""

    max_length: int
    stride: int
    max_answer_length: int
    null_threshold: float | None


@dataclass(frozen=True)
class Window:
    """A question with a piece of its context."""

    ids: np.ndarray
    types: np.ndarray
    first: int  # place of the first token of the context
    spans: np.ndarray  # tokens of the context × 2: the characters of each, (from, behind)
    null: int  # place of the token that stands for no answer

    def place(self, start: int, end: int) -> tuple[int, int] | None:
        """Places of the tokens that hold these characters from end to end; None when some lie outside."""
        touched = np.flatnonzero((self.spans[:, 0] < end) & (self.spans[:, 1] > start))
        if not len(touched) or self.spans[touched[0], 0] > start or self.spans[touched[-1], 1] < end:
            return None
        return self.first + int(touched[0]), self.first + int(touched[-1])


class Cut(NamedTuple):
    """A question and its context as a model sees them."""

    windows: list[Window]
    length: int  # tokens of both, with what a form adds, before any cut
    unknown: int  # tokens that the vocabulary does not know
    fits: bool  # else the question alone is too long, and was cut


class NoRoom(ValueError):
    """This tokenizer, or this length, leaves no place for a question with a context."""


def cut(tokenizer: Tokenizer, question: str, context: str, reading: Reading, unknown_id: int | None = None) -> Cut:
    """Windows over the context, each with the whole question. Neighbours share `stride` tokens, at most half of a
    window."""
    asked, told = (tokenizer.encode(text, add_special_tokens=False) for text in (question, context))
    added = tokenizer.num_special_tokens_to_add(True)
    length = len(asked.ids) + len(told.ids) + added
    unknown = asked.ids.count(unknown_id) + told.ids.count(unknown_id) if unknown_id is not None else 0
    most = reading.max_length - added - MIN_ROOM
    if added == 0 or most < 1:
        why = "puts no token around a pair of texts" if added == 0 else f"needs {added} of {reading.max_length} tokens"
        raise NoRoom(f"the tokenizer {why}")
    fits = length <= reading.max_length or len(asked.ids) <= most
    if not fits:
        asked.truncate(most)
    room = reading.max_length - added - len(asked.ids)
    if len(told.ids) > room:
        told.truncate(room, stride=min(reading.stride, room // 2))
    pieces = [told, *told.overflowing]
    return Cut([_window(tokenizer, asked, piece) for piece in pieces], length, unknown, fits)


def _window(tokenizer: Tokenizer, asked: Encoding, piece: Encoding) -> Window:
    whole = tokenizer.post_process(asked, piece)
    owners = whole.sequence_ids
    context = [at for at, owner in enumerate(owners) if owner == 1]
    return Window(
        ids=np.asarray(whole.ids, dtype=np.int64),
        types=np.asarray(whole.type_ids, dtype=np.int64),
        first=context[0] if context else 0,
        spans=np.asarray([whole.offsets[at] for at in context], dtype=np.int64).reshape(-1, 2),
        null=owners.index(None),
    )


def has_types(config: object) -> bool:
    """Whether a model tells question and context apart by type ids; a configuration as an object or as JSON."""
    count = config.get("type_vocab_size") if isinstance(config, dict) else getattr(config, "type_vocab_size", 0)
    return isinstance(count, int) and count > 1


class Answer(NamedTuple):
    """What was found: characters of the context, or nothing."""

    text: str
    start: int | None
    end: int | None
    score: float  # share of this answer among all spans that may be chosen, and no answer

    @property
    def output(self) -> dict[str, object]:
        """As an object."""
        return {"answer": self.text, "start": self.start, "end": self.end, "score": round(self.score, 7)}


def best_answer(
    context: str, windows: Sequence[Window], starts: Sequence[np.ndarray], ends: Sequence[np.ndarray], reading: Reading
) -> Answer:
    """The best span of all windows. No answer scores as in the window that believes in it least, and is chosen when it
    beats the best span by more than the threshold."""
    null = min(
        float(start[window.null] + end[window.null]) for window, start, end in zip(windows, starts, ends, strict=True)
    )
    found: list[tuple[float, int, int]] = []
    scores: list[np.ndarray] = [] if reading.null_threshold is None else [np.asarray([null])]
    for window, start, end in zip(windows, starts, ends, strict=True):
        sums = _sums(window, start, end, reading.max_answer_length)
        if sums.size:
            first, length = divmod(int(sums.argmax()), sums.shape[1])
            spans = window.spans
            found.append((float(sums[first, length]), int(spans[first, 0]), int(spans[first + length, 1])))
            scores.append(sums[np.isfinite(sums)])
    top, at, behind = max(found, key=lambda one: (one[0], -one[1]), default=(-np.inf, 0, 0))
    if not found or (reading.null_threshold is not None and null - top > reading.null_threshold):
        return Answer("", None, None, _share(null, scores))
    text = context[at:behind]  # pieces of some tokenizers begin with the space before them
    at, behind = at + len(text) - len(text.lstrip()), behind - len(text) + len(text.rstrip())
    return Answer(text.strip(), at, behind, _share(top, scores))


def _sums(window: Window, start: np.ndarray, end: np.ndarray, longest: int) -> np.ndarray:
    """Tokens of the context × tokens behind: the score of each span that is not too long; -inf behind the end. In
    float64."""
    count = len(window.spans)
    inside = slice(window.first, window.first + count)
    begins = start[inside].astype(np.float64)
    stops = np.concatenate([end[inside].astype(np.float64), np.full(longest, -np.inf)])
    ahead = np.arange(count)[:, None] + np.arange(min(longest, count))[None, :]
    found: np.ndarray = begins[:, None] + stops[ahead]
    return found


def _share(score: float, scores: Sequence[np.ndarray]) -> float:
    every = np.concatenate(scores) if scores else np.asarray([score])
    top = every.max()
    return float(np.exp(score - top) / np.exp(every - top).sum())
