"""Settings of masked language models."""

from typing import Literal

from backend.contract.recipes.fields import Architecture, TextSettings, Vocabulary, setting


class MaskedLmSettings(TextSettings, Architecture, Vocabulary):
    """Train an encoder to fill in words that were taken out, as BERT was; others are fine-tuned from it."""

    batch_size: int = setting(
        16, "Batch size", "Examples per step on the device", ge=1, le=4096, unit="per step", live=True
    )
    learning_rate: float = setting(
        1e-3,
        "Learning rate",
        "Peak rate of AdamW",
        gt=0,
        le=1,
        live=True,
        usual="From scratch: 1e-4 to 1e-3. A trained model: 2e-5 to 1e-4",
    )
    max_length: int = setting(64, "Max length", "Text is cut into examples of this size", ge=8, le=8192, unit="tokens")
    d_model: int = setting(128, "Width", "Size of every hidden state; only from scratch", ge=8, le=16384)
    feed_forward: int = setting(
        512, "Feed-forward", "Size inside a block; usually four times the width", ge=8, le=65536, advanced=True
    )
    tokenizer: Literal["wordpiece", "bpe", "unigram"] = setting(
        "wordpiece", "Tokenizer", "How words are cut into pieces; only from scratch", advanced=True
    )
    vocabulary_size: int = setting(
        4000, "Vocabulary", "Pieces at most; only from scratch", ge=64, le=500_000, unit="pieces", advanced=True
    )
    masked_share: float = setting(
        0.15, "Masked", "Share of the pieces that must be guessed; of these 80 % are hidden, 10 % swapped, 10 % left",
        ge=0.01, le=0.9,
    )  # fmt: skip
    whole_word: bool = setting(False, "Whole words", "All pieces of a word are masked together")
    next_sentence: bool = setting(True, "Next sentence", "Also guess whether the second half follows the first")
    best_metric: Literal["eval/loss", "eval/mlm_loss", "eval/mlm_accuracy"] = setting(
        "eval/loss", "Best by", "Decides which checkpoint is the best", advanced=True
    )
