"""Settings of question answering."""

from typing import Literal

from backend.contract.recipes.fields import TextSettings, setting


class QuestionAnsweringSettings(TextSettings):
    """Fine-tune an encoder to mark the answer to a question in a text."""

    max_length: int = setting(
        384, "Max length", "Of a window: question and a piece of the context", ge=16, le=8192, unit="tokens"
    )
    stride: int = setting(
        128,
        "Stride",
        "What neighbouring windows of a long context share; at most half of a window",
        ge=0,
        le=4096,
        unit="tokens",
        advanced=True,
    )
    max_answer_length: int = setting(
        30, "Longest answer", "Longer spans are never chosen", ge=1, le=1024, unit="tokens", advanced=True
    )
    null_threshold: float = setting(
        0.0,
        "Threshold for no answer",
        "How much more than the best span no answer must score; only where some questions have none",
        ge=-100,
        le=100,
        advanced=True,
    )
    batch_size: int = setting(
        16, "Batch size", "Windows per step on the device", ge=1, le=4096, unit="per step", live=True
    )
    best_metric: Literal["eval/loss", "eval/exact_match", "eval/f1"] = setting(
        "eval/f1", "Best by", "Decides which checkpoint is the best", advanced=True
    )
