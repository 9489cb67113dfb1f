"""Train a decoder to go on with a text (GPT-style, from nothing or from a model), or to answer instructions.

Running text: documents are joined, an end token between them, and cut into blocks without padding. Instructions: one
example a row, written with the tokenizer's chat template; only the answer counts. Everything else is the spine's.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.contract.events import Evaluation
from backend.contract.jobs import JobSpec
from backend.contract.recipes import CausalLmSettings
from backend.contract.states import FailureCode
from backend.data import versions
from backend.data.checks import Unfit
from backend.data.checks.causal_lm import find_passages, split_instructions, split_passages
from backend.data.corpus import Passage
from backend.data.split import Split, SplitPlan
from backend.worker.parts import batches, chat, language, model, result
from backend.worker.parts.failure import RunFailed
from backend.worker.parts.material import dataset_folder
from backend.worker.parts.recipe import Batch, Built, Loss, Material, Outcome
from backend.worker.parts.trainer import TokenLoss
from backend.worker.parts.vocabulary import kept_tokenizer, train_tokenizer
from backend.worker.serving.generation import Ends, Options, write_on
from backend.worker.serving.predictors import open_predictor

IGNORED = -100
SHOWN = 4  # prompts that are continued while it learns
SHOWN_TOKENS = 32
GOLDEN = 8
CANDIDATES = 32  # prompts that golden answers are chosen from
END, PAD = "<|endoftext|>", "<|pad|>"


@dataclass(frozen=True)
class Shown:
    """A prompt, and what the data says comes next."""

    text: str
    ids: list[int]
    expected: str


@dataclass(frozen=True)
class Blocks:
    """A part as the model sees it: `labels` holds the token that follows each place, or IGNORED."""

    tokens: list[np.ndarray]
    labels: list[np.ndarray]
    shown: list[Shown]  # of the first rows
    truncated: int = 0
    held: list[str] = field(default_factory=list)  # prompts as serving will get them

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def sizes(self) -> list[int]:
        """Tokens of each row."""
        return [len(ids) for ids in self.tokens]


@dataclass(frozen=True)
class Said:
    """What the model said of some rows: nats, right guesses and judged places of each, and how it goes on."""

    nats: np.ndarray
    hits: np.ndarray
    counts: np.ndarray
    texts: list[str | None]
    seconds: float

    def pick(self, places: Sequence[int]) -> "Said":
        """Of these rows only."""
        at = list(places)
        return Said(self.nats[at], self.hits[at], self.counts[at], [self.texts[one] for one in at], 0.0)


@dataclass(frozen=True)
class Read:
    """Passages, or the columns of instructions, and their split."""

    passages: list[Passage]
    roles: dict[str, list[str]]
    split: Split


class CausalLm:
    """The next token. See parts/recipe.py for when each method is called."""

    task = "text-generation"

    # ---- data and model ----------------------------------------------------------------------------------------------

    def read(self, spec: JobSpec, settings: CausalLmSettings) -> Material:
        """Passages or instructions, and their split."""
        folder, name = dataset_folder(spec)
        task = versions.read_facts(folder)["task"]
        columns, plan = versions.load_columns(folder, task), SplitPlan.of(settings)
        try:
            if task == "instructions":
                read = Read([], columns.by_role, split_instructions(columns, plan)[0])
            else:
                passages = find_passages(columns)
                read = Read(passages, {}, split_passages(passages, plan))
        except Unfit as error:
            raise RunFailed(FailureCode.DATA, f"{name}: {error.text}", error.fix or "Give other data.") from error
        language.refuse_empty(name, read.split.train, read.split.validation)
        return Material(read, (), read.split.duplicates, read.split.removed, {"data": task})

    def build(self, spec: JobSpec, settings: CausalLmSettings, material: Material, made: Path) -> Built:
        """The base model, or a new one with a tokenizer trained on the training part; texts as blocks."""
        from transformers import set_seed

        read: Read = material.parts
        scratch = spec.base_model is None or spec.base_model.kind == "none"
        base = None if scratch else model.find_base(spec.base_model)
        tokenizer = model.load_tokenizer(base) if base else new_tokenizer(settings, read, made)
        config = decoder_config(base, settings, tokenizer) if base else new_config(settings, tokenizer)
        limit = model.check_length(base, config, tokenizer, settings.max_length) if base else settings.max_length
        train, validation, test = (
            self._encode(tokenizer, read, rows, settings.max_length)
            for rows in (read.split.train, read.split.validation, read.split.test)
        )
        language.refuse_empty("After cutting", train.tokens, validation.tokens)
        set_seed(settings.seed)
        network = load_network(base, config, settings)
        network.config.use_cache = False  # nothing is generated while it trains; generation asks for it
        ends = chat.end_ids(tokenizer, [ids[ids >= 0].tolist() for ids in train.labels] if read.roles else [])
        reference = language.unigram_loss(train.labels, validation.labels, network.config.vocab_size)
        return Built(
            tokenizer=tokenizer,
            network=network,
            train=train,
            validation=validation,
            test=test,
            pad_id=tokenizer.pad_token_id,
            base=model.reference_of(base),
            facts={"max_length_limit": limit, "end_ids": ends, "reference_loss": reference},
            warnings=language.unknown_warnings(tokenizer, train.tokens),
        )

    def _encode(self, tokenizer: Any, read: Read, rows: Sequence[int], block: int) -> Blocks:
        if read.roles:
            return encode_dialogues(tokenizer, read.roles, rows, block)
        return pack(tokenizer, [read.passages[row] for row in rows], block)

    def collate(self, part: Blocks, built: Built, *, pin: bool) -> Callable[[Sequence[int]], Batch]:
        """Padded to the longest row; packed blocks are of one size."""
        return batches.TokenCollate(part.tokens, part.labels, built.pad_id, pin=pin)

    def loss(self, settings: CausalLmSettings) -> Loss:  # noqa: ARG002 every recipe gets them
        """Cross entropy over the places that count."""
        return TokenLoss()

    # ---- how good it is ----------------------------------------------------------------------------------------------

    def predict(
        self,
        network: Any,
        part: Blocks,
        built: Built,
        settings: CausalLmSettings,
        device: torch.device,
        rows: Sequence[int] | None = None,
    ) -> Said:
        """Nats and right guesses of each row; the shown ones are continued, too."""
        begun = time.perf_counter()
        rows = range(len(part)) if rows is None else rows
        sums = np.zeros((len(part), 3))
        collate = self.collate(part, built, pin=False)
        for picked, logits in batches.passed(network, collate, part.sizes, rows, settings.batch_size, device):
            for at, row in enumerate(picked):
                labels = torch.from_numpy(part.labels[row]).to(logits.device)
                places = labels != IGNORED
                found, wanted = logits[at, : len(labels)][places].float(), labels[places]
                lost = torch.nn.functional.cross_entropy(found, wanted, reduction="sum")
                sums[row] = float(lost), float((found.argmax(-1) == wanted).sum()), len(wanted)
        shown = [row for row in rows if row < len(part.shown)]
        texts = dict(zip(shown, self._go_on(network, [part.shown[row] for row in shown], built, device), strict=True))
        nats, hits, counts = sums[list(rows)].T
        return Said(nats, hits, counts, [texts.get(row) for row in rows], time.perf_counter() - begun)

    def _go_on(self, network: Any, shown: Sequence[Shown], built: Built, device: torch.device) -> list[str]:
        most = getattr(network.config, "max_position_embeddings", None)

        def decode(ids: list[int]) -> str:
            return str(built.tokenizer.decode(ids, skip_special_tokens=True))

        ends = Ends(frozenset(built.facts["end_ids"]), most, decode)
        options = [Options(SHOWN_TOKENS)] * len(shown)
        return [written.text for written in write_on(network, [one.ids for one in shown], options, ends, device)]

    def evaluate(
        self,
        found: Said,
        part: Blocks,
        material: Material,  # noqa: ARG002 every recipe gets it
        *,
        step: int,
        epoch: float | None,
        split: str,
    ) -> Evaluation:
        """Loss in nats a token, its perplexity, and the share of tokens that were the likeliest."""
        prefix = "eval" if split == "validation" else split
        count = max(float(found.counts.sum()), 1.0)
        loss = float(found.nats.sum()) / count
        values: dict[str, float | None] = {
            f"{prefix}/loss": loss,
            f"{prefix}/perplexity": math.exp(loss) if loss < 700 else None,
            f"{prefix}/accuracy": float(found.hits.sum()) / count,
        }
        return Evaluation(step=step, epoch=epoch, split=split, rows=len(part), values=values, seconds=found.seconds)

    def sample_rows(self, part: Blocks) -> list[int]:
        """The rows whose beginning is continued."""
        return list(range(len(part.shown)))

    def samples(self, found: Said, part: Blocks, rows: Sequence[int], material: Material) -> list[dict[str, Any]]:  # noqa: ARG002
        """The prompt, what the data says comes next, what the model says, and the mean probability of the data's
        tokens."""
        shares = np.exp(-found.nats / np.maximum(found.counts, 1))
        return [
            {
                "text": part.shown[row].text,
                "expected": part.shown[row].expected,
                "predicted": text,
                "score": float(share),
            }
            for row, text, share in zip(rows, found.texts, shares, strict=True)
        ]

    # ---- the result --------------------------------------------------------------------------------------------------

    def write(self, outcome: Outcome, folder: Path) -> None:
        """model/: see parts/result.py. Golden prompts are those the model is surest about at every token: rounding on
        another machine must not decide."""
        built, read = outcome.built, outcome.material.parts
        before, after = chat.around(built.tokenizer) if read.roles else ("", "")
        most: int = outcome.settings.max_length  # type: ignore[attr-defined]
        signature = {
            "task": self.task,
            "inputs": {"type": "string", "max_tokens": most},
            "outputs": {
                "text": "what follows",
                "finish": "end, stop, length or time",
                "tokens": "count",
                "score": "geometric mean of the tokens' probabilities, 0 to 1",
            },
            "generation": {
                "before": before,
                "after": after,
                "special_tokens": not read.roles,
                "end_ids": built.facts["end_ids"],
                "max_new_tokens": max(min(32, most // 2), 1),
            },
        }
        outcome.network.config.use_cache = True
        result.write_files(outcome, folder, signature)
        predictor: Any = open_predictor(folder, device="cpu")
        held = [*built.validation.held, *built.test.held][:CANDIDATES]
        margins = predictor.margins(held)
        result.write_proof(folder, [held[at] for at in np.argsort(-np.asarray(margins), kind="stable")], count=GOLDEN)


# ---- tokenizer and model from nothing, or from a base ----------------------------------------------------------------


def new_tokenizer(settings: CausalLmSettings, read: Read, made: Path) -> Any:
    """Byte-level BPE trained on the training part; every text begins with the end token of the one before."""
    if read.roles:
        texts = [read.roles[role][row] for row in read.split.train for role in ("prompt", "response")]
    else:
        texts = [read.passages[row].text for row in read.split.train]

    def train() -> Any:
        special = {"pad_token": PAD, "bos_token": END, "eos_token": END}
        return train_tokenizer(
            texts,
            "bpe",
            settings.vocabulary_size,
            special=special,
            template=f"{END} $A",
            max_length=settings.max_length,
        )

    return kept_tokenizer(made, train)


def new_config(settings: CausalLmSettings, tokenizer: Any) -> Any:
    """GPT-2's architecture in the asked size."""
    from transformers import GPT2Config

    if settings.method != "full":
        text = "A model from scratch has no weights that adapters could stand beside."
        raise RunFailed(FailureCode.SETTINGS, text, "Train every weight.", field="method", fix_value="full")
    dropout = 0.1 if settings.dropout is None else settings.dropout
    return GPT2Config(
        vocab_size=len(tokenizer), n_positions=settings.max_length, n_embd=settings.d_model, n_layer=settings.layers,
        n_head=settings.heads, n_inner=settings.feed_forward, resid_pdrop=dropout, embd_pdrop=dropout,
        attn_pdrop=dropout, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip


def decoder_config(base: model.BaseModel, settings: CausalLmSettings, tokenizer: Any) -> Any:
    """The base's configuration; RunFailed when it looks at what follows, for then it could read off the answer."""
    config = model.load_config(base, settings, tokenizer.pad_token_id)
    names = [str(name) for name in getattr(config, "architectures", None) or ()]
    one_way = any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in names)
    if not one_way or (getattr(config, "is_decoder", None) is False and "bert" in config.model_type):
        text = f"{base.name} is {', '.join(names) or 'of no named architecture'}; a decoder is needed."
        raise RunFailed(FailureCode.BAD_MODEL, text, "Choose a model that continues text, or scratch.")
    return config


