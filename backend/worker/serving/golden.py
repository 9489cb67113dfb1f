"""golden.json: inputs with the answers that training saw; a version that answers otherwise is not the one that was
trained."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from backend.data.agreement import first_difference

Answer = Callable[[Sequence[Any], Sequence[bool]], dict[str, Any]]
"""Of a Predictor."""


class BadModel(Exception):
    """This folder cannot be served; the text says why, for the person who asked."""


class BadGolden(ValueError):
    """golden.json is missing or does not fit the labels."""


class Golden(NamedTuple):
    """Inputs with their scores in label order; max_length is where training cut its texts, where it says so."""

    inputs: list[str]
    scores: list[list[float]]
    max_length: int | None


def check_outputs(path: Path, answer: Answer, *, on_cpu: bool) -> int:
    """Ask the golden inputs and compare every text and number of the outputs; returns how many agreed, raises BadModel
    for the first that does not. Another device adds up in another order and gets ten times the tolerance."""
    try:
        found = json.loads((path / "golden.json").read_bytes())
        inputs, expected = list(found["inputs"]), list(found["outputs"])
        tolerance = float(found.get("tolerance", 2e-3)) * (1 if on_cpu else 10)
    except FileNotFoundError as error:
        raise BadModel("golden.json is missing") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadModel(f"golden.json does not fit: {type(error).__name__} {error}") from error
    if not inputs or len(inputs) != len(expected):
        raise BadModel(f"golden.json has {len(inputs)} inputs and {len(expected)} outputs")
    outputs = answer(inputs, [True] * len(inputs))["outputs"]
    for index, (wanted, got) in enumerate(zip(expected, outputs, strict=True)):
        difference = first_difference(wanted, got, tolerance)
        if difference:
            raise BadModel(f"golden input {index + 1} of {len(inputs)}: {difference}")
    return len(inputs)


def read_golden(path: Path, labels: tuple[str, ...]) -> Golden:
    """Read `path`/golden.json; raises BadGolden."""
    try:
        found = json.loads((path / "golden.json").read_bytes())
        inputs = [str(text) for text in found["inputs"]]
        scores = [_in_order(output, labels) for output in found["outputs"]]
    except FileNotFoundError as error:
        raise BadGolden("golden.json is missing") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadGolden(f"golden.json does not fit: {type(error).__name__} {error}") from error
    if not inputs or len(inputs) != len(scores):
        raise BadGolden(f"golden.json has {len(inputs)} inputs and {len(scores)} outputs")
    length = found.get("max_length")
    return Golden(inputs, scores, length if isinstance(length, int) and length > 0 else None)


def _in_order(output: Any, labels: tuple[str, ...]) -> list[float]:
    scores = output["scores"] if isinstance(output, dict) else output
    if isinstance(scores, dict):
        return [float(scores[label]) for label in labels]
    if len(scores) != len(labels):
        raise ValueError(f"{len(scores)} scores for {len(labels)} labels")
    return [float(score) for score in scores]
