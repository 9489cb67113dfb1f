"""What an engine needs of a loaded version, whatever its task, and which class answers for which task."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from backend.worker.serving.folder import read_json
from backend.worker.serving.golden import BadModel

TASKS = {
    "question-answering": ("reader", "Reader"),
    "sentence-embedding": ("embedder", "Embedder"),
    "fill-mask": ("filler", "Filler"),
    "image-classification": ("viewer", "Viewer"),
    "tabular": ("tabular", "TablePredictor"),
    "text-classification": ("classifier", "Classifier"),
    "text-generation": ("generator", "Generator"),
    "token-classification": ("tagger", "Tagger"),
    "translation": ("writer", "Writer"),
    "summarization": ("writer", "Writer"),
}
"""Task of a signature → module of this package and class in it."""


class Predictor(Protocol):
    """A loaded version. Not thread-safe: one thread asks it at a time."""

    def answer(self, inputs: Sequence[Any], truncate: Sequence[bool]) -> dict[str, Any]:
        """{"outputs": one object an input, None where it is over the limit and may not be cut, "tokens" before any cut,
        "unknown" shares, "truncated", "tokenize_ms", "model_ms"}. An output may have "label" and "score", which are
        watched for drift."""
        ...

    def warm_up(self, max_batch: int) -> None:
        """Run several shapes; raises whatever the model raises."""
        ...

    def check_golden(self) -> int:
        """Answer the golden inputs as training did; returns how many agreed, raises BadModel for the first that does
        not."""
        ...

    def facts(self) -> dict[str, Any]:
        """What the gateway should know: task, labels, limit, device, parameters; "fields" where an input is an object
        with these and not a text, "text_fields" those of them that must be texts with something in them;
        "max_new_tokens" where requests may have parameters; "mark" where every text must hold it; "kinds" what
        else is asked of values (see strict.check_inputs)."""
        ...


def open_predictor(path: Path, *, device: str = "auto", max_tokens: int | None = None) -> Predictor:
    """Load the version in a folder as what its signature says it is; raises BadModel."""
    task = task_of(path)
    if task not in TASKS:
        raise BadModel(f"signature.json names the task {task[:80]!r}; known are {', '.join(TASKS)}")
    module, name = TASKS[task]
    made: Predictor = getattr(import_module(f"{__package__}.{module}"), name)(
        path, device=device, max_tokens=max_tokens
    )
    return made


def task_of(path: Path) -> str:
    """What signature.json says; a folder without one is a text classifier of somebody else."""
    if not (path / "signature.json").is_file():
        return "text-classification"
    found = read_json(path / "signature.json")
    return str(found.get("task") or "text-classification") if isinstance(found, dict) else "text-classification"
