"""Settings of image classification."""

from typing import Literal

from backend.contract.recipes.fields import Architecture, TrainingSettings, setting


class ImageClassificationSettings(TrainingSettings, Architecture):
    """Train a vision transformer to put small images into classes; grey, or red, green and blue one after the other."""

    patch_size: int = setting(
        0, "Patch size", "Pixels along a patch's side; 0 chooses by the images; only from scratch", ge=0, le=64,
        unit="pixels",
    )  # fmt: skip
    shift: int = setting(
        0, "Shift", "Each time it is trained, an image moves by up to so many pixels", ge=0, le=64, unit="pixels",
        usual="1 to 4 from 28 × 28 pixels on; 8 × 8 are too small",
    )  # fmt: skip
    epochs: float = setting(15, "Epochs", "Passes over the training part", gt=0, le=1000)
    learning_rate: float = setting(
        1e-3,
        "Learning rate",
        "Peak rate of AdamW",
        gt=0,
        le=1,
        live=True,
        usual="From scratch: 5e-4 to 2e-3. From a base model: 2e-5 to 1e-4",
    )
    layers: int = setting(4, "Layers", "Blocks of attention and feed-forward; only from scratch", ge=1, le=96)
    d_model: int = setting(64, "Width", "Size of every hidden state; only from scratch", ge=8, le=16384)
    feed_forward: int = setting(
        256, "Feed-forward", "Size inside a block; usually four times the width", ge=8, le=65536, advanced=True
    )
    dropout: float | None = setting(
        None, "Dropout", "Empty keeps the base model's value; none from scratch", ge=0, lt=1, advanced=True
    )
    label_smoothing: float = setting(
        0.0, "Label smoothing", "Share of certainty taken from the right class", ge=0, lt=1, advanced=True
    )
    best_metric: Literal["eval/loss", "eval/accuracy", "eval/f1"] = setting(
        "eval/f1", "Best by", "Decides which checkpoint is the best", advanced=True
    )
