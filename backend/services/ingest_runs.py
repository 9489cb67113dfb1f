"""The lines of a training job → its run: row, series, events, checkpoints, evaluations, samples, log."""

import math
from typing import Any

from backend.contract.base import ODD_NUMBERS, number_to_json
from backend.contract.events import (
    CheckpointSaved,
    CommandDone,
    Ended,
    Evaluation,
    Logged,
    ModelSaved,
    Planned,
    Sampled,
    SettingsApplied,
    Started,
    StateChanged,
    Warned,
)
from backend.contract.recipes import RECIPES
from backend.contract.resources import CheckpointRecord, RunRecord
from backend.contract.states import FINAL_RUN_STATES, RunState
from backend.jobs.log import Line
from backend.services import ingest_settings
from backend.store import Store

SPARK_POINTS = 60
MESSAGE_POINTS = 20_000
"""More points of one read go into several messages."""

_WIDEST_STEP = 2**63
_PLAIN_TYPES = frozenset((float, type(None)))
_RECIPE_METRICS = {recipe.name: recipe.metric for recipe in RECIPES}
_WORKING = (RunState.RUNNING, RunState.PAUSING, RunState.STOPPING)


class RunLines:
    """One read of one run's log. `state` is kept beside the offset: spark line, pace and active time go on over
    restarts."""

    def __init__(self, store: Store, run: RunRecord, state: dict[str, Any]) -> None:
        self._store = store
        self._run = run
        self._state = state
        self._fields: dict[str, Any] = {}
        self._points: list[tuple[str, int, float, float | None, float | None]] = []
        self._metrics: dict[str, Any] = {}
        self._nan_steps = 0
        self._log: list[tuple[float | None, str, str]] = []
        self._urgent = False
        self._first_odd: tuple[int, list[str]] | None = None
        self._spark_key = str(run.facts.get("spark_key", "train/loss"))

    # ---- lines -------------------------------------------------------------------------------------------------------

    def take(self, line: Line) -> None:
        """Account for one line; ValueError and its kin for one that does not say what its kind promises."""
        if line.kind == "metrics":
            fields = line.fields
            self._take_values(line.time, fields["step"], fields.get("epoch"), fields["values"])
            return
        handler = _HANDLERS.get(line.kind)
        if handler is not None:
            handler(self, line)

    def _take_values(self, time: float, step: int, epoch: float | None, values: dict[str, Any]) -> None:
        """Points of one step. The whole line is looked at before any of it counts."""
        if type(step) is not int or not -_WIDEST_STEP <= step < _WIDEST_STEP:
            raise ValueError(f"step {step!r} is no whole number")
        time = float(time)
        if epoch is not None:
            epoch = float(epoch)
        odd = False
        if set(map(type, values.values())) <= _PLAIN_TYPES:  # nearly always; both loops of it run in C
            points = [(key, step, time, epoch, value) for key, value in values.items()]
        else:
            points = []
            for key, value in values.items():
                number, strange = _number(value)
                odd = odd or strange
                points.append((key, step, time, epoch, number))
        if not points:
            return
        self._points += points
        if odd:
            self._nan_steps += 1
            self._first_odd = self._first_odd or (step, [key for key, value in values.items() if value in ODD_NUMBERS])
        self._metrics.update(values)
        self._progress(time, step, epoch)
        loss = values.get(self._spark_key)
        if loss is not None:
            self._spark(loss)

    def _progress(self, time: float, step: int, epoch: float | None) -> None:
        fields, state = self._fields, self._state
        at = state.get("step", -1)
        if step > at:
            last = state.get("step_time")
            if last is not None and at >= 0 and time > last:
                pace = (time - last) / (step - at)
                # Half of the weight lies on the last 14 steps: steady enough to read, quick enough to follow.
                state["pace"] = pace if "pace" not in state else state["pace"] * 0.95 + pace * 0.05
            state["step"], state["step_time"] = step, time
            fields["last_step_at"] = time
        fields["step"] = max(step, at)
        if epoch is not None:
            fields["epoch"] = epoch
        self._active(time)

    def _active(self, time: float) -> None:
        """Add what passed since the last line while the run was working."""
        since = self._state.get("active_since")
        if since is not None:
            self._state["active"] = self._state.get("active", 0.0) + max(time - since, 0.0)
            self._state["active_since"] = time

    def _spark(self, loss: Any) -> None:
        """Keep every n-th loss; when there are too many every second one goes and n doubles."""
        state = self._state
        every, seen = state.get("spark_every", 1), state.get("spark_seen", 0)
        if seen % every == 0:
            spark = state.setdefault("spark", [])
            # a new list: the state of the last commit must stay as it was should this one fail
            spark = [*spark, loss]
            if len(spark) > SPARK_POINTS:
                spark, state["spark_every"] = spark[::2], every * 2
            state["spark"] = spark
        state["spark_seen"] = seen + 1

    def _started(self, line: Line) -> None:
        event = Started.model_validate(line.fields)
        self._flush_points()
        state = self._state
        state["attempt"] = event.attempt
        state["active_since"] = line.time
        state.pop("step_time", None)
        if event.resumed_from_step is not None:
            state["step"] = event.resumed_from_step
            self._fields["step"] = event.resumed_from_step
            self._respark(event.resumed_from_step)
        self._fields |= {
            "attempt": max(event.attempt, self._run.attempt),
            "started_at": self._run.started_at or line.time,
            "environment": event.environment or self._run.environment,
        }
        if event.device:
            self._fields["device"] = event.device
        if event.total_steps is not None:
            self._fields["total_steps"] = event.total_steps
        if event.settings:
            self._fields |= ingest_settings.in_force(self._run, self._fields, event.settings)
        if event.attempt > 1 and (waited := self._fields.get("pending_settings", self._run.pending_settings)):
            # commands of an earlier attempt are not heard again
            text = f"The change of {', '.join(waited)} was lost: the run ended before its next checkpoint"
            self._event("warning", line, None, text, {"code": "settings_lost", "settings": waited})
            self._fields["pending_settings"] = {}
        for text in event.skipped_checkpoints:
            self._event("warning", line, None, f"Skipped {text}", {"code": "bad_checkpoint"})
        self._urgent = True

    def _respark(self, step: int) -> None:
        """The spark line up to the step a resumed run goes on from."""
        series = self._store.series.read(self._run.id, ["train/loss"], None, step, SPARK_POINTS // 2).get("train/loss")
        if series is None:
            return
        values = [number_to_json(value) for value in series.values]
        self._state["spark"] = values
        self._state["spark_every"] = max(series.count // max(len(values), 1), 1)
        self._state["spark_seen"] = 0

    def _planned(self, line: Line) -> None:
        event = Planned.model_validate(line.fields)
        self._fields["total_steps"] = event.total_steps
        for name in ("epochs", "trainable_parameters", "all_parameters"):
            if getattr(event, name) is not None:
                self._fields[name] = getattr(event, name)
        if event.labels:
            self._fields["labels"] = event.labels
        counts = ("steps_per_epoch", "train_rows", "validation_rows", "test_rows", "duplicates_removed")
        told = {name: getattr(event, name) for name in counts if getattr(event, name) is not None}
        self._fields["facts"] = {**self._run.facts, **told, **event.facts}
        self._urgent = True

    def _state_changed(self, line: Line) -> None:
        event = StateChanged.model_validate(line.fields)
        new = RunState(event.state)
        old = self._fields.get("state", self._run.state)
        self._active(line.time)
        self._state["active_since"] = None if new == RunState.PAUSED else line.time
        if new == RunState.PAUSED or old == RunState.PAUSED:
            self._state.pop("step_time", None)  # a pause is not a slow step
        if self._run.state in FINAL_RUN_STATES or new in FINAL_RUN_STATES:
            return  # how a run ended is decided from its exit record, not from what it said last
        if old == RunState.STOPPING and new in (RunState.RUNNING, RunState.PAUSING, RunState.PAUSED):
            return  # said before it heard of the stop
        self._fields["state"] = new
        texts = {
            RunState.PAUSED: ("pause", "Paused"),
            RunState.STOPPING: ("stop", "Stopping"),
        }
        if new in texts:
            kind, text = texts[new]
            self._event(kind, line, event.step, event.reason or text, {})
        elif new == RunState.RUNNING and old in (RunState.PAUSED, RunState.PAUSING):
            self._event("resume", line, event.step, event.reason or "Resumed", {})
        self._urgent = True

    def _evaluation(self, line: Line) -> None:
        event = Evaluation.model_validate(line.fields)
        self._take_values(line.time, event.step, event.epoch, line.fields["values"])
        self._store.runs.add_evaluation(self._run.id, event)
        self._best(event)
        shown = {key: number_to_json(value) for key, value in event.values.items()}
        text = f"Evaluated on {event.rows:,} rows of {event.split}"
        data = {"split": event.split, "values": shown, "energy_kwh": self._run.energy_kwh}
        self._fields["last_step_at"] = line.time
        self._event("evaluation", line, event.step, text, data)

    def _best(self, event: Evaluation) -> None:
        metric = self._run.settings.get("best_metric") or _RECIPE_METRICS.get(self._run.recipe) or "eval/loss"
        value = event.values.get(metric)
        if value is None or not math.isfinite(value):
            return
        best = self._fields.get("best", self._run.best)
        before = best.get("value") if best.get("metric") == metric else None
        lower = metric.endswith("loss")
        if not isinstance(before, int | float) or (value < before if lower else value > before):
            self._fields["best"] = {"metric": metric, "value": value, "step": event.step}

    def _checkpoint(self, line: Line) -> None:
        event = CheckpointSaved.model_validate(line.fields)
        runs = self._store.runs
        before = runs.checkpoint(self._run.id, event.name)
        kept = before.kept if before else False
        shared = event.model_dump(include={"name", "step", "epoch", "size_bytes", "metrics", "best"})
        runs.add_checkpoint(self._run.id, CheckpointRecord(**shared, saved_at=line.time, kept=kept))
        for name in event.pruned:
            if name != event.name and runs.checkpoint(self._run.id, name):
                runs.change_checkpoint(self._run.id, name, present=False)
        data = {"name": event.name, "size_bytes": event.size_bytes, "best": event.best, "asked": event.asked}
        self._event(
            "checkpoint", line, event.step, f"Checkpoint at step {event.step:,}", {**data, "seconds": event.seconds}
        )
        self._fields |= {"resumable": self._run.resumable, "last_step_at": line.time}
        self._urgent = True

    def _settings_applied(self, line: Line) -> None:
        event = SettingsApplied.model_validate(line.fields)
        self._fields |= ingest_settings.in_force(self._run, self._fields, event.settings)
        data = {"settings": event.settings, "before": event.before}
        self._event("settings", line, event.step, ingest_settings.told(event), data)
        self._urgent = True

    def _sample(self, line: Line) -> None:
        self._store.runs.add_samples(self._run.id, Sampled.model_validate(line.fields))

    def _logged(self, line: Line) -> None:
        event = Logged.model_validate(line.fields)
        self._log.append((line.time, event.level, event.text))

    def _warned(self, line: Line) -> None:
        event = Warned.model_validate(line.fields)
        self._event("warning", line, event.step, event.text, {"code": event.code, "advice": event.advice})
        self._log.append((line.time, "warning", event.text))

    def _model_saved(self, line: Line) -> None:
        event = ModelSaved.model_validate(line.fields)
        data = {"size_bytes": event.size_bytes, "best_step": event.best_step}
        self._fields["last_step_at"] = line.time
        self._event("model_saved", line, event.step, f"Model of step {event.best_step or event.step:,} saved", data)
        self._urgent = True

    def _ended(self, line: Line) -> None:
        event = Ended.model_validate(line.fields)
        self._active(line.time)
        self._state["active_since"] = None
        self._state.pop("step_time", None)
        if event.text:
            level = "error" if event.outcome == "failed" else "info"
            self._log.append((line.time, level, event.text))
        self._urgent = True

    def _command_done(self, line: Line) -> None:
        event = CommandDone.model_validate(line.fields)
        if event.command == "apply_settings":
            self._fields |= ingest_settings.answered(self._run, self._fields, event.result.get("settings", {}))
        if not event.ok:
            data = {"code": "command_refused", "command": event.command}
            self._event("warning", line, None, f"{event.command.replace('_', ' ')} was refused: {event.text}", data)
            self._urgent = True

    def _event(self, kind: str, line: Line, step: int | None, text: str, data: dict[str, Any]) -> None:
        step = self._fields.get("step", self._run.step) if step is None else step
        epoch = line.fields.get("epoch", self._fields.get("epoch", self._run.epoch))
        self._store.runs.add_event(self._run.id, kind, line.time, step, epoch, text, data)

    # ---- the end of a read -------------------------------------------------------------------------------------------

    def finish(self, damaged: int) -> bool:
        """Write points, log and row; whether the change is one people wait for."""
        self._flush_points()
        self._store.runs.add_log(self._run.id, self._log)
        if damaged:
            self._tell_damage(damaged)
        fields, state = self._fields, self._state
        if self._metrics:
            fields["metrics"] = {**self._run.metrics, **self._metrics}
            fields["spark"] = tuple(state.get("spark", ()))
        if self._nan_steps:
            fields["nan_steps"] = self._run.nan_steps + self._nan_steps
            self._tell_nan()
        if "active" in state:
            fields["active_seconds"] = state["active"]
        fields["eta_seconds"] = self._eta()
        self._run = RunRecord.model_validate({**dict(self._run), **fields})
        self._store.runs.put(self._run)
        return self._urgent

    def publish(self) -> None:
        """The row as it is now."""
        self._store.publish("runs", "changed", self._run)

    def _flush_points(self) -> None:
        points = self._points
        if not points:
            return
        self._points = []
        first = self._store.series.append(self._run.id, self._state.get("attempt", self._run.attempt), points)
        for start in range(0, len(points), MESSAGE_POINTS):
            part = points[start : start + MESSAGE_POINTS]
            self._store.feed.publish_points(self._run.id, part, first + start)

    def _tell_damage(self, damaged: int) -> None:
        """Every damaged line counts; one event and one notice tell of them."""
        self._fields["bad_lines"] = self._run.bad_lines + damaged
        if self._state.get("told_damage"):
            return
        self._state["told_damage"] = True
        text = f"{damaged} damaged lines of its log were set aside; everything else was read"
        if damaged == 1:
            text = "A damaged line of its log was set aside; everything else was read"
        self._store.runs.add_event(self._run.id, "warning", text=text, step=self._run.step, data={"code": "bad_lines"})
        self._store.publish("system", "notice", {"text": f"{self._run.name}: {text}", "severity": "warn"})

    def _tell_nan(self) -> None:
        if self._state.get("told_nan"):
            return
        self._state["told_nan"] = True
        step, bad = self._first_odd or (self._run.step, [])
        text = f"{', '.join(key[:200] for key in bad[:5]) or 'A metric'} is not a number at step {step:,}"
        self._store.runs.add_event(
            self._run.id, "warning", step=step, text=text, data={"code": "nan", "keys": bad[:50]}
        )

    def _eta(self) -> float | None:
        total = self._fields.get("total_steps", self._run.total_steps)
        state = self._fields.get("state", self._run.state)
        pace = self._state.get("pace")
        if total is None or pace is None or state not in _WORKING or self._state.get("active_since") is None:
            return None
        return float(max(total - self._fields.get("step", self._run.step), 0) * pace)


def _number(value: Any) -> tuple[float | None, bool]:
    """A JSON value as a float or None, and whether it is NaN or infinite."""
    if value is None:
        return None, False
    if isinstance(value, str):
        if value not in ODD_NUMBERS:
            raise ValueError(f"{value!r} is no number")
        return ODD_NUMBERS[value], True
    if isinstance(value, int | float):
        return float(value), False
    raise ValueError(f"{type(value).__name__} is no number")


_HANDLERS = {
    "started": RunLines._started,
    "planned": RunLines._planned,
    "state": RunLines._state_changed,
    "evaluation": RunLines._evaluation,
    "checkpoint": RunLines._checkpoint,
    "settings_applied": RunLines._settings_applied,
    "sample": RunLines._sample,
    "log": RunLines._logged,
    "warning": RunLines._warned,
    "model_saved": RunLines._model_saved,
    "ended": RunLines._ended,
    "command_done": RunLines._command_done,
}
"""Every kind of contract/events.py that a training job says, but metrics."""
