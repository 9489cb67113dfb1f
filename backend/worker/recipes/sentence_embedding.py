"""Train an encoder to give texts that belong together vectors that lie together.

In-batch negatives: of all positives of a batch, each anchor must find its own, by cosine similarity over a temperature
(Henderson et al. 2017; sentence-transformers calls it MultipleNegativesRankingLoss). Positives of pairs that share a
text are no negatives of each other. Vectors are means of the last states, scaled to length 1. Judged by searching all
positives of a part; TF-IDF does the same beside it. Everything else is the spine's.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from backend.contract.events import Evaluation
from backend.contract.jobs import JobSpec
from backend.contract.recipes import SentenceEmbeddingSettings
from backend.contract.states import FailureCode
from backend.data import versions
from backend.data.pairs import Pairs, read_pairs
from backend.data.split import Split, SplitPlan, make_split
from backend.data.tagged import BadRow
from backend.worker.parts import batches, data, model, result, retrieval
from backend.worker.parts.failure import RunFailed
from backend.worker.parts.material import dataset_folder
from backend.worker.parts.recipe import Batch, Built, Loss, Material, Outcome
from backend.worker.serving.embedder import pooled

GOLDEN = 16


@dataclass(frozen=True)
class PairPart:
    """A part as the model sees it; row i of every list belongs to the same pair."""

    pairs: Pairs
    groups: np.ndarray  # pairs with the same number cannot be told apart
    anchors: data.Encoded
    positives: data.Encoded
    search: retrieval.Search
    reference: dict[str, float]  # what TF-IDF finds; nothing for the training part

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def sizes(self) -> list[int]:
        """Tokens of the longer text of each pair."""
        return [max(pair) for pair in zip(self.anchors.sizes, self.positives.sizes, strict=True)]

    @property
    def truncated(self) -> int:
        """Pairs of which a text was cut, at most."""
        return min(len(self), self.anchors.truncated + self.positives.truncated)


@dataclass(frozen=True)
class Near:
    """What was found for some anchors."""

    hits: retrieval.Hits
    loss: float  # mean over the pairs, in nats, in batches of the rows as they come
    seconds: float

    def pick(self, places: Sequence[int]) -> "Near":
        """Of these rows only."""
        some = list(places)
        kept = retrieval.Hits(self.hits.ranks[some], self.hits.nearest[some], self.hits.scores[some])
        return Near(kept, self.loss, 0.0)


class Vectors(NamedTuple):
    """What the network returns here: one vector of length 1 for each text."""

    vectors: torch.Tensor


class PairLoss:
    """Cross entropy of finding one's own positive among all of the batch."""

    def __init__(self, temperature: float) -> None:
        self._temperature = temperature

    def __call__(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        anchors, positives = outputs.vectors.split(len(labels))
        scores = anchors @ positives.T / self._temperature
        own = torch.arange(len(labels), device=labels.device)
        alike = (labels[:, None] == labels[None, :]) & (own[:, None] != own[None, :])
        total = torch.nn.functional.cross_entropy(scores.masked_fill(alike, -torch.inf), own, reduction="sum")
        return total / (num_items_in_batch if num_items_in_batch is not None else len(labels))


class SentenceEmbedding:
    """Vectors for texts. See parts/recipe.py for when each method is called."""

    task = "sentence-embedding"

    # ---- data and model ----------------------------------------------------------------------------------------------

    def read(self, spec: JobSpec, settings: SentenceEmbeddingSettings) -> Material:
        """Pairs and their split."""
        folder, name = dataset_folder(spec)
        columns = versions.load_columns(folder, versions.read_facts(folder)["task"])
        try:
            pairs = read_pairs(columns)
        except BadRow as error:
            raise RunFailed(FailureCode.DATA, f"{name}, row {error.row + 1} {error}.", "Mend the data.") from error
        split = make_split(pairs.texts, [""] * len(pairs), columns.given, SplitPlan.of(settings))
        return Material((pairs, split), (), split.duplicates, split.removed)

    def build(self, spec: JobSpec, settings: SentenceEmbeddingSettings, material: Material, made: Path) -> Built:  # noqa: ARG002 nothing is made
        """The base model without a head, its states pooled; texts as token ids."""
        from transformers import AutoModel, set_seed

        base = model.find_base(spec.base_model)
        tokenizer = model.load_tokenizer(base)
        config = model.load_config(base, settings, tokenizer.pad_token_id)
        limit = model.check_length(base, config, tokenizer, settings.max_length)
        pairs: Pairs
        split: Split
        pairs, split = material.parts
        train = encode(tokenizer, pairs.of(split.train), settings.max_length, judged=False)
        validation = encode(tokenizer, pairs.of(split.validation), settings.max_length)
        test = encode(tokenizer, pairs.of(split.test), settings.max_length)
        set_seed(settings.seed)
        network = model.load_model(base, config, settings, AutoModel, adapters="FEATURE_EXTRACTION")
        network.register_forward_hook(pool, with_kwargs=True)
        return Built(
            tokenizer=tokenizer,
            network=network,
            train=train,
            validation=validation,
            test=test,
            pad_id=tokenizer.pad_token_id,
            base=base.reference(),
            facts={"max_length_limit": limit, "reference": "TF-IDF", "reference_mrr": validation.reference["mrr"]},
        )

    def collate(self, part: PairPart, built: Built, *, pin: bool) -> Callable[[Sequence[int]], Batch]:
        """All anchors above all positives, padded to the longest; the labels say which pairs cannot be told apart."""

        def batch(rows: Sequence[int]) -> Batch:
            picked = [side.tokens[row] for side in (part.anchors, part.positives) for row in rows]
            made = read_batch(picked, built.pad_id)
            made["labels"] = torch.from_numpy(part.groups[list(rows)])
            made = {name: tensor.pin_memory() if pin else tensor for name, tensor in made.items()}
            return {**made, "tokens": sum(len(ids) for ids in picked)}

        return batch

    def loss(self, settings: SentenceEmbeddingSettings) -> Loss:
        """Over the batch, see PairLoss."""
        return PairLoss(settings.temperature)

    # ---- how good it is ----------------------------------------------------------------------------------------------

    def predict(
        self,
        network: Any,
        part: PairPart,
        built: Built,
        settings: SentenceEmbeddingSettings,
        device: torch.device,
        rows: Sequence[int] | None = None,
    ) -> Near:
        """What each anchor finds among all positives of the part."""
        begun = time.perf_counter()
        tokens = [*part.anchors.tokens, *part.positives.tokens]
        found = np.empty((len(tokens), network.config.hidden_size), dtype=np.float32)
        size = max(32, settings.batch_size)

        def collate(picked: Sequence[int]) -> Batch:
            return read_batch([tokens[row] for row in picked], built.pad_id)

        lengths = [len(ids) for ids in tokens]
        for picked, vectors in batches.passed(network, collate, lengths, range(len(tokens)), size, device, of_output):
            found[picked] = vectors.cpu().numpy()
        anchors, positives = found[: len(part)], found[len(part) :]
        places = {text: row for row, text in enumerate(part.pairs.positives)}
        texts = positives[[places[text] for text in part.search.texts]]
        near = Near(
            retrieval.hits(part.search, lambda some: anchors[some] @ texts.T),
            pair_loss(anchors, positives, part.groups, settings),
            time.perf_counter() - begun,
        )
        return near if rows is None else near.pick(rows)

    def evaluate(
        self,
        found: Near,
        part: PairPart,
        material: Material,  # noqa: ARG002 every recipe gets it
        *,
        step: int,
        epoch: float | None,
        split: str,
    ) -> Evaluation:
        """Loss, mean reciprocal rank and recall among the first 1, 5 and 10; the rank that TF-IDF reaches."""
        prefix = "eval" if split == "validation" else split
        values = {"loss": found.loss, **found.hits.values(), "reference_mrr": part.reference["mrr"]}
        return Evaluation(
            step=step,
            epoch=epoch,
            split=split,
            rows=len(part),
            values={f"{prefix}/{name}": value for name, value in values.items()},
            seconds=found.seconds,
        )

    def sample_rows(self, part: PairPart) -> list[int]:
        """The first pairs."""
        return list(range(min(8, len(part))))

    def samples(
        self,
        found: Near,
        part: PairPart,
        rows: Sequence[int],
        material: Material,  # noqa: ARG002 every recipe gets it
    ) -> list[dict[str, Any]]:
        """The anchor, its positive, the nearest text that was found and its similarity."""
        return [
            {
                "text": part.pairs.anchors[row],
                "expected": part.pairs.positives[row],
                "predicted": part.search.texts[nearest],
                "score": float(score),
            }
            for row, nearest, score in zip(rows, found.hits.nearest, found.hits.scores, strict=True)
        ]

    # ---- the result --------------------------------------------------------------------------------------------------

    def write(self, outcome: Outcome, folder: Path) -> None:
        """model/: see parts/result.py; golden answers and profile are what serving says of the saved files."""
        built = outcome.built
        sides = [side for part in (built.validation, built.test) for side in (part.pairs.anchors, part.pairs.positives)]
        signature = {
            "task": self.task,
            "inputs": {"type": "string", "max_tokens": outcome.settings.max_length},  # type: ignore[attr-defined]
            "outputs": {"embedding": "numbers whose squares add up to 1"},
            "dimensions": int(outcome.network.config.hidden_size),
            "pooling": "mean",
        }
        result.write_files(outcome, folder, signature)
        result.write_proof(folder, list(dict.fromkeys(text for side in sides for text in side)), count=GOLDEN)


def encode(tokenizer: Any, pairs: Pairs, max_length: int, *, judged: bool = True) -> PairPart:
    """Token ids of both sides; for a part that is judged also what TF-IDF finds in it."""
    anchors, positives = (
        data.encode(tokenizer, texts, [0] * len(texts), max_length) for texts in (pairs.anchors, pairs.positives)
    )
    search = retrieval.search_of(pairs.anchors, pairs.positives)
    reference = retrieval.reference(search) if judged and len(pairs) else {}
    return PairPart(pairs, np.asarray(pairs.groups(), dtype=np.int64), anchors, positives, search, reference)


def read_batch(rows: Sequence[np.ndarray], pad_id: int) -> dict[str, torch.Tensor]:
    """What a network reads, padded to the longest."""
    ids = batches.padded(rows, pad_id)
    mask = batches.padded([np.ones(len(some), dtype=np.int64) for some in rows], 0)
    return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}


def pool(network: Any, args: Any, inputs: dict[str, Any], outputs: Any) -> Vectors:  # noqa: ARG001 the form of a hook
    """Hook behind the forward pass: states become vectors, whatever wraps the network."""
    return Vectors(pooled(outputs.last_hidden_state, inputs["attention_mask"]))


def of_output(outputs: Vectors) -> torch.Tensor:
    """The vectors."""
    return outputs.vectors


def pair_loss(
    anchors: np.ndarray, positives: np.ndarray, groups: np.ndarray, settings: SentenceEmbeddingSettings
) -> float:
    """The loss of training over a part, in batches of its rows in their order."""
    count = PairLoss(settings.temperature)
    total = 0.0
    for at in range(0, len(groups), settings.batch_size):
        some = slice(at, at + settings.batch_size)
        vectors = Vectors(torch.from_numpy(np.concatenate([anchors[some], positives[some]])))
        total += float(count(vectors, torch.from_numpy(groups[some]), 1))
    return total / max(len(groups), 1)


RECIPE = SentenceEmbedding()
