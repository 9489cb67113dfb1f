"""Settings of causal language models."""

from typing import Literal

from backend.contract.recipes.fields import Architecture, TextSettings, Vocabulary, setting


class CausalLmSettings(TextSettings, Architecture, Vocabulary):
    """Train a decoder to go on with a text, from nothing or from a model; or to answer instructions."""

    epochs: float = setting(4, "Epochs", "Passes over the training part", gt=0, le=1000)
    batch_size: int = setting(
        8, "Batch size", "Blocks per step on the device", ge=1, le=4096, unit="per step", live=True
    )
    learning_rate: float = setting(
        2e-3,
        "Learning rate",
        "Peak rate of AdamW",
        gt=0,
        le=1,
        live=True,
        usual="From scratch: 5e-4 to 3e-3. A trained model: 1e-5 to 1e-4",
    )
    max_length: int = setting(
        128, "Block", "Texts are packed into blocks of this size; answers are cut here", ge=8, le=8192, unit="tokens"
    )
    layers: int = setting(4, "Layers", "Blocks of attention and feed-forward; only from scratch", ge=1, le=96)
    d_model: int = setting(128, "Width", "Size of every hidden state; only from scratch", ge=8, le=16384)
    feed_forward: int = setting(
        512, "Feed-forward", "Size inside a block; usually four times the width", ge=8, le=65536, advanced=True
    )
    vocabulary_size: int = setting(
        2000, "Vocabulary", "Pieces at most; only from scratch", ge=64, le=500_000, unit="pieces", advanced=True
    )
    tokenizer: Literal["bpe"] = setting(
        "bpe", "Tokenizer", "Byte-level pieces: every text can be written with them", advanced=True
    )
    best_metric: Literal["eval/loss", "eval/accuracy"] = setting(
        "eval/loss", "Best by", "Decides which checkpoint is the best", advanced=True
    )
