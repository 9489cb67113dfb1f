"""`trainer_state.json` of a Hugging Face Trainer: its log history under the names its TensorBoard callback gives."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backend.contract.errors import TooLarge
from backend.data.foreign.found import Facts, Keys, Notes, Row, bounded, step_of
from backend.data.source import check_regular, data_error

LARGEST = 128 << 20
_FACTS = (
    "best_metric", "best_model_checkpoint", "best_global_step", "num_train_epochs", "train_batch_size", "max_steps",
    "logging_steps", "eval_steps", "save_steps", "trial_name", "trial_params",
)  # fmt: skip


class TrainerState:
    """One trainer_state.json."""

    kind = "trainer_state"

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.files: tuple[Path, ...] = (path,)
        self.facts = Facts(name=name)
        self.notes = Notes()

    def rows(self) -> Iterator[Row]:
        """Each entry of log_history; the file knows no times."""
        found = self._load()
        history = found.get("log_history")
        if not isinstance(history, list):
            raise data_error(self.path, "has no list log_history.", fix="Give the trainer_state.json of a Trainer.")
        self._take_facts(found)
        keys = Keys(self.notes)
        for number, entry in enumerate(history, start=1):
            row = self._row(entry, f"{self.path.name}, log_history entry {number:,}", keys)
            if row is not None:
                yield row

    def _load(self) -> dict[str, Any]:
        status = check_regular(self.path)
        if status.st_size > LARGEST:
            text = f"{self.path.name} has {status.st_size:,} bytes; at most {LARGEST:,} are read at once."
            raise TooLarge(text, fix="Import the TensorBoard event files of this training instead.")
        try:
            found = json.loads(self.path.read_bytes())
        except (ValueError, RecursionError) as error:
            line = error.lineno if isinstance(error, json.JSONDecodeError) else None
            raise data_error(self.path, f"is not JSON ({str(error)[:120]}).", line=line) from error
        if not isinstance(found, dict):
            raise data_error(self.path, "is no JSON object.")
        return found

    def _take_facts(self, found: dict[str, Any]) -> None:
        facts = self.facts
        facts.config = bounded({name: found[name] for name in _FACTS if found.get(name) is not None}, self.notes)
        total, at = found.get("max_steps"), found.get("global_step")
        if isinstance(total, int) and not isinstance(total, bool) and total > 0:
            facts.total_steps = total
            if isinstance(at, int) and at < total:
                facts.state = "stopped"
                facts.cause = f"This state is of step {at:,} of {total:,}"

    def _row(self, entry: Any, where: str, keys: Keys) -> Row | None:
        step = entry.get("step") if isinstance(entry, dict) else None
        whole = step_of(step) if isinstance(step, int | float) and not isinstance(step, bool) else None
        if whole is None:
            self.notes.tell(where, f"its step {step!r:.40} is no whole number; it was left out")
            return None
        values: dict[str, float | None] = {}
        epoch = None
        for name, value in entry.items():
            number = _number(value)
            if name == "step":
                continue
            if number is None:
                self.notes.tell(where, f"{name[:60]!r} is no number; it was left out")
            elif name == "epoch":
                epoch = number if math.isfinite(number) else None
            elif keys.take(key := renamed(name)):
                values[key] = number
        return Row(whole, None, values, epoch) if values else None


def renamed(name: str) -> str:
    """`eval_loss` → `eval/loss`, `loss` → `train/loss`: as transformers' own loggers do it."""
    for part in ("eval", "test"):
        if name.startswith(f"{part}_"):
            return f"{part}/{name.removeprefix(f'{part}_')}"
    return f"train/{name}"


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
