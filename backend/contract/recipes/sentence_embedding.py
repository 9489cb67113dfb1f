"""Settings of sentence embedding."""

from typing import Literal

from backend.contract.recipes.fields import TextSettings, setting


class SentenceEmbeddingSettings(TextSettings):
    """Train an encoder to give texts that belong together vectors that lie together.

    Batch size and accumulation stay as they are while a run is under way: the other pairs of a batch are what a pair is
    told apart from, so another batch is another loss.
    """

    batch_size: int = setting(
        32, "Batch size", "Pairs that are told apart from each other; more is harder", ge=2, le=4096, unit="per step"
    )
    gradient_accumulation: int = setting(
        1, "Accumulate", "Batches summed before one optimizer step; pairs never meet across them",
        ge=1, le=1024, advanced=True,
    )  # fmt: skip
    temperature: float = setting(
        0.05, "Temperature", "Of the similarities; lower looks only at the nearest wrong pairs", gt=0, le=10
    )
    best_metric: Literal["eval/loss", "eval/mrr", "eval/recall_at_1"] = setting(
        "eval/mrr", "Best by", "Decides which checkpoint is the best", advanced=True
    )
