"""What a recipe decides, and what the spine (training.py) hands it. A recipe is one file with one such class."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from backend.contract.events import Evaluation, Warned
from backend.contract.jobs import JobSpec
from backend.contract.recipes import TrainingSettings

Batch = dict[str, Any]
"""Tensors by name; "labels" is what the loss gets, "tokens" the count of places without padding."""


class Part(Protocol):
    """A part of the data as the model sees it: train, validation or test."""

    @property
    def sizes(self) -> Sequence[int]:
        """How long each row is; like sizes meet in a batch."""
        ...

    @property
    def truncated(self) -> int:
        """Rows that were cut."""
        ...

    def __len__(self) -> int: ...


class Found(Protocol):
    """What the model said of some rows, in their order."""

    @property
    def seconds(self) -> float: ...

    def pick(self, places: Sequence[int]) -> "Found":
        """Of these rows only."""
        ...


class Loss(Protocol):
    """Summed over the micro-batch and divided by what the global batch holds: `count` of labels that are not -100."""

    def __call__(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor: ...


@dataclass
class Material:
    """The data, read, checked and split; nothing of the model yet. `parts` is the recipe's own."""

    parts: Any
    labels: tuple[str, ...] = ()
    duplicates: int = 0  # examples that stand on two sides of the split
    removed: int = 0
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Built:
    """Model and encoded data. The network has its random weights already."""

    tokenizer: Any  # or whatever prepares inputs; saved with the result
    network: Any
    train: Any
    validation: Any
    test: Any
    pad_id: int
    base: dict[str, Any]  # what a checkpoint of adapters must name
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[Warned] = field(default_factory=list)


@dataclass
class Outcome:
    """What is to be kept in model/."""

    job: JobSpec
    settings: TrainingSettings
    material: Material
    built: Built
    network: Any  # unwrapped, adapters merged, on the CPU
    batch_size: int
    facts: dict[str, Any]


class Recipe(Protocol):
    """One way of training. Methods are called in this order; each may raise RunFailed or Invalid."""

    task: str

    def read(self, spec: JobSpec, settings: Any) -> Material:
        """The data of this run. No worker is started for data that the checks before a run refuse."""
        ...

    def build(self, spec: JobSpec, settings: Any, material: Material, made: Path) -> Built:
        """Tokenizer, network and encoded parts; calls set_seed(settings.seed) right before it draws weights. `made` is
        a folder of this run for what is made once and used by later attempts and forks, too."""
        ...

    def collate(self, part: Any, built: Built, *, pin: bool) -> Callable[[Sequence[int]], Batch]:
        """Rows of a part → a batch."""
        ...

    def loss(self, settings: Any) -> Loss: ...

    def predict(
        self, model: Any, part: Any, built: Built, settings: Any, device: torch.device, rows: Sequence[int] | None
    ) -> Any:
        """What the model says of a part (or of some of its rows): a Found. Draws no random numbers and leaves the mode
        of the model as it was."""
        ...

    def evaluate(
        self, found: Any, part: Any, material: Material, *, step: int, epoch: float | None, split: str
    ) -> Evaluation:
        """How good that is; every value is named eval/… for validation and test/… for the test part."""
        ...

    def sample_rows(self, part: Any) -> list[int]:
        """A few fixed rows that are shown while the model learns."""
        ...

    def samples(self, found: Any, part: Any, rows: Sequence[int], material: Material) -> list[dict[str, Any]]:
        """{"text", "expected", "predicted", "score" or None} of the rows that `found` is about."""
        ...

    def write(self, outcome: Outcome, folder: Path) -> None:
        """Everything a registered version needs: weights, signature.json, golden.json, profile.json, facts.json."""
        ...
