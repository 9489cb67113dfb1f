"""Learn a column of a table from the others with scikit-learn: ridge or logistic regression, boosting, forests.

Numbers and categories go through one pipeline that is kept with the model (parts/table.py). Models of trees grow in
slices, so that a curve is seen and a stop is heard; beside every score stands what the simplest answer would have had:
the mean, or the most frequent class. There are no checkpoints: what is computed is a pure function of data, settings
and seed, so an attempt after a death begins anew and ends with the same model. Not through the spine: no torch trains.
"""

import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.contract.commands import Stop
from backend.contract.events import Ended, Evaluation, ModelSaved, Planned, Sampled, Started, StateChanged, Warned
from backend.contract.recipes import TabularSettings
from backend.contract.states import FailureCode
from backend.data import versions
from backend.data.split import Split
from backend.data.tables import BadTable, Table, is_blank, read_table, split_of, split_problem
from backend.worker.parts import device as devices
from backend.worker.parts import metrics, result, table
from backend.worker.parts.checkpoint import commit
from backend.worker.parts.data import in_turns
from backend.worker.parts.failure import RunFailed
from backend.worker.parts.job import Job, listen
from backend.worker.parts.material import dataset_folder
from backend.worker.parts.state import write_json

SLICES = 20
"""Trees grow in so many slices; after each the validation part is judged."""

SAMPLES = 8
GOLDEN = 16
GOLDEN_TOLERANCE = 1e-6
SURE = 1e-15
"""A probability of 0 counts as this in the loss."""


@dataclass
class Part:
    """Rows of one side of the split."""

    rows: tuple[int, ...]  # of the data, from 0
    features: np.ndarray
    target: np.ndarray  # float, or number of the class


@dataclass
class Ready:
    """Everything that stands before the first fit."""

    settings: TabularSettings
    table: Table
    split: Split
    kinds: tuple[str, ...]  # number or text of each feature
    labels: tuple[str, ...]  # of classes; none where the target is a number
    parts: dict[str, Part]
    steps: tuple[int, ...]  # trees after each slice
    environment: dict[str, Any]


def run(job: Job) -> Ended:
    """Learn; the returned event is the last word of the attempt. Raises what parts/failure.py can explain."""
    ready = prepare(job)
    job.progress.stage = "train"
    job.log.append("state", StateChanged(state="running", step=0), sync=True)
    pipeline = table.new_pipeline(ready.kinds, ready.settings, regression=ready.table.regression)
    columns, model = pipeline.named_steps["columns"], pipeline.named_steps["model"]
    train = ready.parts["train"]
    prepared = columns.fit_transform(train.features)
    for step in ready.steps:
        begun = time.perf_counter()
        if ready.settings.model != "linear":
            table.grow(model, step)
        model.fit(prepared, train.target)
        spent = max(time.perf_counter() - begun, 1e-9)
        job.progress.step = step
        values = {"train/step_s": spent, "train/samples_per_s": len(train.rows) / spent}
        trained = judge(ready, pipeline, "train", step).values
        values |= {name: value for name, value in trained.items() if value is not None and "reference" not in name}
        job.log.add_metrics(step, None, values)
        judged = judge(ready, pipeline, "validation", step)
        job.log.append("evaluation", judged)
        job.log.append("sample", Sampled(step=step, items=tuple(samples(ready, pipeline))))
        if stop_asked(job, step):
            return Ended(
                outcome="stopped", step=step, text=f"Stopped at step {step}; a table's model is not kept half."
            )
    return finish(job, ready, pipeline, judged)


