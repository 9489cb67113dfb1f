"""Goes on with a text, or answers an instruction: greedy unless a request asks otherwise."""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from backend.worker.serving import folder
from backend.worker.serving.generation import Ends, Options, Written, write_on
from backend.worker.serving.golden import BadModel, check_outputs

SECONDS = 20.0
"""For all texts of a call while somebody waits: the gateway takes an engine that is silent for a minute for dead."""


class Prompt(NamedTuple):
    """One text as the model sees it."""

    ids: list[int]
    length: int  # tokens before any cut
    unknown_share: float
    fits: bool
    cut: bool
    options: Options


class Generator:
    """A loaded version. Not thread-safe: one thread asks it at a time."""

    def __init__(self, path: Path, *, device: str = "auto", max_tokens: int | None = None) -> None:
        """Read and check the folder; raises BadModel naming what is missing, wrong or does not fit."""
        from transformers import AutoModelForCausalLM

        config = folder.read_config(path, ("ForCausalLM", "LMHeadModel"), "a model that continues text")
        signature = folder.read_json(path / "signature.json")
        self.path = path
        self.device = folder.choose_device(device)
        self._tokenizer = folder.read_tokenizer(path)
        self.model = folder.read_model(path, self.device, AutoModelForCausalLM)
        self.positions = min(
            folder.token_limit(path, config, max_tokens),
            getattr(self.model.config, "max_position_embeddings", None) or 1 << 30,
        )
        self._read_signature(signature)
        self.limit = self.positions - 1
        self._unknown = folder.unknown_id(path, self._tokenizer)

    def _read_signature(self, signature: Any) -> None:
        try:
            generation = signature["generation"]
            ends = frozenset(int(token) for token in generation["end_ids"])
            self._before, self._after = (str(generation[side]) for side in ("before", "after"))
            self._special = bool(generation["special_tokens"])
            usual = int(generation["max_new_tokens"])
        except (KeyError, TypeError, ValueError) as error:
            raise BadModel(f"signature.json does not say how to generate: {type(error).__name__} {error}") from error
        if not 1 <= usual < self.positions:
            raise BadModel(f"signature.json has max_new_tokens {usual}; 1 to {self.positions - 1} can be right")
        self._usual = Options(usual)
        self._seconds = math.inf  # until it serves: what proves a version must not depend on how busy a machine is
        self._end_ids = ends

    def answer(self, inputs: Sequence[Any], truncate: Sequence[bool]) -> dict[str, Any]:
        """See Predictor. An input is a text, or {"text", "parameters"}; an output holds the text that follows, why it
        ended, its tokens, and as score the geometric mean of their probabilities. A text that is cut loses its
        beginning."""
        started = time.perf_counter()
        prompts = [self._prompt(one, allowed) for one, allowed in zip(inputs, truncate, strict=True)]
        tokenized = time.perf_counter()
        outputs: list[dict[str, Any] | None] = [None] * len(prompts)
        fit = [at for at, prompt in enumerate(prompts) if prompt.fits]
        for at, written in zip(fit, self._write([prompts[at] for at in fit]), strict=True):
            outputs[at] = {
                "text": written.text,
                "finish": written.finish,
                "tokens": len(written.ids),
                "score": round(written.score, 7),
            }
        return {
            "outputs": outputs,
            "tokens": [prompt.length for prompt in prompts],
            "unknown": [round(prompt.unknown_share, 4) for prompt in prompts],
            "truncated": [prompt.cut for prompt in prompts],
            "tokenize_ms": round((tokenized - started) * 1e3, 3),
            "model_ms": round((time.perf_counter() - tokenized) * 1e3, 3),
        }

    def margins(self, texts: Sequence[str]) -> list[float]:
        """By how many nats the closest choice was made on the way; what is close another machine may choose
        otherwise."""
        return [written.margin for written in self._write([self._prompt(text, True) for text in texts])]

    def _write(self, prompts: Sequence[Prompt]) -> list[Written]:
        ends = Ends(self._end_ids, self.positions, lambda ids: str(self._tokenizer.decode(ids)), self._seconds)
        ids = [prompt.ids for prompt in prompts]
        return write_on(self.model, ids, [prompt.options for prompt in prompts], ends, self.device)

    def _prompt(self, asked: Any, allowed: bool) -> Prompt:
        text, parameters = (asked, {}) if isinstance(asked, str) else (asked["text"], asked["parameters"])
        coded = self._tokenizer.encode(f"{self._before}{text}{self._after}", add_special_tokens=self._special)
        ids = list(coded.ids)
        while self._special and ids and ids[-1] in self._end_ids and len(ids) > 1:
            ids.pop()  # some tokenizers end every text
        unknown = ids.count(self._unknown) / len(ids) if self._unknown is not None and ids else 0.0
        options = self._options(parameters)
        over = len(ids) > self.limit
        kept = ids[-max(self.positions - options.max_new_tokens, 1) :] if over and allowed else ids
        if not kept:
            raise ValueError("the text has no tokens")
        return Prompt(kept, len(ids), unknown, not over or allowed, over and allowed, options)

    def _options(self, parameters: dict[str, Any]) -> Options:
        return Options(
            max_new_tokens=parameters.get("max_new_tokens", self._usual.max_new_tokens),
            temperature=parameters.get("temperature", 0.0),
            top_p=parameters.get("top_p", 1.0),
            stop=tuple(parameters.get("stop", ())),
            seed=parameters.get("seed"),
        )

    def warm_up(self, max_batch: int) -> None:
        """One short text and a full batch, two tokens each; from now on somebody waits for its answers."""
        self._seconds = SECONDS
        for size in sorted({1, max_batch}):
            self.answer([{"text": "A few", "parameters": {"max_new_tokens": 2}}] * size, [True] * size)

    def check_golden(self) -> int:
        """See Predictor."""
        limited, self._seconds = self._seconds, math.inf
        try:
            return check_outputs(self.path, self.answer, on_cpu=self.device.type == "cpu")
        finally:
            self._seconds = limited

    def facts(self) -> dict[str, Any]:
        """See Predictor; "max_new_tokens" says that requests may have parameters."""
        return {
            "task": "text-generation",
            "labels": [],
            "limit": self.limit,
            "max_new_tokens": self.limit,
            "device": str(self.device),
            "parameters": sum(p.numel() for p in self.model.parameters()),
        }
