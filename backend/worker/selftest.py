"""A run without a model: a known sequence of numbers, and every way to die on request. Imports no torch.

The sequence: value(seed, step, index) below; index 0 is logged as train/loss, index k as selftest/value_k. eval/loss
at a step is
value(seed, step, -1). The result holds the exact running sum of all train/loss values, so a resumed run that had
lost or doubled a
step would end with another one.
"""

import ctypes
import math
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

from pydantic import ValidationError

from backend.clock import SystemClock
from backend.contract.commands import Checkpoint, Command, Pause, Resume, Stop
from backend.contract.events import Ended, Evaluation, Logged, ModelSaved, Planned, Started, StateChanged, Warned
from backend.contract.jobs import JobLaunch
from backend.contract.recipes import SelftestSettings
from backend.contract.states import FailureCode
from backend.jobs.buffered import BufferedLog
from backend.jobs.failures import ADVICE, code_of_error
from backend.jobs.folder import JobFolder
from backend.platform import read_json, write_json_atomic
from backend.worker.parts.checkpoint import Checkpoints, NotSaved, commit, newest_valid, verify
from backend.worker.parts.control import Control

_CHUNK = 1 << 20
_RUBBISH = b"\x1b[31mrubbish\x1b[0m \x00\xff\xfe \xe2\x80\xae reversed\n" * 1000


def value(seed: int, step: int, index: int) -> float:
    """The known value: a falling curve plus a small repeatable noise in 0..0.1."""
    noise = ((seed * 1_000_003 + step * 9_176 + index * 7_919 + 12_345) * 2_654_435_761 & 0xFFFFFFFF) / 4294967296.0
    return 1.0 / (1.0 + step / 100.0) + 0.1 * noise


def metric_name(index: int) -> str:
    """train/loss for the first value of a step, selftest/value_k for the others."""
    return "train/loss" if index == 0 else f"selftest/value_{index}"


class Selftest:
    """One attempt. run() walks the steps; what it was asked to do wrong happens in _misbehave()."""

    def __init__(self, job: JobFolder, log: BufferedLog, launch: JobLaunch) -> None:
        self.job, self.log, self.launch = job, log, launch
        self.settings = SelftestSettings.model_validate(job.spec().settings)
        self.control = Control(job, log)
        self.checkpoints = Checkpoints(job.checkpoints)
        self.step = 0
        self.total = 0.0
        self.names = [metric_name(index) for index in range(self.settings.points_per_step)]
        self._stop: Stop | None = None

    def run(self) -> None:
        """Everything from `started` to `ended`."""
        self._start()
        self._state("running")
        due = time.monotonic()
        while self.step < self.settings.steps and self._stop is None:
            self._listen()
            if self._stop is not None:
                break
            self.step += 1
            self._one_step()
            if self.settings.rate_hz > 0:
                due = max(due, time.monotonic() - 0.2) + 1.0 / self.settings.rate_hz  # after a pause: no burst
                self._pace(due)
        self._finish()

    # -- beginning and end --

    def _start(self) -> None:
        spec = self.job.spec()
        resume = self.launch.resume or spec.fork_of is not None
        found, skipped = self.checkpoints.start(resume=resume)
        if found is None and spec.fork_of is not None and not self.launch.resume:
            found = self._fork_source(spec.fork_of, spec.fork_checkpoint)
        if found is not None:
            state = read_json(found / "state.json")
            self.step, self.total = int(state["step"]), float.fromhex(state["total"])
        self.log.append(
            "started",
            Started(
                attempt=self.launch.attempt,
                pid=os.getpid(),
                recipe=spec.recipe,
                device="cpu",
                total_steps=self.settings.steps,
                resumed_from_step=self.step if found else None,
                resumed_from=found.name if found else None,
                skipped_checkpoints=skipped,
                environment={"python": sys.version.split()[0]},
            ),
            sync=True,
        )
        self._state("preparing")
        self.log.append("planned", Planned(total_steps=self.settings.steps), sync=True)
        if self.settings.ignore_term:
            _ignore_term()
        else:
            self.control.stop_on_sigterm()

    def _fork_source(self, job_id: str, name: str | None) -> Path | None:
        parent = self.job.path.parent / job_id / "checkpoints"
        if name is None:
            return newest_valid(parent)[0]
        if reason := verify(parent / name):
            raise ValueError(f"{name} of {job_id} cannot be used: {reason}")
        return parent / name

    def _finish(self) -> None:
        if self._stop is not None:
            self._state("stopping")
            if self._stop.save:
                self._save(asked=True)
            self.control.done(self._stop, text=f"stopped after step {self.step}")
            outcome, text = "stopped", f"Stopped after step {self.step}"
        else:
            result = {"steps": self.step, "seed": self.settings.seed, "total": self.total.hex()}
            done = commit(self.job.path, "model", lambda folder: write_json_atomic(folder / "result.json", result))
            self.log.append(
                "model_saved", ModelSaved(step=self.step, path="model", size_bytes=done.size_bytes), sync=True
            )
            outcome, text = "completed", f"Completed {self.step} steps"
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # decided: a late stop must not make a failure of a saved result
        self.log.append("ended", Ended(outcome=outcome, step=self.step, text=text), sync=True)
        if self.settings.crash_kind == "exit3_after_save" and self.settings.crash_at_step:
            os._exit(3)

    # -- steps --

    def _one_step(self) -> None:
        settings, step = self.settings, self.step
        values = {name: value(settings.seed, step, index) for index, name in enumerate(self.names)}
        self.total += values["train/loss"]
        if step == settings.nan_at_step:
            values["train/loss"] = math.nan
        self.log.add_metrics(step, None, values)
        if step == settings.nan_at_step:
            text = f"The loss is not a number at step {step}"
            self.log.append("warning", Warned(code="nan", text=text, advice=ADVICE[FailureCode.NAN], step=step))
        if settings.eval_every and step % settings.eval_every == 0:
            loss = value(settings.seed, step, -1)
            self.log.append(
                "evaluation", Evaluation(step=step, split="validation", rows=1, values={"eval/loss": loss}), sync=True
            )
        if settings.checkpoint_every and step % settings.checkpoint_every == 0:
            self._save()
        self._misbehave()

    def _pace(self, due: float) -> None:
        while (left := due - time.monotonic()) > 0 and self._stop is None:
            if left > 0.05:
                self._listen()
            time.sleep(min(left, 0.05))

    def _save(self, *, asked: bool = False) -> str:
        state = {"step": self.step, "total": self.total.hex(), "seed": self.settings.seed}

        def write(folder: Path) -> None:
            write_json_atomic(folder / "state.json", state)
            with (folder / "payload.bin").open("wb") as file:
                for start in range(0, self.settings.checkpoint_bytes, _CHUNK):
                    file.write(b"\x5a" * min(_CHUNK, self.settings.checkpoint_bytes - start))

        saved = self.checkpoints.save(self.step, write, asked=asked)
        if isinstance(saved, NotSaved):
            self.log.append(
                "warning", Warned(code=saved.code, text=saved.text, advice=saved.advice, step=saved.step), sync=True
            )
            return saved.text
        self.log.append("checkpoint", saved, sync=True)
        return f"saved {saved.name}"

    # -- commands --

    def _listen(self) -> None:
        for command in self.control.poll():
            self._obey(command)

    def _obey(self, command: Command) -> None:
        if isinstance(command, Stop):
            self._stop = command
        elif isinstance(command, Checkpoint):
            text = self._save(asked=True)
            self.control.done(command, ok=text.startswith("saved"), text=text)
        elif isinstance(command, Pause):
            self._pause(command)
        elif isinstance(command, Resume):
            self.control.done(command, ok=False, text="it is not paused")
        else:
            self.control.done(command, ok=False, text="a self-test does not know this command")

    def _pause(self, command: Command) -> None:
        self._state("pausing")
        self.control.done(command, text=f"paused after step {self.step}")
        self._state("paused")
        while self._stop is None:
            for new in self.control.wait(1.0):
                if isinstance(new, Resume):
                    self.control.done(new, text="goes on")
                    self._state("running")
                    return
                if isinstance(new, Pause):
                    self.control.done(new, ok=False, text="it is paused already")
                else:
                    self._obey(new)

    def _state(self, state: str) -> None:
        self.log.append("state", StateChanged(state=state, step=self.step), sync=True)

    # -- on request --

    def _misbehave(self) -> None:
        settings = self.settings
        if settings.flood_bytes and self.step == 1:
            _flood(settings.flood_bytes)
        if self.step == settings.hang_at_step:
            while True:  # it goes on speaking: only the step stands still
                self.log.append("log", Logged(level="info", text=f"Alive, but still in step {self.step}"))
                time.sleep(0.1)
        if self.step == settings.crash_at_step:
            self.log.flush()
            _crash(settings.crash_kind)


