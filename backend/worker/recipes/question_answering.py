"""Fine-tune an encoder to mark the answer to a question in a context.

A context too long for the model is cut into windows that share a stride; where a window does not hold the whole
answer, its first token stands for "no answer". The best span of all windows wins; it must beat no answer where the data
has questions without one. Judged with SQuAD's exact match and F1. Everything else is the spine's.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.contract.events import Evaluation, Warned
from backend.contract.jobs import JobSpec
from backend.contract.recipes import QuestionAnsweringSettings
from backend.contract.states import FailureCode
from backend.data import versions
from backend.data.answers import Asked, kinds, read_asked
from backend.data.split import Split, SplitPlan, make_split
from backend.data.tagged import BadRow
from backend.worker.parts import answers, batches, data, model, result
from backend.worker.parts.failure import RunFailed
from backend.worker.parts.material import dataset_folder
from backend.worker.parts.recipe import Batch, Built, Loss, Material, Outcome
from backend.worker.serving import reader, spans

GOLDEN = 16
LOST = 0.02
"""Share of answers that no window holds, or that are too long to be chosen, from which on it is said."""


@dataclass(frozen=True)
class AskedPart:
    """Questions, and their windows one after the other; a row of a batch is a window."""

    asked: list[Asked]
    windows: list[spans.Window]
    of: list[range]  # windows of each question
    places: np.ndarray  # windows × 2: first and last token of the answer, or twice the one that stands for none
    reading: spans.Reading
    truncated: int  # questions that were cut
    lost: int  # answers that no window holds, or longer than may be chosen

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def sizes(self) -> list[int]:
        """Tokens of each window."""
        return [len(window.ids) for window in self.windows]


@dataclass(frozen=True)
class Marked:
    """What the model said of some questions."""

    found: list[spans.Answer]
    loss: float  # mean over windows and both ends, in nats
    seconds: float

    def pick(self, places: Sequence[int]) -> "Marked":
        """Of these questions only."""
        return Marked([self.found[at] for at in places], self.loss, 0.0)


class SpanLoss:
    """Cross entropy of the first and of the last token over all places of a window."""

    def __call__(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        entropy = torch.nn.functional.cross_entropy
        total = entropy(outputs.start_logits.float(), labels[:, 0], reduction="sum")
        total = total + entropy(outputs.end_logits.float(), labels[:, 1], reduction="sum")
        return total / (num_items_in_batch if num_items_in_batch is not None else labels.numel())


class QuestionAnswering:
    """Answers as spans. See parts/recipe.py for when each method is called; `rows` of predict() and samples() are
    questions."""

    task = "question-answering"

    # ---- data and model ----------------------------------------------------------------------------------------------

    def read(self, spec: JobSpec, settings: QuestionAnsweringSettings) -> Material:
        """Questions with their answers, and their split."""
        folder, name = dataset_folder(spec)
        columns = versions.load_columns(folder, self.task)
        try:
            rows = read_asked(columns)
        except BadRow as error:
            raise RunFailed(FailureCode.DATA, f"{name}, row {error.row + 1}: {error}.", "Mend the data.") from error
        split = make_split([row.text for row in rows], kinds(rows), columns.given, SplitPlan.of(settings))
        blank = sum(not rows[row].answers for row in split.train)
        facts = {"questions": len(split.train), "unanswerable": blank}
        return Material((rows, split), (), split.duplicates, split.removed, facts)

    def build(self, spec: JobSpec, settings: QuestionAnsweringSettings, material: Material, made: Path) -> Built:  # noqa: ARG002 nothing is made
        """The base model with a new head; contexts as windows."""
        from transformers import AutoModelForQuestionAnswering, set_seed

        base = model.find_base(spec.base_model)
        tokenizer = model.load_tokenizer(base)
        config = model.load_config(base, settings, tokenizer.pad_token_id)
        limit = model.check_length(base, config, tokenizer, settings.max_length)
        rows: list[Asked]
        split: Split
        rows, split = material.parts
        try:
            train, validation, test = (
                encode(tokenizer, [rows[row] for row in part], reading_of(settings, material))
                for part in (split.train, split.validation, split.test)
            )
        except spans.NoRoom as error:
            raise RunFailed(FailureCode.BAD_MODEL, f"{base.name}: {error}.", "Choose an encoder.") from error
        set_seed(settings.seed)
        network = model.load_model(base, config, settings, AutoModelForQuestionAnswering, adapters="QUESTION_ANS")
        return Built(
            tokenizer=tokenizer,
            network=network,
            train=train,
            validation=validation,
            test=test,
            pad_id=tokenizer.pad_token_id,
            base=base.reference(),
            facts={"max_length_limit": limit, "windows": len(train), "answers_lost": train.lost},
            warnings=lost_answers(train),
        )

    def collate(self, part: AskedPart, built: Built, *, pin: bool) -> Callable[[Sequence[int]], Batch]:
        """Padded to the longest window of the batch."""
        has_types = spans.has_types(built.network.config)

        def batch(rows: Sequence[int]) -> Batch:
            picked = [part.windows[row] for row in rows]
            made = reader.tensors(picked, built.pad_id, has_types=has_types)
            made["labels"] = torch.from_numpy(part.places[list(rows)])
            made = {name: tensor.pin_memory() if pin else tensor for name, tensor in made.items()}
            return {**made, "tokens": sum(len(window.ids) for window in picked)}

        return batch

    def loss(self, settings: QuestionAnsweringSettings) -> Loss:  # noqa: ARG002 every recipe gets them
        """Cross entropy of both ends."""
        return SpanLoss()

    # ---- how good it is ----------------------------------------------------------------------------------------------

    def predict(
        self,
        network: Any,
        part: AskedPart,
        built: Built,
        settings: QuestionAnsweringSettings,
        device: torch.device,
        rows: Sequence[int] | None = None,
    ) -> Marked:
        """The best span of each question."""
        begun = time.perf_counter()
        rows = range(len(part.asked)) if rows is None else rows
        wanted = [window for row in rows for window in part.of[row]]
        ends: dict[int, np.ndarray] = {}
        lost = 0.0
        collate, size = self.collate(part, built, pin=False), max(16, settings.batch_size)
        for picked, logits in batches.passed(network, collate, part.sizes, wanted, size, device, both_ends):
            scores = logits.float().cpu().numpy()
            for at, window in enumerate(picked):
                ends[window] = scores[:, at, : len(part.windows[window].ids)]
                lost += _surprise(ends[window], part.places[window])
        found = [self._best(part, row, ends) for row in rows]
        return Marked(found, lost / max(2 * len(wanted), 1), time.perf_counter() - begun)

    def _best(self, part: AskedPart, row: int, ends: dict[int, np.ndarray]) -> spans.Answer:
        windows = part.of[row]
        return spans.best_answer(
            part.asked[row].context,
            [part.windows[window] for window in windows],
            [ends[window][0] for window in windows],
            [ends[window][1] for window in windows],
            part.reading,
        )

    def evaluate(
        self,
        found: Marked,
        part: AskedPart,
        material: Material,  # noqa: ARG002 every recipe gets it
        *,
        step: int,
        epoch: float | None,
        split: str,
    ) -> Evaluation:
        """Loss, exact match and F1; where some have no answer, F1 of those that have, and the share of the others that
        is seen."""
        prefix = "eval" if split == "validation" else split
        pairs = [(answer.text, row.answers) for answer, row in zip(found.found, part.asked, strict=True)]
        f1 = np.asarray([answers.best(answers.overlap_f1, given, rights) for given, rights in pairs])
        exact = np.asarray([answers.best(answers.exact, given, rights) for given, rights in pairs])
        values = {"loss": found.loss, "exact_match": float(exact.mean()), "f1": float(f1.mean())}
        told = np.asarray([bool(row.answers) for row in part.asked])
        if 0 < told.sum() < len(told):
            values |= {"answer_f1": float(f1[told].mean()), "no_answer_accuracy": float(f1[~told].mean())}
        return Evaluation(
            step=step,
            epoch=epoch,
            split=split,
            rows=len(part.asked),
            values={f"{prefix}/{name}": value for name, value in values.items()},
            seconds=found.seconds,
        )

    def sample_rows(self, part: AskedPart) -> list[int]:
        """Questions with and without an answer in turns."""
        return data.in_turns([int(not row.answers) for row in part.asked])

    def samples(
        self,
        found: Marked,
        part: AskedPart,
        rows: Sequence[int],
        material: Material,  # noqa: ARG002 every recipe gets it
    ) -> list[dict[str, Any]]:
        """The question above its context, the right and the chosen answer; both are empty for none."""
        return [
            {
                "text": part.asked[row].text,
                "expected": next(iter(part.asked[row].answers), ""),
                "predicted": answer.text,
                "score": answer.score,
            }
            for row, answer in zip(rows, found.found, strict=True)
        ]

    # ---- the result --------------------------------------------------------------------------------------------------

    def write(self, outcome: Outcome, folder: Path) -> None:
        """model/: see parts/result.py; golden answers and profile are what serving says of the saved files."""
        built = outcome.built
        held = [
            {"question": row.question, "context": row.context}
            for part in (built.validation, built.test)
            for row in part.asked
        ]
        reading: spans.Reading = built.train.reading
        signature = {
            "task": self.task,
            "inputs": {"type": "object", "fields": reader.FIELDS, "max_tokens": reading.max_length},
            "outputs": {
                "answer": "a part of the context; empty where it does not tell",
                "start": "character, or null",
                "end": "character, or null",
                "score": "share among all spans that may be chosen, 0 to 1",
            },
            "reading": {
                "stride": reading.stride,
                "max_answer_length": reading.max_answer_length,
                "null_threshold": reading.null_threshold,
            },
        }
        result.write_files(outcome, folder, signature)
        result.write_proof(folder, held, count=GOLDEN)


def reading_of(settings: QuestionAnsweringSettings, material: Material) -> spans.Reading:
    """As the settings say; a model that never saw a question without an answer always names one."""
    threshold = settings.null_threshold if material.facts["unanswerable"] else None
    return spans.Reading(settings.max_length, settings.stride, settings.max_answer_length, threshold)


def encode(tokenizer: Any, asked: Sequence[Asked], reading: spans.Reading) -> AskedPart:
    """Windows and where in them the answers stand. Raises NoRoom."""
    coder = tokenizer.backend_tokenizer
    coder.no_truncation()
    coder.no_padding()
    windows: list[spans.Window] = []
    of: list[range] = []
    places: list[tuple[int, int]] = []
    truncated = lost = 0
    for row in asked:
        cut = spans.cut(coder, row.question, row.context, reading)
        held = [window.place(row.start, row.end) if row.answers else None for window in cut.windows]
        short = [place for place in held if place and place[1] - place[0] < reading.max_answer_length]
        places += [place or (window.null, window.null) for window, place in zip(cut.windows, held, strict=True)]
        of.append(range(len(windows), len(windows) + len(cut.windows)))
        windows += cut.windows
        truncated += not cut.fits
        lost += bool(row.answers) and not short
    marked = np.asarray(places, dtype=np.int64).reshape(-1, 2)
    return AskedPart(list(asked), windows, of, marked, reading, truncated, lost)


def lost_answers(part: AskedPart) -> list[Warned]:
    """A warning when many answers cannot be chosen."""
    told = sum(bool(row.answers) for row in part.asked)
    if part.lost <= LOST * told:
        return []
    text = f"{part.lost:,} of {told:,} answers are longer than may be chosen, or stand in no window as a whole."
    return [Warned(code="answers_lost", text=text, advice="Raise the longest answer, the stride or max length.")]


def both_ends(outputs: Any) -> torch.Tensor:
    """2 × windows × places."""
    return torch.stack([outputs.start_logits, outputs.end_logits])


def _surprise(scores: np.ndarray, places: np.ndarray) -> float:
    """Cross entropy of both ends over the places of a window, padding left out, in nats."""
    top = scores.max(axis=1)
    return float((np.log(np.exp(scores - top[:, None]).sum(axis=1)) + top - scores[[0, 1], places]).sum())


RECIPE = QuestionAnswering()
