"""Settings of text classification."""

from typing import Literal

from backend.contract.recipes.fields import TextSettings, setting


class TextClassificationSettings(TextSettings):
    """Fine-tune an encoder to put texts into classes."""

    best_metric: Literal["eval/loss", "eval/accuracy", "eval/f1"] = setting(
        "eval/f1", "Best by", "Decides which checkpoint is the best", advanced=True
    )
    label_smoothing: float = setting(
        0.0, "Label smoothing", "Share of certainty taken from the right class", ge=0, lt=1, advanced=True
    )