def load_network(base: model.BaseModel | None, config: Any, settings: CausalLmSettings) -> Any:
    """The weights of the base, or new ones; the generators must be seeded before."""
    from transformers import AutoModelForCausalLM

    if base is None:
        return AutoModelForCausalLM.from_config(config)
    return model.load_model(base, config, settings, AutoModelForCausalLM, adapters="CAUSAL_LM")


# ---- text as blocks --------------------------------------------------------------------------------------------------


def pack(tokenizer: Any, passages: Sequence[Passage], block: int) -> Blocks:
    """Passages in source order as one stream, cut every `block` tokens; the last block may be shorter.

    A document begins with what the tokenizer puts before a text and ends with its end token, unless the next one
    begins with that. A block's last place is judged on the first token of the next block.
    """
    first = [token for token in tokenizer("", verbose=False)["input_ids"] if token is not None]
    end = tokenizer.eos_token_id
    first = first[: first.index(end) + 1] if end in first[:1] else [token for token in first if token != end]
    stream: list[int] = []
    for passage in passages:
        text = passage.text if passage.ends else passage.text + "\n"
        ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        stream += [*(first if passage.starts else []), *ids]
        if passage.ends and end is not None and first[:1] != [end]:
            stream.append(end)
    if passages and passages[-1].ends and end is not None and first[:1] == [end]:
        stream.append(end)
    ids, following = np.asarray(stream[:-1], dtype=np.int64), np.asarray(stream[1:], dtype=np.int64)
    tokens = [ids[at : at + block] for at in range(0, len(ids), block)]
    labels = [following[at : at + block] for at in range(0, len(ids), block)]
    shown = [_beginning(tokenizer, row) for row in tokens[:SHOWN] if len(row) > 1]
    return Blocks(tokens, labels, shown, held=[_prompt(passage) for passage in passages])


