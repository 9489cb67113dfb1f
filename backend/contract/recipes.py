"""The typed settings of every training recipe: form, validation, command line and documentation are built from these.

`json_schema_extra` of a field may hold: advanced (folded away), unit, usual (text under the field), choices (allowed
texts), live (may change while the run is under way, at a checkpoint).
"""

from typing import Any, Literal

from pydantic import Field

from backend.contract.base import Record, Request


def _field(default: Any, title: str, description: str, *, advanced: bool = False, **rest: Any) -> Any:
    own = ("unit", "usual", "live")
    extra: dict[str, Any] = {"advanced": advanced, **{key: rest.pop(key) for key in own if key in rest}}
    return Field(default, title=title, description=description, json_schema_extra=extra, **rest)


class TextClassificationSettings(Request):
    """Fine-tune an encoder to put texts into classes."""

    epochs: float = _field(3, "Epochs", "Passes over the training part", gt=0, le=1000)
    batch_size: int = _field(
        32, "Batch size", "Examples per step on the device", ge=1, le=4096, unit="per step", live=True
    )
    learning_rate: float = _field(
        5e-5,
        "Learning rate",
        "Peak rate of AdamW",
        gt=0,
        le=1,
        live=True,
        usual="Full: 2e-5 to 1e-4. LoRA: 1e-4 to 1e-3",
    )
    max_length: int = _field(128, "Max length", "Longer texts are cut here", ge=4, le=8192, unit="tokens")
    method: Literal["full", "lora"] = _field("full", "Method", "Train every weight, or low-rank adapters beside them")
    seed: int = _field(42, "Seed", "Fixes order, dropout and initial weights", ge=0, le=2**31 - 1)
    max_steps: int = _field(0, "Stop after steps", "0 trains for all epochs", ge=0, advanced=True)
    early_stopping: int = _field(
        0,
        "Early stopping",
        "Evaluations without gain before it stops; 0 never stops",
        ge=0,
        le=100,
        advanced=True,
        live=True,
    )
    best_metric: Literal["eval/loss", "eval/accuracy", "eval/f1"] = _field(
        "eval/f1", "Best by", "Decides which checkpoint is the best", advanced=True
    )
    eval_every: int = _field(
        0, "Evaluate every", "Steps between evaluations; 0 is once an epoch", ge=0, advanced=True, live=True
    )
    checkpoint_every: int = _field(
        0, "Checkpoint every", "Steps between checkpoints; 0 is once an epoch", ge=0, advanced=True, live=True
    )
    keep_checkpoints: int = _field(
        3, "Keep checkpoints", "Newest ones kept, beside the best", ge=1, le=100, advanced=True, live=True
    )
    warmup_fraction: float = _field(
        0.06, "Warm-up", "Share of the steps in which the rate rises", ge=0, le=1, advanced=True
    )
    schedule: Literal["linear", "cosine", "constant"] = _field(
        "linear", "Schedule", "How the rate falls after warm-up", advanced=True
    )
    weight_decay: float = _field(0.01, "Weight decay", "Decoupled decay of AdamW", ge=0, le=1, advanced=True)
    max_grad_norm: float = _field(
        1.0, "Clip gradients", "Largest gradient norm; 0 never clips", ge=0, advanced=True, live=True
    )
    label_smoothing: float = _field(
        0.0, "Label smoothing", "Share of certainty taken from the right class", ge=0, lt=1, advanced=True
    )
    dropout: float | None = _field(None, "Dropout", "Empty keeps the base model's value", ge=0, lt=1, advanced=True)
    gradient_accumulation: int = _field(
        1, "Accumulate", "Batches summed before one optimizer step", ge=1, le=1024, advanced=True, live=True
    )
    gradient_checkpointing: bool = _field(
        False, "Gradient checkpointing", "Less memory, about a third slower", advanced=True
    )
    group_by_length: bool = _field(
        True, "Group by length", "Batches of like lengths waste less padding", advanced=True, live=True
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = _field(
        "auto", "Precision", "auto is fp32 on the CPU, bf16 on a GPU that has it", advanced=True
    )
    lora_rank: int = _field(8, "LoRA rank", "Width of the adapters", ge=1, le=512, advanced=True)
    lora_alpha: int = _field(
        16, "LoRA alpha", "Scale of the adapters; twice the rank is usual", ge=1, le=1024, advanced=True
    )
    lora_dropout: float = _field(0.05, "LoRA dropout", "Dropout before the adapters", ge=0, lt=1, advanced=True)
    threads: int = _field(
        0,
        "CPU threads",
        "0 takes all cores but one; recorded, since another count changes the last bits",
        ge=0,
        le=512,
        advanced=True,
    )
    on_nan: Literal["stop", "continue"] = _field(
        "stop", "On NaN loss", "Stop the run, or mark it and go on", advanced=True, live=True
    )
    split_seed: int = _field(
        13, "Split seed", "Fixes which rows are for validation and test", ge=0, le=2**31 - 1, advanced=True
    )
    validation_fraction: float = _field(
        0.1, "Validation part", "Share of the rows, unless the data says", gt=0, lt=0.9, advanced=True
    )
    test_fraction: float = _field(
        0.1, "Test part", "Share of the rows, unless the data says", ge=0, lt=0.9, advanced=True
    )
    drop_duplicates: bool = _field(
        True,
        "Drop duplicates",
        "Remove texts from training that also stand in validation or test",
        advanced=True,
    )


class SelftestSettings(Request):
    """A run without a model: a known sequence of numbers, and every way to die on request. Needs no torch."""

    steps: int = _field(100, "Steps", "How many steps it runs", ge=1, le=100_000_000)
    rate_hz: float = _field(50.0, "Rate", "Steps a second; 0 is as fast as it can", ge=0, le=1_000_000, unit="Hz")
    points_per_step: int = _field(1, "Points per step", "Metric values logged at each step", ge=1, le=1000)
    nan_at_step: int = _field(0, "NaN at step", "0 never", ge=0, advanced=True)
    crash_at_step: int = _field(0, "Crash at step", "0 never", ge=0, advanced=True)
    crash_kind: Literal["segfault", "kill", "exception", "oom", "gpu_lost", "exit0", "exit3_after_save"] = _field(
        "segfault", "Crash kind", "How it dies at that step", advanced=True
    )
    hang_at_step: int = _field(0, "Hang at step", "0 never", ge=0, advanced=True)
    checkpoint_every: int = _field(0, "Checkpoint every", "Steps; 0 never", ge=0, advanced=True)
    checkpoint_bytes: int = _field(
        1024, "Checkpoint size", "Bytes of each checkpoint", ge=1, le=10**12, unit="bytes", advanced=True
    )
    eval_every: int = _field(0, "Evaluate every", "Steps; 0 never", ge=0, advanced=True)
    flood_bytes: int = _field(
        0, "Flood output", "Bytes of rubbish printed to standard output", ge=0, le=10**12, advanced=True
    )
    ignore_term: bool = _field(False, "Ignore SIGTERM", "Also starts four children that ignore it", advanced=True)
    seed: int = _field(0, "Seed", "Of the known sequence", ge=0)


class RecipeInfo(Record):
    """One line of the recipe catalogue."""

    name: str
    title: str
    subtitle: str
    icon: str
    task: str
    needs_dataset: bool
    needs_base_model: bool
    main: str  # the worker module that runs it
    settings: type[Request]
    metric: str | None = None  # the one number that tells which run is better
    hidden: bool = False  # not offered as a card in the form


RECIPES: tuple[RecipeInfo, ...] = (
    RecipeInfo(
        name="text_classification",
        title="Classify text",
        subtitle="one of many labels",
        icon="tag",
        task="text-classification",
        needs_dataset=True,
        needs_base_model=True,
        main="backend.worker.train",
        settings=TextClassificationSettings,
        metric="eval/f1",
    ),
    RecipeInfo(
        name="selftest",
        title="Self-test",
        subtitle="a quick check",
        icon="activity",
        task="selftest",
        needs_dataset=False,
        needs_base_model=False,
        main="backend.worker.selftest",
        settings=SelftestSettings,
    ),
)
