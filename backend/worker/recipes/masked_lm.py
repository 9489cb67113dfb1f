"""Train an encoder to fill in hidden words (BERT's pre-training), from nothing or from a model.

15 % of the pieces are to be guessed: 80 % of them hidden, 10 % swapped, 10 % left alone, piece by piece or whole words;
what is hidden follows from (seed, epoch, row). With pairs, whether the second half follows the first is guessed, too.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.contract.events import Evaluation
from backend.contract.jobs import JobSpec
from backend.contract.recipes import MaskedLmSettings
from backend.contract.states import FailureCode
from backend.data import versions
from backend.data.checks import Unfit
from backend.data.checks.causal_lm import find_passages, split_passages
from backend.data.corpus import Passage
from backend.data.split import Split, SplitPlan
from backend.worker.parts import batches, language, model, result
from backend.worker.parts.batches import IGNORED
from backend.worker.parts.failure import RunFailed
from backend.worker.parts.masking import MaskCollate, Masking, MaskLoss, piece_logits
from backend.worker.parts.material import dataset_folder
from backend.worker.parts.pairs import Cutter, Examples, make_blocks, make_pairs
from backend.worker.parts.recipe import Batch, Built, Loss, Material, Outcome
from backend.worker.parts.vocabulary import kept_tokenizer, train_tokenizer
from backend.worker.serving.predictors import open_predictor

SHOWN = 4  # examples that are shown while it learns
GOLDEN = 8
CANDIDATES = 32  # lines that golden answers are chosen from
SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}


@dataclass(frozen=True)
class Guessed:
    """What the model said of some rows: nats, hits and count of hidden pieces; nats and hit of the pair (NaN without);
    and, of the shown rows, (text with gaps, what was hidden, what was guessed)."""

    pieces: np.ndarray  # rows × (nats, hits, count)
    pairs: np.ndarray  # rows × (nats, hit)
    shown: list[tuple[str, str, str] | None]
    seconds: float

    def pick(self, places: Sequence[int]) -> "Guessed":
        """Of these rows only."""
        at = list(places)
        return Guessed(self.pieces[at], self.pairs[at], [self.shown[one] for one in at], 0.0)


class MaskedLm:
    """Hidden words. See parts/recipe.py for when each method is called."""

    task = "fill-mask"

    # ---- data and model ----------------------------------------------------------------------------------------------

    def read(self, spec: JobSpec, settings: MaskedLmSettings) -> Material:
        """Passages and their split."""
        folder, name = dataset_folder(spec)
        columns = versions.load_columns(folder, "text-generation")
        try:
            passages = find_passages(columns)
        except Unfit as error:
            raise RunFailed(FailureCode.DATA, f"{name}: {error.text}", error.fix or "Give other data.") from error
        split = split_passages(passages, SplitPlan.of(settings))
        language.refuse_empty(name, split.train, split.validation)
        return Material((passages, split), (), split.duplicates, split.removed)

    def build(self, spec: JobSpec, settings: MaskedLmSettings, material: Material, made: Path) -> Built:
        """The base model, or a new one with a tokenizer trained on the training part; texts as examples."""
        from transformers import set_seed

        passages: list[Passage]
        split: Split
        passages, split = material.parts
        scratch = spec.base_model is None or spec.base_model.kind == "none"
        base = None if scratch else model.find_base(spec.base_model)
        texts = [" ".join(passages[row].lines) for row in split.train]
        tokenizer = model.load_tokenizer(base) if base else new_tokenizer(settings, texts, made)
        check_tokens(base.name if base else "scratch", tokenizer)
        config = base_config(base, settings, tokenizer) if base else new_config(settings, tokenizer)
        limit = model.check_length(base, config, tokenizer, settings.max_length) if base else settings.max_length
        cutter = Cutter(tokenizer)
        train, validation, test = (
            make_pairs(cutter, chosen, settings.max_length, settings.seed)
            if settings.next_sentence
            else make_blocks(cutter, chosen, settings.max_length)
            for chosen in ([passages[row] for row in rows] for rows in (split.train, split.validation, split.test))
        )
        language.refuse_empty("After cutting", train.tokens, validation.tokens)
        set_seed(settings.seed)
        network = load_network(base, config, settings)
        reference = language.unigram_loss(train.tokens, validation.tokens, network.config.vocab_size)
        return Built(
            tokenizer=tokenizer,
            network=network,
            train=train,
            validation=validation,
            test=test,
            pad_id=tokenizer.pad_token_id,
            base=model.reference_of(base),
            facts={"max_length_limit": limit, "reference_loss": reference, "masking": facts_of(settings)},
            warnings=language.unknown_warnings(tokenizer, train.tokens),
        )

    def collate(self, part: Examples, built: Built, *, pin: bool) -> Callable[[Sequence[int]], Batch]:
        """With gaps, padded to the longest row."""
        return MaskCollate(part, masking_of(built), built.pad_id, pin=pin)

    def loss(self, settings: MaskedLmSettings) -> Loss:
        """Cross entropy of hidden pieces, and of pairs."""
        return MaskLoss(settings.masked_share * settings.max_length if settings.next_sentence else None)

    # ---- how good it is ----------------------------------------------------------------------------------------------

    def predict(
        self,
        network: Any,
        part: Examples,
        built: Built,
        settings: MaskedLmSettings,
        device: torch.device,
        rows: Sequence[int] | None = None,
    ) -> Guessed:
        """Nats and hits of each row; always with the same gaps."""
        begun = time.perf_counter()
        rows = range(len(part)) if rows is None else rows
        pieces, pairs = np.zeros((len(part), 3)), np.full((len(part), 2), math.nan)
        shown: dict[int, tuple[str, str, str]] = {}
        masking = masking_of(built)
        collate = self.collate(part, built, pin=False)
        for picked, outputs in batches.outputs_of(network, collate, part.sizes, rows, settings.batch_size, device):
            logits = piece_logits(outputs)
            for at, row in enumerate(picked):
                hidden, labels = masking.hide(part.tokens[row], part.words[row], 0, row)
                places = np.flatnonzero(labels != IGNORED)
                wanted = torch.from_numpy(labels[places]).to(logits.device)
                found = logits[at, places].float()
                guesses = found.argmax(-1)
                lost = torch.nn.functional.cross_entropy(found, wanted, reduction="sum")
                pieces[row] = float(lost), float((guesses == wanted).sum()), len(wanted)
                if part.nexts:
                    pair = outputs.seq_relationship_logits[at].float().log_softmax(-1)
                    pairs[row] = -float(pair[part.nexts[row]]), float(int(pair.argmax()) == part.nexts[row])
                if row < SHOWN:
                    shown[row] = _in_words(built.tokenizer, hidden, labels[places], guesses.tolist())
        at_rows = list(rows)
        return Guessed(
            pieces[at_rows], pairs[at_rows], [shown.get(row) for row in at_rows], time.perf_counter() - begun
        )

    def evaluate(
        self,
        found: Guessed,
        part: Examples,
        material: Material,  # noqa: ARG002 every recipe gets it
        *,
        step: int,
        epoch: float | None,
        split: str,
    ) -> Evaluation:
        """Loss and accuracy of hidden pieces and of pairs; the loss is the sum of both."""
        prefix = "eval" if split == "validation" else split
        nats, hits, count = found.pieces.sum(0)
        loss = float(nats / max(count, 1))
        values: dict[str, float | None] = {
            f"{prefix}/loss": loss,
            f"{prefix}/mlm_loss": loss,
            f"{prefix}/mlm_accuracy": float(hits / max(count, 1)),
        }
        if part.nexts:
            pair_loss, pair_hits = found.pairs.mean(0)
            values |= {
                f"{prefix}/loss": loss + float(pair_loss),
                f"{prefix}/nsp_loss": float(pair_loss),
                f"{prefix}/nsp_accuracy": float(pair_hits),
            }
        return Evaluation(step=step, epoch=epoch, split=split, rows=len(part), values=values, seconds=found.seconds)

    def sample_rows(self, part: Examples) -> list[int]:
        """The first rows."""
        return list(range(min(SHOWN, len(part))))

    def samples(self, found: Guessed, part: Examples, rows: Sequence[int], material: Material) -> list[dict[str, Any]]:  # noqa: ARG002
        """The text with gaps, the hidden pieces and the guessed ones; the score is the share that is right."""
        items = []
        for shown, (_, hits, count) in zip(found.shown, found.pieces, strict=True):
            text, expected, predicted = shown or ("", "", "")
            items.append({"text": text, "expected": expected, "predicted": predicted, "score": float(hits / count)})
        return items

    # ---- the result --------------------------------------------------------------------------------------------------

    def write(self, outcome: Outcome, folder: Path) -> None:
        """model/: see parts/result.py. Golden lines are those whose fillings lie furthest apart: rounding on another
        machine must not decide."""
        built = outcome.built
        mark = str(built.tokenizer.mask_token)
        signature = {
            "task": self.task,
            "inputs": {"type": "string", "max_tokens": outcome.settings.max_length},  # type: ignore[attr-defined]
            "outputs": {
                "text": "with every gap filled",
                "masks": [[{"piece": "likeliest first", "score": "0 to 1"}]],
                "score": "mean of the first ones' probabilities",
            },
            "mark": mark,
        }
        result.write_files(outcome, folder, signature)
        predictor: Any = open_predictor(folder, device="cpu")
        held = [gapped(line, mark) for part in (built.validation, built.test) for line in part.held][:CANDIDATES]
        order = np.argsort(-np.asarray(predictor.margins(held)), kind="stable")
        result.write_proof(folder, [held[at] for at in order], count=GOLDEN)


# ---- tokenizer and model from nothing, or from a base ----------------------------------------------------------------


def new_tokenizer(settings: MaskedLmSettings, texts: Sequence[str], made: Path) -> Any:
    """Trained on the training part, with BERT's own tokens."""

    def train() -> Any:
        return train_tokenizer(
            texts,
            settings.tokenizer,
            settings.vocabulary_size,
            special=SPECIAL,
            template="[CLS] $A [SEP]",
            pair_template="[CLS] $A [SEP] $B:1 [SEP]:1",
            max_length=settings.max_length,
        )

    return kept_tokenizer(made, train)


