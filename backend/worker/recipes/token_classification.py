"""Fine-tune an encoder to give each word a tag: named entities, parts of speech.

A word is cut into pieces by the tokenizer; its first piece carries the tag, the others do not count. Tags that begin
with B- or I- are judged as whole entities (seqeval's rules), others tag by tag. Everything else is the spine's.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.contract.events import Evaluation
from backend.contract.jobs import JobSpec
from backend.contract.recipes import TokenClassificationSettings
from backend.contract.states import FailureCode
from backend.data import versions
from backend.data.split import Split, SplitPlan, make_split
from backend.data.tagged import BadRow, Tagged, is_chunked, read_tagged
from backend.worker.parts import batches, metrics, model, result
from backend.worker.parts.failure import RunFailed
from backend.worker.parts.material import dataset_folder
from backend.worker.parts.recipe import Batch, Built, Loss, Material, Outcome
from backend.worker.parts.trainer import TokenLoss
from backend.worker.serving.tagger import heads_of

IGNORED = -100
GOLDEN = 16


@dataclass(frozen=True)
class TaggedPart:
    """A part as the model sees it; row i of every list belongs to the same words."""

    words: list[list[str]]
    tags: list[np.ndarray]  # tag of each word, as numbers
    tokens: list[np.ndarray]  # pieces, cut at max_length
    labels: list[np.ndarray]  # tag of each piece, or IGNORED
    truncated: int

    def __len__(self) -> int:
        return len(self.words)

    @property
    def sizes(self) -> list[int]:
        """Pieces of each row."""
        return [len(ids) for ids in self.tokens]


@dataclass(frozen=True)
class Tags:
    """What the model said: per row the chosen tag of each word that was not cut away, and how sure it was."""

    chosen: list[np.ndarray]
    shares: list[np.ndarray]
    loss: float  # mean over the judged words, in nats
    seconds: float

    def pick(self, places: Sequence[int]) -> "Tags":
        """Of these rows only."""
        return Tags([self.chosen[at] for at in places], [self.shares[at] for at in places], self.loss, 0.0)


class TokenClassification:
    """A tag for each word. See parts/recipe.py for when each method is called."""

    task = "token-classification"

    # ---- data and model ----------------------------------------------------------------------------------------------

    def read(self, spec: JobSpec, settings: TokenClassificationSettings) -> Material:
        """Rows of words and tags, and their split."""
        folder, name = dataset_folder(spec)
        try:
            rows = read_tagged(versions.load_columns(folder, self.task))
        except BadRow as error:
            raise RunFailed(FailureCode.DATA, f"{name}, row {error.row + 1} {error}.", "Mend the data.") from error
        split = make_split(rows.texts, [""] * len(rows.texts), rows.given, SplitPlan.of(settings))
        labels = rows.labels
        counts = dict.fromkeys(labels, 0)
        for row in split.train:
            for tag in rows.tags[row]:
                counts[tag] += 1
        return Material((rows, split), labels, split.duplicates, split.removed, {"label_counts": counts})

    def build(self, spec: JobSpec, settings: TokenClassificationSettings, material: Material, made: Path) -> Built:  # noqa: ARG002 nothing is made
        """The base model with a new head, words as pieces."""
        from transformers import AutoModelForTokenClassification, set_seed

        base = model.find_base(spec.base_model)
        tokenizer = model.load_tokenizer(base, spaced=True)
        config = model.load_config(base, settings, tokenizer.pad_token_id, labels=material.labels)
        limit = model.check_length(base, config, tokenizer, settings.max_length)
        rows: Tagged
        split: Split
        rows, split = material.parts
        numbers = {name: number for number, name in enumerate(material.labels)}
        train, validation, test = (
            encode(
                tokenizer,
                [rows.words[row] for row in part],
                [np.asarray([numbers[tag] for tag in rows.tags[row]]) for row in part],
                settings.max_length,
            )
            for part in (split.train, split.validation, split.test)
        )
        set_seed(settings.seed)
        network = model.load_model(base, config, settings, AutoModelForTokenClassification, adapters="TOKEN_CLS")
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

    def collate(self, part: TaggedPart, built: Built, *, pin: bool) -> Callable[[Sequence[int]], Batch]:
        """Padded to the longest row of the batch."""
        return batches.TokenCollate(part.tokens, part.labels, built.pad_id, pin=pin)

    def loss(self, settings: TokenClassificationSettings) -> Loss:
        """Cross entropy over words."""
        return TokenLoss(settings.label_smoothing)

    # ---- how good it is ----------------------------------------------------------------------------------------------

    def predict(
        self,
        network: Any,
        part: TaggedPart,
        built: Built,
        settings: TokenClassificationSettings,
        device: torch.device,
        rows: Sequence[int] | None = None,
    ) -> Tags:
        """The likeliest tag of each word."""
        begun = time.perf_counter()
        rows = range(len(part)) if rows is None else rows
        chosen: dict[int, np.ndarray] = {}
        shares: dict[int, np.ndarray] = {}
        lost, count = 0.0, 0
        collate = self.collate(part, built, pin=False)
        for picked, logits in batches.passed(network, collate, part.sizes, rows, settings.batch_size, device):
            logs = logits.float().log_softmax(-1).cpu().numpy()
            for at, row in enumerate(picked):
                labels = part.labels[row]
                heads = np.flatnonzero(labels != IGNORED)
                found = logs[at, heads]
                chosen[row], shares[row] = found.argmax(-1), np.exp(found.max(-1))
                lost -= float(found[np.arange(len(heads)), labels[heads]].sum())
                count += len(heads)
        return Tags(
            [chosen[row] for row in rows],
            [shares[row] for row in rows],
            lost / max(count, 1),
            time.perf_counter() - begun,
        )

    def evaluate(
        self, found: Tags, part: TaggedPart, material: Material, *, step: int, epoch: float | None, split: str
    ) -> Evaluation:
        """Loss, accuracy of the words, and precision, recall and F1 of entities or of tags."""
        prefix = "eval" if split == "validation" else split
        true = [tags[: len(chosen)] for tags, chosen in zip(part.tags, found.chosen, strict=True)]
        flat_true, flat = np.concatenate(true), np.concatenate(found.chosen)
        confusion = metrics.confusion_matrix(flat_true, flat, len(material.labels))
        if is_chunked(material.labels):
            per_class, scores = entity_scores(true, found.chosen, material.labels)
        else:
            per_class = metrics.class_scores(confusion, material.labels)
            there = confusion.sum(0) + confusion.sum(1) > 0
            seen = [name for name, is_there in zip(material.labels, there, strict=True) if is_there]
            scores = {
                score: float(np.mean([per_class[name][score] for name in seen]))
                for score in ("f1", "precision", "recall")
            }
        values = {"loss": found.loss, "accuracy": float((flat_true == flat).mean()), **scores}
        return Evaluation(
            step=step,
            epoch=epoch,
            split=split,
            rows=len(part),
            values={f"{prefix}/{name}": value for name, value in values.items()},
            labels=material.labels,
            per_class=per_class,
            confusion=tuple(tuple(int(n) for n in row) for row in confusion),
            seconds=found.seconds,
        )

    def sample_rows(self, part: TaggedPart) -> list[int]:
        """The first rows."""
        return list(range(min(8, len(part))))

    def samples(self, found: Tags, part: TaggedPart, rows: Sequence[int], material: Material) -> list[dict[str, Any]]:
        """The words, and right and chosen tags in the same order; the score is the share that is right."""
        items = []
        for row, chosen in zip(rows, found.chosen, strict=True):
            true = part.tags[row][: len(chosen)]
            items.append(
                {
                    "text": " ".join(part.words[row]),
                    "expected": " ".join(material.labels[tag] for tag in true),
                    "predicted": " ".join(material.labels[tag] for tag in chosen),
                    "score": float((true == chosen).mean()) if len(true) else 0.0,
                }
            )
        return items

    # ---- the result --------------------------------------------------------------------------------------------------

    def write(self, outcome: Outcome, folder: Path) -> None:
        """model/: see parts/result.py; golden answers and profile are what serving says of the saved files."""
        built = outcome.built
        held = [" ".join(words) for part in (built.validation, built.test) for words in part.words]
        signature = {
            "task": self.task,
            "inputs": {"type": "string", "max_tokens": outcome.settings.max_length},  # type: ignore[attr-defined]
            "outputs": {
                "tags": [
                    {"word": "as written", "start": "character", "end": "character", "tag": "a tag", "score": "0 to 1"}
                ],
                "entities": [{"text": "words", "type": "of the tags", "start": "character", "end": "character"}],
                "labels": list(outcome.material.labels),
            },
        }
        result.write_files(outcome, folder, signature)
        result.write_proof(folder, held, count=GOLDEN)


def encode(tokenizer: Any, words: Sequence[list[str]], tags: Sequence[np.ndarray], max_length: int) -> TaggedPart:
    """Words as pieces; the first piece of each word carries its tag. Rows over max_length are cut and counted."""
    tokens, labels, truncated = [], [], 0
    for some, named in zip(words, tags, strict=True):
        coded = tokenizer(some, is_split_into_words=True, truncation=True, max_length=max_length, verbose=False)
        owner = coded.word_ids()
        ids = np.asarray(coded["input_ids"], dtype=np.int64)
        first = heads_of(owner)
        marked = np.full(len(ids), IGNORED, dtype=np.int64)
        marked[first] = named[[owner[at] for at in first]]
        truncated += len(first) < len(some)
        tokens.append(ids)
        labels.append(marked)
    return TaggedPart(list(words), list(tags), tokens, labels, truncated)


def entity_scores(
    true: Sequence[np.ndarray], chosen: Sequence[np.ndarray], labels: Sequence[str]
) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Per type, and over all entities (micro): an entity counts when type, first and last word are right."""
    from seqeval.metrics.sequence_labeling import precision_recall_fscore_support

    names = [[[labels[tag] for tag in row] for row in rows] for rows in (true, chosen)]
    types = sorted({label[2:] for label in labels if label != "O"})
    precision, recall, f1, support = precision_recall_fscore_support(*names, average=None, zero_division=0)
    there = sorted({tag[2:] for rows in names for row in rows for tag in row if tag != "O"})
    per_class = {name: {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0.0} for name in types}
    for name, *values in zip(there, precision, recall, f1, support, strict=True):
        per_class[name] = dict(zip(("precision", "recall", "f1", "support"), map(float, values), strict=True))
    overall = precision_recall_fscore_support(*names, average="micro", zero_division=0)
    return per_class, dict(zip(("precision", "recall", "f1"), map(float, overall[:3]), strict=True))


RECIPE = TokenClassification()
