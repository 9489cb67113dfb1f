"""What happens between two steps: numbers out, evaluation, checkpoints, commands in. Costs some 50 µs when nothing
is due.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from backend.contract.commands import ApplySettings, Checkpoint, Command, Pause, Resume, Stop
from backend.contract.events import Evaluation, Logged, Sampled, StateChanged, Warned
from backend.contract.recipes import TrainingSettings
from backend.contract.states import FailureCode
from backend.failpoints import failpoint
from backend.jobs.buffered import BufferedLog
from backend.worker.parts import memory, state
from backend.worker.parts.checkpoint import Checkpoints, NotSaved
from backend.worker.parts.control import Control
from backend.worker.parts.data import EpochBatches
from backend.worker.parts.failure import Progress, RunFailed
from backend.worker.parts.live import LiveSettings
from backend.worker.parts.metrics import is_better
from backend.worker.parts.recipe import Built, Found, Material, Part, Recipe
from backend.worker.parts.trainer import StepRecord, StepTrainer

SAMPLES = 8
SAMPLE_CHARACTERS = 300
MEMORY_EVERY_S = 0.5
LINE_EVERY_S = 2.0


@dataclass
class Memory:
    """What the monitor must remember over a restart."""

    best_value: float | None = None
    best_step: int | None = None
    best_checkpoint: str | None = None
    without_gain: int = 0  # evaluations since the best one
    nan_steps: int = 0
    threads: int = 0
    applied: dict[str, Any] = field(default_factory=dict)  # settings changed under way
    grouping: list[list[int]] = field(default_factory=list)  # EpochBatches.regroup()


@dataclass
class Run:
    """What the parts of a run share."""

    settings: TrainingSettings
    log: BufferedLog
    control: Control
    checkpoints: Checkpoints
    progress: Progress
    recipe: Recipe
    material: Material
    built: Built
    device: torch.device
    total_steps: int
    steps_per_epoch: int
    facts: dict[str, Any] = field(default_factory=dict)  # written into every checkpoint
    waiting: list[Command] = field(default_factory=list)  # came before the first step


class Monitor(TrainerCallback):
    """Our callback. Everything is done in on_step_end, in this order: log, evaluate, save, listen."""

    def __init__(
        self, run: Run, trainer: Callable[[], StepTrainer], batches: EpochBatches, kept: Memory | None = None
    ) -> None:
        self.memory = kept or Memory()
        self.live = LiveSettings(run, self.memory, batches, trainer)
        self.stop: Stop | None = None
        self.stopped_early = False
        self.last_evaluation: Evaluation | None = None
        self._run = run
        self._get_trainer = trainer
        self._unread: list[StepRecord] = []
        self._memory_at = 0.0
        self._line_at = 0.0
        self._samples = run.recipe.sample_rows(run.built.validation)[:SAMPLES]
        self._saved_at_step = -1

    @property
    def trainer(self) -> StepTrainer:
        return self._get_trainer()

    @property
    def settings(self) -> TrainingSettings:
        """As they are now: changes under way included."""
        return self._run.settings

    # ---- the Trainer calls -----------------------------------------------------------------------------------------

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        run = self._run
        self._say_state("running", step=state.global_step)
        if state.global_step == 0:
            self._say_samples(0, self.predict(run.built.validation, self._samples))
        for command in self._take_waiting():
            self._obey(command, state.global_step, state.epoch)
        control.should_training_stop = self.stop is not None or state.global_step >= run.total_steps
        self.trainer.watch.begin()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        step, run = state.global_step, self._run
        failpoint("train.step")
        record = self.trainer.watch.finish()
        record.step, record.epoch = step, state.epoch
        run.progress.step = step
        self._unread.append(record)
        self._log_steps(hold=1 if run.device.type == "cuda" else 0)
        last = step >= run.total_steps
        better = False
        if last or self._is_due(step, run.settings.eval_every):
            better = self._evaluate(step, state.epoch)
            self.stopped_early = 0 < run.settings.early_stopping <= self.memory.without_gain
        if last or self.stopped_early:
            self.live.end("The run ends here; no step is left that the change could be for.")
        if better or self._is_due(step, run.settings.checkpoint_every):
            self._save(step, state.epoch, best=better)
        for command in run.control.poll():
            self._obey(command, step, state.epoch)
        control.should_training_stop = (
            control.should_training_stop or last or self.stopped_early or self.stop is not None
        )
        if control.should_training_stop:
            self._log_steps()
            self.live.end("The run ended before its next checkpoint.")
        self.trainer.watch.begin()

    # ---- numbers ---------------------------------------------------------------------------------------------------

    def _is_due(self, step: int, every: int) -> bool:
        return step % (every or self._run.steps_per_epoch) == 0

    def _log_steps(self, hold: int = 0) -> None:
        """Write what was measured; the newest `hold` steps wait, because a GPU may still be at them."""
        while len(self._unread) > hold:
            self._log_step(self._unread.pop(0))

    def _log_step(self, record: StepRecord) -> None:
        seconds = record.seconds()
        loss = float(record.loss) if record.loss is not None else None
        norm = float(record.grad_norm) if record.grad_norm is not None else None
        spent = sum(seconds.values())
        values: dict[str, float | None] = {
            "train/loss": loss,
            "train/grad_norm": norm,
            "train/learning_rate": record.learning_rate,
            "train/samples_per_s": record.rows / spent,
            "train/tokens_per_s": record.tokens / spent,
            "train/step_s": spent,
            "train/data_wait_s": seconds["data"],
            "train/copy_s": seconds["copy"],
            "train/forward_s": seconds["forward"],
            "train/backward_s": seconds["backward"],
            "train/optimizer_s": seconds["optimizer"],
            "train/other_s": seconds["other"],
            "train/data_wait_fraction": seconds["data"] / spent,
            "train/padding_fraction": 1 - record.tokens / record.slots if record.slots else None,
        }
        now = time.monotonic()
        if now - self._memory_at >= MEMORY_EVERY_S:
            self._memory_at = now
            values |= memory.readings(self._run.device)
            values["train/log_sync_s"] = self._run.log.slowest_sync()
        if now - self._line_at >= LINE_EVERY_S:
            self._line_at = now
            self._say_line(record.step, values)
        self._run.log.add_metrics(record.step, record.epoch, values)
        if loss is not None and not (math.isfinite(loss) and (norm is None or math.isfinite(norm))):
            self._found_nan(record.step, loss, norm)

    def _say_line(self, step: int, values: dict[str, float | None]) -> None:
        """One readable line every few seconds: what somebody reads who has only the log."""
        named = {"loss": ".4f", "learning_rate": ".2e", "grad_norm": ".2f", "samples_per_s": ".0f"}
        known = ((name, values[f"train/{name}"], form) for name, form in named.items())
        shown = " ".join(f"{name} {value:{form}}" for name, value, form in known if value is not None)
        self._run.log.append("log", Logged(level="info", text=f"step {step}/{self._run.total_steps} {shown}"))

    def _found_nan(self, step: int, loss: float, norm: float | None) -> None:
        if self._run.device.type == "cuda" and self._run.settings.precision == "fp16" and math.isfinite(loss):
            return  # an infinite norm is how fp16 finds its loss scale; that step was skipped
        self.memory.nan_steps += 1
        what = f"loss {loss}, gradient norm {norm}"
        if self._run.settings.on_nan == "stop":
            raise RunFailed(
                FailureCode.NAN,
                f"The loss is not a number any more at step {step} ({what}).",
                "Resume from the last checkpoint with a lower learning rate, or clip gradients harder.",
                step=step,
            )
        if self.memory.nan_steps == 1 or self.memory.nan_steps % 100 == 0:
            text = f"Step {step} was left out: {what} ({self.memory.nan_steps} such steps so far)"
            self._run.log.append(
                "warning",
                Warned(code="nan", text=text, advice="A lower learning rate usually helps.", step=step),
                sync=True,
            )

    # ---- evaluation ------------------------------------------------------------------------------------------------

    def predict(self, part: Part, rows: list[int] | None = None) -> Found:
        """What the model, as it is now, says of a part of the data."""
        run = self._run
        found: Found = run.recipe.predict(self.trainer.model, part, run.built, run.settings, run.device, rows)
        return found

    def judge(self, part: Part, *, step: int, epoch: float | None, split: str = "validation") -> Evaluation:
        """How good the model, as it is now, is on a part."""
        found, material = self.predict(part), self._run.material
        return self._run.recipe.evaluate(found, part, material, step=step, epoch=epoch, split=split)

    def _evaluate(self, step: int, epoch: float | None) -> bool:
        """Evaluate, tell, and say whether this is the best one so far."""
        self._log_steps()
        run = self._run
        part = run.built.validation
        found = self.predict(part)
        evaluation = run.recipe.evaluate(found, part, run.material, step=step, epoch=epoch, split="validation")
        self.last_evaluation = evaluation
        self._run.log.append("evaluation", evaluation)
        shown = " ".join(
            f"{name.removeprefix('eval/')} {value:.4f}"
            for name, value in evaluation.values.items()
            if value is not None
        )
        self._run.log.append("log", Logged(level="info", text=f"eval at step {step}: {shown}"))
        self._say_samples(step, found.pick(self._samples))
        value = evaluation.values[self._run.settings.best_metric]
        kept = self.memory
        better = value is not None and math.isfinite(value)
        better = better and (
            kept.best_value is None or is_better(self._run.settings.best_metric)(value or 0.0, kept.best_value)
        )
        kept.without_gain = 0 if better else kept.without_gain + 1
        if better:
            kept.best_value, kept.best_step, kept.best_checkpoint = value, step, f"checkpoint-{step}"
        return better

    def _say_samples(self, step: int, found: Found) -> None:
        run = self._run
        items = run.recipe.samples(found, run.built.validation, self._samples, run.material)
        for item in items:
            for name, value in item.items():
                item[name] = value[:SAMPLE_CHARACTERS] if isinstance(value, str) else value
        run.log.append("sample", Sampled(step=step, items=tuple(items)))

    # ---- checkpoints -------------------------------------------------------------------------------------------------

    def _save(self, step: int, epoch: float | None, *, best: bool = False, asked: bool = False) -> str | None:
        """Save unless this step is saved already; the reason when the disk refused."""
        if step == self._saved_at_step and not best and not self.live.pending:
            return None
        self._log_steps()
        self.live.begin(step)
        run = self._run
        metrics = (
            dict(self.last_evaluation.values) if self.last_evaluation and self.last_evaluation.step == step else {}
        )
        done = run.checkpoints.save(step, self._write, epoch=epoch, metrics=metrics, best=best, asked=asked)
        if isinstance(done, NotSaved):
            self.live.dropped()
            if best:
                self.memory.best_checkpoint = None
            run.log.append("warning", Warned(code=done.code, text=done.text, advice=done.advice, step=step), sync=True)
            return done.text
        self._saved_at_step = step
        run.log.append("checkpoint", done, sync=True)
        self.live.kept(step, epoch)
        return None

    def _write(self, folder: Path) -> None:
        self.trainer.write_checkpoint(folder)
        state.write_json(folder / "progress.json", asdict(self.memory))
        state.write_json(folder / "run.json", self._run.facts)

    # ---- commands ----------------------------------------------------------------------------------------------------

    def _take_waiting(self) -> list[Command]:
        waiting, self._run.waiting = self._run.waiting, []
        return waiting

    def _obey(self, command: Command, step: int, epoch: float | None) -> None:
        control = self._run.control
        if isinstance(command, Pause):
            self._pause(command, step, epoch)
        elif isinstance(command, Stop):
            self._stop(command, step, epoch)
        elif isinstance(command, Checkpoint):
            self._checkpoint_now(command, step, epoch)
        elif isinstance(command, ApplySettings):
            self.live.ask(command, step)
        elif isinstance(command, Resume):
            control.done(command, ok=False, text="The run is not paused.")
        else:
            control.done(command, ok=False, text="A training does not know this command.")

    def _checkpoint_now(self, command: Command, step: int, epoch: float | None) -> None:
        if step == 0:
            self._run.control.done(command, ok=False, text="There is nothing to save before the first step.")
            return
        problem = self._save(step, epoch, asked=True)
        self._run.control.done(
            command, ok=problem is None, text=problem or f"Saved checkpoint-{step}.", result={"step": step}
        )

    def _stop(self, command: Stop, step: int, epoch: float | None) -> None:
        self.stop = command
        self._say_state("stopping", step=step)
        problem = self._save(step, epoch, asked=True) if command.save and step > 0 else None
        self._run.control.done(
            command, ok=problem is None, text=problem or f"Stopped after step {step}.", result={"step": step}
        )

    def _pause(self, command: Pause, step: int, epoch: float | None) -> None:
        self._log_steps()
        self._say_state("paused", step=step)
        self._run.control.done(command, text=f"Paused after step {step}.", result={"step": step})
        while self.stop is None:
            for later in self._run.control.wait(3600.0):
                if isinstance(later, Resume):
                    self._say_state("running", step=step)
                    self._run.control.done(later, text="Going on.", result={"step": step})
                    return
                if isinstance(later, Pause):
                    self._run.control.done(later, text="The run is paused already.", result={"step": step})
                else:
                    self._obey(later, step, epoch)

    def _say_state(self, name: str, *, step: int) -> None:
        self._run.log.append("state", StateChanged(state=name, step=step), sync=True)