def _crash(kind: str) -> None:
    if kind == "segfault":
        ctypes.string_at(0)
    elif kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "exception":
        raise RuntimeError("the self-test was asked to raise this")
    elif kind == "oom":
        raise MemoryError("out of memory: the step needs 12.0 GiB, 7.6 GiB are free")
    elif kind == "gpu_lost":
        raise RuntimeError("CUDA error: unspecified launch failure (Xid 79: GPU has fallen off the bus)")
    elif kind == "exit0":
        os._exit(0)


def _flood(size: int) -> None:
    while size > 0:
        size -= os.write(1, _RUBBISH[: min(size, len(_RUBBISH))])


def _ignore_term() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for number in range(4):  # they inherit the ignoring; the last one even leaves the group
        subprocess.Popen(["sleep", "3600"], start_new_session=number == 3)


def _last_word(error: BaseException, step: int) -> Ended:
    code, text = code_of_error(error), f"{type(error).__name__}: {error}"
    if isinstance(error, ValidationError):
        code = FailureCode.SETTINGS
        text = "; ".join(f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}" for wrong in error.errors())
    details = {"needed_bytes": int(12.0 * 2**30), "free_bytes": int(7.6 * 2**30)} if code == "out_of_memory" else {}
    return Ended(
        outcome="failed",
        step=step,
        text=text,
        code=code,
        advice=ADVICE[code],
        traceback=traceback.format_exc(),
        details=details,
    )


def main(argv: list[str]) -> int:
    """Run the job in the folder argv[0]; 0 when it completed or was stopped, 1 when it failed."""
    job = JobFolder(Path(argv[0]))
    launch = job.launch()
    if launch is None:
        print(f"job {job.job_id} has no launch.json", file=sys.stderr)
        return 2
    log = BufferedLog(job.events, clock=SystemClock())
    test: Selftest | None = None
    try:
        test = Selftest(job, log, launch)
        test.run()
    except Exception as error:  # noqa: BLE001 the edge of the process: whatever it was becomes the last word
        traceback.print_exc()
        log.append("ended", _last_word(error, test.step if test else 0), sync=True)
        return 1
    finally:
        log.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