def check_tokens(name: str, tokenizer: Any) -> None:
    """RunFailed when the tokenizer lacks the mask, or tokens for begin and end."""
    if tokenizer.mask_token_id is None:
        text = f"The tokenizer of {name} has no mask token; it was not made to fill in words."
        raise RunFailed(FailureCode.BAD_MODEL, text, "Choose a model such as BERT, or scratch.")
    cutter = Cutter(tokenizer)
    if cutter.begin is None or cutter.end is None:
        text = f"The tokenizer of {name} has no tokens for begin and end."
        raise RunFailed(FailureCode.BAD_MODEL, text, "Choose a model such as BERT, or scratch.")


def new_config(settings: MaskedLmSettings, tokenizer: Any) -> Any:
    """BERT's architecture in the asked size."""
    from transformers import BertConfig

    if settings.method != "full":
        text = "A model from scratch has no weights that adapters could stand beside."
        raise RunFailed(FailureCode.SETTINGS, text, "Train every weight.", field="method", fix_value="full")
    dropout = 0.1 if settings.dropout is None else settings.dropout
    return BertConfig(
        vocab_size=len(tokenizer), hidden_size=settings.d_model, num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads, intermediate_size=settings.feed_forward,
        max_position_embeddings=settings.max_length, hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip


def base_config(base: model.BaseModel, settings: MaskedLmSettings, tokenizer: Any) -> Any:
    """The base's configuration; RunFailed when pairs are asked of an architecture that has no head for them."""
    config = model.load_config(base, settings, tokenizer.pad_token_id)
    if settings.next_sentence and config.model_type != "bert":
        text = f"{base.name} is a {config.model_type} model, which does not learn pairs of sentences."
        fix = "Switch Next sentence off."
        raise RunFailed(FailureCode.SETTINGS, text, fix, field="next_sentence", fix_value=False)
    return config


def load_network(base: model.BaseModel | None, config: Any, settings: MaskedLmSettings) -> Any:
    """The weights of the base, or new ones; the generators must be seeded before."""
    from transformers import AutoModelForMaskedLM, AutoModelForPreTraining

    kind = AutoModelForPreTraining if settings.next_sentence else AutoModelForMaskedLM
    if base is None:
        return kind.from_config(config)
    return model.load_model(base, config, settings, kind, adapters="FEATURE_EXTRACTION")


# ---- gaps ------------------------------------------------------------------------------------------------------------


def facts_of(settings: MaskedLmSettings) -> dict[str, Any]:
    """What the gaps follow from, beside epoch and row."""
    return {"seed": settings.seed, "share": settings.masked_share, "whole_word": settings.whole_word}


def masking_of(built: Built) -> Masking:
    """How this run hides pieces."""
    tokenizer = built.tokenizer
    special = np.asarray(tokenizer.all_special_ids)
    ordinary = np.setdiff1d(np.arange(len(tokenizer)), special)
    return Masking(**built.facts["masking"], mask_id=int(tokenizer.mask_token_id), ordinary=ordinary)


def _in_words(tokenizer: Any, hidden: np.ndarray, expected: np.ndarray, guesses: Sequence[int]) -> tuple[str, str, str]:
    inner = [token for token in hidden.tolist() if token not in (tokenizer.cls_token_id, tokenizer.sep_token_id)]
    wanted, guessed = (" ".join(tokenizer.convert_ids_to_tokens(list(ids))) for ids in (expected.tolist(), guesses))
    return str(tokenizer.decode(inner)), wanted, guessed


def gapped(line: str, mark: str) -> str:
    """A line with its middle word hidden; texts without spaces lose their middle character."""
    words = line.split()
    if len(words) > 1:
        words[len(words) // 2] = mark
        return " ".join(words)
    text = line.strip()
    middle = len(text) // 2
    return f"{text[:middle]}{mark}{text[middle + 1 :]}"


RECIPE = MaskedLm()