def prepare(job: Job) -> Ready:
    """Settings, data, split, plan; says `started` and `planned` on the way."""
    settings = TabularSettings.model_validate(job.spec.settings)
    job.progress.settings = settings.model_dump()
    threads = devices.default_threads()
    table.use_threads(threads)
    environment = result.environment(threads, torch.device("cpu"))
    started = Started(
        attempt=job.attempt, pid=os.getpid(), recipe="tabular", device="cpu", environment=environment,
        settings=settings.model_dump(),
    )  # fmt: skip
    job.log.append("started", started, sync=True)
    listen(job)
    job.progress.stage = "data"
    folder, name = dataset_folder(job.spec)
    try:
        found = read_table(versions.load_columns(folder, "tabular", others=True), settings.kind)
    except BadTable as error:
        where = "" if error.row is None else f", row {error.row + 1}"
        raise RunFailed(FailureCode.DATA, f"{name}{where}: {error}.", error.fix or "Mend the data.") from error
    split = split_of(found, settings)
    problem = split_problem(found, split)
    if problem:
        raise RunFailed(FailureCode.DATA, f"{name}: {problem}.", "Give other data, or change the split.")
    ready = arrange(settings, found, split, environment)
    say_planned(job, ready)
    listen(job)
    return ready


def arrange(settings: TabularSettings, found: Table, split: Split, environment: dict[str, Any]) -> Ready:
    """Parts as arrays, and how many trees stand after each slice."""
    kinds = tuple(found.kinds.values())
    labels = () if found.regression else tuple(sorted(set(found.target)))
    numbers = {label: place for place, label in enumerate(labels)}
    target = np.asarray([float(text) if found.regression else numbers[text] for text in found.target])
    cells = table.to_array(list(zip(*found.features.values(), strict=True)), kinds)
    sides = {"train": split.train, "validation": split.validation, "test": split.test}
    parts = {name: Part(rows, cells[list(rows)], target[list(rows)]) for name, rows in sides.items()}
    slices = min(SLICES, settings.trees)
    steps = tuple(settings.trees * (at + 1) // slices for at in range(slices)) if settings.model != "linear" else (1,)
    return Ready(settings, found, split, kinds, labels, parts, steps, environment)


def say_planned(job: Job, ready: Ready) -> None:
    """`planned`, and a marker where rows stand on two sides."""
    split = ready.split
    planned = Planned(
        total_steps=ready.steps[-1],
        train_rows=len(split.train),
        validation_rows=len(split.validation),
        test_rows=len(split.test),
        duplicates_removed=split.removed,
        labels=ready.labels,
        facts={"kind": "regression" if ready.table.regression else "classification", "columns": ready.table.kinds},
    )
    job.log.append("planned", planned, sync=True)
    if split.duplicates and not split.removed:
        text = f"{split.duplicates} rows stand on both sides of the split; the scores look better than they are."
        job.log.append("warning", Warned(code="split_overlap", text=text, advice="Switch Drop duplicates on."))


def stop_asked(job: Job, step: int) -> bool:
    """Answer what came; whether one of it was a stop."""
    for command in job.control.poll():
        if isinstance(command, Stop):
            job.log.append("state", StateChanged(state="stopping", step=step), sync=True)
            job.control.done(command, text=f"Stopped after step {step}.", result={"step": step})
            return True
        job.control.done(command, ok=False, text="Learning from a table can only be stopped.")
    return False


# ---- how good it is --------------------------------------------------------------------------------------------------


def judge(ready: Ready, pipeline: Any, name: str, step: int) -> Evaluation:
    """Scores of a part, beside those of the simplest answer."""
    part, begun = ready.parts[name], time.perf_counter()
    if ready.table.regression:
        found = regression(part.target, pipeline.predict(part.features), float(ready.parts["train"].target.mean()))
        judged = Evaluation(step=step, split=name, rows=len(part.rows), values=found)
    else:
        shares = pipeline.predict_proba(part.features)
        judged = classification(ready, part, whole(shares, pipeline, len(ready.labels)), name, step)
    prefix = "eval" if name == "validation" else name
    values = {f"{prefix}/{key.rpartition('/')[2]}": value for key, value in judged.values.items()}
    return judged.model_copy(update={"values": values, "seconds": time.perf_counter() - begun})


def regression(target: np.ndarray, found: np.ndarray, mean: float) -> dict[str, float | None]:
    """R², mean absolute and root of mean squared error, and what the mean of the training part would have had. R² of
    a part with one value only is not defined."""
    from sklearn import metrics as known

    values: dict[str, float | None] = {}
    for prefix, answer in (("", found), ("reference_", np.full(len(target), mean))):
        r2 = float(known.r2_score(target, answer)) if np.ptp(target) > 0 else None
        values |= {
            f"{prefix}r2": r2,
            f"{prefix}mae": float(known.mean_absolute_error(target, answer)),
            f"{prefix}rmse": float(known.root_mean_squared_error(target, answer)),
        }
    return {"score": values["r2"], "loss": float(np.mean((target - found) ** 2)), **values}


def classification(ready: Ready, part: Part, shares: np.ndarray, name: str, step: int) -> Evaluation:
    """Loss, accuracy, macro and per-class precision, recall and F1, confusion, ROC AUC (one class against the rest;
    not defined while a class is missing), and what the most frequent class would have had."""
    target = part.target.astype(int)
    labels = ready.labels
    found = metrics.Predictions(np.log(np.maximum(shares, SURE)), target, 0.0)
    judged = metrics.evaluate(found, labels, step=step, epoch=None, split=name)
    frequent = Counter(ready.parts["train"].target.astype(int).tolist()).most_common(1)[0][0]
    answer = np.zeros_like(shares)
    answer[:, frequent] = 1
    simple = metrics.evaluate(metrics.Predictions(answer, target, 0.0), labels, step=step, epoch=None, split=name)
    values = {key.rpartition("/")[2]: value for key, value in judged.values.items()}
    values |= {f"reference_{key}": simple.values[f"{_prefix(name)}/{key}"] for key in ("accuracy", "f1")}
    values |= {"score": values["f1"], "roc_auc": roc_auc(target, shares)}
    return judged.model_copy(update={"values": values})


def roc_auc(target: np.ndarray, shares: np.ndarray) -> float | None:
    """Of the second of two classes, or the mean over all classes against the rest; None while one is missing."""
    from sklearn.metrics import roc_auc_score

    if len(set(target.tolist())) < shares.shape[1]:
        return None
    if shares.shape[1] == 2:
        return float(roc_auc_score(target, shares[:, 1]))
    return float(roc_auc_score(target, shares, multi_class="ovr"))


def whole(shares: np.ndarray, pipeline: Any, count: int) -> np.ndarray:
    """A column for each label, also for those the training part lacks."""
    found = np.zeros((len(shares), count))
    found[:, pipeline.classes_.astype(int)] = shares
    return found


def _prefix(name: str) -> str:
    return "eval" if name == "validation" else name


def samples(ready: Ready, pipeline: Any) -> list[dict[str, Any]]:
    """A few fixed rows, with the right and the given answer."""
    part, found = ready.parts["validation"], []
    places = range(len(part.rows)) if ready.table.regression else in_turns(part.target.astype(int).tolist())
    for place in places[:SAMPLES]:
        features = part.features[place : place + 1]
        row = part.rows[place]
        cells = ", ".join(f"{name} {texts[row]}" for name, texts in ready.table.features.items())
        item: dict[str, Any] = {
            "text": f"Row {row + 1}: {cells}"[:300],
            "expected": ready.table.target[row],
            "score": None,
        }
        if ready.table.regression:
            item["predicted"] = f"{float(pipeline.predict(features)[0]):.6g}"
        else:
            shares = whole(pipeline.predict_proba(features), pipeline, len(ready.labels))[0]
            item |= {"predicted": ready.labels[int(shares.argmax())], "score": float(shares.max())}
        found.append(item)
    return found


# ---- the result ------------------------------------------------------------------------------------------------------


def finish(job: Job, ready: Ready, pipeline: Any, judged: Evaluation) -> Ended:
    """The test part, and the result."""
    step = ready.steps[-1]
    job.progress.stage = "evaluate"
    tested = judge(ready, pipeline, "test", step) if ready.parts["test"].rows else None
    if tested:
        job.log.append("evaluation", tested, sync=True)
    values = {**judged.values, **(tested.values if tested else {})}
    job.progress.stage = "save"
    facts = describe(job, ready, values) | {
        "evaluation": (tested or judged).model_dump(mode="json"),
        "validation": judged.model_dump(mode="json"),
    }
    done = commit(job.folder.path, "model", lambda folder: write(ready, pipeline, facts, folder), facts={"step": step})
    saved = ModelSaved(step=step, path="model", size_bytes=done.size_bytes, best_step=step, metrics=values)
    job.log.append("model_saved", saved, sync=True)
    return Ended(outcome="completed", step=step, text=last_words(ready, judged))


def last_words(ready: Ready, judged: Evaluation) -> str:
    """How good it is, and against what."""
    values = judged.values
    if ready.table.regression:
        text = f"Mean error {values['eval/mae']:.4g}; the mean of the target has {values['eval/reference_mae']:.4g}."
        better = (values["eval/mae"] or 0) < (values["eval/reference_mae"] or 0)
    else:
        text = f"F1 {values['eval/f1']:.4f}; the most frequent class has {values['eval/reference_f1']:.4f}."
        better = (values["eval/f1"] or 0) > (values["eval/reference_f1"] or 0)
    return text if better else f"{text} It is no better than that simple answer."


def describe(job: Job, ready: Ready, values: dict[str, Any]) -> dict[str, Any]:
    """facts.json: where a result comes from."""
    return {
        "run": job.spec.job_id,
        "run_name": job.spec.name,
        "recipe": "tabular",
        "task": "tabular",
        "settings": ready.settings.model_dump(),
        "dataset": job.spec.dataset.model_dump(mode="json") if job.spec.dataset else None,
        "base_model": None,
        "environment": ready.environment,
        "commit": ready.environment.get("commit"),
        "metrics": values,
        "best_step": ready.steps[-1],
        "steps": ready.steps[-1],
        "note": "trained on cpu",
        "profile_rows": "validation and test",
    }


def write(ready: Ready, pipeline: Any, facts: dict[str, Any], folder: Path) -> None:
    """model/: the pipeline, its columns, labels, facts; golden answers and profile are what serving says."""
    table.save_pipeline(pipeline, folder)
    fields = {name: {"type": kind} for name, kind in ready.table.kinds.items()}
    classes = {
        "label": list(ready.labels),
        "score": "probability of the label, 0 to 1",
        "scores": "label → probability",
    }
    signature = {
        "task": "tabular",
        "kind": "regression" if ready.table.regression else "classification",
        "inputs": {"type": "object", "fields": fields},
        "outputs": {"value": "a number"} if ready.table.regression else classes,
    }
    write_json(folder / "signature.json", signature)
    write_json(folder / "facts.json", facts)
    if ready.labels:
        write_json(folder / "labels.json", list(ready.labels))
    rows = [*ready.split.validation, *ready.split.test]
    order = (
        range(len(rows))
        if ready.table.regression
        else in_turns([ready.labels.index(ready.table.target[r]) for r in rows])
    )
    held = [as_input(ready.table, rows[place]) for place in order]
    result.write_proof(folder, held, count=GOLDEN, tolerance=GOLDEN_TOLERANCE * spread(ready))


def spread(ready: Ready) -> float:
    """How far answers lie apart: what a difference is measured by."""
    return max(1.0, float(np.std(ready.parts["train"].target))) if ready.table.regression else 1.0


def as_input(found: Table, row: int) -> dict[str, Any]:
    """A row as a client would send it."""
    cells: dict[str, Any] = {}
    for name, kind in found.kinds.items():
        text = found.features[name][row]
        cells[name] = None if is_blank(text) else float(text) if kind == "number" else text
    return cells
