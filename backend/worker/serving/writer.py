"""A text for a text: a translation, a summary."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from backend.worker.serving import folder
from backend.worker.serving.cutting import Cutter, longest_first, reply_of
from backend.worker.serving.golden import BadModel, check_outputs
from backend.worker.serving.writing import MOST_BEAMS, MOST_WRITTEN, Decoding, Written, write

ENDINGS = ("ForConditionalGeneration", "MTModel")
"""Of architectures that read one text and write another."""

AT_ONCE = 16
"""Texts written side by side; each takes num_beams places."""

WARM_PIECES = 8
"""Enough to have every shape of a step run once."""


class Writer:
    """A loaded version. Not thread-safe: one thread asks it at a time."""

    def __init__(self, path: Path, *, device: str = "auto", max_tokens: int | None = None) -> None:
        """Read and check the folder; raises BadModel naming what is missing, wrong or does not fit."""
        from transformers import AutoModelForSeq2SeqLM

        what = "a model that reads one text and writes another"
        config = folder.read_config(path, ENDINGS, what)
        if not config.get("is_encoder_decoder"):
            raise BadModel(f"config.json is not of an encoder-decoder; {what} is needed")
        signature = folder.read_json(path / "signature.json")
        self.path = path
        self.task = str(signature.get("task"))
        self.decoding = read_decoding(signature)
        self.device = folder.choose_device(device)
        self._tokenizer = folder.read_tokenizer(path)
        self.limit = folder.token_limit(path, config, max_tokens)
        self.model: Any = folder.read_model(path, self.device, AutoModelForSeq2SeqLM)
        self._pad = int(config.get("pad_token_id") or 0)
        self._cut = Cutter(self._tokenizer, self.limit, folder.unknown_id(path, self._tokenizer))

    def answer(self, inputs: Sequence[str], truncate: Sequence[bool]) -> dict[str, Any]:
        """See Predictor. An output holds the "text", as "score" how sure the model was of its pieces, and whether the
        text is "finished" or was ended by the bound of the version."""
        return self._answer(inputs, truncate, self.decoding)

    def _answer(self, inputs: Sequence[str], truncate: Sequence[bool], decoding: Decoding) -> dict[str, Any]:
        started = time.perf_counter()
        cuts = [self._cut(text, allowed) for text, allowed in zip(inputs, truncate, strict=True)]
        tokenized = time.perf_counter()
        outputs: list[dict[str, Any] | None] = [None] * len(cuts)
        order = longest_first(cuts)
        for start in range(0, len(order), AT_ONCE):
            chunk = order[start : start + AT_ONCE]
            for at, one in zip(
                chunk, write(self.model, [cuts[at].ids for at in chunk], self._pad, decoding), strict=True
            ):
                outputs[at] = self._output(one)
        return reply_of(outputs, cuts, started, tokenized)

    def _output(self, written: Written) -> dict[str, Any]:
        text = self._tokenizer.decode(written.ids, skip_special_tokens=True).strip()
        return {"text": text, "score": round(written.share, 7), "finished": written.finished}

    def warm_up(self, max_batch: int) -> None:
        """One short and one full batch, a few pieces each."""
        few = replace(self.decoding, max_new_tokens=min(WARM_PIECES, self.decoding.max_new_tokens))
        for size in sorted({1, max_batch}):
            self._answer(["a few words to begin with"] * size, [True] * size, few)

    def check_golden(self) -> int:
        """See Predictor."""
        return check_outputs(self.path, self.answer, on_cpu=self.device.type == "cpu")

    def facts(self) -> dict[str, Any]:
        """See Predictor."""
        return {
            "task": self.task,
            "labels": [],
            "limit": self.limit,
            "device": str(self.device),
            "parameters": sum(p.numel() for p in self.model.parameters()),
        }


def steady(writer: Writer, inputs: Sequence[str], count: int) -> list[int]:
    """Places of at most `count` inputs that are answered alike alone, side by side and in bfloat16; the first one
    where there is none.

    A choice between two pieces that are all but equally likely falls otherwise on another processor. Such an answer
    proves nothing of a version, and would refuse it where nothing is wrong.
    """
    allowed = [True] * len(inputs)

    def texts() -> list[str]:
        return [output["text"] for output in writer.answer(inputs, allowed)["outputs"]]

    together = texts()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = texts()
    alike = (at for at, pair in enumerate(zip(together, rough, strict=True)) if pair[0] == pair[1])
    found: list[int] = []
    for at in alike:
        if len(found) < count and writer.answer([inputs[at]], [True])["outputs"][0]["text"] == together[at]:
            found.append(at)
    return found or [0]


def read_decoding(signature: Any) -> Decoding:
    """The "generation" of a signature; raises BadModel for numbers that no recipe would write."""
    found = signature.get("generation") if isinstance(signature, dict) else None
    if not isinstance(found, dict):
        raise BadModel('signature.json does not say how texts are written ("generation")')
    bounds = {
        "num_beams": (1, MOST_BEAMS),
        "max_new_tokens": (1, MOST_WRITTEN),
        "length_penalty": (0, 10),
        "no_repeat_ngram": (0, 100),
    }
    for name, (low, high) in bounds.items():
        value: Any = found.get(name)
        kinds = int | float if name == "length_penalty" else int
        if not isinstance(value, kinds) or isinstance(value, bool) or not low <= value <= high:
            wanted = f"it must be a number from {low} to {high}"
            raise BadModel(f"signature.json has generation.{name} {value!r:.40}; {wanted}")
    return Decoding(**{name: found[name] for name in bounds})
