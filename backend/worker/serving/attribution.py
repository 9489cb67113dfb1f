"""Why a text got its label: integrated gradients over the word embeddings. Owns torch.

Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks (2017). The path runs from padding to the text;
attributions sum to the difference of the two scores, and what is missing is reported as `convergence_delta`. Written
here and not taken from captum, whose import loads matplotlib for seconds while the engine would answer nobody; a test
holds the two against each other.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from backend.worker.serving.frames import Message

if TYPE_CHECKING:
    from backend.worker.serving.classifier import Classifier

STEPS = 32
SLICE = 4
"""Steps of the path in one forward and backward pass; between slices waiting predictions are answered."""


def explain(classifier: "Classifier", message: Message) -> Iterator[Message | None]:
    """Yield None after each slice of work and the explanation at last: {"label", "score", "tokens": [{"token",
    "weight"}], "convergence_delta", "method", "steps"}, or {"too_long": tokens}."""
    cut = classifier.tokenize([message["text"]], [bool(message.get("truncate"))])[0]
    if not cut.fits:
        yield {"too_long": cut.length}
        return
    batch = classifier.tensors([cut])
    ids = batch.pop("input_ids")
    embed = classifier.model.get_input_embeddings()
    with torch.no_grad():
        scores = classifier.probabilities(classifier.model(input_ids=ids, **batch).logits)[0]
        ends = embed(ids)
        starts = embed(_baseline(ids, classifier))
    asked = message.get("label")
    target = classifier.labels.index(asked) if asked in classifier.labels else int(scores.argmax())
    steps = int(message.get("steps") or STEPS)
    total = torch.zeros_like(ends)
    for first in range(0, steps, SLICE):
        total += _gradients(classifier, batch, starts, ends, (first, min(first + SLICE, steps), steps, target))
        yield None
    weights = ((ends - starts) * total / steps).sum(-1)[0]
    with torch.no_grad():
        floor = classifier.probabilities(classifier.model(inputs_embeds=starts, **batch).logits)[0, target]
    yield _reply(classifier, cut.ids, target, (scores, floor, weights), steps)


def _baseline(ids: torch.Tensor, classifier: "Classifier") -> torch.Tensor:
    """Padding everywhere but at the first and last token, which belong to the form and not to the text."""
    start = torch.full_like(ids, classifier.pad)
    start[:, 0], start[:, -1] = ids[:, 0], ids[:, -1]
    return start


def _gradients(
    classifier: "Classifier",
    batch: dict[str, torch.Tensor],
    starts: torch.Tensor,
    ends: torch.Tensor,
    part: tuple[int, int, int, int],
) -> torch.Tensor:
    """Sum of the target's gradients at the midpoints first … last of the path's steps."""
    first, last, steps, target = part
    at = (torch.arange(first, last, device=ends.device, dtype=ends.dtype) + 0.5) / steps
    path = (starts + at[:, None, None] * (ends - starts)).requires_grad_(True)
    wide = {name: tensor.expand(len(at), -1) for name, tensor in batch.items()}
    with torch.enable_grad():
        score = classifier.probabilities(classifier.model(inputs_embeds=path, **wide).logits)[:, target].sum()
        (gradient,) = torch.autograd.grad(score, path)
    return gradient.sum(0, keepdim=True)


def _reply(
    classifier: "Classifier",
    ids: list[int],
    target: int,
    found: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    steps: int,
) -> dict[str, Any]:
    scores, floor, weights = found
    tokens = [
        {"token": token, "weight": round(weight, 6)}
        for token, weight in zip(classifier.tokens_of(ids), weights.tolist(), strict=True)
    ]
    return {
        "label": classifier.labels[target],
        "score": round(float(scores[target]), 7),
        "baseline_score": round(float(floor), 7),
        "tokens": tokens,
        "convergence_delta": round(float(weights.sum() - (scores[target] - floor)), 6),
        "method": "integrated_gradients",
        "steps": steps,
    }
