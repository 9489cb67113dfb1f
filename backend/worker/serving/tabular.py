"""A number or a class for a row of a table: {"column": value, …}; null where a value is not known."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backend.worker.parts import table
from backend.worker.serving.folder import read_json
from backend.worker.serving.golden import BadModel, check_outputs

MOST_COLUMNS = 2000


class TablePredictor:
    """A loaded version. Not thread-safe: one thread asks it at a time."""

    def __init__(self, path: Path, *, device: str = "auto", max_tokens: int | None = None) -> None:  # noqa: ARG002 trees and lines run on the processor, rows are never cut
        """Read and check the folder; raises BadModel naming what is missing, wrong or does not fit."""
        self.path = path
        self._told: set[int] = set()  # threads that take one core; an engine loads in another one than it answers in
        self.kinds, self.regression = read_columns(path)
        self.labels = () if self.regression else read_labels(path)
        self.pipeline = table.open_pipeline(path, list(self.kinds.values()), regression=self.regression)
        self._known = known_categories(self.pipeline, list(self.kinds.values()))
        if not self.regression:
            classes = np.asarray(self.pipeline.named_steps["model"].classes_)
            if not set(classes.tolist()) <= set(range(len(self.labels))):
                raise BadModel(f"{table.FILE} has other classes than labels.json")
            self._places = classes.astype(int)

    def answer(self, inputs: Sequence[dict[str, Any]], truncate: Sequence[bool]) -> dict[str, Any]:  # noqa: ARG002 rows are never cut
        """See Predictor; "tokens" is the count of columns, "unknown" the share of them that is empty or of a category
        that training never saw."""
        if threading.get_ident() not in self._told:
            table.use_threads(1)  # a request is a few rows
            self._told.add(threading.get_ident())
        started = time.perf_counter()
        kinds = list(self.kinds.values())
        cells = table.to_array([[one[name] for name in self.kinds] for one in inputs], kinds)
        prepared = time.perf_counter()
        outputs = self._values(cells) if self.regression else self._classes(cells)
        return {
            "outputs": outputs,
            "tokens": [len(kinds)] * len(inputs),
            "unknown": [round(self._unknown(row), 4) for row in cells],
            "truncated": [False] * len(inputs),
            "tokenize_ms": round((prepared - started) * 1e3, 3),
            "model_ms": round((time.perf_counter() - prepared) * 1e3, 3),
        }

    def _values(self, cells: np.ndarray) -> list[dict[str, Any]]:
        return [{"value": float(value)} for value in self.pipeline.predict(cells)]

    def _classes(self, cells: np.ndarray) -> list[dict[str, Any]]:
        found = np.zeros((len(cells), len(self.labels)))
        found[:, self._places] = self.pipeline.predict_proba(cells)
        outputs = []
        for row in found:
            best = int(row.argmax())
            scores = {name: round(float(share), 7) for name, share in zip(self.labels, row, strict=True)}
            outputs.append({"label": self.labels[best], "score": scores[self.labels[best]], "scores": scores})
        return outputs

    def _unknown(self, row: np.ndarray) -> float:
        strange = [
            np.isnan(cell) if known is None else cell == "" or cell not in known
            for cell, known in zip(row, self._known, strict=True)
        ]
        return float(np.mean(strange))

    def warm_up(self, max_batch: int) -> None:
        """One row without any value, and a full batch."""
        empty = dict.fromkeys(self.kinds)
        for size in sorted({1, max_batch}):
            self.answer([empty] * size, [True] * size)

    def check_golden(self) -> int:
        """See Predictor."""
        return check_outputs(self.path, self.answer, on_cpu=True)

    def facts(self) -> dict[str, Any]:
        """See Predictor."""
        return {
            "task": "tabular",
            "labels": list(self.labels),
            "limit": len(self.kinds),
            "device": "cpu",
            "parameters": 0,
            "fields": list(self.kinds),
            "kinds": {name: {"type": kind} for name, kind in self.kinds.items()},
        }


def read_columns(path: Path) -> tuple[dict[str, str], bool]:
    """Feature → number or text, and whether the answer is a number, as signature.json says; raises BadModel."""
    found = read_json(path / "signature.json")
    try:
        kinds = {str(name): str(field["type"]) for name, field in found["inputs"]["fields"].items()}
        kind = found["kind"]
    except (KeyError, TypeError, AttributeError) as error:
        raise BadModel(f"signature.json does not fit: {type(error).__name__} {error}") from error
    if not 0 < len(kinds) <= MOST_COLUMNS or not set(kinds.values()) <= {"number", "text"}:
        raise BadModel("signature.json names no columns of numbers and texts")
    if kind not in ("regression", "classification"):
        raise BadModel(f"signature.json names the kind {str(kind)[:80]!r}")
    return kinds, kind == "regression"


def read_labels(path: Path) -> tuple[str, ...]:
    """labels.json; raises BadModel."""
    found = read_json(path / "labels.json")
    if not isinstance(found, list) or len(found) < 2 or not all(isinstance(label, str) for label in found):
        raise BadModel("labels.json is not a list of two names or more")
    return tuple(found)


def known_categories(pipeline: Any, kinds: Sequence[str]) -> list[frozenset[str] | None]:
    """Of each column the texts that training saw; None for numbers."""
    columns = pipeline.named_steps["columns"]
    seen = iter(columns.named_transformers_["text"].categories_ if "text" in kinds else ())
    return [None if kind == "number" else frozenset(next(seen).tolist()) for kind in kinds]
