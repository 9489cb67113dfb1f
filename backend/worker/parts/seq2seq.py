"""What recipes share that read one text and write another: an encoder-decoder, its data, how it is taught and judged.

A recipe adds its two columns and its scores (recipes/translation.py, recipes/summarization.py).
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
from backend.contract.recipes.seq2seq import Seq2SeqSettings
from backend.contract.states import FailureCode
from backend.data import versions
from backend.data.split import Split, SplitPlan, make_split
from backend.worker.parts import batches, model, result, vocabulary
from backend.worker.parts.failure import RunFailed
from backend.worker.parts.material import dataset_folder
from backend.worker.parts.recipe import Batch, Built, Loss, Material, Outcome
from backend.worker.parts.trainer import TokenLoss
from backend.worker.serving.writer import Writer, steady
from backend.worker.serving.writing import Decoding, write

GOLDEN = 16
GOLDEN_CANDIDATES = 64
SPECIAL = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
SIDE_BY_SIDE = 128
"""Beams written at once while a part is judged."""

INIT = 0.5
"""Of the inverse root of the width: what 0.02 is for a width of 600; narrow models learn nothing from so little."""

DROPOUT = 0.1
"""Of a model from scratch, unless its settings say otherwise."""


@dataclass(frozen=True)
class Pairs:
    """A part as the model sees it; row i of every list belongs to the same pair."""

    sources: list[str]
    targets: list[str]
    tokens: list[np.ndarray]  # pieces of the source, cut at max_length
    labels: list[np.ndarray]  # pieces of the target, cut at max_target_length
    truncated: int  # rows whose source or target was cut

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def sizes(self) -> list[int]:
        """Pieces of each row, both texts together."""
        return [len(ids) + len(labels) for ids, labels in zip(self.tokens, self.labels, strict=True)]


@dataclass(frozen=True)
class Texts:
    """What the model wrote, and how it takes the right texts."""

    outputs: list[str]  # of the first rows that were asked for
    loss: float  # nats a piece, over every row, without smoothing
    seconds: float

    def pick(self, places: Sequence[int]) -> "Texts":
        """Of these rows only."""
        return Texts([self.outputs[at] for at in places], self.loss, 0.0)


class PairCollate:
    """Rows → source, what the decoder has read so far, and what it should say next; "tokens" counts the source, whose
    padding is what the run page shows."""

    def __init__(self, part: Pairs, pad_id: int, start_id: int, *, pin: bool = False) -> None:
        self._part = part
        self._inputs = batches.TokenCollate(part.tokens, part.labels, pad_id, pin=pin)
        self._pad_id = pad_id
        self._start_id = start_id
        self._pin = pin

    def __call__(self, rows: Sequence[int]) -> Batch:
        read = [np.concatenate([[self._start_id], self._part.labels[row][:-1]]) for row in rows]
        decoder = torch.from_numpy(batches.padded(read, self._pad_id))
        return {**self._inputs(rows), "decoder_input_ids": decoder.pin_memory() if self._pin else decoder}


class Seq2Seq:
    """One text read, another written. See parts/recipe.py for when each method is called."""

    task: str
    read_role: str
    written_role: str

    # ---- what a recipe adds ------------------------------------------------------------------------------------------

    def know(self, targets: Sequence[str]) -> dict[str, Any]:
        """Facts of the scores, from the targets of training; kept with the result."""
        raise NotImplementedError

    def score(self, outputs: Sequence[str], part: Pairs, facts: dict[str, Any]) -> dict[str, float]:
        """Name → value, of outputs for the first rows of a part."""
        raise NotImplementedError

    def score_one(self, output: str, reference: str) -> float:
        """0 to 1, for one sample."""
        raise NotImplementedError

    # ---- data and model ----------------------------------------------------------------------------------------------

    def read(self, spec: JobSpec, settings: Seq2SeqSettings) -> Material:
        """The pairs and their split."""
        folder, name = dataset_folder(spec)
        columns = versions.load_columns(folder, self.task)
        sources, targets = columns.by_role[self.read_role], columns.by_role[self.written_role]
        for row, pair in enumerate(zip(sources, targets, strict=True)):
            if not all(text.strip() for text in pair):
                empty = self.written_role if pair[0].strip() else self.read_role
                raise RunFailed(FailureCode.DATA, f"{name}, row {row + 1}: the {empty} is empty.", "Mend the data.")
        split = make_split(sources, [""] * len(sources), columns.given, SplitPlan.of(settings))
        facts = self.know([targets[row] for row in split.train])
        return Material((sources, targets, split), (), split.duplicates, split.removed, facts)

    def build(self, spec: JobSpec, settings: Seq2SeqSettings, material: Material, made: Path) -> Built:
        """From nothing with a tokenizer trained on both columns, or the base model."""
        split: Split
        sources, targets, split = material.parts
        if spec.base_model is not None and spec.base_model.kind == "none":
            trained_on = [text for row in split.train for text in (sources[row], targets[row])]
            tokenizer = vocabulary.kept_tokenizer(made, lambda: train_tokenizer(trained_on, settings))
            network, base = from_scratch(settings, tokenizer), model.reference_of(None)
            limit = None
        else:
            tokenizer, network, base, limit = from_base(spec, settings)
        network.config.use_cache = False  # a training reads each text once; writing asks for it
        train, validation, test = (
            encode(tokenizer, [sources[row] for row in part], [targets[row] for row in part], settings)
            for part in (split.train, split.validation, split.test)
        )
        return Built(
            tokenizer=tokenizer,
            network=network,
            train=train,
            validation=validation,
            test=test,
            pad_id=tokenizer.pad_token_id,
            base=base,
            facts={"max_length_limit": limit, "vocabulary": len(tokenizer)},
        )

    def collate(self, part: Pairs, built: Built, *, pin: bool) -> Callable[[Sequence[int]], Batch]:
        """Padded to the longest of the batch."""
        return PairCollate(part, built.pad_id, start_of(built.network.config), pin=pin)

    def loss(self, settings: Seq2SeqSettings) -> Loss:
        """Cross entropy over the pieces of the target."""
        return TokenLoss(settings.label_smoothing)

    # ---- how good it is ----------------------------------------------------------------------------------------------

    def predict(
        self,
        network: Any,
        part: Pairs,
        built: Built,
        settings: Seq2SeqSettings,
        device: torch.device,
        rows: Sequence[int] | None = None,
    ) -> Texts:
        """The loss of every row, and the texts of the first `generated_rows` or of the rows asked for."""
        begun = time.perf_counter()
        written = range(len(part))[: settings.generated_rows] if rows is None else rows
        loss = self._loss_of(network, part, built, settings, device, range(len(part)) if rows is None else rows)
        texts: dict[int, str] = {}
        order = sorted(written, key=lambda row: -len(part.tokens[row]))
        size = max(1, SIDE_BY_SIDE // settings.num_beams)
        was_training = network.training
        network.eval()
        try:
            for at in range(0, len(order), size):
                picked = order[at : at + size]
                found = write(
                    network, [part.tokens[row].tolist() for row in picked], built.pad_id, decoding_of(settings)
                )
                for row, one in zip(picked, found, strict=True):
                    texts[row] = as_text(built.tokenizer, one.ids)
        finally:
            network.train(was_training)
        return Texts([texts[row] for row in written], loss, time.perf_counter() - begun)

    def _loss_of(
        self,
        network: Any,
        part: Pairs,
        built: Built,
        settings: Seq2SeqSettings,
        device: torch.device,
        rows: Sequence[int],
    ) -> float:
        lost, count = 0.0, 0
        collate = self.collate(part, built, pin=False)
        for picked, logits in batches.passed(network, collate, part.sizes, rows, settings.batch_size, device):
            labels = torch.from_numpy(batches.padded([part.labels[row] for row in picked], batches.IGNORED))
            each = torch.nn.functional.cross_entropy(
                logits.float().flatten(0, 1), labels.to(logits.device).flatten(), reduction="sum"
            )
            lost += float(each)
            count += sum(len(part.labels[row]) for row in picked)
        return lost / max(count, 1)

    def evaluate(
        self, found: Texts, part: Pairs, material: Material, *, step: int, epoch: float | None, split: str
    ) -> Evaluation:
        """The loss of all rows, the scores of those that were written, and how many these were."""
        prefix = "eval" if split == "validation" else split
        scores = self.score(found.outputs, part, material.facts)
        values = {"loss": found.loss, **scores, "generated_rows": float(len(found.outputs))}
        return Evaluation(
            step=step,
            epoch=epoch,
            split=split,
            rows=len(part),
            values={f"{prefix}/{name}": value for name, value in values.items()},
            seconds=found.seconds,
        )

    def sample_rows(self, part: Pairs) -> list[int]:
        """The first rows; they are always among those written."""
        return list(range(min(8, len(part))))

    def samples(self, found: Texts, part: Pairs, rows: Sequence[int], material: Material) -> list[dict[str, Any]]:  # noqa: ARG002 scores of one text need no facts
        """Source, reference and output."""
        return [
            {
                "text": part.sources[row],
                "expected": part.targets[row],
                "predicted": output,
                "score": self.score_one(output, part.targets[row]),
            }
            for row, output in zip(rows, found.outputs, strict=True)
        ]

    # ---- the result --------------------------------------------------------------------------------------------------

    def write(self, outcome: Outcome, folder: Path) -> None:
        """model/: see parts/result.py; golden answers are those that no other processor would give otherwise."""
        settings: Seq2SeqSettings = outcome.settings  # type: ignore[assignment]
        decoding = decoding_of(settings)
        built = outcome.built
        held = [*built.validation.sources, *built.test.sources][: settings.generated_rows]
        signature = {
            "task": self.task,
            "inputs": {"type": "string", "max_tokens": settings.max_length},
            "outputs": {
                "text": f"the {self.written_role}",
                "score": "mean share of its pieces, 0 to 1",
                "finished": "false where it was ended by the bound",
            },
            "generation": {
                "num_beams": decoding.num_beams,
                "max_new_tokens": decoding.max_new_tokens,
                "length_penalty": decoding.length_penalty,
                "no_repeat_ngram": decoding.no_repeat_ngram,
            },
        }
        outcome.facts |= outcome.material.facts
        outcome.network.config.use_cache = True
        result.write_files(outcome, folder, signature)
        first = steady(Writer(folder, device="cpu"), held[:GOLDEN_CANDIDATES], GOLDEN)
        rest = sorted(set(range(len(held))) - set(first))
        result.write_proof(folder, [held[at] for at in (*first, *rest)], count=len(first))


# ---- helpers, in the order they are used -----------------------------------------------------------------------------


def train_tokenizer(texts: Sequence[str], settings: Seq2SeqSettings) -> Any:
    """One vocabulary for both texts, so that names and numbers are the same pieces on both sides."""
    return vocabulary.train_tokenizer(
        texts,
        settings.tokenizer,
        settings.vocabulary_size,
        special=SPECIAL,
        template="$A </s>",
        pair_template="$A </s> $B </s>",
        max_length=settings.max_length,
    )


def from_scratch(settings: Seq2SeqSettings, tokenizer: Any) -> Any:
    """An mBART: normalized before each block, so that it learns at once (300 steps on the German sample: a loss of
    5.4, a T5 of the same size 6.4)."""
    from transformers import MBartConfig, MBartForConditionalGeneration, set_seed

    if settings.method != "full":
        text = "A model from scratch has no weights that adapters could stand beside."
        raise RunFailed(FailureCode.SETTINGS, text, "Train every weight.", field="method", fix_value="full")
    config = MBartConfig(
        vocab_size=len(tokenizer),
        d_model=settings.d_model,
        encoder_layers=settings.layers,
        decoder_layers=settings.layers,
        encoder_attention_heads=settings.heads,
        decoder_attention_heads=settings.heads,
        encoder_ffn_dim=settings.feed_forward,
        decoder_ffn_dim=settings.feed_forward,
        dropout=DROPOUT if settings.dropout is None else settings.dropout,
        max_position_embeddings=max(settings.max_length, settings.max_target_length + 1),  # and the start
        scale_embedding=True,
        init_std=INIT * settings.d_model**-0.5,
        bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        forced_eos_token_id=None,
        decoder_start_token_id=tokenizer.pad_token_id,
    )
    set_seed(settings.seed)
    return MBartForConditionalGeneration(config)


def from_base(spec: JobSpec, settings: Seq2SeqSettings) -> tuple[Any, Any, dict[str, Any], int | None]:
    """(tokenizer, network, reference, most pieces it can read) of a base model that is an encoder-decoder."""
    from transformers import AutoModelForSeq2SeqLM, set_seed

    base = model.find_base(spec.base_model)
    tokenizer = model.load_tokenizer(base)
    config = model.load_config(base, settings, tokenizer.pad_token_id)
    if not getattr(config, "is_encoder_decoder", False) or start_of(config) < 0:
        text = f"{base.name} is a {config.model_type}, which does not read one text and write another."
        raise RunFailed(FailureCode.BAD_MODEL, text, "Choose an encoder-decoder such as T5, BART or Marian.")
    if not getattr(tokenizer, "is_fast", False):
        text = f"{base.name} has no tokenizer.json, without which a result could not be served."
        raise RunFailed(FailureCode.BAD_MODEL, text, "Choose a model with tokenizer.json.")
    limit = model.check_length(base, config, tokenizer, settings.max_length)
    positions = getattr(config, "max_position_embeddings", None)
    if positions and settings.max_target_length > positions:
        text = (
            f"Max output {settings.max_target_length} is more than the {positions} tokens that {base.name} can write."
        )
        advice = f"Choose {positions} or less."
        raise RunFailed(FailureCode.SETTINGS, text, advice, field="max_target_length", fix_value=positions)
    set_seed(settings.seed)
    network = model.load_model(base, config, settings, AutoModelForSeq2SeqLM, adapters="SEQ_2_SEQ_LM")
    return tokenizer, network, base.reference(), limit


def start_of(config: Any) -> int:
    """What the decoder reads first; -1 where the model does not say."""
    found = getattr(config, "decoder_start_token_id", None)
    if found is None:
        found = getattr(config, "bos_token_id", None)
    return -1 if found is None else int(found)


def encode(tokenizer: Any, sources: list[str], targets: list[str], settings: Seq2SeqSettings) -> Pairs:
    """Both texts as pieces; longer ones are cut, keep their end, and are counted."""
    tokens, long = _pieces(tokenizer, sources, settings.max_length, "text")
    labels, longer = _pieces(tokenizer, targets, settings.max_target_length, "text_target")
    return Pairs(sources, targets, tokens, labels, len(long | longer))


def _pieces(tokenizer: Any, texts: Sequence[str], limit: int, what: str) -> tuple[list[np.ndarray], set[int]]:
    found: list[np.ndarray] = []
    long: set[int] = set()
    for start in range(0, len(texts), 1000):
        chunk = list(texts[start : start + 1000])
        whole = tokenizer(**{what: chunk}, return_attention_mask=False, verbose=False)["input_ids"]
        for at, ids in enumerate(whole):
            kept = ids
            if len(ids) > limit:
                long.add(start + at)
                kept = tokenizer(**{what: chunk[at]}, truncation=True, max_length=limit, verbose=False)["input_ids"]
            found.append(np.asarray(kept, dtype=np.int64))
    return found, long


def decoding_of(settings: Seq2SeqSettings) -> Decoding:
    """As the settings say."""
    return Decoding(settings.num_beams, settings.max_target_length, settings.length_penalty, settings.no_repeat_ngram)


def as_text(tokenizer: Any, ids: Sequence[int]) -> str:
    """As serving makes texts of pieces."""
    return str(tokenizer.backend_tokenizer.decode(list(ids), skip_special_tokens=True)).strip()
