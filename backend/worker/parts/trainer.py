"""The transformers Trainer with our data order, our loss, our clock and our checkpoints; its loop is untouched.

Why each override is there:
- get_train_dataloader: the order of rows is ours (parts/data.py).
- loss: the mean over the global batch, whatever the model's own loss does with gradient accumulation.
- get_batch_samples, _prepare_inputs, compute_loss, training_step, _get_learning_rate: where the time goes.
- training_step: a batch that was made smaller while the run was under way is cut into pieces here.
- _load_*: resuming reads our safetensors and JSON. The Trainer calls _load_rng_state right before the first resumed
step, after the used
  batches were skipped, and nothing draws in between: that is what makes a resumed run exact.
"""

import time
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from backend.worker.parts import state
from backend.worker.parts.data import OrderedLoader
from backend.worker.parts.recipe import Loss

PARTS = ("data", "copy", "forward", "backward", "optimizer", "other")
"""What a step's time is cut into; every moment of it belongs to exactly one of them."""


@dataclass
class StepRecord:
    """What was measured in one optimizer step; tensors are read later so that a GPU never waits for the log."""

    marks: list[tuple[str, Any]] = field(default_factory=list)  # (what ended here, moment); the first one begins it
    loss: torch.Tensor | None = None
    grad_norm: Any = None
    rows: int = 0
    tokens: int = 0
    slots: int = 0  # places in the batches, with padding
    step: int = 0
    epoch: float | None = None
    learning_rate: float = 0.0

    def seconds(self) -> dict[str, float]:
        """Seconds of each of PARTS; on a GPU this waits until the card has done the step.

        The parts add up to the step: from mark to mark nothing is left out and nothing counted twice.
        """
        parts = dict.fromkeys(PARTS, 0.0)
        if isinstance(self.marks[-1][1], float):
            for (_, before), (part, now) in pairwise(self.marks):
                parts[part] += now - before
            return parts
        self.marks[-1][1].synchronize()
        for (_, before), (part, now) in pairwise(self.marks):
            parts[part] += before.elapsed_time(now) / 1000
        return parts


