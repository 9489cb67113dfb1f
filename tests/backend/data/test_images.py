"""Rows of pixels: what is read as an image, and what is refused before a run."""

from typing import Any

import numpy as np
import pytest

from backend.contract.recipes import ImageClassificationSettings
from backend.data.checks import CHECKS, Unfit
from backend.data.images import BadImage, patch_of, read_images, shape_of
from backend.data.versions import Columns


def columns(count: int = 16, rows: int = 30, **more: list[str]) -> Columns:
    """Images of numbers that follow from row and place."""
    pixels = {f"p{at}": [str((row * 7 + at) % 17) for row in range(rows)] for at in range(count)}
    labels = [("a", "b", "c")[row % 3] for row in range(rows)]
    return Columns("digits", "image-classification", {"label": labels}, {**pixels, **more})


def check(data: Columns, **settings: Any) -> list[Any]:
    return CHECKS["image_classification"](data, ImageClassificationSettings(**settings))


def test_pixels_are_read_in_the_order_of_their_numbers() -> None:
    data = columns(16)
    data.others["p3"], names = ["9"] * 30, list(data.others)
    shuffled = Columns("d", data.task, data.by_role, {name: data.others[name] for name in reversed(names)})
    images = read_images(shuffled)
    assert (images.channels, images.side, images.scale) == (1, 4, 16.0)
    assert np.array_equal(images.pixels[1], [7, 8, 9, 9, *range(11, 17), *range(6)])


@pytest.mark.parametrize(("count", "shape"), [(64, (1, 8)), (784, (1, 28)), (192, (3, 8)), (3072, (3, 32))])
def test_grey_and_colour_follow_from_the_count(count: int, shape: tuple[int, int]) -> None:
    assert shape_of(count) == shape


@pytest.mark.parametrize("count", [0, 2, 63, 65, 128])
def test_a_count_that_is_no_square_is_refused(count: int) -> None:
    with pytest.raises(BadImage, match=r"no pixel column|no square image"):
        shape_of(count)


def test_sides_are_cut_into_patches_that_fit() -> None:
    assert [patch_of(side, 0) for side in (7, 8, 28, 32, 224)] == [1, 2, 7, 8, 16]
    with pytest.raises(ValueError, match=r"8 × 8 pixels cannot be cut into patches of 3; 1, 2, 4, 8 can"):
        patch_of(8, 3)


def test_what_cannot_be_trained_is_named_with_row_and_cause() -> None:
    bad = columns()
    bad.others["p5"][17] = "dark"
    with pytest.raises(Unfit, match=r"pixel p5 is 'dark'") as caught:
        check(bad)
    assert caught.value.row == 17
    bad.others["p5"][17] = "nan"
    with pytest.raises(Unfit, match=r"pixel p5 is 'nan'"):
        check(bad)
    bad.others["p5"][17] = "-4"
    with pytest.raises(Unfit, match=r"a pixel is -4") as caught:
        check(bad)
    assert caught.value.row == 17
    with pytest.raises(Unfit, match=r"63 pixel columns are no square"):
        check(columns(63))
    gap = columns(17)
    del gap.others["p7"]
    with pytest.raises(Unfit, match=r"there is no pixel column 7; after 6 comes 'p8'"):
        check(gap)
    flat = Columns("d", "image-classification", {"label": ["a", "b"] * 15}, {f"p{at}": ["3"] * 30 for at in range(16)})
    with pytest.raises(Unfit, match=r"every pixel of every image is 3"):
        check(flat)


def test_settings_that_do_not_fit_the_images_are_refused() -> None:
    with pytest.raises(Unfit, match=r"patches of 3"):
        check(columns(), patch_size=3)
    with pytest.raises(ValueError, match=r"5 heads do not divide a width of 64"):
        check(columns(), heads=5)
    with pytest.raises(Unfit, match=r"make 9,409 patches"):
        check(columns(97 * 97, 6))


def test_other_columns_are_told_and_one_class_is_refused() -> None:
    told, *_ = check(columns(id=[str(row) for row in range(30)]))
    assert told.code == "left_out"
    assert told.text == "id: no pixels, so left out."
    data = columns()
    data.by_role["label"][4] = "alone"
    with pytest.raises(Unfit, match=r"'alone' 1") as caught:
        check(data)
    assert caught.value.row == 4
