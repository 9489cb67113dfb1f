"""Data for image classification."""

from backend.contract.recipes import ImageClassificationSettings
from backend.contract.resources import DatasetProblem
from backend.data.checks.text_classification import check_classes, overlap
from backend.data.checks.unfit import Unfit
from backend.data.images import BadImage, patch_of, read_images
from backend.data.split import SplitPlan, make_split
from backend.data.versions import Columns

MOST_PATCHES = 4096
"""Attention looks at every pair of them."""


def check(columns: Columns, settings: ImageClassificationSettings) -> list[DatasetProblem]:
    """Raise Unfit for pixels that are no numbers or no square, patches that do not fit,
    and for classes as with texts. Columns left out are worth a warning."""
    try:
        images = read_images(columns)
        patch = patch_of(images.side, settings.patch_size)
    except BadImage as error:
        raise Unfit(f"{error}.", row=error.row, fix="Give one column a pixel, all of them numbers.") from error
    except ValueError as error:
        raise Unfit(f"{error}.", fix="Choose another patch size.") from error
    count = (images.side // patch) ** 2
    if count > MOST_PATCHES:
        text = f"images of {images.side} × {images.side} pixels in patches of {patch} make {count:,} patches."
        raise Unfit(text, fix=f"At most {MOST_PATCHES:,} are trained; choose a larger patch size.")
    check_classes(images.labels)
    split = make_split(images.texts, images.labels, images.given, SplitPlan.of(settings))
    problem = split.problem(images.labels)
    if problem:
        raise Unfit(f"{problem}.", fix="Give other data, or change the split.")
    named = [f"row {row + 1}" for row in range(columns.rows)]
    return [*left_out(images.left_out), *overlap(split, named, drops=settings.drop_duplicates)]


def left_out(names: tuple[str, ...]) -> list[DatasetProblem]:
    """A warning about columns that nothing is learnt from."""
    if not names:
        return []
    shown = ", ".join(names[:8])
    return [
        DatasetProblem(code="left_out", text=f"{shown}: no pixels, so left out.", count=len(names), severity="info")
    ]