def _beginning(tokenizer: Any, row: np.ndarray) -> Shown:
    at = max(min(16, len(row) // 2), 1)
    ids = row[:at].tolist()
    after = row[at : at + SHOWN_TOKENS].tolist()
    text, expected = (str(tokenizer.decode(some, skip_special_tokens=True)) for some in (ids, after))
    return Shown(text, ids, expected)


def _prompt(passage: Passage) -> str:
    """The first words of a passage: half of its first line."""
    line = passage.lines[0].strip()
    half = line[: max(len(line) // 2, 1)]
    return half.rsplit(" ", 1)[0].strip() or half


def encode_dialogues(tokenizer: Any, roles: dict[str, list[str]], rows: Sequence[int], block: int) -> Blocks:
    """One example a row; only the answer counts. Rows whose answer does not fit at all are left out and counted."""
    chat.give_template(tokenizer)
    tokens, labels, truncated = [], [], 0
    shown: list[Shown] = []
    for row in rows:
        prompt, answer = roles["prompt"][row], roles["response"][row]
        system = roles["system"][row] if "system" in roles else ""
        asked, said = chat.encode_dialogue(tokenizer, prompt, answer, system)
        whole = [*asked, *said]
        truncated += len(whole) > block + 1
        if len(asked) > block:
            continue
        marked = [*[IGNORED] * (len(asked) - 1), *said]
        tokens.append(np.asarray(whole[:-1][:block], dtype=np.int64))
        labels.append(np.asarray(marked[:block], dtype=np.int64))
        if len(shown) < SHOWN:
            shown.append(Shown(prompt, asked, answer))
    held = [roles["prompt"][row] for row in rows]
    return Blocks(tokens, labels, shown, truncated, held)


RECIPE = CausalLm()
