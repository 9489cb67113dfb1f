"""Images as a dataset keeps them: a column a pixel, row by row from the top; colour as all red, all green, all blue."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.data.versions import Columns

PIXEL = re.compile(r"p(?:ixel)?_?([0-9]+)")
SCALES = (1.0, 16.0, 255.0, 65535.0)
"""What white is, in the usual tables."""


class BadImage(ValueError):
    """Columns or a cell that are no pixels; the row where it is one cell."""

    def __init__(self, text: str, *, row: int | None = None) -> None:
        super().__init__(text)
        self.row = row


@dataclass(frozen=True, slots=True)
class Images:
    """Rows of one size."""

    pixels: np.ndarray  # float32, rows × (channels · side · side)
    labels: list[str]
    given: list[str] | None
    channels: int
    side: int
    scale: float  # what white is
    left_out: tuple[str, ...]  # columns that are neither pixel nor label

    @property
    def texts(self) -> list[str]:
        """Each image as one text; what a split looks at."""
        return [row.tobytes().hex() for row in self.pixels]


def read_images(columns: Columns) -> Images:
    """The rows; raises BadImage for a number of pixels that is no square, a gap, a cell that is no number."""
    numbered = {name: int(found[1]) for name in columns.others if (found := PIXEL.fullmatch(name.lower()))}
    names = sorted(numbered, key=numbered.__getitem__)
    channels, side = shape_of(len(names))
    expected = range(numbered[names[0]], numbered[names[0]] + len(names))
    for name, number in zip(names, expected, strict=True):
        if numbered[name] != number:
            raise BadImage(f"there is no pixel column {number}; after {number - 1} comes {name!r}")
    pixels = np.stack([_numbers(name, columns.others[name]) for name in names], axis=1)
    low, high = float(pixels.min()), float(pixels.max())
    if low == high:
        raise BadImage(f"every pixel of every image is {low:g}")
    if low < 0:
        row = int(np.flatnonzero(pixels.min(axis=1) < 0)[0])
        raise BadImage(f"a pixel is {pixels[row].min():g}; 0 is black and nothing is darker", row=row)
    scale = next((known for known in SCALES if high <= known), high)
    others = tuple(name for name in columns.others if name not in numbered)
    return Images(pixels, columns.by_role["label"], columns.given, channels, side, scale, others)


def shape_of(count: int) -> tuple[int, int]:
    """(channels, side) of so many pixels; a number is never both n² and 3·n². Raises BadImage."""
    if count == 0:
        raise BadImage("there is no pixel column; they are named p0, p1 … or pixel0, pixel1 …")
    for channels in (1, 3):
        side = math.isqrt(count // channels)
        if channels * side * side == count:
            return channels, side
    near = math.isqrt(count)
    text = (
        f"{count} pixel columns are no square image: {near} × {near} are {near * near}, in colour three times a square"
    )
    raise BadImage(text)


def patch_of(side: int, asked: int) -> int:
    """The side of a patch; 0: the largest divisor up to a quarter of the side and 16 pixels. Raises ValueError."""
    if asked == 0:
        most = max(1, min(16, side // 4))
        return next(size for size in range(most, 0, -1) if side % size == 0)
    if side % asked:
        fitting = ", ".join(str(size) for size in range(1, min(side, 64) + 1) if side % size == 0)
        raise ValueError(f"images of {side} × {side} pixels cannot be cut into patches of {asked}; {fitting} can")
    return asked


def _numbers(name: str, texts: Sequence[str]) -> np.ndarray:
    try:
        found = np.asarray(texts, dtype=np.float32)
        if np.isfinite(found).all():
            return found
    except ValueError:
        pass
    for row, text in enumerate(texts):
        try:
            if math.isfinite(float(text)):
                continue
        except ValueError:
            pass
        raise BadImage(f"pixel {name} is {text[:40]!r}; a number is needed", row=row)
    raise BadImage(f"a number of pixel {name} is too large")
