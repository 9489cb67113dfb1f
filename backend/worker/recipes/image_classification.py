"""Train a vision transformer to put images into classes, from scratch or from a model that has seen images.

An image is cut into square patches, each a token. Pixels are scaled to 0 to 1 and normalised by mean and spread of the
training part, or as the base model wants it. While training, every image moves by a few pixels; by how many is a pure
function of (seed, epoch, row), so that a resumed run sees what an uninterrupted one would. Everything else is the
spine's.
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
from backend.contract.recipes import ImageClassificationSettings
from backend.contract.states import FailureCode
from backend.data import versions
from backend.data.images import BadImage, Images, patch_of, read_images
from backend.data.split import Split, SplitPlan, make_split
from backend.worker.parts import data, metrics, model, result
from backend.worker.parts.failure import RunFailed
from backend.worker.parts.material import dataset_folder
from backend.worker.parts.recipe import Batch, Built, Loss, Material, Outcome
from backend.worker.parts.state import read_json, write_json
from backend.worker.parts.trainer import GlobalLoss
from backend.worker.serving import pixels
from backend.worker.serving.viewer import pixel_kind

INITIAL_SPREAD = 0.02
"""Of first weights at the usual width of 768. Narrower models need more, or they learn nothing for many epochs."""

GOLDEN = 16
GOLDEN_PIXELS = 200_000
"""Numbers in all golden inputs together: large images get fewer."""


@dataclass(frozen=True)
class ImagePart:
    """A part as the model sees it; place i of every list belongs to the same image."""

    raw: np.ndarray  # rows × pixels as they stand in the data
    labels: list[int]
    numbers: list[int]  # row of the data, from 1
    patches: int
    shift: int = 0  # pixels by which training moves an image at most
    seed: int = 0  # of the movements
    truncated: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def sizes(self) -> list[int]:
        """Tokens of each image: its patches and the class token."""
        return [self.patches + 1] * len(self)


class ImageCollate:
    """Rows → {"pixel_values", "labels"}; where a part is to be moved, each image goes its own way, its edge repeated
    behind it."""

    def __init__(self, part: ImagePart, preparing: pixels.Preparing, *, move: bool, pin: bool = False) -> None:
        self._part = part
        self._preparing = preparing
        self._shift = part.shift if move else 0
        self._pin = pin
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose movements are drawn."""
        self._epoch = epoch

    def __call__(self, rows: Sequence[int]) -> Batch:
        raw = self._part.raw[list(rows)]
        if self._shift:
            raw = np.stack([self._moved(image, row) for image, row in zip(raw, rows, strict=True)])
        labels = torch.tensor([self._part.labels[row] for row in rows])
        tensors = {"pixel_values": self._preparing(raw), "labels": labels}
        if self._pin:
            tensors = {name: tensor.pin_memory() for name, tensor in tensors.items()}
        return {**tensors, "tokens": len(rows) * (self._part.patches + 1)}

    def _moved(self, image: np.ndarray, row: int) -> np.ndarray:
        draw = np.random.Generator(np.random.PCG64([self._part.seed, self._epoch, row]))
        down, right = draw.integers(0, 2 * self._shift, endpoint=True, size=2)
        side, edge = self._preparing.side, self._shift
        square = image.reshape(self._preparing.channels, side, side)
        padded = np.pad(square, ((0, 0), (edge, edge), (edge, edge)), mode="edge")
        return padded[:, down : down + side, right : right + side].reshape(-1)


