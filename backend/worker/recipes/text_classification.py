"""Fine-tune an encoder to put texts into classes.

AdamW with warm-up and schedule, clipping, label smoothing, early stopping, dynamic padding with like lengths
together, bf16 and fp16 where the device has them, gradient accumulation and checkpointing, all weights or LoRA.
Evaluates on the validation part, ends with the test part. Pauses, stops, saves on command; a killed run goes on bit for
bit on the CPU. Not here: several cards, streaming data.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from backend.contract.events import Evaluation
from backend.contract.jobs import JobSpec
from backend.contract.recipes import TextClassificationSettings
from backend.contract.states import FailureCode
from backend.data import versions
from backend.data.split import Split, SplitPlan, make_split
from backend.worker.parts import data, metrics, model, result
from backend.worker.parts.failure import RunFailed
from backend.worker.parts.material import dataset_folder
from backend.worker.parts.recipe import Batch, Built, Loss, Material, Outcome
from backend.worker.parts.trainer import GlobalLoss


@dataclass
class Texts:
    """Rows and their split."""

    texts: list[str]
    labels: list[str]
    split: Split


class TextClassification:
    """One class for a text. See parts/recipe.py for when each method is called."""

    task = "text-classification"

    # ---- data and model ----------------------------------------------------------------------------------------------

    def read(self, spec: JobSpec, settings: TextClassificationSettings) -> Material:
        """Rows, split and sorted labels."""
        folder, name = dataset_folder(spec)
        examples = versions.load_examples(folder)
        split = make_split(examples.texts, examples.labels, examples.given, SplitPlan.of(settings))
        problem = split.problem(examples.labels)
        if problem:
            raise RunFailed(FailureCode.DATA, f"{name}: {problem}.", "Give other data, or change the split.")
        labels = tuple(sorted(set(examples.labels)))
        counts = {label: sum(examples.labels[row] == label for row in split.train) for label in labels}
        return Material(
            parts=Texts(examples.texts, examples.labels, split),
            labels=labels,
            duplicates=split.duplicates,
            removed=split.removed,
            facts={"label_counts": counts},
        )

    def build(self, spec: JobSpec, settings: TextClassificationSettings, material: Material, made: Path) -> Built:  # noqa: ARG002 nothing is made
        """The base model with a new head, texts as token ids."""
        from transformers import AutoModelForSequenceClassification, set_seed

        base = model.find_base(spec.base_model)
        tokenizer = model.load_tokenizer(base)
        config = model.load_config(base, settings, tokenizer.pad_token_id, labels=material.labels)
        limit = model.check_length(base, config, tokenizer, settings.max_length)
        texts, numbers = material.parts, {name: number for number, name in enumerate(material.labels)}
        train, validation, test = (
            data.encode(
                tokenizer,
                [texts.texts[row] for row in rows],
                [numbers[texts.labels[row]] for row in rows],
                settings.max_length,
            )
            for rows in (texts.split.train, texts.split.validation, texts.split.test)
        )
        set_seed(settings.seed)  # the new head is drawn from here on
        network = model.load_model(base, config, settings, AutoModelForSequenceClassification, adapters="SEQ_CLS")
        return Built(
            tokenizer=tokenizer,
            network=network,
            train=train,
            validation=validation,
            test=test,
            pad_id=tokenizer.pad_token_id,
            base=base.reference(),
            facts={"max_length_limit": limit},
        )

    def collate(self, part: data.Encoded, built: Built, *, pin: bool) -> Callable[[Sequence[int]], Batch]:
        """Padded to the longest text of the batch."""
        return data.Collate(part, built.pad_id, pin=pin)

    def loss(self, settings: TextClassificationSettings) -> Loss:
        """Cross entropy."""
        return GlobalLoss(settings.label_smoothing)

    # ---- how good it is ----------------------------------------------------------------------------------------------

    def predict(
        self,
        network: Any,
        part: data.Encoded,
        built: Built,
        settings: TextClassificationSettings,
        device: torch.device,
        rows: Sequence[int] | None = None,
    ) -> metrics.Predictions:
        """Logits of each row."""
        size = max(32, settings.batch_size)
        return metrics.predict(network, part, built.pad_id, batch_size=size, device=device, rows=rows)

    def evaluate(
        self,
        found: metrics.Predictions,
        part: data.Encoded,  # noqa: ARG002 every recipe gets it
        material: Material,
        *,
        step: int,
        epoch: float | None,
        split: str,
    ) -> Evaluation:
        """Loss, accuracy, precision, recall and F1, per class too, and the confusion matrix."""
        return metrics.evaluate(found, material.labels, step=step, epoch=epoch, split=split)

    def sample_rows(self, part: data.Encoded) -> list[int]:
        """Taken in turns from every class, so that each is seen."""
        return data.in_turns(part.labels)

    def samples(
        self, found: metrics.Predictions, part: data.Encoded, rows: Sequence[int], material: Material
    ) -> list[dict[str, Any]]:
        """Text, right class, chosen class and its probability."""
        return [
            {
                "text": part.texts[row],
                "expected": material.labels[part.labels[row]],
                "predicted": material.labels[chosen],
                "score": float(shares[chosen]),
            }
            for row, chosen, shares in zip(rows, found.predicted.tolist(), found.probabilities, strict=True)
        ]

    # ---- the result --------------------------------------------------------------------------------------------------

    def write(self, outcome: Outcome, folder: Path) -> None:
        """model/: see parts/result.py."""
        settings = outcome.settings
        kept = result.Result(
            model=outcome.network,
            tokenizer=outcome.built.tokenizer,
            labels=outcome.material.labels,
            max_length=settings.max_length,  # type: ignore[attr-defined]
            held_out=result.together([outcome.built.validation, outcome.built.test]),
            batch_size=outcome.batch_size,
            facts=outcome.facts,
        )
        result.write_result(kept, folder)


RECIPE = TextClassification()