class Stopwatch:
    """Cuts a step into its parts: wall clock on the CPU; on a GPU events in its stream, read one step later.

    In the stream, "data" is the time in which the card had nothing to do because the batch was not there yet: what
    was loaded while it still computed costs nothing, and is not counted.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self.record = StepRecord()
        self.begin()

    def _now(self) -> Any:
        if not self._cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def begin(self) -> None:
        """A step starts now; pauses, evaluations and checkpoints before it do not count."""
        self.record = StepRecord(marks=[("", self._now())])

    def mark(self, part: str) -> None:
        """What was done since the last mark belongs to this part."""
        self.record.marks.append((part, self._now()))

    def finish(self) -> StepRecord:
        """The step is over."""
        self.mark("other")
        return self.record


class GlobalLoss:
    """Cross entropy, summed over the micro-batch and divided by the rows of the global batch."""

    def __init__(self, smoothing: float) -> None:
        self._smoothing = smoothing

    def __call__(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        total = torch.nn.functional.cross_entropy(
            outputs.logits.float(), labels, reduction="sum", label_smoothing=self._smoothing
        )
        return total / (num_items_in_batch if num_items_in_batch is not None else len(labels))


class TokenLoss:
    """Cross entropy over the places that are not -100, divided by their count in the global batch."""

    def __init__(self, smoothing: float = 0.0) -> None:
        self._smoothing = smoothing

    def __call__(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        logits = outputs.logits.float()
        total = torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), labels.reshape(-1), reduction="sum", label_smoothing=self._smoothing
        )
        return total / (num_items_in_batch if num_items_in_batch is not None else (labels != -100).sum())


class StepTrainer(Trainer):
    """See the head of this file."""

    def __init__(self, *, loader: OrderedLoader, loss: Loss, fork: bool, trained_only: bool, **rest: Any) -> None:
        super().__init__(compute_loss_func=loss, train_dataset=loader.dataset, **rest)
        self.remove_callback(PrinterCallback)
        self._loader = loader
        self._fork = fork
        self._trained_only = trained_only
        self.watch = Stopwatch(self.args.device)
        self.rows_at_once = 0  # more rows than this go through the model in pieces; 0: a batch at once
        self.skip_bad_steps = False  # leave weights alone at a step whose gradient is not finite
        self.finished: deque[StepRecord] = deque()

    # ---- the step ----------------------------------------------------------------------------------------------

    def get_train_dataloader(self) -> Any:
        return self._loader

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: torch.device) -> Any:
        self.watch.mark("other")
        found = super().get_batch_samples(epoch_iterator, num_batches, device)
        self.watch.mark("data")
        return found

    def _prepare_inputs(self, inputs: dict[str, Any]) -> dict[str, Any]:
        self.watch.mark("other")
        found: dict[str, Any] = super()._prepare_inputs(inputs)
        self.watch.mark("copy")
        return found

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        self.watch.mark("other")
        found = super().compute_loss(*args, **kwargs)
        self.watch.mark("forward")
        return found

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        record = self.watch.record
        tokens = inputs.pop("tokens")
        record.tokens += tokens
        record.rows += len(inputs["labels"])
        record.slots += inputs["input_ids"].numel() if "input_ids" in inputs else tokens  # images have no padding
        losses = []
        for piece in _pieces(inputs, self.rows_at_once):
            losses.append(super().training_step(model, piece, num_items_in_batch))
            self.watch.mark("backward")
        loss: torch.Tensor = losses[0] if len(losses) == 1 else torch.stack(losses).sum()
        record.loss = loss if record.loss is None else record.loss + loss
        return loss

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        found = super()._get_grad_norm(model, grad_norm=grad_norm)
        self.watch.record.grad_norm = found
        if self.skip_bad_steps and not torch.isfinite(torch.as_tensor(found)):
            for parameter in model.parameters():
                parameter.grad = None
        return found

    def _get_learning_rate(self) -> float:
        # called right after optimizer.step() and before the schedule moves on: the rate this step was made with
        rate = super()._get_learning_rate()
        record = self.watch.record
        record.learning_rate = float(rate)
        self.watch.mark("optimizer")
        return rate

    # ---- resuming ------------------------------------------------------------------------------------------------

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        state.load_weights(
            self.model if model is None else model, Path(resume_from_checkpoint), trained_only=self._trained_only
        )

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            state.load_optimizer(self.optimizer, self.lr_scheduler, Path(checkpoint), keep_settings=self._fork)

    def _load_scaler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            state.load_scale(self.accelerator.scaler, Path(checkpoint))

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            state.load_random(Path(checkpoint), self.args.device)

    def load_weights(self, folder: Path) -> None:
        """Put a checkpoint's weights into the model."""
        state.load_weights(self.model, folder, trained_only=self._trained_only)

    # ---- checkpoints ---------------------------------------------------------------------------------------------

    def write_checkpoint(self, folder: Path) -> None:
        """Fill a folder with everything a resume needs; parts/checkpoint.py makes it durable."""
        state.save_weights(self.model, folder, trained_only=self._trained_only)
        state.save_optimizer(self.optimizer, self.lr_scheduler, self.accelerator.scaler, folder)
        state.save_random(folder, self.args.device)
        self.state.save_to_json(str(folder / "trainer_state.json"))

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        raise NotImplementedError("checkpoints are written by write_checkpoint() under our commit protocol")


def _pieces(inputs: dict[str, Any], rows: int) -> list[dict[str, Any]]:
    """The batch cut along its rows. The loss is divided by the rows of the global batch, so their gradients add up."""
    if rows == 0 or len(inputs["labels"]) <= rows:
        return [inputs]
    cut = {name: tensor.split(rows) for name, tensor in inputs.items()}
    return [{name: parts[at] for name, parts in cut.items()} for at in range(len(cut["labels"]))]


__all__ = ["GlobalLoss", "StepRecord", "StepTrainer", "Stopwatch", "TokenLoss", "TrainingArguments"]
