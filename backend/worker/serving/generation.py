"""Going on with texts token by token, several at once, with a cache of keys and values. Recipe and serving share it."""

import inspect
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

AT_ONCE = 16
"""Texts that are continued together; the cache of each takes memory for every token."""


@dataclass(frozen=True)
class Options:
    """How one text is continued; temperature 0 takes the likeliest token every time."""

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int | None = None  # None draws another one each time


@dataclass
class Written:
    """What came out."""

    ids: list[int] = field(default_factory=list)
    text: str = ""
    finish: str = ""  # end (the model ended it), stop (a stop text), length, time
    log_likelihood: float = 0.0  # of the chosen tokens, in nats
    count: int = 0  # chosen tokens, the end among them
    margin: float = math.inf  # smallest lead of a chosen token over the next likely one, in nats; 0 where it was drawn

    @property
    def score(self) -> float:
        """Geometric mean of the probabilities of the chosen tokens."""
        return math.exp(self.log_likelihood / self.count) if self.count else 0.0


@dataclass(frozen=True)
class Ends:
    """When a text is over."""

    ids: frozenset[int]  # tokens that end it
    positions: int | None  # tokens the model can hold, the prompt's among them
    decode: Callable[[list[int]], str]
    seconds: float = math.inf  # for all texts of a call; what is there by then is the answer


def write_on(
    network: Any, prompts: Sequence[Sequence[int]], options: Sequence[Options], ends: Ends, device: torch.device
) -> list[Written]:
    """Continue each prompt (one token at least). The mode of the network is left as it was, and no global generator is
    drawn from: with a seed, the same text is drawn again.
    """
    found: list[Written] = [Written() for _ in prompts]
    order = sorted(range(len(prompts)), key=lambda at: -len(prompts[at]))
    until = time.monotonic() + ends.seconds
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            for start in range(0, len(order), AT_ONCE):
                group = order[start : start + AT_ONCE]
                rows = _Rows([prompts[at] for at in group], [options[at] for at in group], ends, until)
                _continue(network, rows, device)
                for at, written in zip(group, rows.written, strict=True):
                    found[at] = written
    finally:
        network.train(was_training)
    return found


class _Rows:
    """The texts of a group and what each has by now."""

    def __init__(self, prompts: Sequence[Sequence[int]], options: Sequence[Options], ends: Ends, until: float) -> None:
        self.prompts = prompts
        self.options = options
        self.ends = ends
        self.written = [Written() for _ in prompts]
        self._until = until
        self._draws = [random.Random(o.seed) if o.temperature > 0 else None for o in options]

    @property
    def open(self) -> list[bool]:
        return [not written.finish for written in self.written]

    def take(self, logits: torch.Tensor) -> list[int]:
        """Choose the next token of every open text; 0 for the others."""
        logs = logits.float().log_softmax(-1).cpu()
        late = time.monotonic() > self._until
        return [self._take(row, logs[row], late=late) if is_open else 0 for row, is_open in enumerate(self.open)]

    def _take(self, row: int, logs: torch.Tensor, *, late: bool) -> int:
        written, options, draw = self.written[row], self.options[row], self._draws[row]
        token, margin = _likeliest(logs) if draw is None else (_drawn(logs, options, draw), 0.0)
        written.log_likelihood += float(logs[token])
        written.count += 1
        written.margin = min(written.margin, margin)
        if token in self.ends.ids:
            written.finish = "end"
            return token
        written.ids.append(token)
        length = len(self.prompts[row]) + len(written.ids)
        if options.stop:
            self._stop(written, options.stop)
        full = self.ends.positions is not None and length >= self.ends.positions
        if not written.finish and (full or len(written.ids) >= options.max_new_tokens):
            written.finish = "length"
        elif not written.finish and late:
            written.finish = "time"
        if written.finish and written.finish != "stop":
            written.text = self.ends.decode(written.ids)
        return token

    def _stop(self, written: Written, stop: tuple[str, ...]) -> None:
        text = self.ends.decode(written.ids)
        places = [place for one in stop if (place := text.find(one)) >= 0]
        if places:
            written.text, written.finish = text[: min(places)], "stop"


def _continue(network: Any, rows: _Rows, device: torch.device) -> None:
    width = max(map(len, rows.prompts))
    ids = torch.zeros((len(rows.prompts), width), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(rows.prompts):  # padded on the left: the next token of every text is the last one
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    ids, mask = ids.to(device), mask.to(device)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    placed = _takes_positions(network)
    cache: Any = None
    while any(rows.open):
        more = {"position_ids": positions} if placed else {}
        said = network(input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, **more)
        cache = said.past_key_values
        ids = torch.tensor(rows.take(said.logits[:, -1]), device=device)[:, None]
        still = torch.tensor(rows.open, device=device, dtype=mask.dtype)[:, None]
        mask = torch.cat([mask, still], dim=1)
        positions = (mask.sum(1, keepdim=True) - 1).clamp(min=0)
    for written in rows.written:
        if written.finish == "end":
            written.text = rows.ends.decode(written.ids)


def _takes_positions(network: Any) -> bool:
    inner = network.get_base_model() if hasattr(network, "get_base_model") else network
    return "position_ids" in inspect.signature(inner.forward).parameters


def _likeliest(logs: torch.Tensor) -> tuple[int, float]:
    best = logs.topk(min(2, len(logs)))
    return int(best.indices[0]), float(best.values[0] - best.values[-1])


def _drawn(logs: torch.Tensor, options: Options, draw: random.Random) -> int:
    """One token by chance, among the likeliest whose shares add up to top_p."""
    shares, order = (logs / options.temperature).softmax(-1).sort(descending=True, stable=True)
    sums = shares.double().cumsum(0)
    last = min(int(torch.searchsorted(sums, options.top_p)), len(sums) - 1)
    at = int(torch.searchsorted(sums, draw.random() * float(sums[last]), right=True))
    return int(order[min(at, last)])
