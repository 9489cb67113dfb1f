"""The fields that training recipes share, in the order in which a form shows them.

`json_schema_extra` of a field may hold: advanced (folded away), unit, usual (text under the field), choices (allowed
texts), live (may change while the run is under way, at a checkpoint), scratch (counts only without a base model).
"""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from backend.contract.base import Request


def setting(default: Any, title: str, description: str, *, advanced: bool = False, **rest: Any) -> Any:
    """A field of a form; what pydantic does not know goes to `json_schema_extra`."""
    own = ("unit", "usual", "live", "scratch")
    extra: dict[str, Any] = {"advanced": advanced, **{key: rest.pop(key) for key in own if key in rest}}
    return Field(default, title=title, description=description, json_schema_extra=extra, **rest)


class Pace(Request):
    """How long, how many at once, how fast."""

    epochs: float = setting(3, "Epochs", "Passes over the training part", gt=0, le=1000)
    batch_size: int = setting(
        32, "Batch size", "Examples per step on the device", ge=1, le=4096, unit="per step", live=True
    )
    learning_rate: float = setting(
        5e-5,
        "Learning rate",
        "Peak rate of AdamW",
        gt=0,
        le=1,
        live=True,
        usual="Full: 2e-5 to 1e-4. LoRA: 1e-4 to 1e-3",
    )


class Trained(Request):
    """What every recipe that trains with gradients has; `best_metric` is narrowed by each."""

    seed: int = setting(42, "Seed", "Fixes order, dropout and initial weights", ge=0, le=2**31 - 1)
    max_steps: int = setting(0, "Stop after steps", "0 trains for all epochs", ge=0, advanced=True)
    early_stopping: int = setting(
        0,
        "Early stopping",
        "Evaluations without gain before it stops; 0 never stops",
        ge=0,
        le=100,
        advanced=True,
        live=True,
    )
    best_metric: str = setting("eval/loss", "Best by", "Decides which checkpoint is the best", advanced=True)
    eval_every: int = setting(
        0, "Evaluate every", "Steps between evaluations; 0 is once an epoch", ge=0, advanced=True, live=True
    )
    checkpoint_every: int = setting(
        0, "Checkpoint every", "Steps between checkpoints; 0 is once an epoch", ge=0, advanced=True, live=True
    )
    keep_checkpoints: int = setting(
        3, "Keep checkpoints", "Newest ones kept, beside the best", ge=1, le=100, advanced=True, live=True
    )
    warmup_fraction: float = setting(
        0.06, "Warm-up", "Share of the steps in which the rate rises", ge=0, le=1, advanced=True
    )
    schedule: Literal["linear", "cosine", "constant"] = setting(
        "linear", "Schedule", "How the rate falls after warm-up", advanced=True
    )
    weight_decay: float = setting(0.01, "Weight decay", "Decoupled decay of AdamW", ge=0, le=1, advanced=True)
    max_grad_norm: float = setting(
        1.0, "Clip gradients", "Largest gradient norm; 0 never clips", ge=0, advanced=True, live=True
    )
    gradient_accumulation: int = setting(
        1, "Accumulate", "Batches summed before one optimizer step", ge=1, le=1024, advanced=True, live=True
    )
    gradient_checkpointing: bool = setting(
        False, "Gradient checkpointing", "Less memory, about a third slower", advanced=True
    )
    group_by_length: bool = setting(
        True, "Group by length", "Batches of like lengths waste less padding", advanced=True, live=True
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = setting(
        "auto", "Precision", "Automatic is fp32 on the CPU, bf16 on a GPU that has it", advanced=True
    )
    threads: int = setting(
        0,
        "CPU threads",
        "0 takes all cores but one; recorded, since another count changes the last bits",
        ge=0,
        le=512,
        advanced=True,
    )
    on_nan: Literal["stop", "continue"] = setting(
        "stop", "On NaN loss", "Stop the run, or mark it and go on", advanced=True, live=True
    )
    split_seed: int = setting(
        13, "Split seed", "Fixes which rows are for validation and test", ge=0, le=2**31 - 1, advanced=True
    )
    validation_fraction: float = setting(
        0.1, "Validation part", "Share of the rows, unless the data says", gt=0, lt=0.9, advanced=True
    )
    test_fraction: float = setting(
        0.1, "Test part", "Share of the rows, unless the data says", ge=0, lt=0.9, advanced=True
    )
    drop_duplicates: bool = setting(
        True,
        "Drop duplicates",
        "Remove texts from training that also stand in validation or test",
        advanced=True,
    )


class TrainingSettings(Trained, Pace):
    """The common denominator that the spine of a training works with."""


class Texts(Pace):
    """Inputs are texts."""

    max_length: int = setting(128, "Max length", "Longer texts are cut here", ge=4, le=8192, unit="tokens")


class Adapted(Texts):
    """Every weight, or a few beside them."""

    method: Literal["full", "lora"] = setting("full", "Method", "Train every weight, or low-rank adapters beside them")


class Architecture(Request):
    """The shape of a transformer that is built from nothing; a base model brings its own."""

    layers: int = setting(4, "Layers", "Blocks of attention and feed-forward; only from scratch", ge=1, le=96)
    d_model: int = setting(256, "Width", "Size of every hidden state; only from scratch", ge=8, le=16384)
    heads: int = setting(4, "Heads", "Of attention; they divide the width; only from scratch", ge=1, le=128)
    feed_forward: int = setting(
        1024,
        "Feed-forward",
        "Size inside a block; usually four times the width",
        ge=8,
        le=65536,
        advanced=True,
    )

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.d_model % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.d_model}")
        return self


class Vocabulary(Request):
    """The tokenizer that is trained on the data when there is no base model."""

    tokenizer: Literal["bpe", "wordpiece", "unigram"] = setting(
        "bpe", "Tokenizer", "How words are cut into pieces; only from scratch", advanced=True
    )
    vocabulary_size: int = setting(
        8000,
        "Vocabulary",
        "Pieces at most; only from scratch",
        ge=64,
        le=500_000,
        unit="pieces",
        advanced=True,
    )


class TextSettings(TrainingSettings, Adapted):
    """A transformer that reads texts and may be trained through adapters."""

    dropout: float | None = setting(None, "Dropout", "Empty keeps the base model's value", ge=0, lt=1, advanced=True)
    lora_rank: int = setting(8, "LoRA rank", "Width of the adapters", ge=1, le=512, advanced=True)
    lora_alpha: int = setting(
        16, "LoRA alpha", "Scale of the adapters; twice the rank is usual", ge=1, le=1024, advanced=True
    )
    lora_dropout: float = setting(0.05, "LoRA dropout", "Dropout before the adapters", ge=0, lt=1, advanced=True)
