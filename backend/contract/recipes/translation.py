"""Settings of translation."""

from typing import Literal

from backend.contract.recipes.fields import setting
from backend.contract.recipes.seq2seq import Seq2SeqSettings


class TranslationSettings(Seq2SeqSettings):
    """Train an encoder-decoder to say a text in another language."""

    best_metric: Literal["eval/loss", "eval/bleu", "eval/chrf"] = setting(
        "eval/chrf", "Best by", "Decides which checkpoint is the best", advanced=True
    )
