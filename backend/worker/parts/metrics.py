"""How good predictions are: a pass over a held-out part, accuracy, precision, recall, F1 per class, confusion
matrix.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from backend.contract.events import Evaluation
from backend.worker.parts.data import Collate, Encoded


@dataclass(frozen=True)
class Predictions:
    """Logits of a part, float32, rows × classes, in the order of the part."""

    logits: np.ndarray
    labels: np.ndarray
    seconds: float

    @property
    def probabilities(self) -> np.ndarray:
        """Softmax of the logits."""
        shifted = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)

    def pick(self, places: Sequence[int]) -> "Predictions":
        """Of these rows only."""
        return Predictions(self.logits[list(places)], self.labels[list(places)], 0.0)

    @property
    def predicted(self) -> np.ndarray:
        return self.logits.argmax(axis=1)


def predict(
    model: Any, data: Encoded, pad_id: int, *, batch_size: int, device: torch.device, rows: Sequence[int] | None = None
) -> Predictions:
    """Run the model over a part in eval mode, longest texts first; draws no random numbers and leaves the mode as
    it was.
    """
    begun = time.perf_counter()
    rows = range(len(data)) if rows is None else rows
    order = sorted(rows, key=lambda row: -len(data.tokens[row]))
    collate = Collate(data, pad_id)
    place = {row: at for at, row in enumerate(rows)}
    logits: np.ndarray | None = None
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            for at in range(0, len(order), batch_size):
                picked = order[at : at + batch_size]
                batch = collate(picked)
                inputs = {name: batch[name].to(device) for name in ("input_ids", "attention_mask")}
                found = model(**inputs).logits.float().cpu().numpy()
                if logits is None:
                    logits = np.empty((len(place), found.shape[1]), dtype=np.float32)
                logits[[place[row] for row in picked]] = found
    finally:
        model.train(was_training)
    labels = np.asarray([data.labels[row] for row in rows])
    return Predictions(
        logits if logits is not None else np.empty((0, 0), np.float32), labels, time.perf_counter() - begun
    )


def evaluate(found: Predictions, labels: Sequence[str], *, step: int, epoch: float | None, split: str) -> Evaluation:
    """The `evaluation` event. Macro means over the classes that occur in the labels or the predictions (as scikit-
    learn does).
    """
    prefix = "eval" if split == "validation" else split
    confusion = confusion_matrix(found.labels, found.predicted, len(labels))
    per_class = class_scores(confusion, labels)
    seen = [name for row, name in enumerate(labels) if confusion[row].sum() + confusion[:, row].sum() > 0]
    values: dict[str, float | None] = {
        f"{prefix}/loss": cross_entropy(found),
        f"{prefix}/accuracy": float(np.trace(confusion) / confusion.sum()),
    }
    for score in ("f1", "precision", "recall"):
        values[f"{prefix}/{score}"] = float(np.mean([per_class[name][score] for name in seen]))
    return Evaluation(
        step=step, epoch=epoch, split=split, rows=len(found.labels), values=values, labels=tuple(labels),
        per_class=per_class,
        confusion=tuple(tuple(int(n) for n in row) for row in confusion), seconds=found.seconds,
    )  # fmt: skip


def cross_entropy(found: Predictions) -> float:
    """Mean of −log softmax of the right class, in nats; without label smoothing, so that runs can be compared."""
    logits = found.logits.astype(np.float64)
    top = logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
    return float(np.mean(log_sum - logits[np.arange(len(logits)), found.labels]))


def confusion_matrix(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts: rows true, columns predicted."""
    return np.bincount(true * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def class_scores(confusion: np.ndarray, labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and support of each class; 0 where nothing was predicted or nothing is there."""
    scores = {}
    for row, name in enumerate(labels):
        hit, predicted, true = float(confusion[row, row]), float(confusion[:, row].sum()), float(confusion[row].sum())
        precision, recall = hit / predicted if predicted else 0.0, hit / true if true else 0.0
        f1 = 2 * hit / (predicted + true) if predicted + true else 0.0
        scores[name] = {"precision": precision, "recall": recall, "f1": f1, "support": true}
    return scores


def is_better(metric: str) -> Callable[[float, float], bool]:
    """How two values of a metric compare: losses want to fall, the rest wants to rise."""
    return (lambda new, old: new < old) if metric.endswith("loss") else (lambda new, old: new > old)
