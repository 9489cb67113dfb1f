"""How tasks of data and models, and the roles of columns in them, are called; every task of the contract has words."""

from __future__ import annotations

from backend.contract.tasks import ROLES, Role
from console.i18n import mark, tr

TASKS: dict[str, str] = {
    "text-classification": mark("Text classification"),
    "token-classification": mark("Token classification"),
    "translation": mark("Translation"),
    "summarization": mark("Summarization"),
    "question-answering": mark("Question answering"),
    "text-generation": mark("Text generation"),
    "instructions": mark("Instructions and answers"),
    "sentence-pairs": mark("Sentence pairs"),
    "image-classification": mark("Image classification"),
    "tabular": mark("Table with a target"),
    "table": mark("Other table"),
}
"""Tasks of data, in the order they are offered."""

MODEL_TASKS: dict[str, str] = {
    **TASKS,
    "tabular": mark("Prediction from a table"),
    "tabular-classification": mark("Classes from a table"),
    "tabular-regression": mark("Numbers from a table"),
    "fill-mask": mark("Missing words"),
    "sentence-embedding": mark("Sentence embedding"),
    "embedding": mark("Embedding"),
}
"""Tasks of models."""

_ROLES: dict[str, str] = {
    "text": mark("Text"),
    "text_pair": mark("Second text"),
    "label": mark("Label"),
    "split": mark("Split"),
    "tokens": mark("Words"),
    "tags": mark("Tags"),
    "source": mark("Source text"),
    "target": mark("Target text"),
    "document": mark("Document"),
    "summary": mark("Summary##column"),
    "question": mark("Question"),
    "context": mark("Context"),
    "answer": mark("Answer"),
    "answer_start": mark("Start of the answer"),
    "prompt": mark("Prompt"),
    "response": mark("Response"),
    "system": mark("System prompt"),
    "anchor": mark("Sentence"),
    "positive": mark("Sentence that fits"),
}
_OF_TASK: dict[tuple[str, str], str] = {("tabular", "target"): mark("Target column")}

ANY_TABLE: tuple[Role, ...] = tuple(
    Role(role.name, role.spellings, needed=False)
    for role in ROLES["text-classification"]
    if role.name in ("text", "label", "split")
)
"""What may be said of a table that is for nothing in particular."""


def roles_of(task: str) -> tuple[Role, ...]:
    """The roles a form asks for, in its order."""
    return ROLES.get(task) or ANY_TABLE


def task_name(task: str) -> str:
    """Text classification: what data are for."""
    return _named(TASKS, task)


def model_task_name(task: str) -> str:
    """Missing words: what a model does."""
    return _named(MODEL_TASKS, task)


def _named(names: dict[str, str], task: str) -> str:
    known = names.get(task.replace("_", "-"))
    return tr(known) if known else task.replace("-", " ").replace("_", " ").capitalize()


def role_name(task: str, role: str) -> str:
    """Label; one that nobody knows here by its own name."""
    known = _OF_TASK.get((task, role)) or _ROLES.get(role)
    return tr(known) if known else role.replace("_", " ").capitalize()
