"""Settings of summarization."""

from typing import Literal

from backend.contract.recipes.fields import setting
from backend.contract.recipes.seq2seq import Seq2SeqSettings


class SummarizationSettings(Seq2SeqSettings):
    """Train an encoder-decoder to say a document in a few words."""

    max_length: int = setting(512, "Max length", "Longer documents are cut here", ge=4, le=8192, unit="tokens")
    batch_size: int = setting(
        16, "Batch size", "Examples per step on the device", ge=1, le=4096, unit="per step", live=True
    )
    no_repeat_ngram: int = setting(
        3, "No repeats", "Pieces in a row that never come twice in one text; 0 allows all", ge=0, le=100, advanced=True
    )
    best_metric: Literal["eval/loss", "eval/rouge_1", "eval/rouge_2", "eval/rouge_l"] = setting(
        "eval/rouge_l", "Best by", "Decides which checkpoint is the best", advanced=True
    )
