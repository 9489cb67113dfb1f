"""Numbers of an image → what a vision model sees. Training and serving both go through here; the facts are kept in
preprocessor_config.json, in the words other programs know (rescale, mean, std, size)."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.worker.serving.folder import read_json
from backend.worker.serving.golden import BadModel

FILE = "preprocessor_config.json"
MOST_PIXELS = 3 * 1024 * 1024


@dataclass(frozen=True)
class Preparing:
    """From raw numbers (0 to scale) of images of one size to normalised tensors of the size a model takes."""

    channels: int  # of the raw image
    side: int
    scale: float  # what white is
    mean: tuple[float, ...]  # a channel of the model each, of numbers 0 to 1
    std: tuple[float, ...]
    size: int  # what the model takes, along a side

    @property
    def count(self) -> int:
        """Numbers of one image."""
        return self.channels * self.side * self.side

    def __call__(self, raw: np.ndarray) -> torch.Tensor:
        """float32 rows × count → rows × channels of the model × size × size."""
        images = torch.from_numpy(raw.astype(np.float32) / np.float32(self.scale))
        images = images.reshape(len(raw), self.channels, self.side, self.side)
        if self.size != self.side:
            images = torch.nn.functional.interpolate(images, self.size, mode="bilinear", align_corners=False)
        if self.channels == 1 and len(self.mean) > 1:
            images = images.expand(-1, len(self.mean), -1, -1)
        mean, std = torch.tensor(self.mean), torch.tensor(self.std)
        return ((images - mean[:, None, None]) / std[:, None, None]).contiguous()

    def facts(self) -> dict[str, Any]:
        """What stands in the file."""
        return {
            "image_processor_type": "ViTImageProcessor",
            "do_resize": self.size != self.side,
            "size": {"height": self.size, "width": self.size},
            "do_rescale": True,
            "rescale_factor": 1 / self.scale,
            "do_normalize": True,
            "image_mean": list(self.mean),
            "image_std": list(self.std),
            "raw": {"channels": self.channels, "side": self.side, "scale": self.scale},
        }


def read_preparing(path: Path, config: dict[str, Any]) -> Preparing:
    """What training wrote, with distrust: every number there, finite, and fitting config.json. Raises BadModel."""
    found = read_json(path / FILE)
    try:
        raw = found["raw"]
        made = Preparing(
            channels=_whole(raw["channels"]),
            side=_whole(raw["side"]),
            scale=float(raw["scale"]),
            mean=tuple(float(value) for value in found["image_mean"]),
            std=tuple(float(value) for value in found["image_std"]),
            size=_whole(found["size"]["height"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadModel(f"{FILE} does not fit: {type(error).__name__} {error}") from error
    numbers = (made.scale, *made.mean, *made.std)
    if made.channels not in (1, 3) or not 0 < made.count <= MOST_PIXELS or not all(map(math.isfinite, numbers)):
        raise BadModel(f"{FILE} names images of {made.channels} × {made.side} × {made.side}")
    if made.scale <= 0 or min(made.std, default=0.0) <= 0 or len(made.std) != len(made.mean):
        raise BadModel(f"{FILE} has a scale or a spread that is not above 0")
    if (made.size, len(made.mean)) != (config.get("image_size"), config.get("num_channels")):
        wanted = f"{config.get('num_channels')} × {config.get('image_size')!r:.20}"
        raise BadModel(f"{FILE} makes images of {len(made.mean)} × {made.size}, config.json wants {wanted}")
    return made


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r:.40} is no whole number")
    return value
