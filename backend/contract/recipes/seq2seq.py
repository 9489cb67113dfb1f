"""Settings of every recipe that reads one text and writes another."""

from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from backend.contract.base import Request
from backend.contract.recipes.fields import Architecture, TextSettings, Vocabulary, setting


class Writing(Request):
    """How a text is written, in training as in serving."""

    max_target_length: int = setting(
        128, "Max output", "Longer targets are cut here, and no longer text is written", ge=4, le=2048, unit="tokens"
    )
    num_beams: int = setting(
        4,
        "Beams",
        "Texts kept side by side while writing; 1 takes the likeliest piece each time",
        ge=1,
        le=16,
        usual="4 or 5 for the best scores, 1 for speed",
    )
    length_penalty: float = setting(
        1.0, "Length penalty", "Above 1 prefers longer texts among the beams", ge=0, le=10, advanced=True
    )
    no_repeat_ngram: int = setting(
        0, "No repeats", "Pieces in a row that never come twice in one text; 0 allows all", ge=0, le=100, advanced=True
    )
    generated_rows: int = setting(
        200,
        "Rows written",
        "First rows of a part that are written out and scored; the loss counts every row",
        ge=8,
        le=1_000_000,
        advanced=True,
    )


class Seq2SeqSettings(Vocabulary, Writing, Architecture, TextSettings):
    """An encoder-decoder, from nothing or from a base model; what is usual is so for a few thousand pairs."""

    epochs: float = setting(20, "Epochs", "Passes over the training part", gt=0, le=1000)
    learning_rate: float = setting(
        1e-3,
        "Learning rate",
        "Peak rate of AdamW",
        gt=0,
        le=1,
        live=True,
        usual="From scratch: 5e-4 to 2e-3. Base model: 3e-5 to 3e-4",
    )
    layers: int = setting(2, "Layers", "Blocks of the encoder, and of the decoder; only from scratch", ge=1, le=96)
    d_model: int = setting(192, "Width", "Size of every hidden state; only from scratch", ge=8, le=16384)
    heads: int = setting(
        4,
        "Heads",
        "Of attention; they divide the width; only from scratch",
        ge=1,
        le=128,
        validate_default=True,  # another width may not be divided by it
    )
    feed_forward: int = setting(
        768, "Feed-forward", "Size inside a block; usually four times the width", ge=8, le=65536, advanced=True
    )
    vocabulary_size: int = setting(
        4000, "Vocabulary", "Pieces at most; only from scratch", ge=64, le=500_000, unit="pieces", advanced=True
    )
    label_smoothing: float = setting(
        0.1, "Label smoothing", "Share of certainty taken from the right piece", ge=0, lt=1, advanced=True
    )

    @field_validator("heads")
    @classmethod
    def _divide(cls, heads: int, info: ValidationInfo) -> int:
        width = info.data.get("d_model", heads)
        if width % heads:
            fitting = max(count for count in range(1, heads + 1) if width % count == 0)
            text = "heads is {heads}, which does not divide the width {width}."
            raise PydanticCustomError("unfit", text, {"heads": heads, "width": width, "fix_value": fitting})
        return heads
