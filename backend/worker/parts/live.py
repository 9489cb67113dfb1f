"""Settings that change while a run is under way: asked for at any time, in force from the next checkpoint on and kept
in it, so that a resumed run goes on with them bit for bit.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from backend.contract.commands import ApplySettings
from backend.contract.events import SettingsApplied
from backend.contract.recipes import TrainingSettings
from backend.jobs.live import NotLive, changed_live, live_fields
from backend.worker.parts import state
from backend.worker.parts.data import EpochBatches
from backend.worker.parts.trainer import StepTrainer

if TYPE_CHECKING:
    from backend.worker.parts.monitor import Memory, Run


class LiveSettings:
    """The changes of one run. The monitor calls begin() before it saves, and kept() or dropped() after."""

    def __init__(self, run: "Run", memory: "Memory", batches: EpochBatches, trainer: Callable[[], StepTrainer]) -> None:
        self._run, self._memory, self._batches = run, memory, batches
        self._get_trainer = trainer
        self._planned_batch = run.settings.batch_size  # rows of the loader's batches; pieces of them may be smaller
        self._pending: list[ApplySettings] = []
        self._before: tuple[TrainingSettings, dict[str, Any], list[list[int]]] | None = None

    @property
    def pending(self) -> bool:
        """Whether something waits for the next checkpoint."""
        return bool(self._pending)

    def restore(self) -> None:
        """Put back in force what the checkpoint holds; rate and schedule come with the optimizer's state."""
        if self._memory.applied:
            self._enforce(changed_live(self._run.settings, self._memory.applied), rate=False)  # type: ignore[arg-type]
        self._batches.regroup(self._memory.grouping)

    def ask(self, command: ApplySettings, step: int) -> None:
        """Keep a change until the next checkpoint, or refuse it now, saying why."""
        try:
            wanted = self._run.settings
            for earlier in self._pending:
                wanted = changed_live(wanted, earlier.settings)  # type: ignore[assignment]
            self._check(changed_live(wanted, command.settings), step)  # type: ignore[arg-type]
        except NotLive as error:
            self._refuse(command, f"{error} A clone of the run can have it.")
            return
        self._pending.append(command)

    def begin(self, step: int) -> None:
        """A checkpoint of this step is about to be written: put what waits in force, so that it holds it."""
        if not self._pending:
            return
        memory = self._memory
        self._before = self._run.settings, dict(memory.applied), list(memory.grouping)
        change: dict[str, Any] = {}
        for command in self._pending:
            change |= command.settings
        after: TrainingSettings = changed_live(self._run.settings, change)  # type: ignore[assignment]
        if after.group_by_length != self._run.settings.group_by_length:
            memory.grouping = [*memory.grouping, [self._next_epoch(step), int(after.group_by_length)]]
            self._batches.regroup(memory.grouping)
        memory.applied = {**memory.applied, **{name: getattr(after, name) for name in change}}
        self._enforce(after, rate=after.learning_rate != self._run.settings.learning_rate)

    def kept(self, step: int, epoch: float | None) -> None:
        """The checkpoint is on the disk: say what changed, then answer."""
        if self._before is None:
            return
        before, pending = self._before[0], self._pending
        self._before, self._pending = None, []
        names = {name for command in pending for name in command.settings}
        new = {name: getattr(self._run.settings, name) for name in live_fields(type(before)) if name in names}
        old = {name: getattr(before, name) for name in new}
        later = f"Like lengths meet from epoch {self._next_epoch(step) + 1} on." if "group_by_length" in new else ""
        told = SettingsApplied(step=step, epoch=epoch, settings=new, before=old, text=later)
        self._run.log.append("settings_applied", told, sync=True)
        for command in pending:
            text = f"In force from step {step + 1} on. {later}".rstrip()
            result: dict[str, object] = {"step": step, "settings": command.settings}
            self._run.control.done(command, text=text, result=result)

    def dropped(self) -> None:
        """The disk refused the checkpoint: everything is as before and waits for the next one."""
        if self._before is None:
            return
        settings, applied, grouping = self._before
        self._before = None
        rate = settings.learning_rate != self._run.settings.learning_rate
        self._memory.applied, self._memory.grouping = applied, grouping
        self._batches.regroup(grouping)
        self._enforce(settings, rate=rate)

    def end(self, reason: str) -> None:
        """No checkpoint comes any more: refuse what waits."""
        pending, self._pending = self._pending, []
        for command in pending:
            self._refuse(command, reason)

    def _refuse(self, command: ApplySettings, text: str) -> None:
        self._run.control.done(command, ok=False, text=text, result={"settings": command.settings})

    def _check(self, wanted: TrainingSettings, step: int) -> None:
        now = self._run.settings
        if self._planned_batch % wanted.batch_size:
            raise NotLive("batch_size", f"A batch of {self._planned_batch} cannot be cut into {wanted.batch_size}.")
        if wanted.group_by_length != now.group_by_length and self._next_epoch(step) >= self._epochs():
            raise NotLive("group_by_length", "Grouping begins with an epoch, and no further one comes.")

    def _next_epoch(self, step: int) -> int:
        """The first epoch whose order is still open, from 0."""
        return math.ceil(step / self._run.steps_per_epoch)

    def _epochs(self) -> int:
        return math.ceil(self._run.total_steps / self._run.steps_per_epoch)

    def _enforce(self, after: TrainingSettings, *, rate: bool) -> None:
        run, trainer = self._run, self._get_trainer()
        run.settings = after
        run.facts["settings"] = run.progress.settings = after.model_dump()
        run.checkpoints.keep = after.keep_checkpoints
        trainer.rows_at_once = after.batch_size if after.batch_size < self._planned_batch else 0
        trainer.args.max_grad_norm = after.max_grad_norm
        trainer.skip_bad_steps = after.on_nan == "continue"
        if rate:
            state.set_rate(trainer.optimizer, trainer.lr_scheduler, after.learning_rate)