class ImageClassification:
    """One class for an image. See parts/recipe.py for when each method is called."""

    task = "image-classification"

    # ---- data and model ----------------------------------------------------------------------------------------------

    def read(self, spec: JobSpec, settings: ImageClassificationSettings) -> Material:
        """Images, their split, and sorted labels."""
        folder, name = dataset_folder(spec)
        try:
            images = read_images(versions.load_columns(folder, self.task, others=True))
        except BadImage as error:
            where = "" if error.row is None else f", row {error.row + 1}"
            raise RunFailed(FailureCode.DATA, f"{name}{where}: {error}.", "Mend the data.") from error
        split = make_split(images.texts, images.labels, images.given, SplitPlan.of(settings))
        problem = split.problem(images.labels)
        if problem:
            raise RunFailed(FailureCode.DATA, f"{name}: {problem}.", "Give other data, or change the split.")
        labels = tuple(sorted(set(images.labels)))
        counts = {label: sum(images.labels[row] == label for row in split.train) for label in labels}
        facts = {"label_counts": counts, "image": {"channels": images.channels, "side": images.side}}
        return Material((images, split), labels, split.duplicates, split.removed, facts)

    def build(self, spec: JobSpec, settings: ImageClassificationSettings, material: Material, made: Path) -> Built:  # noqa: ARG002 nothing is made
        """The network, and what turns pixels into its input."""
        from transformers import AutoModelForImageClassification, set_seed

        images: Images
        split: Split
        images, split = material.parts
        base = None
        if spec.base_model is None or spec.base_model.kind == "none":
            config = new_config(settings, images, material.labels)
            preparing = own_preparing(images, split)
        else:
            base = model.find_base(spec.base_model, reads_text=False)
            config = model.load_config(base, settings, 0, labels=material.labels)
            preparing = base_preparing(base, config, images)
        numbers = {name: number for number, name in enumerate(material.labels)}
        patches = (config.image_size // config.patch_size) ** 2 if hasattr(config, "patch_size") else 0

        def part(rows: Sequence[int], shift: int = 0) -> ImagePart:
            labels, names = [numbers[images.labels[row]] for row in rows], [row + 1 for row in rows]
            return ImagePart(images.pixels[list(rows)], labels, names, patches, shift, settings.seed)

        set_seed(settings.seed)
        kind = AutoModelForImageClassification
        network = model.load_whole(base, config, kind) if base else kind.from_config(config)
        return Built(
            tokenizer=preparing,
            network=network,
            train=part(split.train, min(settings.shift, images.side)),
            validation=part(split.validation),
            test=part(split.test),
            pad_id=0,
            base=model.reference_of(base),
            facts={"patches": patches},
        )

    def collate(self, part: ImagePart, built: Built, *, pin: bool) -> Callable[[Sequence[int]], Batch]:
        """For training: moved, where the part is."""
        return ImageCollate(part, built.tokenizer, move=True, pin=pin)

    def loss(self, settings: ImageClassificationSettings) -> Loss:
        """Cross entropy."""
        return GlobalLoss(settings.label_smoothing)

    # ---- how good it is ----------------------------------------------------------------------------------------------

    def predict(
        self,
        network: Any,
        part: ImagePart,
        built: Built,
        settings: ImageClassificationSettings,
        device: torch.device,
        rows: Sequence[int] | None = None,
    ) -> metrics.Predictions:
        """Logits of each image as it stands."""
        begun = time.perf_counter()
        rows = range(len(part)) if rows is None else rows
        collate = ImageCollate(part, built.tokenizer, move=False)
        logits = np.empty((len(rows), network.config.num_labels), dtype=np.float32)
        size, was_training = max(32, settings.batch_size), network.training
        network.eval()
        try:
            with torch.inference_mode():
                for at in range(0, len(rows), size):
                    images = collate(rows[at : at + size])["pixel_values"].to(device)
                    logits[at : at + size] = network(images).logits.float().cpu().numpy()
        finally:
            network.train(was_training)
        labels = np.asarray([part.labels[row] for row in rows])
        return metrics.Predictions(logits, labels, time.perf_counter() - begun)

    def evaluate(
        self,
        found: metrics.Predictions,
        part: ImagePart,  # noqa: ARG002 every recipe gets it
        material: Material,
        *,
        step: int,
        epoch: float | None,
        split: str,
    ) -> Evaluation:
        """Loss, accuracy, precision, recall and F1, per class too, and the confusion matrix."""
        return metrics.evaluate(found, material.labels, step=step, epoch=epoch, split=split)

    def sample_rows(self, part: ImagePart) -> list[int]:
        """Taken in turns from every class, so that each is seen."""
        return data.in_turns(part.labels)

    def samples(
        self, found: metrics.Predictions, part: ImagePart, rows: Sequence[int], material: Material
    ) -> list[dict[str, Any]]:
        """Row of the data, right class, chosen class and its probability."""
        return [
            {
                "text": f"Row {part.numbers[row]}",
                "expected": material.labels[part.labels[row]],
                "predicted": material.labels[chosen],
                "score": float(shares[chosen]),
            }
            for row, chosen, shares in zip(rows, found.predicted.tolist(), found.probabilities, strict=True)
        ]

    # ---- the result --------------------------------------------------------------------------------------------------

    def write(self, outcome: Outcome, folder: Path) -> None:
        """model/: weights, labels, how pixels are prepared; golden answers and profile are what serving says of the
        saved files."""
        built, preparing = outcome.built, outcome.built.tokenizer
        outcome.network.save_pretrained(folder, max_shard_size="100GB")
        labels = list(outcome.material.labels)
        signature = {
            "task": self.task,
            "inputs": {"type": "object", "fields": {"pixels": pixel_kind(preparing.count, preparing.scale)}},
            "outputs": {"label": labels, "score": "probability of the label, 0 to 1", "scores": "label → probability"},
        }
        write_json(folder / "labels.json", labels)
        write_json(folder / "signature.json", signature)
        write_json(folder / pixels.FILE, preparing.facts())
        write_json(folder / "facts.json", outcome.facts)
        raw = np.concatenate([built.validation.raw, built.test.raw])
        order = data.in_turns([*built.validation.labels, *built.test.labels])
        held = [{"pixels": [plain(value) for value in raw[row].tolist()]} for row in order]
        result.write_proof(folder, held, count=max(1, min(GOLDEN, GOLDEN_PIXELS // preparing.count)))


# ---- helpers, in the order they are used -----------------------------------------------------------------------------


def new_config(settings: ImageClassificationSettings, images: Images, labels: Sequence[str]) -> Any:
    """A vision transformer of the asked shape for images of this size."""
    from transformers import ViTConfig

    try:
        patch = patch_of(images.side, settings.patch_size)
    except ValueError as error:
        raise RunFailed(FailureCode.SETTINGS, f"{error}.", "Choose another one.", field="patch_size") from error
    return ViTConfig(
        hidden_size=settings.d_model,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=settings.feed_forward,
        hidden_dropout_prob=settings.dropout or 0.0,
        attention_probs_dropout_prob=settings.dropout or 0.0,
        image_size=images.side,
        patch_size=patch,
        num_channels=images.channels,
        initializer_range=INITIAL_SPREAD * math.sqrt(768 / settings.d_model),
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={name: place for place, name in enumerate(labels)},
        architectures=["ViTForImageClassification"],
    )


def own_preparing(images: Images, split: Split) -> pixels.Preparing:
    """Normalised by mean and spread of the training part, each channel its own."""
    seen = images.pixels[list(split.train)].astype(np.float64).reshape(len(split.train), images.channels, -1)
    seen /= images.scale
    mean = tuple(float(value) for value in seen.mean(axis=(0, 2)))
    std = tuple(max(float(value), 1e-3) for value in seen.std(axis=(0, 2)))
    return pixels.Preparing(images.channels, images.side, images.scale, mean, std, images.side)


def base_preparing(base: model.BaseModel, config: Any, images: Images) -> pixels.Preparing:
    """As the base model wants it: its size, its channels, its mean and spread (a half each where it does not say)."""
    size, channels = getattr(config, "image_size", None), getattr(config, "num_channels", None)
    if not isinstance(size, int) or channels not in (1, 3) or (images.channels, channels) == (3, 1):
        text = f"{base.name} takes images of {channels} × {size}; this data has {images.channels} × {images.side}."
        raise RunFailed(FailureCode.BAD_MODEL, text, "Choose another model, or train from scratch.")
    file = Path(base.source) / pixels.FILE
    stated = read_json(file) if base.kind != "hub" and file.is_file() else {}
    mean, std = ([float(value) for value in stated.get(key) or [0.5] * channels] for key in ("image_mean", "image_std"))
    if len(mean) != channels or len(std) != channels or not min(std) > 0:
        text = f"{pixels.FILE} of {base.name} does not fit its {channels} channels."
        raise RunFailed(FailureCode.BAD_MODEL, text, "Choose another model.")
    return pixels.Preparing(images.channels, images.side, images.scale, tuple(mean), tuple(std), size)


def plain(value: float) -> float:
    """A whole number as one: requests are written that way."""
    return int(value) if value == int(value) else value


RECIPE = ImageClassification()
